"""The linear base of sequences: regularised n-gram or one-hot models, and every report's floor.

    scores = features(sequence) W + b

`features` are what n-grams (runs of 1 to `order` symbols) a sequence holds, wherever they stand, as TF-IDF or as log
counts; or, where all sequences are as long, which symbol stands at which place (one-hot). Classes and labels are
logistic (Cox 1958), values ridge regression (Hoerl and Kennard 1970). Features and penalty are chosen on held-out rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from ..data.grams import Features, Vocabulary, fit_vocabulary
from ..data.symbols import Symbols
from ..errors import CheckpointError, ConfigError, DataError
from .solvers import Task, paths, probabilities, row_losses

ORDERS = {"smiles": 4, "selfies": 4}  # an atom and its branch take more symbols than a residue and its neighbours
ORDER = 3
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # C of the logistic, 1 / alpha of the ridge; rising

# --- the model --------------------------------------------------------------------------------------------------------


class HeldOut(NamedTuple):
    """What the chosen setting said of rows that it was not fitted on.

    Attributes:
        rows: which training rows, rising.
        scores: as `NgramModel.decision` gives them.
    """

    rows: Int[np.ndarray, " held"]
    scores: Float[np.ndarray, "held column"]


@dataclass(frozen=True, eq=False)
class NgramModel:
    """A fitted base; see the equation at the top of this file.

    Attributes:
        task: `"classify"` (a column per class), `"multilabel"` (per label), `"regress"` (one).
        vocabulary: `features`.
        weights: `W`.
        intercept: `b`.
        strengths: the chosen C or 1 / alpha, one per label, else one.
        loss: of each candidate on the held-out rows, by name; empty where nothing was held out.
        held_out: scores for the blend; not saved.
    """

    task: Task
    vocabulary: Vocabulary
    weights: Float[np.ndarray, "feature column"]
    intercept: Float[np.ndarray, " column"]
    strengths: tuple[float, ...]
    loss: Mapping[str, float]
    held_out: HeldOut | None = None

    def decision(self, symbols: Symbols) -> Float[np.ndarray, "sequence column"]:
        """Log-odds (up to a constant per row for classes), or the value itself for regression."""
        return self.vocabulary.transform(symbols) @ self.weights + self.intercept

    def predict_proba(self, symbols: Symbols) -> Float[np.ndarray, "sequence column"]:
        """The probability of each class (rows sum to 1) or of each label.

        Raises:
            ConfigError: the base was fitted for regression.
        """
        return probabilities(self.task, self.decision(symbols))

    def predict(self, symbols: Symbols) -> np.ndarray:
        """The class of each sequence, 0 or 1 per label, or the value."""
        scores = self.decision(symbols)
        if self.task == "classify":
            return scores.argmax(axis=1)
        return (scores > 0).astype(np.int64) if self.task == "multilabel" else scores[:, 0]

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The model as plain arrays and a dict that JSON can hold; `held_out` is left out."""
        words = self.vocabulary
        arrays = {"codes": words.codes, "idf": words.idf, "weights": self.weights, "intercept": self.intercept}
        described = {"features": words.features, "order": words.order, "length": words.length}
        return arrays, {"task": self.task, **described, "strengths": list(self.strengths), "loss": dict(self.loss)}


def from_state(arrays: Mapping[str, np.ndarray], described: Mapping[str, Any]) -> NgramModel:
    """The model that `state` was taken of: it answers with the same bits.

    Raises:
        CheckpointError: something is missing or of another shape.
    """
    try:
        codes, idf, weights, intercept = (arrays[name] for name in ("codes", "idf", "weights", "intercept"))
        task, features = described["task"], described["features"]
        words = Vocabulary(features, described["order"], codes, idf, described["length"])
        strengths, loss = tuple(described["strengths"]), dict(described["loss"])
    except KeyError as error:
        raise CheckpointError(f"the saved n-gram base has no {error.args[0]!r}. Save the model anew") from error
    if task not in get_args(Task) or features not in get_args(Features):
        raise CheckpointError(f"the saved n-gram base has {task=} and {features=}, which are unknown. Save it anew")
    if not (weights.shape == (len(codes), len(intercept)) and len(idf) == len(codes)):
        raise CheckpointError(
            f"the saved n-gram base has weights of shape {weights.shape} for {len(codes)} n-grams and {len(intercept)} "
            "columns. Save the model anew"
        )
    return NgramModel(task, words, weights, intercept, strengths, loss)


# --- fitting ----------------------------------------------------------------------------------------------------------


