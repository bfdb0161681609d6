"""One answer for a whole sequence from the states of every layer, pooled without weights (Tenney et al. 2019)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

STATISTICS = 4


class LayerHead(nn.Module):
    """Classes, labels or values of a sequence.

        y = W s(h) + b,   s(h) = (mean, maximum, minimum, spread of h over the real tokens)

    `h` are the states of every layer, joined: `layers` asks for them. `W` and `b` start at 0 and are made to be solved
    (`symbol_probe`): thousands of features that are not trained themselves call for a penalty chosen on held-out rows.
    """

    layers = True

    def __init__(self, *, width: int, outputs: int) -> None:
        super().__init__()
        self.answer = nn.Linear(STATISTICS * width, outputs)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(
        self, hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch class"]:
        return self.answer(statistics(hidden, mask))


def statistics(
    hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
) -> Float[Tensor, "batch pooled"]:
    """Mean, maximum, minimum and standard deviation over the real tokens, feature by feature."""
    real = mask[..., None]
    count = real.sum(1)
    mean = (hidden * real).sum(1) / count
    spread = ((hidden - mean[:, None]).square() * real).sum(1) / count
    largest = hidden.masked_fill(~real, -math.inf).amax(1)
    least = hidden.masked_fill(~real, math.inf).amin(1)
    return torch.cat([mean, largest, least, spread.clamp_min(1e-12).sqrt()], -1)
