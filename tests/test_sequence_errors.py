"""Bad sequences and targets: each refusal names the value, each repair is said."""

from __future__ import annotations

import re
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
from sklearn.model_selection import cross_val_score

from seqreprog import Adapter, Notice, SequenceClassifier, SequenceOptions, SequenceRegressor, Training
from seqreprog.errors import ConfigError, DataError, InputTypeError

OPTIONS = SequenceOptions(
    adapter=Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8),
    training=Training(max_steps=2, batch_size=8, evaluate_every=2, threads=1, progress=False),
)
TEXTS = ["ACDEF", "CDEFG", "DEFGH", "EFGHI", "FGHIK", "GHIKL", "HIKLM", "IKLMN", "KLMNP", "LMNPQ"]
LABELS = [0, 1] * 5


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> str:
    return str(make_backbone("bert"))


def classifier(backbone: str, **options: Any) -> SequenceClassifier:
    return SequenceClassifier(**{"backbone": backbone, "layers": 1, "options": OPTIONS, **options})


@pytest.fixture(scope="module")
def model(backbone: str) -> SequenceClassifier:
    return classifier(backbone).fit(TEXTS, LABELS)


# --- sequences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["ACJ", *TEXTS[1:]], r"residue 'J' at position 3 of row 0 .* \(1 unknown residue in 1 of 10 sequences\)"),
        (["AC-D", *TEXTS[1:]], r"gap '-' at position 3 of row 0"),
        (["A*CD", *TEXTS[1:]], r"stop '\*' at position 2 of row 0"),
        ([*TEXTS[:9], ""], r"1 of 10 sequences are empty \(row 9\)"),
        ([*TEXTS[:9], float("nan")], r"1 of 10 sequences are missing, NaN or None \(row 9\)"),
        ([], "sequences are empty"),
        ([[1]] * 10, r"row 0 holds \[1\]"),
    ],
)
def test_bad_sequences_are_named_in_fit_and_predict(
    backbone: str, model: SequenceClassifier, texts: list, message: str
) -> None:
    with pytest.raises((DataError, InputTypeError), match=message):
        classifier(backbone).fit(texts, LABELS)
    with pytest.raises((DataError, InputTypeError), match=message):
        model.predict(texts)


def test_an_index_of_strings_names_sequences_at_every_door(backbone: str, model: SequenceClassifier) -> None:
    named = pd.Series(["ACJ", *TEXTS[1:]], index=[f"P{number}" for number in range(10)])
    labels = pd.Series(LABELS, index=named.index)
    doors: list[Callable[[Any], object]] = [
        lambda X: classifier(backbone).fit(X, labels),
        model.predict,
        model.transform,
        lambda X: model.score(X, labels),
        lambda X: model.report(X, labels),
    ]
    for door in doors:
        for X in (named, named.to_frame("sequence")):
            with pytest.raises(DataError, match="residue 'J' at position 3 of sequence 'P0' is not in"):
                door(X)


def test_one_string_is_no_list(model: SequenceClassifier) -> None:
    with pytest.raises(InputTypeError, match=r"got str. Pass \['ACD'\]"):
        model.predict("ACD")


def test_unknown_symbols_are_masked_or_their_sequences_left_out(backbone: str) -> None:
    texts = ["ACJDE", *TEXTS[1:]]
    with pytest.warns(Notice, match=r"read as the mask: 1 unknown residue in 1 of 10 sequences \(row 0\)"):
        masked = classifier(backbone, on_unknown="mask").fit(texts, LABELS)
    assert masked.summary_.sequences == 10
    with pytest.warns(Notice, match=r"left out: 1 sequence with 1 unknown residue"):
        skipped = classifier(backbone, on_unknown="skip").fit(texts, LABELS, sample_weight=[1.0] * 10)
    assert skipped.summary_.sequences == 9
    with pytest.warns(Notice, match="read as the mask"):
        assert skipped.predict_proba(texts).shape == (10, 2), "an answer for each, whatever it holds"
    with pytest.raises(DataError, match="only sequences of class '0' are left"):
        classifier(backbone, on_unknown="skip").fit(["ACD", "CDE", "J"], [0, 0, 1])


