"""Views of a series: patches of several spans, of the series and of its differences, each by features of its own.

Source: random convolutions at many dilations (ROCKET, Dempster et al. 2020, section 3.1), here as what the patch
reprogramming of Time-LLM (Jin et al. 2024, section 3.1) reads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..types import InstanceBatch

SMOOTH = 0.5  # spread of a synthetic patch's steps around its own level


class View(nn.Module):
    """Patches of one span, embedded.

        e_i = W [x_{s_i}, x_{s_i + d}, ..., x_{s_i + (p - 1) d}]

    `W` is `weight`, its rows of one norm. `p` is `patch`, `d` is `step`, the starts `s_i` lie evenly over the
    instance, `positions` at most. With `levelled` the rows sum to 0, so that they see shape alone; several channels are
    read by random subsets of them, a few in most rows.
    """

    def __init__(
        self, *, channels: int, patch: int, step: int, hidden: int, own: bool, levelled: bool, differenced: bool
    ) -> None:
        super().__init__()
        self.patch, self.step, self.own, self.differenced = patch, step, own, differenced
        weight, size = torch.randn(hidden, channels, patch), 1.0
        if levelled and patch > 1:
            weight = weight - weight.mean(-1, keepdim=True)
            size = 1 / SMOOTH  # shape is smaller than level, and is to reach as far
        count = torch.exp2(torch.rand(hidden, 1) * torch.log2(torch.tensor(float(channels)))).round()
        weight = weight * (torch.rand(hidden, channels).argsort(1) < count)[..., None]
        self.weight = nn.Parameter(size * weight / weight.flatten(1).norm(dim=1)[:, None, None])

    def forward(
        self, batch: InstanceBatch, positions: int
    ) -> tuple[Float[Tensor, "batch length hidden"], Bool[Tensor, "batch length"]]:
        """The embedded patches, and which of them hold an observation.

        Args:
            batch: the instances.
            positions: patches at most; shorter instances have fewer, and stand first.
        """
        steps, observed, lengths = self._read(batch)
        where, real = self._places(lengths, positions)
        length = where.shape[1]
        index = where.clamp_min(0).flatten(1)[:, None].expand(-1, steps.shape[1], -1)
        inside = (where >= 0)[:, None]
        values = steps.gather(2, index).unflatten(2, (length, -1)) * inside
        seen = observed.gather(2, index).unflatten(2, (length, -1)) & inside
        known = real & seen.any(-1).any(1)
        known[:, 0] |= ~known.any(1)  # attention over no token at all would be undefined
        embedded = torch.einsum("bclp,hcp->blh", values, self.weight)
        # Known tokens first: the head's masks, and positions that do not depend on what is missing.
        order = (~known).long().argsort(dim=1, stable=True)
        return embedded.gather(1, order[..., None].expand(-1, -1, embedded.shape[-1])), known.gather(1, order)

    def examples(self, count: int) -> Float[Tensor, "count hidden"]:
        """Synthetic patches, drawn at random, embedded: smooth, as scaled series are."""
        channels = self.weight.shape[1]
        draws = torch.randn(count, channels, 1) + SMOOTH * torch.randn(count, channels, self.patch)
        return torch.einsum("bcp,hcp->bh", draws, self.weight)

    def _read(
        self, batch: InstanceBatch
    ) -> tuple[Float[Tensor, "batch channel time"], Bool[Tensor, "batch channel time"], Int[Tensor, " batch"]]:
        """The steps that patches are taken of, or their differences; which were observed; and how many there are."""
        values = batch.own if self.own else batch.values
        if not self.differenced:
            return values, batch.observed, batch.lengths
        values, observed = functional.pad(values, (0, 1)), functional.pad(batch.observed, (0, 1))
        both = observed[..., 1:] & observed[..., :-1]
        values = (values[..., 1:] - values[..., :-1]) * both
        return scaled(values, both) if self.own else values, both, (batch.lengths - 1).clamp_min(1)

    def _places(
        self, lengths: Int[Tensor, " batch"], positions: int
    ) -> tuple[Int[Tensor, "batch length patch"], Bool[Tensor, "batch length"]]:
        """The steps of each patch, below 0 before the start of a short instance; and which patches there are."""
        room = (lengths - 1) // max(self.patch - 1, 1)
        step = torch.minimum(torch.full_like(lengths, self.step), room).clamp_min(1)  # closer in a short instance
        last = lengths - 1 - (self.patch - 1) * step  # start of the last patch
        count = (last + 1).clamp(1, positions)
        place = torch.arange(positions, device=lengths.device)
        share = place / (count - 1).clamp_min(1)[:, None]
        start = torch.where(last[:, None] > 0, (share * last[:, None]).round().long(), last[:, None])
        real = place < count[:, None]
        where = start[..., None] + step[:, None, None] * torch.arange(self.patch, device=lengths.device)
        where = torch.where(real[..., None], where, -1)
        return torch.minimum(where, lengths[:, None, None] - 1), real


class Views(nn.Module):
    """Several views of each instance, one row of the language model for each: row = batch * view."""

    def __init__(self, views: Sequence[View], *, positions: int, hidden: int) -> None:
        super().__init__()
        self.views, self.positions, self.hidden = nn.ModuleList(views), positions, hidden

    def forward(self, batch: InstanceBatch) -> tuple[Float[Tensor, "row length hidden"], Bool[Tensor, "row length"]]:
        """The embedded patches, and which of them are known; those stand first."""
        found = [view(batch, self.positions) for view in self.views]
        embedded = torch.stack([each for each, _ in found], 1).flatten(0, 1)
        known = torch.stack([each for _, each in found], 1).flatten(0, 1)
        length = int(known.sum(1).max())
        return embedded[:, :length], known[:, :length]

    def examples(self, count: int) -> Float[Tensor, "count 1 hidden"]:
        """Synthetic patches of all views, embedded."""
        parts = [view.examples(-(-count // len(self.views))) for view in self.views]  # type: ignore[operator]
        return torch.cat(parts)[:count, None]


def scaled(
    values: Float[Tensor, "batch channel time"], observed: Bool[Tensor, "batch channel time"], flat: float = 1e-6
) -> Float[Tensor, "batch channel time"]:
    """Each channel of each instance brought to mean 0 and spread 1 over its observed steps; 0 elsewhere.

    A spread of no more than `flat` times 1 + |mean| is rounding noise, and counts as none.
    """
    count = observed.sum(-1, keepdim=True).clamp_min(1)
    mean = (values * observed).sum(-1, keepdim=True) / count
    away = (values - mean) * observed
    spread = (away.square().sum(-1, keepdim=True) / count).sqrt()
    return torch.where(spread > flat * (1 + mean.abs()), away / spread.clamp_min(1e-30), torch.zeros_like(away))
