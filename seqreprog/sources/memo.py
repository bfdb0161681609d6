"""A value computed from weights, kept until one of them changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Memo(Generic[T]):
    """Keeps one value for as long as the weights that it was made of stay what they are.

    A change is seen by a weight's place, device, dtype and version counter, so loading, moving and training are noticed
    and so is the precision of autocast. What leaves no trace there (writing through `weight.data`, PyTorch's fused
    optimisers) is not: owners of weights that train call `clear`. Pickles and copies start empty.
    """

    def __init__(self) -> None:
        self._key: Hashable = None
        self._value: list[T] = []

    def get(self, make: Callable[[], T], weights: Iterable[Tensor], *also: Hashable) -> T:
        """The value of `make()`, computed without gradient where `weights` or `also` have changed."""
        weights = list(weights)
        key = (*also, _autocast(weights[0].device.type), *map(_stamp, weights))
        if key != self._key or not self._value:
            # Not in inference mode: its tensors could not be used by a training step later.
            with torch.inference_mode(False), torch.no_grad():
                self._key, self._value = key, [make()]
        return self._value[0]

    def clear(self) -> None:
        self._key, self._value = None, []

    def __reduce__(self) -> tuple[type[Memo], tuple[()]]:
        return Memo, ()


def _stamp(weight: Tensor) -> Hashable:
    version = 0 if weight.is_inference() else weight._version
    return weight.data_ptr(), weight.device, weight.dtype, version


def _autocast(device: str) -> torch.dtype | None:
    """The reduced precision that a pass would run in now."""
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
