"""sktime's X -> the covariates of `Forecaster`: numbers known ahead, numbers of the past, a sentence per series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types as kinds

from ..data.columns import is_number, plain
from ..errors import ConfigError, DataError, name_some
from .tables import ID, TARGET, TIME, Series


def roles_of(X: pd.DataFrame | None, static: str | None, hist_cols: Sequence[str]) -> dict[str, Any]:
    """What each column of X is, as `Forecaster.fit` takes it: known ahead, unless it is named otherwise.

    Raises:
        ConfigError: a column is named that X has not.
        DataError: a column holds neither numbers nor the text that `static` names.
    """
    if isinstance(hist_cols, str):
        raise ConfigError(f"hist_cols must be a list of columns of X; got {hist_cols!r}. Pass [{hist_cols!r}]")
    named = {str(name) for name in hist_cols} | ({str(static)} if static is not None else set())
    if X is None:
        if named:
            raise ConfigError(f"{name_some(sorted(named))} should be columns of X, and fit got none. Pass X")
        return {}
    X = plainly(X)
    if strange := sorted(named - set(X.columns)):
        raise ConfigError(f"X has no column {strange[0]!r}; it has {list(X.columns)}. Change static or hist_cols")
    ahead = [name for name in X.columns if name not in named]
    for name in (*ahead, *map(str, hist_cols)):
        column = plain(X[name])
        if not is_number(column.dtype) and not kinds.is_bool_dtype(column.dtype):
            raise DataError(
                f"column {name!r} of X must hold numbers; it has dtype {X[name].dtype}, first {column.iloc[0]!r}. "
                f"Encode it, leave it out, or, if it is one sentence for each series, pass static={name!r}"
            )
    return {"static": static and str(static), "futr_cols": ahead, "hist_cols": list(map(str, hist_cols))}


def plainly(X: pd.DataFrame) -> pd.DataFrame:
    """X with strings as its columns, none of them one of the long frame's own."""
    own = (ID, TIME, TARGET)
    return X.set_axis([f"{name} of X" if str(name) in own else str(name) for name in X.columns], axis=1)


def beside(X: pd.DataFrame | None, y: pd.DataFrame) -> pd.DataFrame | None:
    """The rows of X that stand beside those of y.

    Raises:
        DataError: one is missing.
    """
    if X is None:
        return None
    where = X.index.get_indexer(y.index)
    if (where < 0).any():
        first = y.index[int((where < 0).argmax())]
        raise DataError(
            f"X has no row for {(where < 0).sum()} of the {len(y)} rows of y, the first at {first}. Add them"
        )
    return plainly(X).iloc[where]


def ahead_of(X: pd.DataFrame | None, series: Series) -> pd.DataFrame | None:
    """X as a long frame, a row for each variable of an instance; instances that y has not are left out."""
    if X is None:
        return None
    X, times, count = plainly(X), X.index, len(series.variables)
    codes = np.zeros(len(X), dtype=np.int64)
    if series.instances is not None:
        times = X.index.get_level_values(-1)
        index: Any = X.index
        codes = series.instances.get_indexer(index.droplevel(-1))
    rows = np.flatnonzero(codes >= 0)
    number = (codes[rows, None] * count + np.arange(count)).ravel()
    names = np.array(series.names, dtype=object)
    frame = X.iloc[rows.repeat(count)].reset_index(drop=True)
    return frame.assign(**{ID: names[number], TIME: times[rows].repeat(count)})
