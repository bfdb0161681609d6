"""Quantiles at any level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

pytest.importorskip("sktime")

from seqreprog.sktime.quantiles import quantiles_at

LEVELS = (0.05, 0.25, 0.75, 0.95)


def test_a_normal_distribution_is_given_back_exactly() -> None:
    asked = [0.001, 0.05, 0.1, 0.4, 0.5, 0.9, 0.95, 0.999]
    found = quantiles_at(asked, LEVELS, np.full((1, 1), 3.0), 3 + 2 * norm.ppf(LEVELS)[None, None])
    np.testing.assert_allclose(found[0, 0], 3 + 2 * norm.ppf(asked), rtol=1e-12)


def test_fitted_levels_and_the_middle_are_exact() -> None:
    fitted, point = np.array([[[-5.0, -1.0, 2.5, 9.1]]]), np.array([[0.3]])
    asked = [0.95, 0.5, 0.05, 0.25, 0.75]
    assert quantiles_at(asked, LEVELS, point, fitted)[0, 0].tolist() == [9.1, 0.3, -5.0, -1.0, 2.5]


@given(st.lists(st.floats(0, 10), min_size=4, max_size=4), st.lists(st.floats(0.001, 0.999), min_size=2, unique=True))
def test_they_never_cross(widths: list[float], asked: list[float]) -> None:
    far, near, above, top = widths
    fitted = np.array([[[-near - far, -near, above, above + top]]])
    found = quantiles_at(sorted(asked), LEVELS, np.zeros((1, 1)), fitted)[0, 0]
    assert (np.diff(found) >= -1e-9).all()


def test_no_width_is_no_width_anywhere() -> None:
    assert (quantiles_at([0.001, 0.6], LEVELS, np.ones((1, 1)), np.ones((1, 1, 4))) == 1).all()
