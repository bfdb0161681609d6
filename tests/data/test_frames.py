"""Frames <-> arrays: every rule of `read_table` with the value its message must name, and what comes back out."""

from __future__ import annotations

import inspect
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from seqreprog.data.frames import SeriesTable, future_frame, read_table, window_frame
from seqreprog.data.rows import Columns
from seqreprog.errors import ConfigError, DataError, InputTypeError


def long(freq: str = "D", periods: int = 6, ids: tuple = ("b", "a"), start: str = "2024-01-01", tz=None, **names):
    times = pd.date_range(start, periods=periods, freq=freq, tz=tz)
    parts = [
        pd.DataFrame({"unique_id": one, "ds": times, "y": np.arange(periods) + 10.0 * i}) for i, one in enumerate(ids)
    ]
    return pd.concat(parts, ignore_index=True).rename(columns=names)


def future(df: pd.DataFrame, horizon: int = 2, **options) -> pd.DataFrame:
    return future_frame(read_table(df, **options), horizon)


# --- layouts ----------------------------------------------------------------------------------------------------------


def test_long_frame_becomes_flat_arrays_in_order_of_first_appearance() -> None:
    table = read_table(long())
    assert list(table.ids) == ["b", "a"]
    assert table.panel.values.tolist() == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
    assert table.panel.values.dtype == np.float64
    assert table.panel.offsets.tolist() == [0, 6, 12]
    assert table.times[6] == pd.Timestamp("2024-01-01")
    assert table.columns == Columns("long", "unique_id", "ds", "y", "str", "datetime64[us]", "float64", "D")
    assert table.notices == ()


def test_callers_names_are_kept() -> None:
    df = long(unique_id="station", ds="hour", y="load")
    out = future(df, id_col="station", time_col="hour", target_col="load")
    assert list(out) == ["station", "hour"]


def test_interleaved_series_are_not_unsorted() -> None:
    table = read_table(long().sort_values("ds", kind="stable"))
    assert table.notices == ()
    assert table.panel.values.tolist() == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]


def test_unsorted_rows_are_sorted_with_a_notice() -> None:
    table = read_table(long().iloc[::-1])
    assert table.notices == ("rows were not in time order: sorted",)
    assert list(table.ids) == ["a", "b"]
    assert table.panel.values.tolist() == [10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5]


def test_long_frame_without_ids_is_one_series_named_after_the_target() -> None:
    table = read_table(long(ids=("x",)).drop(columns="unique_id").rename(columns={"y": "load"}), target_col="load")
    assert list(table.ids) == ["load"]
    assert list(future_frame(table, 1)) == ["unique_id", "ds"]


@pytest.mark.parametrize("keys", [["ds"], ["unique_id"], ["unique_id", "ds"], ["ds", "unique_id"]])
def test_ids_and_times_may_be_index_levels(keys: list[str]) -> None:
    indexed, plain = read_table(long().set_index(keys)), read_table(long())
    assert indexed.columns == plain.columns
    assert indexed.panel.values.tolist() == plain.panel.values.tolist()
    assert indexed.times.equals(plain.times)


@pytest.mark.parametrize("name", [None, "hour"])
def test_dates_in_an_index_of_another_name_are_the_times_of_a_long_frame(name: str | None) -> None:
    table = read_table(long().set_index("ds").rename_axis(index=name))
    assert table.columns.layout == "long"
    assert table.columns.time_col == (name or "ds")
    assert list(table.ids) == ["b", "a"]


def test_wide_frame_is_a_series_per_column() -> None:
    wide = (
        long().pivot(index="ds", columns="unique_id", values="y")[["b", "a"]].rename_axis(index="hour", columns="meter")
    )
    table = read_table(wide)
    assert table.columns == Columns("wide", "meter", "hour", "y", "str", "datetime64[us]", "float64", "D")
    assert table.panel.values.tolist() == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
    assert future_frame(table, 1).to_dict("list") == {"meter": ["b", "a"], "hour": [pd.Timestamp("2024-01-07")] * 2}


