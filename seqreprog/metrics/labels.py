"""Textbook scores of classes, labels and values, numpy in, float out; `NaN` where a score is not defined.

Sources: Hanley and McNeil 1982 (AUC as a rank statistic), Hand and Till 2001 (over pairs of classes; here one against
the rest, averaged), Matthews 1975 and Gorodkin 2004 (MCC), Spearman 1904.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

TINY = 1e-15  # a probability of 0 would cost an infinite log loss


def auc(positive: Bool[np.ndarray, " row"], score: Float[np.ndarray, " row"]) -> float:
    """How often a positive scores higher than a negative; ties count half. `NaN` where one of them is absent."""
    from scipy.stats import rankdata

    ones = int(positive.sum())
    zeros = len(positive) - ones
    if not ones or not zeros:
        return float("nan")
    return float((rankdata(score)[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def class_auc(target: Int[np.ndarray, " row"], shares: Float[np.ndarray, "row class"]) -> float:
    """AUC of two classes; of more the mean over classes, each against the rest."""
    if shares.shape[1] == 2:
        return auc(target == 1, shares[:, 1])
    return _mean([auc(target == number, shares[:, number]) for number in range(shares.shape[1])])


def label_auc(target: Float[np.ndarray, "row label"], shares: Float[np.ndarray, "row label"]) -> float:
    """The mean AUC over labels, each over the rows where it is known."""
    found = []
    for column in range(target.shape[1]):
        known = np.isfinite(target[:, column])
        found.append(auc(target[known, column] == 1, shares[known, column]))
    return _mean(found)


def confusion(target: Int[np.ndarray, " row"], found: Int[np.ndarray, " row"], classes: int) -> np.ndarray:
    """Counts: a row for each true class, a column for each answer."""
    return np.bincount(target * classes + found, minlength=classes**2).reshape(classes, classes)


def matthews(table: np.ndarray) -> float:
    """The correlation of truth and answer from a confusion table, from -1 to 1; 0 where either never varies."""
    counts = table.astype(np.float64)
    total, right, true, said = counts.sum(), counts.trace(), counts.sum(1), counts.sum(0)
    spread = (total**2 - true @ true) * (total**2 - said @ said)
    return float((right * total - true @ said) / np.sqrt(spread)) if spread > 0 else 0.0


def log_loss(target: Int[np.ndarray, " row"], shares: Float[np.ndarray, "row class"]) -> float:
    """The mean of minus the log of the probability that the true class was given."""
    return float(-np.log(np.maximum(shares[np.arange(len(target)), target], TINY)).mean())


def spearman(target: Float[np.ndarray, " row"], found: Float[np.ndarray, " row"]) -> float:
    """The correlation of ranks; `NaN` where either never varies."""
    from scipy.stats import rankdata

    one, other = rankdata(target), rankdata(found)
    if one.std() == 0 or other.std() == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def class_report(target: Int[np.ndarray, " row"], shares: Float[np.ndarray, "row class"]) -> dict[str, Any]:
    """AUC, accuracy, MCC, log loss and the confusion table of one model."""
    table = confusion(target, shares.argmax(1), shares.shape[1])
    return {
        "AUC": class_auc(target, shares),
        "accuracy": float(table.trace() / table.sum()),
        "MCC": matthews(table),
        "log loss": log_loss(target, shares),
        "confusion": table.tolist(),
    }


def label_report(target: Float[np.ndarray, "row label"], shares: Float[np.ndarray, "row label"]) -> dict[str, Any]:
    """Mean AUC, and accuracy and log loss over the labels that are known."""
    known = np.isfinite(target)
    right = (shares > 0.5) == (target == 1)
    chance = np.where(target == 1, shares, 1 - shares)[known]
    return {
        "AUC": label_auc(target, shares),
        "accuracy": float(right[known].mean()),
        "log loss": float(-np.log(np.maximum(chance, TINY)).mean()),
    }


def value_report(target: Float[np.ndarray, " row"], found: Float[np.ndarray, " row"]) -> dict[str, Any]:
    """RMSE, MAE, Spearman's rank correlation and R2."""
    error, spread = found - target, float(((target - target.mean()) ** 2).sum())
    return {
        "RMSE": float(np.sqrt((error**2).mean())),
        "MAE": float(np.abs(error).mean()),
        "Spearman": spearman(target, found),
        "R2": 1 - float((error**2).sum()) / spread if spread > 0 else float("nan"),
    }


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
