"""Observations as rows, one after the other: put in order, checked, and set on one regular time step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from ..errors import ConfigError, DataError, name_some
from . import clocks
from .calendars import shown
from .steps import Fit, fit_grid, infer_grid, ticks_of

INSERT = "Insert missing values, or fit with fill_gaps=True, which holds for later frames too"
DROP = "Drop or aggregate them, or pass duplicates='mean', 'first' or 'last'"
DROP_LATER = "Drop or aggregate them, or fit with duplicates='mean', 'first' or 'last', which holds later too"
SORTED = "rows were not in time order: sorted"
Duplicates = Literal["error", "first", "last", "mean"]
KEPT = {"first": "the first of them counts", "last": "the last of them counts", "mean": "their mean counts"}


@dataclass(frozen=True)
class Columns:
    """How the caller names and types things; plain strings and integers, so that it can be stored as JSON.

    Attributes:
        layout: `"long"` (a row per observation) or `"wide"` (a column per series).
        id_col: the column that names the series.
        time_col: the column of times.
        target_col: the column of observations.
        id_dtype: the dtype of the ids (of its categories, for a categorical).
        time_dtype: the dtype of the times, with unit and time zone; parsed dates for a column of strings.
        target_dtype: the dtype of the observations.
        freq: a pandas offset alias or a rule in words (`data.calendars`), or the whole-number step of integer times.
        fill_gaps: whether missing rows are taken for missing values, in later frames too.
        duplicates: what counts of several rows for one time of a series, in later frames too.
        form: the format of the times, where several were possible: `"%d/%m/%Y"`, or `"%Y%m"` for whole numbers.
    """

    layout: Literal["long", "wide"]
    id_col: str
    time_col: str
    target_col: str
    id_dtype: str
    time_dtype: str
    target_dtype: str
    freq: str | int
    fill_gaps: bool = False
    duplicates: Duplicates = "error"
    form: str = ""


@dataclass(frozen=True)
class Rows:
    """One observation per entry; `columns.freq` is empty unless the times themselves (periods) know it."""

    codes: Int[np.ndarray, " steps"]
    ids: pd.Index
    times: pd.Index
    values: Float[np.ndarray, " steps"]
    columns: Columns
    notices: tuple[str, ...]

    @property
    def offsets(self) -> Int[np.ndarray, " series_plus_one"]:
        return np.concatenate([[0], np.cumsum(np.bincount(self.codes, minlength=len(self.ids)))])

    def name(self, row: int) -> str:
        return repr(str(self.ids[self.codes[row]]))


def in_order(rows: Rows) -> Rows:
    """Series after series, each in time order."""
    ticks, notices = ticks_of(rows.times), rows.notices
    order = np.argsort(rows.codes, kind="stable")
    if ((np.diff(ticks[order]) < 0) & (np.diff(rows.codes[order]) == 0)).any():
        order, notices = np.lexsort((ticks, rows.codes)), (*notices, SORTED)
    return replace(rows, codes=rows.codes[order], times=rows.times[order], values=rows.values[order], notices=notices)


def checked(rows: Rows, duplicates: Duplicates, like: Columns | None) -> Rows:
    """The rows, one for each time of a series; they must be in order.

    Args:
        rows: in order.
        duplicates: what counts of several rows for one time.
        like: the columns of a fit, which alone can be told another policy.

    Raises:
        DataError: a value is infinite, a series has none, or two rows stand for one time and no policy says which
            counts.
    """
    infinite = np.isinf(rows.values)
    if infinite.any():
        row = int(infinite.argmax())
        raise DataError(
            f"series {rows.name(row)} is {rows.values[row]} at {rows.times[row]} ({infinite.sum()} infinite values). "
            "Replace them by numbers or by NaN"
        )
    twice = (np.diff(ticks_of(rows.times)) == 0) & (np.diff(rows.codes) == 0)
    if twice.any():
        if duplicates == "error":
            row, own = int(twice.argmax()), rows.columns
            ids = own.id_col if len(rows.ids) > 1 else ""
            local = clocks.doubled_hour(rows.times, twice, ids, own.time_col, own.layout == "wide")
            raise DataError(
                f"series {rows.name(row)} has more than one row at {rows.times[row]} ({twice.sum()} duplicates). "
                f"{local + '. ' if local else ''}{DROP if like is None else DROP_LATER}"
            )
        group = np.concatenate([[0], np.cumsum(~twice)])
        first = np.concatenate([[True], ~twice])
        said = f"{twice.sum()} rows stand for a time that an earlier row of their series has: {KEPT[duplicates]}"
        if list(rows.ids) == [rows.columns.target_col]:
            said += f". All rows are of one series, {rows.name(0)}: there is no column {rows.columns.id_col!r}"
        rows = replace(
            rows, codes=rows.codes[first], times=rows.times[first], values=merged(rows.values, group, duplicates),
            notices=(*rows.notices, said),
        )  # fmt: skip
    reject_silent(rows.ids, np.bincount(rows.codes[~np.isnan(rows.values)], minlength=len(rows.ids)) == 0)
    return rows


def merged(
    values: Float[np.ndarray, " row"], group: Int[np.ndarray, " row"], how: Duplicates
) -> Float[np.ndarray, " group"]:
    """One value of each group of rows: the first or last row's as it stands, or the mean of those that are known."""
    count = int(group.max(initial=-1)) + 1
    if how == "mean":
        known = ~np.isnan(values)
        total = np.bincount(group[known], weights=values[known], minlength=count)
        many = np.bincount(group[known], minlength=count)
        return np.where(many > 0, total / np.maximum(many, 1), np.nan)
    found = np.empty(count)
    order = slice(None, None, -1) if how == "first" else slice(None)
    found[group[order]] = values[order]  # of rows of one group the one that is written last stays
    return found


