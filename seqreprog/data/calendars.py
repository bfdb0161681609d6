"""A frequency as plain text and back: pandas' alias where it says everything, else the rule with its keywords.

The alias of `pd.offsets.CustomBusinessDay(weekmask="Mon Tue Wed Thu Fri Sat")` is `C`, which forgets the weekmask. Here
it is `CustomBusinessDay(weekmask='Mon Tue Wed Thu Fri Sat')`: text that a message can show, a command line can take and
an artifact can hold. It is read from a closed list of names and keywords, never run.
"""

from __future__ import annotations

import ast
import re
from datetime import time
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from ..errors import DataError

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CUSTOM, _HOURS = ("n", "weekmask", "holidays"), ("n", "start", "end")
# What is written out; every other offset is said by its alias.
_RULES = {
    "CustomBusinessDay": _CUSTOM,
    "CustomBusinessMonthBegin": _CUSTOM,
    "CustomBusinessMonthEnd": _CUSTOM,
    "BusinessHour": _HOURS,
    "CustomBusinessHour": (*_CUSTOM, "start", "end"),
    "DateOffset": ("months", "day"),
    "Easter": ("n",),
}
_DAYS = {"weeks": 7, "days": 1}
_MONTHS = {"years": 12, "months": 1}
_TICKS = ("hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds")
_FORM = re.compile(r"\s*[A-Za-z]\w*\(.*\)\s*", re.DOTALL)
_ADVICE = "Pass 'h', 'D', 'MS' or an offset of pandas, such as pd.offsets.CustomBusinessDay(...)"


def read_offset(freq: object) -> Any:
    """The offset of an alias, a rule in words or an offset; a `DateOffset` only as months, whole days or hours.

    Raises:
        DataError: there is no such frequency, or its rule cannot be written down.
    """
    try:
        offset: Any = _from_rule(freq) if isinstance(freq, str) and _FORM.fullmatch(freq) else to_offset(freq)  # type: ignore[call-overload]
    except (ValueError, TypeError, AttributeError):
        offset = None
    if offset is None or offset.n < 1:
        raise DataError(f"freq of dates must be an offset of pandas or its alias; got {freq!r}. {_ADVICE}")
    return _settled(offset)


def write_offset(offset: Any) -> str:
    """The text of an offset that `read_offset` gave; it reads back as the same."""
    if _same(offset):
        return str(offset.freqstr)
    kind = _kind(offset)
    said: dict[str, Any] = {}
    for name in _RULES[kind]:
        if name in ("weekmask", "holidays"):
            calendar = offset.calendar
            if name == "weekmask":
                kept = [day for day, works in zip(WEEKDAYS, calendar.weekmask, strict=True) if works]
                said[name] = " ".join(kept)
            elif len(calendar.holidays):
                said[name] = [str(day) for day in calendar.holidays.astype("M8[D]")]
        elif name in ("start", "end"):
            said[name] = [f"{each:%H:%M}" for each in getattr(offset, name)]
        elif name == "n":
            said |= {} if offset.n == 1 else {"n": int(offset.n)}
        elif name in offset.kwds:
            said[name] = int(offset.kwds[name])
    return f"{kind}({', '.join(f'{name}={value!r}' for name, value in said.items())})"


def shown(freq: object) -> str:
    """The frequency for a message: a long list of holidays as its number."""
    text = repr(freq)
    dates = re.search(r"holidays=\[([^]]*)\]", text)
    if dates is None or (count := dates[1].count(",") + 1) <= 3:
        return text
    return text.replace(dates[0], f"holidays=[... {count} dates]")


def workdays_of(freq: str) -> tuple[int, int] | None:
    """For a calendar of days of the week, how many they are and the step; `None` for any other frequency."""
    if not freq.startswith("CustomBusinessDay("):
        return None
    offset = read_offset(freq)
    return int(offset.calendar.weekmask.sum()), offset.n


