"""Times that can be read in more than one way: the day first or the month, months as whole numbers.

`01/02/2024` is the first of February or the second of January, 201801 a count or a month. Of the readings that all rows
allow the one that makes regular steps is taken; where none or several do, the column is refused.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int
from pandas.tseries.api import guess_datetime_format

from ..errors import DataError
from .calendars import shown
from .steps import fit_grid, infer_grid, ticks_of

COUNT = "whole numbers"
_NUMERIC = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(.*)", re.DOTALL)
_CLOCK = re.compile(r"([T ]+)\d{1,2}:\d\d(:\d\d)?(\.\d+)?(\s*)([AaPp][Mm])?")
_WORDS = {
    "%d": "day first", "%m": "month first", "%y": "year first", "%Y%m": "years and months", "%Y%m%d": "dates",
}  # fmt: skip
# Text that pandas reads as a day of no year.
_SHORT = (
    (re.compile(r"\d{1,2}([-/.])\d{4}"), "%m{}%Y"),
    (re.compile(r"[A-Za-z]{3}([- ])\d{2}"), "%b{}%y"),
    (re.compile(r"\d{4}(0[1-9]|1[0-2])()"), "%Y%m"),
)
_TODAY = r"\s*(?:\d{1,2}:\d\d|\d{1,2}\s*[ap]m\b|now\b|today\b)"
_YEARS = (1700, 2200)


def forms_of(first: str) -> tuple[str, ...]:
    """The formats of the dates that such text may be; empty where pandas' own reading is the only one."""
    for pattern, form in _SHORT:
        if match := pattern.fullmatch(first):
            sixes = ("%y%m%d",) if form == "%Y%m" else ()
            return (form.format(match[1]), *sixes)
    match = _NUMERIC.fullmatch(first)
    if match is None:
        return ()
    mark, rest = match[2], _clock_form(match[5])
    year = "%Y" if len(match[4]) == 4 else "%y"
    forms = [mark.join(("%d", "%m", year)) + rest, mark.join(("%m", "%d", year)) + rest]
    return (*forms, mark.join(("%y", "%m", "%d")) + rest) if year == "%y" and len(match[1]) == 2 else tuple(forms)


def _clock_form(text: str) -> str:
    """The format of what stands after a date."""
    if match := _CLOCK.fullmatch(text):
        gap, seconds, fraction, blank, half = match.groups()
        clock = ("%I" if half else "%H") + ":%M" + (":%S" if seconds else "") + (".%f" if fraction else "")
        return gap + clock + (blank + "%p" if half else "")
    form = guess_datetime_format(f"2000-01-01{text}")
    if text and form is None:
        raise DataError(
            f"{text!r} after a date is no time of day that is read. Convert the column with pd.to_datetime(..., "
            "format=...)"
        )
    return (form or "").removeprefix("%Y-%m-%d") if text else ""


def read_forms(series: pd.Series, forms: tuple[str, ...]) -> dict[str, pd.Series]:
    """The readings that all rows allow; where none does, the one that most rows allow."""
    codes, each = pd.factorize(series)  # a time is written once for each series
    readings = {form: _parsed(each, form).take(codes).reset_index(drop=True) for form in forms}
    whole = {form: times for form, times in readings.items() if times.notna().all()}
    best = min(readings, key=lambda form: int(readings[form].isna().sum()))
    return whole or {best: readings[best]}


def _parsed(text: Any, form: str) -> pd.Series:
    return pd.to_datetime(pd.Series(text), format=form, errors="coerce", utc="%z" in form)


def number_forms(values: Int[np.ndarray, " row"]) -> tuple[str, ...]:
    """The formats of the dates that all of these whole numbers may be: 201801, 20180131."""
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    for form, scale in (("%Y%m", 100), ("%Y%m%d", 10_000)):
        if _YEARS[0] * scale <= low and high < _YEARS[1] * scale:
            text = pd.Series(values).astype(str)
            return (form,) if pd.to_datetime(text, format=form, errors="coerce").notna().all() else ()
    return ()


