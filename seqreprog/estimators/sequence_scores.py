"""Cross-validated scores of an estimator of sequences, its language model alone and the n-gram model, on one split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int

from ..baselines.ngram import fit_ngram
from ..baselines.solvers import probabilities
from ..data.groups import duplicate_groups, group_folds
from ..data.symbols import Symbols, read_sequences
from ..data.targets import read_classes, read_values
from ..data.texts import Texts, read_texts
from ..errors import ConfigError
from ..fit.fitted_sequence import SequenceBlend
from ..metrics.labels import class_report, value_report
from .sequence_estimator import SequenceEstimator, alphabet_for, owner_of, split_apart

WHOLE, ALONE, FLOOR = "seqreprog", "language model alone", "n-gram"


def score_sequences(
    make: Callable[[], SequenceEstimator],
    sequences: object,
    target: object,
    *,
    folds: int,
    seed: int,
    report: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Scores of answers that no model learned from; copies (and with `identity` near copies) are kept in one fold.

    With `base="linear"` the language model alone is scored too, from the same fits: see `pure_form`. The n-gram model
    stays as it is whatever the options say.

    Args:
        make: a fresh `SequenceClassifier` or `SequenceRegressor` each time.
        sequences: strings, as the estimators take them.
        target: classes, or values.
        folds: at least 2.
        seed: of the draw of the folds.
        report: told after each fold.

    Returns:
        A dict that can be printed as JSON: `models` (each score's mean and standard deviation over folds), `pooled`
        (of all answers together, with the confusion table), `classes`, and `weights` (of the language model, per fold).

    Raises:
        ConfigError: fewer than 2 folds, or an option of the estimator is outside its rule.
        DataError: sequences or target break a rule.
    """
    if folds < 2:
        raise ConfigError(f"folds must be at least 2; got {folds}")
    model = make()
    classify = hasattr(model, "predict_proba")
    config = model._config("classify" if classify else "regress")
    texts = read_texts(sequences)
    count = len(texts.values)
    aim = read_classes(target, count) if classify else read_values(target, count)
    reading = read_sequences(texts, alphabet_for(model, texts.values), on_unknown=model.on_unknown)
    kept, symbols, values = reading.kept, reading.symbols, aim.values[reading.kept]
    if classify:
        aim = read_classes(aim.classes[values], len(kept))  # a class may have been skipped whole
        values = aim.values
    copies, groups = duplicate_groups(symbols), split_apart(reading, None, count, config.identity)[0]
    names = (WHOLE, ALONE, FLOOR) if config.base == "linear" else (WHOLE, FLOOR)
    said = {name: np.zeros((len(kept), max(len(aim.classes), 1))) for name in names}
    parts, weights = group_folds(groups, values if classify else None, folds, seed), []
    for number, held in enumerate(parts, 1):
        train = np.setdiff1d(np.arange(len(kept)), held)
        fitted = make()
        fitted.fit(texts.take(kept[train]), aim.classes[values[train]] if classify else values[train])
        known = np.searchsorted(aim.classes, fitted.classes_) if classify else np.zeros(1, dtype=np.int64)
        for name, scores in _answers(fitted, texts.take(kept[held])).items():
            said[name][np.ix_(held, known)] = scores  # a rare class may be missing from a fold
        said[FLOOR][held] = floor(symbols, values, groups, train, held, len(aim.classes), seed)
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
    groups: Int[np.ndarray, " sequence"],
    train: Int[np.ndarray, " train"],
    test: Int[np.ndarray, " test"],
    columns: int,
    seed: int,
) -> np.ndarray:
    """Logistic (or for `columns=0` ridge) regression on n-grams, its penalty by five inner folds of `train`."""
    kept, apart, aim = symbols.take(train), groups[train], values[train]
    inner = group_folds(apart, aim if columns else None, min(5, len(np.unique(apart))), seed)
    if not columns:
        level = float(aim.mean())
        return level + fit_ngram(kept, aim - level, "regress", folds=inner).decision(symbols.take(test))
    present, numbers = np.unique(aim, return_inverse=True)
    found = np.zeros((len(test), columns))
    model = fit_ngram(kept, numbers.astype(np.int64), "classify", folds=inner)
    found[:, present] = probabilities("classify", model.decision(symbols.take(test)))
    return found


def pure_form(model: SequenceEstimator) -> SequenceBlend:
    """The fitted language model without its base, at its own temperature: to the bit what a fit with `base="none"` is.

    For theta and omega are found without the base, which only the weight brings in.
    """
    heat = model.summary_.own_temperature
    return replace(model._fitted(), base=None, weight=1.0, stretch=1.0, temperature=heat)


def _answers(model: SequenceEstimator, sequences: Texts) -> dict[str, np.ndarray]:
    """What a fitted model says, and beside a base what its language model says alone."""
    whole = model._fitted()
    read = model._reread(sequences, whole)
    forms = {WHOLE: whole} if whole.base is None else {WHOLE: whole, ALONE: pure_form(model)}
    if whole.config.task == "regress":
        return {name: form.values(read.symbols, owner_of(read))[:, None] for name, form in forms.items()}
    return {name: form.probabilities(read.symbols, owner_of(read)) for name, form in forms.items()}


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
