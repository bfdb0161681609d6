"""Strings -> one flat array of ids: no symbol is dropped or replaced without a word.

What is not told is read as the mask, the id that also stands for a blank to fill: `X` (any), `B` (D or N) and `Z` (E or
Q) in proteins, the eleven IUPAC ambiguity codes in DNA and RNA. A symbol of their own would hardly be seen in training.
Selenocysteine `U` is read as cysteine and pyrrolysine `O` as lysine, of which they are forms; `U` in DNA is `T`, `T` in
RNA is `U`. Lower case is folded (soft-masked FASTA), a stop `*` at the end of a protein dropped. Each is said in a
notice. Everything else outside the alphabet (`J`, gaps, inner stops, white space) is unknown, and so is in a SMILES
what is misplaced: a branch or ring bond without its other end, a bond without an atom. A SMILES ends at its first white
space and has no atom maps: see `read_smiles`, and `read_sequences`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool, Int

from ..errors import ConfigError, DataError
from . import smiles
from .alphabets import OWN_SYMBOLS, PAD, Alphabet
from .texts import Names, read_texts

OnUnknown = Literal["error", "mask", "skip"]

_UNKNOWN = -1
BASES = 100  # so many residues, and none but these four: no protein is like that
_AMBIGUOUS = {"protein": "BXZ", "dna": "BDHKMNRSVWY", "rna": "BDHKMNRSVWY"}
_READ_AS = {"protein": {"U": "C", "O": "K"}, "dna": {"U": "T"}, "rna": {"T": "U"}}


@dataclass(frozen=True, eq=False)
class Symbols:
    """Sequences of different lengths end to end in one flat array.

    Attributes:
        ids: all symbols, sequence after sequence, int64; never `PAD`.
        offsets: sequence `i` is `ids[offsets[i]:offsets[i + 1]]`.
        alphabet: what the ids stand for.
    """

    ids: Int[np.ndarray, " symbols"]
    offsets: Int[np.ndarray, " sequences_plus_one"]
    alphabet: Alphabet

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int[np.ndarray, " sequences"]:
        return np.diff(self.offsets)

    @property
    def owner(self) -> Int[np.ndarray, " symbols"]:
        """The sequence that each symbol belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def where(self, index: Int[np.ndarray, " taken"]) -> Int[np.ndarray, " symbols"]:
        """The places in the flat array of all symbols of the sequences at `index`, in that order."""
        lengths = self.lengths[index]
        ends = np.cumsum(lengths)
        return np.arange(lengths.sum()) + np.repeat(self.offsets[:-1][index] - (ends - lengths), lengths)

    def take(self, index: Int[np.ndarray, " taken"]) -> Symbols:
        """The sequences at `index`, in that order."""
        offsets = np.concatenate([[0], np.cumsum(self.lengths[index])])
        return Symbols(self.ids[self.where(index)], offsets, self.alphabet)

    def padded(
        self, index: Int[np.ndarray, " taken"], limit: int | None = None
    ) -> tuple[Int[np.ndarray, "taken time"], Bool[np.ndarray, "taken time"]]:
        """The first `limit` symbols of the sequences at `index`, as wide as the longest; and where symbols are real."""
        lengths = self.lengths[index]
        if limit is not None:
            lengths = np.minimum(lengths, limit)
        steps = np.arange(lengths.max(initial=0))
        mask = steps < lengths[:, None]
        ids = np.full(mask.shape, PAD, dtype=np.int64)
        ids[mask] = self.ids[(self.offsets[:-1][index][:, None] + steps)[mask]]
        return ids, mask

    def texts(self, blank: str = "_") -> list[str]:
        """The sequences as strings; `blank` where the mask stands."""
        names = np.array(["", *self.alphabet.symbols, blank], dtype=object)
        flat = names[self.ids].tolist()
        return ["".join(flat[start:stop]) for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True)]


class Reading(NamedTuple):
    """What `read_sequences` read.

    Attributes:
        symbols: the sequences.
        kept: the rows they came from; all of them, unless some were skipped.
        notices: what was put right, one sentence each, to be shown as `Notice`.
    """

    symbols: Symbols
    kept: Int[np.ndarray, " sequences"]
    notices: tuple[str, ...]