def read_policy(duplicates: object) -> Duplicates:
    """What counts of several rows for one time, as it was asked for.

    Raises:
        ConfigError: there is no such policy.
    """
    if duplicates not in get_args(Duplicates):
        raise ConfigError(f"duplicates must be one of {list(get_args(Duplicates))}; got {duplicates!r}")
    return cast(Duplicates, duplicates)


def reject_silent(ids: pd.Index, silent: Bool[np.ndarray, " series"]) -> None:
    """Refuses series without a value."""
    if silent.any():
        raise DataError(f"{silent.sum()} series have no observed value: {name_some(ids[silent])}. Drop them")


def fit_frequency(rows: Rows, freq: object, like: Columns | None, fill_gaps: bool) -> Fit:
    """The rows on the grid of the frequency asked for, else of the one they show."""
    if like is None and freq is None:
        best = infer_grid(rows.times, rows.offsets)
        if best is None:
            raise DataError(
                f"freq cannot be inferred: the longest series has {np.diff(rows.offsets).max()} rows. Pass freq=..."
            )
        if best.other.any():
            raise _misfit_error(rows, best)
        return best
    if like is not None and isinstance(like.freq, str) != isinstance(rows.times, pd.DatetimeIndex):
        kinds = ("dates", "whole numbers") if isinstance(like.freq, str) else ("whole numbers", "dates")
        raise DataError(
            f"the model was fitted on {kinds[0]} as times (freq {shown(like.freq)}); df has {kinds[1]}, first "
            f"{rows.times[0]}. Convert them"
        )
    asked: Any = freq if freq is not None else like.freq  # type: ignore[union-attr]
    fit = fit_grid(rows.times, rows.offsets, asked)
    if like is not None and fit.grid.freq != like.freq:
        raise DataError(
            f"df has freq {shown(fit.grid.freq)}, but the model was fitted on {shown(like.freq)}. Resample df"
        )
    if fit.whole or (like is None and fill_gaps and not fit.off.any()):
        return fit
    found = infer_grid(rows.times, rows.offsets)
    if found is not None and found.whole:
        source = "was passed as freq" if like is None else "is what the model was fitted on"
        raise DataError(
            f"df has freq {shown(found.grid.freq)}, but {shown(asked)} {source}. Resample df or change freq"
        )
    if fit.off.any() or (fit.other.any() and not fill_gaps):
        raise _misfit_error(rows, fit)
    return fit


