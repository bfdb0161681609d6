"""What docs/data-times.md says of utilsforecast and sktime where they read times otherwise than we do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqreprog.data.frames import future_frame, read_table
from seqreprog.errors import DataError

SIX = pd.offsets.CustomBusinessDay(weekmask="Mon Tue Wed Thu Fri Sat")
MONTHS = pd.date_range("2022-01-01", periods=24, freq="MS")


def frame(times: Any) -> pd.DataFrame:
    return pd.DataFrame({"unique_id": "a", "ds": times, "y": np.arange(len(times)) * 1.0})


def ours(df: pd.DataFrame, freq: Any = None) -> list[Any]:
    return future_frame(read_table(df, freq=freq), 2)["ds"].tolist()


def utilsforecast(df: pd.DataFrame, freq: Any) -> list[Any]:
    processing = pytest.importorskip("utilsforecast.processing")
    return processing.make_future_dataframe(["a"], df["ds"].iloc[[-1]], freq, 2)["ds"].tolist()


def test_an_offset_is_carried_by_both() -> None:
    df = frame(pd.date_range("2024-01-01", periods=20, freq=SIX))
    assert ours(df, SIX) == utilsforecast(df, SIX)


def test_an_alias_of_a_custom_calendar_forgets_it() -> None:
    df = frame(pd.date_range("2024-01-01", periods=17, freq=SIX))
    assert utilsforecast(df, "C") == [pd.Timestamp("2024-01-22"), pd.Timestamp("2024-01-23")]  # no Saturday
    with pytest.raises(DataError, match="'C'"):
        ours(df, "C")


def test_months_that_begin_on_the_15th() -> None:
    df = frame(MONTHS + pd.Timedelta(days=14))
    assert utilsforecast(df, "MS") == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-02-01")]
    assert ours(df) == [pd.Timestamp("2024-01-15"), pd.Timestamp("2024-02-15")]
    with pytest.raises(DataError, match="'DateOffset\\(months=1\\)', but 'MS' was passed"):
        ours(df, "MS")


def test_months_that_end_on_the_31st() -> None:
    step = pd.DateOffset(months=1)
    df = frame(pd.DatetimeIndex(["2023-11-30", "2023-12-31", "2024-01-31", "2024-02-29"]))
    assert utilsforecast(df, step) == [pd.Timestamp("2024-03-29"), pd.Timestamp("2024-04-29")]
    assert ours(df, step) == [pd.Timestamp("2024-03-31"), pd.Timestamp("2024-04-30")]


def test_whole_numbers_that_spell_months() -> None:
    from sktime.forecasting.naive import NaiveForecaster

    df = frame(MONTHS.strftime("%Y%m").astype(int))
    assert utilsforecast(df, 1) == [202313, 202314]
    assert NaiveForecaster().fit(df.set_index("ds")["y"], fh=[1, 2]).predict().index.tolist() == [202313, 202314]
    assert ours(df) == [202401, 202402]


def test_rows_off_the_step_and_missing_rows() -> None:
    days = pd.date_range("2024-01-01", periods=20)
    odd = frame(days.insert(5, pd.Timestamp("2024-01-06 00:07")).sort_values())
    gap = frame(days.delete(5))
    for df in (odd, gap):
        assert utilsforecast(df, "D") == [
            pd.Timestamp("2024-01-21"),
            pd.Timestamp("2024-01-22"),
        ]  # the last row decides
        with pytest.raises(DataError, match=r"2024-01-06 00:07|no row at 2024-01-06"):
            ours(df)


def test_local_days_that_were_exported_as_utc() -> None:
    df = frame(pd.date_range("2024-03-01", periods=31, tz="Europe/Berlin").tz_convert("UTC"))
    assert utilsforecast(df, "D")[0] == pd.Timestamp("2024-03-31 23:00", tz="UTC")  # an hour late in Berlin
    with pytest.raises(DataError):
        ours(frame(pd.date_range("2024-03-01", periods=40, tz="Europe/Berlin").tz_convert("UTC")))
