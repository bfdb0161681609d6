"""Words as covariates: one column of zeros and ones for each word that `fit` found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from pandas.api import types as kinds

from ..config.forecast import Covariates
from ..errors import DataError, name_some
from .columns import is_number, plain

MOST = 50  # words of one column


def learned(df: object, names: Covariates) -> Covariates:
    """The columns with the words of those that hold words, in alphabetical order.

    A column with a number among its words is left to be refused as one of numbers.

    Raises:
        DataError: a column holds more than `MOST` words.
    """
    if not isinstance(df, pd.DataFrame):
        return names
    found = []
    for name in (*names.futr_cols, *names.hist_cols):
        if (df.columns == name).sum() != 1:  # refused by name where it is read
            continue
        words = plain(df[name]).dropna()
        if is_number(words.dtype) or kinds.is_bool_dtype(words.dtype) or kinds.infer_dtype(words) != "string":
            continue
        each = sorted({str(word).strip() for word in pd.unique(words)})
        if pd.to_numeric(pd.Series(each), errors="coerce").notna().any():
            continue
        if len(each) > MOST:
            raise DataError(
                f"column {name!r} must hold numbers or one of {MOST} words at most; it has {len(each)}: "
                f"{name_some(each)}. Group them, or, if it is one sentence for each series, pass static={name!r}"
            )
        found.append((name, tuple(each)))
    return replace(names, levels=tuple(found))


def one_hot(column: pd.Series, words: tuple[str, ...], what: str) -> Float[np.ndarray, "word row"]:
    """A row of zeros and ones for each word; a cell that is missing has none of them.

    Raises:
        DataError: a word is none of these.
    """
    values: Any = plain(column).astype(object)
    there = values.notna().to_numpy()
    codes = pd.Index(words).get_indexer(pd.Index(values.where(there, "").astype(str).str.strip()))
    strange = there & (codes < 0)
    if strange.any():
        row = int(strange.argmax())
        raise DataError(
            f"column {column.name!r} of {what} holds {values.iloc[row]!r} in row {row} ({strange.sum()} such rows), "
            f"and the model was fitted with the words {name_some(words, limit=MOST)}. Use one of them, leave the cell "
            "empty, or fit anew"
        )
    return (np.where(there, codes, -1) == np.arange(len(words))[:, None]).astype(np.float64)
