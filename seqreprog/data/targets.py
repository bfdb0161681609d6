"""What sequences should become, as callers hold it (list, array, Series, frame) -> checked numpy; errors name rows."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..errors import ConfigError, DataError, InputTypeError, name_some
from .magnitudes import RULE, too_large
from .texts import Names, is_missing

ClassWeight = Mapping[Any, float] | Literal["balanced"] | None


class Target(NamedTuple):
    """A checked target.

    Attributes:
        values: classes 0 to n - 1 `[n]`; 0, 1 or `NaN` for each label `[n, labels]`; or values `[n]`.
        classes: what the columns of the answer stand for: classes, or names of labels; none for values.
        notices: what the caller may want to know.
    """

    values: np.ndarray
    classes: np.ndarray
    notices: tuple[str, ...] = ()


def read_classes(y: object, count: int) -> Target:
    """One class for each of `count` sequences.

    Raises:
        DataError: not one per sequence, some missing, values instead of classes, or one class only.
    """
    labels = _column(y, count, "labels")
    missing = [row for row, label in enumerate(labels.tolist()) if is_missing(label)]
    if missing:
        raise DataError(
            f"{len(missing)} of {count} labels are missing, NaN or None ({Names().some(missing)}). Drop these rows; "
            "missing labels are allowed where y has a column for each of several labels"
        )
    several = [row for row, label in enumerate(labels.tolist()) if isinstance(label, list | tuple | set | frozenset)]
    if several:
        raise DataError(
            f"a label must be one name; row {several[0]} holds {labels[several[0]]!r} ({len(several)} such rows). For "
            "several labels pass a column of 0 and 1 for each, as sklearn's MultiLabelBinarizer makes them"
        )
    if labels.dtype.kind == "f" and (between := np.flatnonzero(labels != np.round(labels))).size:
        row = int(between[0])
        raise DataError(f"labels must be classes; row {row} holds the value {labels[row]:g}. Use SequenceRegressor")
    try:
        classes, values = np.unique(labels, return_inverse=True)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in labels})
        raise DataError(f"labels must be of one type; got {' and '.join(kinds)}. Convert them with str") from error
    if len(classes) < 2:
        raise DataError(f"y holds one class only: all {count} labels are {str(classes[0])!r}. Pass two classes or more")
    single = classes[np.bincount(values) == 1]
    said = f"{'class' if len(single) == 1 else 'classes'} {name_some(single)} with one member: nothing can validate it"
    return Target(values.astype(np.int64), classes, (said,) if len(single) else ())


def read_labels(y: object, count: int) -> Target:
    """Several labels, 0, 1 or missing (`NaN`, None), for each of `count` sequences.

    Raises:
        DataError: not a row per sequence, another value, or a label of which nothing is known.
    """
    names = getattr(y, "columns", None)
    raw: Any = _numpy(y, "labels")
    _check_length(len(raw), count, "labels")
    table = np.array([[np.nan if is_missing(cell) else cell for cell in row] for row in raw.tolist()], dtype=object)
    columns = np.arange(table.shape[1]) if names is None else np.array([str(name) for name in names], dtype=object)
    for row, cells in enumerate(table):
        for column, cell in enumerate(cells):
            if not (isinstance(cell, Real | np.bool_) and (cell in (0, 1) or cell != cell)):
                raise DataError(
                    f"labels must be 0, 1 or NaN where y has several columns; row {row} holds {cell!r} for label "
                    f"{str(columns[column])!r}"
                )
    values = table.astype(np.float64)
    empty = columns[np.isnan(values).all(0)]
    if len(empty):
        raise DataError(
            f"nothing is known of {len(empty)} labels: {name_some(empty)} are missing everywhere. Drop them"
        )
    constant = columns[np.nanmin(values, 0) == np.nanmax(values, 0)]
    said = f"labels with one answer only, of which nothing can be learned: {name_some(constant)}"
    return Target(values, columns, (said,) if len(constant) else ())


def read_values(y: object, count: int) -> Target:
    """One finite number for each of `count` sequences.

    Raises:
        DataError: not one per sequence, no number, missing or infinite.
    """
    column = _column(y, count, "values")
    missing = [row for row, value in enumerate(column.tolist()) if is_missing(value)]
    if missing:
        raise DataError(
            f"{len(missing)} of {count} values are missing, NaN or None ({Names().some(missing)}). Drop them"
        )
    try:
        values = column.astype(np.float64)
    except (TypeError, ValueError) as error:
        row = next(row for row, value in enumerate(column.tolist()) if not _is_number(value))
        raise DataError(
            f"values must be numbers; row {row} holds {plain(column[row])!r}. Correct or drop it, or use "
            "SequenceClassifier for classes"
        ) from error
    wild = np.flatnonzero(~np.isfinite(values))
    if len(wild):
        raise DataError(f"{len(wild)} of {count} values are infinite ({Names().some(wild)}). Drop or correct them")
    if len(large := np.flatnonzero(too_large(values))):
        raise DataError(
            f"row {large[0]} holds {values[large[0]]:g} ({len(large)} of {count} are such values). Values {RULE}"
        )
    return Target(values, np.arange(0))


def is_table(y: object) -> bool:
    """Whether `y` has a column for each of several labels."""
    return _numpy(y, "labels").ndim == 2 and _numpy(y, "labels").shape[1] > 1


def read_weights(weight: object, count: int) -> Float[np.ndarray, " sequence"]:
    """`sample_weight`: one number for each sequence, none below 0, not all 0; ones for `None`.

    Raises:
        DataError: it is not that.
    """
    if weight is None:
        return np.ones(count)
    column = _column(weight, count, "sample_weight")
    try:
        found = column.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"sample_weight must hold numbers: {error}") from error
    wrong = np.flatnonzero(~(found >= 0) | np.isinf(found))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(f"sample_weight must be finite and at least 0; row {row} holds {found[row]:g}")
    if not found.any():
        raise DataError(f"sample_weight is 0 for all {count} sequences. Give some of them weight")
    return found


def class_weights(weight: object, target: Target) -> Float[np.ndarray, " class"]:
    """A weight for each class: ones, as given, or `"balanced"` (rows / (classes * rows of the class)).

    Raises:
        ConfigError: another word, a class that is not there, or a weight below 0.
    """
    if weight is None:
        return np.ones(len(target.classes))
    if isinstance(weight, str) and weight == "balanced":
        counts = np.bincount(target.values, minlength=len(target.classes))
        return len(target.values) / (len(counts) * counts)
    if not isinstance(weight, Mapping):
        raise ConfigError(f"class_weight must be None, 'balanced' or a dict of a weight for each class; got {weight!r}")
    known = target.classes.tolist()
    for label, value in weight.items():
        if label not in known:
            raise ConfigError(f"class_weight names {label!r}, which is no class of y; there are {known[:20]}")
        if not value >= 0:
            raise ConfigError(f"class_weight must be at least 0; got {value!r} for {label!r}")
    return np.array([float(weight.get(label, 1.0)) for label in known])


def read_groups(groups: object, count: int) -> Int[np.ndarray, " sequence"] | None:
    """`groups`: any name for each sequence, as numbers.

    Raises:
        DataError: not one per sequence.
    """
    if groups is None:
        return None
    names = _column(groups, count, "groups")
    return np.unique(names.astype(str), return_inverse=True)[1].astype(np.int64)


def _column(values: object, count: int, what: str) -> np.ndarray:
    column = _numpy(values, what)
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1:
        raise DataError(f"{what} must be one column; got an array of shape {column.shape}")
    _check_length(len(column), count, what)
    if column.dtype == object and set(map(type, column.tolist())) in ({bool}, {int}, {float}, {int, float}):
        return np.array(column.tolist())  # pandas hands out its own booleans and numbers as objects
    return column


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _check_length(found: int, count: int, what: str) -> None:
    if found != count:
        raise DataError(f"X and {what} must be of one length; got {count} sequences and {found} {what}")


def _numpy(values: object, what: str) -> np.ndarray:
    given: Any = values
    if isinstance(given, str | bytes) or not (hasattr(given, "to_numpy") or hasattr(given, "__len__")):
        raise InputTypeError(f"{what} must be a list, an array or a Series; got {type(given).__name__}")
    if hasattr(given, "to_numpy"):
        return given.to_numpy()
    if isinstance(given, np.ndarray):
        return given
    if any(isinstance(value, list | tuple | np.ndarray) for value in given):
        return np.array([list(row) for row in given], dtype=object)
    found = np.array(given)
    # a list of str and NaN would become the word 'nan'
    return found if len({type(value) for value in given}) == 1 else np.array(list(given), dtype=object)


def plain(value: Any) -> Any:
    """A scalar as Python has it."""
    return value.item() if isinstance(value, np.generic) else value


def plain_classes(classes: np.ndarray) -> dict[str, Any]:
    """Classes for JSON.

    Raises:
        ConfigError: they are neither strings, numbers nor booleans.
    """
    listed = [plain(label) for label in classes.tolist()]
    if not all(isinstance(label, str | int | float | bool) for label in listed):
        raise ConfigError(f"only classes of str, int, float or bool can be saved; got {listed[0]!r}. Recode them")
    return {"values": listed, "dtype": "object" if classes.dtype == object else classes.dtype.str}


def restored_classes(saved: dict[str, Any]) -> np.ndarray:
    """The inverse of `plain_classes`."""
    return np.array(saved["values"], dtype=np.dtype(saved["dtype"]))
