"""Molecules: one spelling, many spellings, scaffold splits, SELFIES, and what cannot be read by its rows."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqreprog.data.chem import (
    canonical_smiles,
    from_selfies,
    randomised_smiles,
    readable_smiles,
    scaffold_split,
    scaffolds,
    to_selfies,
)
from seqreprog.errors import ConfigError, DataError, DependencyError, Notice

pytest.importorskip("rdkit")
pytest.importorskip("selfies")

DRUGS = ["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O"]


def test_spellings_of_one_molecule_become_one() -> None:
    assert canonical_smiles(np.array(["OCC", "C(O)C", "[CH3][CH2][OH]"])).texts == ["CCO"] * 3
    assert canonical_smiles(DRUGS).texts == canonical_smiles(canonical_smiles(DRUGS).texts).texts


def test_invalid_smiles_are_named_by_row(capfd: pytest.CaptureFixture[str]) -> None:
    values = ["CCO", "C1CC", "CC(", "c1ccccc1", "C(C)(C)(C)(C)C"]
    with pytest.raises(DataError, match=r"3 of 5 SMILES cannot be read by RDKit \(rows 1, 2, 4\); the first is 'C1CC'"):
        canonical_smiles(values)
    with pytest.raises(DataError, match=r"\(sequence 'b'\)"):
        canonical_smiles(["C", "C("], ids=["a", "b"])
    kept = canonical_smiles(values, on_invalid="skip")
    assert kept.texts == ["CCO", "c1ccccc1"]
    assert kept.rows.tolist() == [0, 3]
    with pytest.raises(DataError, match="1 of 1 SMILES"):
        canonical_smiles(["C1"], on_invalid="skip")
    assert capfd.readouterr().err == ""
    with pytest.raises(DataError, match=r"1 of 2 SMILES are missing, NaN or None \(row 1\)"):
        canonical_smiles(["C", None])


def test_rows_that_can_be_read_are_told() -> None:
    assert readable_smiles(["CCO", "C1CC", "C"], on_invalid="skip").tolist() == [0, 2]
    assert readable_smiles(["C1CC"], on_invalid="mask").tolist() == []
    for policy in ("error", "skip"):
        with pytest.raises(DataError, match=r"1 of 1 SMILES cannot be read by RDKit \(row 0\)"):
            readable_smiles(["C1CC"], on_invalid=policy)


def test_random_spellings_are_different_and_of_the_same_molecule() -> None:
    spelled = randomised_smiles(DRUGS, 5, 0)
    assert np.bincount(spelled.rows).tolist() == [5, 5, 5]
    assert len(set(spelled.texts)) == 15
    expected = np.array(canonical_smiles(DRUGS).texts)[spelled.rows]
    assert canonical_smiles(spelled.texts).texts == expected.tolist()
    assert randomised_smiles(DRUGS, 5, 0).texts == spelled.texts
    assert randomised_smiles(DRUGS, 5, 1).texts != spelled.texts
    assert randomised_smiles(DRUGS[1:], 5, 0).texts == spelled.texts[5:], "whatever else is given"
    assert randomised_smiles(["C"], 5, 0).texts == ["C"]
    with pytest.raises(ConfigError, match="count must be at least 1; got 0"):
        randomised_smiles(DRUGS, 0, 0)


def test_scaffolds_are_rings_and_links() -> None:
    assert scaffolds(["CCc1ccccc1", "CCO", "O=C(c1ccccc1)C1CC1"]) == ["c1ccccc1", "", "O=C(c1ccccc1)C1CC1"]


def test_frequent_scaffolds_train_and_rare_ones_test() -> None:
    values = ["C1CC1", *["Cc1ccccc1"] * 8, "C1CCC1"]
    train, validation, test = scaffold_split(values)
    assert train.tolist() == list(range(1, 9))
    assert (validation.tolist(), test.tolist()) == ([9], [0])
    with pytest.raises(ConfigError, match=r"add up to 1; got \(0.8, 0.1, 0.2\)"):
        scaffold_split(values, (0.8, 0.1, 0.2))


def test_no_scaffold_of_real_molecules_is_on_two_sides(real_data: Callable[..., Path]) -> None:
    with real_data("molecules", "BACE", "bace.csv").open(encoding="utf-8") as lines:
        values = [row["mol" if "mol" in row else "smiles"] for row in csv.DictReader(lines)]
    names, parts = np.array(scaffolds(values)), scaffold_split(values)
    assert sorted(np.concatenate(parts)) == list(range(1513))
    assert [len(part) for part in parts] == pytest.approx([1210, 151, 152], abs=3)
    sides = [set(names[part]) for part in parts]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def test_selfies_and_back() -> None:
    assert to_selfies(["CC=O"]) == ["[C][C][=O]"]
    assert canonical_smiles(from_selfies(to_selfies(DRUGS))).texts == canonical_smiles(DRUGS).texts
    with pytest.raises(DataError, match=r"1 of 2 SMILES cannot be converted \(row 1\); the first is 'C1CC'"):
        to_selfies(["C", "C1CC"])
    with pytest.raises(DataError, match=r"1 of 1 SELFIES cannot be converted \(row 0\); the first is '\[Nonsense\]'"):
        from_selfies(["[Nonsense]"])


@pytest.mark.parametrize(("call", "missing"), [(canonical_smiles, "rdkit"), (to_selfies, "selfies")])
def test_absent_library_is_named(monkeypatch: pytest.MonkeyPatch, call: Callable, missing: str) -> None:
    for name in [name for name in sys.modules if name == missing or name.startswith(f"{missing}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(DependencyError, match=rf"molecules need {missing}: pip install 'seqreprog\[chem\]'"):
        call(["C"])


def test_names_extensions_and_atom_maps_are_no_part_of_a_molecule() -> None:
    texts = ["OCC ethanol", "[CH3:1][OH:2]", "C |^1:0|"]
    with pytest.warns(Notice) as told:
        assert canonical_smiles(texts).texts == ["CCO", "CO", "C"]
    assert [str(one.message)[:10] for one in told] == ["read up to", "atom maps "]
    assert to_selfies(["OCC ethanol"]) == ["[O][C][C]"]
