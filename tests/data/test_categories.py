"""Words as covariates: one column for each that `fit` found, the same in later frames and in the artifact."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqreprog import Adapter, Forecaster, Notice, Training
from seqreprog.config.forecast import Covariates, make_config
from seqreprog.data.categories import MOST, learned
from seqreprog.data.covariates import read_covariates, read_future
from seqreprog.data.frames import read_table
from seqreprog.errors import DataError

HOURS = pd.date_range("2024-01-01", periods=120, freq="h")
WORDS = ["none", "sale", "fair"]
FUTURE = Covariates(futr_cols=("event",))


def frame(rows: int = 120, **columns: Any) -> pd.DataFrame:
    events = [WORDS[hour % 3] for hour in range(rows)]
    wind = np.sin(np.arange(rows))
    return pd.DataFrame({"ds": HOURS[:rows], "y": np.arange(rows) * 1.0, "event": events, "wind": wind}).assign(
        **columns
    )


def read(df: pd.DataFrame, names: Covariates) -> np.ndarray:
    return read_covariates(read_table(df), df, names).panel.covariates


def model(backbone: Path, **options: Any) -> Forecaster:
    small = Adapter(patch=4, stride=4)
    return Forecaster(3, context=12, backbone=backbone, adapter=small, training=Training(mode="probe"), **options)


@pytest.mark.parametrize("dtype", ["object", "str", "category", "string"])
def test_each_word_is_a_column_of_zeros_and_ones(dtype: str) -> None:
    df = frame(6, event=pd.Series(["sale", "none ", None, "fair", "sale", "none"], dtype=dtype))
    names = learned(df, Covariates(futr_cols=("wind",), hist_cols=("event",)))
    assert names.levels == (("event", ("fair", "none", "sale")),)
    assert names.numeric == ("wind", "event=fair", "event=none", "event=sale")
    assert names.names == ("wind", "event")
    assert names.ahead == 1
    expected = [[0, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 1], [1, 0, 0, 0, 1, 0]]
    assert read(df, names)[1:].tolist() == expected  # a cell without a word has none of them
    assert make_config(Covariates, json.loads(json.dumps(asdict(names)))) == names


def test_a_row_that_is_missing_is_unknown() -> None:
    df = frame(6).drop(index=2)
    names = learned(df, FUTURE)
    table = read_covariates(read_table(df, fill_gaps=True), df, names)
    assert np.isnan(table.panel.covariates[:, 2]).all()
    assert np.isfinite(np.delete(table.panel.covariates, 2, axis=1)).all()


def test_numbers_and_booleans_stay_what_they_are() -> None:
    df = frame(6, event=[True, False] * 3)
    assert learned(df, Covariates(futr_cols=("event", "wind"))).levels == ()


def test_words_that_fit_did_not_see_are_named() -> None:
    df = frame()
    names = learned(df, FUTURE)
    table = read_covariates(read_table(df), df, names)
    ahead = pd.DataFrame({"ds": HOURS[-1] + pd.to_timedelta([1, 2], "h"), "event": ["sale", "flood"]})
    with pytest.raises(
        DataError, match=r"'event' of futr_df holds 'flood' in row 1 .*'fair', 'none', 'sale'\. Use one"
    ):
        read_future(table, ahead, names, steps=2, horizon=2)
    ahead["event"] = ["sale", None]
    assert read_future(table, ahead, names, steps=2, horizon=2)[0].tolist() == [[0, 0], [0, 0], [1, 0]]


def test_too_many_words_and_numbers_among_them_are_refused() -> None:
    df = frame(event=[f"day {hour}" for hour in range(120)])
    with pytest.raises(
        DataError, match=rf"'event' must hold numbers or one of {MOST} words at most; it has 120: 'day 0'"
    ):
        learned(df, FUTURE)
    mixed = frame(6, event=["3", "4", "n/a", "5", "6", "7"])
    with pytest.raises(DataError, match="'event' must hold numbers; row 2 holds 'n/a'"):
        read(mixed, learned(mixed, FUTURE))


@pytest.mark.parametrize("value", [3, 2.5, True])
def test_a_static_number_is_read_as_words(value: object) -> None:
    df = pd.concat([frame(6, unique_id="a", size=value), frame(6, unique_id="b", size=0)])
    df["size"] = df["size"].astype(type(value))
    table = read_covariates(read_table(df), df, Covariates(static="size"))
    assert table.panel.texts == (f"size: {value:.6g}", "size: 0")


def test_an_artifact_keeps_the_words(make_backbone: Callable[[str], Path], tmp_path: Path) -> None:
    df = frame(event=np.random.default_rng(0).choice(WORDS, 120))
    df["y"] = 5.0 * (df["event"] == "sale") + df["wind"]
    ahead = pd.DataFrame({"ds": HOURS[-1] + pd.to_timedelta([1, 2, 3], "h"), "event": ["sale", "none", "none"]})
    fitted = model(make_backbone("gpt2")).fit(df, futr_cols=["event"], hist_cols=["wind"])
    found = fitted.predict(futr_df=ahead)
    assert found["seqreprog"].argmax() == 0
    later = fitted.predict(futr_df=ahead.assign(event=["none", "none", "sale"]))
    assert later["seqreprog"].argmax() == 2
    fitted.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(df, futr_df=ahead), found)
    assert len(fitted.cross_validation(df, futr_cols=["event"], n_windows=2)) == 6


def test_a_join_that_is_off_by_an_hour_is_noticed(make_backbone: Callable[[str], Path]) -> None:
    df = frame()
    times = HOURS[-1] + pd.to_timedelta([1, 2, 3], "h")
    weather = pd.DataFrame({"ds": times + pd.Timedelta("30min"), "wind": [1.0, 2.0, 3.0]})
    ahead = pd.DataFrame({"ds": times}).merge(weather, on="ds", how="left")
    fitted = model(make_backbone("gpt2")).fit(df, futr_cols=["wind"])
    with pytest.warns(Notice, match="no row of futr_df has a number in column 'wind' for the steps to come"):
        fitted.predict(futr_df=ahead)
    with pytest.warns(Notice, match="no row has a number in column 'wind': it is unknown"):
        fitted.predict(df.assign(wind=np.nan), futr_df=ahead.assign(wind=1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        fitted.predict(futr_df=ahead.assign(wind=[np.nan, 1.0, np.nan]))
