"""One batch of any family with what it should become: what the training loop and the frozen model's stream share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Generic, TypeVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ..types import InstanceBatch, SeriesBatch, SymbolBatch

Batch = TypeVar("Batch", SeriesBatch, SymbolBatch, InstanceBatch)


def to_device(batch: Batch, device: torch.device | str, non_blocking: bool = False) -> Batch:
    """The same batch on `device`."""
    return batch.each(lambda part: part.to(device, non_blocking=non_blocking))


@dataclass(frozen=True)
class Example(Generic[Batch]):
    """A batch and its targets; the first axis of every tensor is the batch.

    Attributes:
        batch: the model's input: windows, sequences or whole series.
        target: steps to come, in units of the window; classes in whole numbers (of infilling one for each symbol);
            labels or values, one column for each.
        weight: what each target counts in the loss; 0 where it is missing, unobserved, or not asked for.
    """

    batch: Batch
    target: Shaped[Tensor, "batch *answer"]
    weight: Float[Tensor, "batch *answer"]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Example[Batch]:
        """The same on `device`; `non_blocking` is part of Accelerate's protocol."""
        moved = to_device(self.batch, device, non_blocking)
        return Example(moved, self.target.to(device), self.weight.to(device))

    def parts(self, count: int) -> list[Example[Batch]]:
        """The same rows in `count` parts of nearly equal size, or in fewer where there are fewer rows."""
        rows = torch.arange(len(self.target)).tensor_split(min(count, len(self.target)))
        cuts = [slice(int(part[0]), int(part[-1]) + 1) for part in rows]
        return [
            replace(self, batch=self.batch.each(itemgetter(cut)), target=self.target[cut], weight=self.weight[cut])
            for cut in cuts
        ]
