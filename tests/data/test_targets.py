"""Targets: every container, what is missing, and what is no target. Refusals stand in test_sequence_errors.py too."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seqreprog.data.targets import (
    class_weights,
    is_table,
    read_classes,
    read_groups,
    read_labels,
    read_values,
    read_weights,
)
from seqreprog.errors import DataError, InputTypeError


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a", "b"], ["a", "b"]),
        (pd.Series(["b", "a", "b"], dtype="string"), ["a", "b"]),
        (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"]),
        (pd.Series([True, False, True], dtype="boolean"), [False, True]),
        (np.array([[2], [1], [2]]), [1, 2]),
        (pd.Series([2, 1, 2], dtype="Int64"), [1, 2]),
        ([2.0, 1, 2], [1.0, 2.0]),
    ],
)
def test_classes_from_every_container(labels: object, classes: list) -> None:
    found = read_classes(labels, 3)
    assert found.classes.tolist() == classes
    assert found.values.tolist() == [1, 0, 1]


def test_classes_of_two_types_are_named() -> None:
    with pytest.raises(DataError, match="labels must be of one type; got int and str"):
        read_classes(["a", 1], 2)
    with pytest.raises(InputTypeError, match="got str"):
        read_classes("ab", 2)


@pytest.mark.parametrize("labels", [[("a",), ("a", "b")], [{"a"}, {"a", "b"}], pd.Series([["a"], ["b"]])])
def test_several_names_in_one_label_are_refused(labels: object) -> None:
    with pytest.raises(DataError, match=r"a label must be one name; row 0 holds .*'a'.* \(2 such rows\).*Binarizer"):
        read_classes(labels, 2)


def test_missing_values_of_pandas() -> None:
    with pytest.raises(DataError, match=r"1 of 2 labels are missing, NaN or None \(row 1\)"):
        read_classes(pd.Series(["a", None], dtype="string"), 2)
    with pytest.raises(DataError, match=r"1 of 2 values are missing, NaN or None \(row 0\)"):
        read_values(pd.Series([None, 1], dtype="Int64"), 2)


def test_tables() -> None:
    assert is_table(np.zeros((3, 2)))
    assert is_table([[0, 1], [1, None]])
    assert not is_table(np.zeros((3, 1)))
    found = read_labels([[0, 1], [1, None], [True, 0.0]], 3)
    np.testing.assert_array_equal(found.values, [[0, 1], [1, np.nan], [1, 0]])
    assert found.classes.tolist() == [0, 1]
    cells = [[np.int64(0), np.float32(1)], [np.bool_(True), np.nan]]
    np.testing.assert_array_equal(read_labels(np.array(cells, dtype=object), 2).values, [[0, 1], [1, np.nan]])


def test_weights_and_groups() -> None:
    np.testing.assert_array_equal(read_weights(None, 2), [1, 1])
    assert read_groups(["x", 1, "x"], 3).tolist() == [1, 0, 1]
    target = read_classes([0, 0, 0, 1], 4)
    np.testing.assert_allclose(class_weights("balanced", target), [4 / 6, 2])
    np.testing.assert_array_equal(class_weights({1: 3}, target), [1, 3])
