"""What the training loop asks of a task: the loss of a batch, and the error of each example on validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..batches.example import Example
from ..batches.series import InstanceDataset
from ..batches.symbols import SymbolDataset
from ..config.forecast import Loss
from ..config.sequence import Task
from ..model import Reprogram, WholeReprogram
from ..outputs.labels import LabelMap
from ..outputs.losses import class_loss, label_loss, pinball_loss, point_loss, value_loss

REMAP_EXAMPLES = 1024  # that a label map is counted from
REMAP_ROWS = 32


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

    def loss(self, model: Callable[..., Any], sample: Example) -> Float[Tensor, ""]:
        forecast = model(sample.batch)
        loss = point_loss(forecast.point, sample.target, sample.weight, self.kind)
        if not len(self.levels):
            return loss
        levels = self.levels.to(sample.target.device)
        return loss + pinball_loss(forecast.quantiles, sample.target, (sample.weight > 0).float(), levels)

    def errors(self, model: Callable[..., Any], sample: Example) -> Float[Tensor, "batch 2"]:
        error = model(sample.batch).point - sample.target
        error = sample.weight * (error.square() if self.kind == "mse" else error.abs())
        return torch.stack([error.sum((1, 2)), (sample.weight > 0).float().sum((1, 2))], 1)

    def start_epoch(self, model: Reprogram, epoch: int) -> None:
        """Nothing to prepare."""


class SymbolObjective:
    """Classes and hidden symbols by cross-entropy, labels by binary cross-entropy, values by squared error.

    Attributes:
        examples: what a label map is counted from, where the output map is one; see `outputs.labels.LabelMap`.
    """

    def __init__(self, task: Task, examples: SymbolDataset | InstanceDataset | None = None) -> None:
        losses: dict[Task, Callable[..., Tensor]] = {
            "classify": class_loss,
            "infill": class_loss,
            "multilabel": label_loss,
            "regress": value_loss,
        }
        self.each, self.examples = losses[task], examples

    def loss(self, model: Callable[..., Any], sample: Example) -> Float[Tensor, ""]:
        return self.each(model(sample.batch), sample.target, sample.weight).mean()

    def errors(self, model: Callable[..., Any], sample: Example) -> Float[Tensor, "batch 2"]:
        error = self.each(model(sample.batch), sample.target, sample.weight)
        return torch.stack([error, sample.weight.reshape(len(error), -1).sum(1)], 1)

    def start_epoch(self, model: Reprogram, epoch: int) -> None:
        labels = model.output_map
        if self.examples is None or not isinstance(labels, LabelMap) or not isinstance(model, WholeReprogram):
            return
        if labels.renewal == "epoch" or (labels.renewal == "start" and epoch == 0):
            labels.assign(word_counts(model, labels, self.examples))


@torch.no_grad()
def word_counts(
    model: WholeReprogram, labels: LabelMap, examples: SymbolDataset | InstanceDataset
) -> Float[Tensor, "word class"]:
    """How often the frozen model answers with each word to examples of each class: sums of probabilities."""
    counts = torch.zeros(len(labels.vocabulary), len(labels.assignment), device=labels.vocabulary.device)
    spread = np.linspace(0, len(examples) - 1, min(len(examples), REMAP_EXAMPLES)).astype(int)
    was_training = model.training
    model.eval()
    for part in np.array_split(spread, -(-len(spread) // REMAP_ROWS)):
        sample = examples.__getitems__(part.tolist()).to(counts.device)
        states = model.hidden(sample.batch)
        shares = labels.word_shares(states.embeds, states.mask)
        counts.index_add_(1, sample.target, (shares * sample.weight[:, None]).T)
    model.train(was_training)
    return counts
