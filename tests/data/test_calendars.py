"""A frequency is carried as the rule itself: every offset that can be written down, through an artifact's JSON too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas import offsets
from pandas.tseries.holiday import USFederalHolidayCalendar

from seqreprog import Adapter, Forecaster, Training
from seqreprog.baselines.seasonal_naive import season_of
from seqreprog.data.calendars import read_offset, shown, write_offset
from seqreprog.data.frames import future_frame, read_table
from seqreprog.data.rows import Columns
from seqreprog.errors import DataError

SIX = "Mon Tue Wed Thu Fri Sat"
GULF = "Sun Mon Tue Wed Thu"
OFFSETS: list[Any] = [
    offsets.CustomBusinessDay(weekmask=SIX),
    offsets.CustomBusinessDay(weekmask=GULF, holidays=["2024-02-06", "2024-02-07"]),
    offsets.CustomBusinessDay(calendar=USFederalHolidayCalendar()),
    offsets.CustomBusinessDay(n=2, weekmask=SIX),
    offsets.CustomBusinessMonthBegin(weekmask=GULF),
    offsets.CustomBusinessMonthEnd(holidays=["2025-01-31"]),
    offsets.BusinessHour(),
    offsets.BusinessHour(start="08:00", end="12:00"),
    offsets.CustomBusinessHour(weekmask=GULF, start=["09:00", "14:00"], end=["12:00", "17:00"]),
    offsets.BusinessDay(),
    offsets.Week(),
    offsets.Week(weekday=3),
    offsets.WeekOfMonth(week=2, weekday=2),
    offsets.LastWeekOfMonth(weekday=4),
    offsets.SemiMonthBegin(day_of_month=15),
    offsets.SemiMonthEnd(day_of_month=20),
    offsets.MonthBegin(),
    offsets.MonthEnd(),
    offsets.BusinessMonthEnd(),
    offsets.QuarterBegin(startingMonth=2),
    offsets.BQuarterEnd(startingMonth=1),
    offsets.YearEnd(month=6),
    offsets.FY5253(startingMonth=1, weekday=4, variation="last"),
    offsets.FY5253Quarter(startingMonth=1, weekday=4, variation="nearest", qtr_with_extra_week=2),
    offsets.Easter(),
    pd.DateOffset(months=1),
    pd.DateOffset(months=3),
    pd.DateOffset(months=1, day=15),
    pd.DateOffset(years=1),
    pd.DateOffset(weeks=2),
    pd.DateOffset(days=3),
    pd.DateOffset(hours=6),
    pd.Timedelta("90min"),
]


def series(offset: Any, rows: int = 30, start: str = "2024-01-15") -> pd.DataFrame:
    first = f"{start} 09:00" if isinstance(offset, offsets.BusinessHour) else start
    return pd.DataFrame({"ds": pd.date_range(first, periods=rows, freq=offset), "y": np.arange(rows) * 1.0})


@pytest.mark.parametrize("offset", OFFSETS, ids=lambda offset: str(offset)[:60])
def test_dates_to_come_are_those_of_the_offset(offset: Any) -> None:
    whole = series(offset)
    table = read_table(whole.iloc[:20], freq=offset)
    assert future_frame(table, 10)["ds"].tolist() == whole["ds"][20:].tolist()
    kept = Columns(**json.loads(json.dumps(asdict(table.columns))))  # as an artifact holds them
    assert kept == table.columns
    again = read_table(whole.iloc[3:20], like=kept)
    assert future_frame(again, 10)["ds"].tolist() == whole["ds"][20:].tolist()
    assert read_table(whole, freq=kept.freq).columns.freq == kept.freq


@pytest.mark.parametrize("offset", OFFSETS, ids=lambda offset: str(offset)[:60])
def test_a_rule_reads_back_as_it_was_written(offset: Any) -> None:
    text = write_offset(read_offset(offset))
    assert write_offset(read_offset(text)) == text
    dates = pd.date_range("2024-03-04 09:00", periods=40, freq=offset)
    assert pd.date_range(dates[0], periods=40, freq=read_offset(text)).tolist() == dates.tolist()
    assert isinstance(season_of(text), int)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("offset", OFFSETS[:2] + OFFSETS[25:28], ids=lambda offset: str(offset)[:60])
def test_a_calendar_keeps_the_time_of_day_and_the_gaps(offset: Any, zone: str | None) -> None:
    days = pd.DatetimeIndex(series(offset)["ds"]) + pd.Timedelta("18h")
    df = pd.DataFrame({"ds": days.tz_localize(zone), "y": np.arange(30) * 1.0})
    with pytest.raises(DataError, match=rf"no row at {df['ds'][5]}".replace("+", r"\+")):
        read_table(df.drop(index=5), freq=offset)
    table = read_table(df.drop(index=5).iloc[:19], freq=offset, fill_gaps=True)
    assert table.times.tolist() == df["ds"][:20].tolist()
    assert future_frame(table, 10)["ds"].tolist() == df["ds"][20:].tolist()


def test_months_on_a_day_that_some_have_not_end_there() -> None:
    days = pd.to_datetime(["2023-11-30", "2023-12-30", "2024-01-30", "2024-02-29", "2024-03-30"])
    table = read_table(pd.DataFrame({"ds": days, "y": 1.0}))
    assert table.columns.freq == "DateOffset(months=1)"
    assert future_frame(table, 11)["ds"].dt.day.tolist() == [30] * 10 + [28]


def test_each_series_has_its_day_of_the_month() -> None:
    parts = [
        series(pd.DateOffset(months=1), 8, start=day).assign(unique_id=day) for day in ("2024-01-15", "2024-02-03")
    ]
    table = read_table(pd.concat(parts))
    assert table.columns.freq == "DateOffset(months=1)"
    assert future_frame(table, 1)["ds"].tolist() == [pd.Timestamp("2024-09-15"), pd.Timestamp("2024-10-03")]


@pytest.mark.parametrize(
    ("offset", "freq"),
    [
        (pd.DateOffset(months=1), "DateOffset(months=1)"),
        (pd.DateOffset(months=2), "DateOffset(months=2)"),
        (pd.DateOffset(months=3), "DateOffset(months=3)"),
        (pd.DateOffset(months=7), "DateOffset(months=7)"),
        (pd.DateOffset(years=1), "DateOffset(months=12)"),
        ("SMS-15", "SMS-15"),
        ("SME-10", "SME-10"),
        ("bh", "bh"),
    ],
)
def test_what_pandas_does_not_infer_is_inferred(offset: Any, freq: str) -> None:
    whole = series(offset, 60, start="2024-01-15 09:00" if freq == "bh" else "2024-02-15")
    table = read_table(whole.iloc[:50])
    assert table.columns.freq == freq
    assert future_frame(table, 10)["ds"].tolist() == whole["ds"][50:].tolist()


class Own(offsets.MonthEnd):
    """A class that no other machine has."""


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (offsets.MonthEnd(normalize=True), "normalize=True moves times to midnight"),
        (offsets.BusinessDay(offset=pd.Timedelta("3h")), "part of a day"),
        (pd.DateOffset(months=1, days=1), "not a mixture"),
        (pd.DateOffset(weekday=2), "not a mixture"),
        (Own(), "none of pandas' own"),
        (offsets.Easter(method=1) if "method" in offsets.Easter._attributes else Own(), "Easter|own"),
        (offsets.MonthEnd(-1), "got <-1 \\* MonthEnd"),
        ("CustomBusinessDay(weekmask='Moon')", "got .*Moon"),
        ("CustomBusinessDay(calendar=None)", "got .*calendar"),
        ("DateOffset(1)", "got 'DateOffset\\(1\\)'"),
        ("Timestamp(n=1)", "got 'Timestamp"),
        ("__import__('os').getcwd()", "got .*import"),
    ],
)
def test_what_cannot_be_written_down_is_refused(offset: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(series("MS", 6), freq=offset)


def test_many_holidays_are_counted_in_messages() -> None:
    text = write_offset(read_offset(OFFSETS[2]))
    assert len(shown(text)) < 120
    assert "dates]" in shown(text)
    assert shown("D") == "'D'"
    with pytest.raises(DataError, match=r"\[\.\.\. \d+ dates\]") as caught:
        read_table(series(OFFSETS[2]).drop(index=4), freq=OFFSETS[2])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("freq", "season"),
    [
        (write_offset(OFFSETS[0]), 6),
        (write_offset(OFFSETS[3]), 3),
        (write_offset(OFFSETS[4]), 12),
        ("DateOffset(months=1)", 12),
        ("DateOffset(months=3)", 4),
        ("DateOffset(months=12)", 1),
        ("RE-L-JAN-FRI", 1),
    ],
)
def test_seasons_of_calendars(freq: str, season: int) -> None:
    assert season_of(freq) == season


def test_an_artifact_keeps_the_calendar(make_backbone: Callable[[str], Path], tmp_path: Path) -> None:
    whole = series(OFFSETS[1], 90)
    small, quick = Adapter(patch=4, stride=4), Training(mode="probe")
    model = Forecaster(5, context=12, backbone=make_backbone("gpt2"), adapter=small, training=quick)
    model.fit(whole.iloc[:80], freq=OFFSETS[1]).save(tmp_path / "model")
    assert model.predict()["ds"].tolist() == whole["ds"][80:85].tolist()
    loaded = Forecaster.load(tmp_path / "model")
    assert loaded.predict(whole.iloc[:85])["ds"].tolist() == whole["ds"][85:].tolist()
    with pytest.raises(DataError, match="is what the model was fitted on"):
        loaded.predict(series("D", 60))
