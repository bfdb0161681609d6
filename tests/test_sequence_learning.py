"""Toy tasks with a known answer, each method on a causal and a masked model: a motif, an order, a length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqreprog.batches.symbols import InfillDataset, SymbolDataset
from seqreprog.build.sequence import build_sequence_model
from seqreprog.config.forecast import Adapter, Training
from seqreprog.config.sequence import SequenceConfig
from seqreprog.fit.gradient import fit
from seqreprog.fit.objectives import SymbolObjective
from seqreprog.sources.language import load_backbone

SIZE, LENGTH = 8, 24  # 6 symbols
METHODS = ("prototype", "dictionary", "soft_prompt", "perturbation", "rewriter")
Task = tuple[list[np.ndarray], np.ndarray]


def motif(count: int, rng: np.random.Generator) -> Task:
    """Whether 5 6 5 6 5 6 stands anywhere among symbols drawn evenly."""
    rows, classes = [rng.integers(1, 7, rng.integers(10, LENGTH)) for _ in range(count)], rng.integers(0, 2, count)
    for row, found in zip(rows, classes, strict=True):
        place = rng.integers(0, len(row) - 5)
        row[place : place + 6] = (5, 6, 5, 6, 5, 6) if found else row[place : place + 6]
    return rows, classes


def order(count: int, rng: np.random.Generator) -> Task:
    """Whether 4 5 comes before 6 4."""
    rows, classes = [rng.integers(1, 4, rng.integers(10, LENGTH)) for _ in range(count)], rng.integers(0, 2, count)
    for row, found in zip(rows, classes, strict=True):
        first, second = np.sort(rng.choice(len(row) // 2, 2, replace=False) * 2)
        row[first : first + 2], row[second : second + 2] = ((4, 5), (6, 4)) if found else ((6, 4), (4, 5))
    return rows, classes


def length(count: int, rng: np.random.Generator) -> Task:
    """Whether it has 13 symbols or more."""
    rows = [rng.integers(1, 7, rng.integers(4, LENGTH)) for _ in range(count)]
    return rows, np.array([len(row) >= 13 for row in rows]).astype(int)


def accuracy(path: Path, ragged: Any, task: Callable[..., Task], method: str, steps: int, **options: Any) -> float:
    """On 300 new sequences; the classes are even, so chance is a half."""
    rng, training = np.random.default_rng(0), Training(max_steps=steps, learning_rate=5e-3, batch_size=32, **QUIET)
    parts = [SymbolDataset(ragged(rows), classes) for rows, classes in (task(n, rng) for n in (800, 200, 300))]
    config = SequenceConfig(method=method, training=training, source_words=64, adapter=ADAPTER, **options)
    model = build_sequence_model(config, load_backbone(path), size=SIZE, classes=2, length=LENGTH)
    fit(model, *parts[:2], objective=SymbolObjective("classify"), training=training, seed=0, device="cpu")
    sample = parts[2].__getitems__(list(range(300)))
    with torch.no_grad():
        return float((model(sample.batch).argmax(1) == sample.target).float().mean())


QUIET: Any = {"progress": False, "evaluate_every": 50, "patience": 4}
ADAPTER = Adapter(hidden=16, heads=2, head_width=8, n_prototypes=32, dropout=0.0)


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_the_default_learns_which_motif_comes_first(
    make_backbone: Callable[[str], Path], ragged: Callable[..., Any], family: str
) -> None:
    assert accuracy(make_backbone(family), ragged, order, "prototype", 150) > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("task", [motif, order, length])
@pytest.mark.parametrize("family", ["gpt2", "bert"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns(
    make_backbone: Callable[[str], Path],
    ragged: Callable[..., Any],
    family: str,
    method: str,
    task: Callable[..., Task],
) -> None:
    assert accuracy(make_backbone(family), ragged, task, method, 400) > 0.7  # 7 standard errors above chance


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_patches_of_three_learn_the_order(
    make_backbone: Callable[[str], Path], ragged: Callable[..., Any], family: str
) -> None:
    assert accuracy(make_backbone(family), ragged, order, "prototype", 300, patch=3, stride=1) > 0.85


def infilled(path: Path, ragged: Any, method: str) -> float:
    """Recovery of one hidden symbol of 1 2 3 4 5 6 1 2 .. from any start; chance is a sixth."""
    rng, training = np.random.default_rng(0), Training(max_steps=150, learning_rate=1e-2, batch_size=32, **QUIET)
    parts = []
    for count in (400, 100):
        rows = [1 + (rng.integers(6) + np.arange(rng.integers(6, 13))) % 6 for _ in range(count)]
        hidden = np.concatenate([np.arange(len(row)) == rng.integers(1, len(row)) for row in rows])
        parts.append(InfillDataset(ragged(rows), hidden, blank=SIZE - 1))
    config = SequenceConfig(task="infill", method=method, training=training, source_words=64, adapter=ADAPTER)
    model = build_sequence_model(config, load_backbone(path), size=SIZE, classes=SIZE - 2, length=LENGTH)
    fit(model, *parts, objective=SymbolObjective("infill"), training=training, seed=0, device="cpu")
    sample = parts[1].__getitems__(list(range(100)))
    with torch.no_grad():
        hit = (model(sample.batch).argmax(-1) == sample.target) & (sample.weight > 0)
    return float(hit.sum() / (sample.weight > 0).sum())


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_a_hidden_symbol_is_recovered(
    make_backbone: Callable[[str], Path], ragged: Callable[..., Any], family: str
) -> None:
    assert infilled(make_backbone(family), ragged, "prototype") > 0.6