def _misfit_error(rows: Rows, fit: Fit) -> DataError:
    """What to say of rows that do not fit; where they are few, which."""
    odd, freq = np.flatnonzero(fit.off), shown(fit.grid.freq)
    series = int(fit.other.argmax())
    first, last = rows.offsets[series : series + 2]
    concerned = int(np.diff(rows.offsets)[np.unique(rows.codes[odd])].sum())
    remedy = _advice(rows, fit, series) or "Resample them, leave them out or pass freq=..."
    if 0 < len(odd) <= max(1, concerned // 4) and concerned > 2:
        named = [f"series {rows.name(row)} at {rows.times[row]}" for row in odd[:5].tolist()]
        more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
        verb = "row is" if len(odd) == 1 else "rows are"
        return DataError(
            f"{len(odd)} {verb} off the step {freq} that the other {concerned - len(odd)} of their series keep: "
            f"{', '.join(named)}{more}. {remedy}"
        )
    off = np.flatnonzero(fit.off[first:last])
    row = first + max(off[0] if len(off) else 1, 1)
    there = f"at {rows.times[first]}" if row == last else f"from {rows.times[row - 1]} to {rows.times[row]}"
    lead = "the times have no regular freq" if fit.other.all() else "freq differs among series"
    return DataError(
        f"{lead}: {freq} does not fit series {str(rows.ids[series])!r} {there} "
        f"({fit.other.sum()} series: {name_some(rows.ids[fit.other])}). {remedy}"
    )


def _advice(rows: Rows, fit: Fit, series: int) -> str:
    """What clocks have to do with it; empty if nothing."""
    if not isinstance(rows.times, pd.DatetimeIndex):
        return ""
    name, wide = rows.columns.time_col, rows.columns.layout == "wide"
    first, last = rows.offsets[series : series + 2]
    return clocks.local_days(rows.times[first:last], name, wide) or clocks.spans(rows.times, rows.offsets, name, wide)


def gap_error(rows: Rows, fit: Fit, like: Columns | None) -> DataError:
    """What to say of the first missing row; `like` are the columns of a fit, which alone can be told to fill them."""
    name, wide, count = rows.columns.time_col, rows.columns.layout == "wide", int(fit.missing.sum())
    remedy = "Pass fill_gaps=True to insert missing values" if like is None else INSERT
    before = np.flatnonzero(fit.missing > 0) - 1
    gone = fit.grid.locate(fit.position[before] + fit.grid.step, fit.phase[rows.codes[before]])
    rule = clocks.weekmask_of(rows.times) if like is None and fit.grid.freq == "D" else ""
    if rule and fit_grid(rows.times, rows.offsets, rule).whole:
        remedy = f"If these days are never worked, pass freq=pd.offsets.{rule}, else fill_gaps=True"
    elif fit.grid.day == 0 and count == len(before) and (local := clocks.skipped_hour(gone, name, wide)):
        remedy = f"{local}. {remedy}"
    elif count > len(rows.codes):
        remedy = (
            f"Filled, most rows would be empty ({count} beside {len(rows.codes)}): aggregate them, pass the freq that "
            "they have, or read the times with pd.to_datetime(..., format=...)"
        )
    return DataError(
        f"series {rows.name(int(before[0]))} has no row at {gone[0]} (freq {shown(fit.grid.freq)}; {count} rows are "
        f"missing in {len(np.unique(rows.codes[before]))} series). {remedy}"
    )


def fill(rows: Rows, fit: Fit) -> Rows:
    """The rows with the missing ones inserted as `NaN`."""
    slot = np.arange(len(rows.codes)) + np.cumsum(fit.missing)
    size = len(slot) + int(fit.missing.sum())
    owner = np.searchsorted(slot, np.arange(size))  # the row that an inserted one stands before
    codes, values = rows.codes[owner], np.full(size, np.nan)
    values[slot] = rows.values
    position = fit.position[owner] - fit.grid.step * (slot[owner] - np.arange(size))
    return replace(rows, codes=codes, times=fit.grid.locate(position, fit.phase[codes]), values=values)
