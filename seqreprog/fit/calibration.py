"""Calibration on what was held out: interval widths whose stated coverage is the one found, and temperatures.

Source: Papadopoulos et al. 2002 and Lei et al. 2018 (split conformal with normalised scores), one side at a time
(Romano et al. 2019, conformalised quantile regression, is the two-sided form). Of probabilities: Guo et al. 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar

ENOUGH = 200  # held-out errors of one step from which that step gets a factor of its own
WIDEST = 3.0  # of the log of a temperature
DOUBT = 1.0  # its standard deviation before anything is seen: few examples that are told apart prove no certainty


def calibrate(
    error: Float[np.ndarray, "window horizon"],
    shape: Float[np.ndarray, "window horizon level"],
    levels: Sequence[float],
    independent: int,
) -> Float[np.ndarray, "horizon level"]:
    """Factors that stretch `shape` so that the share `levels` of held-out errors lies below `factor * shape`.

    Each side keeps its sign (quantiles below 0.5 stay below the point forecast), so quantiles lie around the point. The
    quantile takes the finite-sample rank of split conformal prediction, for as many errors as windows that do not
    overlap: with few of them intervals err on the wide side. With too few for that rank the two quantiles
    of an interval share one factor, that of the interval as a whole: what was seen of one side then counts for both. A
    step with fewer than `ENOUGH` errors shares one factor with all.

    Args:
        error: observed minus forecast on held-out windows; `NaN` where unobserved.
        shape: distance of each quantile from the point, positive, in the same units.
        levels: the quantiles, in rising order; those of an interval lie as far from both ends.
        independent: how many of the windows do not overlap in time.
    """
    horizon = error.shape[1]
    factors = np.ones((horizon, len(levels)))
    few = np.isfinite(error).sum(0) < ENOUGH
    for column, level in enumerate(levels):
        side = 1.0 if level >= 0.5 else -1.0
        score = side * error / shape[..., column]
        rank = max(level, 1 - level)
        if rank_of(rank, independent) > independent:
            score, rank = np.maximum(score, -side * error / shape[..., -1 - column]), 2 * rank - 1
        factors[:, column] = _rank_quantile(score.ravel(), rank, independent)
        for step in np.flatnonzero(~few):
            factors[step, column] = _rank_quantile(score[:, step], rank, independent)
    return np.maximum(factors, 0.0)


def rank_of(level: float, independent: int) -> int:
    """The rank of the score, among so many independent ones, that bounds the next one with that probability."""
    return int(np.ceil((independent + 1) * level - 1e-9))


def spread_out(
    point: Float[np.ndarray, "window horizon"],
    width: Float[np.ndarray, "window horizon level"],
    levels: Sequence[float],
) -> Float[np.ndarray, "window horizon level"]:
    """Quantiles from distances: below the point for levels under 0.5, above it otherwise, and never crossing."""
    middle = sum(level < 0.5 for level in levels)
    below = np.maximum.accumulate(width[..., :middle][..., ::-1], axis=-1)[..., ::-1]
    above = np.maximum.accumulate(width[..., middle:], axis=-1)
    return point[..., None] + np.concatenate([-below, above], axis=-1)


def step_shape(relative: Float[np.ndarray, "window horizon"]) -> Float[np.ndarray, " horizon"]:
    """How errors grow over the horizon: their root mean square per step, in units of the window's spread.

    Where a step was never observed it takes the mean of the others; steps are smoothed over three neighbours.
    """
    seen = np.isfinite(relative)
    count = seen.sum(0)
    square = np.where(seen, relative, 0.0) ** 2
    overall = square.sum() / max(int(count.sum()), 1)
    each = np.where(count > 0, square.sum(0) / np.maximum(count, 1), overall)
    padded = np.pad(each, 1, mode="edge")
    return np.sqrt((padded[:-2] + padded[1:-1] + padded[2:]) / 3) + 1e-12


def likeliest_temperature(lost: Callable[[float], float]) -> float:
    """The temperature `T` of `p = softmax(s / T)`, or of sigmoids, that held-out examples make most likely.

    Before anything is seen its logarithm is normal around 0 with standard deviation `DOUBT`.

    Args:
        lost: the log loss of log-odds divided by a temperature, summed over the held-out examples.

    Source: Guo et al. 2017, section 4.2; the prior is ours.
    """

    def both(log_heat: float) -> float:
        return lost(float(np.exp(log_heat))) + 0.5 * (log_heat / DOUBT) ** 2

    return float(np.exp(minimize_scalar(both, bounds=(-WIDEST, WIDEST), method="bounded").x))


def _rank_quantile(score: np.ndarray, level: float, independent: int) -> float:
    """The quantile whose rank among n independent scores is ceil((n + 1) * level); the largest where n is too small."""
    known = np.sort(score[np.isfinite(score)])
    if not len(known):
        return 1.0
    share = min(rank_of(level, independent) / independent, 1.0)
    return float(known[max(int(np.ceil(share * len(known))), 1) - 1])
