"""One fit -> one record: figures on the test part, and on the training series that were left out."""

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from classification_parts.sets import Part
from sequence_parts.run import Backbones, used

from seqreprog.config.series import SeriesConfig, series_dict
from seqreprog.estimators.series import SeriesModel
from seqreprog.metrics.labels import class_report

STUDY = 1  # raised when something that the settings do not show changes what is measured
CONTROLS = ("random", "none")  # in place of the pretrained model
OURS = ("prototype", "voice2series")
CONTROLLED = {(ours, each): each if ours == "prototype" else f"{ours} {each}" for ours in OURS for each in CONTROLS}
FORMS = ("ed", *OURS, *CONTROLLED.values())
BACKBONE = "minilm"


def settings(form: str, seed: int = 0) -> SeriesConfig:
    """The estimator's defaults, but the form."""
    shape: Any = "voice2series" if form.startswith("voice2series") else "prototype"
    return SeriesConfig(form=shape, backbone=BACKBONE, seed=seed)


def described(form: str) -> dict[str, Any]:
    """All settings of a fit but its seed, as JSON holds them."""
    if form == "ed":
        return {"1-NN": "Euclidean"}
    return {"study": STUDY, **json.loads(json.dumps(used(series_dict(settings(form)))))}


def run(train: Part, test: Part, form: str, seed: int, backbones: Backbones) -> dict[str, Any]:
    """The record of one fit, short of what it is called by."""
    start, processor = time.perf_counter(), time.process_time()
    found = _nearest(train, test) if form == "ed" else _fit(train, test, form, seed, backbones)
    return {
        "trained_on": len(train.labels),
        "tested_on": len(test.labels),
        **found,
        "seconds_with_test": time.perf_counter() - start,
        "processor_seconds": time.process_time() - processor,
        "threads": torch.get_num_threads(),
    }


def _fit(train: Part, test: Part, form: str, seed: int, backbones: Backbones) -> dict[str, Any]:
    config = settings(form, seed)
    asked = {"backbone": config.backbone, "layers": config.layers}
    config = replace(config, **backbones.arguments(_model_of(form), asked))
    start = time.perf_counter()
    model = SeriesModel.fit(config, train.series, train.labels)
    seconds = time.perf_counter() - start
    said = model.probabilities(test.series)
    target = np.searchsorted(model.classes, test.labels)
    figures = class_report(target, said)
    return {
        "test": {"accuracy": float((said.argmax(1) == target).mean()), "log loss": figures["log loss"]},
        "validation": {name: model.summary.scores[name] for name in ("accuracy", "log loss")},
        "temperature": model.summary.temperature,
        "seconds": seconds,
        "parts": model.summary.seconds,
        "trained": model.summary.trained,
    }


def _model_of(form: str) -> str:
    return next((control for (_, control), name in CONTROLLED.items() if name == form), "base")


def _nearest(train: Part, test: Part) -> dict[str, Any]:
    """The class of the nearest training series, step by step; shorter ones are taken as 0 after their end."""
    start = time.perf_counter()
    length = max(part.shape[1] for part in (*train.series, *test.series))
    known, asked = (
        np.stack([np.pad(part, ((0, 0), (0, length - part.shape[1]))).ravel() for part in each.series])
        for each in (train, test)
    )
    far = np.square(asked).sum(1)[:, None] - 2 * asked @ known.T + np.square(known).sum(1)
    right = train.labels[far.argmin(1)] == test.labels
    return {"test": {"accuracy": float(right.mean())}, "seconds": time.perf_counter() - start}
