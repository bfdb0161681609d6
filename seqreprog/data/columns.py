"""One column of a data frame -> an array: numbers to float64, times to dates or integers, of any dtype."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pandas.api import types as kinds

from ..errors import DataError
from . import readings
from .quiet import without_warnings


def plain(series: pd.Series) -> pd.Series:
    """Categories and Arrow dictionaries as the values they stand for."""
    dtype: Any = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return series.astype(dtype.categories.dtype)
    if isinstance(dtype, pd.ArrowDtype) and "dictionary" in str(dtype):
        return series.astype(pd.ArrowDtype(dtype.pyarrow_dtype.value_type))
    return series


def is_number(dtype: Any) -> bool:
    """Whether values of this dtype are real numbers."""
    return kinds.is_numeric_dtype(dtype) and not kinds.is_bool_dtype(dtype) and not kinds.is_complex_dtype(dtype)


def numbers(series: pd.Series, names: list[Any]) -> Float[np.ndarray, " steps"]:
    """Numbers as float64; `names` are the columns that stand end to end in `series`, for the message."""
    series = plain(series)
    if is_number(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    present = series.notna().to_numpy()
    kind = kinds.infer_dtype(series, skipna=True)
    if series.dtype == object and kind in ("decimal", "floating", "integer", "mixed-integer-float", "empty"):
        return pd.to_numeric(series.where(present, np.nan)).to_numpy(dtype=np.float64)
    unread = present
    if kind in ("string", "mixed", "mixed-integer"):  # '3' among words is not the value to blame
        words = present & pd.to_numeric(series, errors="coerce").isna().to_numpy()
        unread = words if words.any() else present
    row, size = int(unread.argmax()), len(series) // len(names)
    raise DataError(
        f"column {str(names[row // size])!r} must hold numbers; row {row % size} holds {series.iloc[row]!r} "
        f"(dtype {series.dtype}). Convert the column with astype(float)"
    )


class TimeColumn(NamedTuple):
    """Times as they were read.

    Attributes:
        times: dates, with unit and time zone, or whole numbers.
        dtype: the dtype to give them back in.
        freq: the frequency, if the dtype knows it.
        notices: what was decided.
        form: the format that was chosen among several, if any.
    """

    times: pd.Index
    dtype: str
    freq: str = ""
    notices: tuple[str, ...] = ()
    form: str = ""


def read_times(
    series: pd.Series,
    name: str,
    codes: Int[np.ndarray, " row"] | None = None,
    *,
    freq: Any = None,
    form: str = "",
) -> TimeColumn:
    """Dates, periods, whole numbers, or text and whole numbers that are dates.

    Args:
        series: the column.
        name: its name.
        codes: the series of each row, which decide between readings; `None` takes any.
        freq: the frequency asked for, if any; it decides too.
        form: the format of an earlier frame, which is kept where it is possible.

    Raises:
        DataError: a time is missing or cannot be read, or can be read in several ways.
    """
    series = plain(series)
    dtype: Any = series.dtype
    missing = series.isna().to_numpy()
    if missing.any():
        raise DataError(
            f"column {name!r} has {missing.sum()} missing times (first in row {missing.argmax()}). Drop these rows"
        )
    if isinstance(dtype, pd.PeriodDtype):
        nine = pd.period_range(series.iloc[0], periods=9, freq=dtype.freq).to_timestamp()
        return TimeColumn(pd.DatetimeIndex(series.dt.to_timestamp(), name=None), str(dtype), pd.infer_freq(nine) or "")
    kind = kinds.infer_dtype(series, skipna=True)
    if kinds.is_integer_dtype(dtype) or kind == "integer":
        return _read_numbers(series, name, codes, freq, form)
    if kinds.is_datetime64_any_dtype(dtype) and kind != "date":
        return TimeColumn(pd.DatetimeIndex(series).rename(None), str(dtype))
    if kind not in ("string", "date", "datetime", "datetime64"):
        raise DataError(
            f"column {name!r} must hold dates or integers; row 0 holds {series.iloc[0]!r} (dtype {dtype}). "
            "Convert it with pd.to_datetime"
        )
    parsed, notices, chosen = _read_text(series, name, codes, freq, form) if kind == "string" else _dates(series, name)
    unread = parsed.isna().to_numpy()
    if unread.any():
        row = int(unread.argmax())
        raise DataError(
            f"column {name!r} must hold times; row {row} holds {series.iloc[row]!r} ({unread.sum()} such rows). "
            "Convert the column with pd.to_datetime(..., format=...)"
        )
    keeps = isinstance(dtype, pd.ArrowDtype) and kind == "date"
    return TimeColumn(pd.DatetimeIndex(parsed).rename(None), str(dtype if keeps else parsed.dtype), "", notices, chosen)


def _read_numbers(
    series: pd.Series, name: str, codes: Int[np.ndarray, " row"] | None, freq: Any, form: str
) -> TimeColumn:
    """Whole numbers as they are, or as the months and days that they spell."""
    counts = pd.Index(series.to_numpy(dtype=np.int64))
    counted = isinstance(freq, int | np.integer) and not isinstance(freq, bool)
    forms = () if counted or codes is None else readings.number_forms(counts.to_numpy())
    if not forms:
        return TimeColumn(counts, str(series.dtype))
    times = pd.DatetimeIndex(pd.to_datetime(pd.Series(counts.astype(str)), format=forms[0])).rename(None)
    if form == forms[0]:
        chosen, said = form, ""
    elif freq is not None:
        chosen, said = forms[0], f"column {name!r} was read as dates: row 0 holds {counts[0]}, {times[0]:%Y-%m-%d}"
    else:
        chosen, said = readings.choose({readings.COUNT: counts, forms[0]: times}, codes, freq, series, name)
    if chosen == readings.COUNT:
        return TimeColumn(counts, str(series.dtype))
    return TimeColumn(times, str(series.dtype), "", (said,) if said else (), chosen)


def _read_text(
    series: pd.Series, name: str, codes: Int[np.ndarray, " row"] | None, freq: Any, form: str
) -> tuple[pd.Series, tuple[str, ...], str]:
    """Text as dates: parsed, what there is to say, and the format that was chosen."""
    forms = readings.forms_of(str(series.iloc[0]).strip())
    if not forms:
        parsed, notices, _ = _dates(series, name)
        readings.check_years(series, parsed, name)
        if parsed.isna().any() and str(series.iloc[0])[:4].isdigit():  # of ISO times some have fractions or no clock
            parsed = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=bool(notices))
        return parsed, notices, ""
    found = readings.read_forms(series.str.strip(), forms)
    kept = [each for each in found if form and each[:2] == form[:2]]
    indices: dict[str, pd.Index] = {each: pd.DatetimeIndex(times) for each, times in found.items()}
    chosen, said = (kept[0], "") if kept else readings.choose(indices, codes, freq, series, name)
    return found[chosen], (said,) if said else (), chosen if len(found) > 1 else ""


def _dates(series: pd.Series, name: str) -> tuple[pd.Series, tuple[str, ...], str]:
    """As pandas reads them: texts, dates, datetimes."""
    with without_warnings(UserWarning):  # pandas' guesses about formats; what fails is named by the caller
        try:
            parsed = pd.to_datetime(series, errors="coerce")
        except ValueError:  # local times with their offsets, which change over the year
            parsed = None
        if parsed is None or parsed.isna().any():
            aware = pd.to_datetime(series, errors="coerce", utc=True)
            if parsed is None or (series.dtype == object and aware.notna().all()):
                said = (
                    f"column {name!r} holds times with different offsets: they were read as UTC. For local days pass "
                    f"pd.to_datetime(df[{name!r}], utc=True).dt.tz_convert('Europe/Berlin'), with their zone"
                )
                return aware, (said,), ""
    return parsed, (), ""
