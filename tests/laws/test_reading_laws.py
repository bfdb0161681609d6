"""What is read is what was written, to the character, or a named error: ids in tables, FASTA, FASTQ, SMILES."""

from __future__ import annotations

import csv
import gzip
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqreprog.data.alphabets import alphabet
from seqreprog.data.fasta import Fasta, read_fasta, read_fastq
from seqreprog.data.files import MARKS, MISSING, read_frame_file, read_sequence_file, write_frame_file
from seqreprog.data.frames import future_frame, read_table
from seqreprog.data.smiles import read_smiles
from seqreprog.data.symbols import read_sequences
from seqreprog.errors import DataError, Notice

pytestmark = pytest.mark.filterwarnings("ignore::seqreprog.errors.Notice")
CASES = pytest.mark.parametrize("cases", [40, pytest.param(500, marks=pytest.mark.slow)])


def hold(cases: int, law: Callable[..., None], *strategies: st.SearchStrategy[Any]) -> None:
    """Tries a law on so many cases."""
    chosen = settings(max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck))

    @chosen
    @given(st.tuples(*strategies))
    def tried(drawn: tuple[Any, ...]) -> None:
        with warnings.catch_warnings(action="ignore", category=Notice):
            law(*drawn)

    tried()


# --- ids in tables ---------------------------------------------------------------------------------------------------

CODES = ["007", "7", "1E5", "100000.0", "+1", "0x10", "True", "FALSE", "inf", "2024-01-01", '="7"', "#1", " 7", "a.1"]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.lists(st.sampled_from([*CODES, *MISSING]) | ANY_TEXT, min_size=1, max_size=5, unique=True)
ENDINGS = st.sampled_from(["csv", "tsv", "csv.gz", "tsv.gz"])
TAKEN = {"date", "unique_id", "ds", "y"}  # columns that a wide table cannot have
DAYS = 3


def long_frame(ids: list[Any], dtype: Any = object) -> pd.DataFrame:
    times = pd.date_range("2024-01-01", periods=DAYS)
    column = pd.Series([name for name in ids for _ in times], dtype=dtype)
    return pd.DataFrame({"unique_id": column, "ds": [*times] * len(ids), "y": 1.0})


def readable(ids: list[str]) -> bool:
    """An empty cell is missing, and a zero byte is no text."""
    return not any(name == "" or "\0" in name for name in ids)


@CASES
@pytest.mark.parametrize("quoted", [False, True])
def test_ids_of_a_long_table_come_back(tmp_path: Path, cases: int, quoted: bool) -> None:
    def law(ids: list[str], ending: str) -> None:
        path = tmp_path / f"some.{ending}"
        if quoted:  # as other programs write text
            mark = MARKS["csv" if "csv" in ending else "tsv"]
            long_frame(ids).to_csv(path, sep=mark, index=False, quoting=csv.QUOTE_ALL)
        else:
            write_frame_file(long_frame(ids), path)
        if not readable(ids):
            with pytest.raises(DataError, match=r"missing ids|zero bytes"):
                read_table(read_frame_file(path))
            return
        table = read_table(read_frame_file(path))
        assert table.ids.tolist() == ids
        write_frame_file(future_frame(table, 2), path)
        assert read_frame_file(path)["unique_id"].tolist() == [name for name in ids for _ in range(2)]

    hold(cases, law, NAMES, ENDINGS)


@CASES
def test_ids_of_a_wide_table_come_back(tmp_path: Path, cases: int) -> None:
    def law(ids: list[str], ending: str) -> None:
        path = tmp_path / f"some.{ending}"
        frame = pd.DataFrame({name: [1.0, 2.0, 3.0] for name in ids})
        frame.insert(0, "date", pd.date_range("2024-01-01", periods=DAYS))
        write_frame_file(frame, path)
        if not readable(ids):
            with warnings.catch_warnings(record=True, action="always") as told:
                try:
                    read_frame_file(path)
                except DataError as error:
                    assert "zero bytes" in str(error)
                else:
                    assert any("columns have no name" in str(one.message) for one in told)
            return
        assert read_table(read_frame_file(path)).ids.tolist() == ids

    hold(cases, law, NAMES.filter(lambda ids: not TAKEN & set(ids)), ENDINGS)


