"""The linear base: scikit-learn's numbers, toy tasks of known answer, saved bits, missing labels, bad input."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, roc_auc_score

from seqreprog.baselines.ngram import NgramModel, fit_ngram, from_state
from seqreprog.baselines.solvers import probabilities
from seqreprog.data.alphabets import alphabet
from seqreprog.data.fasta import read_fasta
from seqreprog.data.symbols import Symbols, read_sequences
from seqreprog.errors import CheckpointError, ConfigError, DataError

PROTEIN = alphabet("protein")


def drawn(count: int, lengths: tuple[int, int], seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    letters = np.array(PROTEIN.symbols)
    return ["".join(rng.choice(letters, rng.integers(*lengths))) for _ in range(count)]


def read(texts: list[str]) -> Symbols:
    return read_sequences(texts, PROTEIN).symbols


def with_motif(count: int = 240, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Half hold WGKC somewhere."""
    rng = np.random.default_rng(seed)
    texts, classes = drawn(count, (20, 40), seed), np.arange(count) % 2
    for row in np.flatnonzero(classes):
        place = rng.integers(0, len(texts[row]) - 4)
        texts[row] = texts[row][:place] + "WGKC" + texts[row][place + 4 :]
    return texts, classes


MOTIF = with_motif()
HELD = np.arange(160, 240)
fit_unchecked = inspect.unwrap(fit_ngram)  # without the type check that tests put around it


# --- the same numbers as scikit-learn's -------------------------------------------------------------------------------


def test_classes_are_those_of_tfidf_and_logistic_regression() -> None:
    texts, classes = MOTIF
    model = fit_ngram(read(texts), classes, "classify", strengths=(10.0,))
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False)
    reference = LogisticRegression(C=10, max_iter=1000).fit(vectors.fit_transform(texts), classes)
    others = drawn(50, (5, 60), 1)
    expected = reference.predict_proba(vectors.transform(others))
    np.testing.assert_allclose(model.predict_proba(read(others)), expected, atol=1e-3)


@pytest.mark.parametrize("order", [1, 3], ids=["fewer features", "fewer rows"])
def test_values_are_those_of_weighted_ridge_on_counts(order: int) -> None:
    texts = drawn(120, (5, 30))
    weight = np.random.default_rng(0).random(120)
    target = np.array([text.count("K") - text.count("AC") for text in texts], dtype=float)
    options = {"features": ("counts",), "strengths": (0.5,), "order": order, "sample_weight": weight}
    model = fit_ngram(read(texts), target, "regress", **options)
    inputs = model.vocabulary.transform(read(texts)).toarray()
    np.testing.assert_allclose(
        model.predict(read(texts)), Ridge(alpha=2).fit(inputs, target, sample_weight=weight).predict(inputs), atol=1e-4
    )


# --- learning ---------------------------------------------------------------------------------------------------------


def test_a_motif_is_found_wherever_it_stands() -> None:
    texts, classes = MOTIF
    model = fit_ngram(read(texts), classes, "classify", validation=HELD)
    others, answers = with_motif(400, 7)
    assert roc_auc_score(answers, model.predict_proba(read(others))[:, 1]) > 0.95
    assert model.vocabulary.features == "tfidf"
    assert model.predict(read(others)).shape == (400,)


def test_a_place_is_found_where_sequences_are_aligned() -> None:
    texts = drawn(400, (12, 13))
    place = np.array([text[5] in "ACDEFGHIKL" for text in texts]).astype(int)
    model = fit_ngram(read(texts), place, "classify", folds=np.array_split(np.arange(400), 4))
    assert model.vocabulary.features == "onehot"
    assert set(model.loss) == {"tfidf", "onehot"}
    fresh = drawn(400, (12, 13), 1)
    assert np.mean(model.predict(read(fresh)) == [text[5] in "ACDEFGHIKL" for text in fresh]) > 0.95
    value = fit_ngram(read(texts), place + 0.5, "regress", validation=np.arange(80))
    assert value.vocabulary.features == "onehot"
    assert np.corrcoef(value.predict(read(fresh)), [text[5] in "ACDEFGHIKL" for text in fresh])[0, 1] > 0.9


def test_length_is_found_by_counts() -> None:
    texts = drawn(300, (5, 60))
    model = fit_ngram(read(texts), np.array([float(len(text)) for text in texts]), "regress", validation=np.arange(60))
    assert model.vocabulary.features == "counts"
    fresh = drawn(100, (5, 60), 1)
    assert np.corrcoef(model.predict(read(fresh)), [len(text) for text in fresh])[0, 1] > 0.95


