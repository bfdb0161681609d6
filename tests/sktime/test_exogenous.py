"""Covariates through sktime's X: they count, they are `Forecaster`'s, and what is amiss has a name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sktime")

from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.model_evaluation import evaluate
from sktime.split import ExpandingWindowSplitter

from seqreprog import Adapter, Forecaster, Prompt, Training
from seqreprog.errors import ConfigError, DataError
from seqreprog.sktime import ReprogForecaster
from seqreprog.sktime.forecaster import LEVEL

ADAPTER = Adapter(patch=4, stride=4, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4)
TRAINING = Training(mode="train", max_steps=4, batch_size=8, evaluate_every=2, threads=1, progress=False)
SHARED: dict[str, Any] = {
    "backbone": "tiny-random", "layers": 1, "context": 16, "adapter": ADAPTER, "training": TRAINING,
    "prompt": Prompt(task=False, parts=()),
}  # fmt: skip
HORIZON = 4
END = 80

pytestmark = pytest.mark.filterwarnings("ignore::seqreprog.errors.Notice")


def make(**options: Any) -> ReprogForecaster:
    return ReprogForecaster(**{**SHARED, "horizon": HORIZON, **options})


def sales(length: int = 90, seed: int = 0) -> tuple[pd.Series, pd.DataFrame]:
    """Sales that rise by 5 while a promotion runs; yesterday's visitors tell a little."""
    rng, days = np.random.default_rng(seed), pd.date_range("2024-01-01", periods=length)
    promotion = (rng.random(length) < 0.3).astype(float)
    y = pd.Series(10 + 5 * promotion + 0.1 * rng.normal(size=length), days, name="sales")
    return y, pd.DataFrame({"promotion": promotion, "visitors": y + rng.normal(size=length)}, index=days)


def shops() -> tuple[pd.DataFrame, pd.DataFrame]:
    parts = {f"s{k}": sales(90 - 5 * k, seed=k) for k in range(2)}
    y = pd.concat({name: each[0].to_frame() for name, each in parts.items()}, names=["shop", "day"])
    return y, pd.concat({name: each[1] for name, each in parts.items()}, names=["shop", "day"])


def test_what_is_known_ahead_is_used() -> None:
    y, X = sales()
    train, after = slice(END), slice(END, END + HORIZON)
    fh = np.arange(1, HORIZON + 1)
    found = make(hist_cols=["visitors"]).fit(y[train], X[train]).predict(fh=fh, X=X[after])
    without = make().fit(y[train]).predict(fh=fh)
    error, base = (((each - y[after]) ** 2).mean() for each in (found, without))
    assert error < base / 5


def test_numbers_are_those_of_forecaster() -> None:
    y, X = shops()
    early = y.groupby(level=0).head(70)
    model = make(hist_cols=["visitors"]).fit(early, X.loc[early.index])
    found = model.predict(fh=[1, 3], X=X)
    frame = pd.concat([y, X], axis=1).reset_index().rename(columns={"shop": "unique_id", "day": "ds", "sales": "y"})
    past = frame.groupby("unique_id").head(70)
    plain = Forecaster(HORIZON, level=LEVEL, seed=0, **SHARED)
    plain.fit(past, futr_cols=["promotion"], hist_cols=["visitors"])
    expected = plain.predict(h=3, futr_df=frame).groupby("unique_id").nth([0, 2])
    np.testing.assert_array_equal(found["sales"], expected["seqreprog"])
    quantiles = model.predict_quantiles(fh=[1, 3], X=X, alpha=[0.95])
    np.testing.assert_allclose(quantiles.to_numpy()[:, 0], expected["seqreprog-hi-90"])


def test_x_of_each_instance_stays_with_it() -> None:
    y, X = shops()
    early = y.groupby(level=0).head(70)
    model = make(base="none").fit(early, X.loc[early.index])
    changed = X.copy()
    changed.loc["s1", "promotion"] = 1 - changed.loc["s1", "promotion"].to_numpy()
    one, other = model.predict(fh=[2], X=X), model.predict(fh=[2], X=changed)
    assert one.loc["s0"].equals(other.loc["s0"])
    assert not one.loc["s1"].equals(other.loc["s1"])
    shuffled = model.predict(fh=[2], X=X.sort_index(level=0, ascending=False, sort_remaining=False))
    pd.testing.assert_frame_equal(one, shuffled)


def test_every_variable_reads_all_of_x() -> None:
    y, X = sales()
    wide = pd.DataFrame({"a": y, "b": -y})
    found = make().fit(wide[:END], X[:END]).predict(fh=[1, 2], X=X[END : END + 2])
    assert found.columns.tolist() == ["a", "b"]
    truth = wide[END : END + 2]
    assert np.abs(found - truth).max(axis=None) < 3


