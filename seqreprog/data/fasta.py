"""FASTA and FASTQ files -> ids, descriptions and sequences; a broken file is named by its line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError
from .packed import read_lines, unpacked_name

ENDINGS = (".fasta", ".fa", ".faa", ".fna", ".ffn", ".frn", ".fas", ".fsa", ".pep")
FASTQ_ENDINGS = (".fastq", ".fq")
ALIGNED = {
    **{".a3m": "A3M", ".a2m": "A2M", ".sto": "Stockholm", ".stk": "Stockholm", ".aln": "Clustal"},
    **{".clustal": "Clustal", ".phy": "PHYLIP", ".msf": "MSF"},
}  # formats of alignments, which are refused
_COMMENTS = (";", "#", "!")
_GAPS = "-."
_UNALIGN = "Take out '-' and '.', write the letters in upper case, and save the sequences as FASTA"


class Fasta(NamedTuple):
    """The records of a file, in its order.

    Attributes:
        ids: each header up to its first white space; the same id may come twice.
        descriptions: what follows it, or `""`.
        sequences: the lines of each record joined, without blanks and tabs; case, stops and gaps as they stand.
        notices: what the caller may want to know of the file, one sentence each.
    """

    ids: list[str]
    descriptions: list[str]
    sequences: list[str]
    notices: tuple[str, ...] = ()


def is_fasta(path: str | os.PathLike[str]) -> bool:
    """Whether the name ends as that of a FASTA file does, packed with gzip or not."""
    return unpacked_name(path).endswith(ENDINGS)


def is_fastq(path: str | os.PathLike[str]) -> bool:
    """Whether the name ends as that of a FASTQ file does, packed with gzip or not."""
    return unpacked_name(path).endswith(FASTQ_ENDINGS)


def refuse_alignment(path: str | os.PathLike[str]) -> None:
    """Raises `DataError` where the name ends as that of an alignment does."""
    name = unpacked_name(path)
    kind = next((kind for ending, kind in ALIGNED.items() if name.endswith(ending)), None)
    if kind is not None:
        raise DataError(f"file {str(path)!r} is an alignment ({kind}), and sequences are read unaligned. {_UNALIGN}")


def read_fasta(path: str | os.PathLike[str]) -> Fasta:
    r"""Reads a FASTA file, packed with gzip or not. Blank lines and comments (`;`, `#`, `!`) are skipped.

    Lines end at `\n`, `\r\n` and `\r` alone: a form feed or U+2028 in a description is part of it.

    Raises:
        DataError: there is no such file, it is empty, truncated or no UTF-8 text, a sequence stands before the first
            header, a header has no id or no sequence, or it is an alignment in A3M.

    Example:
        >>> _ = Path("/tmp/two.fasta").write_text(">P1 a toxin\nACD\nEF\n>P2\nGH\n")
        >>> read_fasta("/tmp/two.fasta").sequences
        ['ACDEF', 'GH']
    """
    source = Path(path)
    ids: list[str] = []
    descriptions: list[str] = []
    parts: list[list[str]] = []
    comments: list[int] = []
    lines = read_lines(source)
    for number, line in enumerate((line.lstrip(" \t") for line in lines), start=1):
        if line.startswith(">"):
            if parts and not parts[-1]:
                raise _without_sequence(source, ids[-1], f"line {number} starts the next record")
            name, description = _header(source, number, line)
            ids.append(name)
            descriptions.append(description)
            parts.append([])
        elif line.startswith(_COMMENTS):
            comments.append(number)
        elif not (letters := _letters(line)):
            continue
        elif not ids:
            raise DataError(
                f"file {str(source)!r} has a sequence before its first header: line {number} is {line[:30]!r}. "
                "A FASTA record starts with '>' and an id"
            )
        else:
            parts[-1].append(letters)
    if not ids:
        raise _empty(source)
    if not parts[-1]:
        raise _without_sequence(source, ids[-1], "the file ends there and may be truncated")
    sequences = ["".join(part) for part in parts]
    said = _commented(lines, comments) + _alignment(source, sequences)
    return Fasta(ids, descriptions, sequences, said)


def read_fastq(path: str | os.PathLike[str]) -> Fasta:
    """Reads the sequences of a FASTQ file, packed with gzip or not; a notice says that their qualities are not read.

    Raises:
        DataError: as `read_fasta`, or a record has another number of qualities than of bases.
    """
    source = Path(path)
    lines, place = [line.rstrip(" \t") for line in read_lines(source)], 0
    found = Fasta([], [], [])
    while place < len(lines):
        if not lines[place]:
            place += 1
            continue
        place = _read_record(source, lines, place, found)
    if not found.ids:
        raise _empty(source)
    said = f"FASTQ: the qualities of {len(found.ids):,} read{'s' * (len(found.ids) > 1)} are not read"
    return found._replace(notices=(said,))


def _read_record(source: Path, lines: list[str], start: int, found: Fasta) -> int:
    """Adds the FASTQ record at `start`; the place behind it. Bases and qualities may be wrapped."""
    if not lines[start].startswith("@"):
        raise DataError(
            f"file {str(source)!r} has no '@' where a record should start: line {start + 1} is {lines[start][:30]!r}. "
            "A FASTQ record is '@' and an id, bases, '+', and as many qualities"
        )
    name, description = _header(source, start + 1, lines[start])
    place = start + 1
    while place < len(lines) and not lines[place].startswith("+"):
        place += 1
    bases = "".join(_letters(line) for line in lines[start + 1 : place])
    if place < len(lines) and lines[place][1:] not in ("", lines[start][1:]):
        raise DataError(
            f"file {str(source)!r} has two names for a read: {lines[start][1:31]!r} in line {start + 1} and "
            f"{lines[place][1:31]!r} in line {place + 1}. Write it anew"
        )
    place, count = place + 1, 0
    while place < len(lines) and count < len(bases):
        count += len(lines[place])
        place += 1
    if not bases:
        raise _without_sequence(source, name, f"line {start + 1} has no bases behind it")
    behind = place < len(lines) and lines[place] and not lines[place].startswith("@")
    if count != len(bases) or behind:
        raise DataError(
            f"file {str(source)!r} has {'more' if behind or count > len(bases) else count} qualities for the "
            f"{len(bases)} bases of {name!r} (line {start + 1}); each base has one. The file may be truncated"
        )
    found.ids.append(name)
    found.descriptions.append(description)
    found.sequences.append(bases)
    return place


def _header(source: Path, number: int, line: str) -> tuple[str, str]:
    """The id and the description of a header."""
    words = line[1:].split(None, 1)
    if not words:
        raise DataError(f"file {str(source)!r} has a header without an id in line {number}. Name the record")
    return words[0], words[1].rstrip(" \t") if len(words) > 1 else ""


def _letters(line: str) -> str:
    """A line of a sequence; blanks and tabs set it in columns, any other white space is left for its alphabet."""
    return line.replace(" ", "").replace("\t", "")


def _commented(lines: list[str], comments: list[int]) -> tuple[str, ...]:
    """That lines were taken for comments: a sequence of unusual symbols may be wrapped before one of these marks."""
    if not comments:
        return ()
    count, first = len(comments), comments[0]
    many = f"{count} lines that start" if count > 1 else "1 line that starts"
    marks = "', '".join(_COMMENTS)
    return (f"skipped as comments: {many} with one of '{marks}' (line {first}: {lines[first - 1][:30]!r})",)


def _alignment(source: Path, sequences: list[str]) -> tuple[str, ...]:
    """What is to be said of an alignment.

    Raises:
        DataError: it is one in A3M: letters in lower case are insertions, which stand in no column.
    """
    gapped = sum(any(gap in sequence for gap in _GAPS) for sequence in sequences)
    if not gapped or len(sequences) < 2:
        return ()
    if len({len(sequence) for sequence in sequences}) == 1:
        said = f"an aligned FASTA file: all {len(sequences)} sequences are of one length, and {gapped} hold gaps"
        return (f"{source.name!r} is {said}. {_UNALIGN}, or name the gap in an alphabet of your own",)
    columns = {sum(letter.isupper() or letter == "-" for letter in sequence) for sequence in sequences}
    inserted = sum(any(map(str.islower, sequence)) for sequence in sequences)
    if len(columns) == 1 and inserted:
        raise DataError(
            f"file {str(source)!r} is an alignment (A3M): {inserted} of {len(sequences)} sequences hold insertions in "
            f"lower case beside {columns.pop()} columns, and sequences are read unaligned. {_UNALIGN}"
        )
    return ()


def _without_sequence(source: Path, name: str, why: str) -> DataError:
    return DataError(f"file {str(source)!r} has no sequence for {name!r}: {why}. Complete or remove the record")


def _empty(source: Path) -> DataError:
    return DataError(f"file {str(source)!r} is empty: it has no record. Write at least one")
