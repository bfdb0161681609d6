"""One answer for a whole sequence: hidden states pooled over real tokens (Yang et al. 2016, section 2.2)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from .dropout import Dropout

PoolingKind = Literal["attention", "max", "mean", "last"]


class Pooling(nn.Module):
    """Hidden states of the real tokens to one vector of size `width`.

    `"attention"` joins their mean and a learned weighted mean, `"max"` their mean and their maximum; `"mean"` and
    `"last"` (the last real token: what a causal model has made of all, or a mask slot) have no weights. Each part is
    normalised, since the states of language models have a few features far larger than the rest.
    """

    def __init__(self, width: int, kind: PoolingKind) -> None:
        super().__init__()
        self.kind = kind
        self.width = width * (2 if kind in ("attention", "max") else 1)
        self.query = nn.Parameter(torch.zeros(width)) if kind == "attention" else None

    def forward(
        self, hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch pooled"]:
        return torch.cat([functional.layer_norm(part, part.shape[-1:]) for part in self._parts(hidden, mask)], -1)

    def _parts(self, hidden: Tensor, mask: Tensor) -> list[Tensor]:
        if self.kind == "last":
            return [last(hidden, mask)]
        real = mask[..., None]
        mean = (hidden * real).sum(1) / real.sum(1)
        if self.kind == "max":
            return [mean, hidden.masked_fill(~real, -math.inf).amax(1)]
        if self.query is None:
            return [mean]
        states = functional.layer_norm(hidden, hidden.shape[-1:])
        scores = (states @ self.query).masked_fill(~mask, -math.inf)
        return [mean, (torch.softmax(scores, 1)[..., None] * hidden).sum(1)]


class PooledHead(nn.Module):
    """Classes, labels or values of a sequence.

        y = W drop(pool(h)) + b

    One head for three tasks: `outputs` logits of classes (softmax) or of labels that exclude nothing (sigmoid), or that
    many values. `W` starts at 0, so that the first answer is the same for every sequence, or the base's alone.
    """

    def __init__(self, *, width: int, outputs: int, pooling: PoolingKind, dropout: float) -> None:
        super().__init__()
        self.pool = Pooling(width, pooling)
        self.drop = Dropout(dropout)
        self.answer = nn.Linear(self.pool.width, outputs)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(
        self, hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch class"]:
        return self.answer(self.drop(self.pool(hidden, mask)))


def last(
    hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
) -> Float[Tensor, "batch width"]:
    """The state of each row's last real token; real tokens stand first."""
    return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(1) - 1]
