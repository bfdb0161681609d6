"""Dropout that can draw from a generator of its own (Srivastava et al. 2014)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """As `nn.Dropout`; under `drawn_from` what the caller draws elsewhere has no part in it, nor it in that."""

    generator: torch.Generator | None = None

    def forward(self, input: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        if self.generator is None or not self.training or self.p == 0:
            return super().forward(input)
        kept = torch.empty_like(input).bernoulli_(1 - self.p, generator=self.generator)
        return input * kept.div_(1 - self.p)


@contextmanager
def drawn_from(model: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Every `Dropout` of the model draws from `generator` within."""
    layers = [layer for layer in model.modules() if isinstance(layer, Dropout)]
    try:
        for layer in layers:
            layer.generator = generator
        yield
    finally:
        for layer in layers:
            layer.generator = None
