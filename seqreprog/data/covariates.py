"""What stands beside the target in a long frame: numbers step by step, a sentence for each series."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pandas.api import types as kinds

from ..config.forecast import Covariates
from ..errors import ConfigError, DataError, InputTypeError, Notice, name_some
from .categories import one_hot
from .columns import is_number, numbers, plain, read_times
from .frames import SeriesTable, find_layout, future_times, no_column
from .rows import DROP, Columns, merged
from .steps import ticks_of
from .windows import Windows, last_windows

_ADVICE = "Add the column, or name another in fit"


def read_covariates(table: SeriesTable, df: pd.DataFrame, names: Covariates) -> SeriesTable:
    """The table that was read from `df`, its panel with the columns that `names` asks for.

    A row that was missing and filled has no covariates; a cell that is missing is unknown. Rows for one time are merged
    as those of the target are.

    Raises:
        ConfigError: a column is the target, the ids or the times.
        DataError: the frame is wide, a column is missing or holds no finite numbers, or a sentence is missing or
            changes within a series.
    """
    if not names.names:
        return table
    columns = table.columns
    for role, name in (("target", columns.target_col), ("ids", columns.id_col), ("times", columns.time_col)):
        if name in names.names:
            raise ConfigError(f"column {name!r} holds the {role}; it cannot be a covariate too. Name another column")
    if columns.layout == "wide":
        raise DataError(
            f"covariates {list(names.names)} need a long frame (a row per series and time); df is wide, with "
            f"{len(table.ids)} series as columns. Pass df.melt(...)"
        )
    df = find_layout(df, (None, None, None), columns)[0]
    codes, times = _keys(table, df, "df")
    owner = np.repeat(np.arange(len(table.ids)), table.panel.lengths)
    group, where = _join(table, codes, times, owner, table.times, "df")
    values = _numbers(table, df, names, names.futr_cols + names.hist_cols, group, where, owner, table.times, "df")
    panel, notices = replace(table.panel, covariates=values, ahead=names.ahead), table.notices
    if empty := _empty(names.numeric, values):
        notices = (*notices, f"no row has a number in column {name_some(empty)}: nothing is learned from it")
    if names.static is not None:
        texts, topics = _sentences(table, df, names.static, codes)
        panel = replace(panel, texts=texts, topics=topics)
    return replace(table, panel=panel, notices=notices)


def read_future(
    table: SeriesTable, futr_df: pd.DataFrame, names: Covariates, *, steps: int, horizon: int
) -> Float[np.ndarray, "series known horizon"]:
    """What is known of the `horizon` steps after each series' end; `NaN` where unknown.

    Args:
        table: the series.
        futr_df: ids, times and `futr_cols`, in any order; other rows and columns are ignored.
        names: the columns of the fit.
        steps: how many of these steps must be there for every series.
        horizon: how many are read.

    Raises:
        InputTypeError: `futr_df` is not a DataFrame.
        DataError: a column, a series or a step is missing, or a value is no finite number.
    """
    if not isinstance(futr_df, pd.DataFrame):
        raise InputTypeError(
            f"futr_df must be a pandas DataFrame; got {type(futr_df).__name__}. Pass pd.DataFrame(...)"
        )
    columns = table.columns
    wanted = (columns.id_col, columns.time_col)
    levels = [name for name in wanted if name in futr_df.index.names and name not in futr_df.columns]
    futr_df = futr_df.reset_index(level=levels) if levels else futr_df
    codes, times = _keys(table, futr_df, "futr_df")
    owner = np.repeat(np.arange(len(table.ids)), horizon)
    ahead = future_times(table, horizon)
    group, where = _join(table, codes, times, owner, ahead, "futr_df")
    absent = (where < 0) & (np.tile(np.arange(horizon), len(table.ids)) < steps)
    if absent.any():
        first, series = int(absent.argmax()), np.unique(owner[absent])
        raise DataError(
            f"futr_df has no row of series {str(table.ids[owner[first]])!r} at {ahead[first]} ({absent.sum()} of "
            f"{steps * len(table.ids)} rows are missing, of {len(series)} series: {name_some(table.ids[series])}). "
            f"It must hold the {steps} steps after the end of each series{_strangers(table, futr_df, codes)}"
        )
    values = _numbers(table, futr_df, names, names.futr_cols, group, where, owner, ahead, "futr_df")
    return values.reshape(names.ahead, len(table.ids), horizon).transpose(1, 0, 2)


def ends_of(
    table: SeriesTable, names: Covariates, futr_df: pd.DataFrame | None, *, context: int, horizon: int, steps: int
) -> Windows:
    """The window at the end of each series, with what is known of the steps after it.

    A column without a number, in the past or in what is to come, is noticed (a join that is off by an hour leaves one),
    and so is a series without an observed value in its window.

    Args:
        table: the series.
        names: the columns of the fit.
        futr_df: see `read_future`.
        context: steps read.
        horizon: steps that the model forecasts.
        steps: how many of them are asked for.

    Raises:
        ConfigError: `futr_df` was given, and nothing of it is read.
        DataError: it is needed and missing, or breaks a rule.
    """
    if empty := _empty(names.numeric, table.panel.covariates):
        warnings.warn(f"no row has a number in column {name_some(empty)}: it is unknown", Notice, stacklevel=3)
    if not names.futr_cols:
        if futr_df is not None:
            raise ConfigError("futr_df was given, but the model was fitted without futr_cols. Leave it out")
        windows = last_windows(table.panel, context, horizon)
    elif futr_df is None:
        raise DataError(
            f"the model was fitted with futr_cols={list(names.futr_cols)}, so it needs them for the {steps} steps "
            "after the end of each series. Pass futr_df=..."
        )
    else:
        future = read_future(table, futr_df, names, steps=steps, horizon=horizon)
        if empty := _empty(names.numeric[: names.ahead], future.transpose(1, 0, 2)):
            said = f"no row of futr_df has a number in column {name_some(empty)} for the steps to come"
            warnings.warn(f"{said}: it is unknown there. Were its times joined as they are?", Notice, stacklevel=3)
        windows = last_windows(table.panel.extended(future), context, horizon, ahead=horizon)
    if len(blind := table.ids[~windows.sighted()]):
        own, verb = ("its", "has") if len(blind) == 1 else ("their", "have")
        what = f"{own} forecast is missing" if len(blind) == 1 else f"{own} forecasts are missing"
        said = f"series {name_some(blind)} {verb} no observed value in {own} last {context} steps"
        warnings.warn(f"{said}: {what}", Notice, stacklevel=3)
    return windows


def _keys(table: SeriesTable, df: pd.DataFrame, what: str) -> tuple[Int[np.ndarray, " row"], pd.Index]:
    """The series (-1 for a strange one) and the time of each row, in the unit of the table's times."""
    columns: Columns = table.columns
    if columns.time_col not in df.columns:
        raise no_column(df, columns.time_col, _ADVICE, what)
    if columns.id_col in df.columns:
        codes = table.ids.get_indexer(pd.Index(plain(df[columns.id_col])))
    elif len(table.ids) == 1:
        codes = np.zeros(len(df), dtype=np.int64)
    else:
        raise no_column(df, columns.id_col, _ADVICE, what)
    times = read_times(df[columns.time_col], columns.time_col, codes, freq=columns.freq, form=columns.form).times
    if isinstance(times, pd.DatetimeIndex) and isinstance(table.times, pd.DatetimeIndex):
        if (times.tz is None) == (table.times.tz is None):
            return codes, times.as_unit(table.times.unit)
    elif isinstance(times, pd.DatetimeIndex) == isinstance(table.times, pd.DatetimeIndex):
        return codes, times
    remedy = "Convert it"
    if isinstance(times, pd.DatetimeIndex) and isinstance(table.times, pd.DatetimeIndex):
        zone = None if table.times.tz is None else str(table.times.tz)
        remedy += f" with .dt.tz_localize({zone!r})"
    raise DataError(
        f"column {columns.time_col!r} of {what} holds {times.dtype}, that of the series {table.times.dtype}. {remedy}"
    )


