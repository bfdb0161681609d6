"""A rewriter of tokens: each symbol becomes a word, by its neighbours (Neekhara et al. 2019, section 3, equation 2)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..types import SoftTokens, SymbolBatch

SHARPNESS = 4.0  # spread of the first scores: each context has a few words that it prefers


class RewriterMap(nn.Module):
    """Word for symbol, by a trained table over the symbols around it.

        s_i = sum_w softmax_w( sum_j A_j[x_{i+j}] ) V_S[w],   |j| <= window / 2

    `A_j` is `table[j]` times `SHARPNESS`: a convolution over one-hot symbols. `V_S` are the words `choice` of
    `vocabulary`, frozen.

    Differs from the authors' code: the words are mixed by a softmax, neither drawn by Gumbel noise that is cooled down
    nor by REINFORCE, so that training and prediction see the same tokens; a part of the vocabulary is written with,
    since a softmax over all of it at each symbol would cost more than the language model.
    """

    vocabulary: Tensor
    choice: Tensor

    def __init__(
        self, *, vocabulary: Float[Tensor, "word width"], choice: Int[Tensor, " chosen"], size: int, window: int
    ) -> None:
        super().__init__()
        self.size, self.window = size, window
        self.table = nn.Parameter(torch.randn(window, size, len(choice)) / math.sqrt(window))
        self.register_buffer("choice", choice)
        self.register_buffer("vocabulary", vocabulary, persistent=False)  # the backbone's own, never saved

    def forward(self, batch: SymbolBatch) -> SoftTokens:
        around = self.window // 2
        ids = functional.pad(batch.ids * batch.mask, (around, around)).unfold(1, self.window, 1)
        places = torch.arange(self.window, device=ids.device) * self.size
        scores = SHARPNESS * functional.embedding(ids + places, self.table.flatten(0, 1)).sum(2)
        known = batch.mask.clone()
        known[:, 0] = True  # attention over no token at all would be undefined
        return SoftTokens(torch.softmax(scores, -1) @ self.vocabulary[self.choice].to(scores.dtype), known)