def test_wide_frame_without_names_gets_the_default_ones() -> None:
    wide = pd.DataFrame({7: [1, 2, 3], 5: [4, 5, 6]}, index=pd.date_range("2024-01-01", periods=3, freq="h"))
    table = read_table(wide)
    assert (table.columns.id_col, table.columns.time_col, table.columns.target_col) == ("unique_id", "ds", "y")
    assert future_frame(table, 1)["unique_id"].tolist() == [7, 5]
    assert future_frame(table, 1)["unique_id"].dtype == np.int64


def test_ends_of_wide_columns_are_trimmed_and_inner_gaps_are_missing_values() -> None:
    nan = np.nan
    wide = pd.DataFrame({"a": [nan, 1, nan, 3, nan], "b": [1.0, 2, 3, 4, 5]}, index=pd.RangeIndex(10, 15))
    table = read_table(wide.iloc[::-1])
    assert table.panel.offsets.tolist() == [0, 3, 8]
    np.testing.assert_array_equal(table.panel.values, [1, nan, 3, 1, 2, 3, 4, 5])
    assert table.times.tolist() == [11, 12, 13, 10, 11, 12, 13, 14]
    assert table.notices[0] == "rows were not in time order: sorted"


def by_first_column(**changes: object) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=4)
    return pd.DataFrame({"date": days, "OT": [1.0, 2, 3, 4], "HUFL": [5, 6, 7, 8], **changes})


@pytest.mark.parametrize("kind", ["datetime64[ns]", str, object, "period[D]"])
def test_dates_in_the_first_column_make_a_wide_frame(kind) -> None:
    df = by_first_column()
    df["date"] = df["date"].dt.to_period("D") if kind == "period[D]" else df["date"].astype(kind)
    table, indexed = read_table(df), read_table(by_first_column().set_index("date"))
    assert table.columns.layout == "wide"
    assert (table.columns.time_col, list(table.ids), table.columns.freq) == ("date", ["OT", "HUFL"], "D")
    np.testing.assert_array_equal(table.panel.values, indexed.panel.values)
    assert table.times.equals(indexed.times.astype(table.times.dtype))
    again = read_table(df, like=table.columns)  # as in predict
    assert again.columns == table.columns
    assert read_table(df.rename(columns={"date": "when"}), like=table.columns).columns == table.columns


def test_times_under_their_usual_name_make_a_wide_frame_too() -> None:
    wide = by_first_column().rename(columns={"date": "ds"})
    table = read_table(wide)
    assert (table.columns.layout, table.columns.time_col, list(table.ids)) == ("wide", "ds", ["OT", "HUFL"])
    assert read_table(wide.assign(ds=[3, 4, 5, 6])).times.tolist() == [3, 4, 5, 6] * 2


