"""FASTA: records as they stand, and every broken file named by its line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqreprog.data.fasta import is_fasta, is_fastq, read_fasta, read_fastq
from seqreprog.errors import DataError

PLAIN = ">sp|P1|TOX a toxin,  long\nACD\nEF*\n\n>P2\nac-gt\n"


def write(folder: Path, content: str | bytes, name: str = "some.fasta") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PLAIN, "a.fasta"),
        (PLAIN.replace("\n", "\r\n"), "a.fa"),
        (PLAIN.replace("\n", "\r"), "a.faa"),
        ("\ufeff; an old comment\n\n" + PLAIN.rstrip(), "a.fna"),
        (PLAIN.replace("ACD", "  AC D\t"), "a.fas"),
        (gzip.compress(PLAIN.encode(), mtime=0), "a.fasta.gz"),
    ],
)
def test_records_are_read_as_they_stand(tmp_path: Path, content, name: str) -> None:
    records = read_fasta(write(tmp_path, content, name))
    assert is_fasta(tmp_path / name)
    assert records.ids == ["sp|P1|TOX", "P2"]
    assert records.descriptions == ["a toxin,  long", ""]
    assert records.sequences == ["ACDEF*", "ac-gt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: it has no record"),
        ("\n; only a comment\n", "is empty: it has no record"),
        ("\nACD\n>P1\nEF\n", r"a sequence before its first header: line 2 is 'ACD'\. A FASTA record starts with '>'"),
        (">P1\nACD\n>P2 x\n>P3\nEF\n", "no sequence for 'P2': line 4 starts the next record"),
        (">P1\nACD\n>P2\n", "no sequence for 'P2': the file ends there and may be truncated"),
        (">P1\nACD\n> \nEF\n", "a header without an id in line 3"),
        (b">P1\nAC\xff\n", "is no UTF-8 text: byte 0xff in line 2"),
        (PLAIN.encode("utf-16"), "is no UTF-8 text: byte 0xff in line 1"),
        (b">P1\nA\0C\n", "is no UTF-8 text: byte 0x00 in line 2"),
    ],
)
def test_broken_file_is_named_by_its_line(tmp_path: Path, content, message: str) -> None:
    with pytest.raises(DataError, match=rf"some\.fasta' .*{message}"):
        read_fasta(write(tmp_path, content))


def test_a_packed_file_may_be_cut_and_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.fa\.gz' cannot be read: .*Write it anew"):
        read_fasta(write(tmp_path, gzip.compress(PLAIN.encode() * 99)[:-9], "a.fa.gz"))
    for content in (gzip.compress(PLAIN.encode()), PLAIN):
        for name in ("a.fa", "a.fa.gz", "a.fa.bgz"):
            assert is_fasta(name)
            assert read_fasta(write(tmp_path, content, name)).ids == ["sp|P1|TOX", "P2"]


# --- what ends a line, an id, a record -------------------------------------------------------------------------------

ODD = ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]  # where str.splitlines ends a line too


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_at_line_ends_alone(tmp_path: Path, odd: str, end: str) -> None:
    """Else the tail of a description becomes residues."""
    path = write(tmp_path, end.join([f">P1 page{odd}ACD tail{odd}", "EF", f">P2{odd}x y", f"G{odd}H", ""]))
    records = read_fasta(path)
    assert records.ids == ["P1", "P2"]
    assert records.descriptions == [f"page{odd}ACD tail{odd}", "x y"]
    assert records.sequences == ["EF", f"G{odd}H"], "its alphabet refuses the white space"


@pytest.mark.parametrize("space", [" ", "\t", "  ", " \t", "\xa0"])
def test_an_id_ends_at_the_first_white_space(tmp_path: Path, space: str) -> None:
    records = read_fasta(write(tmp_path, f">P1{space}a toxin\nACD\n>{space}P2\nEF\n  >P3\n  G H\n"))
    assert records.ids == ["P1", "P2", "P3"]
    assert records.descriptions == ["a toxin", "", ""]
    assert records.sequences == ["ACD", "EF", "GH"]


def test_comments_are_skipped_and_told(tmp_path: Path) -> None:
    records = read_fasta(write(tmp_path, "#!old\n>P1\nAC\n; one\n  ! two\nD\n"))
    assert records.sequences == ["ACD"]
    assert records.notices == ("skipped as comments: 3 lines that start with one of ';', '#', '!' (line 1: '#!old')",)
    assert read_fasta(write(tmp_path, PLAIN)).notices == ()


def test_an_aligned_file_is_told_and_a3m_is_refused(tmp_path: Path) -> None:
    (said,) = read_fasta(write(tmp_path, ">a\nAC-D\n>b\nacGD\n")).notices
    assert "'some.fasta' is an aligned FASTA file: all 2 sequences are of one length, and 1 hold gaps" in said
    with pytest.raises(DataError, match=r"is an alignment \(A3M\): 1 of 2 sequences hold insertions .* 4 columns"):
        read_fasta(write(tmp_path, ">a\nAC-D\n>b\nAyyCGD\n"))
    assert read_fasta(write(tmp_path, ">a\nAC-D\n>b\nACGDDD\n")).notices == ()


# --- FASTQ -----------------------------------------------------------------------------------------------------------

READS = "@r1 lane 1\nACGT\n+\n!@>~\n@r2\nAC\nG\n+r2\n@+\n!\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_reads_are_read_without_their_qualities(tmp_path: Path, end: str) -> None:
    records = read_fastq(write(tmp_path, READS.replace("\n", end), "a.fastq"))
    assert is_fastq("a.FASTQ.gz")
    assert not is_fasta("a.fastq")
    assert records == (["r1", "r2"], ["lane 1", ""], ["ACGT", "ACG"], records.notices)
    assert records.notices == ("FASTQ: the qualities of 2 reads are not read",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: it has no record"),
        (">r1\nACGT\n", r"has no '@' where a record should start: line 1 is '>r1'"),
        ("@r1\nACGT\n", r"0 qualities for the 4 bases of 'r1' \(line 1\)"),
        ("@r1\nACGT\n+\n!!!\n", r"3 qualities for the 4 bases of 'r1'"),
        ("@r1\nACGT\n+\n!!!!!\n", r"more qualities for the 4 bases of 'r1'"),
        ("@r1\nACGT\n+\n!!!!\n!\n", r"more qualities for the 4 bases of 'r1'"),
        ("@r1\nACGT\n+r2\n!!!!\n", r"two names for a read: 'r1' in line 1 and 'r2' in line 3"),
        ("@r1\n+\n\n", r"no sequence for 'r1': line 1 has no bases behind it"),
        ("@ \nA\n+\n!\n", "a header without an id in line 1"),
    ],
)
def test_broken_reads_are_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_fastq(write(tmp_path, content, "a.fq"))


def test_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.fa' does not exist"):
        read_fasta(tmp_path / "gone.fa")
    with pytest.raises(DataError, match="is a folder"):
        read_fasta(tmp_path)


@given(
    st.lists(st.text("ACDEFGHIKLMNPQRSTVWY-*", min_size=1, max_size=150), min_size=1, max_size=5), st.integers(1, 80)
)
def test_what_is_wrapped_is_joined(tmp_path_factory, sequences: list[str], width: int) -> None:
    lines = []
    for place, sequence in enumerate(sequences):
        lines += [f">s{place}", *(sequence[start : start + width] for start in range(0, len(sequence), width))]
    path = write(tmp_path_factory.mktemp("fasta"), "\n".join(lines))
    assert read_fasta(path).sequences == sequences


def test_real_peptides_are_read(real_data: Callable[..., Path]) -> None:
    records = read_fasta(real_data("proteins", "AMP_Veltri", "AMP.tr.fa"))
    assert (len(records.ids), records.ids[0]) == (712, "AP00085")
    assert records.sequences[0] == "SLFSLIKAGAKFLGKNLLKQGACYAACKASKQC"
