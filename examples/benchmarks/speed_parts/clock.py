"""Stop-watches of `speed.py`: ratios from interleaved rounds, and the bytes that a forward pass keeps for backward."""

import time
from collections.abc import Callable, Iterable

import numpy as np
import torch


class Pacer:
    """Takes turns: a piece of work, then the limit, and so on; each piece is set against the limit before and after.

    A machine that slows down meanwhile slows both. The first `skip` turns warm up: caches, kernels, memory.
    """

    def __init__(self, limit: Callable[[], object], skip: int = 1) -> None:
        self.limit, self.skip = limit, skip
        self.ratios: list[float] = []
        self.least: list[float] = []
        self._opened: float | None = None

    def turn(self) -> None:
        """Ends a piece of work, lets the limit run, begins the next piece."""
        now = clock()
        if self._opened is None:
            self.limit()
        after = self._limit()
        if self._opened is not None:
            self.ratios.append((now - self._opened) / ((self.least[-1] + after) / 2))
        self.least.append(after)
        self._opened = clock()

    def result(self) -> dict[str, float]:
        """The median ratio, the interquartile range as its spread, and the limit's median seconds."""
        low, middle, high = np.percentile(self.ratios[self.skip :], [25, 50, 75])
        return {
            "ratio": round(float(middle), 3),
            "spread": round(float(high - low), 3),
            "limit_seconds": round(float(np.median(self.least)), 4),
        }

    def _limit(self) -> float:
        start = clock()
        self.limit()
        return clock() - start


def clock() -> float:
    """Processor time of the whole process, so that neighbours on the machine hardly matter; wall time with a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def saved_bytes(forward: Callable[[], object], frozen: Iterable[torch.Tensor]) -> int:
    """Bytes that one forward pass keeps for the backward one, weights apart; each piece of memory counts once."""
    weights = {weight.untyped_storage().data_ptr() for weight in frozen}
    pieces: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            pieces[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        kept = forward()  # alive until it was counted, or its memory could be taken twice
    del kept
    return sum(pieces.values())