def test_the_times_of_a_first_column_may_be_named_or_meet_those_of_fit() -> None:
    df = by_first_column(date=[3, 4, 5, 6])
    table = read_table(df, time_col="date")
    assert (table.columns.layout, table.times.tolist()) == ("wide", [3, 4, 5, 6] * 2)
    assert read_table(df, like=table.columns).times.tolist() == [3, 4, 5, 6] * 2
    like = read_table(by_first_column().rename(columns={"date": "ds"}).set_index("ds")).columns
    assert read_table(by_first_column().rename(columns={"date": "ds"}), like=like).columns == like


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"HUFL": ["a", "b", "a", "b"]}, {}, "no column 'y'"),
        ({"date": list("abcd")}, {}, "no column 'y'"),
        ({"date": [1, 2, 3, 4], "text": "x"}, {}, "no column 'y'"),
        ({}, {"target_col": "load"}, "no column 'load'"),
        ({}, {"time_col": "when"}, "no column 'y'"),
        ({"ds": [1, 2, 3, 4]}, {}, "no column 'y'"),
    ],
)
def test_other_frames_that_begin_with_dates_are_not_guessed_at(changes: dict, options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(by_first_column(**changes), **options)


def test_a_target_makes_a_frame_that_begins_with_dates_long() -> None:
    table = read_table(by_first_column(), time_col="date", target_col="OT")
    assert (table.columns.layout, list(table.ids)) == ("long", ["OT"])


def test_row_numbers_as_times_of_a_wide_frame_are_noticed() -> None:
    assert "series 'p', 'q'" in read_table(pd.DataFrame({"p": [1, 2, 3], "q": [3, 2, 1]})).notices[0]


def test_missing_targets_of_a_long_frame_stay() -> None:
    df = long()
    df.loc[[0, 5], "y"] = np.nan
    table = read_table(df)
    assert table.panel.lengths.tolist() == [6, 6]
    assert np.isnan(table.panel.values[[0, 5]]).all()


# --- dtypes -----------------------------------------------------------------------------------------------------------

DECIMAL = pd.ArrowDtype(pa.decimal128(10, 2))


@pytest.mark.parametrize("dtype", ["int8", "float32", "Int64", "Float64", "double[pyarrow]", "int64[pyarrow]", DECIMAL])
def test_numeric_targets_of_any_dtype_are_read(dtype) -> None:
    df = long()
    df["y"] = df["y"].astype(dtype)
    assert read_table(df).panel.values.tolist() == long()["y"].tolist()


@pytest.mark.parametrize("dtype", ["Int64", "double[pyarrow]", "object"])
def test_missing_values_of_any_kind_become_nan(dtype) -> None:
    df = long()
    df["y"] = df["y"].astype(dtype)
    df.loc[2, "y"] = pd.NA
    assert np.flatnonzero(np.isnan(read_table(df).panel.values)).tolist() == [2]


def test_decimals_and_categories_of_numbers_are_numbers() -> None:
    df = long()
    assert read_table(df.assign(y=[Decimal(int(v)) for v in df["y"]])).panel.values[-1] == 15.0
    assert read_table(df.assign(y=df["y"].astype("category"))).panel.values[-1] == 15.0
    wide = pd.DataFrame({"a": [Decimal(1), None, Decimal(3)]}, index=pd.date_range("2024-01-01", periods=3))
    np.testing.assert_array_equal(read_table(wide).panel.values, [1, np.nan, 3])


@pytest.mark.parametrize(
    "dtype", ["int64", "Int64", "uint8", "string", "object", "int32[pyarrow]", pd.ArrowDtype(pa.string())]
)
def test_ids_keep_dtype_and_order(dtype) -> None:
    df = long(ids=(3, 1, 2))
    df["unique_id"] = df["unique_id"].astype(str if dtype == "string" else "int64").astype(dtype)
    out = future(df, 2)
    assert out["unique_id"].dtype == df["unique_id"].dtype
    assert [int(one) for one in out["unique_id"]] == [3, 3, 1, 1, 2, 2]


@pytest.mark.parametrize("dtype", ["category", pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))])
def test_categorical_ids_come_back_as_their_values(dtype) -> None:
    df = long()
    df["unique_id"] = df["unique_id"].astype(dtype)
    table = read_table(df)
    assert table.ids.tolist() == ["b", "a"]
    assert pd.Series(["b", "a"]).astype(table.columns.id_dtype).tolist() == ["b", "a"]


BERLIN = pd.ArrowDtype(pa.timestamp("us", tz="Europe/Berlin"))


@pytest.mark.parametrize(
    "dtype",
    [
        "datetime64[s]",
        "datetime64[ms]",
        "datetime64[ns]",
        "date32[day][pyarrow]",
        "timestamp[ns][pyarrow]",
        "period[D]",
    ],
)
def test_times_keep_their_dtype(dtype) -> None:
    df = long()
    df["ds"] = df["ds"].astype(dtype)
    out = future(df)
    assert out["ds"].dtype == df["ds"].dtype
    assert pd.Timestamp(str(out["ds"][1])) == pd.Timestamp("2024-01-08")


@pytest.mark.parametrize("dtype", ["datetime64[ns, Europe/Berlin]", "datetime64[us, UTC+01:00]", BERLIN])
def test_time_zones_are_kept(dtype) -> None:
    df = long("h", tz="UTC", start="2024-01-01 10:00")
    df["ds"] = df["ds"].astype(dtype)
    out = future(df, 1)
    assert out["ds"].dtype == df["ds"].dtype
    assert out["ds"][0] == pd.Timestamp("2024-01-01 17:00+01:00")


@pytest.mark.parametrize("dtype", ["int64", "Int64", "int32", "uint16", "int64[pyarrow]", "object"])
def test_integer_times_keep_their_dtype(dtype) -> None:
    df = pd.DataFrame({"ds": pd.Series([10, 12, 14], dtype=dtype), "y": [1.0, 2.0, 3.0]})
    table = read_table(df)
    assert table.columns.freq == 2
    assert future_frame(table, 2)["ds"].tolist() == [16, 18]
    assert future_frame(table, 2)["ds"].dtype == df["ds"].dtype


