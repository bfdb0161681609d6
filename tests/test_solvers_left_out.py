"""Ridge with rows left out: one decomposition says what as many fits would."""

from __future__ import annotations

import numpy as np
import pytest

from seqreprog.baselines.solvers import ridge_left_out


@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_what_fits_without_each_row_say(weighted: bool) -> None:
    draws = np.random.default_rng(0)
    inputs, target = draws.normal(size=(9, 30)), draws.normal(size=(9, 2))
    weight = draws.uniform(0.5, 2, 9) if weighted else np.ones(9)
    inputs = inputs - weight @ inputs / weight.sum()
    solution, level, left_out = ridge_left_out(inputs @ inputs.T, target, weight, [0.1])
    root = np.sqrt(weight)[:, None]
    penalty = 0.1 * np.linalg.eigvalsh(root * (inputs @ inputs.T) * root.T).mean()

    def fitted(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = weight[rows] / weight[rows].sum()
        middle, mean = share @ inputs[rows], share @ target[rows]
        away = inputs[rows] - middle
        gram = (away.T * weight[rows]) @ away + penalty * np.eye(30)
        weights = np.linalg.solve(gram, (away.T * weight[rows]) @ (target[rows] - mean))
        return weights, mean - middle @ weights

    weights, intercept = fitted(np.arange(9))
    np.testing.assert_allclose(inputs.T @ solution, weights, atol=1e-8)
    np.testing.assert_allclose(level, intercept, atol=1e-8)
    for row in range(9):
        weights, intercept = fitted(np.delete(np.arange(9), row))
        np.testing.assert_allclose(left_out[row], inputs[row] @ weights + intercept, atol=1e-8)


def test_the_penalty_that_loses_least_is_taken() -> None:
    draws = np.random.default_rng(1)
    inputs, noise = draws.normal(size=(40, 200)), draws.normal(size=(40, 1))
    inputs -= inputs.mean(0)
    solution = ridge_left_out(inputs @ inputs.T, noise, np.ones(40), [1e-5, 1e3])[0]
    assert np.abs(solution).max() < 1e-3  # there is nothing to learn
