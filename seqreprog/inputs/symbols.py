"""k-mer patches of discrete sequences (as patches of images: Dosovitskiy et al. 2021, section 3.1)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..errors import DataError
from ..types import SymbolBatch


def patch_count(time: int, patch: int, stride: int) -> int:
    """Patches that cover `time` symbols; the last may reach beyond the end."""
    return -(-max(time - patch, 0) // stride) + 1


def kmers(
    batch: SymbolBatch, patch: int, stride: int
) -> tuple[Int[Tensor, "batch length patch"], Bool[Tensor, "batch length"]]:
    """Patches from the first symbol on, and which of them a row needs: as many as alone, whatever its batch mates.

    A patch that reaches beyond the end holds padding (0) there. An empty row keeps one patch, for attention over no
    token is undefined.
    """
    time = batch.ids.shape[1]
    length = patch_count(time, patch, stride)
    ids = functional.pad(batch.ids * batch.mask, (0, (length - 1) * stride + patch - time))
    reached = torch.arange(length, device=ids.device) * stride - stride + patch  # by the patch before
    known = reached < batch.mask.sum(1, keepdim=True)
    known[:, 0] = True
    return ids.unfold(1, patch, stride), known


def run_places(
    ids: Int[Tensor, "batch time"], mask: Bool[Tensor, "batch time"], blank: int
) -> tuple[Int[Tensor, "batch time"], Int[Tensor, "batch time"], Bool[Tensor, "batch time"]]:
    """How many blanks of its run stand to the left of each blank, how many to the right; and which symbols are blank.

    Padding ends a run as any symbol does, so that batch mates change nothing.
    """
    blanks, index = (ids == blank) & mask, torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    before = index.masked_fill(blanks, -1).cummax(1).values
    behind = index.masked_fill(blanks, ids.shape[1]).flip(1).cummin(1).values.flip(1)
    return index - before - 1, behind - index - 1, blanks


class SymbolEmbedding(nn.Module):
    """Each patch of k symbols to one vector.

        e_i = sum_j W_j[x_{i,j}] + b_i (+ l_left + r_right, where x_i is a blank)

    `W_j` is `weight[j]`: each place of a patch has its own map, so this is the linear map of the joined one-hot
    vectors. `b_i` is `position`. `patch=1` is one token for each symbol. Padding inside a patch has a vector too: it
    says where the sequence ends.

    `start` are properties of the symbols, from id 1 on. They open as a fixed Gaussian projection of them, of which
    like symbols have like vectors (Johnson and Lindenstrauss 1984); without it each is drawn at random.

    With `runs` above 0, for infilling, a blank (the last id) knows its place in its run of blanks: `l` and `r` are
    `left` and `right`, a vector for each number of blanks on that side, `runs - 1` and more being alike.
    """

    def __init__(
        self,
        *,
        size: int,
        patch: int,
        stride: int,
        length: int,
        hidden: int,
        start: Float[Tensor, "symbol property"] | None = None,
        runs: int = 0,
    ) -> None:
        super().__init__()
        self.size, self.patch, self.stride, self.hidden = size, patch, stride, hidden
        self.weight = nn.Parameter(torch.randn(patch, size, hidden) / math.sqrt(patch))
        self.position = nn.Parameter(torch.zeros(length, hidden))
        if start is not None:
            known = start.to(self.weight.dtype)
            projection = torch.randn(patch, known.shape[1], hidden) / math.sqrt(patch * known.shape[1])
            self.weight.data[:, 1:] = known @ projection
        self.left = nn.Parameter(torch.randn(runs, hidden) / math.sqrt(2)) if runs else None
        self.right = nn.Parameter(torch.randn(runs, hidden) / math.sqrt(2)) if runs else None

    def forward(self, batch: SymbolBatch) -> tuple[Float[Tensor, "batch length hidden"], Bool[Tensor, "batch length"]]:
        """The embedded patches, and which of them are real.

        Raises:
            DataError: a sequence needs more patches than the embedding has positions.
        """
        ids, known = kmers(batch, self.patch, self.stride)
        if ids.shape[1] > len(self.position):
            raise DataError(
                f"a sequence of {batch.ids.shape[1]} symbols needs {ids.shape[1]} patches; this model reads "
                f"{len(self.position)}. Cut the sequence, or build the model for longer ones"
            )
        embedded = self._embed(ids) + self.position[: ids.shape[1]]
        if self.left is None or self.right is None:
            return embedded, known
        left, right, blanks = run_places(batch.ids, batch.mask, self.size - 1)
        farthest = len(self.left) - 1
        placed = self.left[left.clamp(0, farthest)] + self.right[right.clamp(0, farthest)]
        return embedded + placed * blanks[..., None], known

    def examples(self, count: int) -> Float[Tensor, "count 1 hidden"]:
        """Patches of symbols drawn at random, embedded without a position."""
        return self._embed(torch.randint(1, self.size, (count, 1, self.patch), device=self.weight.device))

    def _embed(self, ids: Int[Tensor, "batch length patch"]) -> Float[Tensor, "batch length hidden"]:
        places = torch.arange(self.patch, device=ids.device) * self.size
        return functional.embedding(ids + places, self.weight.flatten(0, 1)).sum(2)


class SymbolVectors(nn.Module):
    """Each symbol as a vector of the frozen vocabulary, for methods that leave the symbols' own vectors as they are.

        e_i = sum_j g_j * E[x_{i,j}]

    `E` is `vectors`, frozen. `g_j` is `gate[j]`, one trained factor for each place of a patch and feature, so that the
    order inside a patch is not lost; with `patch=1` there is none.
    """

    vectors: Tensor

    def __init__(self, vectors: Float[Tensor, "symbol width"], *, patch: int, stride: int) -> None:
        super().__init__()
        self.patch, self.stride = patch, stride
        self.register_buffer("vectors", vectors.detach().float().clone())
        self.gate = nn.Parameter(torch.full((patch, vectors.shape[1]), 1 / patch)) if patch > 1 else None

    def forward(self, batch: SymbolBatch) -> tuple[Float[Tensor, "batch length width"], Bool[Tensor, "batch length"]]:
        """The tokens, and which of them are real."""
        ids, known = kmers(batch, self.patch, self.stride)
        tokens = self.vectors[ids]
        return (tokens[:, :, 0] if self.gate is None else (tokens * self.gate).sum(2)), known