def test_strings_and_dates_are_parsed() -> None:
    df = long()
    for times in (df["ds"].astype(str), df["ds"].dt.date, df["ds"].astype(str).astype("category")):
        table = read_table(df.assign(ds=times))
        assert future_frame(table, 1)["ds"][0] == pd.Timestamp("2024-01-07")
        assert table.notices == ()


def test_strings_with_changing_offsets_are_read_as_utc() -> None:
    times = pd.date_range("2024-03-31", periods=5, freq="h", tz="Europe/Berlin")
    table = read_table(pd.DataFrame({"ds": times.map(lambda time: time.isoformat()), "y": range(5)}))
    assert table.columns.freq == "h"
    assert (table.times == times).all()


@pytest.mark.parametrize(
    ("freq", "start", "after"),
    [
        ("M", "2024-01", "2024-04"),
        ("Q-DEC", "2024Q1", "2024Q4"),
        ("Y-DEC", "2020", "2023"),
        ("W-SUN", "2024-01-07", "2024-01-28"),
    ],
)
def test_periods_know_their_frequency_and_come_back_as_periods(freq: str, start: str, after: str) -> None:
    df = pd.DataFrame({"ds": pd.period_range(start, periods=3, freq=freq), "y": [1.0, 2.0, 3.0]})
    assert future(df, 1)["ds"].tolist() == [pd.Period(after, freq=freq)]
    assert future(df.iloc[:1], 3)["ds"].iloc[-1] == pd.Period(after, freq=freq)
    assert read_table(df.set_index("ds").rename(columns={"y": "a"})).columns.time_dtype == f"period[{freq}]"


# --- frequencies ------------------------------------------------------------------------------------------------------

FREQUENCIES = ["s", "15min", "h", "6h", "D", "3D", "B", "W-WED", "2W-MON", "MS", "ME", "2MS", "BME"]
FREQUENCIES += ["QS-NOV", "QE-DEC", "YS-JAN", "YE-JUN", "WOM-2FRI"]


