"""Times with more than one reading: the one that makes regular steps is taken and said, else both are named."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from seqreprog.config.forecast import Covariates
from seqreprog.data.covariates import read_covariates, read_future
from seqreprog.data.frames import future_frame, read_table
from seqreprog.data.rows import Columns
from seqreprog.errors import DataError

MONTHS = pd.date_range("2022-01-01", periods=24, freq="MS")


def frame(times: object, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"ds": times, "y": 1.0, **columns})


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d/%m/%y", "%y/%m/%d", "%d %m %Y"])
@pytest.mark.parametrize("clock", ["", " %H:%M", " %H:%M:%S", " %I:%M %p"])
@pytest.mark.parametrize("freq", ["MS", "h", "D", "W-MON"])
def test_the_regular_reading_is_taken(form: str, clock: str, freq: str) -> None:
    if freq == "h" and not clock:
        return
    times = pd.date_range("2021-01-04" if freq == "W-MON" else "2021-01-01", periods=60, freq=freq)
    table = read_table(frame(times.strftime(form + clock)))
    assert table.times.tolist() == times.tolist()
    assert table.columns.freq == freq


@pytest.mark.parametrize(
    ("form", "said"), [("%d/%m/%Y", "day first"), ("%m/%d/%Y", "month first"), ("%y.%m.%d", "year first")]
)
def test_what_was_taken_is_said(form: str, said: str) -> None:
    days = MONTHS
    table = read_table(frame(days.strftime(form)))
    assert table.times.tolist() == days.tolist()
    assert len(table.notices) == 1
    assert f"column 'ds' was read as {said}, in steps of 'MS', not as" in table.notices[0]
    assert f"row 0 holds {days[0].strftime(form)!r}, which is 2022-01-01" in table.notices[0]


def test_no_notice_where_only_one_is_possible() -> None:
    days = pd.date_range("2022-01-01", periods=40)
    assert read_table(frame(days.strftime("%d/%m/%Y"))).notices == ()
    assert read_table(frame(days.strftime("%Y-%m-%d"))).notices == ()


def test_each_series_counts() -> None:
    parts = [frame(MONTHS[:8].strftime("%d/%m/%Y"), unique_id=one) for one in "ab"]
    parts.append(frame(MONTHS[10:20].strftime("%d/%m/%Y"), unique_id="c"))
    assert read_table(pd.concat(parts)).columns.freq == "MS"


def test_some_missing_rows_do_not_matter() -> None:
    with pytest.raises(DataError, match=r"no row at 2022-06-01.*Pass fill_gaps=True"):
        read_table(frame(MONTHS.delete(5).strftime("%d/%m/%Y")))


@pytest.mark.parametrize(
    ("times", "both", "why"),
    [
        (MONTHS[:12].strftime("%d/%m/%Y"), "day first (2022-01-01) or month first (2022-01-01)", "both make"),
        (["02/01/2022", "03/01/2022"], "day first (2022-01-02) or month first (2022-02-01)", "neither makes"),
        (["01/02/2022", "05/03/2022", "02/11/2022"], "day first (2022-02-01) or month first", "neither makes"),
        (np.arange(201801, 201813), "whole numbers (201801) or years and months (2018-01-01)", "both make"),
        (np.arange(20180101, 20180120), "whole numbers (20180101) or dates (2018-01-01)", "both make"),
    ],
)
def test_both_or_neither_are_refused_with_both_named(times: object, both: str, why: str) -> None:
    with pytest.raises(DataError) as caught:
        read_table(frame(times))
    assert f"column 'ds' can be read as {both}" in str(caught.value)
    assert why in str(caught.value)
    assert "pd.to_datetime(df['ds'], format='%" in str(caught.value)


@pytest.mark.parametrize(
    ("form", "times"),
    [
        ("%Y%m", MONTHS),
        ("%Y%m", pd.date_range("2022-02-01", periods=12, freq="QS-FEB")),
        ("%Y%m%d", pd.date_range("2022-01-20", periods=60)),
        ("%Y%m%d", pd.date_range("2022-01-20", periods=60, freq="B")),
        ("%Y%m%d", pd.date_range("2022-01-31", periods=20, freq="ME")),
    ],
)
@pytest.mark.parametrize("dtype", ["int64", "int32", "Int64", "uint32"])
def test_whole_numbers_that_spell_dates_come_back_as_they_were(form: str, times: pd.DatetimeIndex, dtype: str) -> None:
    given = pd.Series(times.strftime(form)).astype("int64").astype(dtype)
    table = read_table(frame(given[:-3]))
    assert table.times.tolist() == times[:-3].tolist()
    assert "was read as" in table.notices[0]
    ahead = future_frame(table, 3)["ds"]
    assert str(ahead.dtype) == dtype
    assert ahead.tolist() == given[-3:].tolist()
    kept = Columns(**json.loads(json.dumps(asdict(table.columns))))
    again = read_table(frame(given[:5]), like=kept)  # too few to decide by themselves
    assert again.times.tolist() == times[:5].tolist()
    assert again.notices == ()


def test_a_frequency_decides() -> None:
    numbers = np.arange(201801, 201813)
    assert read_table(frame(numbers), freq=1).columns.freq == 1
    assert future_frame(read_table(frame(numbers), freq="MS"), 1)["ds"].tolist() == [201901]
    text = MONTHS[:12].strftime("%d/%m/%Y")
    assert read_table(frame(text), freq="MS").times[-1] == MONTHS[11]
    assert read_table(frame(text), freq="D").times[-1] == pd.Timestamp("2022-01-12")


@pytest.mark.parametrize("times", [np.arange(10), np.arange(1990, 2020), np.arange(0, 3600 * 9, 3600) + 1704067200])
def test_counts_years_and_seconds_stay_whole_numbers(times: np.ndarray) -> None:
    table = read_table(frame(times))
    assert table.times.tolist() == times.tolist()
    assert table.notices == ()


def test_later_frames_are_read_as_that_of_fit() -> None:
    df = frame(MONTHS[:20].strftime("%d/%m/%Y"), wind=np.arange(20.0))
    table = read_covariates(read_table(df), df, Covariates(futr_cols=("wind",)))
    assert table.panel.covariates[0].tolist() == list(range(20))
    assert read_table(frame(MONTHS[:2].strftime("%d/%m/%Y")), like=table.columns).times[1] == MONTHS[1]
    ahead = frame(MONTHS[20:22].strftime("%d/%m/%Y"), wind=[7.0, 8.0])
    found = read_future(table, ahead, Covariates(futr_cols=("wind",)), steps=2, horizon=2)
    assert found.ravel().tolist() == [7.0, 8.0]


@pytest.mark.parametrize(
    ("times", "form"),
    [
        (MONTHS.strftime("%m/%Y"), "MS"),
        (MONTHS.strftime("%m.%Y"), "MS"),
        (MONTHS.strftime("%b-%y"), "MS"),
        (MONTHS.strftime("%b %Y"), "MS"),
        (MONTHS.strftime("%Y%m"), "MS"),
        (MONTHS.strftime("%Y-%m"), "MS"),
        (["2024-01-01T00:00:00", "2024-01-01T00:00:00.5", "2024-01-01T00:00:01"], "500ms"),
        (["2024-01-01", "2024-01-01 12:00", "2024-01-02"], "12h"),
    ],
)
def test_text_with_one_reading(times: object, form: str) -> None:
    assert read_table(frame(times)).columns.freq == form


@pytest.mark.parametrize(
    "times",
    [
        ["08:00", "09:00", "10:00"],
        ["08:00:00", "08:00:01", "08:00:02"],
        ["8am", "9am", "10am"],
        ["Jan", "Feb", "Mar"],
        ["5 May", "6 May", "7 May"],
        ["01/24", "02/24", "03/24"],
        ["now", "today", "now"],
    ],
)
def test_times_without_a_year_are_named(times: list[str]) -> None:
    with pytest.raises(DataError, match=rf"dates with their year; row 0 holds '{times[0]}' \(3 such rows\)"):
        read_table(frame(times))


def test_a_wide_frame_is_read_alike() -> None:
    wide = pd.DataFrame({"a": 1.0, "b": 2.0}, index=MONTHS.strftime("%d/%m/%Y").rename("day")).reset_index()
    table = read_table(wide)
    assert table.columns.freq == "MS"
    assert "day first" in table.notices[0]
    with pytest.raises(DataError, match=r"day first .* or month first"):
        read_table(wide.iloc[:12])


def test_pandas_remarks_stay_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_table(frame(MONTHS.strftime("%d/%m/%Y")))
        read_table(frame(MONTHS.strftime("%d %B %Y")))


def test_what_stands_after_an_ambiguous_date_is_read_or_named() -> None:
    zoned = MONTHS.strftime("%d/%m/%Y 08:00+0100")
    assert read_table(frame(zoned)).times[1] == pd.Timestamp("2022-02-01 07:00", tz="UTC")
    with pytest.raises(DataError, match="' at dawn' after a date is no time of day"):
        read_table(frame(MONTHS.strftime("%d/%m/%Y at dawn")))
