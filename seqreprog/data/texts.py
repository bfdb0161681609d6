"""Strings as callers hold them (list, array, Series of any string dtype) -> a checked list of str; errors name rows.

No pandas: a Series is known by its `to_numpy`, an Arrow array by its `to_pylist`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError, InputTypeError, name_some

_SHOWN = 5
_MISSING = ("NAType", "NaTType")  # pandas' own missing values, which answer no comparison


@dataclass(frozen=True)
class Names:
    """How messages name a sequence: by the caller's id where there is one, else by its row (0-based).

    Attributes:
        ids: one per row, or `None`.
        rows: of the caller, which each string is of, once some were left out or stand there twice; or `None`.
    """

    ids: tuple[str, ...] | None = None
    rows: tuple[int, ...] | None = None

    def of(self, rows: Iterable[Any]) -> Names:
        """Names of the strings that are of these rows."""
        return replace(self, rows=tuple(int(row) for row in rows))

    def one(self, row: int) -> str:
        own = row if self.rows is None else self.rows[row]
        return f"row {own}" if self.ids is None else f"sequence {self.ids[own]!r}"

    def some(self, rows: Iterable[Any]) -> str:
        """At most five, then a count: `rows 0, 4 and 3 more`, `sequences 'a', 'b'`."""
        listed = [int(row) if self.rows is None else self.rows[int(row)] for row in rows]
        listed = list(dict.fromkeys(listed))
        if self.ids is not None:
            return f"sequence{'s' * (len(listed) > 1)} {name_some(self.ids[row] for row in listed)}"
        more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
        return f"row{'s' * (len(listed) > 1)} {', '.join(map(str, listed[:_SHOWN]))}{more}"


class Texts(NamedTuple):
    """Strings that are all there.

    Attributes:
        values: one string per row, without white space around it, never empty.
        names: how to name a row.
        notices: what was put right while reading, one sentence each.
    """

    values: list[str]
    names: Names
    notices: tuple[str, ...]

    def take(self, rows: Iterable[Any]) -> Texts:
        """These rows, called as they are here."""
        chosen = [int(row) for row in rows]
        return Texts([self.values[row] for row in chosen], self.names.of(chosen), self.notices)


def read_texts(values: object, *, ids: object = None, what: str = "sequences") -> Texts:
    """Reads strings out of a list, a tuple, a numpy array or a pandas, polars or Arrow column.

    Args:
        values: the strings; a frame or array of two dimensions must have one column. What was read already stays.
        ids: one name per row for messages; by default the index of `values`, where that holds strings, else rows are
            named by their number.
        what: what `values` are called in messages.

    Raises:
        InputTypeError: `values` is no such container, or holds something that is no string.
        DataError: no rows, more than one column, a missing or an empty string, not one id per row.

    Example:
        >>> read_texts([" ACD", "EF"]).values
        ['ACD', 'EF']
    """
    if isinstance(values, Texts):
        return values
    listed = _listed(values, what)
    if not listed:
        raise DataError(f"{what} are empty: there are no rows. Pass at least one")
    names = Names(_index(values) if ids is None else tuple(map(str, _listed(ids, "ids"))))
    if names.ids is not None and len(names.ids) != len(listed):
        raise DataError(f"ids must be one per row; got {len(names.ids)} ids for {len(listed)} {what}")
    if set(map(type, listed)) != {str}:
        _check_types(listed, names, what)
    texts = [text.strip() for text in listed]
    empty = [row for row, text in enumerate(texts) if not text]
    if empty:
        raise DataError(f"{len(empty)} of {len(texts)} {what} are empty ({names.some(empty)}). Remove them")
    padded = sum(map(len, texts)) != sum(map(len, listed))
    notices = (f"white space around {what} was removed",) if padded else ()
    return Texts(texts, names, notices)


def _listed(values: object, what: str) -> list[Any]:
    """The values as a plain list."""
    column: Any = values
    if hasattr(column, "to_pylist"):
        return column.to_pylist()
    if hasattr(column, "to_numpy"):
        column = column.to_numpy()
    if isinstance(column, np.ndarray):
        if column.ndim != 1 and not (column.ndim == 2 and column.shape[1] == 1):
            raise DataError(f"{what} must be one column; got an array of shape {column.shape}. Pass df['sequence']")
        return column.ravel().tolist()
    if isinstance(column, Sequence) and not isinstance(column, str | bytes | bytearray):
        return list(column)
    hint = f"Pass [{column!r:.40}]" if isinstance(column, str) else "Pass list(...)"
    raise InputTypeError(
        f"{what} must be a list, a tuple, an array or a Series of str; got {type(column).__name__}. {hint}"
    )


def _index(values: object) -> tuple[str, ...] | None:
    """The index of a Series or a frame where it holds strings, say the ids of a FASTA file; numbers are no names."""
    index = getattr(getattr(values, "index", None), "to_numpy", None)
    found = index().tolist() if index is not None else []
    return tuple(found) if found and all(isinstance(name, str) for name in found) else None


def _check_types(listed: list[Any], names: Names, what: str) -> None:
    missing = [row for row, value in enumerate(listed) if is_missing(value)]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(listed)} {what} are missing, NaN or None ({names.some(missing)}). Drop them"
        )
    for row, value in enumerate(listed):
        if not isinstance(value, str):
            remedy = "Decode it" if isinstance(value, bytes) else "Convert it with str"
            raise InputTypeError(
                f"{what} must hold str; {names.one(row)} holds {value!r:.60} ({type(value).__name__}). {remedy}"
            )


def is_missing(value: object) -> bool:
    """Whether it is None, NaN or one of pandas' own missing values."""
    return value is None or type(value).__name__ in _MISSING or (isinstance(value, float) and math.isnan(value))