@pytest.mark.parametrize("tz", [None, "America/New_York"])
@pytest.mark.parametrize("freq", FREQUENCIES)
def test_frequency_is_inferred_and_continued(freq: str, tz: str | None) -> None:
    both = long(freq, 15, tz=tz, start="2024-02-07")
    given = both[both.groupby("unique_id").cumcount() < 11]
    table = read_table(given)
    expected = both[both.groupby("unique_id").cumcount() >= 11][["unique_id", "ds"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(future_frame(table, 4), expected)
    assert read_table(given, freq=freq).columns.freq == table.columns.freq


@pytest.mark.parametrize("freq", ["15min", "h", "D", "B", "W-WED", "MS", "ME", "QS-FEB", "QE-MAR", "YS-JAN", "YE-DEC"])
def test_gaps_are_named_and_filled_on_request(freq: str) -> None:
    full = long(freq, 14, start="2024-01-09")
    df = full.drop([4, 5, 20])
    first = full["ds"][4]
    with pytest.raises(
        DataError, match=rf"'b' has no row at {first} \(freq '{freq}'; 3 rows are missing in 2 series\)"
    ):
        read_table(df)
    table = read_table(df, fill_gaps=True)
    assert table.times.equals(pd.DatetimeIndex(full["ds"], name=None))
    assert np.flatnonzero(np.isnan(table.panel.values)).tolist() == [4, 5, 20]
    assert table.panel.offsets.tolist() == [0, 14, 28]
    np.testing.assert_array_equal(np.delete(table.panel.values, [4, 5, 20]), df["y"])


def test_gaps_of_integer_times_are_filled() -> None:
    df = pd.DataFrame({"ds": [1, 2, 3, 6], "y": [1.0, 2, 3, 6]})
    with pytest.raises(DataError, match=r"'y' has no row at 4 \(freq 1; 2 rows"):
        read_table(df)
    table = read_table(df, fill_gaps=True)
    assert table.times.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(table.panel.values, [1, 2, 3, np.nan, np.nan, 6])


def test_series_may_have_different_lengths_starts_and_phases() -> None:
    early, late = long("h", 5, ids=("x",)), long("h", 2, ids=("w",), start="2024-03-01 00:30")
    out = future(pd.concat([late, early]), 1)
    assert out["ds"].tolist() == [pd.Timestamp("2024-03-01 02:30"), pd.Timestamp("2024-01-01 05:00")]


def test_hours_run_through_clock_changes_in_utc() -> None:
    for start in ("2024-03-30 20:00", "2024-10-26 20:00"):
        df = long("h", 12, tz="Europe/Berlin", start=start)
        expected = pd.date_range(start, periods=15, freq="h", tz="Europe/Berlin")[12:]
        assert future(df, 3)["ds"][:3].tolist() == expected.tolist()
        with pytest.raises(DataError, match="1 rows are missing in 1 series"):
            read_table(df.drop(7))


def test_days_keep_their_local_time_through_clock_changes() -> None:
    df = long("D", 5, tz="Europe/Berlin", start="2024-03-28 06:00")
    assert read_table(df).columns.freq == "D"
    assert [time.hour for time in future(df.iloc[:3], 4)["ds"]] == [6, 6, 6, 6]
    assert read_table(df.drop(2), fill_gaps=True).times[2] == df["ds"][2]


def test_days_of_24_hours_are_not_calendar_days() -> None:
    times = pd.date_range("2024-03-28", periods=5, freq="24h", tz="Europe/Berlin")
    table = read_table(pd.DataFrame({"ds": times, "y": range(5)}))
    assert table.columns.freq == "24h"
    assert future_frame(table, 1)["ds"][0] == times[-1] + pd.Timedelta("24h")


def test_midnight_that_a_clock_change_skips_is_no_gap() -> None:
    """In Santiago the night of 8 September 2024 goes from 23:59 to 01:00."""
    days = pd.DatetimeIndex(pd.date_range("2024-09-05", periods=7)).tz_localize(
        "America/Santiago", nonexistent="shift_forward"
    )
    assert days[3].hour == 1
    df = pd.DataFrame({"ds": days, "y": range(7)})
    assert read_table(df, freq="D").times.equals(days)
    assert future(df.iloc[:3], 4)["ds"].tolist() == days[3:].tolist()


@pytest.mark.parametrize("rows", [1, 2])
def test_short_series_need_a_frequency(rows: int) -> None:
    df = long(periods=rows)
    with pytest.raises(DataError, match=rf"freq cannot be inferred: the longest series has {rows} rows\. Pass freq="):
        read_table(df)
    assert future(df, 1, freq="D")["ds"][0] == pd.Timestamp("2024-01-01") + pd.Timedelta(days=rows)


def test_single_row_off_its_frequency_is_named() -> None:
    with pytest.raises(DataError, match=r"'MS' does not fit series 'b' at 2024-01-05 00:00:00 \(2 series: 'b', 'a'\)"):
        read_table(long(periods=1, start="2024-01-05"), freq="MS")


@pytest.mark.parametrize(("one", "other"), [("h", "D"), ("D", "h"), ("D", "MS"), ("h", "15min")])
def test_mixed_frequencies_name_the_series(one: str, other: str) -> None:
    df = pd.concat([long(one, 9, ids=("x",)), long(other, 8, ids=tuple("cdefghi"))])
    message = (
        rf"freq differs among series: '{one}' does not fit series 'c'.*7 series: 'c', 'd', 'e', 'f', 'g' and 2 more"
    )
    with pytest.raises(DataError, match=message):
        read_table(df)


def test_series_that_differs_from_most_is_the_one_named() -> None:
    with pytest.raises(DataError, match=r"'DateOffset\(months=1\)' does not fit series 'x' from 2024-01-30"):
        read_table(pd.concat([long("30D", 5, ids=("x",), start="2024-01-30"), long("MS", 8)]))


def test_months_that_begin_on_different_days_step_alike() -> None:
    table = read_table(pd.concat([long("ME", 5, ids=("x",)), long("MS", 8)]))
    assert table.columns.freq == "DateOffset(months=1)"
    assert future_frame(table, 1)["ds"].dt.day.tolist() == [30, 1, 1]


def test_weeks_that_end_on_different_days_step_alike() -> None:
    table = read_table(pd.concat([long("W-SUN", ids=("x",)), long("W-MON")]))
    assert table.columns.freq == "7D"
    assert future_frame(table, 1)["ds"].dt.day_name().tolist() == ["Sunday", "Monday", "Monday"]


def test_frequency_that_pandas_cannot_infer_is_taken_when_given() -> None:
    both = long("LWOM-FRI", 9, ids=("x",))
    with pytest.raises(DataError, match=r"does not fit series 'x'.*pass freq="):
        read_table(both)
    assert future(both.iloc[:6], 3, freq="LWOM-FRI")["ds"].tolist() == both["ds"][6:].tolist()


def test_times_of_another_kind_than_those_of_fit_are_named() -> None:
    dates, counts = long("h", 6, ids=("x",)), long("h", 6, ids=("x",)).assign(ds=range(6))
    with pytest.raises(DataError, match=r"fitted on dates as times \(freq 'h'\); df has whole numbers, first 0"):
        read_table(counts, like=read_table(dates).columns)
    with pytest.raises(DataError, match=r"fitted on whole numbers as times \(freq 1\); df has dates, first 20"):
        read_table(dates, like=read_table(counts).columns)


def test_irregular_times_are_named() -> None:
    df = long("h", 6, ids=("x",))
    df.loc[3, "ds"] += pd.Timedelta("7min")
    with pytest.raises(DataError, match=r"1 row is off the step 'h' that the other 5 .*: series 'x' at 2.* 03:07:00\."):
        read_table(df)
    df["ds"] = pd.Timestamp("2024-01-01") + pd.to_timedelta([0, 3600, 9000, 9007, 9020, 20000], "s")
    with pytest.raises(
        DataError,
        match=r"no regular freq: '.*' does not fit series 'x' from 2024-01-01 00:00:00 to 2024-01-01 01:00:00",
    ):
        read_table(df)


@pytest.mark.parametrize("freq", ["hourly", "M", 3, "-1D", "0D"])
def test_unknown_frequency_is_refused(freq) -> None:
    with pytest.raises(DataError, match=f"got {freq!r}. Pass 'h'"):
        read_table(long(), freq=freq)


@pytest.mark.parametrize("freq", ["D", 0, -1, True])
def test_frequency_of_integer_times_is_a_whole_number(freq) -> None:
    with pytest.raises(DataError, match=f"whole number from 1 on; got {freq!r}"):
        read_table(pd.DataFrame({"ds": [1, 2, 3], "y": [1.0, 2, 3]}), freq=freq)


def test_frequency_finer_than_the_unit_is_refused() -> None:
    df = long("s")
    df["ds"] = df["ds"].astype("datetime64[s]")
    with pytest.raises(DataError, match="'500ms' is finer than the unit 's'"):
        read_table(df, freq="500ms", fill_gaps=True)


def test_frequency_that_the_times_do_not_show_is_named() -> None:
    with pytest.raises(DataError, match="df has freq 'D', but 'h' was passed as freq"):
        read_table(long("D"), freq="h")
    assert read_table(long("D"), freq="h", fill_gaps=True).panel.lengths.tolist() == [121, 121]


# --- like an earlier table --------------------------------------------------------------------------------------------


def test_like_gives_names_and_frequency() -> None:
    like = read_table(long(unique_id="id", ds="t", y="v"), id_col="id", time_col="t", target_col="v").columns
    again = read_table(long(periods=1, unique_id="id", ds="t", y="v"), like=like)
    assert again.columns == like
    with pytest.raises(DataError, match=r"no column 'v'; it has \['unique_id', 'ds', 'y'\]. Rename the column to"):
        read_table(long(), like=like)
    with pytest.raises(DataError, match=r"no column 'id'.* Rename the column to the one of fit$"):
        read_table(long(ds="t", y="v"), like=like)


@pytest.mark.parametrize(("fitted", "given"), [("h", "D"), ("D", "h"), ("MS", "D"), ("D", "B"), ("MS", "QS-OCT")])
@pytest.mark.parametrize("fill_gaps", [False, True])
def test_frame_of_another_frequency_than_the_fitted_one_names_both(fitted: str, given: str, fill_gaps: bool) -> None:
    like = read_table(long(fitted, 9)).columns
    with pytest.raises(DataError, match=f"df has freq '{given}', but '{fitted}' is what the model was fitted on"):
        read_table(long(given, 12), like=like, fill_gaps=fill_gaps)


def test_explicit_frequency_other_than_the_fitted_one_names_both() -> None:
    like = read_table(long("h")).columns
    with pytest.raises(DataError, match="df has freq 'D', but the model was fitted on 'h'"):
        read_table(long("D"), like=like, freq="D")


def test_like_decides_between_frequencies_that_look_alike() -> None:
    like = read_table(long("B", 12)).columns
    week = long("B", 5)
    assert read_table(week).columns.freq == "D"
    assert future(week, 1, like=like)["ds"][0] == pd.Timestamp("2024-01-08")


def test_wide_frame_like_a_long_one_takes_its_names() -> None:
    like = read_table(long(unique_id="id", ds="t"), id_col="id", time_col="t").columns
    wide = long().pivot(index="ds", columns="unique_id", values="y")
    assert list(future(wide, 1, like=like)) == ["id", "t"]


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("df", [None, [1, 2], pd.Series([1.0]), {"y": [1]}])
def test_only_a_frame_is_read(df) -> None:
    with pytest.raises(InputTypeError, match=f"must be a pandas DataFrame; got {type(df).__name__}"):
        inspect.unwrap(read_table)(df)  # without the type check that tests put around it


@pytest.mark.parametrize(
    ("df", "shape"), [(long().iloc[:0], "0 rows and 3"), (pd.DataFrame(index=[1, 2]), "2 rows and 0")]
)
def test_empty_frame_is_refused(df, shape: str) -> None:
    with pytest.raises(DataError, match=f"df is empty: it has {shape} columns"):
        read_table(df)


@pytest.mark.parametrize(
    ("renamed", "options", "message"),
    [
        ({"y": "load"}, {}, r"no column 'y'; it has \['unique_id', 'ds', 'load'\]\. Pass target_col=\.\.\."),
        ({"ds": "date"}, {}, r"no column 'ds'; it has \['unique_id', 'date', 'y'\]\. Pass time_col="),
        ({}, {"id_col": "meter"}, r"no column 'meter'.*Pass id_col="),
        ({}, {"target_col": "load"}, r"no column 'load'.*Pass target_col="),
        ({}, {"time_col": "date"}, r"no column 'date'.*Pass time_col="),
        ({"unique_id": "a", "ds": "b", "y": "c"}, {}, r"no column 'y'; it has \['a', 'b', 'c'\]"),
    ],
)
def test_missing_column_is_named(renamed: dict[str, str], options: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(long().rename(columns=renamed), **options)


def test_missing_column_among_many_shows_some() -> None:
    df = pd.DataFrame(np.zeros((3, 99)), columns=[f"c{i}" for i in range(99)])
    with pytest.raises(DataError, match=r"no column 'y'; it has \['c0', .*'c19', and 79 more\]"):
        read_table(df, target_col="y")


def test_column_that_appears_twice_is_named() -> None:
    df = long()
    df.insert(0, "y", 0.0, allow_duplicates=True)
    with pytest.raises(DataError, match="more than one column 'y'"):
        read_table(df)
    wide = pd.DataFrame([[1.0, 2], [3, 4]], columns=["a", "a"], index=pd.date_range("2024-01-01", periods=2))
    with pytest.raises(DataError, match="they have 'a' more than once"):
        read_table(wide)
    wide.columns = pd.MultiIndex.from_product([["a"], ["x", "y"]])
    with pytest.raises(DataError, match="they have 2 levels"):
        read_table(wide)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1", "2", "x", "4", "5", "6"], "row 2 holds 'x'"),
        (["1", "2", "3", "4", "5", "6"], "row 0 holds '1'"),
        ([True, False] * 3, "row 0 holds .*True.*dtype bool"),
        ([None, True, 2, "b", 4, 5], "row 3 holds 'b'"),
        (pd.to_timedelta(range(6), unit="h"), "row 0 holds Timedelta"),
        (np.arange(6) * 1j, "row 0 holds .*complex128"),
    ],
)
def test_target_that_is_no_number_is_named(values, message: str) -> None:
    with pytest.raises(DataError, match=f"column 'y' must hold numbers; {message}"):
        read_table(long(ids=("a",)).assign(y=values))


def test_wide_column_that_is_no_number_is_named() -> None:
    wide = pd.DataFrame({"a": [1.0, 2, 3], "b": ["1", "x", "3"]}, index=pd.date_range("2024-01-01", periods=3))
    with pytest.raises(DataError, match="column 'b' must hold numbers; row 1 holds 'x'"):
        read_table(wide)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (["2024-01-01", "2024-01-02", "soon"], "must hold times; row 2 holds 'soon' \\(1 such rows\\)"),
        ([1.0, 2.0, 3.0], "must hold dates or integers; row 0 holds .*1.0.*float64"),
        ([True, False, True], "must hold dates or integers; row 0 holds .*True"),
        ([pd.Timestamp("2024-01-01"), None, None], "has 2 missing times \\(first in row 1\\)"),
    ],
)
def test_time_that_cannot_be_read_is_named(times, message: str) -> None:
    with pytest.raises(DataError, match=f"column 'ds' {message}"):
        read_table(pd.DataFrame({"ds": times, "y": [1.0, 2, 3]}))


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_missing_ids_are_counted(dtype: str) -> None:
    df = long().astype({"unique_id": dtype})
    df.loc[[4, 7], "unique_id"] = None
    with pytest.raises(DataError, match=r"'unique_id' has 2 missing ids \(first in row 4\)"):
        read_table(df)


