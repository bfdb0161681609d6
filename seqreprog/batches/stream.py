"""Inference as one stream of full batches: as many rows at a time as tokens and memory allow, answers in order."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Int

TOKENS = 16_384  # in one batch: enough to keep a processor or GPU busy, and little enough for either
FLOATS_PER_FEATURE = 24  # held at once for each feature of a token: the layer's states, its feed-forward, its attention
SHARE = 0.5  # of the free memory

T = TypeVar("T")


def rows_that_fit(tokens: int, width: int, device: torch.device) -> int:
    """Windows of one batch, for `tokens` tokens each: a power of two, which memory lowers only where it is short."""
    room = TOKENS // max(tokens, 1)
    free = _free_memory(device)
    if free is not None:
        room = min(room, int(SHARE * free) // (4 * FLOATS_PER_FEATURE * width * max(tokens, 1)))
    return 1 << max(room, 1).bit_length() - 1


@torch.inference_mode()
def stream(
    lengths: Int[np.ndarray, " row"],
    rows: int,
    answer: Callable[[Int[np.ndarray, " part"]], tuple[np.ndarray, ...]],
    *,
    progress: Callable[[int], object] | None = None,
) -> tuple[np.ndarray, ...]:
    """The one way in which a model answers for many rows: full batches of like lengths, the answers back in order.

    Args:
        lengths: of each row; all alike where batches need not be sorted.
        rows: of one batch at most; half as many from where memory runs out.
        answer: the numbers of some rows to arrays whose first axis is these rows.
        progress: told after each batch how many rows it had.

    Returns:
        The arrays of `answer`, for all rows in their own order.
    """
    order = np.argsort(lengths, kind="stable")
    parts = []
    for where, found in in_batches(len(order), rows, lambda where: answer(order[where])):
        parts.append(found)
        if progress is not None:
            progress(where.stop - where.start)
    joined = [np.concatenate(each) for each in zip(*parts, strict=True)]
    back = np.argsort(order, kind="stable")
    return tuple(each[back] for each in joined)


def in_batches(count: int, rows: int, run: Callable[[slice], T]) -> Iterator[tuple[slice, T]]:
    """`run` over `rows` of `count` windows at a time, the tail as it is; half as many from where memory runs out."""
    start = 0
    while start < count:
        part = slice(start, min(start + rows, count))
        try:
            found = [run(part)]
        except (MemoryError, RuntimeError) as error:
            found, rows = [], (part.stop - part.start) // 2
            if not rows or not _out_of_memory(error):
                raise
        if not found:
            _release()  # only here: an exception that is being handled still holds the batch
            continue
        yield part, found[0]
        start = part.stop


def _out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    said = "out of memory" in text or "not enough memory" in text or "can't allocate memory" in text
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or said


def _release() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _free_memory(device: torch.device) -> int | None:
    """Bytes; `None` where nobody says."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "cpu" and "SC_AVPHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
