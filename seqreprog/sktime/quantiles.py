"""Quantiles at any level from those that were fitted: linear in the standard-normal score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri


def quantiles_at(
    asked: Sequence[float],
    levels: Sequence[float],
    point: Float[np.ndarray, "series step"],
    quantiles: Float[np.ndarray, "series step level"],
) -> Float[np.ndarray, "series step asked"]:
    """Quantiles at `asked`, exact at the fitted levels, with the point forecast as that of 0.5.

    Between two fitted levels, and beyond the outermost, the quantile is linear in the standard-normal score of its
    level, as it is for a normal distribution. It rises with the level wherever the fitted ones do.

    Args:
        asked: levels between 0 and 1, in any order.
        levels: the fitted ones, in rising order and without 0.5.
        point: the point forecast.
        quantiles: at `levels`.
    """
    below = sum(level < 0.5 for level in levels)
    score = np.insert(ndtri(np.asarray(levels, dtype=np.float64)), below, 0.0)
    value = np.concatenate([quantiles[..., :below], point[..., None], quantiles[..., below:]], axis=-1)
    wanted = ndtri(np.asarray(asked, dtype=np.float64))
    cell = np.clip(np.searchsorted(score, wanted, side="right") - 1, 0, len(score) - 2)
    share = (wanted - score[cell]) / (score[cell + 1] - score[cell])
    low, high = value[..., cell], value[..., cell + 1]
    line = low + share * (high - low)
    line = np.where(share < 1, np.minimum(line, high), np.maximum(line, high))  # rounding must not cross a fitted one
    return np.where(share == 1, high, line)