def test_three_classes_with_weights() -> None:
    texts = drawn(300, (8, 12))
    classes = np.array([min(text.count("W"), 2) for text in texts])
    plain = fit_ngram(read(texts), classes, "classify", strengths=(1.0,))
    balanced = fit_ngram(read(texts), classes, "classify", strengths=(1.0,), class_weight="balanced")
    named = fit_ngram(read(texts), classes, "classify", strengths=(1.0,), class_weight={2: 5.0})
    np.testing.assert_allclose(plain.predict_proba(read(texts)).sum(axis=1), 1)
    share = [model.predict_proba(read(texts))[:, 2].mean() for model in (plain, balanced, named)]
    assert min(share[1:]) > share[0]


def test_a_sample_of_weight_two_counts_as_two() -> None:
    texts, classes = MOTIF
    double = np.where(np.arange(240) < 60, 2.0, 1.0)
    rows = np.concatenate([np.arange(240), np.arange(60)])
    twice = fit_ngram(read(texts).take(rows), classes[rows], "classify", strengths=(1.0,), features=("counts",))
    weighted = fit_ngram(read(texts), classes, "classify", strengths=(1.0,), features=("counts",), sample_weight=double)
    np.testing.assert_allclose(twice.decision(read(texts)), weighted.decision(read(texts)), atol=0.01)


# --- labels, some missing ---------------------------------------------------------------------------------------------


def test_each_label_is_fitted_on_the_rows_that_have_it() -> None:
    texts, classes = MOTIF
    target = np.stack([classes, [text.count("K") > 1 for text in texts], np.ones(240)], axis=1).astype(float)
    target[::3, 0] = np.nan
    model = fit_ngram(read(texts), target, "multilabel", strengths=(10.0,))
    seen = np.isfinite(target[:, 0])
    words = model.vocabulary.transform(read(texts))
    alone = LogisticRegression(C=10, max_iter=1000).fit(words[seen], target[seen, 0])
    np.testing.assert_allclose(model.predict_proba(read(texts))[:, 0], alone.predict_proba(words)[:, 1], atol=1e-3)
    np.testing.assert_allclose(model.predict_proba(read(texts))[:, 2], 240.5 / 241)  # one answer alone: its odds
    assert model.predict(read(texts)).shape == (240, 3)


def test_each_label_has_a_penalty_of_its_own() -> None:
    texts, classes = MOTIF
    noise = np.random.default_rng(0).integers(0, 2, 240)
    model = fit_ngram(read(texts), np.stack([classes, noise], axis=1).astype(float), "multilabel", validation=HELD)
    assert model.strengths[0] > model.strengths[1]
    assert model.held_out is not None
    assert model.held_out.scores.shape == (80, 2)


# --- held-out scores --------------------------------------------------------------------------------------------------


def test_held_out_scores_are_those_of_a_model_that_never_saw_the_rows() -> None:
    texts, classes = MOTIF
    symbols, kept = read(texts), np.setdiff1d(np.arange(240), HELD)
    model = fit_ngram(symbols, classes, "classify", validation=HELD[::-1].copy(), strengths=(3.0,))
    blind = fit_ngram(symbols.take(kept), classes[kept], "classify", strengths=(3.0,))
    assert model.held_out is not None
    np.testing.assert_array_equal(model.held_out.rows, HELD)
    np.testing.assert_array_equal(model.held_out.scores, blind.decision(symbols.take(HELD)))


def test_folds_hold_out_every_row_once() -> None:
    texts, classes = MOTIF
    folds = [np.arange(start, 240, 3) for start in range(3)]
    model = fit_ngram(read(texts), classes, "classify", folds=folds)
    assert model.held_out is not None
    np.testing.assert_array_equal(model.held_out.rows, np.arange(240))
    held = probabilities("classify", model.held_out.scores)[:, 1]
    assert 0.8 < roc_auc_score(classes, held) < roc_auc_score(classes, model.predict_proba(read(texts))[:, 1])


def test_a_fold_may_lack_a_class() -> None:
    texts, _ = MOTIF
    classes = np.array([2] + [0, 1] * 119 + [0])
    model = fit_ngram(read(texts), classes, "classify", folds=[np.arange(120), np.arange(120, 240)])
    assert model.held_out is not None
    rare = probabilities("classify", model.held_out.scores)[:120, 2]
    assert 0 < rare.max() < 0.1
    assert model.predict_proba(read(texts)).shape == (240, 3)


# --- saved and fitted again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["classify", "multilabel", "regress"])
def test_saved_and_fitted_again_it_gives_the_same_bits(task) -> None:
    texts, classes = MOTIF
    target = {"classify": classes, "multilabel": classes[:, None] * 1.0, "regress": classes * 1.0}[task]
    model = fit_ngram(read(texts), target, task, validation=HELD)
    arrays, described = model.state()
    assert all(type(array) is np.ndarray and array.dtype.kind in "if" for array in arrays.values())
    again = from_state(arrays, json.loads(json.dumps(described)))
    other = read(drawn(20, (1, 50), 3))
    for twin in (again, fit_ngram(read(texts), target, task, validation=HELD)):
        assert twin.decision(other).tobytes() == model.decision(other).tobytes()
    assert again.state()[1] == described


