"""Alphabets: the ids of each kind, and what is refused."""

from __future__ import annotations

import pytest

from seqreprog.data.alphabets import Alphabet, alphabet
from seqreprog.errors import ConfigError, DataError


def test_each_kind_has_its_symbols() -> None:
    assert "".join(alphabet("protein").symbols) == "ACDEFGHIKLMNPQRSTVWY"
    assert "".join(alphabet("dna").symbols) == "ACGT"
    assert "".join(alphabet("rna").symbols) == "ACGU"
    assert alphabet("custom", symbols="HPE") == alphabet("custom", symbols=["H", "P", "E"])


def test_an_alphabet_is_rebuilt_from_its_symbols() -> None:
    learned = alphabet("smiles", sequences=["CC(=O)Cl", "c1ccccc1[N+](=O)[O-]"])
    assert learned.symbols == ("(", ")", "1", "=", "C", "Cl", "O", "[N+]", "[O-]", "c")
    assert alphabet("smiles", symbols=list(learned.symbols)) == learned
    assert Alphabet("smiles", learned.symbols).size == 12


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("peptide", {}, r"kind must be one of 'protein', 'dna', .* got 'peptide'"),
        (["dna"], {}, r"kind must be one of .* got \['dna'\]"),
        ("dna", {"symbols": "ACGTN"}, "kind='dna' has symbols of its own; pass kind='custom'"),
        ("smiles", {}, "kind='smiles' learns its symbols: pass sequences="),
        ("custom", {}, "kind='custom' needs the symbols .* alphabet='HPE'; got None"),
        ("custom", {"symbols": ""}, "needs the symbols .* got ''"),
        ("custom", {"symbols": [1, 2]}, r"needs the symbols .* got \[1, 2\]"),
        ("custom", {"symbols": "ABCA"}, "symbols must differ; 'A' is there 2 times"),
        ("custom", {"symbols": ["A", "Ala"]}, "single characters other than white space; got 'Ala'"),
        ("custom", {"symbols": "A "}, "single characters other than white space; got ' '"),
    ],
)
def test_what_is_no_alphabet_is_refused(kind, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        alphabet(kind, **options)


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match=r"no selfies symbol in 2 strings; the first is 'CCO'\. Check `kind`"):
        alphabet("selfies", sequences=["CCO", "CC"])
