"""SMILES and SELFIES strings -> symbols that mean something chemically: one per atom, bond, branch and ring closure.

Source: the OpenSMILES grammar (Craig A. James et al., opensmiles.org), with RDKit's `[#6]`, `~`, `->` and `%(100)`;
Krenn et al. 2020 (SELFIES). Chirality (`@`, `@@`), hydrogens and charges stand inside brackets: one symbol per atom.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Literal, NamedTuple

from ..errors import DataError

Notation = Literal["smiles", "selfies"]

_BRACKET_ATOM = (
    r"\[\d*"  # isotope
    r"(?:[A-Z][a-z]?|as|se|te|si|[bcnops]|\*|#\d+)"  # element; lower case is aromatic
    r"(?:@(?:@|TH[12]|AL[12]|SP[123]|TB\d\d?|OH\d\d?)?)?"  # chirality
    r"(?:H\d*)?"
    r"(?:\+\++|--+|[+-]\d*)?"  # charge
    r"(?::\d+)?\]"  # class
)
_SMILES = rf"{_BRACKET_ATOM}|Br|Cl|[BCNOPSFI]|[bcnosp]|\*|->|<-|[-=#$:/\\~]|%\d\d|%\(\d+\)|\d|[().]"
_SELFIES = r"\[[^\[\]\s]+\]|\."

_SYMBOL = {"smiles": re.compile(_SMILES), "selfies": re.compile(_SELFIES)}
_SYMBOL_OR_STRAY = {
    "smiles": re.compile(rf"{_SMILES}|.", re.DOTALL),
    "selfies": re.compile(rf"{_SELFIES}|.", re.DOTALL),
}


class Tokens(NamedTuple):
    """Strings taken apart.

    Attributes:
        flat: all symbols, string after string; joined they are the strings again.
        counts: how many symbols each string has.
    """

    flat: list[str]
    counts: list[int]


def split(notation: Notation, texts: list[str]) -> Tokens:
    """Takes each string apart; what the grammar does not know becomes a symbol of one character, never dropped.

    Example:
        >>> split("smiles", ["C[C@@H](Cl)%12"]).flat
        ['C', '[C@@H]', '(', 'Cl', ')', '%12']
    """
    parts = [_SYMBOL_OR_STRAY[notation].findall(text) for text in texts]
    return Tokens(list(chain.from_iterable(parts)), [len(part) for part in parts])


def learn(notation: Notation, texts: list[str]) -> tuple[str, ...]:
    """The symbols of the grammar that occur in `texts`, sorted; strays are left out, so that reading names them.

    Raises:
        DataError: not one symbol of the grammar occurs.
    """
    found = sorted(set(split(notation, texts).flat))
    symbols = tuple(symbol for symbol in found if _SYMBOL[notation].fullmatch(symbol))
    if not symbols:
        raise DataError(f"no {notation} symbol in {len(texts)} strings; the first is {texts[0]!r:.40}. Check `kind`")
    return symbols
