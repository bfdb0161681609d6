"""Other spellings of molecules: one example, never on both sides; one answer, the same whatever is asked beside."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqreprog import Adapter, SequenceClassifier, SequenceInfiller, SequenceOptions, SequenceRegressor, Training
from seqreprog.data.groups import group_folds
from seqreprog.data.targets import read_values
from seqreprog.errors import ConfigError, DataError, DependencyError
from seqreprog.fit.fitted_sequence import averaged

pytest.importorskip("rdkit")

OPTIONS = SequenceOptions(
    augment=3,
    adapter=Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8),
    training=Training(threads=1, progress=False),
)
TEXTS = [head + "C" * size + tail for head in ("N", "O", "CC(C)") for size in range(2, 7) for tail in ("", "=O", "Cl")]
VALUES = np.array([text.count("C") for text in TEXTS], dtype=float)


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> str:
    return str(make_backbone("bert"))


def regressor(backbone: str, **options: Any) -> SequenceRegressor:
    return SequenceRegressor(**{"kind": "smiles", "backbone": backbone, "layers": 1, "options": OPTIONS, **options})


@pytest.fixture(scope="module")
def model(backbone: str) -> SequenceRegressor:
    return regressor(backbone).fit(TEXTS, VALUES)


def test_spellings_are_one_example_on_one_side(model: SequenceRegressor) -> None:
    config = model._config("regress")
    reading = model._read(TEXTS, config)
    examples, said = model._examples(config, reading, read_values(VALUES, len(TEXTS)), np.ones(len(TEXTS)), None)
    assert (len(examples), examples.count, said) == (4 * len(TEXTS), len(TEXTS), [])
    assert np.bincount(examples.owner).tolist() == [4] * len(TEXTS), "a small molecule counts as much as a large one"
    np.testing.assert_array_equal(examples.target, VALUES[examples.owner])
    for held in group_folds(examples.groups, None, 5, 0):
        kept = np.setdiff1d(np.arange(len(examples)), held)
        assert not set(examples.owner[held]) & set(examples.owner[kept])
    summary = model.summary_
    assert (summary.sequences, summary.held_out, summary.few, summary.spellings) == (len(TEXTS), len(TEXTS), True, 4)
    assert "read in 4 spellings" in str(summary)


def test_an_answer_is_the_mean_over_spellings_and_the_same_alone(model: SequenceRegressor) -> None:
    read, blend = model._reread(TEXTS[:3], model._fitted()), model._fitted()
    each = blend.values(read.symbols)
    assert len(each) == 12
    whole = model.predict(TEXTS[:3])
    np.testing.assert_allclose(whole, [each[read.kept == row].mean() for row in range(3)], rtol=1e-6)
    np.testing.assert_allclose(whole, [model.predict([text])[0] for text in TEXTS[:3]], rtol=1e-4)
    assert model.transform(TEXTS[:3]).shape == (3, 32)
    assert averaged(np.array([[1.0], [3.0], [5.0]]), np.array([0, 1, 0])).tolist() == [[3.0], [3.0]]


def test_spellings_change_the_answer_and_are_kept_with_the_model(
    model: SequenceRegressor, backbone: str, tmp_path: Path
) -> None:
    plain = regressor(backbone, options=replace(OPTIONS, augment=0)).fit(TEXTS, VALUES)
    assert not np.array_equal(plain.predict(TEXTS), model.predict(TEXTS))
    assert "spellings" not in str(plain.summary_)
    model.save(tmp_path / "model")
    again = SequenceRegressor.load(tmp_path / "model")
    assert again.options.augment == 3
    np.testing.assert_array_equal(again.predict(TEXTS), model.predict(TEXTS))


def test_classes_by_gradient(backbone: str) -> None:
    options = replace(OPTIONS, canonical=True, training=Training(max_steps=4, evaluate_every=2, progress=False))
    one = SequenceClassifier(kind="smiles", backbone=backbone, layers=1, options=options)
    shares = one.fit(TEXTS, VALUES > 5).predict_proba([*TEXTS, "OCCCCC"])
    assert shares.shape == (len(TEXTS) + 1, 2)
    np.testing.assert_allclose(shares.sum(1), 1)


def test_what_has_no_spellings_is_named(backbone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for model in (
        SequenceClassifier(kind="protein", backbone=backbone, options=OPTIONS),
        SequenceInfiller(kind="smiles", backbone=backbone, options=OPTIONS),
    ):
        with pytest.raises(ConfigError, match=r"augment=3 .* is for kind='smiles'"):
            model.fit(TEXTS, VALUES)
    with pytest.raises(ConfigError, match="augment must be at least 0; got -1"):
        SequenceOptions(augment=-1)
    with pytest.raises(DataError, match=r"1 of 2 SMILES cannot be read by RDKit \(row 1\); the first is 'C1CC'"):
        regressor(backbone).fit(["CC", "C1CC"], [1.0, 2.0])
    for name in [name for name in sys.modules if name == "rdkit" or name.startswith("rdkit.")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DependencyError, match=r"molecules need rdkit: pip install 'seqreprog\[chem\]'"):
        regressor(backbone).fit(TEXTS, VALUES)
