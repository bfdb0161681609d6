"""Times that do not fit: the odd rows are named, and the remedy that a message shows is run and works."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from seqreprog.data.frames import future_frame, read_table
from seqreprog.errors import DataError

BERLIN = "Europe/Berlin"
LOCAL_DAYS = pd.date_range("2024-01-10", periods=200, tz=BERLIN)


def frame(times: object, ids: tuple[str, ...] = ("a",)) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"unique_id": one, "ds": times, "y": 1.0}) for one in ids], ignore_index=True)


def refused(df: pd.DataFrame, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read_table(df, **options)
    return str(caught.value)


def remedied(df: pd.DataFrame, message: str) -> pd.DataFrame:
    """The frame after the code that the message shows."""
    code = re.search(r"df(?:\['ds'\]|\.index) = .*?\)(?=, with|, or pass|\.? ?$|\. )", message)
    assert code is not None, message
    scope = {"df": df.copy(), "pd": pd}
    exec(code[0], scope)
    return scope["df"]


# --- the culprit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [1, 4, 25, 50])
@pytest.mark.parametrize("shift", ["7min", "-7min", "5h", "-11h"])
@pytest.mark.parametrize(("freq", "hour"), [("D", "0h"), ("D", "12h"), ("B", "9h"), ("W-MON", "0h"), ("MS", "0h")])
@pytest.mark.parametrize("added", [False, True])
def test_an_odd_row_is_named_and_nothing_else(place: int, shift: str, freq: str, hour: str, added: bool) -> None:
    times = pd.date_range("2024-01-01", periods=51, freq=freq) + pd.Timedelta(hour)
    odd = times[place] + pd.Timedelta(shift)
    given = times.insert(place, odd) if added else times.delete(place).insert(place, odd)
    message = refused(frame(given.sort_values(), ids=("a", "b")).iloc[: len(given)])
    assert message.startswith(f"1 row is off the step '{freq}' that the other {len(given) - 1} of their series keep: ")
    assert f": series 'a' at {odd}. " in message


@pytest.mark.parametrize("freq", ["h", "15min", "D", "MS", "QS-OCT"])
def test_odd_rows_are_counted(freq: str) -> None:
    times = pd.date_range("2024-01-01", periods=60, freq=freq)
    df = frame(times, ids=("a", "b"))
    df.loc[[5, 70, 80], "ds"] += pd.Timedelta("5min")
    message = refused(df)
    assert message.startswith(
        f"3 rows are off the step '{freq}' that the other 117 of their series keep: series 'a' at "
    )
    assert message.count("series '") == 3


def test_integers_too() -> None:
    df = frame(np.arange(0, 100, 5))
    df.loc[7, "ds"] += 2
    assert refused(df).startswith("1 row is off the step 5 that the other 19 of their series keep: series 'a' at 37. ")


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        LOCAL_DAYS.tz_convert("UTC"),
        LOCAL_DAYS.tz_convert("UTC").tz_localize(None),
        [each.isoformat() for each in LOCAL_DAYS],
        LOCAL_DAYS.tz_convert("America/New_York").tz_convert("UTC").as_unit("ns"),
        [each.to_pydatetime().astimezone(timezone(each.utcoffset())) for each in LOCAL_DAYS],
        LOCAL_DAYS[LOCAL_DAYS.day == 1].tz_convert("UTC"),
    ],
    ids=["aware", "naive", "text", "nanoseconds", "datetimes", "months"],
)
@pytest.mark.parametrize("ids", [("a",), ("a", "b")])
def test_local_days_that_were_exported_as_utc(given: object, ids: tuple[str, ...]) -> None:
    df = frame(given, ids)
    message = refused(df)
    assert "They stand at 22:00 or 23:00, as local days do that were exported as UTC" in message
    found = read_table(remedied(df, message))
    assert found.columns.time_dtype.endswith(f"{BERLIN}]")
    assert set(found.times.hour) == {0}


def test_python_datetimes_with_changing_offsets_are_read_as_the_same_text_is() -> None:
    hours = pd.date_range("2024-10-26", periods=72, freq="h", tz=BERLIN)
    objects = [each.to_pydatetime().astimezone(timezone(each.utcoffset())) for each in hours]
    from_text = read_table(frame([each.isoformat() for each in hours]))
    found = read_table(frame(pd.Series(objects, dtype=object)))
    assert found.times.equals(from_text.times)
    assert found.notices == from_text.notices
    assert "different offsets" in found.notices[0]
    assert "tz_convert" in found.notices[0]
    one_zone = [datetime(2024, 10, 26, tzinfo=ZoneInfo(BERLIN)) + timedelta(days=day) for day in range(5)]
    assert read_table(frame(pd.Series(one_zone, dtype=object))).columns.time_dtype.endswith(f"{BERLIN}]")


@pytest.mark.parametrize("ids", [("a",), ("a", "b", "c")])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("kind", ["datetime", "text"])
def test_an_hour_that_stands_twice_in_autumn(ids: tuple[str, ...], mixed: bool, kind: str) -> None:
    hours = pd.date_range("2024-10-25", periods=96, freq="h", tz=BERLIN)
    df = frame(hours.tz_localize(None), ids)
    df = df.sort_values("ds", kind="stable", ignore_index=True) if mixed else df
    df = df if kind == "datetime" else df.assign(ds=df["ds"].astype(str))
    message = refused(df)
    assert f"({len(ids)} duplicates)" in message
    assert "If local clocks were set back then" in message
    found = read_table(remedied(df, message))
    assert found.times[:96].tolist() == hours.tolist()
    assert "clocks" not in refused(pd.concat([df, df.iloc[[0]]]).iloc[5:], duplicates="error")[:60]


def test_an_hour_that_is_left_out_in_spring() -> None:
    hours = pd.date_range("2024-03-29", periods=96, freq="h", tz=BERLIN)
    df = frame(hours.tz_localize(None), ("a", "b"))
    message = refused(df)
    assert "has no row at 2024-03-31 02:00:00" in message
    assert "If local clocks were set forward then" in message
    assert read_table(remedied(df, message)).times[:96].tolist() == hours.tolist()
    assert "clocks" not in refused(frame(hours.tz_localize(None).delete(5)))


def test_a_wide_frame_is_told_of_its_index() -> None:
    df = pd.DataFrame({"a": 1.0, "b": 2.0}, index=LOCAL_DAYS.tz_convert("UTC"))
    assert len(read_table(remedied(df, refused(df))).times) == 400


@pytest.mark.parametrize(("alias", "step"), [("h", "1h"), ("D", "1D"), ("W", "7D"), ("M", None), ("Q", None)])
def test_unsteady_stamps_of_one_to_a_period(alias: str, step: str | None) -> None:
    starts = pd.period_range("2022-01-01", periods=24, freq=alias).to_timestamp()
    wobble = np.random.default_rng(0).integers(0, 3000 if alias == "h" else 80_000, size=24)
    df = frame(starts + pd.to_timedelta(wobble, "s"), ("a", "b"))
    message = refused(df)
    assert f".dt.to_period({alias!r})" in message
    table = read_table(remedied(df, message))
    assert future_frame(table, 1)["ds"][0] == pd.Period(starts[-1], alias) + 1


# --- gaps -------------------------------------------------------------------------------------------------------------


def test_filling_is_not_advised_where_most_rows_would_be_empty() -> None:
    days = pd.DatetimeIndex([*pd.date_range("2024-01-01", periods=12), *pd.date_range("2025-01-01", periods=11)])
    message = refused(frame(days))
    assert "fill_gaps" not in message
    assert "Filled, most rows would be empty (354 beside 23)" in message
    kept = read_table(frame(days[:12])).columns
    assert "fill_gaps" not in refused(frame(days), like=kept)
    assert "Pass fill_gaps=True" in refused(frame(days[:12].delete(5)))


@pytest.mark.parametrize("mask", ["Mon Tue Wed Thu Fri Sat", "Mon Tue Wed Thu Sun"])
def test_days_that_are_never_worked_are_named(mask: str) -> None:
    offset = pd.offsets.CustomBusinessDay(weekmask=mask)
    days = pd.date_range("2024-01-01", periods=60, freq=offset)
    message = refused(frame(days[:50]))
    rule = re.search(r"freq=(pd\.offsets\.CustomBusinessDay\(weekmask='.*?'\))", message)
    assert rule is not None, message
    found = read_table(frame(days[:50]), freq=eval(rule[1], {"pd": pd}))
    assert future_frame(found, 10)["ds"].tolist() == days[50:].tolist()