def fit_ngram(
    symbols: Symbols,
    target: np.ndarray,
    task: Task,
    *,
    validation: Int[np.ndarray, " held"] | None = None,
    folds: Sequence[Int[np.ndarray, " _"]] | None = None,
    class_weight: Mapping[int, float] | Literal["balanced"] | None = None,
    sample_weight: Float[np.ndarray, " sequence"] | None = None,
    features: Sequence[Features] | None = None,
    order: int | None = None,
    strengths: Sequence[float] = STRENGTHS,
) -> NgramModel:
    """Chooses features and penalty on held-out rows, then fits them to all rows. Nothing is drawn: no seed.

    The penalty of the least held-out log loss (squared error) is taken, each label's its own; and the first of the
    features, unless others lose less by more than a standard error (of few rows the least is luck). With
    nothing held out, the first features and the strength 10 (ridge: 1) are taken, or the nearest given.

    Args:
        symbols: the sequences.
        target: classes 0 to n - 1, one per sequence; 0, 1 or `NaN` (missing) per sequence and label; or values.
        task: what `target` is.
        validation: the rows to choose on.
        folds: instead, the rows of each fold, each held out in its turn.
        class_weight: a weight per class, or `"balanced"` (rows / (classes * rows of the class)).
        sample_weight: a weight per sequence, at least 0.
        features: the candidates, the preferred one first. By default one-hot where all sequences are as long, TF-IDF,
            and for regression counts.
        order: the longest n-gram; 4 for SMILES and SELFIES, else 3.
        strengths: candidates for C (ridge: 1 / alpha), above 0.

    Raises:
        ConfigError: no candidates, an unknown one, or both `validation` and `folds`.
        DataError: target or weights are not one per sequence, or training would be left without rows.
    """
    aligned = len(symbols) > 0 and bool((symbols.lengths == symbols.lengths[0]).all())
    if features is None:
        ngrams: tuple[Features, ...] = ("tfidf", "counts") if task == "regress" else ("tfidf",)
        features = ("onehot", *ngrams) if aligned else ngrams
    rows = _held_rows(len(symbols), validation, folds)
    _check(symbols, target, task, features, strengths, aligned)
    order = order or ORDERS.get(symbols.alphabet.kind, ORDER)
    columns = int(target.max()) + 1 if task == "classify" else (target.shape[1] if target.ndim == 2 else 1)
    weight = _weights(target, task, class_weight, sample_weight)
    problem = _Problem(symbols, target, task, columns, weight, order, tuple(sorted(strengths)))
    if not rows:
        strength = min(problem.strengths, key=lambda s: abs(np.log(s / (1.0 if task == "regress" else 10.0))))
        return problem.fit(features[0], (strength,) * (columns if task == "multilabel" else 1), {})
    trials = {name: problem.trial(name, rows) for name in features}
    best = _clearly_best(trials)
    place = trials[best].place
    losses: dict[str, float] = {name: trial.best for name, trial in trials.items()}
    model = problem.fit(best, tuple(problem.strengths[p] for p in place), losses)
    chosen = trials[best].scores[place, :, np.arange(len(place))] if task == "multilabel" else None
    scores = trials[best].scores[place[0]] if chosen is None else chosen.T
    held = np.concatenate(rows)
    rising = np.argsort(held, kind="stable")
    return replace(model, held_out=HeldOut(held[rising], scores[rising]))


@dataclass(frozen=True, eq=False)
class _Trial:
    """One candidate on the held-out rows."""

    row_loss: np.ndarray  # [strength, held row, label or 1]: weight * loss, NaN where the label is missing
    weight: np.ndarray  # [held row]
    scores: np.ndarray  # [strength, held row, column]

    @property
    def loss(self) -> np.ndarray:
        """[strength, label or 1]: the weighted mean; 0 for a label with no held-out row."""
        mass = np.where(np.isfinite(self.row_loss[0]), self.weight[:, None], 0.0).sum(axis=0)
        return np.divide(
            np.nansum(self.row_loss, axis=1), mass, out=np.zeros(self.row_loss[:, 0].shape), where=mass > 0
        )

    @property
    def place(self) -> np.ndarray:
        """The best strength of each label."""
        return self.loss.argmin(axis=0)

    @property
    def best(self) -> float:
        return float(self.loss.min(axis=0).mean())

    @property
    def rows(self) -> np.ndarray:
        """What each held-out row loses at the best strengths."""
        return np.nansum(self.row_loss[self.place, :, np.arange(len(self.place))], axis=0)