def read_sequences(
    values: object, alphabet: Alphabet, *, on_unknown: object = "error", ids: object = None, blank: str | None = None
) -> Reading:
    """Reads strings into ids, by the policy that this file states at its top.

    Args:
        values: a list, a tuple, an array or a Series of str.
        alphabet: of `alphabet(kind)`.
        on_unknown: of an unknown symbol: `"error"`, read it as `"mask"`, or `"skip"` its sequence.
        ids: names of the sequences, for messages; by default as in `read_texts`.
        blank: one character that is read as the mask without being unknown.

    Raises:
        InputTypeError: `values` is no container of str.
        DataError: no rows, a missing or empty string, an unknown symbol, or all sequences skipped.
        ConfigError: `on_unknown` or `blank` is outside its rule.

    Example:
        >>> from seqreprog.data.alphabets import alphabet
        >>> read_sequences(["ACD", "EX"], alphabet("protein")).symbols.texts()
        ['ACD', 'E_']
    """
    check_policy(on_unknown)
    _check_blank(blank, alphabet)
    read = smiles.read_smiles if alphabet.kind == "smiles" else read_texts
    texts, names, notices = read(values, ids=ids, what="sequences")
    if alphabet.kind == "protein" and any(text[-1] == "*" for text in texts):
        ends = _many(sum(text[-1] == "*" for text in texts), "sequence")
        texts = [text.rstrip("*") for text in texts]
        bare = [row for row, text in enumerate(texts) if not text]
        if bare:
            raise DataError(f"{_many(len(bare), 'sequence')} with stops '*' alone ({names.some(bare)}). Remove them")
        notices = (*notices, f"stops '*' at the end of {ends} were dropped")
    flat, counts = _characters(texts) if alphabet.kind not in get_args(smiles.Notation) else _tokens(texts, alphabet)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    symbols = Symbols(_encode(flat, alphabet, blank), offsets, alphabet)
    notices = (*notices, *_handled(flat, alphabet))
    judged = flat.tokens if alphabet.kind == "smiles" else None
    wrong = {} if judged is None else smiles.misplaced(flat.codes, judged, offsets, blank)
    symbols.ids[list(wrong)] = _UNKNOWN
    unknown = np.flatnonzero(symbols.ids == _UNKNOWN)
    if not len(unknown):
        return Reading(symbols, np.arange(len(texts)), notices)
    rows = np.unique(np.searchsorted(symbols.offsets, unknown, side="right") - 1)
    sort = "unknown" if not wrong else "misplaced" if len(wrong) == len(unknown) else "unknown or misplaced"
    said = f"{_many(len(unknown), f'{sort} {alphabet.noun}')} in {len(rows)} of {_many(len(texts), 'sequence')}"
    if on_unknown == "error":
        raise _refused(flat, symbols, int(unknown[0]), names, said, wrong.get(int(unknown[0])))
    if on_unknown == "mask":
        masked = np.where(symbols.ids == _UNKNOWN, alphabet.mask, symbols.ids)
        notices = (*notices, f"read as the mask: {said} ({names.some(rows)})")
        return Reading(Symbols(masked, symbols.offsets, alphabet), np.arange(len(texts)), notices)
    kept = np.setdiff1d(np.arange(len(texts)), rows)
    if not len(kept):
        raise DataError(f"every sequence was skipped: {said}. Pass on_unknown='mask', or check kind={alphabet.kind!r}")
    notices = (*notices, f"left out: {_many(len(rows), 'sequence')} with {said} ({names.some(rows)})")
    return Reading(symbols.take(kept), kept, notices)


def check_policy(on_unknown: object) -> None:
    """Raises `ConfigError` where `on_unknown` is no `OnUnknown`."""
    if on_unknown not in get_args(OnUnknown):
        raise ConfigError(f"on_unknown must be one of 'error', 'mask', 'skip'; got {on_unknown!r}")


# A symbol on its way to an id is a number: its code point, or for SMILES and SELFIES its place in a table of tokens.


class _Flat(NamedTuple):
    codes: np.ndarray  # of every symbol
    tokens: list[str] | None  # of every code, or None where codes are code points

    def symbol(self, place: int) -> str:
        code = int(self.codes[place])
        return chr(code) if self.tokens is None else self.tokens[code]


def _characters(texts: list[str]) -> tuple[_Flat, np.ndarray]:
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return _Flat(codes, None), np.fromiter(map(len, texts), np.int64, len(texts))


def _tokens(texts: list[str], alphabet: Alphabet) -> tuple[_Flat, np.ndarray]:
    notation: Any = alphabet.kind
    flat, counts = smiles.split(notation, texts)
    table = {token: code for code, token in enumerate(dict.fromkeys(flat))}
    codes = np.fromiter(map(table.__getitem__, flat), np.int64, len(flat))
    return _Flat(codes, list(table)), np.array(counts, dtype=np.int64)


