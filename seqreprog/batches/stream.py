"""Inference as one stream of full batches: as many windows at a time as tokens and memory allow."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

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
