"""SequenceClassifier and SequenceRegressor: scikit-learn's contract, learning, and the same answer from every door."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import seqreprog.tasks.sequence as sequence_fitting
from seqreprog import Adapter, Notice, SequenceClassifier, SequenceOptions, SequenceRegressor, Training
from seqreprog.errors import CheckpointError, DataError, NotFittedError

ADAPTER = Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8, dropout=0.0)
TRAINING = Training(
    max_steps=6, batch_size=16, evaluate_every=2, patience=3, learning_rate=0.01, threads=1, progress=False
)
OPTIONS = SequenceOptions(adapter=ADAPTER, training=TRAINING)
LONGER = replace(OPTIONS, training=replace(TRAINING, max_steps=150, evaluate_every=25))
Make = Callable[[str], Path]


def peptides(count: int = 60, *, seed: int = 0, motif: str = "WWK") -> tuple[list[str], np.ndarray]:
    """Random peptides; every other one holds the motif somewhere."""
    rng, texts = np.random.default_rng(seed), []
    for number in range(count):
        letters = rng.choice(list("ADEFGHILNPQRSTVY"), rng.integers(8, 16))
        text = "".join(letters)
        place = int(rng.integers(0, len(text)))
        texts.append(text[:place] + motif + text[place:] if number % 2 else text)
    return texts, np.arange(count) % 2


@pytest.fixture(scope="module")
def backbone(make_backbone: Make) -> str:
    return str(make_backbone("bert"))


@pytest.fixture
def one_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few examples as if they were many: one held-out part, a fifth of the time."""
    monkeypatch.setattr(sequence_fitting, "FEW", 8)


def classifier(backbone: str, **options: Any) -> SequenceClassifier:
    return SequenceClassifier(**{"backbone": backbone, "layers": 1, "options": OPTIONS, **options})


@pytest.fixture(scope="module")
def model(backbone: str) -> SequenceClassifier:
    texts, labels = peptides()
    fitted = classifier(backbone).fit(texts, np.where(labels == 1, "yes", "no"))
    fitted._blend.weight = 0.5
    return fitted


# --- scikit-learn's contract -----------------------------------------------------------------------------------------


def test_a_constructor_only_stores_and_clone_gives_the_same(backbone: str) -> None:
    one = classifier(backbone, class_weight={"yes": 2}, peft=True, random_state=7)
    again = clone(one)
    assert again.get_params() == one.get_params()
    assert len(one.get_params()) == 12
    assert SequenceClassifier(layers=-1).layers == -1, "what is wrong is said by fit"
    assert one.set_params(method="dictionary", layers=2) is one
    assert (one.method, one.layers) == ("dictionary", 2)
    assert "SequenceClassifier" in repr(one)


def test_a_fit_leaves_the_arguments_as_they_were(backbone: str) -> None:
    one = classifier(backbone)
    before = one.get_params()
    one.fit(*peptides(20))
    assert one.get_params() == before


@pytest.mark.usefixtures("one_split")
def test_cross_val_score_grid_search_and_pipeline(backbone: str) -> None:
    texts, labels = peptides(40)
    scores = cross_val_score(classifier(backbone), texts, labels, cv=2, scoring="roc_auc")
    assert np.isfinite(scores).all()
    found = GridSearchCV(classifier(backbone), {"layers": [1, 2]}, cv=2).fit(np.array(texts), labels)
    assert found.best_params_["layers"] in (1, 2)
    features = make_pipeline(classifier(backbone), LogisticRegression()).fit(pd.Series(texts), labels)
    assert features.predict_proba(texts).shape == (40, 2)
    assert features[0].transform(texts).shape == (40, 32)
    assert features[0].get_feature_names_out()[0] == "sequenceclassifier0"
    framed = clone(features[0]).set_output(transform="pandas").fit(texts, labels).transform(texts)
    assert framed.columns.tolist() == features[0].get_feature_names_out().tolist()
    values = cross_val_score(SequenceRegressor(backbone=backbone, layers=1, options=OPTIONS), texts, labels, cv=2)
    assert np.isfinite(values).all()


def test_workers_get_the_model_without_its_backbone(model: SequenceClassifier, backbone: str) -> None:
    texts, _ = peptides(8)
    sent = pickle.dumps(model)
    assert len(sent) < 200_000
    np.testing.assert_array_equal(pickle.loads(sent).predict_proba(texts), model.predict_proba(texts))
    np.testing.assert_array_equal(copy.deepcopy(model).predict_proba(texts), model.predict_proba(texts))
    assert pickle.loads(pickle.dumps(classifier(backbone))).get_params() == classifier(backbone).get_params()


@pytest.mark.parametrize("container", [list, np.array, pd.Series, lambda x: pd.Series(x, dtype="string"), tuple])
def test_every_container_gives_the_same_numbers(model: SequenceClassifier, container: Any) -> None:
    texts, _ = peptides(6)
    np.testing.assert_array_equal(model.predict_proba(container(texts)), model.predict_proba(texts))


# --- answers ----------------------------------------------------------------------------------------------------------


