"""Cross-validated scores of sequences: the pure form comes from the same fit, and near copies keep to one fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqreprog import Notice, SequenceClassifier, SequenceOptions, SequenceRegressor
from seqreprog.config.forecast import Training
from seqreprog.errors import ConfigError, DataError
from seqreprog.estimators.sequence_scores import pure_form, score_sequences

TINY: dict[str, Any] = {"backbone": "tiny-random", "layers": 1}
QUICK = SequenceOptions(device="cpu", training=Training(mode="train", max_steps=3))


def peptides(count: int = 40) -> tuple[pd.Series, np.ndarray]:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKL"), rng.integers(5, 9))) for _ in range(count)]
    labels = np.array(["no", "yes"])[rng.integers(0, 2, count)]
    return pd.Series([t + "WW" * (y == "yes") for t, y in zip(texts, labels, strict=True)]), labels


@pytest.mark.parametrize("options", [None, QUICK], ids=["probe", "gradient"])
def test_the_pure_form_of_a_fit_is_what_a_fit_without_base_finds(options: SequenceOptions | None) -> None:
    texts, labels = peptides()
    whole, alone = (
        SequenceClassifier(**TINY, options=options, base=base).fit(texts, labels) for base in ("linear", "none")
    )
    symbols = whole._reread(texts, whole._fitted()).symbols
    np.testing.assert_array_equal(pure_form(whole).probabilities(symbols), alone.predict_proba(texts))
    assert not np.allclose(whole.predict_proba(texts), alone.predict_proba(texts))
    lengths = texts.str.len().to_numpy() * 1.0
    values, own = (
        SequenceRegressor(**TINY, options=options, base=base).fit(texts, lengths) for base in ("linear", "none")
    )
    np.testing.assert_array_equal(pure_form(values).values(symbols), own.predict(texts))


def test_the_language_model_alone_scores_as_a_cross_validation_without_base_does() -> None:
    texts, labels = peptides()
    linear, none = (
        score_sequences(lambda base=base: SequenceClassifier(**TINY, base=base), texts, labels, folds=3, seed=0)
        for base in ("linear", "none")
    )
    assert list(linear["models"]) == ["seqreprog", "language model alone", "n-gram"]
    assert list(none["models"]) == ["seqreprog", "n-gram"], "it is the language model alone"
    for part in ("models", "pooled"):
        assert linear[part]["language model alone"] == none[part]["seqreprog"]
        assert linear[part]["n-gram"] == none[part]["n-gram"]


def test_near_copies_are_in_one_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = peptides(20)
    twins = pd.concat([texts, "ACDEFGHIKL" * 2 + texts.str[-3:]], ignore_index=True)  # all alike
    learned: list[list[int]] = []
    fit = SequenceClassifier.fit

    def told(self: Any, X: Any, *rest: Any) -> Any:
        learned.append(list(X.names.rows))
        return fit(self, X, *rest)

    monkeypatch.setattr(SequenceClassifier, "fit", told)
    make = lambda: SequenceClassifier(**TINY, options=SequenceOptions(identity=0.8))  # noqa: E731
    score_sequences(make, twins, np.tile(labels, 2), folds=3, seed=0)
    for rows in learned:
        assert len({row for row in rows if row >= 20}) in (0, 20)
    with pytest.raises(DataError, match="links all 20 sequences"):
        score_sequences(make, twins[20:], labels, folds=3, seed=0)
    with pytest.raises(ConfigError, match="compares symbols, and a molecule has many spellings"):
        score_sequences(
            lambda: SequenceClassifier(kind="smiles", options=SequenceOptions(identity=0.8)),
            texts, labels, folds=3, seed=0,
        )  # fmt: skip


def test_a_class_that_is_skipped_whole_is_no_class() -> None:
    texts, labels = peptides(24)
    odd = pd.concat([texts, pd.Series(["ACJ", "ACJD"])], ignore_index=True)
    make = lambda: SequenceClassifier(**TINY, on_unknown="skip")  # noqa: E731
    found = score_sequences(make, odd, [*labels, "odd", "odd"], folds=2, seed=0)
    assert found["classes"] == ["no", "yes"]
    with pytest.raises(DataError, match="one class only: all 24 labels are 'yes'"):
        score_sequences(make, odd, ["yes"] * 24 + ["odd"] * 2, folds=2, seed=0)


def test_rows_of_a_fold_are_called_as_in_the_whole() -> None:
    texts, labels = peptides(24)
    texts[7] = texts[7][:2] + "J" + texts[7][2:]
    with pytest.warns(Notice, match="read as the mask") as said:
        score_sequences(lambda: SequenceClassifier(**TINY, on_unknown="mask"), texts, labels, folds=3, seed=0)
    masked = {str(one.message) for one in said if "read as the mask" in str(one.message)}
    assert masked
    assert all("(row 7)" in line for line in masked)
