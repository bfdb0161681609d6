"""Masked loops of antibodies: the infiller beside the frequencies of residues at each position of the loop."""

import time
import warnings
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
    asked = settings(row.name)
    model = infiller()(**{**asked, "kind": row.kind, "random_state": place.seed, **backbones.arguments(form, asked)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)  # the summary holds them
        model.fit(data.pick(place.train), spans=list(data.target[place.train]))
        seconds = time.perf_counter() - start
        found = model.report(data.pick(place.test), spans=list(data.target[place.test]))
    return {"test": {"pure": {name: float(found[name]) for name in row.scores}}, "seconds": seconds}


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
