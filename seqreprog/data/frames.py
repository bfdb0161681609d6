"""Long and wide data frames <-> flat arrays: read, checked, sorted and put on one regular time step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pandas.api import types as kinds

from ..errors import ConfigError, DataError, InputTypeError, name_some
from .columns import is_number, numbers, plain, read_times
from .readings import dated
from .rows import (
    SORTED,
    Columns,
    Rows,
    checked,
    fill,
    fit_frequency,
    gap_error,
    in_order,
    read_policy,
    reject_silent,
)
from .steps import make_grid, ticks_of
from .windows import Panel

DEFAULT_NAMES = ("unique_id", "ds", "y")


@dataclass(frozen=True)
class SeriesTable:
    """A data frame as arrays.

    Attributes:
        panel: the observations, float64, `NaN` where missing.
        ids: one per series, in the order of first appearance, in the caller's dtype.
        times: aligned with `panel.values`; a `DatetimeIndex` (caller's time zone and unit) or an integer index.
        columns: the caller's names and dtypes.
        notices: what was put right while reading, one sentence each.
    """

    panel: Panel
    ids: pd.Index
    times: pd.Index
    columns: Columns
    notices: tuple[str, ...]


def read_table(
    df: pd.DataFrame,
    *,
    id_col: str | None = None,
    time_col: str | None = None,
    target_col: str | None = None,
    freq: object = None,
    fill_gaps: bool = False,
    duplicates: object = "error",
    like: Columns | None = None,
) -> SeriesTable:
    """Reads a long or a wide frame into flat arrays.

    A frame is long if it has the time and the target column (the time and the ids may also be index levels); without an
    id column it is one series named after the target. Otherwise a frame with dates, periods or integers as its index is
    wide, a series per column, where missing values before the first and after the last observation are not part of it.
    So is one whose first column holds the dates and all others numbers, as in most CSV files.

    Args:
        df: the records.
        id_col: the column that names the series; `"unique_id"`.
        time_col: the column of times; `"ds"`.
        target_col: the column of observations; `"y"`.
        freq: a pandas offset or its alias, or a whole number for integer times; inferred. Periods know their own.
        fill_gaps: whether missing rows become missing values instead of an error.
        duplicates: what counts of several rows for one time of a series: `"error"` refuses them, `"first"` and `"last"`
            take that row as it stands, `"mean"` the mean of the known values.
        like: names and frequency of an earlier table, to be met by this one; gaps are filled and duplicates merged
            where they were.

    Raises:
        ConfigError: `duplicates` is no such policy.
        InputTypeError: `df` is not a DataFrame.
        DataError: a rule is broken; the message names it, the first offender and the remedy.

    Example:
        >>> frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=3), "y": [1.0, 2.0, 3.0]})
        >>> read_table(frame).columns.freq
        'D'
    """
    if not isinstance(df, pd.DataFrame):
        raise InputTypeError(f"df must be a pandas DataFrame; got {type(df).__name__}. Pass pd.DataFrame(...)")
    policy = read_policy(duplicates if like is None else like.duplicates)
    if df.empty:
        raise DataError(f"df is empty: it has {len(df)} rows and {df.shape[1]} columns. Pass at least one observation")
    df, layout, names = find_layout(df, (id_col, time_col, target_col), like)
    reading: dict[str, Any] = {"freq": freq, "form": ""} if like is None else {"freq": like.freq, "form": like.form}
    rows = _read_wide(df, names, reading) if layout == "wide" else _read_long(df, names, reading)
    rows = checked(in_order(rows), policy, like)
    fill_gaps = fill_gaps or (like is not None and like.fill_gaps)
    fit = fit_frequency(rows, rows.columns.freq or freq, like, fill_gaps)
    if fit.missing.any():
        if not fill_gaps:
            raise gap_error(rows, fit, like)
        rows = fill(rows, fit)
    columns = replace(rows.columns, freq=fit.grid.freq, fill_gaps=fill_gaps, duplicates=policy)
    return SeriesTable(Panel(rows.values, rows.offsets), rows.ids, rows.times, columns, rows.notices)


def future_frame(table: SeriesTable, horizon: int) -> pd.DataFrame:
    """The `horizon` steps after the end of each series, as a long frame of ids and times, in the order of `table.ids`.

    Names, dtypes, time unit and time zone are the caller's; a step of a day or more keeps its local time of day.

    Raises:
        ConfigError: `horizon` is below 1.
    """
    ids = table.ids.take(np.repeat(np.arange(len(table.ids)), horizon))
    times = _restore(future_times(table, horizon), table.columns)
    return pd.DataFrame({table.columns.id_col: ids, table.columns.time_col: times})


def future_times(table: SeriesTable, horizon: int) -> pd.Index:
    """The times of these steps, series after series, as `table.times` has them.

    Raises:
        ConfigError: `horizon` is below 1.
    """
    if horizon < 1:
        raise ConfigError(f"horizon must be at least 1; got {horizon}")
    grid = make_grid(table.columns.freq, table.times, ahead=horizon)
    position, phase, _ = grid.place(table.times, table.panel.offsets)
    ahead = position[table.panel.offsets[1:] - 1][:, None] + grid.step * np.arange(1, horizon + 1)
    return grid.locate(ahead.ravel(), np.repeat(phase, horizon))


def window_frame(
    table: SeriesTable, series: Int[np.ndarray, " window"], origins: Int[np.ndarray, " window"], horizon: int
) -> pd.DataFrame:
    """The targets of windows as a long frame: id, time, `cutoff` (the last time before the window) and float64 target.

    One row per window and step, in order. An origin is the flat index of a window's first target.

    Raises:
        DataError: a window starts before the second step of its series or reaches past its end.
    """
    series, origins = np.asarray(series), np.asarray(origins)
    first, last = table.panel.offsets[series], table.panel.offsets[series + 1]
    outside = (origins <= first) | (origins + horizon > last)
    if outside.any():
        name = table.ids[series[outside.argmax()]]
        raise DataError(f"{outside.sum()} windows leave their series (first: series {str(name)!r}). Shorten horizon")
    where = (origins[:, None] + np.arange(horizon)).ravel()
    columns = table.columns
    frame = {
        columns.id_col: table.ids.take(np.repeat(series, horizon)),
        columns.time_col: _restore(table.times.take(where), columns),
        "cutoff": _restore(table.times.take(np.repeat(origins - 1, horizon)), columns),
        columns.target_col: table.panel.values[where],
    }
    return pd.DataFrame(frame)


def with_forecasts(
    frame: pd.DataFrame,
    name: str,
    levels: Sequence[float],
    point: Float[np.ndarray, "window horizon"],
    quantiles: Float[np.ndarray, "window horizon level"],
) -> pd.DataFrame:
    """The frame with the point forecast as `name` and the bounds of each level as `name-lo-80` and `name-hi-80`."""
    wide = sorted(levels, reverse=True)
    bounds = [f"{name}-lo-{level:g}" for level in wide] + [f"{name}-hi-{level:g}" for level in reversed(wide)]
    frame[name] = point.ravel()
    for column, bound in enumerate(bounds):
        frame[bound] = quantiles[..., column].ravel()
    return frame


# --- reading ----------------------------------------------------------------------------------------------------------


def find_layout(
    df: pd.DataFrame, asked: tuple[str | None, str | None, str | None], like: Columns | None
) -> tuple[pd.DataFrame, Literal["long", "wide"], tuple[str, str, str]]:
    """What the frame is, its columns' names, and the frame with the times and ids it needs out of the index."""
    known = (like.id_col, like.time_col, like.target_col) if like else DEFAULT_NAMES
    id_name, time_name, target = (a if a is not None else k for a, k in zip(asked, known, strict=True))
    wide = None if asked[2] is not None or (like and like.layout == "long") else _by_first_column(df, asked[1], like)
    if wide is not None and not {id_name, target} & set(df.columns):
        df = wide
    dated = wide is df or _has_dates(df.index)
    has, levels, label = set(df.columns), set(df.index.names), df.index.name
    meant = id_name in has or asked[2] is not None or (like is not None and like.layout == "long")
    if dated and target in has and time_name not in has | levels and meant and asked[1] is None:
        time_name = time_name if label is None or like else str(label)
        df, levels = df.rename_axis(index=time_name), {time_name}
    if target in has and time_name in has | levels:
        df = df.reset_index(level=[name for name in (id_name, time_name) if name in levels - has])
        if id_name not in df.columns and (asked[0] is not None or id_name not in DEFAULT_NAMES):
            raise no_column(df, id_name, _advice("id_col=...", like))
        return df, "long", (id_name, time_name, target)
    counted = kinds.is_integer_dtype(df.index.dtype) and target not in has and all(map(is_number, set(df.dtypes)))
    named = asked[1] in (None, label) or (dated and label is None)
    if (dated or counted) and asked[2] is None and named and not {id_name, time_name} & has:
        id_name = str(df.columns.name) if df.columns.name is not None and not (like or asked[0]) else id_name
        return df, "wide", (id_name, str(label) if label is not None and not like else time_name, target)
    if target not in has:
        raise no_column(df, target, _advice("target_col=...", like))
    raise no_column(df, time_name, _advice("time_col=..., or a wide frame with dates as its index", like))


