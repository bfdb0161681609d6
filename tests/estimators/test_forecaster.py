"""The facade: every option changes something, every refusal has its name, and the odd frames are handled."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import seqreprog
import seqreprog.fit.objectives as objectives
import seqreprog.tasks.forecast as fitting
from seqreprog import Adapter, Forecaster, Notice, Prompt, Training
from seqreprog.config.forecast import ForecastConfig
from seqreprog.errors import BackboneError, ConfigError, DataError, InputTypeError, NotFittedError, TrainingError
from seqreprog.outputs.losses import point_loss

HORIZON, CONTEXT = 4, 24
ADAPTER = Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4)
TRAINING = Training(
    max_steps=6, batch_size=8, evaluate_every=2, patience=3, learning_rate=0.05, validation_windows=16, progress=False
)
Make = Callable[[str], Path]


def frame(lengths: tuple[int, ...] = (90, 60), *, seed: int = 0) -> pd.DataFrame:
    rng, parts = np.random.default_rng(seed), []
    for place, length in enumerate(lengths):
        steps = np.arange(length)
        values = 5 + np.sin(2 * np.pi * steps / 12 + place) + 0.2 * rng.normal(size=length)
        times = pd.date_range("2024-01-01", periods=length, freq="h")
        parts.append(pd.DataFrame({"unique_id": f"s{place}", "ds": times, "y": values}))
    return pd.concat(parts, ignore_index=True)


def make(make_backbone: Make, **options: Any) -> Forecaster:
    defaults = {"context": CONTEXT, "backbone": make_backbone("bert"), "adapter": ADAPTER, "training": TRAINING}
    return Forecaster(**{"horizon": HORIZON, "base": "none", **defaults, **options})


@pytest.fixture(scope="module")
def model(make_backbone: Make) -> Forecaster:
    fitted = make(make_backbone, base="ridge").fit(frame())
    fitted._blend.weight = 0.5
    return fitted


def numbers(pred: pd.DataFrame) -> np.ndarray:
    return pred.filter(like="seqreprog").to_numpy()


# --- every option changes the result ---------------------------------------------------------------------------------

ROUGH = {"learning_rate": 0.03, "max_steps": 40, "evaluate_every": 1, "batch_size": 2}  # looks that go up and down

# option -> (its two settings, what else both sides need to show it)
CHANGES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "Forecaster.horizon": (4, 5, {}),
    "Forecaster.context": (24, 16, {}),
    "Forecaster.backbone": ("bert", "gpt2", {}),
    "Forecaster.layers": (None, 1, {}),
    "Forecaster.level": ((80,), (90,), {}),
    "Forecaster.loss": ("mse", "mae", {}),
    "Forecaster.base": ("none", "ridge", {}),
    "Forecaster.seed": (0, 1, {}),
    "Forecaster.prompt": (None, Prompt(task=False, parts=()), {}),
    "Forecaster.adapter": (ADAPTER, replace(ADAPTER, hidden=6), {}),
    "Forecaster.training": (TRAINING, replace(TRAINING, max_steps=3), {}),
    "Prompt.domain": ("", "The load of a city.", {}),
    "Prompt.task": (True, False, {}),
    "Prompt.parts": (("min",), ("min", "lags"), {}),
    "Prompt.statistics": ("scaled", "units", {}),
    "Prompt.reading": ("bidirectional", "prefix", {}),
    "Adapter.patch": (8, 12, {}),
    "Adapter.stride": (8, 4, {}),
    "Adapter.hidden": (8, 6, {}),
    "Adapter.heads": (2, 1, {}),
    "Adapter.head_width": (4, 3, {}),
    "Adapter.prototypes": ("direct", "linear", {}),
    "Adapter.n_prototypes": (8, 5, {}),
    "Adapter.words": (("peak", "drop"), ("peak", "trend"), {"prototypes": "words"}),
    "Adapter.features": (4, 3, {}),
    "Adapter.dropout": (0.0, 0.5, {}),
    "Training.max_steps": (6, 4, {}),
    "Training.batch_size": (8, 4, {}),
    "Training.learning_rate": (0.05, 0.01, {}),
    "Training.warmup": (0.1, 0.9, {}),
    "Training.weight_decay": (0.01, 0.5, {}),
    "Training.clip": (1.0, 0.001, {}),
    "Training.evaluate_every": (2, 3, ROUGH),
    "Training.average": (0.0, 0.9, {}),
    "Training.mirror": (True, False, {}),
    "Training.patience": (1, 20, ROUGH),
    "Training.holdout": ("time", "series", {}),
    "Training.validation": (0.15, 0.4, {}),
    "Training.validation_windows": (16, 1, ROUGH),
    "Training.mode": ("train", "probe", {}),
    "Training.precision": ("no", "bf16", {}),
}
EXEMPT = {
    "Training.accumulate",
    "Training.time_budget",
    "Training.threads",
    "Training.progress",
    "Forecaster.device",  # speed and place, not numbers
    "Forecaster.covariates",  # what `fit` is told to read: laws/test_covariate_laws.py
}


def test_no_option_is_forgotten() -> None:
    kinds = {"Forecaster": ForecastConfig, "Prompt": Prompt, "Adapter": Adapter, "Training": Training}
    known = {f"{name}.{item.name}" for name, kind in kinds.items() for item in fields(kind)}
    assert set(CHANGES) | EXEMPT == known
    assert not set(CHANGES) & EXEMPT


@pytest.mark.filterwarnings("ignore:.*weights train, more than")
@pytest.mark.parametrize("option", CHANGES)
def test_every_option_changes_the_result(make_backbone: Make, option: str) -> None:
    kind, name = option.split(".")
    *settings, also = CHANGES[option]
    found = []
    for setting in settings:
        if name == "backbone":
            setting = make_backbone(setting)
        if kind == "Forecaster":
            options = {name: setting}
        elif kind == "Prompt":
            options = {"prompt": Prompt(**{name: setting})}
        elif kind == "Adapter":
            options = {"adapter": replace(ADAPTER, **{name: setting, **also})}
        else:
            options = {"training": replace(TRAINING, **{**also, name: setting})}
        found.append(numbers(make(make_backbone, **options).fit(frame()).predict()))
    assert np.isfinite(found[0]).all()
    assert np.isfinite(found[1]).all()
    assert found[0].shape != found[1].shape or not np.allclose(*found, rtol=0, atol=1e-7)


# --- refusals --------------------------------------------------------------------------------------------------------


def test_predict_before_fit_and_after_load(make_backbone: Make, model: Forecaster, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match=r"not fitted: call fit\(df\) first"):
        make(make_backbone).predict()
    with pytest.raises(NotFittedError, match="not fitted"):
        make(make_backbone).save(tmp_path / "model")
    model.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    with pytest.raises(NotFittedError, match=r"holds no series: pass the frame to forecast, predict\(df\)"):
        loaded.predict()


@pytest.mark.parametrize("h", [0, -1, HORIZON + 1])
def test_h_beyond_the_horizon_names_both(model: Forecaster, h: int) -> None:
    with pytest.raises(ConfigError, match=rf"h must be 1 to {HORIZON}, .*; got {h}"):
        model.predict(h=h)


@pytest.mark.parametrize("h", ["3", 2.5, True])
def test_h_that_is_no_whole_number_is_named(model: Forecaster, h: object) -> None:
    with pytest.raises(InputTypeError, match=rf"h must be a whole number of steps; got {h!r}"):
        model.predict(h=h)
    assert len(model.predict(h=np.int64(2))) == 4


def test_one_level_may_stand_alone() -> None:
    assert Forecaster(4, level=80).config.level == Forecaster(4, level=[80.0]).config.level == (80,)
    with pytest.raises(ConfigError, match=r"level is in percent: 0.8 should be 80"):
        Forecaster(4, level=0.8)


def test_no_series_long_enough_names_how_many_and_which(make_backbone: Make) -> None:
    with pytest.raises(DataError, match=r"horizon 4 needs 6 rows, the longest is 's1' with 5 \(2 series: 's0', 's1'\)"):
        make(make_backbone).fit(frame((3, 5)))


def test_too_many_positions_are_refused_before_training(make_backbone: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "fit_ridge", lambda *_, **__: pytest.fail("work was done before the check"))
    with pytest.raises(BackboneError, match=r"reads 256 positions; prompt and patches need"):
        make(make_backbone, prompt=Prompt(domain="the load of a region " * 80)).fit(frame())


def test_a_missing_backbone_is_named(make_backbone: Make, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=f"{tmp_path / 'gone'}"):
        make(make_backbone, backbone=tmp_path / "gone").fit(frame())


def test_a_loss_that_is_no_number_names_its_step_and_leaves_no_model(
    make_backbone: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def broken(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        return point_loss(*arguments) * (float("nan") if len(calls) == 4 else 1)

    monkeypatch.setattr(objectives, "point_loss", broken)
    one = make(make_backbone)
    with pytest.raises(TrainingError, match="the loss is nan at step 4;"):
        one.fit(frame())
    with pytest.raises(NotFittedError):
        one.predict()


def test_a_failed_fit_leaves_the_fitted_model_as_it_was(make_backbone: Make) -> None:
    one = make(make_backbone).fit(frame())
    before, settings = one.predict(), one.config
    with pytest.raises(DataError):
        one.fit(frame((3,)))
    assert one.config == settings
    pd.testing.assert_frame_equal(one.predict(), before, check_exact=True)


# --- what comes back -------------------------------------------------------------------------------------------------


def test_the_table_has_the_columns_that_were_promised(make_backbone: Make) -> None:
    pred = make(make_backbone, level=(95, 80)).fit(frame()).predict()
    assert list(pred.columns) == [
        *("unique_id", "ds", "seqreprog"),
        *(f"seqreprog-{side}" for side in ("lo-95", "lo-80", "hi-80", "hi-95")),
    ]
    assert pred["unique_id"].tolist() == ["s0"] * HORIZON + ["s1"] * HORIZON
    assert pred["ds"].iloc[0] == pd.Timestamp("2024-01-01") + pd.Timedelta(hours=90)
    assert pred["ds"].iloc[HORIZON] == pd.Timestamp("2024-01-01") + pd.Timedelta(hours=60)


@pytest.mark.parametrize("h", [1, 3])
def test_a_shorter_h_is_the_start_of_the_longer(model: Forecaster, h: int) -> None:
    full, short = model.predict(), model.predict(h=h)
    kept = full.groupby("unique_id").head(h).reset_index(drop=True)
    pd.testing.assert_frame_equal(short, kept, check_exact=True)


def test_column_names_and_wide_frames(make_backbone: Make, model: Forecaster) -> None:
    renamed = frame().rename(columns={"unique_id": "zone", "ds": "hour", "y": "load"})
    found = make(make_backbone, base="ridge").fit(renamed, id_col="zone", time_col="hour", target_col="load")
    found._blend.weight = 0.5
    assert list(found.predict().columns[:2]) == ["zone", "hour"]
    np.testing.assert_array_equal(numbers(found.predict()), numbers(model.predict()))
    wide = frame((90, 90)).pivot(index="ds", columns="unique_id", values="y")
    long = make(make_backbone).fit(frame((90, 90))).predict()
    np.testing.assert_array_equal(numbers(make(make_backbone).fit(wide).predict()), numbers(long))


def test_the_pipeline_function_is_fit_and_predict(make_backbone: Make) -> None:
    options = {"context": CONTEXT, "backbone": make_backbone("bert"), "adapter": ADAPTER, "training": TRAINING}
    found = frame().pipe(seqreprog.forecast, horizon=HORIZON, base="none", **options)
    pd.testing.assert_frame_equal(found, make(make_backbone).fit(frame()).predict(), check_exact=True)


def test_context_is_found_from_the_longest_series(make_backbone: Make) -> None:
    one = make(make_backbone, context=None).fit(frame((90, 60)))
    assert one.config.context == 30
    assert make(make_backbone, context=None).fit(frame((20,))).config.context == ADAPTER.patch
    one.fit(frame((180, 60)))
    assert one.config.context == 60, "a second fit looks again"


# --- handled, not refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["ridge", "none"])
@pytest.mark.parametrize("level", [0.0, 3.0, -1e9])
def test_a_constant_series_is_forecast_as_itself(make_backbone: Make, base: str, level: float) -> None:
    df = frame((60,)).assign(y=level)
    one = make(make_backbone, base=base).fit(df)
    assert np.isfinite(numbers(one.predict())).all()
    assert str(one.summary_)
    if base == "ridge":
        np.testing.assert_allclose(one.predict()["seqreprog"], level, atol=max(abs(level), 1) * 1e-6)


def test_a_constant_series_among_others(model: Forecaster) -> None:
    df = pd.concat([frame(), frame((60,)).assign(unique_id="flat", y=7.0)])
    assert np.isfinite(numbers(model.predict(df))).all()


def test_a_single_series_without_an_id(make_backbone: Make) -> None:
    pred = make(make_backbone).fit(frame((60,))[["ds", "y"]]).predict()
    assert len(pred) == HORIZON
    assert np.isfinite(numbers(pred)).all()


def test_whole_numbers_as_times(make_backbone: Make) -> None:
    df = frame((60,)).assign(ds=np.arange(100, 160))
    pred = make(make_backbone).fit(df).predict()
    assert pred["ds"].tolist() == [160, 161, 162, 163]
    np.testing.assert_array_equal(numbers(pred), numbers(make(make_backbone).fit(frame((60,))).predict()))


def test_series_of_any_length_train_together_and_are_all_forecast(make_backbone: Make) -> None:
    df = frame((90, 25, 10, 7, 5, 1))
    with pytest.warns(Notice, match="2 series with fewer than 6 rows take no part in training: 's4', 's5'"):
        one = make(make_backbone, base="ridge").fit(df)
    pred = one.predict()
    assert pred["unique_id"].unique().tolist() == [f"s{place}" for place in range(6)]
    assert np.isfinite(numbers(pred)).all()
    assert any("'s4', 's5'" in notice for notice in one.summary_.notices)


def test_a_series_that_ends_in_nothing_has_no_forecast_and_is_named(model: Forecaster) -> None:
    df = frame()
    df.loc[df.index[-CONTEXT:], "y"] = np.nan
    said = f"^series 's1' has no observed value in its last {CONTEXT} steps: its forecast is missing$"
    with pytest.warns(Notice, match=said):
        pred = model.predict(df)
    assert len(pred) == 2 * HORIZON
    assert np.isfinite(numbers(pred)[:HORIZON]).all()
    assert np.isnan(numbers(pred)[HORIZON:]).all()
    df.loc[df.index[-CONTEXT], "y"] = 1.0
    assert np.isfinite(numbers(model.predict(df))).all(), "one observed value is enough"


def test_windows_without_an_observed_input_are_left_out_of_a_backtest(make_backbone: Make) -> None:
    df = frame()
    df.loc[df.index[-CONTEXT - HORIZON : -HORIZON], "y"] = np.nan
    one = make(make_backbone, base="ridge")
    found = one.cross_validation(df, n_windows=2)
    assert np.isfinite(numbers(found)).all()
    assert found.groupby("unique_id").size().to_dict() == {"s0": 2 * HORIZON}
    assert np.isfinite(one.evaluate(df, n_windows=2)["models"]["seqreprog"]["MASE"])
    assert one.cross_validation(df, n_windows=2, refit=True)["unique_id"].unique().tolist() == ["s0"]


def test_series_never_seen_need_no_other_fit(model: Forecaster) -> None:
    pred = model.predict(frame((40, 33, 28), seed=8).assign(unique_id=lambda df: "new-" + df["unique_id"]))
    assert pred["unique_id"].unique().tolist() == ["new-s0", "new-s1", "new-s2"]
    assert np.isfinite(numbers(pred)).all()


# --- pictures and places ---------------------------------------------------------------------------------------------


def test_plot_draws_history_forecast_and_intervals(model: Forecaster, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figure, pred = model.plot(path=tmp_path / "all.png"), model.predict()
    assert (tmp_path / "all.png").stat().st_size > 1000
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["s0", "s1"]
    drawn = {line.get_label(): line for line in figure.axes[0].get_lines()}
    np.testing.assert_array_equal(drawn["seqreprog"].get_ydata(), pred["seqreprog"][:HORIZON])
    assert drawn["observed"].get_ydata()[-1] == frame()["y"][89]
    assert [band.get_label() for band in figure.axes[0].collections] == ["80 %"]
    other = model.plot(frame((40, 33, 28), seed=8), limit=2)
    assert other.get_suptitle() == "(the first 2 of 3 series)"
    with pytest.raises(ConfigError, match=r"a plot is written as one of .*forecast.jpg"):
        model.plot(path=tmp_path / "forecast.jpg")


def test_a_device_that_is_not_there_is_not_the_artifact_s_fault(model: Forecaster, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    with pytest.raises(ConfigError, match=r"^device must be one of .*; got 'abacus'$"):
        Forecaster.load(tmp_path / "model", device="abacus")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match=r"^device='cuda' was asked for, but PyTorch sees no GPU here"):
            Forecaster.load(tmp_path / "model", device="cuda")


# --- cross-validation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refit", [False, True])
def test_cross_validation_forecasts_the_known_end_without_seeing_it(make_backbone: Make, refit: bool) -> None:
    df, prompt = frame(), Prompt(parts=())  # without numbers, or rows of one batch would be padded to the longest
    found = make(make_backbone, prompt=prompt).cross_validation(df, n_windows=2, step_size=3, refit=refit)
    assert list(found.columns[:5]) == ["unique_id", "ds", "cutoff", "y", "seqreprog"]
    assert len(found) == 2 * 2 * HORIZON
    merged = found.merge(df, on=["unique_id", "ds"], suffixes=("", "_true"))
    assert len(merged) == len(found)
    np.testing.assert_array_equal(merged["y"], merged["y_true"])
    last = df.groupby("unique_id")["ds"].max()
    assert (found.groupby("unique_id")["cutoff"].max() == last - pd.Timedelta(hours=HORIZON)).all()
    changed = df.copy()
    hidden = changed["ds"] > changed["unique_id"].map(found.groupby("unique_id")["cutoff"].min())
    changed.loc[hidden, "y"] += 100.0
    again = make(make_backbone, prompt=prompt).cross_validation(changed, n_windows=2, step_size=3, refit=refit)
    first = found["cutoff"] == found.groupby("unique_id")["cutoff"].transform("min")
    np.testing.assert_array_equal(numbers(again)[first], numbers(found)[first])


def told(seed: int = 0) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Series with numbers known ahead, numbers of the past and a sentence; how `fit` is told of them."""
    df, rng = frame((150, 90), seed=seed), np.random.default_rng(seed)
    df["promo"], df["wind"] = rng.normal(size=(2, len(df)))
    df["about"] = "the load of zone " + df["unique_id"]
    return df, {"futr_cols": ["promo"], "hist_cols": ["wind"], "static": "about"}


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("context", [CONTEXT, None])
@pytest.mark.parametrize(("n_windows", "refit"), [(1, False), (8, False), (8, True)])
def test_cross_validation_is_a_fit_on_what_came_before(
    make_backbone: Make, n_windows: int, refit: bool, context: int | None, beside: bool
) -> None:
    """Whatever is decided (context, scales, weights) is decided from what precedes the first cutoff."""
    df, columns = told()
    columns = columns if beside else {}
    steps = df.groupby("unique_id")["ds"].transform("max") - df["ds"]
    seen = df[steps >= pd.Timedelta(hours=n_windows * HORIZON)]
    ahead = df[steps < pd.Timedelta(hours=n_windows * HORIZON)] if beside else None
    expected = make(make_backbone, context=context).fit(seen, **columns).predict(futr_df=ahead)
    found = make(make_backbone, context=context).cross_validation(df, n_windows=n_windows, refit=refit, **columns)
    first = found[found["cutoff"] == found.groupby("unique_id")["cutoff"].transform("min")]
    assert first["ds"].tolist() == expected["ds"].tolist()
    np.testing.assert_allclose(numbers(first), numbers(expected), rtol=0, atol=1e-5)


