"""Strings -> ids: the policy of each kind, every bad input with the value its message must name, and the laws."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqreprog.data.alphabets import PAD, alphabet
from seqreprog.data.symbols import Symbols, read_sequences
from seqreprog.errors import ConfigError, DataError, InputTypeError

PROTEIN, DNA, RNA = alphabet("protein"), alphabet("dna"), alphabet("rna")


def ids(values, kind=PROTEIN, **options) -> list[int]:
    return read_sequences(values, kind, **options).symbols.ids.tolist()


# --- policy -----------------------------------------------------------------------------------------------------------


def test_ids_count_from_one_and_the_mask_is_last() -> None:
    assert ids(["AY"]) == [1, 20]
    assert (PROTEIN.mask, PROTEIN.size, PAD) == (21, 22, 0)


@pytest.mark.parametrize(
    ("kind", "text", "read", "notice"),
    [
        (PROTEIN, "ABXZ", "A___", "read as the mask: 3 ambiguous residues (B, X, Z)"),
        (PROTEIN, "AUO", "ACK", "read as 'C': 1 residue 'U'"),
        (PROTEIN, "acDx", "ACD_", "read as upper case: 3 lower-case residues"),
        (PROTEIN, "ACD*", "ACD", "stops '*' at the end of 1 sequence were dropped"),
        (PROTEIN, " ACD\n", "ACD", "white space around sequences was removed"),
        (DNA, "ACGU", "ACGT", "read as 'T': 1 base 'U'"),
        (RNA, "acgtT", "ACGUU", "read as 'U': 2 bases 'T'"),
        (DNA, "RYSWKMBDHVNA", "___________A", "11 ambiguous bases (B, D, H, K, M, N, R, S, V, W, Y)"),
    ],
)
def test_what_is_put_right_is_said(kind, text: str, read: str, notice: str) -> None:
    reading = read_sequences([text], kind)
    assert reading.symbols.texts() == [read]
    assert any(notice in said for said in reading.notices)


def test_plain_sequences_need_no_notice() -> None:
    assert read_sequences(["ACD", "Y"], PROTEIN).notices == ()


def test_dna_that_is_read_as_a_protein_is_noticed() -> None:
    said = read_sequences(["ACGT" * 20, "acgt" * 5], PROTEIN).notices
    assert said[-1] == "all 100 residues are A, C, G or T, as in DNA, and were read as a protein's: kind='dna'?"
    assert read_sequences(["ACGT" * 24], PROTEIN).notices == ()
    assert read_sequences(["ACGT" * 25 + "K"], PROTEIN).notices == ()
    assert read_sequences(["ACGT" * 25], alphabet("dna")).notices == ()


def test_case_matters_in_an_alphabet_of_ones_own() -> None:
    own = alphabet("custom", symbols="Hαb-")
    assert ids(["b-αH"], own) == [3, 4, 2, 1]
    with pytest.raises(DataError, match=r"symbol 'B' at position 2 of row 0 .* 'b' is, and case matters: convert it"):
        ids(["bB"], own)


def test_blank_is_the_mask_and_not_unknown() -> None:
    assert ids(["EV__G"], blank="_") == [4, 18, 21, 21, 6]
    with pytest.raises(DataError, match="residue '_' at position 2"):
        ids(["E_"])


@pytest.mark.parametrize("blank", ["A", "a", "", "__", " "])
def test_blank_outside_its_rule_is_refused(blank: str) -> None:
    with pytest.raises(ConfigError, match=f"one character outside the protein alphabet; got '{blank}'"):
        ids(["A"], blank=blank)


# --- unknown symbols --------------------------------------------------------------------------------------------------


def test_unknown_symbol_is_named_with_position_sequence_and_count() -> None:
    message = (
        r"residue 'J' at position 2 of sequence 'A0A1' is not in the protein alphabet; pass on_unknown='mask' to allow "
        r"it, or on_unknown='skip' to leave such sequences out \(3 unknown residues in 2 of 3 sequences\)"
    )
    with pytest.raises(DataError, match=message):
        ids(["AC", "AJ", "JJ"], ids=["p", "A0A1", "q"])
    with pytest.raises(DataError, match=r"base 'E' at position 3 of row 1"):
        ids(["ACGT", "ACE"], DNA)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (
            PROTEIN,
            "AC-D",
            r"gap '-' at position 3 of row 0 .* remove gaps with \.replace\('-', ''\), or pass",
        ),
        (DNA, "A.C", r"gap '\.' at position 2"),
        (PROTEIN, "AC*D", r"stop '\*' at position 3 of row 0 .* a protein ends at its stop: cut it there"),
        (PROTEIN, "AC D", r"white space ' ' at position 3 of row 0 .* remove it"),
        (PROTEIN, "A𝔸", r"residue '𝔸' \(U\+1D538\) at position 2"),
        (PROTEIN, "C\u0391", r"residue '\u0391' \(U\+0391\) at position 2"),  # the Greek letter
        (DNA, "AC*", r"base '\*' at position 3"),
    ],
)
def test_gaps_stops_and_white_space_have_their_own_remedy(kind, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ids([text], kind)


def test_mask_and_skip_say_how_many() -> None:
    values = ["ACD", "AJC-", "EF", "J"]
    masked = read_sequences(values, PROTEIN, on_unknown="mask")
    assert masked.symbols.texts() == ["ACD", "A_C_", "EF", "_"]
    assert masked.kept.tolist() == [0, 1, 2, 3]
    assert masked.notices == ("read as the mask: 3 unknown residues in 2 of 4 sequences (rows 1, 3)",)
    skipped = read_sequences(values, PROTEIN, on_unknown="skip")
    assert skipped.symbols.texts() == ["ACD", "EF"]
    assert skipped.kept.tolist() == [0, 2]
    assert skipped.notices == ("left out: 2 sequences with 3 unknown residues in 2 of 4 sequences (rows 1, 3)",)


def test_skipping_everything_is_refused() -> None:
    with pytest.raises(DataError, match=r"every sequence was skipped: 2 unknown residues in 2 of 2 .* kind='protein'"):
        read_sequences(["J", "AJ"], PROTEIN, on_unknown="skip")


def test_on_unknown_is_one_of_three() -> None:
    with pytest.raises(ConfigError, match="one of 'error', 'mask', 'skip'; got 'drop'"):
        read_sequences(["A"], PROTEIN, on_unknown="drop")


# --- containers -------------------------------------------------------------------------------------------------------

CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "str array": np.array,
    "object array": lambda v: np.array(v, dtype=object),
    "column array": lambda v: np.array(v)[:, None],
    **(
        {"string dtype array": lambda v: np.array(v, dtype=np.dtypes.StringDType())}
        if hasattr(np.dtypes, "StringDType")  # from numpy 2 on
        else {}
    ),
    "series": pd.Series,
    "string series": lambda v: pd.Series(v, dtype="string"),
    "object series": lambda v: pd.Series(v, dtype=object),
    "categorical": lambda v: pd.Series(v, dtype="category"),
    "arrow series": lambda v: pd.Series(v, dtype=pd.ArrowDtype(pa.string())),
    "arrow dictionary": lambda v: pd.Series(v).astype(pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
    "arrow array": pa.array,
    "chunked array": lambda v: pa.chunked_array([v]),
    "index": pd.Index,
    "frame": lambda v: pd.DataFrame({"seq": v}),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_every_container_of_strings_is_read(make) -> None:
    assert read_sequences(make(["ACD", "EF", "ACD"]), PROTEIN).symbols.texts() == ["ACD", "EF", "ACD"]


@pytest.mark.parametrize("value", ["ACD", b"ACD", 5, None, {"A"}, {"A": "C"}])
def test_what_is_no_container_is_refused(value) -> None:
    with pytest.raises(InputTypeError, match=rf"must be a list, .* Series of str; got {type(value).__name__}\. Pass"):
        read_sequences(value, PROTEIN)


@pytest.mark.parametrize(
    ("values", "shown"), [(["A", 5], "row 1 holds 5"), ([b"A"], r"b'A' \(bytes\)\. Decode"), (np.array([1.5]), "1.5")]
)
def test_what_is_no_string_is_named(values, shown: str) -> None:
    with pytest.raises(InputTypeError, match=f"sequences must hold str; .*{shown}"):
        read_sequences(values, PROTEIN)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, np.float64("nan")])
def test_missing_sequences_are_named(missing) -> None:
    with pytest.raises(DataError, match=r"2 of 3 sequences are missing, NaN or None \(rows 0, 2\)\. Drop them"):
        read_sequences([missing, "A", missing], PROTEIN)
    with pytest.raises(DataError, match=r"\(sequence 'b'\)"):
        read_sequences(pd.Series(["A", missing], dtype=object), PROTEIN, ids=["a", "b"])


def test_empty_sequences_are_named_five_at_most() -> None:
    with pytest.raises(DataError, match=r"7 of 8 sequences are empty \(rows 1, 2, 3, 4, 5 and 2 more\)\. Remove them"):
        read_sequences(["A", *[""] * 6, "  "], PROTEIN)
    with pytest.raises(DataError, match=r"1 sequence with stops '\*' alone \(row 1\)"):
        read_sequences(["A*", "**"], PROTEIN)


def test_rows_columns_and_ids_are_counted() -> None:
    with pytest.raises(DataError, match="sequences are empty: there are no rows"):
        read_sequences([], PROTEIN)
    with pytest.raises(DataError, match=r"one column; got an array of shape \(2, 2\)"):
        read_sequences(np.array([["A", "C"], ["D", "E"]]), PROTEIN)
    with pytest.raises(DataError, match="got 1 ids for 2 sequences"):
        read_sequences(["A", "C"], PROTEIN, ids=["a"])


def test_an_index_of_strings_names_the_sequences() -> None:
    named = pd.Series(["A", "AJ", "C-"], index=["P1", "P2", "P3"])
    for values in (named, named.astype("string"), named.to_frame("sequence")):
        with pytest.raises(DataError, match=r"residue 'J' at position 2 of sequence 'P2' is not"):
            read_sequences(values, PROTEIN)
        assert "(sequences 'P2', 'P3')" in read_sequences(values, PROTEIN, on_unknown="mask").notices[0]
    for index in ([7, 8, 9], ["P1", 2, "P3"]):
        with pytest.raises(DataError, match="position 2 of row 1 is not"):
            read_sequences(named.set_axis(index), PROTEIN)
    with pytest.raises(DataError, match="position 2 of sequence 'b' is not"):
        read_sequences(named, PROTEIN, ids=["a", "b", "c"])


# --- laws -------------------------------------------------------------------------------------------------------------

PEPTIDES = st.lists(st.text("ACDEFGHIKLMNPQRSTVWY", min_size=1, max_size=12), min_size=1, max_size=9)


@given(PEPTIDES)
def test_reading_and_writing_are_inverse(values: list[str]) -> None:
    assert read_sequences(values, PROTEIN).symbols.texts() == values


@given(PEPTIDES, st.data())
def test_padded_is_the_loop_over_rows(values: list[str], data: st.DataObject) -> None:
    symbols = read_sequences(values, PROTEIN).symbols
    rows = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=9))
    limit = data.draw(st.none() | st.integers(1, 15))
    padded, mask = symbols.padded(np.array(rows, dtype=int), limit)
    cut = [[PROTEIN.symbols.index(symbol) + 1 for symbol in values[row][:limit]] for row in rows]
    width = max(map(len, cut), default=0)
    assert padded.tolist() == [row + [PAD] * (width - len(row)) for row in cut]
    assert mask.tolist() == [[True] * len(row) + [False] * (width - len(row)) for row in cut]


@given(PEPTIDES, st.data())
def test_take_is_reading_the_taken(values: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=9))
    taken = read_sequences(values, PROTEIN).symbols.take(np.array(rows, dtype=int))
    assert taken.texts() == [values[row] for row in rows]
    assert taken.lengths.tolist() == [len(values[row]) for row in rows]


@given(st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=5))
def test_any_text_is_read_under_mask_or_named(values: list[str]) -> None:
    try:
        symbols = read_sequences(values, PROTEIN, on_unknown="mask").symbols
    except DataError as error:
        assert "are empty" in str(error) or "stops '*' alone" in str(error)
    else:
        assert len(symbols) == len(values)
        assert symbols.ids.min() >= 1
        assert symbols.ids.max() <= PROTEIN.mask


def test_many_peptides_are_read_at_once() -> None:
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    drawn = np.random.default_rng(0).integers(0, 20, (100_000, 30))
    values = ["".join(row) for row in letters[drawn]]
    start = time.process_time()
    symbols = read_sequences(values, PROTEIN).symbols
    assert time.process_time() - start < 2  # a tenth of it where nothing else runs
    assert isinstance(symbols, Symbols)
    np.testing.assert_array_equal(symbols.ids.reshape(-1, 30), drawn + 1)
