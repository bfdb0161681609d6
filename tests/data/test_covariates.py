"""Covariates out of frames: lined up with the target whatever the rows' order, and every refusal with its value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqreprog.config.forecast import Covariates
from seqreprog.data.covariates import ends_of, read_covariates, read_future
from seqreprog.data.frames import SeriesTable, future_frame, read_table
from seqreprog.data.standards import Standards
from seqreprog.data.windows import Panel, Windows, last_windows
from seqreprog.errors import ConfigError, DataError, InputTypeError

NAMES = Covariates(futr_cols=("promo",), hist_cols=("wind",))
ABOUT = Covariates(static="about")


def frame(**changes: Any) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=4)
    made = pd.DataFrame({"unique_id": np.repeat(["b", "a"], 4), "ds": [*days, *days], "y": np.arange(8.0)})
    made = made.assign(promo=np.arange(8.0) * 10, wind=np.arange(8) * 100, about=np.repeat(["A shop.", "A mill."], 4))
    return made.assign(**changes)


def read(df: pd.DataFrame, names: Covariates = NAMES, **options: Any) -> SeriesTable:
    return read_covariates(read_table(df, **options), df, names)


def future(**changes: Any) -> pd.DataFrame:
    return future_frame(read_table(frame()), 3).assign(promo=np.arange(6.0)).assign(**changes)


# --- reading ---------------------------------------------------------------------------------------------------------


def test_columns_stand_beside_the_target() -> None:
    panel = read(frame()).panel
    np.testing.assert_array_equal(panel.covariates, [np.arange(8) * 10, np.arange(8) * 100])
    assert panel.ahead == 1
    assert panel.texts == ()
    assert read(frame(), Covariates()).panel.covariates.shape == (0, 8)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    table = read(frame().sample(frac=1, random_state=seed))
    assert table.panel.covariates[0].tolist() == (table.panel.values * 10).tolist()
    assert table.panel.covariates[1].tolist() == (table.panel.values * 100).tolist()


def test_ids_and_times_may_be_the_index() -> None:
    for keys in (["unique_id", "ds"], ["ds"]):
        assert read(frame().set_index(keys)).panel.covariates[0].tolist() == (np.arange(8) * 10).tolist()


def test_one_series_needs_no_ids() -> None:
    alone = frame().iloc[:4].drop(columns="unique_id")
    table = read(alone)
    assert table.panel.covariates[0].tolist() == [0, 10, 20, 30]
    found = read_future(table, future().iloc[:3].drop(columns="unique_id"), NAMES, steps=3, horizon=3)
    assert found.tolist() == [[[0, 1, 2]]]


def test_filled_rows_and_missing_cells_are_unknown() -> None:
    df = frame(promo=[0, np.nan, *range(6)]).drop(2)
    panel = read(df, fill_gaps=True).panel
    np.testing.assert_array_equal(panel.covariates[0], [0, np.nan, np.nan, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(panel.covariates[1], [0, 100, np.nan, 300, 400, 500, 600, 700])


@pytest.mark.parametrize("dtype", ["bool", "boolean", "Int64", "float32", "category"])
def test_numbers_of_any_dtype(dtype: str) -> None:
    promo = pd.Series([True, False] * 4 if dtype.startswith("bool") else [1, 0] * 4).astype(dtype)
    assert read(frame(promo=promo)).panel.covariates[0].tolist() == [1, 0] * 4


def test_sentences_are_said_once() -> None:
    panel = read(frame(), ABOUT).panel
    assert (panel.texts, panel.topics.tolist()) == (("A shop.", "A mill."), [0, 1])
    same = read(frame(about=[" Both. ", None, "Both.", "Both.", *["Both."] * 4]), ABOUT).panel
    assert (same.texts, same.topics.tolist()) == (("Both.",), [0, 0])


# --- what is known of the future -------------------------------------------------------------------------------------


def test_the_future_is_lined_up_and_the_rest_ignored() -> None:
    table = read(frame())
    more = pd.concat([future(), future(unique_id="stranger"), frame()]).sample(frac=1, random_state=0).assign(x="?")
    for given in (future(), more, future().set_index(["unique_id", "ds"])):
        found = read_future(table, given, NAMES, steps=3, horizon=3)
        np.testing.assert_array_equal(found, [[[0, 1, 2]], [[3, 4, 5]]])


def test_steps_between_h_and_horizon_may_be_absent() -> None:
    given = future(promo=[0, 1, np.nan, 3, 4, 5]).drop(5)
    found = read_future(read(frame()), given, NAMES, steps=2, horizon=3)
    np.testing.assert_array_equal(found, [[[0, 1, np.nan]], [[3, 4, np.nan]]])


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_times_meet_whatever_their_unit_and_dtype(zone: str | None) -> None:
    df = frame(ds=frame()["ds"].dt.tz_localize(zone).astype(f"datetime64[ns, {zone}]" if zone else "datetime64[ns]"))
    table = read(df)
    ahead = future(ds=future()["ds"].dt.tz_localize(zone).dt.as_unit("s"))
    assert read_future(table, ahead, NAMES, steps=3, horizon=3)[1].tolist() == [[3, 4, 5]]
    if zone is None:
        said = ahead.assign(ds=ahead["ds"].astype(str))
        assert read_future(table, said, NAMES, steps=3, horizon=3)[1].tolist() == [[3, 4, 5]]


def test_whole_numbers_and_periods_are_times() -> None:
    counted = frame(ds=[1, 2, 3, 4] * 2)
    ahead = future(ds=[5, 6, 7] * 2)
    assert read_future(read(counted), ahead, NAMES, steps=3, horizon=3)[1].tolist() == [[3, 4, 5]]
    periods = frame(ds=frame()["ds"].dt.to_period("D"))
    ahead = future(ds=future()["ds"].dt.to_period("D"))
    assert read_future(read(periods), ahead, NAMES, steps=3, horizon=3)[1].tolist() == [[3, 4, 5]]


# --- windows ---------------------------------------------------------------------------------------------------------


def test_windows_cut_the_past_of_all_and_the_future_of_some() -> None:
    panel = read(frame()).panel
    windows = Windows(panel, np.array([0, 1]), np.array([2, 7]), context=3, horizon=2)
    nan = np.nan
    np.testing.assert_array_equal(
        windows.covariates(),
        [
            [[nan, 0, 10, 20, 30], [nan, 0, 100, nan, nan]],
            [[40, 50, 60, 70, nan], [400, 500, 600, nan, nan]],
        ],
    )
    past = Panel(panel.values, panel.offsets, panel.covariates, 0)
    assert Windows(past, np.array([0]), np.array([2]), 3, 2).covariates().shape == (1, 2, 3)


def test_an_extended_panel_ends_in_what_is_known() -> None:
    table = read(frame(), Covariates(static="about", futr_cols=("promo",), hist_cols=("wind",)))
    windows = ends_of(table, NAMES, future(), context=3, horizon=3, steps=3)
    np.testing.assert_array_equal(windows.inputs(), last_windows(table.panel, 3, 3).inputs())
    assert np.isnan(windows.targets()).all()
    nan = np.nan
    np.testing.assert_array_equal(
        windows.covariates(),
        [
            [[10, 20, 30, 0, 1, 2], [100, 200, 300, nan, nan, nan]],
            [[50, 60, 70, 3, 4, 5], [500, 600, 700, nan, nan, nan]],
        ],
    )
    assert windows.panel.texts == table.panel.texts


def test_covariates_go_with_their_series() -> None:
    panel = read(frame(), Covariates(static="about", hist_cols=("wind",))).panel
    turned = panel.take(np.array([1, 0]))
    assert turned.covariates[0].tolist() == [*range(400, 800, 100), *range(0, 400, 100)]
    assert [turned.texts[topic] for topic in turned.topics] == ["A mill.", "A shop."]
    assert panel.tail(2).covariates[0].tolist() == [200, 300, 600, 700]
    assert panel.until(np.array([1, 2])).covariates[0].tolist() == [0, 400, 500]


def test_standards_come_from_what_is_seen() -> None:
    panel = Panel(np.zeros(6), np.array([0, 6]), np.array([[1.0, 3, np.nan, 9, 9, 9], [5, 5, 5, 9, 9, 9]]), 0)
    standards = Standards.of(panel, np.arange(6) < 3)
    assert (standards.loc.tolist(), standards.spread.tolist()) == ([2, 5], [1, 1])
    values, observed = standards.cut(last_windows(panel, 4, 1))
    assert values[0, 0].tolist() == [0, 7, 7, 7]
    assert observed[0, 0].tolist() == [False, True, True, True]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (Covariates(futr_cols=("y",)), "column 'y' holds the target"),
        (Covariates(hist_cols=("unique_id",)), "column 'unique_id' holds the ids"),
        (Covariates(static="ds"), "column 'ds' holds the times"),
    ],
)
def test_a_column_has_one_role(names: Covariates, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(frame(), names)


@pytest.mark.parametrize(
    ("changes", "names", "message"),
    [
        ({}, Covariates(hist_cols=("rain",)), r"df has no column 'rain'; it has \['unique_id', 'ds', 'y', 'promo'"),
        ({}, Covariates(static="name"), r"df has no column 'name'"),
        ({"promo": list("abcdefgh")}, NAMES, r"column 'promo' must hold numbers; row 0 holds 'a'.*static='promo'"),
        ({"wind": [1, 2, 3, 4, 5, -np.inf, 7, np.inf]}, NAMES, r"'wind' of df is -inf in series 'a' at 2024-01-02"),
        ({"about": ["x"] * 4 + [None] * 4}, ABOUT, r"1 series have no text in column 'about': 'a'"),
        ({"about": ["x"] * 4 + ["  "] * 4}, ABOUT, r"1 series have no text in column 'about': 'a'"),
        ({"about": np.nan}, ABOUT, r"2 series have no text in column 'about': 'b', 'a'"),
        ({"about": [*"xxxx", "up", "up", "down", "up"]}, ABOUT, r"series 'a' has 'up' and 'down' \(1 such series\)"),
        ({"about": np.arange(8)}, ABOUT, r"column 'about' must say one thing .* has 'about: 0' and 'about: 3'"),
        ({"about": pd.Timestamp("2024-01-01")}, ABOUT, r"column 'about' must hold text; row 0 holds Timestamp"),
    ],
)  # fmt: skip
def test_a_bad_column_is_named(changes: dict[str, Any], names: Covariates, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(frame(**changes), names)


def test_a_column_without_a_number_is_noticed() -> None:
    assert read(frame(wind=np.nan)).notices == ("no row has a number in column 'wind': nothing is learned from it",)
    assert read(frame(wind=[np.nan] * 7 + [1.0])).notices == ()


def test_a_wide_frame_has_no_covariates() -> None:
    wide = frame().pivot(index="ds", columns="unique_id", values="y")
    with pytest.raises(DataError, match=r"covariates \['promo', 'wind'\] need a long frame .* 2 series as columns"):
        read(wide)


def test_a_column_that_stands_twice_is_named() -> None:
    twice = pd.concat([frame(), frame()[["promo"]]], axis=1)
    with pytest.raises(DataError, match="df has more than one column 'promo'"):
        read(twice)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (future().iloc[1:], r"no row of series 'b' at 2024-01-05.*\(1 of 6 rows are missing, of 1 series: 'b'\)"),
        (future().iloc[:3], r"no row of series 'a' at 2024-01-05.*\(3 of 6 rows are missing, of 1 series: 'a'\)"),
        (future().iloc[[0, 3, 4]], r"series 'b' at 2024-01-06.*\(3 of 6 rows are missing, of 2 series: 'b', 'a'\)"),
        (future().iloc[:0], r"\(6 of 6 rows are missing"),
        (pd.concat([future(), future().iloc[[4]]]), r"more than one row of series 'a' at 2024-01-06 .*\(1 dupl"),
        (future().drop(columns="promo"), r"futr_df has no column 'promo'; it has \['unique_id', 'ds'\]"),
        (future().drop(columns="unique_id"), "futr_df has no column 'unique_id'"),
        (future().drop(columns="ds"), "futr_df has no column 'ds'"),
        (future(promo=[0, 1, 2, 3, np.inf, 5]), r"'promo' of futr_df is inf in series 'a' at 2024-01-06.*\(1 infinite"),
        (future(promo="x"), r"column 'promo' must hold numbers; row 0 holds 'x' .*astype\(float\)$"),
        (future(ds=range(6)), "column 'ds' of futr_df holds int64, that of the series datetime64"),
        (
            future(ds=future()["ds"].dt.tz_localize("UTC")),
            r"holds datetime64\[.*UTC\], that of the series datetime64\[.*with \.dt\.tz_localize\(None\)",
        ),
        (future(unique_id=[*"bbb", *"AAA"]), r"no row of series 'a' .*rows of 'A' \(dtype .*\), which are no series"),
        (future(unique_id=range(6)), r"rows of '0', .* \(dtype int64\), which are no series \(dtype "),
    ],
)
def test_a_future_that_cannot_serve_is_named(given: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_future(read(frame()), given, NAMES, steps=3, horizon=3)


def test_the_future_is_a_frame() -> None:
    with pytest.raises((InputTypeError, TypeError), match=r"futr_df|list"):
        read_future(read(frame()), [1, 2], NAMES, steps=3, horizon=3)  # type: ignore[arg-type]
