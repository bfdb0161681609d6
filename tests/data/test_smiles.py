"""SMILES and SELFIES taken apart: one symbol per atom, and nothing lost."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqreprog.data.alphabets import alphabet
from seqreprog.data.smiles import learn, read_smiles, split
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
        ("CC[C@@H", r"bracket '\[' at position 3 of row 1 is opened and never closed"),
        ("CC]C", r"bracket '\]' at position 3 of row 1 is closed and was never opened"),
        ("CC[]", r"bracket atom '\[\]' at position 3 of row 1 holds no element"),
        ("CC[13]", r"bracket atom '\[13\]' at position 3 of row 1 holds no element"),
        ("CC[CH3?]C", r"bracket atom '\[CH3\?\]' at position 3 of row 1 cannot be read: '\?' at its position 5 cannot"),
        ("C[C@@h]", r"bracket atom '\[C@@h\]' at position 2 .*: 'h' at its position 5"),
        ("C[ C]", r"bracket '\[' at position 2 of row 1 is opened and never closed"),
        ("CCBr", r"symbol 'Br' at position 3"),
        ("CC\xa0ethanol", r"white space .*U\+00A0.* at position 3 of row 1 .* remove it"),
        (
            "CC[Zn2C]",
            r"bracket atom '\[Zn2C\]' at position 3 .* '2' at its position 4 .* is no valid SMILES",
        ),
    ],
)
def test_what_training_never_saw_is_named_by_character(text: str, message: str) -> None:
    seen = alphabet("smiles", sequences=["C[Si](CO)N1CC1"])
    with pytest.raises(DataError, match=message):
        read_sequences(["CC", text], seen)
    assert read_sequences(["CC", text], seen, on_unknown="skip").kept.tolist() == [0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C1CC", r"ring bond '1' at position 2 of row 1 is opened and never closed, so that this is no valid SMILES"),
        ("CC(=O", r"branch '\(' at position 3 of row 1 is opened and never closed"),
        ("C(C)Br)C", r"branch '\)' at position 7 of row 1 is closed and was never opened"),
        ("C%12CC%13C%12", r"ring bond '%13' at position 7"),
        ("CC=", r"bond '=' at position 3 of row 1 has no atom behind it"),
        ("C()C", r"branch '\(' at position 2 of row 1 has no atom behind it"),
        ("1CC1", r"ring bond '1' at position 1 of row 1 has no atom before it"),
        ("C..C", r"dot '.' at position 2 of row 1 has no atom behind it, .*; correct it, or pass on_unknown='mask'"),
    ],
)
def test_a_misplaced_symbol_is_unknown(text: str, message: str) -> None:
    texts = ["C%12.C12(CC%12).CC2-1", text, "C1CC1", "C1CC1("]
    letters = alphabet("smiles", sequences=texts)
    with pytest.raises(DataError, match=rf"{message}.*\(2 misplaced symbols in 2 of 4 sequences\)"):
        read_sequences(texts, letters)
    assert read_sequences(texts, letters, on_unknown="skip").kept.tolist() == [0, 2]
    masked = read_sequences(texts, letters, on_unknown="mask")
    assert (masked.symbols.ids == letters.mask).sum() == 2
    assert masked.notices == ("read as the mask: 2 misplaced symbols in 2 of 4 sequences (rows 1, 3)",)


def test_a_blank_may_be_any_symbol() -> None:
    letters = alphabet("smiles", sequences=["C1CC1(C)O"])
    assert read_sequences(["C1CC_O", "CC_C)"], letters, blank="_").symbols.texts() == ["C1CC_O", "CC_C)"]
    with pytest.raises(DataError, match=r"'1' at position 2 of row 1"):
        read_sequences(["C1CC_O", "C1CC"], letters, blank="_")


def test_nothing_is_misplaced_that_rdkit_can_read() -> None:
    """All strings of up to five of these symbols; what RDKit alone refuses is a ring bond of an atom with itself."""
    chem, base = pytest.importorskip("rdkit.Chem"), pytest.importorskip("rdkit.rdBase")
    texts = ["".join(text) for size in range(1, 6) for text in itertools.product("C=1().", repeat=size)]
    letters = alphabet("smiles", sequences=texts)
    valid = set(read_sequences(texts, letters, on_unknown="skip").kept.tolist())
    rules = chem.SmilesParserParams()
    rules.sanitize = False
    with base.BlockLogs():
        read = {row for row, text in enumerate(texts) if chem.MolFromSmiles(text, rules) is not None}
    assert read <= valid
    assert len(valid - read) < 0.005 * len(texts)


def test_selfies_are_read_bracket_by_bracket() -> None:
    seen = alphabet("selfies", sequences=["[C][Branch1][=O].[C]"])
    assert seen.symbols == (".", "[=O]", "[Branch1]", "[C]")
    assert read_sequences(["[C].[=O]"], seen).symbols.ids.tolist() == [4, 1, 2]
    assert read_sequences(["[C]_[C]"], seen, blank="_").symbols.ids.tolist() == [4, 5, 4]
    with pytest.raises(DataError, match=r"symbol '\[N\]' at position 4 of row 0 is not in the selfies alphabet"):
        read_sequences(["[C][N]"], seen)


def test_real_molecules_have_no_stray_symbol(real_data: Callable[..., Path]) -> None:
    files = {"ESOL": "ESOL_delaney-processed.csv", "BBBP": "BBBP.csv", "BACE": "bace.csv", "Tox21": "tox21.csv"}
    for folder, name in files.items():
        with real_data("molecules", folder, name).open(encoding="utf-8") as lines:
            texts = [row["smiles"] for row in csv.DictReader(lines)]
        learned = alphabet("smiles", sequences=texts)
        assert read_sequences(texts, learned).symbols.texts() == [text.strip() for text in texts]


# --- what may stand beside a molecule --------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [" ", "\t", "  ", " \t "])
@pytest.mark.parametrize(
    ("behind", "sort"), [("ethanol", "a name"), ("C C", "a name"), ("|$a;b;c$|", "CXSMILES"), ("|^1:0| x", "CXSMILES")]
)
def test_the_first_field_is_read_and_the_rest_is_told(space: str, behind: str, sort: str) -> None:
    texts = ["CC", f"CCO{space}{behind}"]
    read = read_sequences(texts, alphabet("smiles", sequences=texts))
    assert read.symbols.texts() == ["CC", "CCO"]
    said = f"read up to the first white space: 1 of 2 sequences have something behind them (row 1); the first is {sort}"
    assert [notice.startswith(said) for notice in read.notices] == [True]
    assert repr(behind) in read.notices[0]


def test_atom_maps_are_dropped_and_told() -> None:
    texts = ["[CH3:1][13CH2-:22]C:C", "C", "[*:3]C"]
    read = read_sequences(texts, alphabet("smiles", sequences=texts))
    assert read.symbols.texts() == ["[CH3][13CH2-]C:C", "C", "[*]C"]
    assert set(read.symbols.alphabet.symbols) == {"[CH3]", "[13CH2-]", "C", ":", "[*]"}
    assert read.notices == ("atom maps such as ':1' in '[CH3:1]' were dropped from 2 of 3 sequences (rows 0, 2)",)
    again = read_smiles(read_smiles(texts))
    assert again == read_smiles(texts), "nothing is told twice"


def test_a_bracket_is_one_symbol_to_the_mask() -> None:
    letters = alphabet("smiles", sequences=["CC"])
    assert read_sequences(["C[CH3?]C"], letters, on_unknown="mask").symbols.texts() == ["C_C"]
