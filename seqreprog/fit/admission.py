"""Whether, and with what weight, the language model is admitted beside the ridge: proven on held-out windows or not.

    weight = argmax_w  mean_b g_b(w) - t * se_b g_b(w),     g_b(w) = what weight w saves of the ridge's error on block b

Held-out windows overlap and share their weather: thousands of them may be worth a dozen. So they are cut into blocks,
and the weight taken is the one whose mean gain over blocks is the largest that one can be sure of: the lower end of a
one-sided 95 % interval (method of batch means: Law and Kelton 2000, section 9.5.3). Where no weight has one above 0,
it is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..data.windows import Windows
from .fitted_forecast import Parts

WEIGHTS = np.linspace(0, 1, 21)
BLOCKS, FEWEST = 10, 5
MANY_SERIES = 20  # from here on blocks are groups of series, below it stretches of time
CONFIDENCE = 0.95
HALF = 0.5


@dataclass(frozen=True)
class Admission:
    """The verdict on held-out windows.

    Attributes:
        weight: of the language model, from 0 to 1.
        blocks: how many blocks judged it.
        gain: share of the ridge's error that the weight saves on them; for weight 0, what the best weight would.
        sure: the lower end of that gain's one-sided 95 % interval.
    """

    weight: float
    blocks: int
    gain: float
    sure: float


@dataclass(frozen=True)
class Judge:
    """Errors over observed targets, in units of each series' scale.

    Attributes:
        loss: `"mse"` or `"mae"`.
        targets: what was observed; `NaN` where missing.
        unit: the scale of each window's series.
    """

    loss: str
    targets: Float[np.ndarray, "window horizon"]
    unit: Float[np.ndarray, "window 1"]

    def each(self, forecast: Float[np.ndarray, "window horizon"]) -> Float[np.ndarray, "window horizon"]:
        error = (forecast - self.targets) / self.unit
        return error**2 if self.loss == "mse" else np.abs(error)

    def __call__(self, forecast: Float[np.ndarray, "window horizon"]) -> float:
        """The mean error."""
        error = self.each(forecast)
        return float(np.nanmean(error)) if np.isfinite(error).any() else float("nan")


def admit(judge: Judge, parts: Parts, block: Int[np.ndarray, " window"]) -> Admission:
    """The language model's weight, 0 unless what it saves on held-out blocks is beyond chance.

    Args:
        judge: the errors.
        parts: what ridge and language model say of the held-out windows.
        block: the block of each window, counted from 0.
    """
    count = int(block.max()) + 1
    return surest(np.array([_block_means(judge.each(parts.mixed(weight)), block, count) for weight in WEIGHTS]))


def surest(errors: Float[np.ndarray, "weight block"]) -> Admission:
    """The weight whose gain over weight 0 is the largest that one can be sure of.

    Args:
        errors: the mean error of each block, for each of `WEIGHTS`.
    """
    count = errors.shape[1]
    whole = errors[0].mean() if errors[0].mean() > 0 else 1.0
    gains = (errors[0] - errors) / whole
    mean = gains.mean(1)
    if count < FEWEST:
        return Admission(0.0, count, float(mean.max()), 0.0)
    sure = mean - _t(count - 1) * gains.std(1, ddof=1) / np.sqrt(count)
    best = int(sure.argmax())  # weight 0 is sure of 0, so nothing below that is ever taken
    return Admission(float(WEIGHTS[best]), count, float(mean[best] if best else mean.max()), float(sure[best]))


def half_or_none(errors: Float[np.ndarray, "two block"]) -> Admission:
    """A weight of a half if it loses no more than weight 0 does, else 0.

    Args:
        errors: the mean error of each block, for the weights 0 and 0.5.
    """
    count = errors.shape[1]
    gains = (errors[0] - errors[1]) / (errors[0].mean() if errors[0].mean() > 0 else 1.0)
    gain = float(gains.mean())
    if count < FEWEST:
        return Admission(0.0, count, gain, 0.0)
    sure = gain - _t(count - 1) * float(gains.std(ddof=1)) / np.sqrt(count)
    return Admission(HALF if gain >= 0 else 0.0, count, gain, float(sure))


def blocks_of(windows: Windows) -> Int[np.ndarray, " window"]:
    """Blocks of held-out windows, nearly independent: groups of series where there are many, else stretches of time.

    A stretch is at least a horizon long, so short held-out parts have few blocks.
    """
    present, place = np.unique(windows.series, return_inverse=True)
    if len(present) >= MANY_SERIES:
        return place % BLOCKS
    first = np.full(len(present), np.iinfo(np.int64).max)
    np.minimum.at(first, place, windows.origins)
    age = windows.origins - first[place]
    span = int(age.max()) + windows.horizon
    count = min(BLOCKS, max(span // windows.horizon, 1))
    return np.minimum(age * count // span, count - 1)


def apart(windows: Windows) -> int:
    """How many windows do not overlap in time, over all series."""
    order = np.lexsort((windows.origins, windows.series))
    series, origins = windows.series[order], windows.origins[order]
    first = np.concatenate([[True], np.diff(series) != 0])
    start = np.maximum.accumulate(np.where(first, origins, 0))
    slot = (origins - start) // windows.horizon
    return int((first | (np.diff(slot, prepend=-1) != 0)).sum())


def _block_means(
    error: Float[np.ndarray, "window horizon"], block: Int[np.ndarray, " window"], count: int
) -> Float[np.ndarray, " block"]:
    seen = np.isfinite(error)
    total = np.bincount(block, weights=np.where(seen, error, 0.0).sum(1), minlength=count)
    return total / np.maximum(np.bincount(block, weights=seen.sum(1), minlength=count), 1)


def _t(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(CONFIDENCE, freedom))