def test_lower_case_and_final_stops_are_read_and_said(model: SequenceClassifier) -> None:
    with pytest.warns(Notice, match="read as upper case: 5 lower-case residues"):
        lower = model.predict_proba(["acdef"])
    with pytest.warns(Notice, match=r"stops '\*' at the end of 1 sequence were dropped"):
        stop = model.predict_proba(["ACDEF*"])
    np.testing.assert_array_equal(lower, stop)


def test_what_is_longer_than_the_model_reads_is_cut_and_said(backbone: str) -> None:
    ragged = classifier(backbone).fit(["ACD", *TEXTS[1:]], LABELS)
    said = r"1 of 2 sequences are longer than the 10 symbols that the language model reads: .*\(the longest has 12\)"
    with pytest.warns(Notice, match=said):
        ragged.predict(["ACDEFGHIKLMN", "ACDEFGHIK"])
    limited = classifier(backbone, base="none", options=SequenceOptions(**{**OPTIONS.values(), "limit": 3}))
    with pytest.warns(Notice, match="10 of 10 sequences are longer than the 3 symbols"):
        limited.fit(TEXTS, LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        np.testing.assert_array_equal(limited.predict_proba(["ACDEF"]), limited.predict_proba(["ACDWW"]))


@pytest.mark.parametrize("mode", ["train", "probe"])
@pytest.mark.parametrize("base", ["linear", "none"])
def test_aligned_sequences_answer_for_other_lengths_too(backbone: str, base: str, mode: str) -> None:
    options = replace(OPTIONS, training=replace(OPTIONS.training, mode=mode))
    model = classifier(backbone, base=base, options=options).fit(TEXTS, LABELS)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", Notice)
        whole, *others = model.predict_proba(["ACDEF", "A", "ACDEFGH", "ACD"])
        alone = model.predict_proba(["ACDEF"])[0]
    assert np.isfinite(others).all()
    np.testing.assert_allclose(whole, alone, rtol=1e-5)
    expected = (
        "3 of 4 sequences have another length than the 5 symbols of those of fit: the one-hot base reads them from"
    )
    assert [str(one.message)[: len(expected)] for one in said] == [expected] * (base == "linear")
    assert ("on onehot features: sequences of another length are read from their start" in str(model.summary_)) == (
        base == "linear"
    )


@pytest.mark.filterwarnings("ignore::seqreprog.Notice")
def test_one_sequence_of_another_length_fails_no_cross_validation(backbone: str) -> None:
    scores = cross_val_score(classifier(backbone), [*TEXTS[:9], "ACDEFG"], LABELS, cv=5, error_score="raise")
    assert len(scores) == 5


@pytest.mark.parametrize(
    ("options", "arguments", "remedy"),
    [
        ({}, {}, "whole. Longer sequences in fit make room"),
        ({"limit": 4}, {}, "whole. A larger SequenceOptions(limit=...) makes room"),
        ({"prompt": "word " * 62}, {}, "whole. More symbols for each token, SequenceOptions(patch=...), make room"),
        ({"prompt": "word " * 62}, {"method": "rewriter"}, "whole. A backbone with more positions makes room"),
    ],
)
@pytest.mark.filterwarnings("ignore::seqreprog.Notice")
def test_what_is_recommended_for_long_sequences_helps(
    backbone: str, options: dict, arguments: dict, remedy: str
) -> None:
    one = classifier(backbone, options=replace(OPTIONS, source_words=16, **options), **arguments)
    with pytest.warns(Notice, match=re.escape(remedy)):
        one.fit(["ACD", *TEXTS[1:]], LABELS).predict(["ACDEFGHIKLMNPQRST"])


def test_a_long_protein_fits_by_longer_patches(backbone: str) -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKL"), 700)) for _ in range(6)]
    with pytest.warns(Notice, match="6 of 6 sequences are longer than the 256 symbols"):
        classifier(backbone).fit(texts, LABELS[:6])
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        options = SequenceOptions(**{**OPTIONS.values(), "patch": 4})
        assert classifier(backbone, options=options).fit(texts, LABELS[:6]).summary_.length == 4 * 256


def test_molecules(backbone: str) -> None:
    texts = ["CCO", "CCN", "CCC", "CCCl", "C=O", "CC(C)O", "CCCC", "CO", "CN", "CCF"]
    with pytest.raises(DataError, match=r"'!' at position 2 of row 0"):
        SequenceRegressor(kind="smiles", backbone=backbone, layers=1, options=OPTIONS).fit(
            ["C!", *texts[1:]], range(10)
        )
    one = SequenceRegressor(kind="smiles", backbone=backbone, layers=1, options=OPTIONS).fit(texts, range(10))
    with pytest.warns(Notice, match=r"read as the mask: 1 symbols that fit never saw \('Br'\)"):
        assert np.isfinite(one.predict(["CBr"])).all()


SMILES = ["CCO", "C1CC1", "CC(=O)", "c1ccccc1", "CCN", "CCC", "C=O", "CC(C)O", "CCCC", "CO"]


def regressor(backbone: str, **options: Any) -> SequenceRegressor:
    return SequenceRegressor(**{"kind": "smiles", "backbone": backbone, "layers": 1, "options": OPTIONS, **options})


def test_invalid_smiles_are_named_without_rdkit(backbone: str) -> None:
    texts = [*SMILES[:8], "C1CC(", "CC)"]
    message = r"ring bond '1' at position 2 of row 8 is opened and never closed.*\(3 misplaced symbols in 2 of 10"
    with pytest.raises(DataError, match=message):
        regressor(backbone).fit(texts, range(10))
    with pytest.raises(DataError, match=r"branch '\)' at position 3 of sequence 'M2' is closed and was never opened"):
        regressor(backbone).fit(SMILES, range(10)).predict(pd.Series(["CCO", "CC)"], index=["M1", "M2"]))
    with pytest.warns(Notice, match=r"read as the mask: 3 misplaced symbols in 2 of 10 sequences \(rows 8, 9\)"):
        assert regressor(backbone, on_unknown="mask").fit(texts, range(10)).summary_.sequences == 10
    with pytest.warns(Notice, match=r"left out: 2 sequences with 3 misplaced symbols"):
        one = regressor(backbone, on_unknown="skip").fit(texts, range(10))
    assert one.summary_.sequences == 8
    with pytest.warns(Notice, match="read as the mask: 2 misplaced symbols in 1 of 1 sequence"):
        assert np.isfinite(one.predict(["C1CC("])).all(), "an answer for each"


def test_an_alphabet_that_was_given_for_molecules_is_a_rule(backbone: str) -> None:
    letters = list("CON=")
    with pytest.raises(DataError, match=r"symbol 'F' at position 2 of row 0 is not in the smiles alphabet"):
        regressor(backbone, alphabet=letters).fit(["CF", *["C=O", "CN"] * 3], range(7))
    one = regressor(backbone, alphabet=letters).fit(["CO", "CC", "C=O", "CN", "NC=O", "CCN"], range(6))
    with pytest.raises(DataError, match=r"symbol 'F' at position 2 of row 1 is not in the smiles alphabet"):
        one.predict(["C=O", "CF"])
    with pytest.warns(Notice, match=r"read as the mask: 1 unknown symbol in 1 of 2 sequences \(row 1\)"):
        one.set_params(on_unknown="mask").predict(["C=O", "CF"])


@pytest.mark.filterwarnings("ignore::seqreprog.Notice")
@pytest.mark.parametrize("spelling", [{"canonical": True}, {"augment": 2}])
def test_what_rdkit_cannot_read_is_answered_for_as_it_is_written(backbone: str, spelling: dict) -> None:
    pytest.importorskip("rdkit")
    bad = ["C1CC(", "C(C)(C)(C)(C)C"]
    for policy, count in (("skip", 10), ("mask", 12)):
        one = regressor(backbone, on_unknown=policy, options=replace(OPTIONS, **spelling))
        assert one.fit([*bad, *SMILES], range(12)).summary_.sequences == count
        with pytest.warns(Notice, match=r"read as they are written: 2 SMILES that RDKit cannot read \(rows 0, 2\)"):
            answers = one.predict([bad[0], "OCC", bad[1]])
        np.testing.assert_allclose(answers[1], one.predict(["OCC"])[0], rtol=1e-5)
        assert np.isfinite(one.predict(bad[:1])).all(), "where none can be read"
    with pytest.raises(DataError, match=r"2 of 3 SMILES cannot be read by RDKit \(sequences 'a', 'c'\)"):
        one.set_params(on_unknown="error").predict(pd.Series([bad[0], "OCC", bad[1]], index=list("abc")))


def test_smiles_that_rdkit_cannot_read_are_named_by_row(backbone: str) -> None:
    pytest.importorskip("rdkit")
    texts = ["OCC", "CCN", "CCC", "C(C", "C=O", "CC(C)O"]
    options = SequenceOptions(**{**OPTIONS.values(), "canonical": True})
    with pytest.raises(DataError, match=r"1 of 6 SMILES cannot be read by RDKit \(row 3\); the first is 'C\(C'"):
        SequenceRegressor(kind="smiles", backbone=backbone, layers=1, options=options).fit(texts, range(6))
    with pytest.warns(Notice, match=r"left out: 1 SMILES that RDKit cannot read \(row 3\)"):
        one = SequenceRegressor(
            kind="smiles", backbone=backbone, layers=1, options=options, on_unknown="skip"
        ).fit(texts, range(6))  # fmt: skip
    np.testing.assert_array_equal(one.predict(["OCC"]), one.predict(["C(O)C"]))


# --- targets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * 10, "one class only: all 10 labels are 'a'"),
        ([0, 1, None, *LABELS[3:]], r"1 of 10 labels are missing, NaN or None \(row 2\)"),
        ([0.0, 1.0, float("nan"), *LABELS[3:]], r"1 of 10 labels are missing"),
        (LABELS[:9], "one length; got 10 sequences and 9 labels"),
        ([0.5, *LABELS[1:]], "row 0 holds the value 0.5. Use SequenceRegressor"),
        ([["a", "b"]] * 10, r"row 0 holds 'a' for label '0'"),
    ],
)
def test_bad_labels_are_named(backbone: str, labels: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        classifier(backbone).fit(TEXTS, labels)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([np.nan, *range(9)], r"1 of 10 values are missing, NaN or None \(row 0\)"),
        ([np.inf, *range(9)], r"1 of 10 values are infinite \(row 0\)"),
        (range(9), "10 sequences and 9 values"),
        ([1.0, ">10", *range(8)], "values must be numbers; row 1 holds '>10'"),
    ],
)
def test_bad_values_are_named(backbone: str, values: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        SequenceRegressor(backbone=backbone, options=OPTIONS).fit(TEXTS, list(values))


def test_a_class_with_one_member_trains_and_is_said(backbone: str) -> None:
    with pytest.warns(Notice, match="class 'rare' with one member: nothing can validate it"):
        one = classifier(backbone).fit(TEXTS, ["rare", *(["a", "b", "a"] * 3)])
    assert one.classes_.tolist() == ["a", "b", "rare"]
    np.testing.assert_allclose(one.predict_proba(TEXTS).sum(1), 1)


def test_a_label_that_fit_never_saw_counts_as_wrong_and_is_said(model: SequenceClassifier) -> None:
    with pytest.warns(Notice, match=r"1 of 10 labels were never seen by fit \('7'\)"):
        assert model.score(TEXTS, [7, *LABELS[1:]]) <= 0.9
    with pytest.raises(DataError, match=r"no label is a class that fit saw: got '0', '1' \(str for int\)"):
        model.score(TEXTS, [str(label) for label in LABELS])
    with pytest.raises(DataError, match="10 sequences and 3 labels"):
        model.score(TEXTS, LABELS[:3])


@pytest.mark.parametrize(
    ("weight", "message"),
    [([1.0] * 9, "10 sequences and 9 sample_weight"), ([-1.0] * 10, "row 0 holds -1"), ([0.0] * 10, "0 for all 10")],
)
def test_bad_weights_are_named(backbone: str, weight: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        classifier(backbone).fit(TEXTS, LABELS, sample_weight=weight)


def test_class_weights_must_fit_the_classes(backbone: str) -> None:
    with pytest.raises(ConfigError, match=r"class_weight names 'x', which is no class of y; there are \[0, 1\]"):
        classifier(backbone, class_weight={"x": 1}).fit(TEXTS, LABELS)
    with pytest.raises(ConfigError, match="class_weight is for classes, not for several labels; got 'balanced'"):
        classifier(backbone, class_weight="balanced").fit(TEXTS, [[0, 1], [1, 0]] * 5)
    with pytest.raises(ConfigError, match=r"must be at least 0; got -1 for 0"):
        classifier(backbone, class_weight={0: -1}).fit(TEXTS, LABELS)


def test_several_labels(backbone: str) -> None:
    table = pd.DataFrame({"a": [0.0, 1.0] * 5, "b": [None] * 10})
    with pytest.raises(DataError, match="nothing is known of 1 labels: 'b'"):
        classifier(backbone).fit(TEXTS, table)
    with pytest.raises(DataError, match=r"row 0 holds 2.0 for label 'a'"):
        classifier(backbone).fit(TEXTS, pd.DataFrame({"a": [2.0] * 10, "b": [1.0] * 10}))
    with pytest.warns(Notice, match="labels with one answer only, of which nothing can be learned: 'b'"):
        one = classifier(backbone).fit(TEXTS, table.assign(b=1.0))
    with pytest.raises(DataError, match="y has 3 labels; fit saw 2"):
        one.score(TEXTS, np.zeros((10, 3)))


# --- options ----------------------------------------------------------------------------------------------------------


# argument -> its value, and what the message must hold
REFUSED = {
    "kind": ("peptide", "kind must be one of ['protein', "),
    "alphabet": ("HP", "kind='protein' has symbols of its own"),
    "method": ("magic", "method must be one of ['prototype', "),
    "base": ("ridge", "base must be one of ['linear', 'none']; got 'ridge'"),
    "on_unknown": ("drop", "on_unknown must be one of 'error', 'mask', 'skip'; got 'drop'"),
    "layers": (9, "has 3 layers; got layers=9"),
    "options": ({"patch": 2}, "options must be made by SequenceOptions(...); got {'patch': 2}"),
    "backbone": ("./gone", "'./gone'"),
}


def test_options_outside_their_rule_are_said_by_fit(backbone: str) -> None:
    """In a process of its own, without the check of all annotations that the tests switch on."""
    code = (
        "import sys; from seqreprog import SequenceClassifier\n"
        f"for name, (value, _) in {REFUSED!r}.items():\n"
        f"    model = SequenceClassifier(**{{'backbone': {backbone!r}, name: value}})\n"
        f"    try: model.fit({TEXTS!r}, {LABELS!r})\n"
        "    except ValueError as error: print(name, type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for line, (name, (_, message)) in zip(done.stdout.splitlines(), REFUSED.items(), strict=True):
        assert line.startswith(f"{name} {'BackboneError' if name in ('layers', 'backbone') else 'ConfigError'}")
        assert message in line


def test_an_alphabet_of_ones_own(backbone: str) -> None:
    one = classifier(backbone, kind="custom", alphabet="ab").fit(["ab", "ba", "aab", "bba", "abab", "baba"], [0, 1] * 3)
    with pytest.raises(DataError, match="symbol 'c' at position 2 of row 0"):
        one.predict(["ac"])