def _by_first_column(df: pd.DataFrame, asked: str | None, like: Columns | None) -> pd.DataFrame | None:
    """A frame whose first column holds the times, and each other one a series, with that column as its index.

    Whole numbers are times only under the name of the times; a frame that has dates as its index needs no others.
    """
    first, others = df.columns[0], df.dtypes.iloc[1:]
    name = asked or (like.time_col if like else DEFAULT_NAMES[1])
    said = first == name
    if said != (name in df.columns) or (asked is not None and not said) or (is_number(df.dtypes.iloc[0]) and not said):
        return None
    if _has_dates(df.index) or df.columns.nlevels > 1 or not len(others) or not all(map(is_number, others)):
        return None
    try:
        read_times(df.iloc[:, 0], str(first))
    except DataError:  # not times: the caller says what is amiss
        return None
    return df.iloc[:, 1:].set_axis(pd.Index(df.iloc[:, 0], name=first), axis=0)


def _has_dates(index: pd.Index) -> bool:
    return kinds.is_datetime64_any_dtype(index.dtype) or isinstance(index.dtype, pd.PeriodDtype)


def no_column(df: pd.DataFrame, name: str, advice: str, what: str = "df") -> DataError:
    """The error that `what` lacks a column, with those that it has."""
    listed = list(df.columns)
    has = str(listed) if len(listed) <= 20 else f"{str(listed[:20])[:-1]}, and {len(listed) - 20} more]"
    return DataError(f"{what} has no column {name!r}; it has {has}. {advice}")