def _encode(flat: _Flat, alphabet: Alphabet, blank: str | None) -> Int[np.ndarray, " symbols"]:
    """The id of every symbol by one table look-up; `_UNKNOWN` where there is none."""
    ids = {symbol: place for place, symbol in enumerate(alphabet.symbols, start=1)}
    ids |= {symbol: ids[like] for symbol, like in _READ_AS.get(alphabet.kind, {}).items()}
    ids |= dict.fromkeys(_AMBIGUOUS.get(alphabet.kind, ""), alphabet.mask)
    if alphabet.kind in OWN_SYMBOLS:
        ids |= {symbol.lower(): place for symbol, place in ids.items()}
    if blank is not None:
        ids[blank] = alphabet.mask
    if flat.tokens is not None:
        return np.array([ids.get(token, _UNKNOWN) for token in flat.tokens], dtype=np.int64)[flat.codes]
    table = np.full(max(map(ord, ids)) + 2, _UNKNOWN)  # the last entry is for all code points above
    for symbol, place in ids.items():
        table[ord(symbol)] = place
    return table[np.minimum(flat.codes, len(table) - 1)]


def _handled(flat: _Flat, alphabet: Alphabet) -> tuple[str, ...]:
    """What the policy of the kind did to these symbols."""
    if alphabet.kind not in OWN_SYMBOLS:
        return ()
    count = np.bincount(flat.codes[flat.codes < 128], minlength=128)
    lower = int(count[ord("a") : ord("z") + 1].sum())
    notices = [f"read as upper case: {_many(lower, f'lower-case {alphabet.noun}')}"] if lower else []
    bases = int(sum(count[ord(base)] + count[ord(base.lower())] for base in OWN_SYMBOLS["dna"]))
    if alphabet.kind == "protein" and bases == len(flat.codes) >= BASES:
        notices.append(f"all {bases:,} residues are A, C, G or T, as in DNA, and were read as a protein's: kind='dna'?")
    for symbol, like in _READ_AS[alphabet.kind].items():
        found = int(count[ord(symbol)] + count[ord(symbol.lower())])
        if found:
            notices.append(f"read as {like!r}: {_many(found, f'{alphabet.noun} {symbol!r}')}")
    there = [s for s in _AMBIGUOUS[alphabet.kind] if count[ord(s)] + count[ord(s.lower())]]
    if there:
        found = int(sum(count[ord(s)] + count[ord(s.lower())] for s in there))
        notices.append(f"read as the mask: {_many(found, f'ambiguous {alphabet.noun}')} ({', '.join(there)})")
    return tuple(notices)


def _refused(
    flat: _Flat, symbols: Symbols, place: int, names: Names, said: str, wrong: smiles.Misplaced | None
) -> DataError:
    """The error that names the unknown symbol at `place` and says what to do about its sort."""
    alphabet, symbol = symbols.alphabet, flat.symbol(place)
    row = int(np.searchsorted(symbols.offsets, place, side="right") - 1)
    position = 1 + sum(len(flat.symbol(before)) for before in range(int(symbols.offsets[row]), place))
    allow = "pass on_unknown='mask' to allow it, or on_unknown='skip' to leave such sequences out"
    what, rule, remedy = alphabet.noun, f"is not in the {alphabet.kind} alphabet", allow
    bracket = smiles.wrong_bracket(symbol) if alphabet.kind == "smiles" else None
    if bracket is not None:
        what, rule, remedy = bracket[0], f"{bracket[1]}, so that this is no valid SMILES", f"correct it, or {allow}"
    elif wrong is not None:
        what, rule, remedy = wrong.what, f"{wrong.why}, so that this is no valid SMILES", f"correct it, or {allow}"
    elif symbol in "-." and alphabet.kind in OWN_SYMBOLS:
        what, rule = "gap", f"is not in the {alphabet.kind} alphabet, as in an aligned sequence"
        remedy = f"remove gaps with .replace({symbol!r}, ''), or pass kind='custom' with a symbol for them"
    elif symbol == "*" and alphabet.kind == "protein":
        what, remedy = "stop", f"a protein ends at its stop: cut it there, or {allow}"
    elif symbol.isspace():
        what, remedy = "white space", "remove it"
    elif symbol.swapcase() in alphabet.symbols:
        remedy = f"{symbol.swapcase()!r} is, and case matters: convert it, or {allow}"
    shown = repr(symbol) if symbol.isascii() or len(symbol) != 1 else f"{symbol!r} (U+{ord(symbol):04X})"  # Α is no A
    return DataError(f"{what} {shown} at position {position} of {names.one(row)} {rule}; {remedy} ({said})")


def _check_blank(blank: str | None, alphabet: Alphabet) -> None:
    if blank is None:
        return
    taken = blank in alphabet.symbols or (alphabet.kind in OWN_SYMBOLS and blank.upper() in alphabet.symbols)
    if len(blank) != 1 or taken or blank.isspace():
        raise ConfigError(f"blank must be one character outside the {alphabet.kind} alphabet; got {blank!r}")


def _many(count: int, noun: str) -> str:
    """`1 residue`, `2 residues`; a quoted symbol stays at the end."""
    if count == 1:
        return f"1 {noun}"
    head, quote, symbol = noun.partition(" '")
    return f"{count} {head}s{quote}{symbol}"
