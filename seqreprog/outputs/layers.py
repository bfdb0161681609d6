"""One answer for a whole sequence from the states of every layer (Tenney et al. 2019), pooled without weights.

Aligned sequences, of which each place means something, are read at each place too.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

STATISTICS = 4


class LayerHead(nn.Module):
    """Classes, labels or values of a sequence.

        y = W s(h) + b + sum_p (V_p h1_p + c_p),   s(h) = (mean, maximum, minimum, spread of h over the real tokens)

    `h` are the states of every layer, joined: `layers` asks for them. `h1_p` is the state of the first layer at place
    `p` of `places`, where what stands around a symbol has just been read into it; a place that a sequence lacks says
    nothing. `V` is `at`, `c` is `level`. All weights start at 0 and are made to be solved (`symbol_probe`): thousands
    of features that are not trained themselves call for a penalty chosen on held-out rows. An example may be several
    rows, its `views`: `s` joins what is read of each.
    """

    layers = True

    def __init__(self, *, depth: int, width: int, outputs: int, places: int = 0, views: int = 1) -> None:
        super().__init__()
        self.views = views
        self.places, self.first = places, slice(min(1, depth) * width, (min(1, depth) + 1) * width)
        self.answer = nn.Linear(views * STATISTICS * (depth + 1) * width, outputs)
        self.at = nn.Parameter(torch.zeros(places, width, outputs)) if places else None
        self.level = nn.Parameter(torch.zeros(places, outputs)) if places else None
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(
        self, hidden: Float[Tensor, "row length width"], mask: Bool[Tensor, "row length"]
    ) -> Float[Tensor, "batch class"]:
        answer = self.answer(self.read(hidden, mask))
        if self.at is None or self.level is None:
            return answer
        states = self.placed(hidden)
        known = mask[:, : self.places, None]
        at, level = self.at[: states.shape[1]], self.level[: states.shape[1]]
        return answer + torch.einsum("bpw,pwc->bc", states * known, at) + (known * level).sum(1)

    def read(
        self, hidden: Float[Tensor, "row length width"], mask: Bool[Tensor, "row length"]
    ) -> Float[Tensor, "batch joined"]:
        """The statistics, those of an example's views joined."""
        return statistics(hidden, mask).unflatten(0, (-1, self.views)).flatten(1)

    def placed(self, hidden: Float[Tensor, "batch length width"]) -> Float[Tensor, "batch place part"]:
        """The states of the first layer at the places that are read."""
        return hidden[:, : self.places, self.first]


def statistics(
    hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
) -> Float[Tensor, "batch pooled"]:
    """Mean, maximum, minimum and standard deviation over the real tokens, feature by feature."""
    real = mask[..., None]
    count = real.sum(1)
    mean = (hidden * real).sum(1) / count
    spread = ((hidden - mean[:, None]).square() * real).sum(1) / count
    largest = hidden.masked_fill(~real, -math.inf).amax(1)
    least = hidden.masked_fill(~real, math.inf).amin(1)
    return torch.cat([mean, largest, least, spread.clamp_min(1e-12).sqrt()], -1)
