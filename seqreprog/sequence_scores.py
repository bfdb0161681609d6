"""Cross-validated scores of an estimator of sequences beside the n-gram model, on the same folds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int

from .data.groups import duplicate_groups, group_folds
from .data.symbols import Symbols, read_sequences
from .data.targets import read_classes, read_values
from .errors import ConfigError
from .evaluation.class_metrics import class_report, value_report
from .ngram import fit_ngram
from .sequence_estimator import SequenceEstimator, alphabet_for
from .solvers import probabilities

FLOOR = "n-gram"


def score_sequences(
    make: Callable[[], SequenceEstimator],
    texts: list[str],
    target: object,
    *,
    folds: int,
    seed: int,
    report: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Scores of answers that no model learned from; copies are kept in one fold.

    Args:
        make: a fresh `SequenceClassifier` or `SequenceRegressor` each time.
        texts: the sequences.
        target: classes, or values.
        folds: at least 2.
        seed: of the draw of the folds.
        report: told after each fold.

    Returns:
        A dict that can be printed as JSON: `models` (each score's mean and standard deviation over folds), `pooled`
        (of all answers together, with the confusion table), `classes`, and `weights` (of the language model, per fold).

    Raises:
        ConfigError: fewer than 2 folds.
        DataError: sequences or target break a rule.
    """
    if folds < 2:
        raise ConfigError(f"folds must be at least 2; got {folds}")
    model = make()
    classify = hasattr(model, "predict_proba")
    aim = read_classes(target, len(texts)) if classify else read_values(target, len(texts))
    columns = len(aim.classes) if classify else 1
    reading = read_sequences(texts, alphabet_for(model, texts), on_unknown=model.on_unknown)
    kept, symbols, values = reading.kept, reading.symbols, aim.values[reading.kept]
    copies = duplicate_groups(symbols)
    said = {name: np.empty((len(kept), columns)) for name in ("seqreprog", FLOOR)}
    parts, weights = group_folds(copies, values if classify else None, folds, seed), []
    for number, held in enumerate(parts, 1):
        train = np.setdiff1d(np.arange(len(kept)), held)
        fitted = make()
        fitted.fit([texts[row] for row in kept[train]], values[train])
        tests = [texts[row] for row in kept[held]]
        said["seqreprog"][held] = _answers(fitted, tests, values[train], columns)
        said[FLOOR][held] = floor(symbols, values, train, held, columns if classify else 0, seed)
        weights.append(fitted.summary_.weight)
        if report:
            report(f"fold {number} of {folds}: {fitted.summary_.verdict}")
    return {
        "sequences": len(kept),
        "copies": len(kept) - len(np.unique(copies)),
        "folds": folds,
        "models": {name: _over_folds(values, scores, parts, classify) for name, scores in said.items()},
        "pooled": {name: _report(values, scores, classify) for name, scores in said.items()},
        "classes": [str(label) for label in aim.classes],
        "weights": weights,
    }


def floor(
    symbols: Symbols,
    values: np.ndarray,
    train: Int[np.ndarray, " train"],
    test: Int[np.ndarray, " test"],
    columns: int,
    seed: int,
) -> np.ndarray:
    """Logistic (or for `columns=0` ridge) regression on n-grams, its penalty by five inner folds of `train`."""
    kept = symbols.take(train)
    copies = duplicate_groups(kept)
    aim = values[train]
    inner = group_folds(copies, aim if columns else None, min(5, len(np.unique(copies))), seed)
    if not columns:
        level = float(aim.mean())
        return level + fit_ngram(kept, aim - level, "regress", folds=inner).decision(symbols.take(test))
    present, numbers = np.unique(aim, return_inverse=True)
    found = np.zeros((len(test), columns))
    model = fit_ngram(kept, numbers.astype(np.int64), "classify", folds=inner)
    found[:, present] = probabilities("classify", model.decision(symbols.take(test)))
    return found


def _answers(model: Any, texts: list[str], train: np.ndarray, columns: int) -> np.ndarray:
    if not hasattr(model, "predict_proba"):
        return model.predict(texts)[:, None]
    found = np.zeros((len(texts), columns))
    found[:, np.unique(train)] = model.predict_proba(texts)  # a rare class may be missing from a fold
    return found


def _report(values: np.ndarray, scores: np.ndarray, classify: bool) -> dict[str, Any]:
    return class_report(values, scores) if classify else value_report(values, scores[:, 0])


def _over_folds(
    values: np.ndarray, scores: np.ndarray, parts: list[np.ndarray], classify: bool
) -> dict[str, dict[str, float]]:
    found = [_report(values[held], scores[held], classify) for held in parts]
    names = [name for name, value in found[0].items() if isinstance(value, float)]
    table = {name: np.array([one[name] for one in found]) for name in names}
    return {
        name: {
            "mean": float(np.nanmean(each)) if np.isfinite(each).any() else float("nan"),
            "std": float(np.nanstd(each)),
        }
        for name, each in table.items()
    }
