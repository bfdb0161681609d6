"""Frames with any ids, calendars and zones: times and ids come back exactly, and what follows follows the calendar."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqreprog.data.calendars import WEEKDAYS
from seqreprog.data.frames import future_frame, read_table
from seqreprog.data.rows import Columns
from seqreprog.errors import DataError

ZONES = (None, "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo")
ALIASES = ("15min", "h", "6h", "D", "3D", "B", "2B", "W-SUN", "2W-WED", "MS", "ME", "BMS", "BME", "SMS-15", "SME-10")
RARE = ("QS-FEB", "QE", "BQE-JAN", "YS-JUL", "YE", "WOM-3TUE", "LWOM-FRI", "RE-L-JAN-FRI", "bh")
FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%y-%m-%d", "%Y%m%d", "%d %B %Y")


@dataclass
class Case:
    """A frame, the calendar it is made of, and what follows."""

    df: pd.DataFrame
    freq: Any
    ahead: list[pd.DatetimeIndex]
    horizon: int


def masks() -> st.SearchStrategy[str]:
    return st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(" ".join)


def dates() -> st.SearchStrategy[date]:
    return st.dates(date(1960, 1, 1), date(2090, 1, 1))


@st.composite
def calendars(draw: st.DrawFn, start: pd.Timestamp) -> Any:
    """An offset of any kind that can be written down."""
    kind = draw(st.sampled_from(["alias", "alias", "rare", "days", "months", "work", "work month", "hours"]))
    holidays = [str((start + pd.Timedelta(days=day)).date()) for day in draw(st.sets(st.integers(0, 60), max_size=4))]
    match kind:
        case "alias" | "rare":
            return pd.tseries.frequencies.to_offset(draw(st.sampled_from(ALIASES if kind == "alias" else RARE)))
        case "days":
            return pd.DateOffset(days=draw(st.integers(1, 40)))
        case "months":
            return pd.DateOffset(months=draw(st.integers(1, 14)))
        case "work":
            step, mask = draw(st.integers(1, 3)), draw(masks())
            return pd.offsets.CustomBusinessDay(step, weekmask=mask, holidays=holidays)
        case "work month":
            end = draw(st.sampled_from([pd.offsets.CustomBusinessMonthBegin, pd.offsets.CustomBusinessMonthEnd]))
            return end(weekmask=draw(masks()), holidays=holidays[:2])
    return pd.Timedelta(minutes=draw(st.integers(1, 3000)))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Some series of one calendar, shuffled, with what follows each."""
    start = pd.Timestamp(draw(dates()))
    freq, zone = draw(calendars(start)), draw(st.sampled_from(ZONES))
    clock = pd.Timedelta(minutes=draw(st.integers(0, 1439)))
    horizon, unit = draw(st.integers(1, 6)), draw(st.sampled_from(["s", "ms", "us", "ns"]))
    text, number = st.text(max_size=4), st.integers(-(2**40), 2**40)
    ids = draw(
        st.lists(text, min_size=1, max_size=3, unique=True) | st.lists(number, min_size=1, max_size=3, unique=True)
    )
    parts, ahead = [], []
    for one in ids:
        rows = draw(st.integers(3, 25))
        first = start + pd.Timedelta(days=draw(st.integers(0, 40)))
        times = run(freq, first, clock, rows + horizon, zone).as_unit(unit)
        parts.append(pd.DataFrame({"unique_id": [one] * rows, "ds": times[:rows], "y": np.arange(rows) * 1.0}))
        ahead.append(times[rows:])
    df = pd.concat(parts, ignore_index=True)
    return Case(df.sample(frac=1, random_state=draw(st.integers(0, 9))), freq, ahead, horizon)


def run(freq: Any, first: pd.Timestamp, clock: pd.Timedelta, rows: int, zone: str | None) -> pd.DatetimeIndex:
    """`rows` times of the calendar; days and more keep the local time of day, hours run through in UTC."""
    if isinstance(freq, pd.Timedelta | pd.offsets.Tick):
        times = pd.date_range(first + clock, periods=rows, freq=freq)
        return times if zone is None else times.tz_localize("UTC").tz_convert(zone)
    if isinstance(freq, pd.offsets.BusinessHour):
        clock = pd.Timedelta(0)
    if type(freq) is pd.DateOffset and "months" in freq.kwds:  # `date_range` forgets the 31st after a February
        times = pd.DatetimeIndex([first + pd.DateOffset(months=freq.kwds["months"] * k) for k in range(rows)])
    else:
        times = pd.date_range(first, periods=rows, freq=freq)
    times = times + clock
    if zone is None:
        return times
    return times.tz_localize(zone, ambiguous=np.ones(rows, bool), nonexistent="shift_forward")


