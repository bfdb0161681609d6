"""Several rows for one time: refused by name, or merged by the policy that was asked for, beside the target too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import seqreprog
from seqreprog import Adapter, Forecaster, Notice, Training
from seqreprog.config.forecast import Covariates
from seqreprog.data.covariates import read_covariates, read_future
from seqreprog.data.frames import read_table
from seqreprog.data.rows import merged
from seqreprog.errors import ConfigError, DataError

DAYS = pd.date_range("2024-01-01", periods=4)
NAMES = Covariates(futr_cols=("promo",), hist_cols=("wind",))
POLICIES: dict[str, list[float]] = {"first": [0, 1, 2, 3], "last": [0, 9, np.nan, 3], "mean": [0, 5, 2, 3]}


def repeated(**changes: Any) -> pd.DataFrame:
    """Series 'a': its second day again with 9, its third again without a value; 'b' has each day once."""
    days = [*DAYS, DAYS[1], DAYS[2], *DAYS]
    df = pd.DataFrame({"unique_id": ["a"] * 6 + ["b"] * 4, "ds": days, "y": [0, 1, 2, 3, 9, np.nan, *range(10, 14)]})
    df = df.assign(promo=df["y"] * 10, wind=df["y"] * 100, about=np.where(df["unique_id"] == "a", "A shop.", "A mill."))
    return df.assign(**changes)


@pytest.mark.parametrize("how", POLICIES)
def test_what_counts_of_rows_for_one_time(how: Any) -> None:
    table = read_table(repeated(), duplicates=how)
    np.testing.assert_array_equal(table.panel.values, [*POLICIES[how], 10, 11, 12, 13])
    assert table.times.tolist() == [*DAYS, *DAYS]
    assert table.columns.duplicates == how
    said = [
        notice
        for notice in table.notices
        if "2 rows stand for a time that an earlier row of their series has" in notice
    ]
    assert len(said) == 1
    assert how in said[0]


@pytest.mark.parametrize("how", POLICIES)
def test_a_wide_frame_is_merged_alike(how: Any) -> None:
    index = pd.DatetimeIndex([*DAYS, DAYS[1], DAYS[2]])
    wide = pd.DataFrame({"a": [0, 1, 2, 3, 9, np.nan], "b": [10, 11, 12, 13, 11, 12.0]}, index=index)
    table = read_table(wide, duplicates=how)
    np.testing.assert_array_equal(table.panel.values, [*POLICIES[how], 10, 11, 12, 13])


@pytest.mark.parametrize("how", POLICIES)
@pytest.mark.parametrize("seed", [None, 0])
def test_what_stands_beside_the_target_is_merged_alike(how: Any, seed: int | None) -> None:
    df = repeated() if seed is None or how != "mean" else repeated().sample(frac=1, random_state=seed)
    names = Covariates(static="about", futr_cols=("promo",), hist_cols=("wind",))
    panel = read_covariates(read_table(df, duplicates=how), df, names).panel
    np.testing.assert_array_equal(panel.covariates, [panel.values * 10, panel.values * 100])
    assert sorted(panel.texts) == ["A mill.", "A shop."]


def test_rows_to_come_are_merged_as_those_of_the_past() -> None:
    table = read_table(repeated(), duplicates="mean")
    days = pd.date_range("2024-01-05", periods=2)
    ahead = pd.DataFrame(
        {"unique_id": ["a", "a", "a", "b", "b"], "ds": [*days, days[1], *days], "promo": [1, 2, 4, 5, 6.0]}
    )
    found = read_future(table, ahead, NAMES, steps=2, horizon=2)
    assert found.tolist() == [[[1, 3]], [[5, 6]]]
    with pytest.raises(
        DataError, match=r"futr_df has more than one row of series 'a' at 2024-01-06 .* \(1 dupl.*Drop them$"
    ):
        read_future(read_table(repeated().iloc[[0, 1, 2, 3, 6, 7, 8, 9]]), ahead, NAMES, steps=2, horizon=2)


def test_rows_of_strangers_do_not_count_as_duplicates() -> None:
    days = pd.date_range("2024-01-05", periods=2)
    ahead = pd.DataFrame(
        {"unique_id": ["a", "a", "z", "z", "b", "b"], "ds": [*days, days[0], days[0], *days], "promo": 1.0}
    )
    for how in ("error", "mean"):
        df = repeated().iloc[[0, 1, 2, 3, 6, 7, 8, 9]]
        assert (read_future(read_table(df, duplicates=how), ahead, NAMES, steps=2, horizon=2) == 1).all()


def test_without_a_policy_they_are_refused_with_the_remedy() -> None:
    message = r"series 'a' has more than one row at 2024-01-02 .*\(2 duplicates\)\. Drop or aggregate them, or "
    with pytest.raises(DataError, match=message + "pass duplicates='mean', 'first' or 'last'$"):
        read_table(repeated())
    like = read_table(repeated().drop_duplicates(["unique_id", "ds"])).columns
    with pytest.raises(
        DataError, match=message + "fit with duplicates='mean', 'first' or 'last', which holds later too$"
    ):
        read_table(repeated(), like=like)


@pytest.mark.parametrize("how", ["sum", "", None, True, ["mean"]])
def test_an_unknown_policy_is_named(how: Any) -> None:
    with pytest.raises(ConfigError, match=r"duplicates must be one of \['error', 'first', 'last', 'mean'\]; got "):
        read_table(repeated(), duplicates=how)


def test_infinite_values_and_silent_series_are_still_refused() -> None:
    with pytest.raises(DataError, match="series 'a' is inf at 2024-01-02"):
        read_table(repeated(y=[0, 1, 2, 3, np.inf, 5, *range(10, 14)]), duplicates="first")
    blank = repeated().iloc[[0, 0, 6, 7, 8, 9]].assign(y=[np.nan, 1.0, *range(10, 14)])
    with pytest.raises(DataError, match="1 series have no observed value: 'a'"):
        read_table(blank, duplicates="first")


def test_gaps_and_duplicates_go_together() -> None:
    """A clock set back and forward: an hour twice in autumn, one missing in spring."""
    times = pd.date_range("2024-01-01", periods=30, freq="h").delete([7]).insert(12, pd.Timestamp("2024-01-01 11:00"))
    df = pd.DataFrame({"ds": times, "y": np.arange(30.0)})
    table = read_table(df, fill_gaps=True, duplicates="mean")
    assert table.columns.freq == "h"
    assert np.flatnonzero(np.isnan(table.panel.values)).tolist() == [7]
    assert len(table.panel.values) == 30


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("how", POLICIES)
def test_merging_is_what_pandas_does(how: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, group = rng.normal(size=50), np.sort(np.unique(rng.integers(0, 12, 50), return_inverse=True)[1])
    values[rng.random(50) < 0.3] = np.nan
    frame = pd.DataFrame({"group": group, "value": values})
    by = frame.groupby("group")["value"]
    expected = by.mean() if how == "mean" else by.nth(0 if how == "first" else -1)
    np.testing.assert_allclose(merged(values, group, how), expected.to_numpy(), rtol=1e-12)


# --- through the facade ----------------------------------------------------------------------------------------------


def test_a_fit_remembers_its_policy(make_backbone: Callable[[str], Path], tmp_path: Path) -> None:
    """`predict` merges as `fit` did, also after `load`; the numbers are those of the frame merged by hand."""
    options = {
        "context": 16, "backbone": make_backbone("bert"), "layers": 1, "base": "none",
        "adapter": Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4),
        "training": Training(max_steps=3, batch_size=8, validation_windows=8, progress=False),
    }  # fmt: skip
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"unique_id": "a", "ds": np.arange(80), "y": rng.normal(size=80).cumsum()})
    twice = pd.concat([df, df.iloc[30:40].assign(y=lambda part: part["y"] + 1.0)], ignore_index=True)
    by_hand = twice.groupby(["unique_id", "ds"], as_index=False)["y"].mean()
    with pytest.warns(Notice, match="10 rows stand for a time"):
        model = Forecaster(4, **options).fit(twice, duplicates="mean")
    expected = Forecaster(4, **options).fit(by_hand).predict()
    pd.testing.assert_frame_equal(model.predict(), expected, check_exact=True)
    model.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model")
    assert again.columns.duplicates == "mean"
    pd.testing.assert_frame_equal(again.predict(twice), expected, check_exact=True)
    piped = twice.pipe(seqreprog.forecast, horizon=4, duplicates="mean", **options)
    pd.testing.assert_frame_equal(piped, expected, check_exact=True)
    found = Forecaster(4, **options).cross_validation(twice, duplicates="last", n_windows=2)
    assert np.isfinite(found["seqreprog"]).all()
