"""What the ridge reads of covariates: the closed form against one big least squares, and the choice of the view."""

from __future__ import annotations

import numpy as np
import pytest

import seqreprog.baselines.ridge as linear
from seqreprog.baselines.regressors import NOTHING, View, views_of, widest
from seqreprog.baselines.ridge import RidgeForecaster, fit_ridge, scale_windows
from seqreprog.data.standards import Standards
from seqreprog.data.windows import Panel, Windows, split_in_time

CONTEXT, HORIZON, STEPS = 10, 4, 300


def panel(seed: int = 0, ahead: int = 1, gaps: float = 0.0, effect: float = 3.0) -> Panel:
    rng = np.random.default_rng(seed)
    beside = rng.normal(size=(2, 2 * STEPS))
    values = np.sin(np.arange(2 * STEPS) / 3) + effect * beside[0] + 0.1 * rng.normal(size=2 * STEPS)
    values[rng.random(2 * STEPS) < gaps] = np.nan
    return Panel(values, np.array([0, STEPS, 2 * STEPS]), beside, ahead)


def parts(found: Panel) -> tuple[Windows, Windows, Standards]:
    split = split_in_time(found, CONTEXT, HORIZON, 0.3)
    return split.train, split.validation, Standards.of(found, np.ones(2 * STEPS, dtype=bool))


def features(windows: Windows, standards: Standards, view: View) -> tuple[np.ndarray, np.ndarray]:
    beside = standards.cut(windows)[0]
    values = scale_windows(windows.inputs(), "last", np.ones(len(windows))).values
    return view.shared(values, beside), view.own(beside, windows.panel.ahead, HORIZON)


def test_a_view_reads_the_steps_that_it_names() -> None:
    beside = np.arange(2 * 8.0).reshape(1, 2, 8)  # five steps of context, three of the horizon
    values = np.zeros((1, 5))
    assert View(2).shared(values, beside)[0, 5:].tolist() == [3, 4, 11, 12]
    np.testing.assert_array_equal(View(0, 1).own(beside, 1, 3)[0], [[4, 5, 6], [5, 6, 7], [6, 7, 0]])
    np.testing.assert_array_equal(View(0, 0).own(beside, 2, 3)[0], [[5, 6, 7], [13, 14, 15]])
    assert NOTHING.own(beside, 1, 3).shape == (1, 0, 3)


def test_a_narrow_view_is_found_in_a_wide_one() -> None:
    wide, beside = View(5, 2), np.random.default_rng(0).normal(size=(3, 2, 8))
    values = np.random.default_rng(1).normal(size=(3, 5))
    for view in (View(5, 2), View(2, 1), View(0, 0), View(3), NOTHING):
        feature, own = view.within(wide, 5, 2, 1)
        np.testing.assert_array_equal(wide.shared(values, beside)[:, feature], view.shared(values, beside))
        np.testing.assert_array_equal(wide.own(beside, 1, 3)[:, own], view.own(beside, 1, 3))


