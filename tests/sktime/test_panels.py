"""What sktime's suite cannot see of the classifier and the regressor: numbers, pickles, refusals."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sktime")

from seqreprog import Training
from seqreprog.errors import DataError
from seqreprog.estimators.series import SeriesModel
from seqreprog.sktime import ReprogClassifier, ReprogRegressor
from seqreprog.sktime.panels import SMALL

SHARED: dict[str, Any] = {
    "backbone": "tiny-random", "layers": 1, "positions": 16, "adapter": SMALL,
    "training": Training(threads=1, progress=False),
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::seqreprog.errors.Notice")


def panel(count: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two channels, of which the first rises or falls."""
    draws = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    slope = np.where(labels, 1, -1)[:, None] * np.linspace(-1, 1, 30)
    return np.stack([slope, np.zeros_like(slope)], 1) + 0.1 * draws.normal(size=(count, 2, 30)), labels


def frames(X: np.ndarray, lengths: Any) -> pd.DataFrame:
    """Unequal instances as sktime's multi-indexed frame."""
    parts = {row: pd.DataFrame(part[:, :length].T) for row, (part, length) in enumerate(zip(X, lengths, strict=True))}
    return pd.concat(parts, names=["instance", "time"])


def test_it_says_what_the_core_says() -> None:
    X, y = panel()
    classifier = ReprogClassifier(**SHARED).fit(X, y)
    core = SeriesModel.fit(classifier.model_.model.blend.config, X, y)
    assert (classifier.predict_proba(X) == core.probabilities(X)).all()
    assert "each left out once" in str(classifier.summary_)
    assert "temperature" in str(classifier.summary_)


def test_classes_keep_their_names_and_unequal_series_with_gaps_are_read() -> None:
    X, y = panel()
    X[0, 1, 3:6] = np.nan
    table = frames(X, 20 + np.arange(12) % 10)
    names = np.array(["falls", "rises"])[y]
    classifier = ReprogClassifier(**SHARED).fit(table, names)
    assert list(classifier.classes_) == ["falls", "rises"]
    assert (classifier.predict(table) == names).mean() > 0.9
    np.testing.assert_allclose(classifier.predict_proba(table).sum(1), 1)


@pytest.mark.compat
def test_a_pickle_is_small_and_gives_the_same_bits_in_another_process(tmp_path: Any) -> None:
    X, y = panel()
    regressor = ReprogRegressor(**SHARED).fit(X, 2.0 * y)
    assert "temperature" not in str(regressor.summary_)  # of probabilities
    content = pickle.dumps(regressor)
    weights = sum(weight.numel() for _, weight in regressor.model_.model.blend.model.trained())
    assert len(content) < 4 * weights + 50_000  # float32, and settings
    np.save(tmp_path / "X.npy", X)
    (tmp_path / "model.pkl").write_bytes(content)
    code = (
        f"import numpy, pickle; m = pickle.load(open({str(tmp_path / 'model.pkl')!r}, 'rb'));"
        f"numpy.save({str(tmp_path / 'y.npy')!r}, m.predict(numpy.load({str(tmp_path / 'X.npy')!r})))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert (np.load(tmp_path / "y.npy") == regressor.predict(X)).all()


def test_one_class_is_answered_as_sktime_has_it() -> None:
    X, _ = panel()
    assert (ReprogClassifier(**SHARED).fit(X, np.ones(12)).predict(X) == 1).all()


def test_infinite_values_are_refused() -> None:
    X, y = panel()
    X[3, 1, 4] = np.inf
    with pytest.raises(DataError, match="instance 3 holds inf at step 4 of channel 1"):
        ReprogClassifier(**SHARED).fit(X, y)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("holder", [list, pd.Series, lambda y: np.array(y, dtype=object)])
def test_a_target_that_is_missing_is_named(missing: object, holder: Callable[[list[Any]], Any]) -> None:
    X = np.random.default_rng(0).normal(size=(6, 1, 20))
    for make, known in ((ReprogClassifier, ["a", "b"]), (ReprogRegressor, [1.5, 2.5])):
        y = holder([*known, missing, *known, missing])
        with pytest.raises(DataError, match=r"^2 of 6 targets are missing, NaN or None \(rows 2, 5\)\. Drop these"):
            make(backbone="tiny-random", layers=1).fit(X, y)
    assert ReprogClassifier(backbone="tiny-random", layers=1).fit(X, ["a", "b"] * 3).predict(X).shape == (6,)
