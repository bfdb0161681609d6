"""Times that do not fit, and the remedy that works: local days exported as UTC, doubled hours, unsteady stamps.

Each piece of advice is code that can be pasted; the tests run it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from .calendars import WEEKDAYS

_CHANGES = (3, 4, 9, 10, 11)  # months in which clocks are changed, north and south
_ZONE = "'Europe/Berlin'"
_SOON = pd.Timedelta("4h")  # clocks are changed before
_DAY, _HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)


def local_days(times: pd.DatetimeIndex, name: str, wide: bool) -> str:
    """Advice where days begin at one of two hours, half the year each: local days that were exported as UTC."""
    clock = np.asarray((times.tz_localize(None) - times.tz_localize(None).normalize()) // pd.Timedelta("1s"))
    hours = np.unique(clock)
    if len(hours) != 2 or (times[1:] - times[:-1]).min() < 23 * _HOUR:
        return ""
    apart = int(hours[1] - hours[0])
    years = (times[-1] - times[0]) / _DAY / 365
    if min(apart, 86400 - apart) not in (1800, 3600) or (np.diff(clock) != 0).sum() > 2 * years + 2:
        return ""
    first, second = (f"{pd.Timestamp(0) + pd.Timedelta(int(each), 's'):%H:%M}" for each in hours)
    return (
        f"They stand at {first} or {second}, as local days do that were exported as UTC: "
        f"{_assigned(name, wide, f'tz_convert({_ZONE})', ', utc=True')}, with the zone they are from"
    )


def spans(times: pd.DatetimeIndex, offsets: Int[np.ndarray, " series_plus_one"], name: str, wide: bool) -> str:
    """Advice where each hour, day, week, month, quarter or year of a series has one row, at no fixed time of it."""
    wall = times.tz_localize(None)
    follows = np.ones(len(times), bool)
    follows[offsets[:-1]] = False
    if not follows.any():
        return ""
    for alias in ("h", "D", "W", "M", "Q", "Y"):
        step = np.diff(wall.to_period(alias).asi8, prepend=0)[follows]
        if (step == 1).mean() > 0.9 and (step > 0).all():
            return f"Each has a period of its own: {_assigned(name, wide, f'to_period({alias!r})')}, or pass freq=..."
    return ""


def doubled_hour(times: pd.Index, twice: Bool[np.ndarray, " gap"], ids: str, name: str, wide: bool) -> str:
    """Advice where the rows that stand twice are the hour which local clocks repeat in autumn.

    Args:
        times: in order.
        twice: whether each time but the first repeats the one before.
        ids: the column of the series; empty where there is one.
        name: the column of times.
        wide: whether the times are the index.
    """
    if not _changed(times[1:][twice]):
        return ""
    local = f"tz_localize({_ZONE}, ambiguous='infer')"
    if ids and not wide:
        code = (
            f"df[{name!r}] = pd.to_datetime(df[{name!r}]).groupby(df[{ids!r}]).transform("
            f"lambda times: times.dt.{local})"
        )
    else:
        code = _assigned(name, wide, local)
    return f"If local clocks were set back then, say so: {code}, with the zone they are from"


def skipped_hour(gone: pd.Index, name: str, wide: bool) -> str:
    """Advice where the rows that are missing are the hour which local clocks leave out in spring."""
    if not _changed(gone):
        return ""
    code = _assigned(name, wide, f"tz_localize({_ZONE}, ambiguous='infer')")
    return f"If local clocks were set forward then, say so: {code}, with the zone they are from"


def weekmask_of(times: pd.Index) -> str:
    """The rule of a calendar of the weekdays that occur; empty for seven of them, or for too few rows to tell."""
    if not isinstance(times, pd.DatetimeIndex) or len(times) < 14:
        return ""
    found = np.unique(times.dayofweek)
    return "" if len(found) == 7 else f"CustomBusinessDay(weekmask='{' '.join(WEEKDAYS[day] for day in found)}')"


def _changed(times: pd.Index) -> bool:
    """Whether all of these are naive times at which clocks are changed: early on a Sunday in spring or autumn."""
    if not isinstance(times, pd.DatetimeIndex) or times.tz is not None or not len(times):
        return False
    early = (times - times.normalize() < _SOON) & (times != times.normalize())
    return bool((early & (times.dayofweek == 6) & times.month.isin(_CHANGES)).all())


def _assigned(name: str, wide: bool, change: str, utc: str = "") -> str:
    if wide:
        return f"df.index = pd.to_datetime(df.index{utc}).{change}"
    return f"df[{name!r}] = pd.to_datetime(df[{name!r}]{utc}).dt.{change}"
