"""Symbols as combinations of words: R2DL (Vinod et al. 2020, section 3), ReprogBERT (Melnyk et al. 2023, section 3)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..types import SoftTokens, SymbolBatch
from .symbols import kmers


class DictionaryMap(nn.Module):
    """Symbols to soft tokens, each symbol a combination of words.

        V_T = Theta V_S,   soft token = V_T[x],   |Theta_i|_0 <= k

    `V_S` is `vocabulary`, frozen; `Theta` is `theta` times `scale`; `k` is `sparsity`, `None` for the dense form. In a
    patch each place has its own rows of Theta, and their vectors are added.

    Differs from the authors' code: R2DL alternates gradients on V_T with k-SVD; here Theta itself trains, and `project`
    keeps the k largest entries of each row after each step (iterative hard thresholding). The dense form is divided by
    the root of the number of words, or one step of Adam would move a symbol farther than words lie apart.
    """

    vocabulary: Tensor

    def __init__(
        self,
        *,
        vocabulary: Float[Tensor, "word width"],
        start: Float[Tensor, "row width"],
        patch: int,
        stride: int,
        sparsity: int | None,
    ) -> None:
        """`start` holds the vectors to begin with: those of all symbols at the first place, then at the second."""
        super().__init__()
        self.patch, self.stride, self.sparsity = patch, stride, sparsity
        self.size = len(start) // patch
        self.scale = 1.0 if sparsity else 1 / math.sqrt(len(vocabulary))
        words = vocabulary.float()
        theta = matching_pursuit(start, words, sparsity) if sparsity else least_squares(start, words)
        self.theta = nn.Parameter(theta / self.scale)
        self.register_buffer("vocabulary", vocabulary, persistent=False)  # the backbone's own, never saved

    def forward(self, batch: SymbolBatch) -> SoftTokens:
        ids, known = kmers(batch, self.patch, self.stride)
        places = torch.arange(self.patch, device=ids.device) * self.size
        return SoftTokens(functional.embedding(ids + places, self.symbols()).sum(2), known)

    def symbols(self) -> Float[Tensor, "row width"]:
        """V_T: the vector of each symbol at each place."""
        return self.scale * self.theta @ self.vocabulary.to(self.theta.dtype)

    @torch.no_grad()
    def project(self) -> None:
        """Keeps the largest entries of each row of Theta, and sets the rest to 0."""
        if self.sparsity is None:
            return
        kept = self.theta.abs().topk(min(self.sparsity, self.theta.shape[1]), dim=1).indices
        self.theta.copy_(torch.zeros_like(self.theta).scatter_(1, kept, self.theta.gather(1, kept)))


def random_start(vocabulary: Float[Tensor, "word width"], rows: int, patch: int) -> Float[Tensor, "row width"]:
    """Vectors drawn where the words lie; those of the places of one patch add up to such a vector."""
    words = vocabulary.float()
    return words.mean(0) / patch + words.std(0) / math.sqrt(patch) * torch.randn(rows, words.shape[1])


@torch.no_grad()
def least_squares(
    targets: Float[Tensor, "row width"], vocabulary: Float[Tensor, "word width"]
) -> Float[Tensor, "row word"]:
    """Rows over all words whose combination is each target, the shortest such rows."""
    gram = (vocabulary.T @ vocabulary).double()
    return targets @ torch.linalg.pinv(gram, hermitian=True).float() @ vocabulary.T


@torch.no_grad()
def matching_pursuit(
    targets: Float[Tensor, "row width"], vocabulary: Float[Tensor, "word width"], count: int
) -> Float[Tensor, "row word"]:
    """Rows of at most `count` words whose combination is near each target (orthogonal matching pursuit).

    Source: Pati, Rezaiifar and Krishnaprasad 1993, section 3.
    """
    # In float64: the last bits of LAPACK's answer depend on where in memory its arguments lie.
    kind, targets, vocabulary = targets.dtype, targets.double(), vocabulary.double()
    unit = functional.normalize(vocabulary, dim=1)
    residual = targets
    chosen: Int[Tensor, "row some"] = torch.empty(len(targets), 0, dtype=torch.long, device=targets.device)
    share = torch.empty(len(targets), 0, 1, device=targets.device, dtype=targets.dtype)
    for _ in range(min(count, *vocabulary.shape)):
        score = (residual @ unit.T).abs().scatter(1, chosen, -1.0)
        chosen = torch.cat([chosen, score.argmax(1, keepdim=True)], 1)
        atoms = vocabulary[chosen].transpose(1, 2)
        share = torch.linalg.lstsq(atoms, targets[..., None]).solution
        residual = targets - (atoms @ share)[..., 0]
    theta = torch.zeros(len(targets), len(vocabulary), device=targets.device, dtype=kind)
    return theta.scatter_(1, chosen, share[..., 0].to(kind))