def test_a_damaged_state_is_named() -> None:
    texts, classes = MOTIF
    arrays, described = fit_ngram(read(texts), classes, "classify").state()
    with pytest.raises(CheckpointError, match="has no 'idf'"):
        from_state({name: array for name, array in arrays.items() if name != "idf"}, described)
    with pytest.raises(CheckpointError, match="has no 'task'"):
        from_state(arrays, {name: value for name, value in described.items() if name != "task"})
    with pytest.raises(CheckpointError, match="task='rank'"):
        from_state(arrays, {**described, "task": "rank"})
    with pytest.raises(CheckpointError, match=r"weights of shape \(3, 2\)"):
        from_state({**arrays, "weights": arrays["weights"][:3]}, described)


def test_an_aligned_base_reads_another_length_from_its_start() -> None:
    model = fit_ngram(read(["AC", "CA"]), np.array([0, 1]), "classify", features=("onehot",))
    whole, longer, shorter = model.decision(read(["AC", "ACA", "A"]))
    np.testing.assert_array_equal(whole, longer)
    at = model.vocabulary.codes == read(["A"]).ids[0]  # this symbol at place 0
    np.testing.assert_allclose(shorter, model.weights[at][0] + model.intercept)


def test_what_training_never_saw_counts_for_nothing() -> None:
    model = fit_ngram(read(["AC", "CA", "AA", "CC"]), np.array([0, 1, 0, 1]), "classify")
    np.testing.assert_array_equal(model.decision(read(["WY"]))[0], model.intercept)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"validation": HELD, "folds": [HELD]}, ConfigError, "validation and folds exclude each other"),
        ({"validation": np.arange(240)}, DataError, "all 240 sequences are held out"),
        ({"features": ("onehot",)}, ConfigError, "'onehot' needs sequences of one length"),
        ({"features": ("words",)}, ConfigError, r"features must be some of .* got \['words'\]"),
        ({"strengths": (1.0, 0.0)}, ConfigError, r"strengths must be above 0 .* got \[1.0, 0.0\]"),
        ({"sample_weight": np.ones(3)}, DataError, r"one number of at least 0 per sequence; got shape \(3,\)"),
        ({"sample_weight": -np.ones(240)}, DataError, "at least 0 per sequence"),
    ],
)
def test_bad_options_are_named(options: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        fit_unchecked(read(MOTIF[0]), MOTIF[1], "classify", **options)


@pytest.mark.parametrize(
    ("target", "task", "message"),
    [
        (np.arange(5), "classify", "got 5 for 240 sequences"),
        (np.zeros(240), "classify", r"classes must be integers, .* got float64 of shape \(240,\)"),
        (np.zeros(240), "multilabel", r"a column per label; got shape \(240,\)"),
    ],
)
def test_bad_targets_are_named(target: np.ndarray, task, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit_ngram(read(MOTIF[0]), target, task)


def test_class_weight_and_probabilities_are_for_classes() -> None:
    model = fit_ngram(read(MOTIF[0]), MOTIF[1] * 1.0, "regress")
    with pytest.raises(ConfigError, match="class_weight is for classes; got 'balanced' with task='regress'"):
        fit_ngram(read(MOTIF[0]), MOTIF[1] * 1.0, "regress", class_weight="balanced")
    with pytest.raises(ConfigError, match="a regression has no probabilities"):
        model.predict_proba(read(["A"]))


# --- the floor --------------------------------------------------------------------------------------------------------


def test_the_floor_of_antimicrobial_peptides(real_data: Callable[..., Path]) -> None:
    """Official split; a floor of the data folder's README: AUC .9568, accuracy .8968."""

    def part(name: str) -> tuple[Symbols, np.ndarray]:
        both = [read_fasta(real_data("proteins", "AMP_Veltri", f"{kind}.{name}.fa")) for kind in ("DECOY", "AMP")]
        classes = np.repeat([0, 1], [len(records.ids) for records in both])
        return read([text for records in both for text in records.sequences]), classes

    (train, classes), (tune, tuned), (test, answers) = part("tr"), part("eval"), part("te")
    symbols = read(train.texts() + tune.texts())
    held = len(train) + np.arange(len(tune))
    model: NgramModel = fit_ngram(symbols, np.concatenate([classes, tuned]), "classify", validation=held)
    chance = model.predict_proba(test)[:, 1]
    assert roc_auc_score(answers, chance) == pytest.approx(0.9568, abs=0.003)
    assert accuracy_score(answers, chance > 0.5) == pytest.approx(0.8968, abs=0.003)
