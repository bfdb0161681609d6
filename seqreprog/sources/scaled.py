"""Word embeddings that a model scales on the way from ids alone, made the same on the way from vectors."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

UNMASKED = 1 - 0.15 * 0.8  # ESM: the share of residues that its training left unmasked


class MaskDropout(nn.Embedding):
    """ESM-2's `token_dropout` without masked residues: words count 0.88, the mask token 0.

    ESM-2 does this where it is given ids, and leaves it out where it is given vectors, so soft tokens and words would
    stand on two scales.
    """

    mask: int | None = None

    def forward(self, input: Tensor) -> Tensor:
        words = super().forward(input)
        hidden = input == (-1 if self.mask is None else self.mask)
        return UNMASKED * words.masked_fill(hidden[..., None], 0.0)


def scale_words(model: Any) -> None:
    """Moves the scaling of an ESM-2 into its word embeddings, which keep their weights and their name; others stay."""
    embeddings: Any = getattr(model, "embeddings", None)
    if not getattr(embeddings, "token_dropout", False):
        return
    words: nn.Embedding = embeddings.word_embeddings
    scaled = MaskDropout(words.num_embeddings, words.embedding_dim, words.padding_idx, _weight=words.weight)
    scaled.mask = embeddings.mask_token_id
    embeddings.word_embeddings, embeddings.token_dropout = scaled, False
