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

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


def ticks_of(times: pd.Index) -> Int[np.ndarray, " steps"]:
    """Times as integers, in UTC and in their own unit."""
    return times.asi8 if isinstance(times, pd.DatetimeIndex) else times.to_numpy(dtype=np.int64)


@dataclass(frozen=True)
class Grid:
    """A frequency as whole numbers: a time is a position, and its series has a phase (the time of day, from days on).

    Attributes:
        freq: the frequency.
        step: the positions from one time to the next.
        sample: any of the times, for unit and time zone.
        day: ticks in a day of the local calendar; 0 where positions are the ticks themselves (UTC, integers).
        weekday: the day of the week that every time must have, or -1.
        dates: for months, business days and the like, the day numbers of all positions; else `None`.
    """

    freq: str | int
    step: int
    sample: pd.Index
    day: int = 0
    weekday: int = -1
    dates: Int[np.ndarray, " position"] | None = None

    def place(
        self, times: pd.Index, offsets: Int[np.ndarray, " series_plus_one"]
    ) -> tuple[Int[np.ndarray, " steps"], Int[np.ndarray, " series"], Bool[np.ndarray, " steps"]]:
        """The position of each time, the phase of each series, and whether each time is on the grid."""
        if not self.day or not isinstance(times, pd.DatetimeIndex):
            return ticks_of(times), np.zeros(len(offsets) - 1, np.int64), np.ones(len(times), bool)
        wall = times.tz_localize(None).asi8
        date, clock = np.divmod(wall, self.day)
        # where a clock change skips the usual hour the time is later, never earlier: the earliest is the usual one
        phase = np.minimum.reduceat(clock, offsets[:-1])
        usual = date * self.day + np.repeat(phase, np.diff(offsets))
        off = usual != wall
        if off.any() and times.tz is not None:
            off[off] = self._local(usual[off]) != times[off]
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
        if self.day:
            return self._local((position if self.dates is None else self.dates[position]) * self.day + phase)
        times = pd.DatetimeIndex(position.view(f"M8[{self.sample.unit}]"))
        return times if self.sample.tz is None else times.tz_localize("UTC").tz_convert(self.sample.tz)

    def _local(self, wall: Int[np.ndarray, " steps"]) -> pd.DatetimeIndex:
        times = pd.DatetimeIndex(wall.view(f"M8[{self.sample.unit}]"))  # type: ignore[attr-defined]
        summer = np.ones(len(wall), bool)
        return times.tz_localize(self.sample.tz, ambiguous=summer, nonexistent="shift_forward")  # type: ignore[attr-defined]


def make_grid(freq: str | int, times: pd.Index, ahead: int = 0) -> Grid:
    """The grid of `freq` over the span of `times` and `ahead` steps more."""
    if not isinstance(times, pd.DatetimeIndex):
        if isinstance(freq, bool) or not isinstance(freq, int | np.integer) or freq < 1:
            raise DataError(f"freq of integer times must be a whole number from 1 on; got {freq!r}. Pass freq=1")
        return Grid(int(freq), int(freq), times)
    try:
        offset: Any = to_offset(freq)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        offset = None
    if offset is None or offset.n < 1 or isinstance(offset, pd.offsets.BusinessHour):
        raise DataError(f"freq of dates must be a pandas offset alias; got {freq!r}. Pass 'h', 'D', 'MS' ...")
    tick = pd.Timedelta(1, times.unit)
    if isinstance(offset, pd.offsets.Tick):
        if pd.Timedelta(offset) % tick:
            raise DataError(f"freq {freq!r} is finer than the unit {times.unit!r} of the times. Convert them to 'ns'")
        return Grid(offset.freqstr, pd.Timedelta(offset) // tick, times[:1])
    day = pd.Timedelta(days=1) // tick
    if isinstance(offset, pd.offsets.Day):
        return Grid(offset.freqstr, offset.n, times[:1], day)
    weekday = getattr(offset, "weekday", None)
    if isinstance(offset, pd.offsets.Week) and weekday is not None:
        return Grid(offset.freqstr, 7 * offset.n, times[:1], day, weekday=weekday)
    first, last = (end.tz_localize(None).normalize() for end in (times.min(), times.max()))
    span = pd.date_range(first, last, freq=offset.base)
    dates = span.append(pd.date_range(last, periods=ahead * offset.n + 1, freq=offset.base)).unique()
    return Grid(offset.freqstr, offset.n, times[:1], day, dates=dates.to_numpy().astype("M8[D]").astype(np.int64))


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
    def score(self) -> tuple[int, int]:
        return int(self.other.sum()), int(self.missing.sum())


def fit_grid(times: pd.Index, offsets: Int[np.ndarray, " series_plus_one"], freq: str | int) -> Fit:
    """Series that stand end to end in `times`, each in order, on the grid of `freq`."""
    grid = make_grid(freq, times)
    position, phase, on = grid.place(times, offsets)
    follows, owner = np.ones(len(times), bool), np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    follows[offsets[:-1]] = False
    gap, rest = np.divmod(np.diff(position, prepend=0), grid.step)
    off = ~on | (follows & (rest != 0))
    missing = np.where(follows & ~off, gap - 1, 0)
    close = np.bincount(owner[follows & (missing == 0)], minlength=len(offsets) - 1)
    other = (close == 0) & (np.diff(offsets) >= 3)
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
        if best.score == (0, 0):
            break
    return best


def _guesses(times: pd.Index) -> Iterator[str | int]:
    if not isinstance(times, pd.DatetimeIndex):
        yield _usual(ticks_of(times))
        return
    whole = pd.infer_freq(times)
    if whole is not None and not isinstance(to_offset(whole), pd.offsets.BusinessHour):
        yield whole
    # with gaps pandas gives up: the usual distance then tells the family
    tick = pd.Timedelta(1, times.unit)
    days, rest = divmod(_usual(times.tz_localize(None).asi8), pd.Timedelta(days=1) // tick)
    month, weekday = _MONTHS[times[0].month - 1], _WEEKDAYS[times[0].weekday()]
    if rest == 0 and 28 <= days <= 31:
        yield from ("MS", "ME", "BMS", "BME")
    elif rest == 0 and 89 <= days <= 92:
        yield from (f"QS-{month}", f"QE-{month}")
    elif rest == 0 and 365 <= days <= 366:
        yield from (f"YS-{month}", f"YE-{month}")
    elif rest == 0:
        yield from {1: ("D", "B"), 7: (f"W-{weekday}", "7D")}.get(days, (f"{days}D",))
    if rest or times.tz is not None:  # days of 24 hours, whatever the local clock shows
        yield to_offset(_usual(times.asi8) * tick).freqstr


def _usual(ticks: Int[np.ndarray, " steps"]) -> int:
    distance, count = np.unique(np.diff(ticks), return_counts=True)
    return int(distance[count.argmax()])
