"""Split-conformal widths: the stated coverage is the coverage found, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from seqreprog.baselines.solvers import row_losses
from seqreprog.fit.calibration import ENOUGH, calibrate, likeliest_temperature, rank_of, spread_out, step_shape


def test_the_rank_by_hand() -> None:
    error = np.arange(1.0, 11.0)[:, None] - 5.5  # -4.5 ... 4.5
    factors = calibrate(error, np.ones((10, 1, 2)), (0.1, 0.9), 10)
    assert factors.tolist() == [[4.5, 4.5]], "ceil(11 * 0.9) = 10: the largest of ten"
    factors = calibrate(error, np.full((10, 1, 2), 0.5), (0.3, 0.7), 10)
    assert factors.tolist() == [[5.0, 5.0]], "ceil(11 * 0.7) = 8: the eighth, 2.5, over a shape of 0.5"


def test_sides_are_apart_and_keep_their_sign() -> None:
    skewed = np.concatenate([np.full(95, 3.0), np.full(5, -1.0)])[:, None]
    low, high = calibrate(skewed, np.ones((100, 1, 2)), (0.1, 0.9), 100)[0]
    assert high == 3.0
    assert low == 0.0, "a lower quantile above the point would not lie around it"


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("windows", [120, 2000])
def test_stated_coverage_is_the_coverage_of_fresh_errors(coverage: float, windows: int) -> None:
    rng = np.random.default_rng(0)
    tail = (1 - coverage) / 2
    levels, horizon = (tail, 1 - tail), 4
    grow = 1.0 + np.arange(horizon)

    def draw(count: int) -> np.ndarray:
        return grow * rng.standard_t(4, size=(count, horizon))

    # A small set shares one factor over the horizon, so its shape must know how errors grow.
    shape = np.broadcast_to((grow if windows < ENOUGH else np.ones(horizon))[:, None], (windows, horizon, 2))
    factors = calibrate(draw(windows), shape, levels, windows)
    fresh = draw(50_000)
    bounds = spread_out(np.zeros_like(fresh), np.broadcast_to(shape[0] * factors, (*fresh.shape, 2)), levels)
    inside = (bounds[..., 0] <= fresh) & (fresh <= bounds[..., 1])
    assert inside.mean() == pytest.approx(coverage, abs=0.04)
    assert inside.mean(0) == pytest.approx(np.full(horizon, coverage), abs=0.06)


def test_few_errors_share_a_factor_and_many_do_not() -> None:
    rng = np.random.default_rng(1)
    for windows, shared in ((ENOUGH - 1, True), (ENOUGH, False)):
        error = rng.normal(size=(windows, 3)) * np.array([1, 10, 100])
        factors = calibrate(error, np.ones((windows, 3, 2)), (0.1, 0.9), windows)
        assert (len(np.unique(factors[:, 1])) == 1) is shared


def test_overlapping_windows_count_as_few_and_widen() -> None:
    error = np.random.default_rng(3).normal(size=(1000, 1))
    widths = [calibrate(error, np.ones((1000, 1, 2)), (0.1, 0.9), apart)[0, 1] for apart in (1000, 50, 20, 5, 1)]
    assert widths == sorted(widths)
    assert widths[2] == np.sort(error[:, 0])[949], "rank ceil(21 * 0.9) = 19 of 20: the 95 % quantile of all"
    assert widths[-2:] == 2 * [np.abs(error).max()], "no rank of 5 or of 1 is enough: both sides count for either"


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("windows", range(1, 30))
def test_both_sides_share_their_factor_while_windows_are_few(windows: int, level: float) -> None:
    tail = (1 - level) / 2
    error = np.random.default_rng(windows).normal(size=(windows, 2)) + 0.5
    shape = np.stack([np.full(error.shape, 2.0), np.ones(error.shape)], -1)
    below, above = calibrate(error, shape, (tail, 1 - tail), windows)[0]
    few = rank_of(1 - tail, windows) > windows
    assert few == (windows < round((1 + level) / (1 - level)))
    scores = np.where(error < 0, -error / 2, error)
    assert (
        (below == above == scores.max()) if few else (above == np.sort(error.ravel())[::-1][0] or above < error.max())
    )


@pytest.mark.parametrize("windows", [4, 5, 8])
def test_few_windows_hold_what_an_interval_states(windows: int) -> None:
    """From `level / (1 - level)` windows on a shared factor has the rank that the level takes; a side has it later."""
    rng, inside = np.random.default_rng(0), []
    for _ in range(2000):
        error = rng.normal(size=(windows + 1, 1))
        low, high = calibrate(error[:-1], np.ones((windows, 1, 2)), (0.1, 0.9), windows)[0]
        inside.append(-low <= error[-1, 0] <= high)
    assert np.mean(inside) >= 0.78


def test_unobserved_errors_drop_out() -> None:
    rng = np.random.default_rng(2)
    error = rng.normal(size=(50, 2))
    holes = np.concatenate([error, np.full((30, 2), np.nan)])
    found = calibrate(holes, np.ones((80, 2, 2)), (0.2, 0.8), 50)
    np.testing.assert_array_equal(found, calibrate(error, np.ones((50, 2, 2)), (0.2, 0.8), 50))
    assert calibrate(np.full((3, 2), np.nan), np.ones((3, 2, 2)), (0.2, 0.8), 3).tolist() == [[1, 1], [1, 1]]


def test_quantiles_are_spread_around_the_point_and_never_cross() -> None:
    width = np.array([[[1.0, 2.0, 5.0, 3.0]]])  # outer widths smaller than inner ones
    found = spread_out(np.array([[10.0]]), width, (0.05, 0.25, 0.75, 0.95))
    assert found.tolist() == [[[8.0, 8.0, 15.0, 15.0]]]
    rng = np.random.default_rng(0)
    found = spread_out(rng.normal(size=(9, 3)), rng.random((9, 3, 4)), (0.05, 0.25, 0.75, 0.95))
    assert (np.diff(found, axis=-1) >= 0).all()
    assert spread_out(np.zeros((2, 3)), np.zeros((2, 3, 0)), ()).shape == (2, 3, 0)


def test_step_shape_is_the_root_mean_square_smoothed() -> None:
    error = np.array([[1.0, 2.0, np.nan], [-1.0, 2.0, np.nan]])
    mean = (1 + 1 + 4 + 4) / 4  # what a step takes that was never observed
    expected = np.sqrt([(1 + 1 + 4) / 3, (1 + 4 + mean) / 3, (4 + mean + mean) / 3])
    np.testing.assert_allclose(step_shape(error), expected)
    assert (step_shape(np.zeros((4, 3))) > 0).all(), "a divisor must not be zero"
    assert np.isfinite(step_shape(np.full((4, 3), np.nan))).all()


@pytest.mark.parametrize("heat", [0.5, 1.0, 3.0])
def test_a_temperature_is_found_again(heat: float) -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(size=(4000, 3))
    truth = (odds + rng.gumbel(size=odds.shape)).argmax(1)
    found = likeliest_temperature(lambda one: float(row_losses("classify", heat * odds / one, truth).sum()))
    assert found == pytest.approx(heat, rel=0.1)


def test_a_temperature_of_nothing_is_1_and_of_few_certain_answers_is_not_0() -> None:
    assert likeliest_temperature(lambda one: 0.0) == pytest.approx(1.0, abs=1e-4)
    sure = np.array([[4.0, -4.0]] * 3)
    found = likeliest_temperature(lambda one: float(row_losses("classify", sure / one, np.zeros(3, int)).sum()))
    assert 0.5 < found < 1
