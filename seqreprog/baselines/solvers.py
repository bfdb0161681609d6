"""Ridge and logistic regression, for a path of strengths at once: (W, b) each; and what their scores mean.

Source: Hoerl and Kennard 1970 (ridge), by one eigendecomposition; Cox 1958 (logistic), by scikit-learn's L-BFGS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from ..data.quiet import without_warnings
from ..errors import ConfigError

Task = Literal["classify", "multilabel", "regress"]
Path = list[tuple[np.ndarray, np.ndarray]]  # W [feature, column] and b [column] of each strength

_MAX_STEPS = 1000
_MAX_CLOSED = 6000  # rows or features; a Gram matrix of more takes minutes


def paths(
    task: Task,
    inputs: sp.csr_array | np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    strengths: Sequence[Sequence[float]],
    columns: int,
) -> Path:
    """W and b for each strength of the path; labels have a path each, of the same length."""
    if task == "regress":
        return ridge_path(inputs, target.reshape(-1), weight, strengths[0])
    if task == "classify":
        return logistic_path(inputs, target, weight, strengths[0], columns)
    labels = []
    for label, path in enumerate(strengths):
        seen = np.isfinite(target[:, label])
        labels.append(label_path(inputs[seen], target[seen, label], weight[seen], path))
    return [(np.stack([w for w, _ in one], axis=1), np.array([b for _, b in one])) for one in zip(*labels, strict=True)]


def held_out_scores(
    task: Task,
    inputs: sp.csr_array | np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    folds: Sequence[np.ndarray],
    strengths: Sequence[Sequence[float]],
    columns: int,
) -> Float[np.ndarray, "strength held column"]:
    """What every strength of the path says of the rows of each fold, learned without it; fold after fold."""
    scores = []
    for fold in folds:
        kept = np.setdiff1d(np.arange(inputs.shape[0]), fold)
        path = paths(task, inputs[kept], target[kept], weight[kept], strengths, columns)
        scores.append(np.stack([inputs[fold] @ w + b for w, b in path]))
    return np.concatenate(scores, 1)


def row_losses(task: Task, scores: np.ndarray, target: np.ndarray) -> Float[np.ndarray, "row solution"]:
    """Log loss (per label, `NaN` where it is missing) or squared error of each row."""
    if task == "regress":
        return (scores - target.reshape(-1, 1)) ** 2
    if task == "classify":
        return -log_shares(scores)[np.arange(len(target)), target][:, None]
    return np.where(np.isfinite(target), np.logaddexp(0.0, np.where(target == 1, -scores, scores)), np.nan)


def log_shares(scores: Float[np.ndarray, "row class"]) -> Float[np.ndarray, "row class"]:
    """Log probabilities of classes from log-odds: the logarithm of the softmax."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def probabilities(task: Task, scores: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "row column"]:
    """Scores as probabilities: softmax over classes, a sigmoid per label.

    Raises:
        ConfigError: regression has no probabilities.
    """
    if task == "regress":
        raise ConfigError("a regression has no probabilities; call predict")
    if task == "multilabel":
        return 0.5 * (1 + np.tanh(0.5 * scores))  # the sigmoid, without an exponential that could overflow
    return np.exp(log_shares(scores))


def ridge_path(
    inputs: sp.csr_array | np.ndarray, target: np.ndarray, weight: np.ndarray, strengths: Sequence[float]
) -> Path:
    """Every strength from one eigendecomposition, of features or of rows, whichever are fewer."""
    middle, level = weight @ inputs / weight.sum(), weight @ target / weight.sum()
    root = np.sqrt(weight)
    if min(inputs.shape) > _MAX_CLOSED:
        return [_iterated_ridge(inputs, target, weight, strength) for strength in strengths]
    primal = inputs.shape[1] <= inputs.shape[0]
    if primal:
        gram = _dense(inputs.T @ (inputs * weight[:, None])) - weight.sum() * np.outer(middle, middle)
        aim = inputs.T @ (weight * (target - level))
    else:
        shift = inputs @ middle
        gram = _dense(inputs @ inputs.T) - shift[:, None] - shift + middle @ middle
        gram, aim = gram * np.outer(root, root), root * (target - level)
    roots, basis = np.linalg.eigh(gram)
    turned, path = basis.T @ aim, []
    for strength in strengths:
        weights = basis @ (turned / (np.maximum(roots, 0.0) + 1 / strength))
        if not primal:
            weights = inputs.T @ (root * weights) - middle * (root @ weights)
        path.append((weights[:, None], np.array([level - middle @ weights])))
    return path


