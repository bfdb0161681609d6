"""Sequences to batches: padding to the longest, hidden symbols, batches of like lengths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from seqreprog.batches.symbols import InfillDataset, LengthSampler, SymbolDataset, symbol_batch

Ragged = Callable[[list[Any]], Any]


def test_a_batch_is_as_wide_as_its_longest(ragged: Ragged) -> None:
    found = symbol_batch(ragged([[1, 2, 3], [4], [5, 6]]), np.array([2, 1]))
    assert found.ids.tolist() == [[5, 6], [4, 0]]
    assert found.mask.tolist() == [[True, True], [True, False]]
    assert symbol_batch(ragged([[1, 2, 3]]), np.array([0]), limit=2).ids.tolist() == [[1, 2]]


def test_targets_and_weights_go_with_their_sequences(ragged: Ragged) -> None:
    rows = ragged([[1], [2, 2], [3]])
    one = SymbolDataset(rows, np.array([0, 1, 2]), np.array([1.0, 2.0, 3.0])).__getitems__([2, 0])
    assert (one.target.tolist(), one.weight.tolist()) == ([2, 0], [3.0, 1.0])
    assert (one.target.dtype, one.weight.dtype) == (torch.int64, torch.float32)
    many = SymbolDataset(rows, np.array([[0.0, 1.0], [1.0, 1.0], [2.5, 0.0]])).__getitems__([2, 0])
    assert many.target.tolist() == [[2.5, 0.0], [0.0, 1.0]]
    assert many.weight.eq(1).all()
    flat = SymbolDataset(rows, np.array([0.5, 1.5, 2.5]), np.array([1.0, 0.0, 2.0])).__getitems__([2, 1])
    assert (flat.target.tolist(), flat.weight.tolist()) == ([[2.5], [1.5]], [[2.0], [0.0]])
    parts = many.parts(5)
    assert [part.target.tolist() for part in parts] == [[[2.5, 0.0]], [[0.0, 1.0]]]
    assert [part.batch.ids.tolist() for part in parts] == [[[3]], [[1]]]


def test_hidden_symbols_are_blank_and_they_alone_are_asked_for(ragged: Ragged) -> None:
    rows = ragged([[1, 2, 3], [4, 5], [2, 2, 2]])  # an alphabet of 4 symbols; 5 is the unknown
    hidden = np.array([0, 1, 0, 1, 1, 0, 0, 0], dtype=bool)
    sample = InfillDataset(rows, hidden, blank=5).__getitems__([1, 0])
    assert sample.batch.ids.tolist() == [[5, 5, 0], [1, 5, 3]]
    share = 3 / 2  # two hidden symbols are known, in three sequences
    assert sample.weight.tolist() == [[share, 0.0, 0.0], [0.0, share, 0.0]]
    assert sample.target[0, 0] == 3
    assert sample.target[1, 1] == 1
    assert ((sample.target >= 0) & (sample.target < 4)).all()


def test_batches_hold_like_lengths_and_every_example_once() -> None:
    lengths = np.random.default_rng(0).integers(1, 300, 1003)
    sampler = LengthSampler(lengths, 10, seed=0)
    first, again = list(sampler), list(sampler)
    assert first == again, "the same epoch is the same order"
    assert sorted(first) == list(range(1003))
    sampler.set_epoch(1)
    second = list(sampler)
    assert first != second
    assert set(first[-3:]) != set(second[-3:]), "what is left out changes"
    spread = [np.ptp(lengths[first[start : start + 10]]) for start in range(0, 1000, 10)]
    assert np.mean(spread) < 30, "random batches of ten spread over some 240"


def test_fewer_examples_than_a_batch_are_an_order_too() -> None:
    assert sorted(LengthSampler(np.array([3, 1, 2]), 5, seed=0)) == [0, 1, 2]
    assert sorted(LengthSampler(np.array([3, 1, 2]), 3, seed=0)) == [0, 1, 2]
