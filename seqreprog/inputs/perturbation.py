"""One universal perturbation, added to every padded sequence (Voice2Series, Yang et al. 2021, section 3.1)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import DataError
from ..types import InstanceBatch, SoftTokens, SymbolBatch


class PerturbationMap(nn.Module):
    """x' = Pad(x) + W: the same trained vector at a position, whatever stands there.

    `x` is `symbols`: vectors of discrete symbols (`SymbolVectors`), or a series over a `FrozenBridge`. `W` is
    `position`; `Pad` puts `padding` mean words behind each sequence, where the perturbation stands alone.

    Differs from the authors' code: it is added to word embeddings, not to a waveform; sequences are padded by a fixed
    number of tokens, not to the model's full length, so that short ones stay cheap; no dropout on W.
    """

    filler: Tensor

    def __init__(
        self, *, symbols: nn.Module, vocabulary: Float[Tensor, "word width"], length: int, padding: int
    ) -> None:
        super().__init__()
        words = vocabulary.float()
        self.symbols, self.padding = symbols, padding
        self.position = nn.Parameter(0.1 * words.std(0) * torch.randn(length + padding, words.shape[1]))
        self.register_buffer("filler", words.mean(0), persistent=False)

    def forward(self, batch: SymbolBatch | InstanceBatch) -> SoftTokens:
        """The soft tokens.

        Raises:
            DataError: a sequence needs more patches than there are positions.
        """
        tokens, known = self.symbols(batch)
        longest = tokens.shape[1] + self.padding
        if longest > len(self.position):
            time = (batch.ids if isinstance(batch, SymbolBatch) else batch.values).shape[-1]
            raise DataError(
                f"a sequence of {time} symbols needs {tokens.shape[1]} tokens; this model reads "
                f"{len(self.position) - self.padding}. Cut the sequence, or build the model for longer ones"
            )
        padded = torch.where(known[..., None], tokens, self.filler)
        padded = torch.cat([padded, self.filler.expand(len(tokens), self.padding, -1)], 1)
        real = torch.arange(longest, device=known.device) < known.sum(1, keepdim=True) + self.padding
        return SoftTokens(padded + self.position[:longest], real)