def _clearly_best(trials: Mapping[Features, _Trial]) -> Features:
    """The first candidate, unless another's loss is less by more than a standard error of the paired difference."""
    best, *others = trials
    for other in others:
        gain = trials[best].rows - trials[other].rows
        if gain.mean() > gain.std() / np.sqrt(len(gain)) and trials[other].best < trials[best].best:
            best = other
    return best


@dataclass(frozen=True, eq=False)
class _Problem:
    symbols: Symbols
    target: np.ndarray
    task: Task
    columns: int
    weight: np.ndarray
    order: int
    strengths: tuple[float, ...]

    def trial(self, features: Features, rows: Sequence[np.ndarray]) -> _Trial:
        """Every strength on the held-out rows of every fold, fitted without them."""
        parts = []
        for held in rows:
            kept = np.setdiff1d(np.arange(len(self.symbols)), held)
            words = fit_vocabulary(self.symbols.take(kept), features, self.order)
            inputs, tests = words.transform(self.symbols.take(kept)), words.transform(self.symbols.take(held))
            path = self._path(inputs, self.target[kept], self.weight[kept], [self.strengths] * self._solutions)
            parts.append(np.stack([tests @ weights + intercept for weights, intercept in path]))
        scores, held = np.concatenate(parts, axis=1), np.concatenate(rows)
        loss = np.stack([row_losses(self.task, one, self.target[held]) for one in scores])
        return _Trial(loss * self.weight[held, None], self.weight[held], scores)

    def fit(self, features: Features, strengths: tuple[float, ...], loss: Mapping[str, float]) -> NgramModel:
        words = fit_vocabulary(self.symbols, features, self.order)
        path = self._path(words.transform(self.symbols), self.target, self.weight, [(one,) for one in strengths])
        return NgramModel(self.task, words, *path[0], strengths, loss)

    @property
    def _solutions(self) -> int:
        return self.columns if self.task == "multilabel" else 1

    def _path(
        self, inputs: sp.csr_array, target: np.ndarray, weight: np.ndarray, strengths: Sequence[tuple[float, ...]]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        return paths(self.task, inputs, target, weight, strengths, self.columns)


def _weights(target: np.ndarray, task: Task, class_weight: Any, sample_weight: np.ndarray | None) -> np.ndarray:
    weight = np.ones(len(target)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (len(target),) or not (weight >= 0).all() or not weight.any():
        raise DataError(f"sample_weight must be one number of at least 0 per sequence; got shape {weight.shape}")
    if class_weight is None:
        return weight
    if task != "classify":
        raise ConfigError(f"class_weight is for classes; got {class_weight!r} with task={task!r}. Pass sample_weight")
    count = np.bincount(target)
    if class_weight == "balanced":
        return weight * (len(target) / (np.count_nonzero(count) * np.maximum(count, 1)))[target]
    return weight * np.array([class_weight.get(label, 1.0) for label in range(len(count))])[target]


def _held_rows(size: int, validation: np.ndarray | None, folds: Sequence[np.ndarray] | None) -> list[np.ndarray]:
    if validation is not None and folds is not None:
        raise ConfigError("validation and folds exclude each other; pass one")
    rows = list(folds) if folds is not None else ([] if validation is None else [validation])
    rows = [held for held in rows if len(held)]
    if any(len(np.unique(held)) >= size for held in rows):
        raise DataError(f"all {size} sequences are held out and none is left to fit. Hold out fewer")
    return rows


def _check(
    symbols: Symbols, target: np.ndarray, task: Task, features: Sequence[str], strengths: Sequence[float], aligned: bool
) -> None:
    if len(target) != len(symbols) or not len(symbols):
        raise DataError(f"target must be one per sequence; got {len(target)} for {len(symbols)} sequences")
    if not features or not set(features) <= set(get_args(Features)):
        raise ConfigError(f"features must be some of {list(get_args(Features))}; got {list(features)}")
    if "onehot" in features and not aligned:
        raise ConfigError("features 'onehot' needs sequences of one length; align them or leave it out")
    if not len(strengths) or min(strengths) <= 0:
        raise ConfigError(f"strengths must be above 0 and not empty; got {list(strengths)}")
    if task == "multilabel" and target.ndim != 2:
        raise DataError(f"a multilabel target has a column per label; got shape {target.shape}")
    if task == "classify" and (target.ndim != 1 or not np.issubdtype(target.dtype, np.integer)):
        raise DataError(f"classes must be integers, one per sequence; got {target.dtype} of shape {target.shape}")
