"""What a summary says of weights: one count for every family, whether it trains by gradient or is probed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqreprog import Adapter, Forecaster, SequenceClassifier, SequenceInfiller, SequenceOptions, Training
from seqreprog.config.series import SeriesConfig
from seqreprog.estimators.series import SeriesModel
from seqreprog.model import Reprogram

ADAPTER = Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8, features=4)
SMALL = {"hidden": 8, "heads": 2, "head_width": 4, "n_prototypes": 8}
TRAINING = Training(
    max_steps=4, batch_size=8, evaluate_every=2, learning_rate=0.05, average=0.5, validation_windows=16, threads=1,
    progress=False,
)  # fmt: skip
Make = Callable[[str], Path]
Fit = Callable[[Path, str, int], tuple[Reprogram, Any]]  # backbone, mode, seed of the data -> model, summary

pytestmark = pytest.mark.filterwarnings("ignore::seqreprog.Notice")


def forecast(backbone: Path, mode: Any, seed: int) -> tuple[Reprogram, Any]:
    values = np.random.default_rng(seed).normal(size=90).cumsum()
    frame = pd.DataFrame({"unique_id": "a", "ds": np.arange(90), "y": values})
    model = Forecaster(
        4, context=16, backbone=backbone, layers=1, adapter=replace(ADAPTER, patch=8, stride=8),
        training=replace(TRAINING, mode=mode),
    ).fit(frame)  # fmt: skip
    return model._blend.model, model.summary_


def strings(seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACDEFGHIKL"), 8)) for _ in range(40)]


def options(mode: Any) -> SequenceOptions:
    return SequenceOptions(adapter=Adapter(**SMALL), training=replace(TRAINING, mode=mode))


def sequence(backbone: Path, mode: Any, seed: int, **more: Any) -> tuple[Reprogram, Any]:
    target = np.random.default_rng(seed).permutation(np.arange(40) % 2)
    model = SequenceClassifier(backbone=backbone, layers=1, options=options(mode), **more).fit(strings(seed), target)
    return model._fitted().model, model.summary_


def infill(backbone: Path, mode: Any, seed: int, **more: Any) -> tuple[Reprogram, Any]:
    masks = [np.arange(8) % 4 == seed % 4 for _ in range(40)]
    model = SequenceInfiller(backbone=backbone, layers=1, options=options(mode), **more).fit(strings(seed), spans=masks)
    return model._fitted().model, model.summary_


def whole_series(backbone: Path, mode: Any, seed: int, **more: Any) -> tuple[Reprogram, Any]:
    rng = np.random.default_rng(seed)
    config = SeriesConfig(
        backbone=str(backbone), layers=1, positions=8, adapter=Adapter(**SMALL), training=replace(TRAINING, mode=mode),
        **more,
    )  # fmt: skip
    model = SeriesModel.fit(config, rng.normal(size=(24, 2, 30)), rng.permutation(np.arange(24) % 2))
    return model.blend.model, model.summary


def voice2series(backbone: Path, mode: Any, seed: int) -> tuple[Reprogram, Any]:
    return whole_series(backbone, mode, seed, form="voice2series", padding=4, words_per_class=4)


FAMILIES = [forecast, sequence, infill, whole_series]


@pytest.fixture(scope="module")
def backbone(make_backbone: Make) -> Path:
    return make_backbone("bert")


def size(weights: Any) -> int:
    return sum(weight.numel() for weight in weights)


def follow(one: Reprogram, other: Reprogram) -> set[str]:
    """The parts whose weights differ between two fits on different data: those that a fit finds."""
    state, found = other.state_dict(), set()
    for name, weight in one.state_dict().items():
        if weight.shape != state[name].shape or not torch.equal(weight, state[name]):
            found.add(name.split(".")[0])
    return found


@pytest.mark.parametrize("fit", FAMILIES)
def test_a_probe_counts_the_head_that_it_solves_and_nothing_else(backbone: Path, fit: Fit) -> None:
    (model, summary), (other, _) = fit(backbone, "probe", 0), fit(backbone, "probe", 1)
    assert follow(model, other) == {"output_map"}
    assert summary.trained == size(model.output_map.parameters()) < size(weight for _, weight in model.trained())
    assert summary.frozen == size(model.backbone.parameters())
    assert f"{summary.trained:,} weights" in str(summary)
    assert f"{summary.frozen:,} weights frozen" in str(summary)


@pytest.mark.parametrize("fit", [*FAMILIES, voice2series])
def test_training_counts_theta_and_omega(backbone: Path, fit: Fit) -> None:
    (model, summary), (other, _) = fit(backbone, "train", 0), fit(backbone, "train", 1)
    assert follow(model, other) == {"input_map", "output_map"}
    assert summary.trained == size(weight for _, weight in model.trained())
    assert summary.frozen == size(model.backbone.parameters())
    assert f"{summary.trained:,} weights" in str(summary)
    assert f"{summary.frozen:,} weights frozen" in str(summary)


@pytest.mark.parametrize("fit", [sequence, infill])
def test_an_adapter_inside_is_trained_and_not_frozen(backbone: Path, fit: Any) -> None:
    model, summary = fit(backbone, "train", 0, peft=True)
    inside = size(model.backbone.parameters())
    assert summary.tuned == size(weight for name, weight in model.trained() if name.startswith("backbone.")) > 0
    assert summary.frozen == inside - summary.tuned
    assert summary.trained - summary.tuned == size(model.input_map.parameters()) + size(model.output_map.parameters())
