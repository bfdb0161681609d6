"""A time step as whole numbers: find the frequency of many series at once, place times on it, go on from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int
from pandas.tseries.frequencies import to_offset

from ..errors import DataError
from .calendars import read_offset, write_offset

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


def ticks_of(times: pd.Index) -> Int[np.ndarray, " steps"]:
    """Times as integers, in UTC and in their own unit."""
    return times.asi8 if isinstance(times, pd.DatetimeIndex) else times.to_numpy(dtype=np.int64)


def usual(
    values: Int[np.ndarray, " steps"], offsets: Int[np.ndarray, " series_plus_one"]
) -> Int[np.ndarray, " series"]:
    """The most frequent value of each series, the least of several."""
    found = np.minimum.reduceat(values, offsets[:-1])
    for series in np.flatnonzero(np.maximum.reduceat(values, offsets[:-1]) > found):
        each, count = np.unique(values[offsets[series] : offsets[series + 1]], return_counts=True)
        found[series] = each[count.argmax()]
    return found


@dataclass(frozen=True)
class Grid:
    """A frequency as whole numbers: a time is a position, and its series has a phase (the time of day, from days on).

    Attributes:
        freq: the frequency, as `write_offset` has it.
        step: the positions from one time to the next.
        sample: any of the times, for unit and time zone.
        day: ticks in a day of the local calendar; 0 where positions are the ticks themselves (UTC, integers).
        weekday: the day of the week that every time must have, or -1.
        dates: for business days and the like, the day numbers of all positions; else `None`.
        months: whether positions are months; a phase then is a time within a month of 31 days.
        monthday: the day of the month that every time must have, from 0 on, or -1 for a series' own.
    """

    freq: str | int
    step: int
    sample: pd.Index
    day: int = 0
    weekday: int = -1
    dates: Int[np.ndarray, " position"] | None = None
    months: bool = False
    monthday: int = -1

    def place(
        self, times: pd.Index, offsets: Int[np.ndarray, " series_plus_one"]
    ) -> tuple[Int[np.ndarray, " steps"], Int[np.ndarray, " series"], Bool[np.ndarray, " steps"]]:
        """The position of each time, the phase of each series, and whether each time is on the grid."""
        if not self.day or not isinstance(times, pd.DatetimeIndex):
            return ticks_of(times), np.zeros(len(offsets) - 1, np.int64), np.ones(len(times), bool)
        wall = times.tz_localize(None).asi8
        date, clock = np.divmod(wall, self.day)
        phase = usual(clock, offsets)
        each = np.repeat(phase, np.diff(offsets))
        off = each != clock
        if off.any() and times.tz is not None:  # a clock change may skip the usual hour: the time then is later
            off[off] = self._local(date[off] * self.day + each[off]) != times[off]
        if self.months:
            position, monthday, on = self._in_months(date, offsets)
            return position, monthday * self.day + phase, on & ~off
        if self.weekday >= 0:
            off |= (date + _EPOCH_WEEKDAY) % 7 != self.weekday
        if self.dates is None:
            return date, phase, ~off
        position = np.searchsorted(self.dates, date).clip(max=len(self.dates) - 1)
        return position, phase, ~off & (self.dates[position] == date)

    def locate(self, position: Int[np.ndarray, " steps"], phase: Int[np.ndarray, " steps"]) -> pd.Index:
        """The inverse of `place`."""
        if not isinstance(self.sample, pd.DatetimeIndex):
            return pd.Index(position)
        if self.months:
            first, length = _month(position)
            monthday, clock = np.divmod(phase, self.day)
            return self._local((first + np.minimum(monthday, length - 1)) * self.day + clock)
        if self.day:
            return self._local((position if self.dates is None else self.dates[position]) * self.day + phase)
        times = pd.DatetimeIndex(position.view(f"M8[{self.sample.unit}]"))
        return times if self.sample.tz is None else times.tz_localize("UTC").tz_convert(self.sample.tz)

    def _in_months(
        self, date: Int[np.ndarray, " steps"], offsets: Int[np.ndarray, " series_plus_one"]
    ) -> tuple[Int[np.ndarray, " steps"], Int[np.ndarray, " series"], Bool[np.ndarray, " steps"]]:
        """The month of each date, the day of the month (from 0 on) of each series, and whether each date has it.

        The last day stands for those that a month has not: the 31st is the 29th of a February.
        """
        month = date.astype("M8[D]").astype("M8[M]").astype(np.int64)
        first, length = _month(month)
        day, count = date - first, np.diff(offsets)
        if self.monthday >= 0:
            chosen = np.full(len(count), self.monthday)
        else:
            chosen = np.maximum.reduceat(day, offsets[:-1])
            strange = day != np.minimum(np.repeat(chosen, count), length - 1)
            strays = np.bincount(np.repeat(np.arange(len(count)), count)[strange], minlength=len(count)) > 0
            chosen = np.where(strays, usual(day, offsets), chosen)
        return month, chosen, day == np.minimum(np.repeat(chosen, count), length - 1)

    def _local(self, wall: Int[np.ndarray, " steps"]) -> pd.DatetimeIndex:
        times = pd.DatetimeIndex(wall.view(f"M8[{self.sample.unit}]"))  # type: ignore[attr-defined]
        summer = np.ones(len(wall), bool)
        return times.tz_localize(self.sample.tz, ambiguous=summer, nonexistent="shift_forward")  # type: ignore[attr-defined]


def _month(month: Int[np.ndarray, " steps"]) -> tuple[Int[np.ndarray, " steps"], Int[np.ndarray, " steps"]]:
    """The first day of each month and its number of days."""
    first, after = (each.astype("M8[M]").astype("M8[D]").astype(np.int64) for each in (month, month + 1))
    return first, after - first


def make_grid(freq: Any, times: pd.Index, ahead: int = 0) -> Grid:
    """The grid of `freq` over the span of `times` and `ahead` steps more.

    Raises:
        DataError: `freq` is no frequency of such times, or cannot be written down.
    """
    if not isinstance(times, pd.DatetimeIndex):
        if isinstance(freq, bool) or not isinstance(freq, int | np.integer) or freq < 1:
            raise DataError(f"freq of integer times must be a whole number from 1 on; got {freq!r}. Pass freq=1")
        return Grid(int(freq), int(freq), times)
    offset = read_offset(freq)
    freq = write_offset(offset)
    tick = pd.Timedelta(1, times.unit)
    if isinstance(offset, pd.offsets.Tick):
        if pd.Timedelta(offset) % tick:
            raise DataError(f"freq {freq!r} is finer than the unit {times.unit!r} of the times. Convert them to 'ns'")
        return Grid(freq, pd.Timedelta(offset) // tick, times[:1])
    day = pd.Timedelta(days=1) // tick
    if isinstance(offset, pd.offsets.Day):
        return Grid(freq, offset.n, times[:1], day)
    if type(offset) is pd.DateOffset:
        monthday = offset.kwds.get("day", 0) - 1
        return Grid(freq, offset.kwds["months"], times[:1], day, months=True, monthday=monthday)
    weekday = getattr(offset, "weekday", None)
    if isinstance(offset, pd.offsets.Week) and weekday is not None:
        return Grid(freq, 7 * offset.n, times[:1], day, weekday=weekday)
    first, last = (end.tz_localize(None) for end in (times.min(), times.max()))
    if isinstance(offset, pd.offsets.BusinessHour):  # positions are times of day too
        day = 1
    else:
        first, last = first.normalize(), last.normalize()
    span = pd.date_range(first, last, freq=offset.base)
    dates = span.append(pd.date_range(last, periods=ahead * offset.n + 2, freq=offset.base)).unique()
    unit = "D" if day > 1 else times.unit
    return Grid(freq, offset.n, times[:1], day, dates=dates.to_numpy().astype(f"M8[{unit}]").astype(np.int64))


@dataclass(frozen=True)
class Fit:
    """Rows on a grid: which are off it, which series step otherwise, how many rows are missing before each."""

    grid: Grid
    position: Int[np.ndarray, " steps"]
    phase: Int[np.ndarray, " series"]
    off: Bool[np.ndarray, " steps"]
    other: Bool[np.ndarray, " series"]
    missing: Int[np.ndarray, " steps"]

    @property
    def score(self) -> tuple[int, int, int]:
        return int(self.other.sum()), int(self.off.sum()), int(self.missing.sum())

    @property
    def whole(self) -> bool:
        """Whether every row is there and where it should be."""
        return not any(self.score)


def fit_grid(times: pd.Index, offsets: Int[np.ndarray, " series_plus_one"], freq: Any) -> Fit:
    """Series that stand end to end in `times`, each in order, on the grid of `freq`.

    A series keeps the step that most of its rows keep, so one stray row is off and its neighbours are not.
    """
    grid = make_grid(freq, times)
    position, phase, on = grid.place(times, offsets)
    count = np.diff(offsets)
    owner = np.repeat(np.arange(len(count)), count)
    rest = position % grid.step
    off = ~on | (rest != np.repeat(usual(rest, offsets), count))
    kept = np.flatnonzero(~off)
    follows, gap = np.diff(owner[kept]) == 0, np.diff(position[kept]) // grid.step
    off[kept[1:][follows & (gap < 1)]] = True  # two rows at one position
    missing = np.zeros(len(times), np.int64)
    missing[kept[1:]] = np.where(follows, np.maximum(gap - 1, 0), 0)
    close = np.bincount(owner[kept[1:][follows & (gap <= 1)]], minlength=len(count))
    other = (close == 0) & (count >= 3)
    other[owner[off]] = True
    return Fit(grid, position, phase, off, other, missing)


def infer_grid(times: pd.Index, offsets: Int[np.ndarray, " series_plus_one"]) -> Fit | None:
    """The first guess that all series follow without a gap, else the best; `None` if all have fewer than 3 rows."""
    lengths = np.diff(offsets)
    longest = int(lengths.argmax())
    if lengths[longest] < 3:
        return None
    best: Fit | None = None
    for freq in _guesses(times[offsets[longest] : offsets[longest + 1]]):
        fit = fit_grid(times, offsets, freq)
        best = fit if best is None or fit.score < best.score else best
        if best.whole:
            break
    return best


def _guesses(times: pd.Index) -> Iterator[str | int]:
    if not isinstance(times, pd.DatetimeIndex):
        yield _usual_step(ticks_of(times))
        return
    whole = pd.infer_freq(times)
    if whole is not None:
        yield whole
    # with gaps pandas gives up: the usual distance then tells the family
    tick = pd.Timedelta(1, times.unit)
    days, rest = divmod(_usual_step(times.tz_localize(None).asi8), pd.Timedelta(days=1) // tick)
    month, weekday = _MONTHS[times[0].month - 1], _WEEKDAYS[times[0].weekday()]
    if rest == 0 and 28 <= days <= 31:
        yield from ("MS", "ME", "BMS", "BME", "DateOffset(months=1)")
    elif rest == 0 and 89 <= days <= 92:
        yield from (f"QS-{month}", f"QE-{month}", "DateOffset(months=3)")
    elif rest == 0 and 365 <= days <= 366:
        yield from (f"YS-{month}", f"YE-{month}", "DateOffset(months=12)")
    elif rest == 0:
        yield from {1: ("D", "B"), 7: (f"W-{weekday}", "7D")}.get(days, (f"{days}D",))
        if 7 < days < 24:
            yield from _twice_a_month(times)
        if days > 31:
            yield f"DateOffset(months={round(days / 30.4369)})"
    if rest or times.tz is not None:  # days of 24 hours, whatever the local clock shows
        yield to_offset(_usual_step(times.asi8) * tick).freqstr


def _twice_a_month(times: pd.DatetimeIndex) -> Iterator[str]:
    """A day of the month beside the first, or beside the last."""
    days = np.asarray(times.day)
    middle = [int(day) for day in np.unique(days[(days > 1) & (days < 28)])]
    if len(middle) == 1:
        yield from (f"SMS-{middle[0]}", f"SME-{middle[0]}")


def _usual_step(ticks: Int[np.ndarray, " steps"]) -> int:
    distance, count = np.unique(np.diff(ticks), return_counts=True)
    return int(distance[count.argmax()])
