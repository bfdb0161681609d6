"""Alphabets: which symbols a kind of sequence is written in, and their ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ..errors import ConfigError
from . import smiles
from .texts import read_texts

Kind = Literal["protein", "dna", "rna", "smiles", "selfies", "custom"]

PAD = 0
OWN_SYMBOLS = {"protein": "ACDEFGHIKLMNPQRSTVWY", "dna": "ACGT", "rna": "ACGU"}
_NOUN = {"protein": "residue", "dna": "base", "rna": "base"}


@dataclass(frozen=True)
class Alphabet:
    """Symbols and their ids: 0 is padding, 1 to n the symbols in order, n + 1 the mask (unknown, or to be filled).

    Attributes:
        kind: what the sequences are.
        symbols: single characters, but for SMILES and SELFIES.
    """

    kind: Kind
    symbols: tuple[str, ...]

    @property
    def mask(self) -> int:
        return len(self.symbols) + 1

    @property
    def size(self) -> int:
        """How many ids there are, padding and mask included."""
        return len(self.symbols) + 2

    @property
    def noun(self) -> str:
        return _NOUN.get(self.kind, "symbol")


def alphabet(kind: object, *, symbols: object = None, sequences: object = None) -> Alphabet:
    """The alphabet of a kind of sequence.

    Args:
        kind: `"protein"`, `"dna"` and `"rna"` have symbols of their own. `"custom"` takes `symbols`. `"smiles"` and
            `"selfies"` take those of an earlier alphabet or learn them from `sequences`.
        symbols: for `"custom"` a string, or a list of single characters; case matters.
        sequences: strings to learn from, as `read_texts` takes them.

    Raises:
        ConfigError: an unknown kind, symbols where they do not belong or are missing, twice the same symbol.
        DataError: there is nothing to learn from.

    Example:
        >>> alphabet("smiles", sequences=["CCl", "C=O"]).symbols
        ('=', 'C', 'Cl', 'O')
    """
    if kind not in get_args(Kind):
        raise ConfigError(f"kind must be one of {', '.join(map(repr, get_args(Kind)))}; got {kind!r}")
    known: Any = kind
    if known in OWN_SYMBOLS:
        if symbols is not None or sequences is not None:
            raise ConfigError(f"kind={kind!r} has symbols of its own; pass kind='custom' for another alphabet")
        return Alphabet(known, tuple(OWN_SYMBOLS[known]))
    if known in get_args(smiles.Notation) and symbols is None:
        if sequences is None:
            raise ConfigError(f"kind={kind!r} learns its symbols: pass sequences=..., or symbols=... of an earlier one")
        read = smiles.read_smiles if known == "smiles" else read_texts
        return Alphabet(known, smiles.learn(known, read(sequences).values))
    if not isinstance(symbols, str | Sequence) or not len(symbols) or not all(isinstance(s, str) for s in symbols):
        raise ConfigError(
            f"kind={kind!r} needs the symbols of its alphabet, for instance alphabet='HPE'; got {symbols!r:.60}"
        )
    return Alphabet(known, _checked(known, tuple(symbols)))


def _checked(kind: Kind, symbols: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice:
        raise ConfigError(f"symbols must differ; {twice[0]!r} is there {symbols.count(twice[0])} times. Keep one")
    wrong = [s for s in symbols if not s or s.isspace() or (kind == "custom" and len(s) != 1)]
    if wrong:
        raise ConfigError(f"symbols must be single characters other than white space; got {wrong[0]!r}. Recode them")
    return symbols