def _dense(product: sp.sparray | np.ndarray) -> np.ndarray:
    return product if isinstance(product, np.ndarray) else product.toarray()


def _iterated_ridge(
    inputs: sp.csr_array | np.ndarray, target: np.ndarray, weight: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=1 / strength, solver="sparse_cg", tol=1e-6).fit(inputs, target, sample_weight=weight)
    return model.coef_.reshape(-1, 1), np.reshape(model.intercept_, 1)


def ridge_left_out(
    gram: Float[np.ndarray, "row row"],
    target: Float[np.ndarray, "row column"],
    weight: Float[np.ndarray, " row"],
    penalties: Sequence[float],
) -> tuple[Float[np.ndarray, "row column"], Float[np.ndarray, " column"], Float[np.ndarray, "row column"]]:
    """Ridge with an intercept at the penalty that loses least on rows left out one by one, all without a second fit.

    Args:
        gram: `inputs @ inputs.T`, of inputs that were centred with `weight`.
        target: what to come near to.
        weight: of the rows, all above 0.
        penalties: candidates, in units of the mean eigenvalue.

    Returns:
        `a` and `b`, such that `inputs.T @ a` are the weights and `b` is the intercept; and what is said of each row
        without it.

    Source: Allen 1974 (PRESS), by one eigendecomposition (Golub et al. 1979).
    """
    root, total = np.sqrt(weight)[:, None], weight.sum()
    level = weight @ target / total
    aim = root * (target - level)
    roots, basis = np.linalg.eigh(gram * root * root.T)
    roots, turned = np.maximum(roots, 0.0), basis.T @ aim
    unit, best = max(float(roots.mean()), 1e-30), np.inf
    for penalty in penalties:
        shrink = roots / (roots + penalty * unit)
        free = np.maximum(1 - np.square(basis) @ shrink - weight / total, 1e-6)[:, None]
        error = (aim - basis @ (shrink[:, None] * turned)) / free
        if (lost := float(np.square(error).sum())) < best:
            best, left_out = lost, target - error / root
            solution = root * (basis @ (turned / (roots + penalty * unit)[:, None]))
    return solution, level, left_out


def logistic_path(
    inputs: sp.csr_array | np.ndarray, target: np.ndarray, weight: np.ndarray, strengths: Sequence[float], columns: int
) -> Path:
    """One softmax over all classes; a class that these rows lack gets no weights and the odds of half a row."""
    from sklearn.linear_model import LogisticRegression

    present = np.unique(target)
    count = np.bincount(target, weights=weight, minlength=columns)
    model = LogisticRegression(max_iter=_MAX_STEPS, warm_start=True)
    path = []
    for strength in strengths:
        weights, intercept = np.zeros((inputs.shape[1], columns)), np.log((count + 0.5) / (count.sum() + 0.5))
        if len(present) > 1:
            with without_warnings(UserWarning):  # of many classes, and of steps: held-out rows judge each strength
                model.set_params(C=strength).fit(inputs, target, sample_weight=weight)
            coef, bias = model.coef_, model.intercept_
            if len(present) == 2:  # scikit-learn then has one column, of the log-odds
                coef, bias = np.concatenate([-coef, coef]) / 2, np.concatenate([-bias, bias]) / 2
            weights[:, present] = coef.T
            level = intercept - intercept[present].mean()  # the absent ones stay as rare as they were
            intercept = level
            intercept[present] = bias
        path.append((weights, intercept))
    return path


def label_path(
    inputs: sp.csr_array | np.ndarray, target: np.ndarray, weight: np.ndarray, strengths: Sequence[float]
) -> list[tuple[np.ndarray, float]]:
    """One label; without both answers its odds are those counted, half a row added to each side."""
    pairs = logistic_path(inputs, target.astype(np.int64), weight, strengths, 2)
    if len(np.unique(target)) == 2:
        return [(w[:, 1] - w[:, 0], float(b[1] - b[0])) for w, b in pairs]
    yes, no = weight @ target, weight @ (1 - target)
    return [(np.zeros(inputs.shape[1]), float(np.log((yes + 0.5) / (no + 0.5))))] * len(strengths)
