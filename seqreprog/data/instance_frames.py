"""Long data frames -> instances: a row for each step of each series, a column of values for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from ..errors import ConfigError, DataError
from .columns import is_number, numbers, plain, read_times
from .frames import DEFAULT_NAMES, no_column
from .instances import Instances, check_instances
from .rows import SORTED
from .steps import ticks_of


class InstanceTable(NamedTuple):
    """Whole series out of a frame.

    Attributes:
        ids: of the series, in the order of first appearance.
        instances: the series themselves.
        channels: the columns of values.
        notices: what was put right while reading, one sentence each.
    """

    ids: pd.Index
    instances: Instances
    channels: tuple[str, ...]
    notices: tuple[str, ...]


def read_instance_frame(
    df: pd.DataFrame,
    *,
    id_col: str | None = None,
    time_col: str | None = None,
    value_cols: Sequence[str] = (),
    known: Sequence[str] = (),
) -> InstanceTable:
    """Reads whole series; they may be of any length, and cells may be missing.

    The rows of a series are its steps, in the order of their times, whatever lies between these.

    Args:
        df: the records.
        id_col: the column that names the series; `"unique_id"`.
        time_col: the column of dates or whole numbers; `"ds"`.
        value_cols: the columns of values, one for each channel, in order. By default those of the fit where all of them
            are there, else all columns but ids and times.
        known: the columns of the fit, if it knew any.

    Raises:
        ConfigError: a column has two roles.
        DataError: a column is missing, ids or times are, two rows stand for one time of a series, a value is no finite
            number, or a series has none.
    """
    id_name, time_name = id_col or DEFAULT_NAMES[0], time_col or DEFAULT_NAMES[1]
    for name, remedy in ((id_name, "Pass id_col=..."), (time_name, "Pass time_col=...")):
        if name not in df.columns:
            raise no_column(df, name, remedy)
    channels = _channels(df, (id_name, time_name), tuple(value_cols), tuple(known))
    codes, ids = _series(df, id_name)
    counted = is_number(df[time_name].dtype)  # whole numbers order rows whether they are dates or not
    times, _, _, notices, _ = read_times(df[time_name], time_name, None if counted else codes)
    order = np.lexsort((ticks_of(times), codes))
    if not np.array_equal(order, np.argsort(codes, kind="stable")):
        notices = (*notices, SORTED)
    _check_once(codes[order], ids, times[order])
    values = np.stack([_values(df, name) for name in channels], axis=1)[order]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(ids)))])
    instances = Instances(np.ascontiguousarray(values), offsets)
    check_instances(instances, [str(name) for name in ids], channels)
    return InstanceTable(ids, instances, channels, notices)


def _channels(
    df: pd.DataFrame, taken: tuple[str, str], asked: tuple[str, ...], known: tuple[str, ...]
) -> tuple[str, ...]:
    """The columns of values."""
    channels = asked or (known if known and set(known) <= set(df.columns) else ())
    channels = channels or tuple(name for name in df.columns if name not in taken)
    if not channels:
        raise DataError(f"df has no column of values; it has {list(df.columns)}. Add one for each channel")
    listed = [*taken, *channels]
    if twice := [name for place, name in enumerate(listed) if name in listed[:place]]:
        raise ConfigError(
            f"column {twice[0]!r} is named more than once: ids {taken[0]!r}, times {taken[1]!r}, values "
            f"{list(channels)}. Name it once"
        )
    for name in channels:
        if name not in df.columns:
            raise no_column(df, name, "Pass value_cols=[...]")
    if (repeated := df.columns[df.columns.duplicated()]).size:
        raise DataError(f"df has more than one column {repeated[0]!r}. Rename or drop the others")
    return channels


def _series(df: pd.DataFrame, name: str) -> tuple[Int[np.ndarray, " row"], pd.Index]:
    """The number of each row's series, and their ids."""
    codes, ids = pd.factorize(plain(df[name]))
    unnamed = codes < 0
    if unnamed.any():
        raise DataError(
            f"column {name!r} has {unnamed.sum()} missing ids (first in row {unnamed.argmax()}). Name or drop them"
        )
    return codes.astype(np.int64), pd.Index(ids)


def _check_once(codes: Int[np.ndarray, " row"], ids: pd.Index, times: pd.Index) -> None:
    """Refuses two rows for one time of a series; they must be in order."""
    twice = (np.diff(ticks_of(times)) == 0) & (np.diff(codes) == 0)
    if twice.any():
        row = int(twice.argmax())
        raise DataError(
            f"series {str(ids[codes[row]])!r} has more than one row at {times[row]} ({twice.sum()} duplicates). "
            "Drop or aggregate them"
        )


def _values(df: pd.DataFrame, name: str) -> Float[np.ndarray, " row"]:
    try:
        return numbers(df[name], [name])
    except DataError as error:
        raise DataError(f"{error}, or name the columns of values: value_cols=[...]") from error
