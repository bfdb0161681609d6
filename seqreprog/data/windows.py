"""Windows by index arithmetic: never materialised all at once, never across a border in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from ..errors import ConfigError

MIN_CONTEXT = 2  # a window must have seen two steps, or it has neither level nor spread


@dataclass(frozen=True)
class Panel:
    """Many series end to end in one flat array; `NaN` marks a missing value.

    Attributes:
        values: all observations, series after series, in time order, float64 (a series at 1e9 keeps its shape).
        offsets: series `i` is `values[offsets[i]:offsets[i + 1]]`.
        covariates: what else is known of each step, a row for each column; none by default.
        ahead: how many of these, the first ones, are known of steps to come as well.
        texts: distinct sentences; none by default.
        topics: which of them is said of each series.
    """

    values: Float[np.ndarray, " steps"]
    offsets: Int[np.ndarray, " series_plus_one"]
    covariates: Float[np.ndarray, "column steps"] = field(default_factory=lambda: np.empty((0, 0)))
    ahead: int = 0
    texts: tuple[str, ...] = ()
    topics: Int[np.ndarray, " series"] | None = None

    def __post_init__(self) -> None:
        if not len(self.covariates):
            object.__setattr__(self, "covariates", np.empty((0, len(self.values))))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int[np.ndarray, " series"]:
        return np.diff(self.offsets)

    def scales(self) -> Float[np.ndarray, " series"]:
        """The standard deviation of each series (1 where it is zero or unknown), without a loop over series."""
        seen = np.isfinite(self.values)
        filled = np.where(seen, self.values, 0.0)
        owner = np.repeat(np.arange(len(self)), self.lengths)
        count = np.maximum(_sum_by(owner, seen.astype(float), len(self)), 1)
        mean = _sum_by(owner, filled, len(self)) / count
        centred = np.where(seen, self.values - np.repeat(mean, self.lengths), 0.0)
        std = np.sqrt(_sum_by(owner, centred**2, len(self)) / count)
        tiny = 1e-12 * np.abs(mean)  # below this the spread is rounding noise of the level
        return np.where((std > tiny) & (std > 0), std, 1.0)

    def until(self, stop: Int[np.ndarray, " series"]) -> Panel:
        """Each series up to its step `stop` (exclusive)."""
        place = np.arange(len(self.values)) - np.repeat(self.offsets[:-1], self.lengths)
        return self._kept(place < np.repeat(stop, self.lengths), np.clip(stop, 0, self.lengths))

    def take(self, order: Int[np.ndarray, " taken"]) -> Panel:
        """The series at `order`, in that order."""
        lengths = self.lengths[order]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        where = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][order] - offsets[:-1], lengths)
        topics = None if self.topics is None else self.topics[order]
        return replace(
            self, values=self.values[where], offsets=offsets, covariates=self.covariates[:, where], topics=topics
        )

    def tail(self, steps: int) -> Panel:
        """The last `steps` steps of each series, or all of a shorter one."""
        left = np.repeat(self.offsets[1:], self.lengths) - np.arange(len(self.values))
        return self._kept(left <= steps, np.minimum(self.lengths, steps))

    def extended(self, future: Float[np.ndarray, "series known step"]) -> Panel:
        """Each series with steps to come: the target is unobserved there, and so is what is known of the past alone.

        Args:
            future: the first `ahead` covariates at these steps; `NaN` where unknown.
        """
        steps = future.shape[2]
        ends = np.repeat(self.offsets[1:], steps)
        later = np.full((len(self.covariates), len(ends)), np.nan)
        later[: self.ahead] = future.transpose(1, 0, 2).reshape(self.ahead, len(ends))
        return replace(
            self,
            values=np.insert(self.values, ends, np.nan),
            offsets=self.offsets + steps * np.arange(len(self.offsets)),
            covariates=np.insert(self.covariates, ends, later, axis=1),
        )

    def _kept(self, kept: Bool[np.ndarray, " steps"], lengths: Int[np.ndarray, " series"]) -> Panel:
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return replace(self, values=self.values[kept], offsets=offsets, covariates=self.covariates[:, kept])


@dataclass(frozen=True)
class Windows:
    """Where windows stand in a `Panel`; cutting them out is one vectorised take.

    Attributes:
        panel: the series.
        series: the series of each window.
        origins: the flat index of the first step after each window's context.
        context: steps read; a window that starts before its series is padded there.
        horizon: steps to forecast.
    """

    panel: Panel
    series: Int[np.ndarray, " window"]
    origins: Int[np.ndarray, " window"]
    context: int
    horizon: int

    def __len__(self) -> int:
        return len(self.origins)

    def take(self, index: np.ndarray | slice) -> Windows:
        """The windows at `index`, still only as positions."""
        return Windows(self.panel, self.series[index], self.origins[index], self.context, self.horizon)

    def thin(self, limit: int | None) -> Windows:
        """At most `limit` windows, one drawn from each of `limit` equal stretches; all of them for `None`.

        Drawn, not evenly spaced: a spacing near the season would show one hour of the day alone. Always the same draw.
        """
        if limit is None or len(self) <= limit:
            return self
        edges = np.linspace(0, len(self), limit + 1)
        place = edges[:-1] + np.random.default_rng(0).random(limit) * np.diff(edges)
        return self.take(np.minimum(place.astype(np.int64), len(self) - 1))

    def chunks(self, size: int) -> Iterator[Windows]:
        """The same windows in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))

    def inputs(self) -> Float[np.ndarray, "window context"]:
        """The contexts, in the series' own units; `NaN` where padded or missing."""
        return self._cut(self.panel.values, -self.context, self.context)

    def targets(self) -> Float[np.ndarray, "window horizon"]:
        """The steps to forecast, in the series' own units; `NaN` where missing or past the end of the series."""
        return self._cut(self.panel.values, 0, self.horizon)

    def covariates(self) -> Float[np.ndarray, "window column span"]:
        """What stands beside the targets, over the context and, where any is known of it, over the horizon.

        `NaN` where padded or missing; over the horizon also for columns that are known of the past alone.
        """
        panel, span = self.panel, self.context + (self.horizon if self.panel.ahead else 0)
        found = np.full((len(self), len(panel.covariates), span), np.nan)
        for place, column in enumerate(panel.covariates):
            count = span if place < panel.ahead else self.context
            found[:, place, :count] = self._cut(column, -self.context, count)
        return found

    def _cut(self, values: Float[np.ndarray, " steps"], first: int, count: int) -> Float[np.ndarray, "window step"]:
        """`count` steps of each window, from `first` steps after its origin."""
        begin = self.origins + first
        low, high = self.panel.offsets[self.series], self.panel.offsets[self.series + 1]
        whole = (begin >= low) & (begin + count <= high)
        if len(begin) and whole.all():
            return np.lib.stride_tricks.sliding_window_view(values, count)[begin]  # whole rows: three times as fast
        cut = np.full((len(begin), count), np.nan)
        if whole.any():
            cut[whole] = np.lib.stride_tricks.sliding_window_view(values, count)[begin[whole]]
        if len(values):
            where, edge = begin[~whole, None] + np.arange(count), ~whole
            inside = (where >= low[edge, None]) & (where < high[edge, None])
            cut[edge] = np.where(inside, values.take(where, mode="clip"), np.nan)
        return cut

    def informative(self) -> Windows:
        """Those with at least one observed step in their context and one among their targets."""
        last = self.panel.offsets[self.series + 1]
        kept = self.sighted() & self._some(self.origins, np.minimum(self.origins + self.horizon, last))
        return self if kept.all() else self.take(kept)

    def sighted(self) -> Bool[np.ndarray, " window"]:
        """Which have at least one observed step in their context."""
        first = self.panel.offsets[self.series]
        return self._some(np.maximum(self.origins - self.context, first), self.origins)

    def _some(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """Whether anything was observed from flat index `start` to `stop` (exclusive)."""
        seen = np.concatenate([[0], np.cumsum(np.isfinite(self.panel.values))])
        return seen[stop] > seen[start]


def last_windows(panel: Panel, context: int, horizon: int, ahead: int = 0) -> Windows:
    """One window per series, `ahead` steps before its end (`Panel.extended`): what `predict` forecasts from."""
    series = np.arange(len(panel))
    return Windows(panel, series, panel.offsets[1:] - ahead, context, horizon)


def windows_between(panel: Panel, context: int, horizon: int, *, start: np.ndarray, stop: np.ndarray) -> Windows:
    """Every window whose targets lie in steps `start[i]` (inclusive) to `stop[i]` (exclusive) of series `i`.

    Contexts may reach back before `start`, as in the long-horizon protocol. A window needs `MIN_CONTEXT` steps before
    it.

    Args:
        panel: the series.
        context: steps read.
        horizon: steps to forecast.
        start: per series, the first step a target may have (counted from the series' own beginning).
        stop: per series, the step after the last a target may have.
    """
    if horizon < 1 or context < MIN_CONTEXT:
        raise ConfigError(
            f"context must be at least {MIN_CONTEXT} and horizon at least 1; got context={context}, horizon={horizon}"
        )
    first = np.maximum(start, MIN_CONTEXT)
    count = np.maximum(np.minimum(stop, panel.lengths) - horizon - first + 1, 0)
    series = np.repeat(np.arange(len(panel)), count)
    rank = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    origins = panel.offsets[:-1][series] + first[series] + rank
    return Windows(panel, series, origins, context, horizon)


def rolling_windows(panel: Panel, context: int, horizon: int, *, count: int, step: int) -> Windows:
    """The last `count` origins of each series, `step` apart, in time order, but those it is too short for."""
    back = horizon + step * np.arange(count - 1, -1, -1)
    place = panel.lengths[:, None] - back
    series, kept = np.nonzero(place >= MIN_CONTEXT)
    return Windows(panel, series, panel.offsets[:-1][series] + place[series, kept], context, horizon)


@dataclass(frozen=True)
class Split:
    """Training and validation windows, apart in time (no training target is after a series' border) or by series."""

    train: Windows
    validation: Windows


def split_in_time(panel: Panel, context: int, horizon: int, validation: float) -> Split:
    """The last part of each series validates, the rest trains.

    The validation targets of a series are its last `max(horizon, validation * length)` steps. A series too short to
    hold out a whole horizon and still train on one (fewer than `2 * horizon + 2` steps) gives all its windows to
    training. Windows without an observed input or target are left out. Contexts are padded only in series that offer
    less than a horizon of origins with whole ones.

    Args:
        panel: the series.
        context: steps read.
        horizon: steps to forecast.
        validation: the fraction of each series that validates.
    """
    length = panel.lengths
    holds_out = length >= 2 * horizon + MIN_CONTEXT
    held = np.maximum(horizon, np.ceil(validation * length).astype(np.int64))
    border = np.where(holds_out, np.maximum(length - held, horizon + MIN_CONTEXT), length)
    begin = np.where(border >= context + 2 * horizon, context, _half(border, context, horizon))
    train = windows_between(panel, context, horizon, start=begin, stop=border).informative()
    return Split(train, windows_between(panel, context, horizon, start=border, stop=length).informative())


def split_by_series(panel: Panel, context: int, horizon: int, validation: float, seed: int) -> Split:
    """Whole series validate, the others train: for forecasts of series that were never seen.

    Series with the same sentence stay on one side, or a sentence learned by heart would pass for one understood. The
    share is of sentences then, rounded, at least one; with nothing to tell apart all series train. Those that are too
    short for a window are not counted. Contexts are padded only in series too short for a whole one.

    Args:
        panel: the series.
        context: steps read.
        horizon: steps to forecast.
        validation: the fraction of the series that validates.
        seed: of the draw.
    """
    groups = np.arange(len(panel))
    if panel.topics is not None:
        groups = np.unique(np.array(panel.texts)[panel.topics], return_inverse=True)[1]
    length = panel.lengths
    begin = np.where(length >= context + horizon, context, _half(length, context, horizon))
    windows = windows_between(panel, context, horizon, start=begin, stop=length).informative()
    there = np.unique(groups[windows.series])  # a series without windows can neither train nor validate
    count = max(min(max(round(validation * len(there)), 1), len(there) - 1), 0)
    drawn = there[np.random.default_rng(seed).permutation(len(there))[:count]]
    held = np.isin(groups, drawn)[windows.series]
    return Split(windows.take(~held), windows.take(held))


def _half(border: np.ndarray, context: int, horizon: int) -> Int[np.ndarray, " series"]:
    """The first target where contexts are padded: half of what stands before a border, less its last horizon."""
    return np.minimum(context, np.maximum(MIN_CONTEXT, (border - horizon) // 2))


def borders_in_time(panel: Panel, context: int, horizon: int, borders: tuple[int, int, int]) -> tuple[Split, Windows]:
    """The long-horizon protocol: targets before `borders[0]` train, to `borders[1]` validate, to `borders[2]` test.

    Source: Zhou et al. 2021 (Informer), the ETT borders; contexts reach back over a border, targets never do.
    """
    sides = (np.full(len(panel), context), *(np.full(len(panel), border) for border in borders))
    parts = [windows_between(panel, context, horizon, start=start, stop=stop) for start, stop in pairwise(sides)]
    return Split(parts[0], parts[1]), parts[2]


def _sum_by(owner: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(owner, weights=values, minlength=size)
