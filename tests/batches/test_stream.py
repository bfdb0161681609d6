"""The stream of batches: sizes that tokens and memory allow, exact tails, and half as many where memory runs out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import seqreprog.batches.stream as batching
from seqreprog.batches.stream import TOKENS, in_batches, rows_that_fit, stream

CPU = torch.device("cpu")


def test_batches_are_full_and_the_tail_is_exact() -> None:
    asked: list[slice] = []
    found = list(in_batches(23, 8, lambda where: asked.append(where) or where.stop - where.start))
    assert found == [(slice(0, 8), 8), (slice(8, 16), 8), (slice(16, 23), 7)]
    assert list(in_batches(0, 8, lambda where: 1)) == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
    ],
)
def test_half_as_many_where_memory_runs_out(error: Exception) -> None:
    refused: list[int] = []

    def run(where: slice) -> list[int]:
        if where.stop - where.start > 3:
            refused.append(where.stop - where.start)
            raise error
        return list(range(where.start, where.stop))

    found = [row for _, rows in in_batches(20, 16, run) for row in rows]
    assert found == list(range(20)), "no window is lost or repeated"
    assert refused == [16, 8, 4], "and what did not fit once is not tried again"


def test_one_window_that_does_not_fit_and_other_errors_are_raised() -> None:
    def broken(where: slice) -> None:
        raise MemoryError("one window")

    with pytest.raises(MemoryError, match="one window"):
        list(in_batches(4, 2, broken))

    def wrong(where: slice) -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        list(in_batches(4, 2, wrong))


def test_rows_follow_tokens_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "_free_memory", lambda device: None)
    assert rows_that_fit(TOKENS // 100, 384, CPU) == 64
    assert rows_that_fit(TOKENS * 2, 384, CPU) == 1
    assert rows_that_fit(1, 384, CPU) == TOKENS
    plenty = rows_that_fit(100, 768, CPU)
    monkeypatch.setattr(batching, "_free_memory", lambda device: 64 * 2**20)
    little = rows_that_fit(100, 768, CPU)
    assert 1 <= little < plenty
    monkeypatch.undo()
    free = batching._free_memory(CPU)
    assert free is None or free > 2**20


def test_like_lengths_stand_together_and_answers_come_back_in_order() -> None:
    lengths, asked = np.array([5, 1, 3, 1, 9, 3, 2]), []

    def run(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(lengths[part].tolist())
        return part, np.stack([lengths[part], 2 * part], 1)

    told: list[int] = []
    rows, both = stream(lengths, 3, run, progress=told.append)
    assert asked == [[1, 1, 2], [3, 3, 5], [9]]
    assert told == [3, 3, 1]
    np.testing.assert_array_equal(rows, np.arange(7))
    np.testing.assert_array_equal(both, np.stack([lengths, 2 * np.arange(7)], 1))


def test_rows_of_one_length_keep_their_order() -> None:
    asked = []
    stream(np.full(6, 4), 4, lambda part: asked.append(part.tolist()) or (part,))
    assert asked == [[0, 1, 2, 3], [4, 5]]