def _strangers(table: SeriesTable, df: pd.DataFrame, codes: Int[np.ndarray, " row"]) -> str:
    """The ids that are no series: most likely they should be."""
    if (codes >= 0).all():
        return ""
    found = pd.unique(df[table.columns.id_col].to_numpy()[codes < 0])
    return f". It has rows of {name_some(found)} (dtype {found.dtype}), which are no series (dtype {table.ids.dtype})"


def _join(
    table: SeriesTable,
    codes: Int[np.ndarray, " row"],
    times: pd.Index,
    wanted: Int[np.ndarray, " steps"],
    wanted_times: pd.Index,
    what: str,
) -> tuple[Int[np.ndarray, " row"], Int[np.ndarray, " steps"]]:
    """The group of rows for one time that each row belongs to, and that of each wanted step; -1 where there is none."""
    index = pd.MultiIndex.from_arrays([codes, ticks_of(times)])
    group = np.arange(len(codes))
    twice = index.duplicated() & (codes >= 0)
    if twice.any():
        if table.columns.duplicates == "error":
            row = int(twice.argmax())
            raise DataError(
                f"{what} has more than one row of series {str(table.ids[codes[row]])!r} at {times[row]} ({twice.sum()} "
                f"duplicates). {DROP if what == 'df' else 'Drop them'}"
            )
        group, unique = index.factorize()
        index = pd.MultiIndex.from_tuples(unique)
        codes = np.asarray(index.get_level_values(0))
    known = np.flatnonzero(codes >= 0)
    found = index[known].get_indexer(pd.MultiIndex.from_arrays([wanted, ticks_of(wanted_times)]))
    return group, np.where(found < 0, -1, known[found] if len(known) else -1)