def test_a_sentence_for_each_series_is_taken() -> None:
    y, X = shops()
    texts = {"s0": "A shop in the harbour.", "s1": "A kiosk at the station, busy at weekends."}
    X["about"] = X.index.get_level_values(0).map(texts)
    early = y.groupby(level=0).head(70)
    past, options = X.loc[early.index], {"static": "about", "base": "none"}
    model = make(**options).fit(early, past)
    assert model.model_.model.config.covariates.static == "about"
    assert np.isfinite(model.predict(fh=[1], X=X.drop(columns="about"))).all(axis=None)
    past.loc["s1", "about"] = None
    with pytest.raises(DataError, match=r"1 series have no text in column 'about': 's1'"):
        make(**options).fit(early, past)


SHUT = "The shop is closed."


def told() -> tuple[ReprogForecaster, pd.DataFrame, pd.DataFrame]:
    """A fitted model that reads, all of y, and X with a sentence for each shop."""
    y, X = shops()
    X["about"] = X.index.get_level_values(0).map({"s0": "A shop in the harbour.", "s1": "A kiosk."})
    early = y.groupby(level=0).head(70)
    return make(static="about", base="none").fit(early, X.loc[early.index]), y, X


def test_predict_may_say_something_new() -> None:
    model, y, X = told()
    ahead = X.drop(y.groupby(level=0).head(70).index)
    known = model.predict(fh=[1, 2], X=ahead)
    pd.testing.assert_frame_equal(model.predict(fh=[1, 2], X=X.drop(columns="about")), known)
    anew = model.predict(fh=[1, 2], X=ahead.assign(about=SHUT))
    assert (anew != known).all(axis=None)
    half = ahead.assign(about=ahead["about"].where(ahead.index.get_level_values(0) == "s0", SHUT))
    mixed = model.predict(fh=[1, 2], X=half)
    pd.testing.assert_frame_equal(mixed.loc[["s0"]], known.loc[["s0"]])
    pd.testing.assert_frame_equal(mixed.loc[["s1"]], anew.loc[["s1"]])
    whole = X.assign(about=X["about"].where(~X.index.isin(ahead.index), SHUT))
    pd.testing.assert_frame_equal(model.predict(fh=[1, 2], X=whole), anew)  # what was said of the past is past


def test_what_update_says_replaces_the_sentence() -> None:
    model, y, X = told()
    step = y.groupby(level=0).nth(70)
    later = X.drop(y.groupby(level=0).head(71).index)
    bare = later.drop(columns="about")
    expected = (
        told()[0].update(step, X.loc[step.index], update_params=False).predict(fh=[1], X=later.assign(about=SHUT))
    )
    model.update(step, X.loc[step.index].assign(about=SHUT), update_params=False)
    pd.testing.assert_frame_equal(model.predict(fh=[1], X=bare), expected)


def test_a_sentence_that_is_missing_or_not_one_is_named() -> None:
    model, y, X = told()
    ahead = X.drop(y.groupby(level=0).head(70).index)
    silent = ahead.copy()
    silent.loc["s1", "about"] = None
    with pytest.raises(DataError, match=r"X has no text in column 'about' for 's1'\. Write a sentence for each"):
        model.predict(fh=[1], X=silent)
    with pytest.raises(DataError, match=r"must say one thing of instance 's0'; it has 'x', 'z'\. Keep one"):
        model.predict(fh=[1], X=ahead.assign(about=np.resize(["x", "z"], len(ahead))))


@pytest.mark.parametrize("kind", ["float64", "boolean", "bool"])
def test_an_fh_with_gaps_needs_x_at_its_steps_alone(kind: str) -> None:
    y, X = sales()
    X["promotion"] = X["promotion"].astype(kind)
    model = make(hist_cols=["visitors"], base="ridge").fit(y[:END], X[:END])
    gapped = model.predict(fh=[1, 3], X=X.iloc[[END, END + 2]])
    full = model.predict(fh=[1, 2, 3], X=X[END : END + 3])
    np.testing.assert_allclose(gapped, full.iloc[[0, 2]], atol=0.5)  # step 2 is unknown to the model, and no more
    with pytest.raises(DataError, match=r"X has no row of series 'sales' at 2024-03-23 .*1 of 3 rows"):
        model.predict(fh=[1, 3], X=X.iloc[[END, END + 1]])


