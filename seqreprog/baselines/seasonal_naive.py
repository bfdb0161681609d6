"""The forecasts that a model must beat: the seasonal naive, and the season that a frequency suggests."""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Float

from ..data.calendars import months_of, workdays_of
from ..errors import ConfigError

_SECONDS = {"s": 1, "S": 1, "min": 60, "T": 60, "h": 3600, "H": 3600}
_HOUR, _DAY = 3600, 86400
# The customary period of pandas' calendar frequencies, old and new spellings, in their own steps. Source: GluonTS's
# get_seasonality, but for days and weeks, where it follows M4's 1: 7 and 52 are what such series show.
_PERIODS = {
    **dict.fromkeys(("bh", "BH", "cbh"), 24),
    **dict.fromkeys(("B", "C"), 5),
    **dict.fromkeys(("D",), 7),
    **dict.fromkeys(("W",), 52),
    **dict.fromkeys(("SM", "SME", "SMS"), 24),
    **dict.fromkeys(("M", "MS", "ME", "BM", "BMS", "BME", "CBMS", "CBME"), 12),
    **dict.fromkeys(("Q", "QS", "QE", "BQ", "BQS", "BQE"), 4),
}


def season_of(freq: str | int) -> int:
    """The season, in steps, that a frequency suggests: 24 for 'h', 7 for 'D', 96 for '15min', 12 for 'MS', ...

    Steps below a minute repeat every hour, those below a day every day. 1 (no season) for an integer index, for years,
    and where the steps do not fill the period evenly ('7min', '5D'). A calendar of working days repeats every week, one
    of months every year.

    Raises:
        ConfigError: `freq` is not of pandas' form, such as 'h', '15min' or 'W-SUN'.
    """
    if isinstance(freq, int | np.integer):
        return 1
    if freq.endswith(")"):  # a rule in words
        period, step = workdays_of(freq) or months_of(freq) or (1, 1)
        return 1 if period % step else period // step
    form = re.fullmatch(r"([1-9]\d*)?([A-Za-z]+)(-[\w-]+)?", freq)
    if form is None:
        raise ConfigError(f"freq must be an integer or of pandas' form, such as 'h', '15min' or 'W-SUN'; got {freq!r}")
    step, unit = int(form[1] or 1), form[2]
    if unit in _SECONDS:
        step *= _SECONDS[unit]
        period = _HOUR if step < 60 else _DAY
        if step % _DAY == 0:
            step, period = step // _DAY, _PERIODS["D"]
    else:
        period = _PERIODS.get(unit, 1)
    return 1 if period % step else period // step


def seasonal_naive(
    inputs: Float[np.ndarray, "window context"], horizon: int, season: int
) -> Float[np.ndarray, "window horizon"]:
    """Each step repeats the last observed value of its phase of the season.

    A phase that was never observed repeats the window's last observed value; a window without one repeats 0.

    Args:
        inputs: contexts; `NaN` where padded or missing.
        horizon: steps to forecast.
        season: steps after which the pattern returns; 1 repeats the last value.

    Source: Hyndman and Athanasopoulos 2021, section 5.2.
    """
    if season < 1 or horizon < 1:
        raise ConfigError(f"season and horizon must be at least 1; got season={season}, horizon={horizon}")
    phases = _newest(_cycles(inputs, season))
    last = _newest(inputs[:, :, None])
    cycle = np.where(np.isfinite(phases), phases, np.nan_to_num(last))
    return cycle[:, np.arange(horizon) % season]


def _cycles(inputs: Float[np.ndarray, "window context"], season: int) -> Float[np.ndarray, "window cycle season"]:
    """The context cut into whole seasons, so that the last column holds the newest step; padded on the left."""
    short = -inputs.shape[1] % season
    padded = np.pad(inputs, ((0, 0), (short, 0)), constant_values=np.nan)
    return padded.reshape(len(inputs), padded.shape[1] // season, season)


def _newest(values: Float[np.ndarray, "window cycle phase"]) -> Float[np.ndarray, "window phase"]:
    """The last observed value along the middle axis; `NaN` where there is none."""
    index = values.shape[1] - 1 - np.isfinite(values)[:, ::-1].argmax(axis=1)
    return np.take_along_axis(values, index[:, None, :], axis=1)[:, 0]
