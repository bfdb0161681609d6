"""Hidden symbols, from the frozen model's words (ReprogBERT, Melnyk et al. 2023, section 3) or from its states."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class TokenMap(nn.Module):
    """At each symbol's place the logits of words, and from them those of symbols.

        logits_T = Gamma logits_S,   logits_S = V_S h

    `Gamma` is `gamma` over the root of the number of words, `V_S` is `vocabulary`: the frozen decoder is the word
    embeddings, as in models that tie them to their head (a backbone is loaded without one). `before` and `behind`
    count the soft tokens that stand around the symbols.

    Differs from the authors' code: the two linear maps are joined, `(Gamma V_S) h`, which gives the same numbers
    without a vocabulary of logits for each symbol; Gamma starts at 0; the loss counts hidden symbols alone.
    """

    vocabulary: Tensor

    def __init__(
        self, *, vocabulary: Float[Tensor, "word width"], classes: int, before: int = 0, behind: int = 0
    ) -> None:
        super().__init__()
        self.before, self.behind = before, behind
        self.gamma = nn.Parameter(torch.zeros(classes, len(vocabulary)))
        self.register_buffer("vocabulary", vocabulary, persistent=False)  # the backbone's own, never saved

    def forward(
        self, hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch time class"]:
        joined = self.gamma @ self.vocabulary.to(self.gamma.dtype) / math.sqrt(len(self.vocabulary))
        return hidden[:, self.before : hidden.shape[1] - self.behind] @ joined.T


class StateMap(nn.Module):
    """At each symbol's place its logits, from the states that every layer has there.

        logits_T = W h + b

    `h` are the states of every layer, joined: `layers` asks for them. `before` and `behind` as in `TokenMap`. All
    weights start at 0 and are made to be solved (`infill_probe`).
    """

    layers = True

    def __init__(self, *, depth: int, width: int, classes: int, before: int = 0, behind: int = 0) -> None:
        super().__init__()
        self.before, self.behind = before, behind
        self.answer = nn.Linear((depth + 1) * width, classes)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(
        self, hidden: Float[Tensor, "batch length joined"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch time class"]:
        return self.answer(self.placed(hidden))

    def placed(self, hidden: Float[Tensor, "batch length joined"]) -> Float[Tensor, "batch time joined"]:
        """The states at the symbols' places."""
        return hidden[:, self.before : hidden.shape[1] - self.behind]