@CASES
def test_two_series_of_one_name_are_refused(tmp_path: Path, cases: int) -> None:
    def law(ids: list[str], ending: str) -> None:
        path = tmp_path / f"some.{ending}"
        frame = pd.DataFrame([[1.0] * (len(ids) + 1)] * DAYS, columns=[*ids, ids[0]])
        frame.insert(0, "date", pd.date_range("2024-01-01", periods=DAYS))
        write_frame_file(frame, path)
        with pytest.raises(DataError, match="must name each series once"):
            read_table(read_frame_file(path))

    hold(
        cases, law, NAMES.filter(lambda ids: readable(ids) and not {"date", "unique_id", "ds", "y"} & set(ids)), ENDINGS
    )


TYPED = st.one_of(
    st.tuples(NAMES.filter(readable), st.sampled_from([object, "string", "category"])),
    st.tuples(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=4, unique=True),
              st.sampled_from(["int64", "int32", "Int64", "category", "float64"])),
    st.tuples(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4, unique=True), st.just("uint64")),
    st.tuples(st.lists(st.dates(pd.Timestamp("1900-01-01").date(), pd.Timestamp("2200-01-01").date()),
                       min_size=1, max_size=4, unique=True), st.just("datetime64[us]")),
    st.tuples(st.just([True, False]), st.sampled_from(["bool", "boolean"])),
)  # fmt: skip


@CASES
@pytest.mark.parametrize("door", ["python", "parquet"])
def test_ids_of_a_typed_table_keep_their_type(tmp_path: Path, cases: int, door: str) -> None:
    def law(typed: tuple[list[Any], Any]) -> None:
        frame = long_frame(*typed)
        if door == "parquet":
            write_frame_file(frame, tmp_path / "some.parquet")
            frame = read_frame_file(tmp_path / "some.parquet")
        ahead = future_frame(read_table(frame), 1)["unique_id"]
        given = frame["unique_id"].iloc[::DAYS]
        assert ahead.tolist() == given.tolist()
        dtype: Any = given.dtype
        assert ahead.dtype == (dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype)

    hold(cases, law, TYPED)


@CASES
def test_a_table_of_sequences_comes_back_whole(tmp_path: Path, cases: int) -> None:
    def law(names: list[str], notes: list[str], ending: str) -> None:
        path = tmp_path / f"some.{ending}"
        rows = min(len(names), len(notes))
        frame = pd.DataFrame({"id": names[:rows], "sequence": "NA", "label": notes[:rows], "value": 1.5})
        write_frame_file(frame, path)
        if any("\0" in cell for cell in frame["id"] + frame["label"]):
            with pytest.raises(DataError, match="zero bytes"):
                read_sequence_file(path)
            return
        read = read_sequence_file(path, names=["id", "label"], numeric=["value"])
        found = read.astype(object).where(read.notna(), "")
        assert found.to_dict("list") == frame.to_dict("list")

    hold(cases, law, NAMES, NAMES, ENDINGS)


# --- FASTA and FASTQ -------------------------------------------------------------------------------------------------

INLINE = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")
WORD = st.text(INLINE, min_size=1, max_size=8).filter(lambda word: len(word.split()) == 1 and word.split()[0] == word)
REST = st.text(INLINE, max_size=12).map(lambda text: text.lstrip().rstrip(" \t"))
RESIDUES = st.text("ACDEFGHIKLMNPQRSTVWYXUacd*", min_size=1, max_size=30)
RECORDS = st.lists(st.tuples(WORD, REST, RESIDUES), min_size=1, max_size=4)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
COMMENTS = st.sampled_from(["", "; old", "#!x", "! y", " "])
BYTES = st.binary(max_size=60) | st.lists(
    st.sampled_from([b">", b"@", b"+", b"\n", b"\r", b"AC", b"-", b"!", b"\0", b"\xff", b"\x0c", b" ", b"\x1f\x8b"]),
    max_size=12,
).map(b"".join)


@CASES
def test_fasta_comes_back(tmp_path: Path, cases: int) -> None:
    def law(records: list[Any], width: int, end: str, comment: str, space: str, packed: bool) -> None:
        lines = [comment]
        for name, rest, residues in records:
            lines += [f">{name}{space}{rest}", comment]
            lines += [residues[start : start + width] for start in range(0, len(residues), width)]
        content = end.join(lines).encode()
        path = tmp_path / "some.fa"
        path.write_bytes(gzip.compress(content) if packed else content)
        found = read_fasta(path)
        assert list(zip(found.ids, found.descriptions, found.sequences, strict=True)) == records

    hold(cases, law, RECORDS, st.integers(1, 40), ENDS, COMMENTS, st.sampled_from([" ", "\t"]), st.booleans())


