"""Covariates on one scale: less their mean and in units of their spread, both from the training part of all series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .windows import Panel, Windows

_ROUNDING = 1e-12  # a spread below this share of the mean is rounding noise


@dataclass(frozen=True, eq=False)
class Standards:
    """The scale of each covariate.

    Attributes:
        loc: its mean.
        spread: its standard deviation; 1 for a column that never changes.
    """

    loc: Float[np.ndarray, " column"]
    spread: Float[np.ndarray, " column"]

    @classmethod
    def of(cls, panel: Panel, seen: Bool[np.ndarray, " steps"]) -> Standards:
        """The scale over the steps that are `seen`, of all series together."""
        values = panel.covariates[:, seen]
        there = np.isfinite(values)
        count = np.maximum(there.sum(1), 1)
        loc = np.where(there, values, 0.0).sum(1) / count
        spread = np.sqrt((np.where(there, values - loc[:, None], 0.0) ** 2).sum(1) / count)
        return cls(loc, np.where(spread > _ROUNDING * np.abs(loc), spread, 1.0))

    def cut(
        self, windows: Windows
    ) -> tuple[Float[np.ndarray, "window column span"], Bool[np.ndarray, "window column span"]]:
        """The covariates of windows, 0 where unobserved, and where they were observed."""
        values = windows.covariates()
        observed = np.isfinite(values)
        values -= self.loc[:, None]
        values /= self.spread[:, None]
        return np.where(observed, values, 0.0), observed
