"""One column of a data frame -> an array: numbers to float64, times to dates or integers, of any dtype."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from pandas.api import types as kinds

from ..errors import DataError


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


def read_times(series: pd.Series, name: str) -> tuple[pd.Index, str, str, tuple[str, ...]]:
    """Times, the dtype to give them back in, the frequency if the dtype knows it, notices."""
    series = plain(series)
    dtype: Any = series.dtype
    missing = series.isna().to_numpy()
    if missing.any():
        raise DataError(
            f"column {name!r} has {missing.sum()} missing times (first in row {missing.argmax()}). Drop these rows"
        )
    if isinstance(dtype, pd.PeriodDtype):
        nine = pd.period_range(series.iloc[0], periods=9, freq=dtype.freq).to_timestamp()
        return pd.DatetimeIndex(series.dt.to_timestamp(), name=None), str(dtype), pd.infer_freq(nine) or "", ()
    kind = kinds.infer_dtype(series, skipna=True)
    if kinds.is_integer_dtype(dtype) or kind == "integer":
        return pd.Index(series.to_numpy(dtype=np.int64)), str(dtype), "", ()
    if kinds.is_datetime64_any_dtype(dtype) and kind != "date":
        return pd.DatetimeIndex(series).rename(None), str(dtype), "", ()
    if kind not in ("string", "date", "datetime", "datetime64"):
        raise DataError(
            f"column {name!r} must hold dates or integers; row 0 holds {series.iloc[0]!r} (dtype {dtype}). "
            "Convert it with pd.to_datetime"
        )
    notices: tuple[str, ...] = ()
    try:
        parsed = _dates(series)
    except ValueError:  # local times with their offsets, which change over the year
        parsed = _dates(series, utc=True)
        notices = (f"column {name!r} holds times with different offsets: they were read as UTC",)
    unread = parsed.isna().to_numpy()
    if unread.any():
        row = int(unread.argmax())
        raise DataError(
            f"column {name!r} must hold times; row {row} holds {series.iloc[row]!r} ({unread.sum()} such rows). "
            "Convert the column with pd.to_datetime(..., format=...)"
        )
    keeps = isinstance(dtype, pd.ArrowDtype) and kind == "date"
    return pd.DatetimeIndex(parsed).rename(None), str(dtype if keeps else parsed.dtype), "", notices


def _dates(series: pd.Series, utc: bool = False) -> pd.Series:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas' guesses about formats; what fails is named by the caller
        return pd.to_datetime(series, errors="coerce", utc=utc)