@pytest.mark.parametrize("refit", [False, True])
def test_rows_behind_the_first_cutoff_decide_nothing(make_backbone: Make, refit: bool) -> None:
    """A file that goes on, and whose every column goes on differently, leaves the first forecasts as they were."""
    (df, columns), count = told(), 6
    steps = df.groupby("unique_id")["ds"].transform("max") - df["ds"]
    other = df.copy()
    other.loc[steps < pd.Timedelta(hours=count * HORIZON), ["y", "wind"]] *= 100.0
    other.loc[steps < pd.Timedelta(hours=(count - 1) * HORIZON), "promo"] -= 50.0
    options = {"n_windows": count, "refit": refit, **columns}
    here, there = (make(make_backbone, context=None).cross_validation(each, **options) for each in (df, other))
    first = (here["cutoff"] == here.groupby("unique_id")["cutoff"].transform("min")).to_numpy()
    np.testing.assert_allclose(numbers(here)[first], numbers(there)[first], rtol=0, atol=1e-5)
    assert not np.allclose(numbers(here)[~first], numbers(there)[~first], atol=1.0), "what they read, they use"


@pytest.mark.parametrize(("n_windows", "context"), [(1, (90 - HORIZON) // 3), (6, (90 - 6 * HORIZON) // 3)])
def test_the_context_of_a_backtest_is_a_third_of_what_precedes_it(
    make_backbone: Make, n_windows: int, context: int
) -> None:
    forecaster = make(make_backbone, context=None)
    for options in ({}, {"refit": True}):
        shape = {"n_windows": n_windows, **options}
        table, found, config = forecaster._backtest(frame(), "evaluate", {}, shape)
        assert (config.context, found.windows.context) == (context, context)
        assert found.history.lengths.max() // 3 == context < table.panel.lengths.max() // 3


# --- many series -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_ten_thousand_series_in_one_call(model: Forecaster, weight: float) -> None:
    count, length = 10_000, 200
    rng = np.random.default_rng(0)
    level = rng.permutation(count) * 100.0
    ids = np.char.add("id", rng.permutation(count).astype(str))
    df = pd.DataFrame(
        {
            "unique_id": np.repeat(ids, length),
            "ds": np.tile(pd.date_range("2024-01-01", periods=length, freq="h"), count),
            "y": (level[:, None] + rng.normal(size=(count, length))).ravel(),
        }
    )
    kept, model._blend.weight = model._blend.weight, weight
    start = time.perf_counter()
    try:
        pred = model.predict(df)
    finally:
        model._blend.weight = kept
    assert time.perf_counter() - start < 120
    assert len(pred) == count * HORIZON
    assert np.isfinite(numbers(pred)).all()
    assert pred["unique_id"].iloc[::HORIZON].tolist() == ids.tolist()
    found = pred["seqreprog"].to_numpy().reshape(count, HORIZON)
    assert np.abs(found - level[:, None]).max() < 50, "each series is forecast at its own level, so nobody was swapped"


def test_errors_and_options_are_public_names() -> None:
    import seqreprog

    for name in seqreprog.__all__:
        assert getattr(seqreprog, name).__name__ == name


@pytest.mark.parametrize("beside", [False, True])
def test_cross_validation_of_fewer_steps_is_what_predict_says_of_them(make_backbone: Make, beside: bool) -> None:
    df, columns = told()
    columns = columns if beside else {}
    back = (df.groupby("unique_id")["ds"].transform("max") - df["ds"]) // pd.Timedelta(hours=1)
    ahead = df[back < 2] if beside else None
    expected = make(make_backbone).fit(df[back >= 2], **columns).predict(h=2, futr_df=ahead)
    found = make(make_backbone).cross_validation(df, h=2, n_windows=None, test_size=2, **columns)
    assert found["ds"].tolist() == expected["ds"].tolist()
    assert found["y"].tolist() == df[back < 2]["y"].tolist()
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=0, atol=1e-5)
    two = make(make_backbone).cross_validation(df, h=2, n_windows=3, refit=2, **columns)
    assert two.groupby("unique_id").size().tolist() == [6, 6]
    assert two["y"].tolist() == df[back < 6]["y"].tolist()


@pytest.mark.parametrize("method", ["cross_validation", "evaluate"])
@pytest.mark.parametrize("name", ["val_size", "level", "fitted", "sort_df", "futr_df", "input_size"])
def test_an_argument_that_there_is_none_of_is_named(make_backbone: Make, method: str, name: str) -> None:
    with pytest.raises(InputTypeError, match=f"^{method} has no argument '{name}'; it has .*'n_windows'.*Leave it out"):
        getattr(make(make_backbone), method)(frame(), **{name: 1})


@pytest.mark.parametrize("saved", [False, True])
def test_a_fitted_model_remembers_the_columns_of_its_fit(make_backbone: Make, saved: bool, tmp_path: Path) -> None:
    df, columns = told()
    names = {"unique_id": "zone", "ds": "when", "y": "load"}
    there = {"id_col": "zone", "time_col": "when", "target_col": "load", **columns}
    renamed = df.rename(columns=names).drop(index=[20, 21])
    model = make(make_backbone).fit(renamed, fill_gaps=True, **there)
    if saved:
        model.save(tmp_path / "model")
        model = Forecaster.load(tmp_path / "model")
    asked = make(make_backbone).evaluate(renamed, n_windows=2, fill_gaps=True, **there)
    found = model.evaluate(renamed, n_windows=2)
    assert found["models"]["ridge"] == asked["models"]["ridge"]
    assert found["weight"] == asked["weight"]
    assert model.cross_validation(renamed).columns[:4].tolist() == ["zone", "when", "cutoff", "load"]
    other = df.drop(columns=["promo", "wind"]).rename(columns={**names, "y": "price"})
    without = {"target_col": "price", "futr_cols": (), "hist_cols": (), "static": None}
    assert "price" in model.cross_validation(other, **without), "what is said now counts"


@pytest.mark.parametrize("layout", ["one", "wide"])
@pytest.mark.parametrize("saved", [False, True])
def test_a_fitted_model_remembers_frames_without_ids(
    make_backbone: Make, layout: str, saved: bool, tmp_path: Path
) -> None:
    df = frame()
    df = (
        df[df["unique_id"] == "s0"].drop(columns="unique_id")
        if layout == "one"
        else df.pivot(index="ds", columns="unique_id", values="y")
    )
    model = make(make_backbone).fit(df)
    if saved:
        model.save(tmp_path / "model")
        model = Forecaster.load(tmp_path / "model")
    assert np.isfinite(numbers(model.cross_validation(df))).all()
