"""Figures. matplotlib is imported where it is used, and no global state of it is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data.files import atomic_write
from ..data.frames import SeriesTable
from ..data.rows import Columns
from ..errors import ConfigError, DependencyError

FORMATS = (".png", ".svg", ".pdf")
HISTORY = 4  # horizons of history shown before the forecast
COLUMNS, INK, ACCENT = 2, "#30343b", "#c1440e"


def plot_forecast(
    table: SeriesTable, forecast: pd.DataFrame, *, actual: pd.DataFrame | None = None, limit: int = 6, title: str = ""
) -> Any:
    """The last part of each series, its forecast, and the intervals around it.

    Args:
        table: the series.
        forecast: what `Forecaster.predict` or one cutoff of `cross_validation` returned.
        actual: the same rows with their observed target, where it is known.
        limit: series drawn at most, the first ones.
        title: of the figure.

    Returns:
        A matplotlib `Figure`.
    """
    figures = _figures()
    names = list(table.ids[:limit])
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = figures.Figure(figsize=(5.5 * columns + 0.5, 2.7 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, place in zip(axes, range(len(names)), strict=False):
        _draw(axis, table, place, forecast, actual)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    axes[0].legend(frameon=False, fontsize="small", loc="best")
    more = len(table.ids) - len(names)
    note = f" (the first {len(names)} of {len(table.ids)} series)" if more else ""
    if title or note:
        figure.suptitle(f"{title}{note}".strip(), fontsize="medium")
    return figure


def save_figure(figure: Any, path: str | Path) -> None:
    """Writes a figure whole or not at all.

    Raises:
        ConfigError: the suffix is not a picture's.
        OutputError: the place cannot be written.
    """
    check_picture(path)
    atomic_write(path, lambda place: figure.savefig(place, format=Path(path).suffix[1:].lower(), dpi=150))


def check_picture(path: str | Path) -> None:
    """Raises `ConfigError` for a suffix that is not a picture's, `DependencyError` without matplotlib."""
    if Path(path).suffix.lower() not in FORMATS:
        raise ConfigError(f"a plot is written as one of {list(FORMATS)}; got {str(path)!r}")
    _figures()


def _draw(axis: Any, table: SeriesTable, place: int, forecast: pd.DataFrame, actual: pd.DataFrame | None) -> None:
    columns: Columns = table.columns
    name = table.ids[place]
    ahead = forecast[forecast[columns.id_col] == name]
    start, stop = table.panel.offsets[place : place + 2]
    times = _plain_times(ahead[columns.time_col])
    shown = max(start, stop - HISTORY * max(len(ahead), 12))
    axis.plot(_plain_times(table.times[shown:stop]), table.panel.values[shown:stop], color=INK, lw=1, label="observed")
    lows = sorted((column for column in ahead if "-lo-" in str(column)), key=_level, reverse=True)
    for low in lows:
        high = str(low).replace("-lo-", "-hi-")
        axis.fill_between(times, ahead[low], ahead[high], color=ACCENT, alpha=0.18, lw=0, label=f"{_level(low):g} %")
    if actual is not None:
        seen = actual[actual[columns.id_col] == name]
        axis.plot(
            _plain_times(seen[columns.time_col]), seen[columns.target_col], color=INK, lw=1, ls=":", label="actual"
        )
    axis.plot(times, ahead["seqreprog"], color=ACCENT, lw=1.5, label="seqreprog")
    axis.set_title(str(name), fontsize="small", loc="left")
    axis.tick_params(labelsize="x-small")
    axis.spines[["top", "right"]].set_visible(False)
    for label in axis.get_xticklabels():
        label.set_rotation(20)


def _plain_times(times: Any) -> np.ndarray:
    """Times as matplotlib draws them: local wall-clock time, periods by their start."""
    index = pd.Index(times)
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        index = index.tz_localize(None)
    return index.to_numpy()


def _level(column: object) -> float:
    return float(str(column).rsplit("-", 1)[1])


def _figures() -> Any:
    try:
        from matplotlib import figure
    except ImportError as error:
        raise DependencyError("a plot needs matplotlib: pip install 'seqreprog[plot]'") from error
    return figure
