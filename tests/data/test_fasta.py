"""FASTA: records as they stand, and every broken file named by its line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqreprog.data.fasta import is_fasta, read_fasta
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


def test_packed_files_may_be_cut_or_no_gzip_at_all(tmp_path: Path) -> None:
    for content in (gzip.compress(PLAIN.encode() * 99)[:-9], PLAIN):
        with pytest.raises(DataError, match=r"a\.fa\.gz' cannot be read: .*Write it anew"):
            read_fasta(write(tmp_path, content, "a.fa.gz"))


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
