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
        words = kinds.infer_dtype(column, skipna=True) in ("string", "empty")  # one-hot
        if not words and not is_number(column.dtype) and not kinds.is_bool_dtype(column.dtype):
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


def restated(past: pd.DataFrame, X: pd.DataFrame, static: str, *, whole: bool) -> pd.DataFrame:
    """`past` with what X says of its instances; where X is silent it stays as it is.

    Args:
        past: the X so far.
        X: rows of some of its instances, maybe later ones.
        static: the column of text.
        whole: whether X must speak of every instance.

    Raises:
        DataError: X says nothing of an instance, or several things.
    """
    column = list(plainly(X).columns).index(static)
    said = pd.DataFrame({"said": X.iloc[:, column].to_numpy(dtype=object)}, index=_owners(X.index)).dropna()
    said = said[~said.set_index("said", append=True).index.duplicated()]
    if (twice := said.index.duplicated()).any():
        owner = said.index[int(twice.argmax())]
        whose = "" if past.index.nlevels == 1 else f" of instance {owner!r}"
        texts = name_some(said["said"][said.index.isin([owner])])
        raise DataError(f"column {static!r} of X must say one thing{whose}; it has {texts}. Keep one")
    owners = _owners(past.index)
    where = said.index.get_indexer(owners)
    if whole and (where < 0).any():
        silent = owners[where < 0].unique()
        whose = "" if past.index.nlevels == 1 else f" for {name_some(silent)}"
        raise DataError(
            f"X has no text in column {static!r}{whose}. Write a sentence for each, or leave the column out"
        )
    if not len(said):
        return past
    column = list(plainly(past).columns).index(static)
    text = past.iloc[:, column].to_numpy(dtype=object)
    text = np.where(where < 0, text, said["said"].to_numpy()[where])
    return past.assign(**{past.columns[column]: text})


def _owners(index: Any) -> pd.Index:
    """The instance of each row; one and the same where there is none."""
    return index.droplevel(-1) if index.nlevels > 1 else pd.Index(np.zeros(len(index), dtype=np.int64))


def spread_out(X: pd.DataFrame, needed: pd.Index, asked: pd.Index) -> pd.DataFrame:
    """X with empty rows for the times of `needed` that it lacks and `fh` does not ask for: an `fh` may have gaps."""
    absent = needed[~needed.isin(X.index) & ~needed.isin(asked)]
    if not len(absent) or X.index.has_duplicates:  # these are refused by name
        return X
    booleans = [name for name in X.columns if kinds.is_bool_dtype(X[name].dtype)]
    return X.astype(dict.fromkeys(booleans, "Float64")).reindex(X.index.append(absent))


def ahead_of(X: pd.DataFrame | None, series: Series) -> pd.DataFrame | None:
    """X as a long frame, a row for each variable of an instance; instances that y has not are left out."""
    if X is None:
        return None
    X, times, count = plainly(X), X.index, len(series.variables)
    codes = np.zeros(len(X), dtype=np.int64)
    if series.instances is not None:
        times = X.index.get_level_values(-1)
        codes = series.instances.get_indexer(_owners(X.index))
    rows = np.flatnonzero(codes >= 0)
    number = (codes[rows, None] * count + np.arange(count)).ravel()
    names = np.array(series.names, dtype=object)
    frame = X.iloc[rows.repeat(count)].reset_index(drop=True)
    return frame.assign(**{ID: names[number], TIME: times[rows].repeat(count)})