def test_probabilities_sum_to_one_and_stand_in_the_order_of_the_classes(model: SequenceClassifier) -> None:
    texts, _ = peptides(20, seed=3)
    shares = model.predict_proba(texts)
    assert model.classes_.tolist() == ["no", "yes"]
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-12)
    np.testing.assert_array_equal(model.predict(texts), model.classes_[shares.argmax(1)])


def test_an_answer_is_the_same_alone_and_among_longer_ones(model: SequenceClassifier) -> None:
    texts, _ = peptides(12, seed=5)
    together = model.predict_proba(texts)
    alone = np.concatenate([model.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    np.testing.assert_array_equal(model.predict_proba(texts[::-1])[::-1].argmax(1), together.argmax(1))


@pytest.mark.compat
@pytest.mark.usefixtures("one_split")
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_the_pure_form_learns_a_motif_at_any_place(make_backbone: Make, family: str) -> None:
    texts, labels = peptides(160)
    one = SequenceClassifier(backbone=make_backbone(family), layers=1, base="none", options=LONGER).fit(texts, labels)
    assert one.score(*peptides(100, seed=9)) > 0.85
    assert one.summary_.weight == 1
    assert one.summary_.best_step > 0


@pytest.mark.usefixtures("one_split")
def test_a_regression_learns_how_often_a_residue_comes(backbone: str) -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEF"), 12)) for _ in range(160)]
    values = np.array([1000 + 10.0 * text.count("A") for text in texts])
    options = replace(LONGER, training=replace(LONGER.training, learning_rate=0.02))
    one = SequenceRegressor(backbone=backbone, layers=1, base="none", options=options).fit(texts[:120], values[:120])
    assert one.score(texts[120:], values[120:]) > 0.5
    based = SequenceRegressor(backbone=backbone, layers=1, options=OPTIONS).fit(texts[:120], values[:120])
    assert based.report(texts[120:], values[120:])["Spearman"] > 0.9


@pytest.mark.usefixtures("one_split")
def test_the_same_state_gives_the_same_bits_and_another_does_not(backbone: str) -> None:
    texts, labels = peptides(24)
    one, same, other = (
        classifier(backbone, base="none", random_state=state).fit(texts, labels).predict_proba(texts)
        for state in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    drawn = classifier(backbone, random_state=np.random.RandomState(1)).fit(texts, labels)
    assert np.isfinite(drawn.predict_proba(texts)).all()
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.usefixtures("one_split")
def test_weights_of_rows_and_classes_change_the_result(backbone: str) -> None:
    texts, labels = peptides(30)
    plain = classifier(backbone, base="none").fit(texts, labels).predict_proba(texts)
    rows = classifier(backbone, base="none").fit(texts, labels, sample_weight=1 + 9 * labels).predict_proba(texts)
    classes = classifier(backbone, base="none", class_weight={1: 10}).fit(texts, labels).predict_proba(texts)
    np.testing.assert_allclose(rows, classes, atol=1e-12)
    assert rows[:, 1].mean() > plain[:, 1].mean() + 0.1
    few = np.arange(30) % 3 == 1
    balanced = classifier(backbone, class_weight="balanced").fit(texts, few).predict_proba(texts)
    assert balanced[:, 1].mean() > classifier(backbone).fit(texts, few).predict_proba(texts)[:, 1].mean()


@pytest.mark.usefixtures("one_split")
@pytest.mark.parametrize(
    "changes",
    [
        {"method": "dictionary"},
        {"method": "soft_prompt"},
        {"output": "verbaliser"},
        {"layers": 2},
        {"options": replace(OPTIONS, patch=2)},
        {"options": replace(OPTIONS, prompt="Is this sequence active?")},
        {"options": replace(OPTIONS, training=replace(TRAINING, max_steps=4))},
        {"base": "linear"},
    ],
)
def test_every_option_changes_the_result(backbone: str, changes: dict[str, Any]) -> None:
    texts, labels = peptides(24)
    found = [
        classifier(backbone, **{"base": "none", **more}).fit(texts, labels).predict_proba(texts)
        for more in ({}, changes)
    ]
    assert np.isfinite(found[1]).all()
    assert not np.allclose(*found, atol=1e-9)


@pytest.mark.usefixtures("one_split")
def test_labels_that_exclude_nothing_may_be_missing(backbone: str) -> None:
    texts, labels = peptides(40)
    table = pd.DataFrame({"motif": labels.astype(float), "long": [float(len(text) > 12) for text in texts]})
    table.loc[::4, "motif"] = np.nan
    one = classifier(backbone).fit(texts, table)
    assert one.classes_.tolist() == ["motif", "long"]
    shares = one.predict_proba(texts)
    assert shares.shape == (40, 2)
    assert ((shares > 0) & (shares < 1)).all()
    assert set(np.unique(one.predict(texts))) <= {0, 1}
    assert 0 < one.score(texts, table) <= 1
    assert set(one.report(texts, table)) == {"AUC", "accuracy", "log loss"}
    assert one.score(texts, table[["long", "motif"]]) == one.score(texts, table), "columns go by their names"
    assert one.score(texts, table.to_numpy()) == one.score(texts, table)
    with pytest.raises(DataError, match=r"y has the labels \['motif', 'zz'\]; fit saw \['motif', 'long'\]"):
        one.score(texts, table.rename(columns={"long": "zz"}))
    known = table["motif"].notna().to_numpy()
    right = (shares[:, 0] > 0.5)[known] == table["motif"].to_numpy()[known]
    other = (shares[:, 1] > 0.5) == table["long"]
    assert one.score(texts, table) == pytest.approx((right.sum() + other.sum()) / (known.sum() + 40))


def test_features_are_those_of_the_frozen_model(model: SequenceClassifier) -> None:
    texts, _ = peptides(5)
    found = model.transform(texts)
    assert found.shape == (5, 32)
    np.testing.assert_allclose(found[2:3], model.transform(texts[2:3]), atol=1e-5)


# --- frozen, saved ----------------------------------------------------------------------------------------------------


def test_frozen_weights_are_the_same_to_the_byte_and_an_adapter_inside_is_said(backbone: str) -> None:
    from seqreprog.sources.language import load_backbone

    texts, labels = peptides(16)
    print_before = load_backbone(backbone, 1).fingerprint()
    one = classifier(backbone).fit(texts, labels)
    assert one._blend.backbone.fingerprint() == print_before
    assert one.summary_.tuned == 0
    assert "no longer" not in str(one.summary_)


@pytest.mark.compat
def test_peft_trains_inside_and_is_saved(backbone: str, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    texts, labels = peptides(16)
    asked = peft.LoraConfig(r=2)
    before = asked.to_dict()
    classifier(backbone, base="none", peft=asked).fit(texts, labels)
    assert asked.to_dict() == before, "another backbone may have other layers"
    one = classifier(backbone, base="none", peft=True).fit(texts, labels)
    assert one.summary_.tuned > 0
    assert "no longer as they were" in str(one.summary_)
    one.save(tmp_path / "model")
    again = SequenceClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(texts), one.predict_proba(texts))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).predict_proba(texts), one.predict_proba(texts))


@pytest.mark.compat
@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_peft_trains_inside_other_families(make_backbone: Make, family: str) -> None:
    pytest.importorskip("peft")
    texts, labels = peptides(16)
    one = classifier(str(make_backbone(family)), base="none", peft=True).fit(texts, labels)
    assert one.summary_.tuned > 0
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.predict_proba(texts), one.predict_proba(texts))


