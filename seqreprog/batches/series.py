"""Whole series to the model's batches, padded to the longest of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch.utils.data import Dataset

from ..data.instances import Instances
from ..inputs.views import scaled
from ..types import InstanceBatch
from .example import Example

ROUNDING = 1e-12  # a spread below this share of the level is rounding noise, in double precision


class InstanceDataset(Dataset):
    """Series with a target each; a whole batch is padded at a time.

    Attributes:
        instances: the series.
        scale: mean and standard deviation of each channel of the training set, in which values are read.
        target: classes `[n]` in whole numbers, or values `[n, 1]`.
        weight: what each counts; of the same shape.
        lengths: of the series, so that batches may hold like ones.
    """

    def __init__(
        self,
        instances: Instances,
        scale: tuple[Float[np.ndarray, " channel"], Float[np.ndarray, " channel"]],
        target: Shaped[np.ndarray, "instance *answer"],
        weight: Float[np.ndarray, "instance *answer"],
    ) -> None:
        self.instances, self.scale = instances, scale
        kind = np.int64 if target.dtype.kind in "iub" else np.float32
        self.target, self.weight = target.astype(kind), weight.astype(np.float32)
        self.lengths = instances.lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Example:
        return self.__getitems__([index])

    def __getitems__(self, index: Sequence[int]) -> Example:
        where = np.asarray(index)
        target, weight = torch.from_numpy(self.target[where]), torch.from_numpy(self.weight[where])
        return Example(instance_batch(self.instances, self.scale, where), target, weight)


def instance_batch(
    instances: Instances,
    scale: tuple[Float[np.ndarray, " channel"], Float[np.ndarray, " channel"]],
    index: Int[np.ndarray, " taken"],
) -> InstanceBatch:
    """The series at `index`, scaled in float64, padded at the right to the longest of them."""
    found, known = instances.padded(index)
    centre, spread = scale
    values = torch.from_numpy(np.where(known, (found - centre[:, None]) / spread[:, None], 0.0))
    observed = torch.from_numpy(known)
    own = scaled(values, observed, ROUNDING)
    return InstanceBatch(values.float(), own.float(), observed, torch.from_numpy(instances.lengths[index]))