def test_evaluate_with_gaps_in_fh_and_x() -> None:
    y, X = sales()
    cv = ExpandingWindowSplitter(fh=[1, 3], initial_window=70, step_length=8)
    assert np.isfinite(evaluate(make(), cv, y, X, error_score="raise").iloc[:, 0]).all()


def test_update_takes_x_along() -> None:
    y, X = sales()
    moved = make().fit(y[:60], X[:60])
    again = pd.concat([y[:END], X[:END]], axis=1).reset_index(names="ds").rename(columns={"sales": "y"})
    again["unique_id"] = "sales"
    future = X[END:].reset_index(names="ds").assign(unique_id="sales")
    expected = moved.model_.model.predict(again, h=2, futr_df=future)["seqreprog"]
    found = moved.update(y[60:END], X[60:END], update_params=False).predict(fh=[1, 2], X=X[END:])
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(DataError, match=r"X has no row for 2 of the 82 rows of y, the first at 2024-03-21"):
        moved.update(y[END : END + 2], update_params=False).predict(fh=[1], X=X)


def test_a_wrong_x_is_named() -> None:
    y, X = sales()
    model = make().fit(y[:END], X[:END])
    with pytest.raises(DataError, match=r"fitted with the columns of X \['promotion', 'visitors'\].* Pass X$"):
        model.predict(fh=[1])
    with pytest.raises(
        DataError, match=r"X has no row of series 'sales' at 2024-03-23 .*1 of 3 rows.*hold the 3 steps"
    ):
        model.predict(fh=[3], X=X[END : END + 2])
    with pytest.raises(DataError, match=r"X has no column 'visitors'; it has \['promotion'\]\. "):
        model.predict(fh=[1], X=X[["promotion"]][END:])
    with pytest.raises(DataError, match=r"column 'visitors' of X is inf in series 'sales'"):
        model.predict(fh=[1], X=X[END:] * np.inf)
    bare = make().fit(y[:END])
    for call in (bare.predict, bare.predict_quantiles):
        with pytest.raises(ConfigError, match=r"X was passed, with \['promotion', 'visitors'\], but fit had none"):
            call(fh=[1], X=X[END:])
    with pytest.raises(ConfigError, match="but fit had none"):
        bare.update(y[END:], X[END:])
    with pytest.raises(
        DataError, match=r"X has the columns \['promotion'\], and that of fit \['promotion', 'visitors'\]"
    ):
        make().fit(y[:END], X[:END]).update(y[END:], X[["promotion"]][END:], update_params=False)
    wordy = X.assign(about=[f"Day {day}." for day in range(len(X))])
    with pytest.raises(DataError, match=r"column 'about' must hold numbers or one of 50 words.*static='about'"):
        make().fit(y[:END], wordy[:END])
    dated = X.assign(about=pd.Timestamp("2024-01-01"))
    with pytest.raises(DataError, match=r"column 'about' of X must hold numbers; .* first Timestamp.*static='about'"):
        make().fit(y[:END], dated[:END])
    with pytest.raises(ConfigError, match=r"X has no column 'wind'; it has \['promotion', 'visitors'\]"):
        make(hist_cols=["wind"]).fit(y[:END], X[:END])
    with pytest.raises(ConfigError, match=r"'wind' should be columns of X, and fit got none"):
        make(hist_cols=["wind"]).fit(y[:END])
    with pytest.raises(ConfigError, match=r"hist_cols must be a list of columns of X; got 'visitors'"):
        make(hist_cols="visitors").fit(y[:END], X[:END])
    panel, beside = shops()
    with pytest.raises(DataError, match=r"X has no row for 1 of the 175 rows of y, the first at \('s0', "):
        make().fit(panel, beside.drop(beside.index[3]))
    trained = make().pretrain(panel, beside)
    with pytest.raises(DataError, match=r"X has the columns \[\], and that of pretrain \['promotion', 'visitors'\]"):
        trained.fit(panel)
    assert len(trained.fit(y[:END], X[:END]).predict(fh=[1], X=X[END:])) == 1


def test_past_columns_alone_need_no_x_ahead() -> None:
    y, X = sales()
    model = make(hist_cols=["promotion", "visitors"]).fit(y[:END], X[:END])
    absolute = ForecastingHorizon(y.index[END : END + 2], is_relative=False)
    assert model.predict(fh=absolute).index.tolist() == y.index[END : END + 2].tolist()


def test_names_of_x_may_be_anything() -> None:
    y, X = sales()
    odd = X.set_axis(["y", 3], axis=1)
    plain = make().fit(y[:END], X[:END]).predict(fh=[1], X=X[END:])
    pd.testing.assert_series_equal(make().fit(y[:END], odd[:END]).predict(fh=[1], X=odd[END:]), plain)
