"""What the ridge reads of the covariates: a few of their steps; the whole matrix would be too wide for small sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..data.windows import Windows

MAX_SHARED = 1024  # entries that covariates add to what all steps read
MAX_OWN = 2048  # entries that they add to what single steps read, all steps together
AROUND = 2  # steps before and after the forecast one


@dataclass(frozen=True)
class View:
    """Which steps of the covariates are read.

    Attributes:
        reach: of every covariate the last steps of the context.
        around: of those known ahead the forecast step and as many before and after it; `None` for none of them.
    """

    reach: int = 0
    around: int | None = None

    def shared(
        self, values: Float[np.ndarray, "window context"], covariates: Float[np.ndarray, "window column span"]
    ) -> Float[np.ndarray, "window feature"]:
        """x: what every forecast step reads, the context first."""
        if not self.reach:
            return values
        stop = values.shape[1]
        beside = covariates[:, :, stop - self.reach : stop].reshape(len(values), -1)
        return np.concatenate([values, beside], axis=1)

    def own(
        self, covariates: Float[np.ndarray, "window column span"], ahead: int, horizon: int
    ) -> Float[np.ndarray, "window own horizon"]:
        """z: what each forecast step reads for itself, by column and distance; 0 beyond what is known."""
        around = self.around
        if around is None:
            return np.empty((len(covariates), 0, horizon))
        start = covariates.shape[2] - horizon - around
        known = np.pad(covariates[:, :ahead, start:], ((0, 0), (0, 0), (0, around)))
        return np.lib.stride_tricks.sliding_window_view(known, horizon, axis=2).reshape(len(covariates), -1, horizon)

    def within(
        self, widest: View, context: int, columns: int, ahead: int
    ) -> tuple[Int[np.ndarray, " feature"], Int[np.ndarray, " own"]]:
        """Where the entries of x and z stand among those of a wider view."""
        beside = context + np.arange(columns * widest.reach).reshape(columns, widest.reach)
        feature = np.concatenate([np.arange(context), beside[:, widest.reach - self.reach :].ravel()])
        if self.around is None or widest.around is None:
            return feature, np.arange(0)
        side = 2 * widest.around + 1
        own = np.arange(ahead * side).reshape(ahead, side)
        return feature, own[:, widest.around - self.around : widest.around + self.around + 1].ravel()


NOTHING = View()  # reads no covariate


def views_of(train: Windows) -> tuple[View, ...]:
    """The candidates, the preferred one first, as far as matrices stay small; the last one reads no covariate."""
    columns, ahead = len(train.panel.covariates), train.panel.ahead
    if not columns:
        return (NOTHING,)
    own = 0 if ahead else None
    most = min(train.context, MAX_SHARED // columns)
    near = min(train.horizon, most)
    views = [View(near, own), View(0, own), View(most, own)]
    if ahead and train.context > AROUND and ahead * (2 * AROUND + 1) * train.horizon <= MAX_OWN:
        views.append(View(near, AROUND))
    return tuple(dict.fromkeys([*views, NOTHING]))


def widest(views: Sequence[View]) -> View:
    """A view that holds all the others."""
    around = [view.around for view in views if view.around is not None]
    return View(max(view.reach for view in views), max(around, default=None))
