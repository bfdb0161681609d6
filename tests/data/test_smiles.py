"""SMILES and SELFIES taken apart: one symbol per atom, and nothing lost."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqreprog.data.alphabets import alphabet
from seqreprog.data.smiles import learn, split
from seqreprog.data.symbols import read_sequences
from seqreprog.errors import DataError


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("CCl", "C Cl"),
        ("BrCn", "Br C n"),
        ("Cn1cnc2", "C n 1 c n c 2"),
        ("C[C@@H](N)C(=O)O", "C [C@@H] ( N ) C ( = O ) O"),
        ("[13CH3-]", "[13CH3-]"),
        ("[Fe+++].[Cl-]", "[Fe+++] . [Cl-]"),
        ("[NH4+:12]", "[NH4+:12]"),
        ("[se]1cccc1", "[se] 1 c c c c 1"),
        ("F/C=C\\F", "F / C = C \\ F"),
        ("C%12CC%(123)", "C %12 C C %(123)"),
        ("C1=CC$C:C~C", "C 1 = C C $ C : C ~ C"),
        ("N->[Pt@SP1]<-N", "N -> [Pt@SP1] <- N"),
        ("[#6]*[*]", "[#6] * [*]"),
        ("[2H]C#N", "[2H] C # N"),
    ],
)
def test_symbols_mean_something_chemically(text: str, symbols: str) -> None:
    assert split("smiles", [text]).flat == symbols.split()
    assert set(learn("smiles", [text])) == set(symbols.split())


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4), st.sampled_from(["smiles", "selfies"]))
def test_no_character_is_lost(texts: list[str], notation) -> None:
    tokens = split(notation, texts)
    assert "".join(tokens.flat) == "".join(texts)
    assert len(tokens.flat) == sum(tokens.counts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C[Si]CX", r"symbol 'X' at position 7 of row 1 is not in the smiles alphabet"),
        ("CC[C@@H", r"symbol '\[' at position 3"),
        ("CCBr", r"symbol 'Br' at position 3"),
        ("CC ethanol", r"white space ' ' at position 3 of row 1 .* remove it"),
        ("CC[Zn2C]", r"symbol '\[' at position 3"),
    ],
)
def test_what_training_never_saw_is_named_by_character(text: str, message: str) -> None:
    seen = alphabet("smiles", sequences=["C[Si](CO)N1CC1"])
    with pytest.raises(DataError, match=message):
        read_sequences(["CC", text], seen)
    assert read_sequences(["CC", text], seen, on_unknown="skip").kept.tolist() == [0]


def test_selfies_are_read_bracket_by_bracket() -> None:
    seen = alphabet("selfies", sequences=["[C][Branch1][=O].[C]"])
    assert seen.symbols == (".", "[=O]", "[Branch1]", "[C]")
    assert read_sequences(["[C].[=O]"], seen).symbols.ids.tolist() == [4, 1, 2]
    assert read_sequences(["[C]_[C]"], seen, blank="_").symbols.ids.tolist() == [4, 5, 4]
    with pytest.raises(DataError, match=r"symbol '\[N\]' at position 4 of row 0 is not in the selfies alphabet"):
        read_sequences(["[C][N]"], seen)


def test_real_molecules_have_no_stray_symbol(real_data: Callable[..., Path]) -> None:
    for folder, name in (("ESOL", "ESOL_delaney-processed.csv"), ("BBBP", "BBBP.csv"), ("Tox21", "tox21.csv")):
        with real_data("molecules", folder, name).open(encoding="utf-8") as lines:
            texts = [row["smiles"] for row in csv.DictReader(lines)]
        learned = alphabet("smiles", sequences=texts)
        assert read_sequences(texts, learned).symbols.texts() == [text.strip() for text in texts]