def test_infinite_values_are_named() -> None:
    df = long()
    df.loc[[8, 9], "y"] = -np.inf
    with pytest.raises(DataError, match=r"series 'a' is -inf at 2024-01-03 00:00:00 \(2 infinite values\)"):
        read_table(df)


def test_series_without_values_are_named() -> None:
    df = long(ids=tuple("abcdefgh"))
    df.loc[df["unique_id"] != "c", "y"] = np.nan
    message = "7 series have no observed value: 'a', 'b', 'd', 'e', 'f' and 2 more"
    with pytest.raises(DataError, match=message):
        read_table(df)
    with pytest.raises(DataError, match=message):
        read_table(df.pivot(index="ds", columns="unique_id", values="y").rename_axis(index=None))


def test_duplicates_are_named() -> None:
    with pytest.raises(DataError, match=r"series 'a' has more than one row at 2024-01-03 00:00:00 \(2 duplicates\)"):
        read_table(pd.concat([long(), long().iloc[[8, 9]]]))
    wide = pd.DataFrame({"a": [1.0, 2, 3]}, index=pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-02"]))
    with pytest.raises(DataError, match="series 'a' has more than one row at 2024-01-02"):
        read_table(wide)


# --- windows back to rows ---------------------------------------------------------------------------------------------


def windows() -> SeriesTable:
    return read_table(long("h", 6, tz="Europe/Berlin", start="2024-03-31", y="load"), target_col="load")


def test_windows_become_rows_in_order() -> None:
    out = window_frame(windows(), np.array([1, 0]), np.array([8, 4]), 2)
    assert list(out) == ["unique_id", "ds", "cutoff", "load"]
    assert out["unique_id"].tolist() == ["a", "a", "b", "b"]
    assert out["load"].tolist() == [12, 13, 4, 5]
    assert out["ds"].dtype == out["cutoff"].dtype == "datetime64[us, Europe/Berlin]"
    assert [time.hour for time in out["ds"]] == [3, 4, 5, 6]
    assert [time.hour for time in out["cutoff"]] == [1, 1, 4, 4]


@pytest.mark.parametrize(("series", "origin"), [(0, 0), (0, 5), (1, 6), (1, 11)])
def test_window_outside_its_series_is_refused(series: int, origin: int) -> None:
    with pytest.raises(DataError, match=f"1 windows leave their series .first: series '{'ba'[series]}'"):
        window_frame(windows(), np.array([series]), np.array([origin]), 2)


def test_horizon_is_at_least_one() -> None:
    with pytest.raises(ConfigError, match="horizon must be at least 1; got 0"):
        future_frame(windows(), 0)


def test_many_series_are_read_as_each_alone() -> None:
    df = long("MS", 7, ids=tuple(f"s{i}" for i in range(300))).sample(frac=1, random_state=0)
    table = read_table(df)
    assert table.ids.tolist() == df["unique_id"].unique().tolist()
    alone = read_table(df[df["unique_id"] == table.ids[123]])
    np.testing.assert_array_equal(
        table.panel.values[table.panel.offsets[123] : table.panel.offsets[124]], alone.panel.values
    )
