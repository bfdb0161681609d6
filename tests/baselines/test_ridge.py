"""The ridge forecaster: known answers, the exact treatment of missing values, and its laws."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqreprog.baselines import ridge as linear
from seqreprog.baselines.ridge import SCALINGS, RidgeForecaster, Scaling, fit_ridge, scale_windows
from seqreprog.data.windows import Panel, Windows, borders_in_time, split_in_time, windows_between
from seqreprog.errors import ConfigError, DataError

CONTEXT, HORIZON = 6, 3


def panel_of(*series: np.ndarray) -> Panel:
    return Panel(np.concatenate(series).astype(float), np.concatenate([[0], np.cumsum([len(s) for s in series])]))


def walk(length: int, seed: int = 0) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).normal(size=length))


def every_window(panel: Panel) -> Windows:
    length = panel.lengths
    return windows_between(panel, CONTEXT, HORIZON, start=np.full(len(panel), CONTEXT), stop=length)


def none_of(windows: Windows) -> Windows:
    return windows.take(slice(0, 0))


# --- scaling ---------------------------------------------------------------------------------------------------------


def test_scaling_by_hand() -> None:
    inputs, scale = np.array([[np.nan, 1.0, 3.0, np.nan]]), np.array([10.0])
    for scaling, loc, spread, values in (
        ("last", 3.0, 10.0, [0, -0.2, 0, 0]),
        ("mean", 2.0, 10.0, [0, -0.1, 0.1, 0]),
        ("instance", 2.0, 1.0, [0, -1, 1, 0]),
    ):
        scaled = scale_windows(inputs, scaling, scale)
        assert (scaled.loc[0], scaled.spread[0]) == (loc, spread)
        np.testing.assert_allclose(scaled.values, [values])
        np.testing.assert_array_equal(scaled.observed, [[False, True, True, False]])


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("level", [0.0, 5.0, 1e9 + 0.1])
def test_constant_window_takes_the_series_scale(scaling: Scaling, level: float) -> None:
    scaled = scale_windows(np.full((1, 7), level), scaling, np.array([2.5]))
    assert scaled.spread[0] == 2.5
    assert scaled.loc[0] == level
    assert not scaled.values.any()


@pytest.mark.parametrize("scaling", SCALINGS)
def test_window_without_observation_is_finite(scaling: Scaling) -> None:
    scaled = scale_windows(np.full((2, 4), np.nan), scaling, np.array([3.0, 4.0]))
    assert not scaled.observed.any()
    np.testing.assert_array_equal(scaled.loc, [0, 0])
    np.testing.assert_array_equal(scaled.spread, [1, 1])
    assert not scaled.values.any()


def test_unknown_scaling_is_named() -> None:
    with pytest.raises(ConfigError, match=r"one of 'mean', 'last', 'instance'; got 'zscore'"):
        inspect.unwrap(scale_windows)(np.zeros((1, 4)), "zscore", np.ones(1))  # past the tests' own check of types


# --- known answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_linear_rule_is_recovered(scaling: Scaling) -> None:
    """x_t = 2 cos(w) x_(t-1) - x_(t-2) plus any level: y - loc is linear in x - loc for each of the three locs."""
    time = np.arange(400)
    series = [level + size * np.sin(0.7 * time + phase) for level, size, phase in ((0, 1, 0), (50, 3, 1), (-9, 0.2, 2))]
    panel = panel_of(*series)
    windows = every_window(panel)
    ridge = fit_ridge(windows, none_of(windows), series_scale=panel.scales(), scalings=(scaling,), penalties=(1e-12,))
    assert ridge.penalty == linear.DEFAULT_PENALTY
    ridge = fit_ridge(windows, windows, series_scale=panel.scales(), scalings=(scaling,), penalties=(1e-12, 1.0))
    assert ridge.penalty == 1e-12
    forecast = ridge.forecast(windows.inputs(), panel.scales()[windows.series])
    np.testing.assert_allclose(forecast, windows.targets(), atol=1e-5)


def test_shared_solution_is_ridge_regression() -> None:
    panel = panel_of(walk(80), 5 * walk(60, seed=1))
    windows, scale = every_window(panel), panel.scales()
    ridge = fit_ridge(windows, windows, series_scale=scale, scalings=("mean",), penalties=(0.03,))
    x, _, loc, spread = scale_windows(windows.inputs(), "mean", scale[windows.series])
    y = (windows.targets() - loc[:, None]) / spread[:, None]
    gram = x.T @ x
    gram += 0.03 * np.trace(gram) / CONTEXT * np.eye(CONTEXT)
    np.testing.assert_allclose(ridge.weights, np.linalg.solve(gram, x.T @ y), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("block_floats", [1, 2 * CONTEXT**2, 10**6])
@pytest.mark.parametrize("chunk_floats", [50, 10**6])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_missing_values_equal_least_squares_step_by_step(
    scaling: Scaling, chunk_floats: int, block_floats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "_CHUNK_FLOATS", chunk_floats)
    monkeypatch.setattr(linear, "_GRAM_FLOATS", block_floats)
    values = walk(120)
    values[np.random.default_rng(1).random(120) < 0.2] = np.nan
    values[40:60] = np.nan  # an outage longer than a window: some see nothing at all
    panel = panel_of(values, walk(30, seed=2))
    windows, scale = every_window(panel), panel.scales()
    ridge = fit_ridge(windows, windows, series_scale=scale, scalings=(scaling,), penalties=(0.01,))
    x, observed, loc, spread = scale_windows(windows.inputs(), scaling, scale[windows.series])
    y = (windows.targets() - loc[:, None]) / spread[:, None]
    for step in range(HORIZON):
        keep = np.isfinite(y[:, step]) & observed.any(axis=1)
        root = np.sqrt(0.01 * (x[keep] ** 2).sum() / CONTEXT)
        rows = np.concatenate([x[keep], root * np.eye(CONTEXT)])
        answer = np.linalg.lstsq(rows, np.concatenate([y[keep, step], np.zeros(CONTEXT)]), rcond=None)[0]
        np.testing.assert_allclose(ridge.weights[:, step], answer, rtol=1e-8, atol=1e-10)


def test_a_step_never_observed_is_forecast_as_the_level() -> None:
    values = np.full(80, np.nan)
    values[::4] = walk(20)
    panel = panel_of(values)
    windows = every_window(panel)
    windows = windows.take(windows.origins % 4 == 2)  # which see their last step alone
    ridge = fit_ridge(windows, windows, series_scale=panel.scales(), scalings=("last",), penalties=(0.1,))
    assert not ridge.weights[:, :2].any()
    assert ridge.weights[:, 2].any()


# --- choice ----------------------------------------------------------------------------------------------------------


def test_validation_chooses_scaling_and_penalty() -> None:
    """A random walk is forecast by its last value, noise about a level by its mean, and both by a strong penalty."""
    noise = np.random.default_rng(5).normal(size=600) + np.repeat([0.0, 30.0], 300)
    for series, best in ((walk(600, seed=4), "last"), (noise, "mean")):
        panel = panel_of(series)
        split = split_in_time(panel, CONTEXT, HORIZON, 0.3)
        ridge = fit_ridge(
            split.train, split.validation, series_scale=panel.scales(), scalings=("last", "mean"), penalties=(1e6, 1e8)
        )
        assert ridge.scaling == best


def test_missing_targets_do_not_weigh_in_the_choice() -> None:
    panel = panel_of(walk(200))
    split = split_in_time(panel, CONTEXT, HORIZON, 0.3)
    values = panel.values.copy()
    values[-10:] = np.nan
    holed = Panel(values, panel.offsets)
    seen = split.validation.take(slice(0, -10))
    holed_validation = Windows(holed, split.validation.series, split.validation.origins, CONTEXT, HORIZON)
    scale = panel.scales()
    whole = fit_ridge(split.train, seen, series_scale=scale)
    with_holes = fit_ridge(split.train, holed_validation, series_scale=scale)
    np.testing.assert_allclose(with_holes.weights, whole.weights)


@pytest.mark.parametrize("missing", [False, True])
def test_without_validation_the_defaults_are_taken(missing: bool) -> None:
    panel = panel_of(walk(12))
    windows = every_window(panel)
    blind = Panel(np.full(12, np.nan), panel.offsets)
    empty = Windows(blind, windows.series, windows.origins, CONTEXT, HORIZON) if missing else none_of(windows)
    ridge = fit_ridge(windows, empty, series_scale=panel.scales())
    assert (ridge.scaling, ridge.penalty) == ("last", linear.DEFAULT_PENALTY)


def test_thinning_bounds_the_windows_and_changes_the_fit() -> None:
    panel = panel_of(walk(500))
    windows, scale = every_window(panel), panel.scales()
    few = fit_ridge(windows, none_of(windows), series_scale=scale, max_windows=20)
    same = fit_ridge(windows.thin(20), none_of(windows), series_scale=scale)
    every = fit_ridge(windows, none_of(windows), series_scale=scale, max_windows=None)
    np.testing.assert_array_equal(few.weights, same.weights)
    assert not np.allclose(few.weights, every.weights)


# --- laws ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(("shift", "size"), [(1e9, 1.0), (0.0, 1e-12), (-3.0, 7.0)])
def test_affine_equivariance(scaling: Scaling, shift: float, size: float) -> None:
    plain, moved = panel_of(walk(300)), panel_of(shift + size * walk(300))
    forecasts = []
    for panel in (plain, moved):
        split = split_in_time(panel, CONTEXT, HORIZON, 0.3)
        ridge = fit_ridge(split.train, split.validation, series_scale=panel.scales(), scalings=(scaling,))
        forecasts.append(ridge.forecast(split.validation.inputs(), panel.scales()[split.validation.series]))
    spread = size * np.abs(np.diff(plain.values)).mean()
    np.testing.assert_allclose(forecasts[1], shift + size * forecasts[0], rtol=0, atol=1e-5 * spread)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_series_scale_cancels_in_a_forecast(scaling: Scaling) -> None:
    ridge = RidgeForecaster(np.random.default_rng(0).normal(size=(CONTEXT, HORIZON)), scaling, 0.1)
    inputs = np.random.default_rng(1).normal(size=(9, CONTEXT))
    np.testing.assert_allclose(ridge.forecast(inputs, np.ones(9)), ridge.forecast(inputs, np.full(9, 1e7)), rtol=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_window_is_forecast_the_same_alone_padded_or_in_a_batch(scaling: Scaling) -> None:
    rng = np.random.default_rng(0)
    weights, inputs = rng.normal(size=(CONTEXT, HORIZON)), rng.normal(size=(5, CONTEXT))
    inputs[3, :4] = np.nan
    inputs[4] = np.nan
    ridge, scale = RidgeForecaster(weights, scaling, 0.1), np.full(5, 2.0)
    together = ridge.forecast(inputs, scale)
    for row in range(5):
        alone = ridge.forecast(inputs[row : row + 1], scale[:1])
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-12, atol=1e-12)
    short = RidgeForecaster(weights[4:], scaling, 0.1).forecast(inputs[3:4, 4:], scale[:1])
    np.testing.assert_allclose(short[0], together[3], rtol=1e-12)
    assert np.isfinite(together).all()


def test_constant_and_short_series_are_finite() -> None:
    panel = panel_of(np.full(40, 7.0), np.arange(4.0))
    windows = windows_between(panel, CONTEXT, HORIZON, start=np.array([2, 2]), stop=panel.lengths)
    ridge = fit_ridge(windows, windows, series_scale=panel.scales())
    forecast = ridge.forecast(np.full((1, CONTEXT), 7.0), np.ones(1))
    np.testing.assert_array_equal(forecast, [[7.0] * HORIZON])


# --- errors ----------------------------------------------------------------------------------------------------------


def test_wrong_context_is_named() -> None:
    ridge = RidgeForecaster(np.zeros((CONTEXT, HORIZON)), "last", 0.1)
    with pytest.raises(DataError, match="contexts of 6 steps; got 4"):
        ridge.forecast(np.zeros((1, 4)), np.ones(1))


def test_bad_candidates_are_named() -> None:
    panel = panel_of(walk(30))
    windows = every_window(panel)
    with pytest.raises(ConfigError, match=r"penalties=\(0\.0,\)"):
        fit_ridge(windows, windows, series_scale=panel.scales(), penalties=(0.0,))
    with pytest.raises(ConfigError, match=r"scalings=\(\)"):
        fit_ridge(windows, windows, series_scale=panel.scales(), scalings=())


def test_nothing_to_learn_from_is_named() -> None:
    panel = panel_of(np.full(30, np.nan))
    windows = every_window(panel)
    with pytest.raises(DataError, match="none of 22 training windows"):
        fit_ridge(windows, windows, series_scale=panel.scales())


# --- a published set -------------------------------------------------------------------------------------------------


def test_etth1_is_as_good_as_a_linear_map_gets(real_data: Callable[..., Path]) -> None:
    """Official borders, context 512, horizon 96, all 7 channels pooled, all 2785 x 7 test windows."""
    with real_data("forecast_long", "ETTh1", "ETTh1.csv").open() as lines:
        raw = np.array([row[1:] for row in list(csv.reader(lines))[1:14401]], dtype=float)
    scaled = (raw - raw[:8640].mean(axis=0)) / raw[:8640].std(axis=0)
    panel = panel_of(*scaled.T)
    split, test = borders_in_time(panel, 512, 96, (8640, 11520, 14400))
    assert len(test) == 2785 * 7
    ridge = fit_ridge(split.train, split.validation, series_scale=np.ones(7))
    assert ridge.scaling == "last"
    total = sum(
        np.sum((part.targets() - ridge.forecast(part.inputs(), np.ones(len(part)))) ** 2) for part in test.chunks(2000)
    )
    assert total / (len(test) * 96) == pytest.approx(0.3640, abs=3e-4)
