"""Metrics against values worked out by hand, and M4's published figures for the seasonal naive."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqreprog.baselines.seasonal_naive import seasonal_naive
from seqreprog.data.windows import Panel, last_windows
from seqreprog.errors import ConfigError, DataError
from seqreprog.metrics import forecast as metrics

NAN = np.nan
TARGET = np.array([[1.0, 2.0, NAN], [0.0, -4.0, 5.0]])
FORECAST = np.array([[2.0, 2.0, 9.0], [0.0, -1.0, 3.0]])


def test_point_metrics_by_hand() -> None:
    assert metrics.mse(TARGET, FORECAST) == pytest.approx((1 + 0 + 0 + 9 + 4) / 5)
    assert metrics.mae(TARGET, FORECAST) == pytest.approx((1 + 0 + 0 + 3 + 2) / 5)
    assert metrics.smape(TARGET, FORECAST) == pytest.approx(200 * (1 / 3 + 0 + 0 + 3 / 5 + 2 / 8) / 5)


def test_smape_runs_from_0_to_200() -> None:
    zero, one = np.zeros((1, 2)), np.ones((1, 2))
    assert metrics.smape(zero, zero) == 0
    assert metrics.smape(one, zero) == 200
    assert metrics.smape(one, -one) == 200


def test_naive_scales_stay_within_their_series() -> None:
    values = np.array([1.0, 5.0, 2.0, 9.0, 100.0, 100.0, 104.0, 7.0, 3.0, 3.0, 3.0, 3.0, 0.0, NAN, 6.0, 3.0])
    panel = Panel(values, np.array([0, 4, 7, 8, 12, 16]))
    np.testing.assert_allclose(metrics.naive_scales(panel, 2), [(1 + 4) / 2, 4, NAN, NAN, 6])
    assert np.isnan(metrics.naive_scales(panel, 50)).all()
    with pytest.raises(ConfigError, match="got 0"):
        metrics.naive_scales(panel, 0)


def test_mase_divides_by_each_series_scale() -> None:
    assert metrics.mase(TARGET, FORECAST, np.array([1.0, 10.0])) == pytest.approx((1 + 0 + 0 + 0.3 + 0.2) / 5)
    assert metrics.mase(TARGET, FORECAST, np.array([1.0, NAN])) == pytest.approx(0.5)


def test_interval_metrics_by_hand() -> None:
    low, high = FORECAST - 2, FORECAST + 2
    assert metrics.coverage(TARGET, low, high) == pytest.approx(4 / 5)
    assert metrics.interval_width(TARGET, low, np.where(np.isfinite(TARGET), high, 99.0)) == pytest.approx(4)
    assert metrics.coverage(TARGET, np.nan_to_num(TARGET), np.nan_to_num(TARGET)) == 1  # the bounds are within


def test_nothing_observed_gives_nan() -> None:
    target, forecast = np.full((2, 3), NAN), np.zeros((2, 3))
    assert all(np.isnan(f(target, forecast)) for f in (metrics.mse, metrics.mae, metrics.smape))
    assert np.isnan(metrics.coverage(target, forecast, forecast))


def test_a_missing_forecast_is_refused() -> None:
    forecast = np.where(FORECAST == -1, NAN, FORECAST)
    with pytest.raises(DataError, match="infinite at 1 of 6 targets"):
        metrics.mae(TARGET, forecast)
    with pytest.raises(DataError, match=r"got \(2, 3\) and \(2, 1\)"):
        metrics.mse(TARGET, FORECAST[:, :1])


# --- bootstrap -------------------------------------------------------------------------------------------------------


def test_bootstrap_reports_the_sample_and_is_seeded() -> None:
    rng = np.random.default_rng(0)
    theirs = rng.uniform(1, 2, size=(50, 3, 2))
    ours = theirs * 0.9
    ours[4, 1] = NAN
    seen = np.isfinite(ours)
    found = metrics.paired_bootstrap(ours, theirs, block=7)
    assert found.mean == pytest.approx((ours - theirs)[seen].mean())
    assert found.relative == pytest.approx(-0.1)
    assert found.relative_low == pytest.approx(-0.1)
    assert found.relative_high == pytest.approx(-0.1)
    assert found.low < found.mean < found.high < 0
    assert found == metrics.paired_bootstrap(ours, theirs, block=7)
    assert found != metrics.paired_bootstrap(ours, theirs, block=7, seed=1)


@pytest.mark.parametrize("count", [12, 13, 18])
def test_bootstrap_draws_exactly_as_many_windows_as_there_are(count: int) -> None:
    """With a constant difference every resample has the same sum, whatever is left over of the last block."""
    found = metrics.paired_bootstrap(np.full(count, 3.0), np.full(count, 2.0), block=6, draws=50)
    np.testing.assert_allclose(found, [1, 1, 1, 0.5, 0.5, 0.5])


def test_whole_blocks_have_no_variance_but_of_where_they_start() -> None:
    """One block of all windows is the sample itself: an interval of no width."""
    errors = np.random.default_rng(0).normal(size=30)
    found = metrics.paired_bootstrap(errors, np.ones(30), block=30)
    assert found.low == pytest.approx(found.mean)
    assert found.high == pytest.approx(found.mean)


@pytest.mark.parametrize(("memory", "block"), [(0.0, 1), (0.6, 15)])
def test_bootstrap_covers_a_known_mean(memory: float, block: int) -> None:
    """About 95 of 100 intervals hold the true mean, also for windows that resemble their neighbours."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        noise = rng.normal(size=400)
        for step in range(1, 400):
            noise[step] += memory * noise[step - 1]
        found = metrics.paired_bootstrap(5 + 0.3 + noise, np.full(400, 5.0), block=block, draws=300)
        held += found.low <= 0.3 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_too_long_a_block_is_named() -> None:
    with pytest.raises(ConfigError, match=r"number of windows, 5; got 6"):
        metrics.paired_bootstrap(np.ones(5), np.ones(5), block=6)


# --- published figures -----------------------------------------------------------------------------------------------


def read_m4(path: Path) -> list[np.ndarray]:
    with path.open() as lines:
        return [np.array([float(cell) for cell in row[1:] if cell]) for row in list(csv.reader(lines))[1:]]


def test_the_seasonal_naive_has_the_official_m4_hourly_figures(real_data: Callable[..., Path]) -> None:
    train = read_m4(real_data("forecast_short", "M4_hourly", "Hourly-train.csv"))
    target = np.stack(read_m4(real_data("forecast_short", "M4_hourly", "Hourly-test.csv")))
    panel = Panel(np.concatenate(train), np.concatenate([[0], np.cumsum([len(series) for series in train])]))
    forecast = seasonal_naive(last_windows(panel, 168, 48).inputs(), 48, 24)
    assert round(metrics.smape(target, forecast), 3) == 13.912
    assert round(metrics.mase(target, forecast, metrics.naive_scales(panel, 24)), 3) == 1.193
