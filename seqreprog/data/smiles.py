"""SMILES and SELFIES strings -> symbols that mean something chemically: one per atom, bond, branch and ring closure.

Which symbols of a SMILES stand where none of their sort can is told without RDKit; what only chemistry forbids is not.

Source: the OpenSMILES grammar (Craig A. James et al., opensmiles.org), with RDKit's `[#6]`, `~`, `->` and `%(100)`;
Krenn et al. 2020 (SELFIES). Chirality (`@`, `@@`), hydrogens and charges stand inside brackets: one symbol per atom.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int

from ..errors import DataError
from .texts import Texts, read_texts

Notation = Literal["smiles", "selfies"]

_INSIDE = (  # each optional but the element
    r"\d*",  # isotope
    r"(?:[A-Z][a-z]?|as|se|te|si|[bcnops]|\*|#\d+)",  # element; lower case is aromatic
    r"(?:@(?:@|TH[12]|AL[12]|SP[123]|TB\d\d?|OH\d\d?)?)?",  # chirality
    r"(?:H\d*)?",
    r"(?:\+\++|--+|[+-]\d*)?",  # charge
    r"(?::\d+)?",  # class
)
_BRACKET_ATOM = rf"\[{''.join(_INSIDE)}\]"
_BRACKET = r"\[[^\[\]]*\]"  # with anything inside
_ATOM = rf"{_BRACKET_ATOM}|Br|Cl|[BCNOPSFI]|[bcnosp]|\*"
_BOND = r"->|<-|[-=#$:/\\~]"
_RING = r"%\d\d|%\(\d+\)|\d"
_SMILES = rf"{_ATOM}|{_BOND}|{_RING}|[().]"
_SELFIES = r"\[[^\[\]\s]+\]|\."

_SYMBOL = {"smiles": re.compile(_SMILES), "selfies": re.compile(_SELFIES)}
_SYMBOL_OR_STRAY = {
    "smiles": re.compile(rf"{_SMILES}|{_BRACKET}|.", re.DOTALL),
    "selfies": re.compile(rf"{_SELFIES}|.", re.DOTALL),
}

# Sorts of SMILES symbols: the alternatives of this pattern in order; a stray may be anything, and an end is one too.
_SORT = re.compile(rf"({_ATOM})|({_BOND})|({_RING})|(\()|(\))|(\.)|(.)", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]+")  # RDKit's: any other white space is refused as no symbol
_MAP = re.compile(r"(\[[^\[\]:]*):\d+\]")
_ATOMS, _BONDS, _RINGS, _OPENS, _CLOSES, _DOTS, _STRAYS, _ENDS = range(1, 9)
_BEHIND = {_BONDS: (_ATOMS, _RINGS), _OPENS: (_ATOMS, _BONDS, _DOTS), _DOTS: (_ATOMS,)}  # all may follow the others
_CALLED = {_BONDS: "bond", _RINGS: "ring bond", _OPENS: "branch", _CLOSES: "branch", _DOTS: "dot"}


class Tokens(NamedTuple):
    """Strings taken apart.

    Attributes:
        flat: all symbols, string after string; joined they are the strings again.
        counts: how many symbols each string has.
    """

    flat: list[str]
    counts: list[int]


def split(notation: Notation, texts: list[str]) -> Tokens:
    """Takes each string apart; what the grammar does not know is never dropped.

    It becomes a symbol of one character, or of a SMILES the whole bracket that it stands in.

    Example:
        >>> split("smiles", ["C[C@@H](Cl)%12"]).flat
        ['C', '[C@@H]', '(', 'Cl', ')', '%12']
    """
    parts = [_SYMBOL_OR_STRAY[notation].findall(text) for text in texts]
    return Tokens(list(chain.from_iterable(parts)), [len(part) for part in parts])


def read_smiles(values: object, *, ids: object = None, what: str = "SMILES") -> Texts:
    """Reads SMILES as `read_texts` does, up to their first white space and without atom maps; of both a notice tells.

    A name or a CXSMILES extension may follow the white space, as RDKit has it. An atom map (`[CH3:1]`) numbers atoms of
    a reaction and says nothing of the molecule.

    Example:
        >>> read_smiles(["CCO ethanol", "[CH3:1][OH:2]"]).values
        ['CCO', '[CH3][OH]']
    """
    texts = read_texts(values, ids=ids, what=what)
    parts = [_SPACE.split(text, maxsplit=1) for text in texts.values]
    named = [row for row, part in enumerate(parts) if len(part) > 1]
    firsts = [part[0] for part in parts]
    mapped = [row for row, text in enumerate(firsts) if ":" in text and _MAP.search(text)]
    notices = texts.notices
    if named:
        behind = parts[named[0]][1]
        sort = "CXSMILES" if behind.startswith("|") else "a name"
        said = f"{len(named)} of {len(parts)} {what} have something behind them ({texts.names.some(named)})"
        notices = (*notices, f"read up to the first white space: {said}; the first is {sort}, {behind!r:.40}")
    for row in mapped:
        firsts[row] = _MAP.sub(r"\1]", firsts[row])
    if mapped:
        said = f"{len(mapped)} of {len(parts)} {what} ({texts.names.some(mapped)})"
        notices = (*notices, f"atom maps such as ':1' in '[CH3:1]' were dropped from {said}")
    return Texts(firsts, texts.names, notices)


def wrong_bracket(symbol: str) -> tuple[str, str] | None:
    """What is wrong with a bracket that is no atom: its sort, and why; `None` for any other symbol."""
    if symbol == "[":
        return "bracket", "is opened and never closed"
    if symbol == "]":
        return "bracket", "is closed and was never opened"
    if not re.fullmatch(_BRACKET, symbol) or re.fullmatch(_BRACKET_ATOM, symbol):
        return None
    place = 1
    for part in _INSIDE:
        found = re.compile(part).match(symbol, place)
        if found is None:
            break
        place = found.end()
    at = f"{symbol[place]!r} at its position {place + 1} cannot stand there"
    return "bracket atom", "holds no element" if place == len(symbol) - 1 else f"cannot be read: {at}"


def known(notation: Notation, texts: list[str]) -> tuple[str, ...]:
    """The symbols of the grammar that occur in `texts`, sorted; strays are left out, so that reading names them."""
    found = sorted(set(split(notation, texts).flat))
    return tuple(symbol for symbol in found if _SYMBOL[notation].fullmatch(symbol))


def learn(notation: Notation, texts: list[str]) -> tuple[str, ...]:
    """The alphabet of `texts`: those that are `known`.

    Raises:
        DataError: not one symbol of the grammar occurs.
    """
    symbols = known(notation, texts)
    if not symbols:
        raise DataError(f"no {notation} symbol in {len(texts)} strings; the first is {texts[0]!r:.40}. Check `kind`")
    return symbols


class Misplaced(NamedTuple):
    """A symbol of a SMILES that stands where none of its sort can.

    Attributes:
        what: its sort.
        why: what is wrong with it.
    """

    what: str
    why: str


def misplaced(
    codes: Int[np.ndarray, " symbols"],
    tokens: Sequence[str],
    offsets: Int[np.ndarray, " strings_plus_one"],
    blank: str | None = None,
) -> dict[int, Misplaced]:
    """Branches and ring bonds without their other end, and bonds, branches and dots without an atom, by their place.

    Args:
        codes: the symbols of all strings, end to end, as places in `tokens`.
        tokens: each symbol once.
        offsets: where each string starts, and the last one ends.
        blank: what stands for any symbol: a string with one is not judged.
    """
    sort = np.array([_SORT.match(token).lastindex for token in tokens])[codes]  # type: ignore[union-attr]
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    following = np.append(sort[1:], _ENDS)
    following[offsets[1:] - 1] = _ENDS
    first = offsets[:-1]
    found = dict.fromkeys(first[~np.isin(sort[first], (_ATOMS, _STRAYS))].tolist(), "has no atom before it")
    for one, allowed in _BEHIND.items():
        alone = (sort == one) & ~np.isin(following, (*allowed, _STRAYS))
        found |= dict.fromkeys(np.flatnonzero(alone).tolist(), "has no atom behind it")
    rings: dict[tuple[int, int], int] = {}
    branches: list[int] = []
    for place in np.flatnonzero(np.isin(sort, (_RINGS, _OPENS, _CLOSES))).tolist():
        if sort[place] == _RINGS:
            ring = int(owner[place]), int(tokens[codes[place]].strip("%()"))
            if rings.pop(ring, None) is None:
                rings[ring] = place
        elif sort[place] == _OPENS:
            branches.append(place)
        elif branches and owner[branches[-1]] == owner[place]:
            branches.pop()
        else:
            found[place] = "is closed and was never opened"
    found |= dict.fromkeys([*rings.values(), *branches], "is opened and never closed")
    free = set(owner[np.array([token == blank for token in tokens])[codes]].tolist())
    judged = (place for place in sorted(found) if owner[place] not in free)
    return {place: Misplaced(_CALLED[int(sort[place])], found[place]) for place in judged}
