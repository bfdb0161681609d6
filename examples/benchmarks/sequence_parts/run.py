"""One fit -> one record: figures on the test part of the n-gram floor, or of the fit with and without its base.

The base takes no part in training: with `base="none"` the same seed trains the same language model. So one fit answers
for both forms.
"""

import copy
import hashlib
import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from random_backbone import random_copy
from sequence_parts.rows import STUDY, Row, settings
from sequence_parts.sets import Place, Sequences
from transformers import AutoModel

from seqreprog import Notice, SequenceClassifier, SequenceRegressor
from seqreprog.baselines.ngram import fit_ngram
from seqreprog.baselines.solvers import probabilities
from seqreprog.config.sequence import sequence_dict
from seqreprog.data.alphabets import alphabet
from seqreprog.data.groups import duplicate_groups, group_folds, joined_groups
from seqreprog.data.symbols import read_sequences
from seqreprog.estimators.sequence_scores import pure_form
from seqreprog.metrics.labels import class_report, label_report, value_report
from seqreprog.sources.language import load_backbone

INNER = 5  # folds that choose the floor's penalty
LATER = ("augment", "identity")  # options that came after the first records


class Backbones:
    """Where the language model of a form is: the pretrained one, one with random weights, one without any layer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def arguments(self, form: str, asked: dict[str, Any]) -> dict[str, Any]:
        """`backbone` and `layers` of the estimator."""
        layers = asked.get("layers", SequenceClassifier().layers)
        if form == "base":
            return {"backbone": asked["backbone"], "layers": layers}
        place = self.folder / f"{form}-{layers}"
        if not place.exists():
            make = random_copy if form == "random" else _layerless_copy
            make(asked["backbone"], layers, place, 0)
        return {"backbone": str(place), "layers": None}


def _layerless_copy(name: str, layers: int | None, place: Path, seed: int) -> str:
    """A directory with the pretrained embeddings and no layer behind them; nothing of it is drawn."""
    pretrained = load_backbone(name, 1)
    config = copy.deepcopy(pretrained.model.config)
    config.num_hidden_layers = 0
    if getattr(config, "layer_types", None):
        config.layer_types = []
    with torch.random.fork_rng():
        empty = AutoModel.from_config(config)
    empty.load_state_dict(pretrained.model.state_dict(), strict=False)  # the layer is unexpected, a pooler missing
    empty.save_pretrained(place)
    pretrained.tokenizer.save_pretrained(place)
    return str(place)


def estimator(row: Row, seed: int, **changes: Any) -> Any:
    kind: Any = SequenceRegressor if row.task == "regress" else SequenceClassifier
    return kind(**{**settings(row.name), "kind": row.kind, "random_state": seed, **changes})


def described(row: Row, form: str) -> dict[str, Any]:
    """All settings of a fit but its seed, as JSON holds them: a record of other settings is another study's."""
    if form == "floor":
        return {"floor": row.floor and list(row.floor), "inner folds": INNER}
    if row.task == "infill":
        from sequence_parts.infill import filler

        made = filler(row, 0)
    else:
        made = estimator(row, 0)
    config = used(sequence_dict(replace(made._config(row.task), seed=0)))
    return {"study": STUDY, **json.loads(json.dumps(config))}


def used(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without options that came after the first records and are switched off, or are for forecasts alone."""
    kept = {name: value for name, value in config.items() if name not in LATER or value not in (None, 0)}
    return {**kept, "training": {name: value for name, value in config["training"].items() if name != "holdout"}}


def digest(described: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]


# --- one fit ----------------------------------------------------------------------------------------------------------


def run(row: Row, data: Sequences, place: Place, form: str, backbones: Backbones) -> dict[str, Any]:
    """The record of one fit, short of what it is called by."""
    start, processor = time.perf_counter(), time.process_time()
    if row.task == "infill":
        from sequence_parts.infill import run_infill

        found = run_infill(row, data, place, form, backbones)
    else:
        found = _floor(row, data, place) if form == "floor" else _fit(row, data, place, form, backbones)
    return {
        "trained_on": len(place.train),
        "tested_on": len(place.test),
        **found,
        "seconds": found.get("seconds", time.perf_counter() - start),
        "seconds_with_test": time.perf_counter() - start,
        "processor_seconds": time.process_time() - processor,
        "threads": torch.get_num_threads(),
    }


def _fit(row: Row, data: Sequences, place: Place, form: str, backbones: Backbones) -> dict[str, Any]:
    model = estimator(row, place.seed, **backbones.arguments(form, settings(row.name)))
    target, start = data.target[place.train], time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)  # the summary holds them
        model.fit(data.pick(place.train), target, groups=data.groups[place.train])
        seconds = time.perf_counter() - start
        answers = {"base": _answers(model, data, place), "pure": _answers(without_base(model), data, place)}
    summary = model.summary_
    scores = summary.scores
    return {
        "test": {each: _figures(row, data.target[place.test], found) for each, found in answers.items()},
        "validation": {"base": scores["seqreprog"], "pure": scores["language model"], "floor": scores["n-gram"]},
        "weight": summary.weight,
        "seconds": seconds,
        "steps": summary.steps,
        "best_step": summary.best_step,
        "parts": summary.seconds,
        "trained": summary.trained,
        "verdict": summary.verdict,
        "notices": summary.notices,
        **_kept(row, data, place, answers),
    }


def without_base(model: Any) -> Any:
    """The same fit with its base taken away: the language model that `base="none"` trains."""
    alone = copy.copy(model)
    alone._blend = pure_form(model)
    return alone


def _answers(model: Any, data: Sequences, place: Place) -> np.ndarray:
    texts = data.pick(place.test)
    return model.predict_proba(texts) if hasattr(model, "predict_proba") else model.predict(texts)[:, None]


def _floor(row: Row, data: Sequences, place: Place) -> dict[str, Any]:
    """The n-gram model alone, its penalty by inner folds of the training part that keep groups together."""
    task: Any = row.task
    learned = {} if row.kind != "smiles" else {"sequences": data.texts}
    symbols = read_sequences(data.texts, alphabet(row.kind, **learned), on_unknown="mask").symbols
    kept, target = symbols.take(place.train), data.target[place.train]
    level = float(target.mean()) if task == "regress" else 0
    groups = joined_groups(duplicate_groups(kept), data.groups[place.train])
    inner = group_folds(groups, target if task == "classify" else None, INNER, place.seed)
    features: Any = row.floor
    start = time.perf_counter()
    model = fit_ngram(kept, target - level, task, folds=inner, features=features)
    seconds = time.perf_counter() - start
    scores = model.decision(symbols.take(place.test)) + level
    found = scores if task == "regress" else probabilities(task, scores)
    return {
        "test": {"floor": _figures(row, data.target[place.test], found)},
        "seconds": seconds,
        "features": model.vocabulary.features,
        **_kept(row, data, place, {"floor": found}),
    }


def _figures(row: Row, target: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    if row.task == "regress":
        return value_report(target, found[:, 0])
    if row.task == "multilabel":
        return label_report(target, found)
    return {**class_report(target, found), "errors": float((found.argmax(1) != target).sum())}


def _kept(row: Row, data: Sequences, place: Place, answers: dict[str, np.ndarray]) -> dict[str, Any]:
    """What was answered of each test sequence, for a bootstrap over them."""
    if not row.keep:
        return {}
    said = {form: np.round(found[:, 1], 6).tolist() for form, found in answers.items()}
    return {"truth": data.target[place.test].tolist(), "answers": said}
