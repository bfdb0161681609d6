"""Instances of unequal length: what is read is what was given."""

from __future__ import annotations

import numpy as np
import pytest

from seqreprog.data.instances import read_instances

ROWS = [np.arange(6.0).reshape(2, 3), np.array([[7.0], [np.nan]]), np.arange(10.0).reshape(2, 5)]


def test_each_instance_comes_back_padded_at_its_end() -> None:
    values, observed = read_instances(ROWS).padded(np.array([2, 1]))
    assert values.shape == observed.shape == (2, 2, 5)
    np.testing.assert_array_equal(values[0], ROWS[2])
    np.testing.assert_array_equal(values[1], [[7, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    assert observed.sum() == 11


def test_taking_keeps_order_and_lengths() -> None:
    taken = read_instances(ROWS).take(np.array([1, 0]))
    assert taken.lengths.tolist() == [1, 3] and taken.channels == 2
    np.testing.assert_array_equal(taken.values[1:].T, ROWS[0])


def test_arrays_and_lists_are_the_same() -> None:
    table = np.random.default_rng(0).normal(size=(4, 7))
    found = [read_instances(each) for each in (table, table[:, None], list(table))]
    for each in found[1:]:
        np.testing.assert_array_equal(each.values, found[0].values)


def test_scales_leave_out_what_is_missing_and_constants_alone() -> None:
    mean, spread = read_instances([np.array([[1.0, np.nan, 3.0], [1e9, 1e9, 1e9]])]).scales()
    np.testing.assert_allclose(mean, [2, 1e9])
    np.testing.assert_allclose(spread, [1, 1])


@pytest.mark.parametrize("words", ["3 axes"])
def test_an_instance_of_too_many_axes_is_refused(words: str) -> None:
    with pytest.raises(TypeError, match=words):
        read_instances([np.ones((1, 2, 3))])
