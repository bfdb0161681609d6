"""The seasonal naive against a loop, and the customary seasons."""

from __future__ import annotations

import numpy as np
import pytest

from seqreprog.baselines.seasonal_naive import season_of, seasonal_naive
from seqreprog.errors import ConfigError

NAN = np.nan


def test_seasonal_naive_by_hand() -> None:
    inputs = np.array([[9.0, 1.0, 2.0, 3.0, 4.0], [NAN, NAN, 5.0, NAN, 7.0], [NAN, 8.0, NAN, NAN, NAN], [NAN] * 5])
    expected = [[2, 3, 4, 2], [5, 7, 7, 5], [8, 8, 8, 8], [0, 0, 0, 0]]
    np.testing.assert_array_equal(seasonal_naive(inputs, 4, 3), expected)
    assert seasonal_naive(inputs[:0], 4, 3).shape == (0, 4)


def test_season_of_one_repeats_the_last_value() -> None:
    inputs = np.array([[1.0, 2.0, NAN], [3.0, 4.0, 5.0]])
    np.testing.assert_array_equal(seasonal_naive(inputs, 2, 1), [[2, 2], [5, 5]])


@pytest.mark.parametrize("season", [1, 4, 7, 30])
@pytest.mark.parametrize("missing", [0.0, 0.5, 0.95])
def test_seasonal_naive_equals_a_loop(season: int, missing: float) -> None:
    rng = np.random.default_rng(season)
    inputs = rng.normal(size=(20, 17))
    inputs[rng.random(inputs.shape) < missing] = NAN
    found = seasonal_naive(inputs, 9, season)
    for row, window in enumerate(inputs):
        seen = np.flatnonzero(np.isfinite(window))
        for step in range(9):
            phase = seen[(17 + step - seen) % season == 0]
            answer = window[phase[-1]] if len(phase) else window[seen[-1]] if len(seen) else 0.0
            assert found[row, step] == answer


def test_a_periodic_series_is_forecast_without_error() -> None:
    series = np.tile(np.arange(6.0), 10)
    np.testing.assert_array_equal(seasonal_naive(series[None, :40], 20, 6), series[None, 40:])


def test_impossible_season_is_named() -> None:
    with pytest.raises(ConfigError, match="season=0, horizon=4"):
        seasonal_naive(np.zeros((1, 5)), 4, 0)


@pytest.mark.parametrize(
    ("freq", "season"),
    [
        *(("h", 24), ("H", 24), ("60min", 24), ("2h", 12), ("12h", 2), ("24h", 7), ("5h", 1)),
        *(("30min", 48), ("15min", 96), ("15T", 96), ("min", 1440), ("7min", 1), ("s", 3600), ("10s", 360)),
        *(("900s", 96), ("D", 7), ("1D", 7), ("7D", 1), ("2D", 1), ("B", 5), ("W", 52), ("W-SUN", 52), ("2W-MON", 26)),
        *(("MS", 12), ("ME", 12), ("M", 12), ("3MS", 4), ("QS", 4), ("QE-DEC", 4), ("QS-OCT", 4), ("2QS", 2)),
        *(("YS", 1), ("YE-DEC", 1), ("YS-JAN", 1), ("WOM-1MON", 1), ("ms", 1), (1, 1), (24, 1)),
    ],
)
def test_customary_seasons(freq: str | int, season: int) -> None:
    assert season_of(freq) == season


@pytest.mark.parametrize("freq", ["", "1.5h", "0h", "every hour"])
def test_a_frequency_of_another_form_is_named(freq: str) -> None:
    with pytest.raises(ConfigError, match=f"got '{freq}'"):
        season_of(freq)
