"""Sentences as the frozen model reads them: the mean of its states over a sentence's tokens, once for each sentence.

Source: mean pooling (Reimers and Gurevych 2019, Sentence-BERT, section 3), the use that MiniLM was trained for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..types import SentenceBatch, TokenIds
from .language import Backbone
from .memo import Memo


def sentence_tokens(backbone: Backbone, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, with the special tokens that this model's tokeniser puts around one."""
    return backbone.tokenizer(list(texts))["input_ids"] if len(texts) else []


class SentenceReader:
    """The frozen model's answer to a sentence alone. It needs no gradient, so each sentence is read once.

    Attributes:
        backbone: the frozen model, all its layers.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self._read: Memo[dict[tuple[int, ...], Tensor]] = Memo()

    def __call__(self, batch: SentenceBatch) -> Float[Tensor, "batch width"]:
        known = self._read.get(dict, self.backbone.model.parameters())
        for tokens in dict.fromkeys(batch.tokens):
            if tokens not in known:  # one by one: what is kept must not hang on which others were read beside it
                known[tokens] = self._state(tokens)
        return torch.stack([known[tokens] for tokens in batch.tokens])[batch.place]

    def _state(self, sentence: Sequence[int]) -> Float[Tensor, " width"]:
        """The mean state of one, without gradient; kept out of inference mode, for a training step may read it."""
        device = next(self.backbone.model.parameters()).device
        ids = torch.tensor([list(sentence)], device=device)
        with torch.inference_mode(False), torch.no_grad():
            soft = self.backbone.embed(TokenIds(ids, torch.ones_like(ids, dtype=torch.bool)))
            return self.backbone(soft)[0].mean(0)
