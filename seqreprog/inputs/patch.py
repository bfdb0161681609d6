"""Patches of a numeric series (Nie et al. 2023, PatchTST, section 3.1; Time-LLM, Jin et al. 2024, section 3.1)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from ..types import SeriesBatch

UNIT = 0.5  # spread of a synthetic patch's steps around its own level


def patchify(
    values: Float[Tensor, "batch channel time"], patch: int, stride: int
) -> Float[Tensor, "batch channel length patch"]:
    """Overlapping patches, aligned with the *end* of the window.

    The last patch ends at the last observed step, where most of the news is; the start is padded with zeros until whole
    patches cover it. (The authors' code pads the end by repeating the last value.)
    """
    time = values.shape[-1]
    length = -(-(time - patch) // stride) + 1
    missing = (length - 1) * stride + patch - time
    return functional.pad(values, (missing, 0)).unfold(-1, patch, stride)


class PatchEmbedding(nn.Module):
    """Each patch, together with which of its steps were observed, to one vector.

        e_i = W [x_i ; m_i] + b_i

    `x_i` are the patch's scaled values (0 where unobserved), `m_i` its observed mask, `b_i` a learned vector per
    position.

    Differs from the authors' code in that it is a linear map, not a circular convolution (which leaks the last patch
    into the first), and in that it knows what was missing (the gate of UniTime, Liu et al. 2024, section 3.2, as one
    linear map).
    """

    def __init__(self, *, patch: int, stride: int, length: int, hidden: int) -> None:
        super().__init__()
        self.patch, self.stride, self.hidden = patch, stride, hidden
        self.weight = nn.Linear(2 * patch, hidden, bias=False)
        self.position = nn.Parameter(torch.zeros(length, hidden))

    def forward(self, batch: SeriesBatch) -> tuple[Float[Tensor, "row length hidden"], Bool[Tensor, "row length"]]:
        """The embedded patches, and which of them hold an observation (the last always counts)."""
        observed = patchify(batch.observed.to(batch.values.dtype), self.patch, self.stride).flatten(0, 1)
        values = patchify(batch.values, self.patch, self.stride).flatten(0, 1)
        known = observed.any(-1)
        known[:, -1] = True  # attention over no token at all would be undefined
        return self.weight(torch.cat([values, observed], -1)) + self.position, known

    def examples(self, count: int) -> Float[Tensor, "count 1 hidden"]:
        """Synthetic patches, drawn at random, embedded without a position: smooth, as scaled series are."""
        levels = torch.randn(count, 1) + UNIT * torch.randn(count, self.patch)
        return self.weight(torch.cat([levels, torch.ones_like(levels)], -1))[:, None]
