"""FASTA files -> ids, descriptions and sequences; a broken file is named by its line."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError

ENDINGS = (".fasta", ".fa", ".faa", ".fna", ".ffn", ".frn", ".fas")


class Fasta(NamedTuple):
    """The records of a file, in its order.

    Attributes:
        ids: the first word of each header; the same id may come twice.
        descriptions: what follows it, or `""`.
        sequences: the lines of each record joined, without white space; case, stops and gaps as they stand.
    """

    ids: list[str]
    descriptions: list[str]
    sequences: list[str]


def is_fasta(path: str | os.PathLike[str]) -> bool:
    """Whether the name ends as that of a FASTA file does, packed with gzip or not."""
    return Path(path).name.lower().removesuffix(".gz").endswith(ENDINGS)


def read_fasta(path: str | os.PathLike[str]) -> Fasta:
    r"""Reads a FASTA file; one that ends in `.gz` is unpacked. Blank lines and old-style `;` comments are skipped.

    Raises:
        DataError: there is no such file, it is empty, truncated or no UTF-8 text, a sequence stands before the first
            header, or a header has no id or no sequence.

    Example:
        >>> _ = Path("/tmp/two.fasta").write_text(">P1 a toxin\nACD\nEF\n>P2\nGH\n")
        >>> read_fasta("/tmp/two.fasta").sequences
        ['ACDEF', 'GH']
    """
    source = Path(path)
    ids: list[str] = []
    descriptions: list[str] = []
    parts: list[list[str]] = []
    for number, line in _lines(source):
        if line.startswith(">"):
            if parts and not parts[-1]:
                raise _without_sequence(source, ids[-1], f"line {number} starts the next record")
            name, _, description = line[1:].strip().partition(" ")
            if not name:
                raise DataError(f"file {str(source)!r} has a header without an id in line {number}. Name the record")
            ids.append(name)
            descriptions.append(description.strip())
            parts.append([])
        elif not ids:
            raise DataError(
                f"file {str(source)!r} has a sequence before its first header: line {number} is {line[:30]!r}. "
                "A FASTA record starts with '>' and an id"
            )
        else:
            parts[-1].append("".join(line.split()))
    if not ids:
        raise DataError(f"file {str(source)!r} is empty: it has no record. Write at least one")
    if not parts[-1]:
        raise _without_sequence(source, ids[-1], "the file ends there and may be truncated")
    return Fasta(ids, descriptions, ["".join(part) for part in parts])


def _lines(source: Path) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers from 1."""
    if not source.is_file():
        found = "is a folder" if source.is_dir() else "does not exist"
        raise DataError(f"file {str(source)!r} {found}. Pass the path of a file")
    try:
        content = gzip.decompress(source.read_bytes()) if source.suffix.lower() == ".gz" else source.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"file {str(source)!r} cannot be read: {error}. Write it anew") from error
    # UTF-16 and binary files hold zero bytes, some of which would pass as text
    broken = content.find(b"\0")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        broken = error.start if broken < 0 else min(broken, error.start)
    if broken >= 0:
        number = content.count(b"\n", 0, broken) + 1
        raise DataError(
            f"file {str(source)!r} is no UTF-8 text: byte 0x{content[broken]:02x} in line {number}. Save it as text"
        )
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith(";"):
            yield number, line.strip()


def _without_sequence(source: Path, name: str, why: str) -> DataError:
    return DataError(f"file {str(source)!r} has no sequence for {name!r}: {why}. Complete or remove the record")
