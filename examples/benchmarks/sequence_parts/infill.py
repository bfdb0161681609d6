"""Masked loops of antibodies: the infiller beside the frequencies of residues at each position of the loop."""

import copy
import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from sequence_parts.rows import Row, settings
from sequence_parts.sets import Place, Sequences

from seqreprog import Notice

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
SAMPLES = 20


def infiller() -> Any:
    """`SequenceInfiller`, or `None` where this release has none."""
    try:
        from seqreprog import SequenceInfiller
    except ImportError:
        return None
    return SequenceInfiller


def run_infill(row: Row, data: Sequences, place: Place, form: str, backbones: Any) -> dict[str, Any]:
    start = time.perf_counter()
    if form == "floor":
        figures = position_frequencies(data, place)
        return {"test": {"floor": figures}, "seconds": time.perf_counter() - start}
    model = filler(row, place.seed, **backbones.arguments(form, settings(row.name)))
    texts, masks = data.pick(place.test), list(data.target[place.test])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)  # the summary holds them
        model.fit(data.pick(place.train), spans=list(data.target[place.train]), groups=data.groups[place.train])
        seconds = time.perf_counter() - start
        found = {"base": model.report(texts, masks, n=SAMPLES)}
        found["pure"] = without_runs(model).report(texts, masks, n=SAMPLES)
    summary = model.summary_
    names = {"base": "seqreprog", "pure": "language model", "floor": "base"}
    return {
        "test": {form: _as_shares(figures, row) for form, figures in found.items()},
        "validation": {form: summary.scores[name] for form, name in names.items()},
        "weight": summary.weight,
        "seconds": seconds,
        "features": summary.features,
        "trained": summary.trained,
        "verdict": summary.verdict,
        "notices": summary.notices,
    }


def filler(row: Row, seed: int, **changes: Any) -> Any:
    """The estimator of a row."""
    return infiller()(**{**settings(row.name), "kind": row.kind, "random_state": seed, **changes})


def without_runs(model: Any) -> Any:
    """The same fit with its base taken away: what `base="none"` learns, at the temperature that it is given."""
    alone, blend, heat = copy.copy(model), model._fitted(), model.summary_.heats["language model"]
    config = replace(blend.config, base="none")
    alone._blend = replace(blend, config=config, runs=None, weight=1.0, stretch=1.0, temperature=heat)
    return alone


def _as_shares(figures: dict[str, float], row: Row) -> dict[str, float]:
    """Recovery and diversity as shares."""
    percent = ("recovery", "diversity")
    return {name: figures[name] / 100 if name in percent else figures[name] for name in row.scores}


def position_frequencies(data: Sequences, place: Place) -> dict[str, float]:
    """How often each residue stands at each position, the first half counted from the start, the other from the end.

    Every residue is counted once more than it was seen. Recovery is that of the most frequent residues; diversity is
    how many positions of two samples differ; perplexity is that of the true residues.
    """
    counts: dict[tuple[int, int], np.ndarray] = {}
    for loop in _loops(data, place.train):
        for position, residue in zip(_positions(len(loop)), loop, strict=True):
            counts.setdefault(position, np.ones(len(RESIDUES)))[residue] += 1
    draws, right, logs, differ = np.random.default_rng(place.seed), [], [], []
    for loop in _loops(data, place.test):
        found = np.array([counts.get(position, np.ones(len(RESIDUES))) for position in _positions(len(loop))])
        shares = found / found.sum(1, keepdims=True)
        right.append(shares.argmax(1) == loop)
        logs.append(np.log(shares[np.arange(len(loop)), loop]))
        samples = np.stack([draws.choice(len(RESIDUES), SAMPLES, p=share) for share in shares])
        different = (samples[:, :, None] != samples[:, None]).mean(0)
        differ.append(different.sum() / (SAMPLES * (SAMPLES - 1)))
    return {
        "recovery": float(np.concatenate(right).mean()),
        "perplexity": float(np.exp(-np.concatenate(logs).mean())),
        "diversity": float(np.mean(differ)),
    }


def _loops(data: Sequences, rows: np.ndarray) -> list[np.ndarray]:
    """The masked residues of each sequence, as numbers."""
    number = {residue: place for place, residue in enumerate(RESIDUES)}
    return [
        np.array([number[residue] for residue, masked in zip(data.texts[row], data.target[row], strict=True) if masked])
        for row in rows
    ]


def _positions(length: int) -> list[tuple[int, int]]:
    """Side (0 from the start, 1 from the end) and distance from it."""
    half = (length + 1) // 2
    return [(0, place) if place < half else (1, length - 1 - place) for place in range(length)]