def months_of(freq: str) -> tuple[int, int] | None:
    """For a rule of months, how many a year has and the step; `None` for any other frequency."""
    if not freq.startswith(("DateOffset(", "CustomBusinessMonth")):
        return None
    offset = read_offset(freq)
    return 12, int(offset.kwds["months"]) if type(offset) is pd.DateOffset else offset.n


# --- from what a caller holds -----------------------------------------------------------------------------------------


def _settled(offset: Any) -> Any:
    """The offset in one form for one meaning, or a refusal of what no rule says."""
    if getattr(offset, "normalize", False):
        raise _unwritten(
            offset, "normalize=True moves times to midnight. Pass it without, and the times of day as they are"
        )
    if pd.Timedelta(getattr(offset, "offset", 0) or 0) != pd.Timedelta(0):
        raise _unwritten(offset, "it moves days by a part of a day. Pass it without offset=...: times of day are kept")
    if isinstance(offset, pd.offsets.Week) and getattr(offset, "weekday", None) is None:
        return pd.offsets.Day(7 * offset.n)
    if type(offset) is pd.DateOffset:
        return _settled_steps(offset)
    if type(offset) is pd.offsets.Easter and offset.kwds.get("method", 3) != 3:
        raise _unwritten(offset, "only the western Easter is known. Pass pd.offsets.Easter()")
    if not _same(offset) and _kind(offset) not in _RULES:
        raise _unwritten(offset, f"its kind is none of pandas' own. {_ADVICE}")
    return offset


def _settled_steps(offset: Any) -> Any:
    """`DateOffset` as days, as a length of time, or as months on a day of the month."""
    kwds = dict(offset.kwds) or {"days": 1}
    names = set(kwds)
    whole = all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in kwds.values())
    if whole and names <= set(_DAYS) and (days := offset.n * sum(kwds[name] * _DAYS[name] for name in names)) > 0:
        return pd.offsets.Day(days)
    if names <= set(_TICKS) and (length := offset.n * _length(kwds)) > pd.Timedelta(0):
        return to_offset(length)
    months = offset.n * sum(kwds[name] * _MONTHS[name] for name in names & set(_MONTHS)) if whole else 0
    if whole and names <= {*_MONTHS, "day"} and months > 0:
        day: dict[str, Any] = {"day": int(kwds["day"])} if "day" in kwds else {}
        return pd.DateOffset(months=int(months), **day)
    raise _unwritten(
        offset,
        "a step is a number of months (on a day of the month), of days, or of hours and less, not a mixture. Pass "
        "pd.DateOffset(months=1), pd.DateOffset(months=1, day=15) or the like",
    )


def _length(kwds: dict[Any, Any]) -> pd.Timedelta:
    return sum((pd.Timedelta(value, unit) for unit, value in kwds.items()), pd.Timedelta(0))


def _kind(offset: Any) -> str:
    """The name of pandas' own class; empty for a class of somebody else's."""
    kind = type(offset)
    return kind.__name__ if getattr(pd.offsets, kind.__name__, None) is kind else ""


def _same(offset: Any) -> bool:
    """Whether the alias says everything."""
    try:
        return bool(_kind(offset)) and to_offset(offset.freqstr) == offset
    except ValueError:
        return False


def _unwritten(offset: Any, why: str) -> DataError:
    return DataError(f"freq {offset!r} cannot be kept as a rule: {why}")


# --- from text --------------------------------------------------------------------------------------------------------


def _from_rule(text: str) -> Any:
    """The offset that `Kind(keyword=value, ...)` names; raises `ValueError` for what is not in the list."""
    try:
        call: Any = ast.parse(text.strip(), mode="eval").body
        kind, given = call.func.id, {each.arg: ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, AttributeError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(text) from error
    if call.args or set(given) - set(_RULES.get(kind, ())) or kind not in _RULES:
        raise ValueError(text)
    for name in ("start", "end"):
        if name in given:
            given[name] = [time.fromisoformat(each) for each in given[name]]
    return getattr(pd.offsets, kind)(**given)