def twice(strategy: st.SearchStrategy[Any], law: Callable[[Any], None]) -> tuple[Any, Any]:
    """A law with 40 cases, always the same, and, among the slow tests, with 500 that are drawn anew."""
    shared: Any = {"deadline": None, "suppress_health_check": list(HealthCheck)}
    quick = settings(max_examples=40, derandomize=True, **shared)(given(strategy)(law))
    return quick, pytest.mark.slow(settings(max_examples=500, **shared)(given(strategy)(law)))


def ids_and_times(df: pd.DataFrame) -> dict[Any, list[Any]]:
    return {one: sorted(group["ds"]) for one, group in df.groupby("unique_id", sort=False)}


def follows(case: Case) -> None:
    """With the calendar given, all comes back and what follows is what the calendar has."""
    table = read_table(case.df, freq=case.freq)
    assert list(table.ids) == list(dict.fromkeys(case.df["unique_id"]))
    assert table.ids.dtype == case.df["unique_id"].dtype
    bounds = list(zip(table.panel.offsets[:-1], table.panel.offsets[1:], strict=True))
    found = {one: table.times[low:high].tolist() for one, (low, high) in zip(table.ids, bounds, strict=True)}
    assert found == ids_and_times(case.df)
    kept = Columns(**json.loads(json.dumps(asdict(table.columns))))
    for read in (table, read_table(case.df, like=kept)):
        ahead = future_frame(read, case.horizon)
        assert ahead.dtypes.to_dict() == case.df[["unique_id", "ds"]].dtypes.to_dict()
        wanted = dict(zip(dict.fromkeys(ordered(case)), case.ahead, strict=True))
        for one, times in ids_and_times(ahead).items():
            assert times == wanted[one].tolist()


def ordered(case: Case) -> list[Any]:
    """The ids in the order in which their series were made."""
    return list(case.df.sort_index()["unique_id"])


def infers(case: Case) -> None:
    """Without a calendar all comes back too, and what follows continues what was found."""
    try:
        table = read_table(case.df)
    except DataError:
        return
    assert {one: sorted(times) for one, times in ids_and_times(case.df).items()} == {
        one: table.times[low:high].tolist()
        for one, low, high in zip(table.ids, table.panel.offsets[:-1], table.panel.offsets[1:], strict=True)
    }
    both = pd.concat([case.df, future_frame(table, case.horizon).assign(y=1.0)])
    again = read_table(both, like=table.columns)
    assert len(again.times) == len(both)
    assert again.columns == table.columns


@st.composite
def texts(draw: st.DrawFn) -> tuple[pd.DatetimeIndex, list[str]]:
    """Days as text in one of many formats."""
    freq = draw(st.sampled_from(["D", "B", "W-MON", "MS", "ME", "QS-FEB", "2D"]))
    first = draw(st.dates(date(1975, 1, 1), date(2060, 1, 1)))
    times = pd.date_range(first, periods=draw(st.integers(2, 60)), freq=freq)
    return times, times.strftime(draw(st.sampled_from(FORMATS))).tolist()


def reads(case: tuple[pd.DatetimeIndex, list[str]]) -> None:
    """Text is the time that was written, or refused."""
    times, text = case
    for given_ in (text, [int(each) for each in text] if text[0].isdigit() else text):
        df = pd.DataFrame({"ds": given_, "y": 1.0})
        try:
            table = read_table(df)
        except DataError:
            continue
        if isinstance(table.times, pd.DatetimeIndex):
            assert table.times.tolist() == times.tolist()
            if isinstance(given_[0], int):
                assert future_frame(table, 1)["ds"][0] > given_[-1]


test_what_follows_is_what_the_calendar_has, test_slow_what_follows = twice(cases(), follows)
test_what_is_inferred_is_continued, test_slow_what_is_inferred = twice(cases(), infers)
test_text_is_the_time_that_was_written, test_slow_text = twice(texts(), reads)
