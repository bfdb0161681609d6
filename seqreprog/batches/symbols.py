"""Ragged discrete sequences to the model's batches, padded to the longest of each; batches of like lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch.utils.data import Dataset, Sampler

from ..types import SymbolBatch
from .example import Example

POOL = 20  # batches that are sorted by length together: enough for like lengths, few enough to stay random


@runtime_checkable
class Ragged(Protocol):
    """Sequences of different lengths end to end in one flat array; `data.symbols.Symbols` is one."""

    @property
    def ids(self) -> Int[np.ndarray, " symbols"]: ...

    @property
    def offsets(self) -> Int[np.ndarray, " sequences_plus_one"]: ...

    @property
    def lengths(self) -> Int[np.ndarray, " sequences"]: ...

    def padded(
        self, index: Int[np.ndarray, " taken"], limit: int | None = None
    ) -> tuple[Int[np.ndarray, "taken time"], Bool[np.ndarray, "taken time"]]: ...


class SymbolDataset(Dataset):
    """Sequences with a target each; a whole batch is padded at a time.

    Attributes:
        symbols: the sequences.
        target: classes `[n]` in whole numbers, or labels or values `[n, columns]`; 0 where missing. Flat values that
            are no whole numbers are one column.
        weight: of the same shape: class and sample weights, 0 where the target is missing. `None` counts all alike.
        limit: symbols read of each; the rest is cut off.
        lengths: of what is read, so that batches may hold like ones.
    """

    def __init__(
        self,
        symbols: Ragged,
        target: Shaped[np.ndarray, "sequence *answer"],
        weight: Float[np.ndarray, "sequence *answer"] | None = None,
        *,
        limit: int | None = None,
    ) -> None:
        self.symbols, self.limit = symbols, limit
        classes = target.ndim == 1 and target.dtype.kind in "iub"
        shape = target.shape if classes or target.ndim > 1 else (len(target), 1)
        self.target = target.reshape(shape).astype(np.int64 if classes else np.float32)
        self.weight = np.ones(shape, np.float32) if weight is None else weight.reshape(shape).astype(np.float32)
        self.lengths = symbols.lengths if limit is None else np.minimum(symbols.lengths, limit)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Example:
        return self.__getitems__([index])

    def __getitems__(self, index: Sequence[int]) -> Example:
        where = np.asarray(index)
        target, weight = torch.from_numpy(self.target[where]), torch.from_numpy(self.weight[where])
        return Example(symbol_batch(self.symbols, where, self.limit), target, weight)


class InfillDataset(SymbolDataset):
    """Sequences of which some symbols are hidden: those are the target, and no other symbol is.

    Attributes:
        hidden: which symbols of the flat array are hidden.
        blank: the id that stands in their place, n + 1; a symbol that is itself unknown is never a target.
    """

    def __init__(
        self, symbols: Ragged, hidden: Bool[np.ndarray, " symbols"], *, blank: int, limit: int | None = None
    ) -> None:
        super().__init__(symbols, np.zeros(len(symbols.lengths), np.int64), limit=limit)
        self.hidden, self.blank = hidden, blank
        # One symbol counts the same in every sequence, and a sequence with as many as the average counts 1.
        self.share = len(symbols.lengths) / max(int((hidden & (symbols.ids < blank)).sum()), 1)

    def __getitems__(self, index: Sequence[int]) -> Example:
        where = np.asarray(index)
        ids, mask = self.symbols.padded(where, self.limit)
        place = self.symbols.offsets[:-1][where][:, None] + np.arange(ids.shape[1])
        hidden = mask & self.hidden[np.minimum(place, len(self.hidden) - 1)]
        batch = SymbolBatch(torch.from_numpy(np.where(hidden, self.blank, ids)), torch.from_numpy(mask))
        target = torch.from_numpy((ids - 1).clip(0, self.blank - 2))
        weight = np.where(hidden & (ids < self.blank), self.share, 0.0).astype(np.float32)
        return Example(batch, target, torch.from_numpy(weight))


class LengthSampler(Sampler[int]):
    """An order in which like lengths stand together, batch by batch; another one each epoch, the same for a seed.

    Examples are shuffled, `POOL` batches at a time are sorted by length, and the batches are shuffled. What does not
    fill a batch stands at the end, so that leaving the last batch out leaves out random examples.
    """

    def __init__(self, lengths: Int[np.ndarray, " sequence"], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def __len__(self) -> int:
        return len(self.lengths)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(len(self.lengths))
        whole = len(order) - len(order) % self.batch_size
        pools = np.split(order[:whole], range(POOL * self.batch_size, whole, POOL * self.batch_size))
        ranked = np.concatenate([pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools])
        batches = rng.permutation(ranked.reshape(-1, self.batch_size))
        yield from np.concatenate([batches.ravel(), order[whole:]]).tolist()


def symbol_batch(symbols: Ragged, index: Int[np.ndarray, " taken"], limit: int | None = None) -> SymbolBatch:
    """The sequences at `index`, padded at the right to the longest of them."""
    ids, mask = symbols.padded(index, limit)
    return SymbolBatch(torch.from_numpy(ids), torch.from_numpy(mask))
