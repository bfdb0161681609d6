"""What the training loop asks of a task: the loss of a batch, and the error of each example on validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from .config import Loss
from .model import Reprogram
from .outputs.losses import class_loss, label_loss, pinball_loss, point_loss, value_loss
from .samples import Sample
from .symbol_samples import SymbolDataset, SymbolSample

REMAP_EXAMPLES = 1024  # that a label map is made from


@runtime_checkable
class Objective(Protocol):
    """A task. `model` is called, never looked into: under several processes it is wrapped."""

    def loss(self, model: Callable[..., Any], sample: Any) -> Float[Tensor, ""]:
        """A mean over examples, so that it splits exactly over processes and parts of a batch."""
        ...

    def errors(self, model: Callable[..., Any], sample: Any) -> Float[Tensor, "batch 2"]:
        """Each example's summed error, and what it counts; validation is the ratio of the two sums."""
        ...

    def start_epoch(self, model: Reprogram, epoch: int) -> None:
        """Called before each pass over the examples."""


class ForecastObjective:
    """The point forecast by `loss`; quantiles, where there are levels, always by the pinball loss."""

    def __init__(self, loss: Loss, quantiles: Sequence[float]) -> None:
        self.kind, self.levels = loss, torch.tensor(list(quantiles))

    def loss(self, model: Callable[..., Any], sample: Sample) -> Float[Tensor, ""]:
        forecast = model(sample.batch)
        loss = point_loss(forecast.point, sample.target, sample.weight, self.kind)
        if not len(self.levels):
            return loss
        levels = self.levels.to(sample.target.device)
        return loss + pinball_loss(forecast.quantiles, sample.target, (sample.weight > 0).float(), levels)

    def errors(self, model: Callable[..., Any], sample: Sample) -> Float[Tensor, "batch 2"]:
        error = model(sample.batch).point - sample.target
        error = sample.weight * (error.square() if self.kind == "mse" else error.abs())
        return torch.stack([error.sum((1, 2)), (sample.weight > 0).float().sum((1, 2))], 1)

    def start_epoch(self, model: Reprogram, epoch: int) -> None:
        """Nothing to prepare."""


class SymbolObjective:
    """Classes and hidden symbols by cross-entropy, labels by binary cross-entropy, values by squared error.

    Attributes:
        remap: examples to make the label map from before an epoch, where the output map is one that is counted
            (`outputs.labels.CountedLabelMap`).
    """

    def __init__(self, kind: str, remap: SymbolDataset | None = None) -> None:
        losses: dict[str, Callable[..., Tensor]] = {
            "classify": class_loss,
            "infill": class_loss,
            "multilabel": label_loss,
            "regress": value_loss,
        }
        self.each, self.remap = losses[kind], remap

    def loss(self, model: Callable[..., Any], sample: SymbolSample) -> Float[Tensor, ""]:
        return self.each(model(sample.batch), sample.target, sample.weight).mean()

    def errors(self, model: Callable[..., Any], sample: SymbolSample) -> Float[Tensor, "batch 2"]:
        error = self.each(model(sample.batch), sample.target, sample.weight)
        return torch.stack([error, sample.weight.flatten(1).sum(1) if sample.weight.ndim > 1 else sample.weight], 1)

    def start_epoch(self, model: Reprogram, epoch: int) -> None:
        """Nothing to prepare, short of a label map."""
