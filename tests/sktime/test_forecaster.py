"""What sktime's suite cannot see: that it learns, that numbers are `Forecaster`'s, and that refusals have names."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("sktime")

from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.compose import TransformedTargetForecaster
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.forecasting.naive import NaiveForecaster
from sktime.forecasting.reconcile import ReconcilerForecaster
from sktime.performance_metrics.forecasting import MeanSquaredError
from sktime.split import ExpandingWindowSplitter, SlidingWindowSplitter
from sktime.transformations.hierarchical.aggregate import Aggregator
from sktime.transformations.series.difference import Differencer
from sktime.utils._testing.hierarchical import _make_hierarchical

from seqreprog import Adapter, Forecaster, Prompt, Training
from seqreprog.errors import BackboneError, ConfigError, DataError, InSampleError
from seqreprog.sktime import ReprogForecaster
from seqreprog.sktime.forecaster import LEVEL

REPO = Path(__file__).resolve().parents[2]
ADAPTER = Adapter(patch=4, stride=4, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4)
TRAINING = Training(mode="train", max_steps=4, batch_size=8, evaluate_every=2, threads=1, progress=False)
SHARED: dict[str, Any] = {
    "backbone": "tiny-random", "layers": 1, "context": 16, "adapter": ADAPTER, "training": TRAINING,
    "prompt": Prompt(task=False, parts=("trend",)),
}  # fmt: skip

pytestmark = [
    pytest.mark.filterwarnings("ignore::seqreprog.errors.Notice"),
    pytest.mark.filterwarnings(
        "ignore:The default of config ``remember_data``:FutureWarning"
    ),  # sktime's own pipelines
]


def make(**options: Any) -> ReprogForecaster:
    return ReprogForecaster(**{**SHARED, "horizon": 6, "base": "none", **options})


def sine(length: int = 90, *, seed: int = 0, start: str = "2024-01-01", noise: float = 0.1) -> pd.Series:
    steps = np.arange(length)
    values = np.sin(2 * np.pi * steps / 12) + noise * np.random.default_rng(seed).normal(size=length)
    return pd.Series(values, pd.date_range(start, periods=length, freq="h"), name="load")


def panel(lengths: tuple[int, ...] = (60, 45)) -> pd.DataFrame:
    parts = {f"s{k}": sine(length, seed=k).to_frame("load") for k, length in enumerate(lengths)}
    return pd.concat(parts, names=["shop", "time"])


def weights(model: ReprogForecaster) -> dict[str, torch.Tensor]:
    return model.model_.model._blend.model.adapter_state()


@pytest.fixture(scope="module")
def fitted() -> ReprogForecaster:
    with warnings.catch_warnings(action="ignore"):
        return make().fit(sine())


# --- it learns -------------------------------------------------------------------------------------------------------


def test_weights_depend_on_the_data() -> None:
    one, other = weights(make().fit(sine())), weights(make().fit(sine() ** 3))
    assert any(not torch.equal(one[name], other[name]) for name in one)
    again = weights(make().fit(sine()))
    assert all(torch.equal(one[name], again[name]) for name in one)


def test_a_noisy_sine_is_forecast_five_times_better_than_naively() -> None:
    """Mean squared error over three hours of the day; the ridge takes no part."""
    y, horizon = sine(400), 12
    training = Training(mode="train", max_steps=200, batch_size=16, learning_rate=0.01, threads=1, progress=False)
    model = make(horizon=horizon, context=24, training=training).fit(y[:336])
    naive, squares = NaiveForecaster().set_config(remember_data=True), []
    for end in (340, 344, 348):
        model.update(y[336:end], update_params=False)
        naive.fit(y[:end])
        fh = np.arange(1, horizon + 1)
        truth = y[end : end + horizon]
        squares.append([((each.predict(fh=fh) - truth) ** 2).mean() for each in (model, naive)])
    error, base = np.mean(squares, axis=0)
    assert error < base / 5


def test_two_instances_share_no_weight(fitted: ReprogForecaster) -> None:
    other, copy = make().fit(sine()), pickle.loads(pickle.dumps(fitted))
    places = [{weight.data_ptr() for weight in weights(each).values()} for each in (fitted, other, copy)]
    assert not places[0] & places[1]
    assert not places[0] & places[2]


def test_no_generator_is_drawn_from_or_reseeded() -> None:
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy(), np.random.get_state()[2]  # type: ignore[index]
    make().fit(sine()).predict(fh=[1])
    assert torch.equal(before[0], torch.random.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # type: ignore[index]
    assert before[2] == np.random.get_state()[2]  # type: ignore[index]


def test_random_state_changes_the_weights() -> None:
    one, other = (make(random_state=state).fit(sine()).predict(fh=[1]) for state in (0, 1))
    assert one.iloc[0] != other.iloc[0]
    assert make(random_state=np.random.RandomState(3)).fit(sine()).model_.model.config.seed != 0


# --- the same numbers ------------------------------------------------------------------------------------------------


def plain(frame: pd.DataFrame, **options: Any) -> pd.DataFrame:
    model = Forecaster(6, level=LEVEL, seed=0, **{**SHARED, "base": "none", **options})
    return model.fit(frame).predict()


def test_numbers_are_those_of_forecaster(fitted: ReprogForecaster) -> None:
    fh = np.arange(1, 7)
    expected = plain(pd.DataFrame({"ds": sine().index, "y": sine().to_numpy()}))
    np.testing.assert_array_equal(fitted.predict(fh=fh).to_numpy(), expected["seqreprog"])
    pd.testing.assert_index_equal(fitted.predict(fh=fh).index, pd.DatetimeIndex(expected["ds"]), check_names=False)
    found = fitted.predict_interval(fh=fh, coverage=[0.9, 0.5]).to_numpy()
    np.testing.assert_allclose(found, expected[[f"seqreprog-{side}" for side in ("lo-90", "hi-90", "lo-50", "hi-50")]])


def test_a_panel_is_one_model() -> None:
    y = panel()
    found = make().fit(y).predict(fh=np.arange(1, 7))
    expected = plain(y.reset_index().rename(columns={"shop": "unique_id", "time": "ds", "load": "y"}))
    np.testing.assert_array_equal(found["load"], expected["seqreprog"])
    assert found.index.names == ["shop", "time"]
    assert found.index.get_level_values(0).tolist() == expected["unique_id"].tolist()
    assert (found.index.get_level_values(1) == expected["ds"]).all(), "each series goes on from its own end"


def test_the_variables_of_a_multivariate_series_are_a_panel() -> None:
    wide = pd.DataFrame({"a": sine(), "b": sine(seed=1) * 3})
    found = make().fit(wide).predict(fh=np.arange(1, 7))
    expected = plain(wide).pivot(index="ds", columns="unique_id", values="seqreprog")
    np.testing.assert_array_equal(found.to_numpy(), expected[["a", "b"]])
    assert found.columns.tolist() == ["a", "b"]


def test_hierarchies_with_several_variables_keep_rows_and_columns_apart() -> None:
    y = _make_hierarchical((2, 3), n_columns=2, min_timepoints=25, max_timepoints=40, same_cutoff=False)
    model = make().fit(y)
    found = model.predict(fh=[2, 5])
    assert found.columns.equals(y.columns)
    for instance in y.index.droplevel(-1).unique():
        alone = y.loc[instance]
        frame = pd.DataFrame({"ds": alone.index, "y": alone["c1"].to_numpy()})
        expected = model.model_.model.predict(frame).iloc[[1, 4]]
        np.testing.assert_allclose(found.loc[instance]["c1"], expected["seqreprog"], rtol=1e-5)
        assert found.loc[instance].index.tolist() == expected["ds"].tolist()


# --- horizons --------------------------------------------------------------------------------------------------------


def test_any_horizon_is_rows_of_the_whole(fitted: ReprogForecaster) -> None:
    whole = fitted.predict(fh=range(1, 7))
    pd.testing.assert_series_equal(fitted.predict(fh=[1, 3, 6]), whole.iloc[[0, 2, 5]], check_freq=False)
    pd.testing.assert_series_equal(fitted.predict(fh=[6, 1, 3]), whole.iloc[[0, 2, 5]], check_freq=False)
    absolute = ForecastingHorizon(whole.index[[5, 2]], is_relative=False)
    pd.testing.assert_series_equal(fitted.predict(fh=absolute), whole.iloc[[2, 5]], check_freq=False)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(90), pd.Index(np.arange(7, 97)), pd.period_range("2000-01", periods=90, freq="M"),
        pd.date_range("2000-01-31", periods=90, freq="ME"), pd.date_range("2000-03-01", periods=90, tz="Europe/Paris"),
        pd.DatetimeIndex(pd.date_range("2000-01-03", periods=90, freq="B").to_numpy()),
    ],
    ids=["range", "whole", "months", "month ends", "local days", "business days without freq"],
)  # fmt: skip
def test_labels_go_on_where_the_index_ends(index: pd.Index, fitted: ReprogForecaster) -> None:
    y = pd.Series(sine(84).to_numpy(), index[:84])
    model = make().fit(y)
    found = model.predict(fh=[1, 3, 6])
    assert found.index.tolist() == index[[84, 86, 89]].tolist()
    again = model.predict(fh=ForecastingHorizon(index[[84, 86, 89]], is_relative=False))
    pd.testing.assert_series_equal(found, again, check_freq=False)
    assert model.predict_quantiles(fh=[3], alpha=[0.2]).index.tolist() == index[[86]].tolist()


def test_without_a_horizon_fh_says_it() -> None:
    model = make(horizon=None)
    assert model.get_tag("requires-fh-in-fit")
    assert not make().get_tag("requires-fh-in-fit")
    y = panel((60, 45))
    absolute = pd.date_range("2024-01-03 12:00", periods=2, freq="h")  # 1 and 2 steps after s0, 16 and 17 after s1
    found = model.fit(y, fh=ForecastingHorizon(absolute, is_relative=False)).predict()
    assert model.model_.model.config.horizon == 17
    assert found.index.get_level_values(1).tolist() == [*absolute, *absolute]
    with pytest.raises(ConfigError, match=r"horizon is None and fh was not passed.* Pass horizon=\.\.\. to"):
        make(horizon=None).fit(sine())
    near = make(horizon=None).fit(sine(), fh=[1, 2])
    assert near.predict(fh=[1, 2]).equals(near.predict())
    for fh in ([1, 3], 3):
        with pytest.raises(ConfigError, match=r"fh asks for .*'3', and fit was told '1', '2'.*horizon=...\), which"):
            near.predict(fh=fh)
    with pytest.raises(ValueError, match="must not be empty"):
        near.predict(fh=[])


def test_an_fh_of_another_kind_is_named() -> None:
    y = sine(60).set_axis(pd.period_range("2019-01", periods=60, freq="M"))
    with pytest.raises(ConfigError, match=r"fh holds DatetimeIndex, and the index of y is a PeriodIndex\. Convert fh"):
        make().fit(y).predict(fh=pd.date_range("2024-01-01", periods=2, freq="MS"))


def test_what_cannot_be_forecast_is_named(fitted: ReprogForecaster) -> None:
    with pytest.raises(
        ConfigError, match=r"fh asks for step 9, .* horizon of 6\. Pass fh up to 6, or fit with horizon=9"
    ):
        fitted.predict(fh=[1, 9])
    with pytest.raises(ConfigError, match="fh asks for step 9"):
        make().fit(sine(), fh=[9])
    late = ForecastingHorizon(pd.DatetimeIndex(["2024-01-05 00:00"]), is_relative=False)
    with pytest.raises(
        ConfigError, match=r"fh asks for 2024-01-05 00:00:00; y ends at .* 17:00:00 .*6 steps, up to .* 23"
    ):
        fitted.predict(fh=late)
    for fh in ([0, 1], ForecastingHorizon(sine().index[-3:], is_relative=False)):
        with pytest.raises(
            InSampleError, match=r"in-sample prediction: fh asks for step (0|-2), .*Pass steps from 1 on"
        ):
            fitted.predict(fh=fh)
    told = make(horizon=None).fit(sine(), fh=[1, 2])
    with pytest.raises(InSampleError, match="fh asks for step -2"):
        told.predict(fh=ForecastingHorizon(sine().index[-3:], is_relative=False))
    with pytest.raises(InSampleError, match="fh asks for step -3"):
        told.predict(fh=pd.to_timedelta([-3, 1], "h"))
    with pytest.raises(ConfigError, match="and fit was told '1', '2'"):
        told.predict(fh=pd.to_timedelta([1, 5], "h"))
    behind = ForecastingHorizon(pd.DatetimeIndex(["2024-01-03 12:00"]), is_relative=False)
    with pytest.raises(ConfigError, match=r"instance 's1' ends at 2024-01-02 20:00:00 and the model forecasts 6 steps"):
        make().fit(panel()).predict(fh=behind)


# --- quantiles -------------------------------------------------------------------------------------------------------


def test_quantiles_at_any_level_rise(fitted: ReprogForecaster) -> None:
    alpha = [0.01, 0.05, 0.2, 0.25, 0.5, 0.75, 0.9, 0.99]
    found = fitted.predict_quantiles(fh=[1, 6], alpha=alpha)
    assert (np.diff(found.to_numpy()) >= 0).all()
    np.testing.assert_array_equal(found["load"][0.5], fitted.predict(fh=[1, 6]))
    shuffled = fitted.predict_quantiles(fh=[1, 6], alpha=alpha[::-1])
    np.testing.assert_array_equal(shuffled["load"][alpha], found["load"][alpha])


def test_the_distribution_has_the_forecast_and_the_quartiles(fitted: ReprogForecaster) -> None:
    pytest.importorskip("skpro")
    found = fitted.predict_proba(fh=[1, 3])
    np.testing.assert_allclose(found.mean()["load"], fitted.predict(fh=[1, 3]))
    quartiles = fitted.predict_quantiles(fh=[1, 3], alpha=[0.25, 0.75])["load"]
    wide = found.quantile([0.25, 0.75])
    np.testing.assert_allclose(np.diff(wide.to_numpy()), np.diff(quartiles.to_numpy()))


# --- more data -------------------------------------------------------------------------------------------------------


def test_update_moves_the_context_and_keeps_the_weights() -> None:
    y = sine()
    model = make().fit(y[:70])
    before = {name: weight.clone() for name, weight in weights(model).items()}
    frame = pd.DataFrame({"ds": y.index, "y": y.to_numpy()})
    expected = model.model_.model.predict(frame)
    model.update(y[70:80], update_params=False).update(y[78:], update_params=False)
    np.testing.assert_array_equal(model.predict(fh=range(1, 7)).to_numpy(), expected["seqreprog"])
    assert all(torch.equal(before[name], weight) for name, weight in weights(model).items())


def test_update_with_parameters_is_a_fit_on_all_data() -> None:
    y = sine()
    found = make().fit(y[:70]).update(y[70:]).predict(fh=[1, 6])
    pd.testing.assert_series_equal(found, make().fit(y).predict(fh=[1, 6]), check_freq=False)


@pytest.mark.parametrize("update_params", [False, True])
def test_an_update_may_come_without_a_name_and_in_another_order(update_params: bool) -> None:
    y = sine()
    model, same = make().fit(y[:80]), make().fit(y[:80])
    model.update(y[80:].rename(None), update_params=update_params)
    same.update(y[80:], update_params=update_params)
    assert model.predict(fh=[1, 6]).tolist() == same.predict(fh=[1, 6]).tolist()
    two = pd.DataFrame({"load": y, "wind": 3 - y})
    model, same = make().fit(two[:80]), make().fit(two[:80])
    model.update(two[80:][["wind", "load"]], update_params=update_params)
    same.update(two[80:], update_params=update_params)
    for ask in ("predict", "predict_interval"):
        found, wanted = (getattr(each, ask)(fh=[1, 6]) for each in (model, same))
        pd.testing.assert_frame_equal(found[wanted.columns], wanted)


def test_an_update_of_other_variables_is_named() -> None:
    two = pd.DataFrame({"load": sine(), "wind": 3 - sine()})
    model = make().fit(two[:80])
    before = model.predict(fh=[1])
    with pytest.raises(DataError, match=r"y has the columns \['load', 'gas'\], and that of fit \['load', 'wind'\]"):
        model.update(two[80:].set_axis(["load", "gas"], axis=1), update_params=False)
    pd.testing.assert_frame_equal(model.predict(fh=[1]), before)


def test_an_update_that_leaves_a_gap_is_named() -> None:
    model = make().fit(sine()[:70]).update(sine()[75:], update_params=False)
    with pytest.raises(
        DataError, match=r"series 'load' has no row at 2024-01-03 22:00:00 .*5 rows are missing.*asfreq"
    ):
        model.predict(fh=[1])


def test_pretrained_weights_stay() -> None:
    model = make().pretrain(panel())
    before = {name: weight.clone() for name, weight in weights(model).items()}
    found = model.fit(sine(seed=5)).predict(fh=[1, 6])
    frame = pd.DataFrame({"ds": sine().index, "y": sine(seed=5).to_numpy()})
    np.testing.assert_array_equal(found, model.model_.model.predict(frame)["seqreprog"].iloc[[0, 5]])
    copy = model.clone()
    model.update(sine(100, seed=5)[90:], update_params=True)
    for each in (model, copy):
        assert all(torch.equal(before[name], weight) for name, weight in weights(each).items())
    pd.testing.assert_series_equal(copy.fit(sine(seed=5)).predict(fh=[1, 6]), found)
    assert set(model.get_pretrained_params()) == {"model_", "summary_"}
    assert model.reset().state == "new"
    assert not hasattr(model, "model_")


def test_pretraining_says_what_it_lacks() -> None:
    with pytest.raises(ConfigError, match="horizon is None and fh was not passed"):
        make(horizon=None).pretrain(panel())
    model = make(horizon=None).pretrain(panel(), fh=[1, 2])
    assert model.pretrain(panel((50, 50))).model_.model.config.horizon == 2
    with pytest.raises(ConfigError, match="fh asks for step 3, and this model was fitted for a horizon of 2"):
        model.fit(sine(), fh=[3])
    with pytest.raises(DataError, match=r"freq 'D', but 'h' is what the model was fitted on\. Resample y"):
        model.fit(sine().set_axis(pd.date_range("2024", periods=90)), fh=[1])


# --- data that is odd ------------------------------------------------------------------------------------------------


def test_missing_values_are_masked() -> None:
    y = panel()
    y.iloc[[5, 6, 70]] = np.nan
    assert np.isfinite(make().fit(y).predict(fh=[1, 6])).all(axis=None)


def test_irregular_times_are_named() -> None:
    y = sine()
    with pytest.raises(DataError, match=r"no row at .* 05:00:00 \(freq 'h'; 1 rows .*y\.asfreq"):
        make().fit(y.drop(y.index[5]))
    monthly = y.set_axis(pd.date_range("2020-01-01", periods=90, freq="MS"))  # whose steps differ by themselves
    with pytest.raises(DataError, match=r"no row at 2020-06-01 .*\(freq 'MS'; 1 rows are missing"):
        make().fit(monthly.drop(monthly.index[5]))
    off = y.index + pd.to_timedelta([7 * (k == 5) for k in range(90)], "min")
    with pytest.raises(
        DataError, match=r"no regular frequency: 'h', .* from .* 04:00:00 to .* 05:07:00\. Each has a period of its own"
    ):
        make().fit(y.set_axis(off))
    with pytest.raises(DataError, match=r"has 2 rows, too few to tell"):
        make().fit(y[:2].set_axis(pd.DatetimeIndex(y.index[:2].to_numpy())))
    with pytest.raises(DataError, match=r"must rise by 1; 0 is followed by 2"):
        make().fit(y.set_axis(range(0, 180, 2)))
    holed = panel().drop(("s1", y.index[7]))
    with pytest.raises(DataError, match=r"series 's1' has no row at 2024-01-01 07:00:00 .* with y\.asfreq"):
        make().fit(holed)


def test_an_empty_instance_is_named() -> None:
    frames = [sine().to_frame().reset_index(drop=True), pd.DataFrame({"load": np.empty(0)})]
    with pytest.raises(DataError, match="y has no rows: there is nothing to learn from"):
        make().fit(sine()[:0])
    with pytest.raises(DataError, match=r"the times of y are a TimedeltaIndex \(timedelta64\[s\]\)\. Pass dates"):
        make().fit(pd.Series([1.0, 2.0, 3.0], pd.to_timedelta(range(3), "h").as_unit("s")))
    with pytest.raises(DataError, match=r"1 instances of y have no rows: '1'\. Leave them out"):
        make().fit(frames)
    silent = panel()
    silent.loc["s1"] = np.nan
    with pytest.raises(DataError, match=r"1 series have no observed value: 's1'"):
        make().fit(silent)


def test_settings_that_break_a_rule_are_named_in_fit() -> None:
    with pytest.raises(ConfigError, match="horizon must be at least 1; got 0"):
        make(horizon=0).fit(sine())
    with pytest.raises(BackboneError, match="has 2 layers; got layers=7"):
        make(layers=7).fit(sine())


# --- keeping ---------------------------------------------------------------------------------------------------------


def test_a_pickle_is_small_and_gives_the_same_bits_in_a_new_process(fitted: ReprogForecaster, tmp_path: Path) -> None:
    y = panel()
    model = make().fit(y)
    expected = model.predict_quantiles(fh=[1, 4], alpha=[0.05, 0.3, 0.5])
    content = pickle.dumps(model)
    assert len(content) < 60_000
    assert content == pickle.dumps(model)
    (tmp_path / "model.pkl").write_bytes(content)
    code = (
        "import pickle, sys; model = pickle.load(open(sys.argv[1], 'rb')); "
        "model.predict_quantiles(fh=[1, 4], alpha=[0.05, 0.3, 0.5]).to_pickle(sys.argv[2])"
    )
    files = [str(tmp_path / name) for name in ("model.pkl", "found.pkl")]
    subprocess.run([sys.executable, "-c", code, *files], check=True, cwd=REPO)
    pd.testing.assert_frame_equal(pd.read_pickle(files[1]), expected, check_exact=True)


def test_a_pickle_holds_no_frozen_weight(fitted: ReprogForecaster) -> None:
    frozen = fitted.model_.model._backbone.vocabulary.numpy().tobytes()[:256]  # type: ignore[union-attr]
    assert frozen not in pickle.dumps(fitted)
    twice = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(fitted))))
    pd.testing.assert_series_equal(twice.predict(fh=[1, 6]), fitted.predict(fh=[1, 6]), check_exact=True)


def test_our_own_code_warns_of_nothing() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        make().fit(panel()).predict_interval(fh=[1])
    assert not [each for each in said if issubclass(each.category, FutureWarning | DeprecationWarning)]


# --- in company ------------------------------------------------------------------------------------------------------


def test_grid_search_and_evaluate() -> None:
    cv = ExpandingWindowSplitter(fh=[1, 2, 3], initial_window=80, step_length=7)
    found = evaluate(make(), cv, sine(), scoring=MeanSquaredError(), strategy="no-update_params", error_score="raise")
    assert np.isfinite(found["test_MeanSquaredError"]).all()
    grid = ForecastingGridSearchCV(make(), cv, {"loss": ["mse", "mae"]}, error_score="raise").fit(sine())
    assert grid.best_params_["loss"] in ("mse", "mae")
    assert len(grid.predict(fh=[1, 2, 3])) == 3
    moved = (
        make()
        .fit(sine()[:80])
        .update_predict(sine()[80:], SlidingWindowSplitter(fh=[1], window_length=1), update_params=False)
    )
    assert np.isfinite(moved).all(axis=None)


def test_pipelines_and_reconciliation() -> None:
    y = sine() + np.linspace(0, 3, 90)
    piped = TransformedTargetForecaster([("difference", Differencer()), ("model", make())]).fit(y)
    assert np.isfinite(piped.predict(fh=[1, 2, 3])).all()
    whole = Aggregator().fit_transform(_make_hierarchical((2, 2), min_timepoints=40, max_timepoints=40))
    found = ReconcilerForecaster(make(), method="bu").fit(whole).predict(fh=[1, 2])
    top, leaves = found.loc[("__total", "__total")], found.drop("__total", level=1)
    np.testing.assert_allclose(top.to_numpy(), leaves.groupby(level=-1).sum().to_numpy(), rtol=1e-6)


def test_importing_the_package_names_what_is_missing() -> None:
    code = (
        "import sys; sys.modules['sktime'] = None\n"
        "from seqreprog.errors import DependencyError\nimport seqreprog.sktime as ours\n"
        "try: ours.ReprogForecaster\nexcept DependencyError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO)
    assert "ReprogForecaster needs the package sktime. Install it with pip install 'seqreprog[sktime]'" in done.stdout
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        import seqreprog.sktime as ours

        ours.Nothing  # noqa: B018