@CASES
def test_fastq_comes_back(tmp_path: Path, cases: int) -> None:
    def law(records: list[Any], width: int, end: str, twice: bool, seed: int) -> None:
        lines = []
        for name, rest, residues in records:
            bases = residues.replace("*", "N")
            marks = "".join(chr(33 + (seed * (place + 1)) % 94) for place in range(len(bases)))
            lines.append(f"@{name} {rest}".rstrip(" \t"))
            second = f"+{lines[-1][1:]}" if twice else "+"
            lines += [bases[start : start + width] for start in range(0, len(bases), width)]
            lines += [second, *(marks[start : start + width] for start in range(0, len(bases), width))]
        (tmp_path / "some.fq").write_bytes(end.join(lines).encode())
        found = read_fastq(tmp_path / "some.fq")
        asked = [(name, rest, residues.replace("*", "N")) for name, rest, residues in records]
        assert list(zip(found.ids, found.descriptions, found.sequences, strict=True)) == asked

    hold(cases, law, RECORDS, st.integers(1, 40), ENDS, st.booleans(), st.integers(0, 1000))


@CASES
@pytest.mark.parametrize("read", [read_fasta, read_fastq])
def test_any_bytes_are_records_or_a_named_error(tmp_path: Path, cases: int, read: Callable[[Path], Fasta]) -> None:
    def law(content: bytes) -> None:
        (tmp_path / "some.fa").write_bytes(content)
        try:
            found = read(tmp_path / "some.fa")
        except DataError as error:
            assert "some.fa" in str(error)
            return
        assert len(found.ids) == len(found.descriptions) == len(found.sequences) > 0
        assert all(found.ids) and all(found.sequences)
        letters = (
            re.sub(rb"[ \t\r\n]", b"", content).decode("utf-8-sig", "replace") if content[:2] != b"\x1f\x8b" else None
        )
        assert letters is None or all(sequence in letters for sequence in found.sequences), "nothing is made up"

    hold(cases, law, BYTES)


@CASES
def test_any_bytes_are_a_table_or_a_named_error(tmp_path: Path, cases: int) -> None:
    def law(content: bytes, ending: str) -> None:
        path = tmp_path / f"some.{ending}"
        path.write_bytes(content)
        try:
            read_table(read_frame_file(path))
        except DataError:
            return

    pieces = [
        b"unique_id",
        b"ds",
        b"y",
        b",",
        b"\t",
        b"\n",
        b"\r",
        b'"',
        b"007",
        b"2024-01-01",
        b"\0",
        b"\xff",
        b"\x1f\x8b",
    ]
    broken = st.lists(st.sampled_from(pieces), max_size=16).map(b"".join)
    hold(cases, law, st.binary(max_size=40) | broken, st.sampled_from(["csv", "tsv", "parquet"]))


# --- SMILES ----------------------------------------------------------------------------------------------------------

PIECES = [
    "C",
    "N",
    "Cl",
    "Br",
    "c1",
    "1",
    "(",
    ")",
    "=",
    "%12",
    "[C@@H]",
    "[13CH3-:7]",
    "[*:1]",
    "[CH3?]",
    "[",
    "]",
    "[]",
]
PIECES += [":", ".", " name", "\t|^1:0|", "\x0c", "\u2028", "X", "9:1"]
MOLECULES = st.lists(st.lists(st.sampled_from(PIECES), max_size=9).map("".join) | ANY_TEXT, min_size=1, max_size=3)


@CASES
def test_smiles_come_back_or_are_refused(cases: int) -> None:
    def law(texts: list[str]) -> None:
        try:
            read = read_sequences(texts, alphabet("smiles", sequences=texts))
        except DataError as error:
            place = re.search(r" at position (\d+) of row (\d+)", str(error))
            if place is not None:  # the character that is named stands there
                position, row = int(place[1]), int(place[2])
                assert 1 <= position <= len(read_smiles(texts).values[row])
            return
        firsts = [re.split(r"[ \t\r\n]", text.strip())[0] for text in texts]
        assert read.symbols.texts() == [re.sub(r"(\[[^][:]*):\d+\]", r"\1]", text) for text in firsts]
        changed = sum(text != read for text, read in zip(texts, read.symbols.texts(), strict=True))
        assert not changed or read.notices, "what is left out is told"

    hold(cases, law, MOLECULES)
