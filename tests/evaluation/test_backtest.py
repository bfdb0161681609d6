"""Backtests: windows where they should stand, nothing learned from behind a cutoff, and scores worked out by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqreprog import Adapter, Forecaster, Training
from seqreprog.config.forecast import ForecastConfig, Prompt
from seqreprog.data.windows import Panel, rolling_windows
from seqreprog.errors import ConfigError, DataError, InputTypeError, Notice
from seqreprog.evaluation import backtest as backtests
from seqreprog.evaluation.backtest import Backtest, backtest, cutoffs_of, paired_over_cutoffs, scorecard
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.tasks.forecast import FitSummary

NAN = np.nan
HORIZON, CONTEXT, COUNT, STEP = 4, 16, 3, 5
ADAPTER = Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4)
TRAINING = Training(max_steps=3, batch_size=16, evaluate_every=3, learning_rate=0.02, progress=False)
NAMES = ["a", "b", "c"]


def config(base: str = "ridge", **options: object) -> ForecastConfig:
    return ForecastConfig(
        HORIZON, context=CONTEXT, base=base, adapter=ADAPTER, training=TRAINING, prompt=Prompt(parts=()), **options
    )


def panel_of(*lengths: int, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    parts = [np.sin(2 * np.pi * np.arange(n) / 8 + n) + 0.3 * rng.normal(size=n) for n in lengths]
    return Panel(np.concatenate(parts), np.concatenate([[0], np.cumsum(lengths)]))


def changed_from(panel: Panel, start: np.ndarray) -> Panel:
    """Every value from step `start[i]` of series `i` on becomes another one."""
    place = np.arange(len(panel.values)) - np.repeat(panel.offsets[:-1], panel.lengths)
    later = place >= np.repeat(start, panel.lengths)
    return Panel(np.where(later, 50 - 3 * panel.values, panel.values), panel.offsets)


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> Backbone:
    return load_backbone(str(make_backbone("bert")), 1)


def run(
    backbone: Backbone,
    panel: Panel,
    base: str = "ridge",
    refit: object = False,
    count: int = COUNT,
    h: int | None = None,
) -> Backtest:
    names = NAMES[: len(panel)]
    cutoffs = cutoffs_of(HORIZON, n_windows=count, step_size=STEP, refit=refit, h=h)
    return backtest(config(base), backbone, panel, names, cutoffs)


# --- where windows stand ---------------------------------------------------------------------------------------------


def test_windows_and_history_stand_where_they_should(backbone: Backbone) -> None:
    panel = panel_of(70, 50, 60)
    found = run(backbone, panel)
    expected = [
        (series, panel.offsets[series + 1] - HORIZON - STEP * back) for series in range(3) for back in (2, 1, 0)
    ]
    assert list(zip(found.windows.series, found.windows.origins, strict=True)) == expected
    np.testing.assert_array_equal(found.history.lengths, np.array([70, 50, 60]) - HORIZON - 2 * STEP)
    np.testing.assert_array_equal(found.windows.targets()[2], panel.values[66:70])
    assert found.point.shape == found.ridge.shape == (9, HORIZON)
    assert found.quantiles.shape == (9, HORIZON, 2)


def test_the_step_is_the_horizon_unless_told(backbone: Backbone) -> None:
    found = backtest(config(), backbone, panel_of(70), ["a"], cutoffs_of(HORIZON, n_windows=3))
    np.testing.assert_array_equal(np.diff(found.windows.origins), HORIZON)
    assert cutoffs_of(HORIZON, n_windows=3, h=2).step == 2


@pytest.mark.parametrize(("count", "step"), [(0, 1), (1, 0), (-2, 3)])
def test_impossible_counts_are_named(count: int, step: int) -> None:
    with pytest.raises(ConfigError, match=f"got n_windows={count}, step_size={step}"):
        cutoffs_of(HORIZON, n_windows=count, step_size=step)


@pytest.mark.parametrize("name", ["n_windows", "step_size", "refit", "h", "test_size"])
@pytest.mark.parametrize("value", [2.0, 1.5, "2", [1], np.float64(1)])
def test_what_is_no_whole_number_is_named(name: str, value: object) -> None:
    options = {"n_windows": None} if name == "test_size" else {}
    with pytest.raises(InputTypeError, match=rf"^{name} must be a whole number; got {re.escape(repr(value))}"):
        cutoffs_of(HORIZON, **{**options, name: value})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"h": 0}, "h must be 1 to 4, the horizon of this model; got h=0"),
        ({"h": 5}, "h must be 1 to 4, the horizon of this model; got h=5"),
        ({"refit": 0}, "refit must be True, False or a number of windows, at least 1; got 0"),
        ({"refit": -1}, "at least 1; got -1"),
        ({"n_windows": None}, "got n_windows=None, test_size=None"),
        ({"test_size": 8}, "got n_windows=1, test_size=8. Pass n_windows=None"),
        ({"n_windows": None, "test_size": 3}, "got test_size=3, h=4, step_size=4. Pass test_size=4"),
        ({"n_windows": None, "test_size": 11, "step_size": 3}, "got test_size=11, h=4, step_size=3. Pass test_size=10"),
        ({"n_windows": None, "test_size": 8, "step_size": 0}, "step_size=0"),
    ],
)
def test_numbers_that_do_not_fit_together_are_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        cutoffs_of(HORIZON, **options)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("h", [None, 1, 3])
def test_test_size_says_how_many_windows_there_are(count: int, step: int, h: int | None) -> None:
    size = (h or HORIZON) + (count - 1) * step
    found = cutoffs_of(HORIZON, n_windows=None, test_size=np.int64(size), step_size=step, h=h)
    assert found == cutoffs_of(HORIZON, n_windows=count, step_size=step, h=h)


@pytest.mark.parametrize(("refit", "fits"), [(False, 1), (True, 3), (1, 3), (2, 2), (np.int64(3), 1), (9, 1)])
def test_refit_says_before_which_windows_a_model_is_fitted(
    backbone: Backbone, refit: object, fits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    usual = backtests.fit_panel

    def counted(config: ForecastConfig, backbone: Backbone, panel: Panel, names: list[str]) -> object:
        seen.append(int(panel.lengths[0]))
        return usual(config, backbone, panel, names)

    monkeypatch.setattr(backtests, "fit_panel", counted)
    found = run(backbone, panel_of(70), refit=refit)
    every = 1 if refit is True else COUNT if refit is False else int(refit)
    first = 70 - HORIZON - (COUNT - 1) * STEP
    assert seen == [first + STEP * each for each in range(0, COUNT, every)]
    assert len(seen) == fits
    assert np.isfinite(found.point).all()


@pytest.mark.parametrize("refit", [False, True, 2])
@pytest.mark.parametrize("h", [1, 3])
def test_shorter_forecasts_are_the_first_steps_of_the_same_model(backbone: Backbone, refit: object, h: int) -> None:
    panel = panel_of(70, 50, 60)
    later = HORIZON - h
    short = run(backbone, panel, "none", refit=refit, h=h)
    longer = Panel(
        np.insert(panel.values, np.repeat(panel.offsets[1:], later), 0.0), panel.offsets + later * np.arange(4)
    )
    whole = run(backbone, longer, "none", refit=refit)
    np.testing.assert_array_equal(short.point[:, :h], whole.point[:, :h])
    np.testing.assert_array_equal(short.history.values, whole.history.values)
    np.testing.assert_array_equal(short.origins[COUNT - 1 :: COUNT], panel.offsets[1:] - h)
    assert np.isnan(short.windows.targets()[COUNT - 1 :: COUNT, h:]).all()


# --- the future ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["ridge", "none"])
def test_one_fit_never_sees_behind_the_first_cutoff(backbone: Backbone, base: str) -> None:
    panel = panel_of(70, 50, 60)
    other = changed_from(panel, panel.lengths - HORIZON - (COUNT - 1) * STEP)
    here, there = run(backbone, panel, base), run(backbone, other, base)
    first = np.arange(0, 9, COUNT)
    for name in ("point", "quantiles", "ridge"):
        np.testing.assert_array_equal(getattr(here, name)[first], getattr(there, name)[first])
        assert not np.allclose(
            getattr(here, name)[first + 1], getattr(there, name)[first + 1]
        )  # what it reads, it uses
    assert here.summary.errors == there.summary.errors
    np.testing.assert_array_equal(here.history.values, there.history.values)
    np.testing.assert_array_equal(here.naive(8)[first], there.naive(8)[first])


@pytest.mark.parametrize("base", ["ridge", "none"])
@pytest.mark.parametrize("back", [1, 0])
def test_each_refit_never_sees_behind_its_own_cutoff(backbone: Backbone, base: str, back: int) -> None:
    panel = panel_of(70, 50, 60)
    other = changed_from(panel, panel.lengths - HORIZON - back * STEP)
    here, there = run(backbone, panel, base, refit=True), run(backbone, other, base, refit=True)
    upto = np.flatnonzero(np.arange(9) % COUNT <= COUNT - 1 - back)
    for name in ("point", "quantiles", "ridge"):
        np.testing.assert_array_equal(getattr(here, name)[upto], getattr(there, name)[upto])


def test_each_refit_uses_all_of_its_past_and_one_fit_only_the_first(backbone: Backbone) -> None:
    panel = panel_of(70, 50, 60)
    once, anew = run(backbone, panel, "none"), run(backbone, panel, "none", refit=True)
    for back in range(COUNT):
        rows = np.arange(3) * COUNT + COUNT - 1 - back
        alone = run(backbone, panel.until(panel.lengths - back * STEP), "none", count=1)
        np.testing.assert_array_equal(anew.point[rows], alone.point)
        np.testing.assert_array_equal(anew.quantiles[rows], alone.quantiles)
        assert np.array_equal(once.point[rows], alone.point) == (back == COUNT - 1)


# --- short series ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refit", [False, True])
def test_a_series_too_short_for_some_windows_has_the_others(backbone: Backbone, refit: bool) -> None:
    panel = panel_of(80, 12, 5)  # 'b' has 8 and 3 steps before its last two origins, 'c' is one step short of any
    with pytest.warns(Notice, match="fewer than 6 rows take no part in training"):
        found = run(backbone, panel, refit=refit)
    np.testing.assert_array_equal(found.windows.series, [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(found.windows.origins, [66, 71, 76, 80 + 3, 80 + 8])
    assert np.isfinite(found.point).all()
    assert np.isfinite(found.quantiles).all()
    np.testing.assert_array_equal(found.history.lengths, [66, 0, 0])
    card = scorecard(found, config(), 8)
    assert card["windows"] == 5
    assert np.isfinite(card["models"]["seqreprog"]["MASE"])  # of 'a' alone: 'b' has no history to scale by


def test_no_series_long_enough_is_named(backbone: Backbone) -> None:
    for lengths in ((5, 3), (15, 14), (19, 4)):  # windows there may be, but nothing to train on before the first
        said = rf"^n_windows=3 x step_size=5 \+ h=4 needs 20 rows, .* has {lengths[0]}. Use fewer windows$"
        with pytest.raises(DataError, match=said):
            run(backbone, panel_of(*lengths))


@pytest.mark.filterwarnings("ignore::seqreprog.errors.Notice")
def test_the_shortest_series_that_will_do(backbone: Backbone) -> None:
    assert len(run(backbone, panel_of(20)).windows) == COUNT


def test_windows_without_a_value_are_named(backbone: Backbone) -> None:
    panel = panel_of(70)
    panel.values[-HORIZON - CONTEXT - 2 * STEP :] = NAN
    with pytest.raises(DataError, match="none of the 3 windows has an observed value both in its context of 16 steps"):
        run(backbone, panel)


def test_missing_values_are_scored_nowhere(backbone: Backbone) -> None:
    panel = panel_of(70, 50)
    panel.values[[68, 69, 100]] = NAN
    found = run(backbone, panel)
    assert np.isfinite(found.point).all()
    card = scorecard(found, config(), 8)
    errors = np.abs(found.point - found.windows.targets())
    assert card["models"]["seqreprog"]["MAE"] == pytest.approx(errors[np.isfinite(errors)].mean())


# --- scores ----------------------------------------------------------------------------------------------------------


SUMMARY = FitSummary(
    backbone="m",
    layers=1,
    loss="mse",
    base="ridge",
    trained=1,
    frozen=1,
    train_windows=1,
    validation_windows=1,
    scaling="last",
    penalty=0.1,
    weight=0.5,
    gain=0.5,
    blocks=10,
    errors={"ridge": 2.0, "seqreprog": 1.0},
    seconds={},
)


def by_hand() -> Backtest:
    """Two series of 1, 2, 3, ... and squares; two windows of two steps each; intervals of half-width 1 and 3."""
    panel = Panel(np.concatenate([np.arange(1.0, 11), np.arange(1.0, 9) ** 2]), np.array([0, 10, 18]))
    windows = rolling_windows(panel, 3, 2, count=2, step=2)
    point = windows.targets() + np.array([[0, 1], [2, 0], [0, -4], [1, 1]])
    quantiles = point[..., None] + np.array([-3.0, -1.0, 1.0, 3.0])
    return Backtest(windows, panel.until(panel.lengths - 4), point, quantiles, windows.targets() + 2, SUMMARY, 4)


def test_the_scorecard_by_hand() -> None:
    card = scorecard(by_hand(), config(level=(80, 95)), 2)
    # the first series rises by 1, so by 2 in a season; the second's history is 1 4 9 16: |9 - 1|, |16 - 4|
    scale_a, scale_b = 2.0, (8 + 12) / 2
    ours = card["models"]["seqreprog"]
    assert ours["MAE"] == pytest.approx((0 + 1 + 2 + 0 + 0 + 4 + 1 + 1) / 8)
    assert ours["MSE"] == pytest.approx((0 + 1 + 4 + 0 + 0 + 16 + 1 + 1) / 8)
    assert ours["MASE"] == pytest.approx((3 / scale_a + 6 / scale_b) / 8)
    assert ours["sMAPE"] == pytest.approx(
        200 * (1 / (8 + 9) + 2 / (9 + 11) + 4 / (36 + 32) + 1 / (49 + 50) + 1 / (64 + 65)) / 8
    )
    assert ours["coverage-80"] == pytest.approx(6 / 8)  # errors up to 1 lie within
    assert ours["coverage-95"] == pytest.approx(7 / 8)  # up to 3
    assert (ours["width-80"], ours["width-95"]) == pytest.approx((2.0, 6.0))
    naive = card["models"]["seasonal_naive"]  # 2 steps back: the first series is off by 2, the second by its slope
    assert naive["MAE"] == pytest.approx((4 * 2 + (25 - 9) + (36 - 16) + (49 - 25) + (64 - 36)) / 8)
    assert card["models"]["ridge"] == pytest.approx({**card["models"]["ridge"], "MAE": 2.0, "MSE": 4.0})
    ridge_mase = (4 * 2 / scale_a + 4 * 2 / scale_b) / 8
    assert card["against"]["ridge"]["mean"] == pytest.approx(ours["MASE"] - ridge_mase)
    assert card["against"]["ridge"]["relative"] == pytest.approx(ours["MASE"] / ridge_mase - 1)
    assert (card["windows"], card["season"], card["weight"], card["verdict"]) == (
        4,
        2,
        0.5,
        f"{SUMMARY.verdict}; on these windows the forecast's MASE is {ours['MASE'] / ridge_mase - 1:+.1%} "
        "against the ridge",
    )
    assert "weight 0.50: validation error -50.0% against the ridge" in SUMMARY.verdict


def test_the_naive_sees_a_whole_season_though_the_context_is_shorter() -> None:
    found = by_hand()
    np.testing.assert_array_equal(found.naive(5)[0], [2, 3])  # the origin is 7; the context would start at 4
    assert found.windows.context == 3


def test_cutoffs_are_compared_as_a_whole() -> None:
    panel = panel_of(40, 30)
    windows = rolling_windows(panel, 4, 2, count=14, step=2)
    theirs = np.random.default_rng(0).uniform(1, 2, size=(len(windows), 2))
    found = paired_over_cutoffs(windows, 0.9 * theirs, theirs)
    assert (found.relative, found.relative_low, found.relative_high) == pytest.approx((-0.1, -0.1, -0.1))
    shuffled = np.random.default_rng(1).permutation(len(windows))
    again = paired_over_cutoffs(windows.take(shuffled), 0.9 * theirs[shuffled], theirs[shuffled])
    assert again == pytest.approx(found)  # cutoffs are put in time order


@pytest.mark.parametrize(("count", "step", "known"), [(1, 1, False), (4, 2, False), (5, 2, True), (9, 1, False)])
def test_few_cutoffs_have_no_interval(count: int, step: int, known: bool) -> None:
    """With a step of 1, two windows overlap: nine are four blocks and a half."""
    windows = rolling_windows(panel_of(40, 30), 4, 2, count=count, step=step)
    errors = np.random.default_rng(0).uniform(1, 2, size=(len(windows), 2))
    found = paired_over_cutoffs(windows, 1.5 * errors, errors)
    assert (found.mean, found.relative) == pytest.approx((errors.mean() / 2, 0.5))
    interval = np.array([found.low, found.high, found.relative_low, found.relative_high])
    assert (np.isfinite(interval) == known).all()
    assert not known or found.low < found.high


def test_windows_that_overlap_are_drawn_together() -> None:
    """Errors that repeat over a horizon carry less evidence than there are windows: the interval must say so."""
    panel = panel_of(400)
    dense = rolling_windows(panel, 4, 20, count=300, step=1)
    errors = np.repeat(np.random.default_rng(0).normal(size=15), 20)[:, None].repeat(20, 1)
    spread = [
        (found := paired_over_cutoffs(dense, 5 + errors, np.full_like(errors, 5.0), block=block)).high - found.low
        for block in (None, 1)
    ]
    assert spread[0] > 2.5 * spread[1]


# --- the frame, for others -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    panel = panel_of(90, 70)
    times = [pd.date_range("2024-01-01", periods=n, freq="h") for n in panel.lengths]
    return pd.DataFrame(
        {"unique_id": np.repeat(["a", "b"], panel.lengths), "ds": np.concatenate(times), "y": 10 + panel.values}
    )


def forecaster(make_backbone: Callable[[str], Path], **options: object) -> Forecaster:
    given = {"context": CONTEXT, "level": (80,), "layers": 1, "adapter": ADAPTER, "training": TRAINING} | options
    return Forecaster(HORIZON, backbone=make_backbone("bert"), prompt=Prompt(parts=()), **given)


def test_utilsforecast_takes_the_frame_and_agrees(make_backbone: Callable[[str], Path], frame: pd.DataFrame) -> None:
    evaluation = pytest.importorskip("utilsforecast.evaluation")
    from utilsforecast import losses

    model = forecaster(make_backbone)
    cv = model.cross_validation(frame, n_windows=2, step_size=STEP)
    assert list(cv) == ["unique_id", "ds", "cutoff", "y", "seqreprog", "seqreprog-lo-80", "seqreprog-hi-80"]
    card = model.evaluate(frame, n_windows=2, step_size=STEP, season=8)["models"]["seqreprog"]
    # ours scales every window by the history before the first cutoff, theirs each by its own: give them the first
    history = frame[frame["ds"] <= frame["unique_id"].map(cv.groupby("unique_id")["cutoff"].min())]
    metrics = [losses.mae, losses.mse, losses.smape, losses.coverage, partial(losses.mase, seasonality=8)]
    scores = evaluation.evaluate(cv, metrics, models=["seqreprog"], level=[80], train_df=history)
    theirs = scores.groupby("metric")["seqreprog"].mean()  # every series has as many windows, so means of means serve
    assert theirs["mae"] == pytest.approx(card["MAE"])
    assert theirs["mse"] == pytest.approx(card["MSE"])
    assert theirs["mase"] == pytest.approx(card["MASE"])
    assert theirs["coverage_level80"] == pytest.approx(card["coverage-80"])
    assert 200 * theirs["smape"] == pytest.approx(card["sMAPE"])  # theirs: |y - f| / (|y| + |f|), from 0 to 1


def test_the_frame_holds_the_observations_and_each_cutoff_precedes_its_rows(
    make_backbone: Callable[[str], Path], frame: pd.DataFrame
) -> None:
    renamed = frame.rename(columns={"unique_id": "zone", "ds": "hour", "y": "load"})
    cv = forecaster(make_backbone).cross_validation(
        renamed, n_windows=2, refit=True, id_col="zone", time_col="hour", target_col="load"
    )
    assert list(cv)[:5] == ["zone", "hour", "cutoff", "load", "seqreprog"]
    assert cv["hour"].dtype == cv["cutoff"].dtype == renamed["hour"].dtype
    kept = cv.merge(renamed, on=["zone", "hour"], suffixes=("", "_given"))
    assert len(kept) == len(cv) == 2 * 2 * HORIZON
    np.testing.assert_array_equal(kept["load"], kept["load_given"])
    ahead = (cv["hour"] - cv["cutoff"]) / pd.Timedelta(hours=1)
    np.testing.assert_array_equal(ahead, np.tile(np.arange(1, HORIZON + 1), 4))


def test_cross_validation_leaves_a_fitted_model_as_it_is(
    make_backbone: Callable[[str], Path], frame: pd.DataFrame
) -> None:
    model = forecaster(make_backbone, context=None).fit(frame)
    before, config_before = model.predict(), model.config
    model.cross_validation(frame.groupby("unique_id").head(40))
    pd.testing.assert_frame_equal(model.predict(), before)
    assert model.config == config_before


def test_the_season_is_the_frequency_s_unless_told(make_backbone: Callable[[str], Path], frame: pd.DataFrame) -> None:
    model = forecaster(make_backbone)
    assert model.evaluate(frame, n_windows=1)["season"] == 24
    assert model.evaluate(frame, n_windows=1, season=8)["season"] == 8