def choose(
    readings: dict[str, pd.Index], codes: Int[np.ndarray, " row"] | None, freq: Any, series: pd.Series, name: str
) -> tuple[str, str]:
    """The reading that makes regular steps, and the sentence that says so; empty where there is only one.

    Args:
        readings: what the column may be; the name of each is its format, or `COUNT`.
        codes: the series of each row; `None` takes any reading.
        freq: the frequency asked for, if any.
        series: the column.
        name: its name.

    Raises:
        DataError: none makes regular steps, or several do.
    """
    if len(readings) == 1 or codes is None:
        return next(iter(readings)), ""
    steps = {form: _regular(times, codes, freq) for form, times in readings.items()}
    best = max(level for level, _ in steps.values())
    chosen = [form for form, (level, _) in steps.items() if level == best]
    first = str(series.iloc[0])
    if best and len(chosen) == 1:
        form = chosen[0]
        others = " or ".join(_said(other) for other in readings if other != form)
        return form, (
            f"column {name!r} was read as {_said(form)}, in steps of {shown(steps[form][1])}, not as {others}: row 0 "
            f"holds {first!r}, which is {_day(readings[form])}"
        )
    listed = " or ".join(f"{_said(form)} ({_day(times)})" for form, times in readings.items())
    why = "both make regular steps" if best else "neither makes regular steps"
    raise DataError(
        f"column {name!r} can be read as {listed}, from {first!r} in row 0 on, and {why}. {_remedy(readings, name)}"
    )


def dated(times: pd.Index, form: str) -> pd.Index:
    """Times as the whole numbers they were."""
    return pd.Index(times.strftime(form).astype(np.int64)) if isinstance(times, pd.DatetimeIndex) else times


def check_years(series: pd.Series, parsed: pd.Series, name: str) -> None:
    """Refuses text that has no year or no date, which pandas reads as the year 1 or as today."""
    if guess_datetime_format(str(series.iloc[0])) is not None:  # all rows then have this format
        return
    text = series.astype(str).str
    vague = (text.match(_TODAY, case=False) | (parsed.dt.year == 1)).to_numpy(dtype=bool, na_value=False)
    if vague.any():
        row = int(vague.argmax())
        raise DataError(
            f"column {name!r} must hold dates with their year; row {row} holds {series.iloc[row]!r} ({vague.sum()} "
            "such rows). Add what is missing, for instance pd.to_datetime(df['date'] + ' ' + df['time'])"
        )


def _regular(times: pd.Index, codes: Int[np.ndarray, " row"], freq: Any) -> tuple[int, Any]:
    """2 where all steps are the same, 1 where some are missing but most rows are there, else 0; the frequency."""
    order = np.lexsort((ticks_of(times), codes))
    ticks, codes, times = ticks_of(times)[order], codes[order], times[order]
    kept = np.ones(len(times), bool)
    kept[1:] = (np.diff(ticks) != 0) | (np.diff(codes) != 0)
    times, count = times[kept], np.unique(codes[kept], return_counts=True)[1]
    offsets = np.concatenate([[0], np.cumsum(count)])
    try:
        fit = infer_grid(times, offsets) if freq is None else fit_grid(times, offsets, freq)
    except DataError:  # a frequency of another kind of times
        return 0, freq
    if fit is None or fit.other.any() or fit.missing.sum() > len(times):
        return 0, freq
    return (2 if fit.whole else 1), fit.grid.freq


def _said(form: str) -> str:
    return _WORDS.get(form) or _WORDS.get(form[:2]) or form


def _day(times: pd.Index) -> str:
    return f"{times[0]:%Y-%m-%d}" if isinstance(times, pd.DatetimeIndex) else str(times[0])


def _remedy(readings: dict[str, pd.Index], name: str) -> str:
    forms = [form for form in readings if form != COUNT]
    if COUNT in readings:
        return f"Pass freq=1 for whole numbers, or df[{name!r}] = pd.to_datetime(df[{name!r}], format={forms[0]!r})"
    return f"Say which: df[{name!r}] = pd.to_datetime(df[{name!r}], format={' or '.join(map(repr, forms))})"
