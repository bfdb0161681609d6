"""Losses over the steps that were observed. Each is a mean over all steps, so that it splits exactly over processes."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor


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
