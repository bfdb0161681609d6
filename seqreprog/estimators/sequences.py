"""SequenceClassifier and SequenceRegressor: strings in, classes or values out; scikit-learn's contract."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import ClassifierMixin, RegressorMixin
from tqdm.auto import tqdm

from ..config.sequence import Kind, Method, Output, SequenceBase, SequenceOptions
from ..data.symbols import OnUnknown
from ..data.targets import (
    ClassWeight,
    Target,
    class_weights,
    is_table,
    plain_classes,
    read_classes,
    read_labels,
    read_values,
    read_weights,
    restored_classes,
)
from ..data.texts import read_texts
from ..errors import ConfigError, DataError, Notice, name_some
from ..fit.fitted_sequence import SequenceBlend
from ..metrics.labels import class_report, label_report, value_report
from .sequence_estimator import SequenceEstimator, column_of, owner_of


class SequenceClassifier(ClassifierMixin, SequenceEstimator):
    """Classifies proteins, DNA, molecules or other strings with a frozen language model, reprogrammed for them.

        f_T(x) = h_omega( f_S( h_theta(x) ) ),    log-odds = base(x) + weight * (f_T(x) - base(x))

    `f_S` is the frozen language model, `h_theta` the `method`, `h_omega` the `output` (Chen 2022, arXiv 2202.10629).
    Theta and omega alone are saved. By default theta stays as it was drawn and omega is solved in closed form, on the
    states of every layer of `f_S`; `SequenceOptions(training=Training(mode="train"))` trains both by gradient, as all
    methods but `"prototype"` and all outputs but the head are. `base(x)` is a regularised n-gram model; the weight is
    above 0 where the language model proves on held-out examples that it helps. Fewer than 500 examples cannot tell
    weights apart: there it is a half, or 0 where that loses more than the n-gram model.

    Args:
        kind: `"protein"`, `"dna"`, `"rna"`, `"smiles"`, `"selfies"`, or `"custom"` with `alphabet`.
        alphabet: the symbols of `kind="custom"`; for molecules those of an earlier model, else found in `fit`, and
            others are read by `predict` as the mask, with a notice.
        method: h_theta: `"prototype"`, `"dictionary"`, `"soft_prompt"`, `"perturbation"` or `"rewriter"`.
        output: h_omega: `"head"`, `"verbaliser"`, `"words"`, or a label map: `"random"`, `"frequency"`, `"iterative"`.
        backbone: `"minilm"`, a local directory, or any Hugging Face id.
        layers: keep only the first layers of the backbone; `None` keeps all.
        base: `"linear"`, or `"none"` for the pure form.
        on_unknown: of symbols outside the alphabet, and of those of an invalid SMILES that are misplaced (a branch or
            ring bond without its other end, a bond without an atom): `"error"`, read them as `"mask"`, or `"skip"` such
            sequences in `fit` (`predict` answers for every sequence and reads them as the mask).
        class_weight: `None`, `"balanced"`, or a weight for each class.
        peft: `True` (LoRA) or any peft config trains an adapter inside the backbone too, which is then not frozen.
        options: everything else: patches, prompt, adapter, training.
        random_state: of everything random; the caller's random state is never touched.

    Attributes:
        classes_: the classes in order; with several labels their names (the columns of `y`) or numbers.
        summary_: what `fit` did, and what each part contributes on held-out examples.
        sequence_col_: the column of sequences that `fit` was given, where it has a name; `seqreprog predict` reads it.
    """

    artifact = "sequence-classifier"
    classes_: np.ndarray

    def __init__(
        self,
        *,
        kind: Kind = "protein",
        alphabet: str | Sequence[str] | None = None,
        method: Method = "prototype",
        output: Output = "head",
        backbone: str | Path = "minilm",
        layers: int | None = 4,
        base: SequenceBase = "linear",
        on_unknown: OnUnknown = "error",
        class_weight: ClassWeight = None,
        peft: object = None,
        options: SequenceOptions | None = None,
        random_state: object = 0,
    ) -> None:
        super().__init__(
            kind=kind,
            alphabet=alphabet,
            method=method,
            backbone=backbone,
            layers=layers,
            base=base,
            on_unknown=on_unknown,
            peft=peft,
            options=options,
            random_state=random_state,
        )
        self.output = output
        self.class_weight = class_weight

    def fit(self, X: object, y: object, sample_weight: object = None, groups: object = None) -> SequenceClassifier:
        """Fits on strings and their classes, or on a table of labels (0, 1 or `NaN`) with a column for each.

        Args:
            X: a list, array or Series of str.
            y: a class for each; or several labels that exclude nothing, some of which may be missing.
            sample_weight: what each sequence counts.
            groups: sequences that must not be on both sides of a held-out split; copies never are.

        Raises:
            DataError: `X` or `y` breaks a rule; the message says which row, and what to do.
            ConfigError: an argument of the constructor is outside its rule.
        """
        count = len(read_texts(X).values)
        several = is_table(y)
        config = self._config("multilabel" if several else "classify")
        target = read_labels(y, count) if several else read_classes(y, count)
        weight = read_weights(sample_weight, count)
        if not several:
            weight = weight * class_weights(self.class_weight, target)[target.values]
        elif self.class_weight is not None:
            raise ConfigError(f"class_weight is for classes, not for several labels; got {self.class_weight!r}")
        reading = self._read(X, config)
        if not several and len(np.unique(target.values[reading.kept])) < len(target.classes):
            target = _renamed(target, reading.kept)
        examples, said = self._examples(config, reading, target, weight, groups)
        self._fit(config, examples, [*reading.notices, *target.notices, *said], self.peft)
        self.classes_, self.sequence_col_ = target.classes, column_of(X)
        return self

    def predict_proba(self, X: object) -> Float[np.ndarray, "sequence class"]:
        """The calibrated probability of each class, in the order of `classes_`, or of each label."""
        blend = self._fitted()
        read = self._reread(X, blend)
        with _bar(blend, len(read.symbols)) as bar:
            return blend.probabilities(read.symbols, owner_of(read), progress=bar.update)

    def predict(self, X: object) -> np.ndarray:
        """The likeliest class of each sequence, or 0 and 1 for each label."""
        shares = self.predict_proba(X)
        if self._fitted().config.task == "multilabel":
            return (shares > 0.5).astype(np.int64)
        return self.classes_[shares.argmax(1)]

    def score(self, X: object, y: object, sample_weight: object = None) -> float:
        """Accuracy; with several labels over those that are known.

        Raises:
            DataError: no label of `y` is a class of `fit`.
        """
        shares = self.predict_proba(X)
        weight = read_weights(sample_weight, len(shares))
        if self._fitted().config.task == "multilabel":
            known = self._known_labels(y, len(shares)).values
            right, counts = (shares > 0.5) == (known == 1), weight[:, None] * np.isfinite(known)
            return float((right * counts).sum() / counts.sum())
        right = shares.argmax(1) == self._known_classes(y, len(shares))
        return float((right * weight).sum() / weight.sum())

    def report(self, X: object, y: object) -> dict[str, Any]:
        """AUC, accuracy, MCC, log loss and the confusion table (rows: truth); of labels their mean over known ones."""
        shares = self.predict_proba(X)
        if self._fitted().config.task == "multilabel":
            return label_report(self._known_labels(y, len(shares)).values, shares)
        truth = self._known_classes(y, len(shares))
        seen = truth >= 0
        return {**class_report(truth[seen], shares[seen]), "classes": plain_classes(self.classes_)["values"]}

    def _known_classes(self, y: object, count: int) -> np.ndarray:
        """The number of each class; -1, with a notice, for one that `fit` never saw."""
        labels = _labels(y, count)
        numbers = {label: number for number, label in enumerate(self.classes_.tolist())}
        found = np.array([numbers.get(label, -1) for label in labels], dtype=np.int64)
        strange = sorted({str(label) for label in labels if label not in numbers})
        if strange and (found < 0).all():
            kinds = f"{type(labels[0]).__name__} for {type(self.classes_.tolist()[0]).__name__}"
            raise DataError(
                f"no label is a class that fit saw: got {name_some(strange)} ({kinds}), fit saw "
                f"{name_some(self.classes_)}. Convert the labels"
            )
        if strange:
            said = f"{int((found < 0).sum())} of {count} labels were never seen by fit ({name_some(strange)})"
            warnings.warn(f"{said}: they count as wrong in the score, and not at all in a report", Notice, stacklevel=3)
        return found

    def _known_labels(self, y: object, count: int) -> Target:
        found = read_labels(y, count)
        if found.values.shape[1] != len(self.classes_):
            raise DataError(f"y has {found.values.shape[1]} labels; fit saw {len(self.classes_)}")
        named, known = found.classes.tolist(), self.classes_.tolist()
        if not all(isinstance(name, str) for name in (*named, *known)):
            return found  # numbered by one of them: in the order of fit
        if sorted(named) != sorted(known):
            raise DataError(f"y has the labels {named}; fit saw {known}. Pass the same columns")
        return found._replace(values=found.values[:, [named.index(name) for name in known]], classes=self.classes_)

    def _answers(self) -> dict[str, Any]:
        return {"classes": plain_classes(self.classes_)}

    def _restore_answers(self, answers: dict[str, Any]) -> None:
        self.classes_ = restored_classes(answers["classes"])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class SequenceRegressor(RegressorMixin, SequenceEstimator):
    """Predicts a value of each string with a frozen language model, reprogrammed for it; see `SequenceClassifier`.

    Args:
        kind: as in `SequenceClassifier`, and so all others.
        alphabet: as there.
        method: as there.
        backbone: as there.
        layers: as there.
        base: `"linear"` (ridge regression on n-grams), or `"none"` for the pure form.
        on_unknown: as there.
        peft: as there.
        options: as there.
        random_state: as there.

    Attributes:
        summary_: what `fit` did, and what each part contributes on held-out examples.
    """

    artifact = "sequence-regressor"

    def fit(self, X: object, y: object, sample_weight: object = None, groups: object = None) -> SequenceRegressor:
        """Fits on strings and a number for each; arguments and errors as in `SequenceClassifier.fit`."""
        count = len(read_texts(X).values)
        config = self._config("regress")
        target, weight = read_values(y, count), read_weights(sample_weight, count)
        reading = self._read(X, config)
        examples, said = self._examples(config, reading, target, weight, groups)
        self._fit(config, examples, [*reading.notices, *said], self.peft)
        self.sequence_col_ = column_of(X)
        return self

    def predict(self, X: object) -> Float[np.ndarray, " sequence"]:
        """The value of each sequence."""
        blend = self._fitted()
        read = self._reread(X, blend)
        with _bar(blend, len(read.symbols)) as bar:
            return blend.values(read.symbols, owner_of(read), progress=bar.update)

    def report(self, X: object, y: object) -> dict[str, Any]:
        """RMSE, MAE, Spearman's rank correlation and R2."""
        found = self.predict(X)
        return value_report(read_values(y, len(found)).values, found)


def _renamed(target: Target, kept: np.ndarray) -> Target:
    """The classes that are left once sequences were skipped.

    Raises:
        DataError: fewer than two are.
    """
    left = np.unique(target.values[kept])
    if len(left) < 2:
        raise DataError(
            f"only sequences of class {str(target.classes[left[0]])!r} are left once those with unknown symbols are "
            "skipped. Pass on_unknown='mask'"
        )
    place = np.searchsorted(left, np.clip(target.values, left[0], left[-1]))
    lost = [label for number, label in enumerate(target.classes) if number not in left]
    return Target(place, target.classes[left], (*target.notices, f"classes left out whole: {name_some(lost)}"))


def _labels(y: object, count: int) -> list[Any]:
    given: Any = y
    labels = given.to_numpy().tolist() if hasattr(given, "to_numpy") else np.asarray(given).tolist()
    if len(labels) != count:
        raise DataError(f"X and labels must be of one length; got {count} sequences and {len(labels)} labels")
    return [label[0] if isinstance(label, list) else label for label in labels]


def _bar(blend: SequenceBlend, count: int) -> Any:
    hidden = not blend.config.training.progress
    return tqdm(total=count, desc="predicting", unit="sequence", disable=hidden or None)
