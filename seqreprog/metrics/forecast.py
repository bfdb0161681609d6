"""Textbook formulas, numpy in, float out: point errors, interval quality, and the interval of a paired difference.

A missing target (`NaN`) counts nowhere; a missing forecast of an observed target is an error, or silence would win.
Sources: Hyndman and Koehler 2006 (MASE); Makridakis et al. 2020 (M4: sMAPE on 0 to 200 %, MASE's in-sample scale);
Kuensch 1989, Politis and Romano 1992 (block bootstrap).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..data.windows import Panel
from ..errors import ConfigError, DataError

Values = Float[np.ndarray, "..."]  # of one shape, whichever: any axes may be averaged together


def squared_error(target: Values, forecast: Values) -> Values:
    """(y - f)^2, `NaN` where the target is missing."""
    return _difference(target, forecast) ** 2


def absolute_error(target: Values, forecast: Values) -> Values:
    """|y - f|, `NaN` where the target is missing."""
    return np.abs(_difference(target, forecast))


def symmetric_error(target: Values, forecast: Values) -> Values:
    """200 |y - f| / (|y| + |f|), in percent; 0 where both are 0; `NaN` where the target is missing."""
    error, size = absolute_error(target, forecast), np.abs(target) + np.abs(forecast)
    return np.where(np.isfinite(error) & (size == 0), 0.0, 200 * error / np.where(size == 0, 1.0, size))


def mse(target: Values, forecast: Values) -> float:
    """Mean squared error over the observed targets."""
    return _mean(squared_error(target, forecast))


def mae(target: Values, forecast: Values) -> float:
    """Mean absolute error over the observed targets."""
    return _mean(absolute_error(target, forecast))


def smape(target: Values, forecast: Values) -> float:
    """Symmetric mean absolute percentage error, 0 to 200 (percent), as in M4."""
    return _mean(symmetric_error(target, forecast))


def mase(
    target: Float[np.ndarray, "window horizon"],
    forecast: Float[np.ndarray, "window horizon"],
    scale: Float[np.ndarray, " window"],
) -> float:
    """Mean absolute error in units of each window's in-sample seasonal naive error.

    Args:
        target: observations; `NaN` where missing.
        forecast: forecasts.
        scale: `naive_scales(history, season)[windows.series]`; windows whose scale is `NaN` are left out.
    """
    return _mean(absolute_error(target, forecast) / scale[:, None])


def naive_scales(history: Panel, season: int) -> Float[np.ndarray, " series"]:
    """Each series' in-sample error of the seasonal naive: the mean of |y_t - y_(t-season)| over its history.

    `NaN` where that is 0 or unknown: such a series has no MASE. In M4 the history is the training part alone.
    """
    if season < 1:
        raise ConfigError(f"a season must be at least 1 step; got {season}")
    owner = np.repeat(np.arange(len(history)), history.lengths)
    step = np.abs(history.values[season:] - history.values[:-season])
    valid = np.isfinite(step) & (owner[season:] == owner[:-season])
    scale = _group_mean(np.where(valid, step, np.nan), owner[season:], len(history))
    return np.where(scale > 0, scale, np.nan)


def coverage(target: Values, low: Values, high: Values) -> float:
    """The share of observed targets within [low, high], 0 to 1."""
    inside = (_difference(target, low) >= 0) & (_difference(target, high) <= 0)
    return _mean(np.where(np.isfinite(target), inside, np.nan))


def interval_width(target: Values, low: Values, high: Values) -> float:
    """Mean of high - low where the target is observed: what a coverage was bought with."""
    _difference(target, low), _difference(target, high)  # for their checks
    return _mean(np.where(np.isfinite(target), high - low, np.nan))


class PairedDifference(NamedTuple):
    """How much `ours` lies above `theirs` (below 0 is better), with the interval of its bootstrap distribution.

    Attributes:
        mean: mean of ours - theirs; `low`, `high`: its interval.
        relative: (sum ours - sum theirs) / sum theirs; `relative_low`, `relative_high`: its interval.
    """

    mean: float
    low: float
    high: float
    relative: float
    relative_low: float
    relative_high: float


def paired_bootstrap(
    ours: Float[np.ndarray, "window ..."],
    theirs: Float[np.ndarray, "window ..."],
    *,
    block: int,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> PairedDifference:
    """Moving-block bootstrap of a paired mean difference: neighbouring windows are alike and are drawn together.

    Blocks wrap around from the last window to the first, so that the bootstrap's mean is the sample's. All other axes
    (series, steps) of a window are drawn with it, which keeps their dependence.

    Args:
        ours: errors, windows in time order along the first axis; `NaN` where missing.
        theirs: errors of the other forecaster at the same places.
        block: consecutive windows drawn together; at least as many as overlap in time (horizon / step).
        level: the interval's coverage.
        draws: bootstrap samples.
        seed: of the draws.
    """
    count = len(ours)
    if not 1 <= block <= count:
        raise ConfigError(f"block must lie between 1 and the number of windows, {count}; got {block}")
    _same_shape(ours, theirs)
    both = np.isfinite(ours) & np.isfinite(theirs)
    axes = tuple(range(1, ours.ndim))
    sums = np.stack([np.where(both, part, 0.0).sum(axis=axes) for part in (ours, theirs, np.ones_like(ours))], axis=1)
    starts = np.random.default_rng(seed).integers(count, size=(draws, -(-count // block)))
    stops = starts + np.where(np.arange(starts.shape[1]) * block + block <= count, block, count % block)
    running = np.concatenate([np.zeros((1, 3)), np.cumsum(np.concatenate([sums, sums]), axis=0)])
    means, ratios = _compare((running[stops] - running[starts]).sum(axis=1))
    mean, relative = _compare(sums.sum(axis=0, keepdims=True))
    tails = [50 * (1 - level), 50 * (1 + level)]
    (low, high), (relative_low, relative_high) = np.percentile(means, tails), np.percentile(ratios, tails)
    return PairedDifference(*map(float, (mean[0], low, high, relative[0], relative_low, relative_high)))


def _compare(sums: Float[np.ndarray, "draw 3"]) -> tuple[np.ndarray, np.ndarray]:
    ours, theirs, count = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):  # a faultless rival makes the ratio infinite or NaN, rightly
        return (ours - theirs) / count, (ours - theirs) / theirs


def _same_shape(target: np.ndarray, forecast: np.ndarray) -> None:
    if target.shape != forecast.shape:
        raise DataError(f"targets and forecasts must have one shape; got {target.shape} and {forecast.shape}")


def _difference(target: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    _same_shape(target, forecast)
    absent = int((np.isfinite(target) & ~np.isfinite(forecast)).sum())
    if absent:
        raise DataError(f"the forecast is missing or infinite at {absent} of {target.size} targets, all observed")
    return np.where(np.isfinite(target), target - forecast, np.nan)


def _mean(values: np.ndarray) -> float:
    seen = np.isfinite(values)
    return float(values[seen].mean()) if seen.any() else float("nan")


def _group_mean(values: np.ndarray, owner: np.ndarray, count: int) -> np.ndarray:
    seen = np.isfinite(values)
    total = np.bincount(owner[seen], weights=values[seen], minlength=count)
    number = np.bincount(owner[seen], minlength=count)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
