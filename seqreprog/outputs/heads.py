"""Output mappings with weights: the flatten head (Nie et al. 2023; Time-LLM, section 3.1, "output projection")."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..types import Forecast
from .dropout import Dropout


class ForecastHead(nn.Module):
    """Hidden states to a point forecast and quantiles that never cross.

        z_i = P h_i,   y = W [z_1 ; ... ; z_L],   q_above = y + sum softplus(.),   q_below = y - sum softplus(.)

    `P` is `project`, `W` is `point`; the softplus steps come from `steps`, read from the mean of the `z_i`.

    Differs from the authors' code: hidden states are projected down by a learned map (they keep the first `d_ff` of D
    features and throw the rest away), dropout sits on the features and not on the forecast, and there are quantiles.
    The quantiles read the features but do not shape them, so the point forecast is the same whatever levels are asked
    for.
    """

    def __init__(
        self, *, width: int, length: int, horizon: int, quantiles: Sequence[float], features: int, dropout: float
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.below, self.above = (sum(level < 0.5 for level in quantiles), sum(level >= 0.5 for level in quantiles))
        self.project = nn.Linear(width, features)
        self.drop = Dropout(dropout)
        self.point = nn.Linear(features * length, horizon)
        self.steps = nn.Linear(features, horizon * len(quantiles)) if quantiles else None
        nn.init.zeros_(self.point.weight)  # the first forecast is the base alone
        nn.init.zeros_(self.point.bias)

    def forward(self, hidden: Float[Tensor, "row length width"], channels: int) -> Forecast:
        features = self.project(hidden)
        point = self.point(self.drop(features.flatten(1)))
        quantiles = self._quantiles(features.detach(), point.detach())
        return Forecast(point.unflatten(0, (-1, channels)), quantiles.unflatten(0, (-1, channels)))

    def _quantiles(
        self, features: Float[Tensor, "row length feature"], point: Float[Tensor, "row horizon"]
    ) -> Float[Tensor, "row horizon level"]:
        centre = point[..., None]
        if self.steps is None:
            return centre[..., :0]
        steps = functional.softplus(self.steps(features.mean(1)).unflatten(-1, (self.horizon, -1)))
        below = centre - steps[..., : self.below].flip(-1).cumsum(-1).flip(-1)
        above = centre + steps[..., self.below :].cumsum(-1)
        return torch.cat([below, above], -1)