def _advice(remedy: str, like: Columns | None) -> str:
    return "Rename the column to the one of fit" if like else f"Pass {remedy}"


def _read_long(df: pd.DataFrame, names: tuple[str, str, str], reading: dict[str, Any]) -> Rows:
    id_name, time_name, target = names
    twice = [name for name in names if (df.columns == name).sum() > 1]
    if twice:
        raise DataError(f"df has more than one column {twice[0]!r}. Rename or drop the others")
    ids = plain(df[id_name]) if id_name in df.columns else pd.Series([target] * len(df))
    codes, found = pd.factorize(ids)
    unnamed = codes < 0
    if unnamed.any():
        raise DataError(
            f"column {id_name!r} has {unnamed.sum()} missing ids (first in row {unnamed.argmax()}). Name or drop them"
        )
    codes = codes.astype(np.int64)
    times, time_dtype, freq, notices, form = read_times(df[time_name], time_name, codes, **reading)
    values, target_dtype = numbers(df[target], [target]), str(plain(df[target]).dtype)
    columns = Columns("long", id_name, time_name, target, str(found.dtype), time_dtype, target_dtype, freq, form=form)
    return Rows(codes, pd.Index(found), times, values, columns, notices)


def _read_wide(df: pd.DataFrame, names: tuple[str, str, str], reading: dict[str, Any]) -> Rows:
    if df.columns.nlevels > 1 or df.columns.has_duplicates:
        repeated = df.columns[df.columns.duplicated()]
        found = f"{df.columns.nlevels} levels" if df.columns.nlevels > 1 else f"{name_some(repeated)} more than once"
        raise DataError(f"the columns of a wide frame must name each series once; they have {found}. Rename them")
    codes = np.zeros(len(df), np.int64)
    times, time_dtype, freq, notices, form = read_times(pd.Series(df.index), names[1], codes, **reading)
    dtypes = set(df.dtypes)
    if all(map(is_number, dtypes)):
        matrix = df.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        flat = pd.Series(df.to_numpy(dtype=object).ravel("F"), dtype=object)
        matrix = numbers(flat, list(df.columns)).reshape(df.shape, order="F")
    if not times.is_monotonic_increasing:  # before the ends are trimmed
        order = np.argsort(ticks_of(times), kind="stable")
        times, matrix, notices = times[order], matrix[order], (*notices, SORTED)
    seen = ~np.isnan(matrix)
    reject_silent(df.columns, ~seen.any(axis=0))
    step = np.arange(len(df))[:, None]
    kept = ((step >= seen.argmax(axis=0)) & (step < len(df) - seen[::-1].argmax(axis=0))).T
    codes, where = np.nonzero(kept)
    ids = df.columns.rename(None)
    target_dtype = str(df.dtypes.iloc[0]) if len(dtypes) == 1 else "float64"
    columns = Columns("wide", *names, str(ids.dtype), time_dtype, target_dtype, freq, form=form)
    if isinstance(df.index, pd.RangeIndex):
        notices = (*notices, f"df was read as wide, with its row numbers as times and the series {name_some(ids)}")
    return Rows(codes, ids, times[where], matrix.T[kept], columns, notices)


def _restore(times: pd.Index, columns: Columns) -> pd.Index:
    if columns.form and isinstance(times, pd.DatetimeIndex) and not columns.time_dtype.startswith("datetime"):
        times = dated(times, columns.form)
    return times if str(times.dtype) == columns.time_dtype else times.astype(columns.time_dtype)