@pytest.mark.parametrize("gaps", [0.0, 0.3])
@pytest.mark.parametrize("view", [View(4, 1), View(0, 0), View(6)])
def test_the_closed_form_is_the_least_squares_of_each_step(
    view: View, gaps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = panel(gaps=gaps, ahead=1 if view.around is not None else 0)
    train, _, standards = parts(found)
    monkeypatch.setattr(linear, "views_of", lambda windows: (view,))
    ridge = fit_ridge(
        train, train.take(slice(0)), series_scale=np.ones(2), scalings=("last",), penalties=(0.1,), standards=standards
    )
    x, z = features(train, standards, view)
    scaled = scale_windows(train.inputs(), "last", np.ones(len(train)))
    target = train.targets() - scaled.loc[:, None]
    for step in range(HORIZON):
        seen = np.isfinite(target[:, step])
        both = np.concatenate([x[seen], z[seen, :, step]], axis=1)
        damping = linear.DEFAULT_PENALTY * np.square(x[seen, :CONTEXT]).sum(0).mean() * np.eye(both.shape[1])
        exact = np.linalg.solve(both.T @ both + damping, both.T @ target[seen, step])
        np.testing.assert_allclose(ridge.weights[:, step], exact[: x.shape[1]], atol=1e-8)
        np.testing.assert_allclose(ridge.own[:, step], exact[x.shape[1] :], atol=1e-8)
    expected = scaled.loc[:, None] + x @ ridge.weights + np.einsum("noh,oh->nh", z, ridge.own)
    forecast = ridge.forecast(train.inputs(), np.ones(len(train)), standards.cut(train)[0])
    np.testing.assert_allclose(forecast, expected, atol=1e-9)


@pytest.mark.parametrize(("seed", "effect", "better"), [(0, 3.0, 0.2), (1, 0.0, 1.1)])
def test_validation_chooses_what_to_read(seed: int, effect: float, better: float) -> None:
    train, validation, standards = parts(panel(seed, effect=effect))
    unit = np.ones(2)
    plain = fit_ridge(train, validation, series_scale=unit)
    told = fit_ridge(train, validation, series_scale=unit, standards=standards)
    ones = np.ones(len(validation))
    errors = [
        np.mean((validation.targets() - each) ** 2)
        for each in (
            plain.forecast(validation.inputs(), ones),
            told.forecast(validation.inputs(), ones, standards.cut(validation)[0]),
        )
    ]
    assert errors[1] <= better * errors[0]
    assert errors[1] <= errors[0] * (1 + 1e-9), "reading nothing is among the choices"
    assert (told.view.around is not None) or not effect


def test_wide_matrices_are_not_built() -> None:
    many = Panel(np.arange(3000.0), np.array([0, 3000]), np.ones((40, 3000)), 40)
    windows = split_in_time(many, 512, 96, 0.2).train
    views = views_of(windows)
    assert widest(views) == View(1024 // 40, 0)
    assert views[-1] == NOTHING
    assert views_of(split_in_time(Panel(many.values, many.offsets), 512, 96, 0.2).train) == (NOTHING,)


def test_covariates_that_never_change_say_nothing() -> None:
    found = panel()
    still = Panel(found.values, found.offsets, np.full((2, 2 * STEPS), 7.0), 1)
    train, validation, standards = parts(still)
    plain = fit_ridge(train, validation, series_scale=np.ones(2))
    told = fit_ridge(train, validation, series_scale=np.ones(2), standards=standards)
    ones = np.ones(len(validation))
    np.testing.assert_allclose(
        told.forecast(validation.inputs(), ones, standards.cut(validation)[0]),
        plain.forecast(validation.inputs(), ones),
        atol=1e-9,
    )


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_series_that_never_changes_is_forecast_beside_covariates_though_steps_are_missing(ahead: int) -> None:
    found = panel(gaps=0.1)
    values = np.where(np.isfinite(found.values), 5.0, np.nan)
    train, validation, standards = parts(Panel(values, found.offsets, found.covariates, ahead))
    ridge = fit_ridge(train, validation, series_scale=np.ones(2), standards=standards)
    ones = np.ones(len(validation))
    forecast = ridge.forecast(validation.inputs(), ones, standards.cut(validation)[0])
    np.testing.assert_allclose(forecast, 5.0, atol=1e-12)


def test_without_covariates_it_is_the_ridge_it_was() -> None:
    train, validation, _ = parts(panel())
    bare = Panel(train.panel.values, train.panel.offsets)
    first, second = (
        fit_ridge(
            Windows(found, train.series, train.origins, CONTEXT, HORIZON),
            Windows(found, validation.series, validation.origins, CONTEXT, HORIZON),
            series_scale=np.ones(2),
        )
        for found in (bare, train.panel)
    )
    assert isinstance(first, RidgeForecaster)
    np.testing.assert_array_equal(first.weights, second.weights)
    assert first.view == NOTHING
    assert first.own.size == 0
