"""Fits of several threads: each is what it would be alone, the caller draws as if there were none, nothing stays."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqreprog import Forecaster, SequenceClassifier, SequenceInfiller, SequenceOptions, Training
from seqreprog.config.series import SeriesConfig
from seqreprog.errors import TrainingError
from seqreprog.estimators.series import SeriesModel
from seqreprog.fit import objectives

TRAINING = Training(max_steps=4, batch_size=8, evaluate_every=2, progress=False, threads=1)
SEEDS = (0, 1, 2)
COMMON = {"backbone": "tiny-random", "base": "none"}


def forecasts(seed: int, mode: Any) -> np.ndarray:
    steps = np.arange(80)
    values = np.sin(steps / 3) + 0.1 * np.random.default_rng(0).normal(size=80)
    df = pd.DataFrame({"ds": pd.date_range("2024", periods=80, freq="h"), "y": values})
    model = Forecaster(3, context=24, seed=seed, training=replace(TRAINING, mode=mode), **COMMON).fit(df)
    return model.predict().filter(like="seqreprog").to_numpy()


def peptides() -> list[str]:
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list("ACDEFGHIKL"), rng.integers(4, 12))) for _ in range(24)]


def shares(seed: int, mode: Any) -> np.ndarray:
    X = peptides()
    options = SequenceOptions(training=replace(TRAINING, mode=mode))
    model = SequenceClassifier(layers=2, options=options, random_state=seed, **COMMON)
    return model.fit(X, ["AC"[len(x) % 2] for x in X]).predict_proba(X)


def filled(seed: int, mode: Any) -> np.ndarray:
    X = peptides()
    options = SequenceOptions(training=replace(TRAINING, mode=mode))
    model = SequenceInfiller(layers=2, options=options, random_state=seed, **COMMON).fit(X)
    return model._shares([f"{x[:1]}_{x[2:]}" for x in X], model._fitted())[2]


def classes(seed: int, mode: Any) -> np.ndarray:
    X = np.random.default_rng(0).normal(size=(16, 1, 30)).cumsum(2)
    config = SeriesConfig(backbone="tiny-random", seed=seed, training=replace(TRAINING, mode=mode))
    return SeriesModel.fit(config, X, np.arange(16) % 2).probabilities(X)


FITS: dict[str, Callable[[int], np.ndarray]] = {
    f"{fit.__name__}-{mode}": lambda seed, fit=fit, mode=mode: fit(seed, mode)
    for fit in (forecasts, shares, filled, classes)
    for mode in ("train", "probe")
}


def process() -> dict[str, Any]:
    """All that a fit might leave changed."""
    from accelerate.state import AcceleratorState, GradientState, PartialState
    from huggingface_hub.utils import are_progress_bars_disabled
    from transformers.utils import logging

    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": np.random.get_state()[1].tolist(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "gradient": torch.is_grad_enabled(),
        "level": logging.get_verbosity(),
        "bars": (logging.is_progress_bar_enabled(), are_progress_bars_disabled()),
        "accelerate": [dict(state._shared_state) for state in (AcceleratorState, PartialState, GradientState)],
        "filters": list(warnings.filters),
        "environment": dict(os.environ),
    }


@pytest.mark.parametrize("name", FITS)
def test_fits_of_threads_equal_fits_one_after_another(name: str) -> None:
    joblib = pytest.importorskip("joblib")
    fit = FITS[name]
    alone = [fit(seed) for seed in SEEDS]
    assert not np.array_equal(alone[0], alone[1]) or name.endswith("probe"), "a seed that changes nothing proves none"
    before = process()
    together = joblib.Parallel(n_jobs=3, backend="threading")(joblib.delayed(fit)(seed) for seed in SEEDS)
    assert process() == before
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


SCRIPT = """
import importlib.util, random, sys, threading, warnings
import numpy as np, torch
warnings.simplefilter("ignore")
spec = importlib.util.spec_from_file_location("case", sys.argv[1])
case = importlib.util.module_from_spec(spec)
spec.loader.exec_module(case)

def draws(more):
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    found = []
    while more():
        found += [float(torch.rand(1)), float(np.random.rand()), random.random()]
    return found

before = random.getstate()
case.FITS["forecasts-probe"](0)
assert random.getstate() == before, "the first fit drew"
workers = [threading.Thread(target=case.FITS[name], args=(0,)) for name in ("forecasts-train", "shares-train")]
for worker in workers:
    worker.start()
beside = draws(lambda: any(worker.is_alive() for worker in workers))
count = iter(range(len(beside) // 3))
assert beside == draws(lambda: next(count, None) is not None), "a fit of another thread drew"
print(len(beside))
"""


def test_the_caller_draws_as_if_nobody_fitted() -> None:
    """In a process of its own: what checks shapes in the tests draws from Python's generator."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, __file__], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 1000


@pytest.mark.parametrize("error", [KeyboardInterrupt, TrainingError])
def test_a_fit_that_breaks_leaves_nothing_changed(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Any:
        raise error("in the midst of a step")

    monkeypatch.setattr(objectives, "point_loss", broken)
    before = process()
    with pytest.raises(error):
        forecasts(0, "train")
    assert process() == before


@pytest.mark.parametrize("mode", ["train", "probe"])
def test_a_fit_leaves_the_accelerator_of_its_caller(mode: str) -> None:
    """`notebook_launcher` starts no processes beside an Accelerator, and a caller's own one goes on as it was."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState

    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        forecasts(0, mode)
        assert not AcceleratorState._shared_state
        assert not PartialState._shared_state
        own = Accelerator(cpu=True, mixed_precision="bf16")
        forecasts(0, mode)
        assert own.mixed_precision == AcceleratorState().mixed_precision == "bf16"
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