@pytest.mark.compat
def test_a_saved_model_answers_with_the_same_bits_in_a_new_process(model: SequenceClassifier, tmp_path: Path) -> None:
    texts, _ = peptides(6, seed=8)
    model.save(tmp_path / "model")
    code = (
        "import sys, numpy as np; from seqreprog import SequenceClassifier; "
        "model = SequenceClassifier.load(sys.argv[1]); "
        "sys.stdout.buffer.write(model.predict_proba(sys.argv[2:]).tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "model"), *texts], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == model.predict_proba(texts).tobytes()
    again = SequenceClassifier.load(tmp_path / "model")
    assert again.classes_.tolist() == ["no", "yes"]
    assert again.classes_.dtype == model.classes_.dtype
    assert str(again.summary_) == str(model.summary_)
    assert clone(again).fit(*peptides(12)).classes_.tolist() == [0, 1], "what was loaded can be fitted again"


def test_an_artifact_is_refused_by_the_wrong_class(model: SequenceClassifier, tmp_path: Path) -> None:
    from seqreprog import Forecaster

    model.save(tmp_path / "model")
    with pytest.raises(CheckpointError, match="holds a sequence-classifier, not a sequence-regressor"):
        SequenceRegressor.load(tmp_path / "model")
    with pytest.raises(CheckpointError, match="holds a sequence-classifier, not a forecaster"):
        Forecaster.load(tmp_path / "model")


def test_nothing_is_asked_of_a_model_that_is_not_fitted(backbone: str, tmp_path: Path) -> None:
    one = classifier(backbone)
    for ask in (one.predict, one.predict_proba, one.transform):
        with pytest.raises(NotFittedError, match=r"SequenceClassifier is not fitted: call fit\(X, ...\) first"):
            ask(["ACD"])
    with pytest.raises(NotFittedError, match="not fitted"):
        one.save(tmp_path / "model")


# --- copies -----------------------------------------------------------------------------------------------------------


def test_copies_are_found_and_said(backbone: str) -> None:
    texts, labels = peptides(20)
    with pytest.warns(Notice, match="4 of 24 sequences are copies of another"):
        one = classifier(backbone).fit(texts + texts[:4], np.concatenate([labels, labels[:4]]))
    assert one.summary_.groups == 20
    assert any("4 of 24" in notice for notice in one.summary_.notices)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        grouped = classifier(backbone).fit(texts, labels, groups=np.arange(20) // 2)
    assert grouped.summary_.groups == 10
