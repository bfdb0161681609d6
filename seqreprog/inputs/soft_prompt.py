"""Trained prompt vectors around the tokens, and a slot to answer in (WARP, Hambardzumyan et al. 2021, section 3)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..types import SoftTokens, SymbolBatch
from .symbols import SymbolVectors


class SoftPromptMap(nn.Module):
    """[p_1 .. p_k, tokens of the sequence, slot]: only the vectors around the sequence train.

    `p_i` is `before[i]`, the slot is `slot`; it starts as the mask token where the model has one. The last real token
    of a row is its slot, wherever its sequence ends.

    Differs from the authors' code: the symbols are letters, each the vector of its own text; the slot trains as well.
    """

    def __init__(
        self,
        *,
        symbols: SymbolVectors,
        vocabulary: Float[Tensor, "word width"],
        vectors: int,
        slot: Float[Tensor, " width"] | None,
    ) -> None:
        super().__init__()
        words = vocabulary.float()
        self.symbols = symbols
        self.before = nn.Parameter(words.mean(0) + words.std(0) * torch.randn(vectors, words.shape[1]))
        self.slot = nn.Parameter((words.mean(0) if slot is None else slot.float()).clone()[None])

    def forward(self, batch: SymbolBatch) -> SoftTokens:
        tokens, known = self.symbols(batch)
        rows = len(tokens)
        embeds = torch.cat([self.before.expand(rows, -1, -1), tokens, self.slot.expand(rows, -1, -1)], 1)
        mask = torch.cat([known.new_ones(rows, len(self.before)), known, known.new_ones(rows, 1)], 1)
        order = (~mask).long().argsort(dim=1, stable=True)  # padding goes behind the slot
        return SoftTokens(embeds.gather(1, order[..., None].expand_as(embeds)), mask.gather(1, order))