def _empty(names: tuple[str, ...], values: Float[np.ndarray, "column ..."]) -> list[str]:
    """The columns without a number."""
    return [name for name, column in zip(names, values, strict=True) if np.isnan(column).all()]


def _numbers(
    table: SeriesTable,
    df: pd.DataFrame,
    names: Covariates,
    wanted: tuple[str, ...],
    group: Int[np.ndarray, " row"],
    where: Int[np.ndarray, " steps"],
    owner: Int[np.ndarray, " steps"],
    times: pd.Index,
    what: str,
) -> Float[np.ndarray, "column steps"]:
    """The columns at the groups of rows `where`, `NaN` where that is -1."""
    found, words = [], dict(names.levels)
    for name in wanted:
        column: Any = _column(df, name, what)
        numeric = name not in words
        for values in [_read_numbers(column, name, what)] if numeric else one_hot(column, words[name], what):
            if group.max(initial=-1) + 1 < len(group):
                values = merged(values, group, table.columns.duplicates)
            values = np.append(values, np.nan)[where]
            infinite = np.isinf(values)
            if infinite.any():
                first = int(infinite.argmax())
                raise DataError(
                    f"column {name!r} of {what} is {values[first]} in series {str(table.ids[owner[first]])!r} at "
                    f"{times[first]} ({infinite.sum()} infinite values). Replace them by numbers or by NaN"
                )
            found.append(values)
    return np.stack(found) if found else np.empty((0, len(where)))


def _read_numbers(column: pd.Series, name: str, what: str) -> Float[np.ndarray, " row"]:
    if kinds.is_bool_dtype(column.dtype):
        column = column.astype("Float64")
    try:
        return numbers(column, [name])
    except DataError as error:
        if what != "df":
            raise
        raise DataError(f"{error}, or, if it is one sentence for each series, pass static={name!r}") from error


def _sentences(
    table: SeriesTable, df: pd.DataFrame, name: str, codes: Int[np.ndarray, " row"]
) -> tuple[tuple[str, ...], Int[np.ndarray, " series"]]:
    """The distinct sentences, and which of them is each series'; cells that are missing say nothing."""
    column: Any = plain(_column(df, name, "df"))
    if is_number(column.dtype) or kinds.is_bool_dtype(column.dtype):  # read as words
        column = column.astype(object).map(lambda value: f"{name}: {value:.6g}", na_action="ignore")
    column = column.astype(object)
    there = column.notna().to_numpy()
    holds_words = kinds.infer_dtype(column, skipna=True) in ("string", "mixed", "mixed-integer")
    stripped = column.str.strip() if holds_words else column.where(np.zeros(len(column), dtype=bool))
    strange = there & stripped.isna().to_numpy()
    if strange.any():
        row = int(strange.argmax())
        raise DataError(
            f"column {name!r} must hold text; row {row} holds {column.iloc[row]!r}. Convert it with astype(str)"
        )
    said = stripped.where(there, "").to_numpy(dtype=object)
    spoken = np.flatnonzero(said != "")
    place, texts = pd.factorize(said[spoken])
    lowest, highest = np.full(len(table.ids), len(texts)), np.full(len(table.ids), -1)
    np.minimum.at(lowest, codes[spoken], place)
    np.maximum.at(highest, codes[spoken], place)
    silent = highest < 0
    if silent.any():
        raise DataError(
            f"{silent.sum()} series have no text in column {name!r}: {name_some(table.ids[silent])}. Write a sentence "
            "for each"
        )
    varies = highest > lowest
    if varies.any():
        series = int(varies.argmax())
        raise DataError(
            f"column {name!r} must say one thing of a series; series {str(table.ids[series])!r} has "
            f"{texts[lowest[series]]!r} and {texts[highest[series]]!r} ({varies.sum()} such series). Keep one"
        )
    return tuple(texts), lowest


def _column(df: pd.DataFrame, name: str, what: str) -> pd.Series:
    if name not in df.columns:
        raise no_column(df, name, _ADVICE, what)
    if (df.columns == name).sum() > 1:
        raise DataError(f"{what} has more than one column {name!r}. Rename or drop the others")
    return df[name]
