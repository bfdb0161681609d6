"""Scores of classes, labels and values against scikit-learn's and SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics

from seqreprog.metrics.labels import auc, class_report, label_report, value_report


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 4])
def test_classes_as_scikit_learn_scores_them(rng: np.random.Generator, classes: int) -> None:
    target, shares = rng.integers(0, classes, 80), rng.dirichlet(np.ones(classes), 80).round(1) + 0.01
    shares /= shares.sum(1, keepdims=True)
    found, answer = class_report(target, shares), shares.argmax(1)
    known = shares[:, 1] if classes == 2 else shares
    assert found["AUC"] == pytest.approx(metrics.roc_auc_score(target, known, multi_class="ovr"))
    assert found["MCC"] == pytest.approx(metrics.matthews_corrcoef(target, answer))
    assert found["accuracy"] == metrics.accuracy_score(target, answer)
    assert found["log loss"] == pytest.approx(metrics.log_loss(target, shares))
    assert found["confusion"] == metrics.confusion_matrix(target, answer).tolist()


def test_what_is_not_defined_is_nan_or_zero() -> None:
    assert np.isnan(auc(np.array([True, True]), np.array([0.1, 0.2])))
    assert class_report(np.zeros(3, dtype=int), np.array([[0.6, 0.4]] * 3))["MCC"] == 0
    assert np.isnan(value_report(np.ones(3), np.arange(3.0))["Spearman"])


def test_labels_count_where_they_are_known(rng: np.random.Generator) -> None:
    target, shares = rng.integers(0, 2, (60, 3)).astype(float), rng.random((60, 3))
    target[rng.random((60, 3)) < 0.3] = np.nan
    found, known = label_report(target, shares), np.isfinite(target)
    each = [metrics.roc_auc_score(target[known[:, c], c], shares[known[:, c], c]) for c in range(3)]
    assert found["AUC"] == pytest.approx(np.mean(each))
    assert found["accuracy"] == pytest.approx(((shares > 0.5) == target)[known].mean())


def test_values_as_scikit_learn_scores_them(rng: np.random.Generator) -> None:
    target, found = rng.normal(size=50), rng.normal(size=50)
    report = value_report(target, found)
    assert report["RMSE"] == pytest.approx(metrics.root_mean_squared_error(target, found))
    assert report["R2"] == pytest.approx(metrics.r2_score(target, found))
    assert report["Spearman"] == pytest.approx(spearmanr(target, found)[0])
