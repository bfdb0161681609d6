"""Losses over the steps that were observed. Each is a mean over all steps, so that it splits exactly over processes."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


def point_loss(
    forecast: Float[Tensor, "batch channel horizon"],
    target: Float[Tensor, "batch channel horizon"],
    weight: Float[Tensor, "batch channel horizon"],
    kind: Literal["mse", "mae"],
) -> Float[Tensor, ""]:
    """Mean squared or absolute error; `weight` is 0 where the target was not observed."""
    error = forecast - target
    return (weight * (error.square() if kind == "mse" else error.abs())).mean()


def pinball_loss(
    quantiles: Float[Tensor, "batch channel horizon level"],
    target: Float[Tensor, "batch channel horizon"],
    weight: Float[Tensor, "batch channel horizon"],
    levels: Float[Tensor, " level"],
) -> Float[Tensor, ""]:
    """Quantile loss (Koenker & Bassett 1978), averaged over levels."""
    error = target[..., None] - quantiles
    return (weight[..., None] * torch.maximum(levels * error, (levels - 1) * error)).mean()


def class_loss(
    logits: Float[Tensor, "batch class"] | Float[Tensor, "batch time class"],
    target: Int[Tensor, " batch"] | Int[Tensor, "batch time"],
    weight: Float[Tensor, " batch"] | Float[Tensor, "batch time"],
) -> Float[Tensor, " batch"]:
    """Cross-entropy of each example; `weight` holds class and sample weights, and 0 where no symbol was hidden."""
    error = functional.cross_entropy(logits.movedim(-1, 1), target, reduction="none")
    return (weight * error).flatten(1).sum(1) if weight.ndim > 1 else weight * error


def label_loss(
    logits: Float[Tensor, "batch class"], target: Float[Tensor, "batch class"], weight: Float[Tensor, "batch class"]
) -> Float[Tensor, " batch"]:
    """Binary cross-entropy of each example, summed over labels; `weight` is 0 where a label is missing."""
    return (weight * functional.binary_cross_entropy_with_logits(logits, target, reduction="none")).sum(1)


def value_loss(
    found: Float[Tensor, "batch class"], target: Float[Tensor, "batch class"], weight: Float[Tensor, "batch class"]
) -> Float[Tensor, " batch"]:
    """Squared error of each example, summed over its values; `weight` is 0 where a value is missing."""
    return (weight * (found - target).square()).sum(1)
