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
    position. Covariates are further channels of the same patch: `x_i` and `m_i` of each stand side by side. Where they
    reach beyond the context (what is known of the future), so do the patches, and the target is unobserved there.

    Differs from the authors' code in that it is a linear map, not a circular convolution (which leaks the last patch
    into the first), and in that it knows what was missing (the gate of UniTime, Liu et al. 2024, section 3.2, as one
    linear map).
    """

    def __init__(self, *, patch: int, stride: int, length: int, hidden: int, channels: int = 1) -> None:
        super().__init__()
        self.patch, self.stride, self.hidden, self.channels = patch, stride, hidden, channels
        self.weight = nn.Linear(2 * channels * patch, hidden, bias=False)
        self.position = nn.Parameter(torch.zeros(length, hidden))

    def forward(self, batch: SeriesBatch) -> tuple[Float[Tensor, "row length hidden"], Bool[Tensor, "row length"]]:
        """The embedded patches, and which of them hold an observation (the last always counts)."""
        observed, values = (self._cut(part) for part in _joined(batch))
        known = observed.flatten(2).any(-1)
        known[:, -1] = True  # attention over no token at all would be undefined
        both = torch.stack([values, observed], 3).flatten(2)  # channel by channel, values before mask
        return self.weight(both) + self.position, known

    def examples(self, count: int) -> Float[Tensor, "count 1 hidden"]:
        """Synthetic patches, drawn at random, embedded without a position: smooth, as scaled series are."""
        levels = torch.randn(count, self.channels, 1) + UNIT * torch.randn(count, self.channels, self.patch)
        return self.weight(torch.stack([levels, torch.ones_like(levels)], 2).flatten(1))[:, None]

    def _cut(self, rows: Float[Tensor, "row side time"]) -> Float[Tensor, "row length side patch"]:
        return patchify(rows, self.patch, self.stride).transpose(1, 2)


def _joined(batch: SeriesBatch) -> tuple[Float[Tensor, "row side span"], Float[Tensor, "row side span"]]:
    """Observed mask and values of each row: its own channel first, then the covariates that all channels share."""
    sides = [batch.observed.to(batch.values.dtype), batch.values]
    if batch.covariates is None:
        return tuple(side.flatten(0, 1)[:, None] for side in sides)  # type: ignore[return-value]
    ahead = batch.covariates.values.shape[-1] - batch.values.shape[-1]
    beside = [batch.covariates.observed.to(batch.values.dtype), batch.covariates.values]
    return tuple(  # type: ignore[return-value]
        torch.cat(
            [functional.pad(side, (0, ahead)).flatten(0, 1)[:, None], more.repeat_interleave(batch.channels, 0)], 1
        )
        for side, more in zip(sides, beside, strict=True)
    )
