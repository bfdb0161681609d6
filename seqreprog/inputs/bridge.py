"""A frozen bridge from series to words, for methods that train nothing there (Voice2Series, Yang et al. 2021)."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..types import InstanceBatch


class FrozenBridge(nn.Module):
    """Patches as mixtures of word prototypes, by an attention that stays as it was drawn.

    Differs from the authors' code in that there is a bridge at all: their source model reads the same kind of signal as
    the target's, a language model reads words. What was drawn is saved, since it is needed to answer.
    """

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention.requires_grad_(False)

    def forward(self, batch: InstanceBatch) -> tuple[Float[Tensor, "row length width"], Bool[Tensor, "row length"]]:
        """The tokens, and which of them are real."""
        soft = self.attention(batch)
        return soft.embeds, soft.mask
