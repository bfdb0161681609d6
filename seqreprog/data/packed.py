"""Files that gzip may have packed: known by their first bytes, whatever their name says."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import DataError

_MAGIC = b"\x1f\x8b"
PACKED = (".gz", ".bgz")  # bgzip's blocks are members of one gzip file
_BLOCK = 1 << 20
UNREADABLE = (OSError, EOFError, zlib.error)


def unpacked_name(path: str | os.PathLike[str]) -> str:
    """The name in lower case, without the ending of a packed file."""
    name = Path(path).name.lower()
    return next((name.removesuffix(ending) for ending in PACKED if name.endswith(ending)), name)


@contextmanager
def open_unpacked(path: Path) -> Iterator[io.BufferedIOBase]:
    """The file's bytes, unpacked where they are packed.

    Raises:
        DataError: there is no such file.
    """
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"file {str(path)!r} {found}. Pass the path of a file")
    with path.open("rb") as file:
        packed = file.read(2) == _MAGIC
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield unpacked


class WithoutZeros(io.RawIOBase):
    """Hands bytes on and refuses zero bytes, at which readers written in C end a text without a word."""

    def __init__(self, file: io.BufferedIOBase, name: str) -> None:
        self._file, self._name = file, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        found = self._file.read(len(view))
        if b"\0" in found:
            raise DataError(f"file {self._name!r} is no UTF-8 text: it holds zero bytes. Save it as text")
        view[: len(found)] = found
        return len(found)


def checked_text(file: io.BufferedIOBase, path: Path) -> io.BufferedReader:
    """The bytes of a text file, buffered and without zeros."""
    return io.BufferedReader(WithoutZeros(file, str(path)), _BLOCK)


def read_lines(path: Path) -> list[str]:
    r"""The lines of a text file; they end at `\n`, `\r\n` and `\r`, and at no other character.

    Raises:
        DataError: there is no such file, it cannot be unpacked, or it is no UTF-8 text.
    """
    try:
        with open_unpacked(path) as file:
            content = file.read()
    except UNREADABLE as error:
        raise DataError(f"file {str(path)!r} cannot be read: {error}. Write it anew") from error
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # UTF-16 and binary files hold zero bytes, some of which would pass as text
    broken = content.find(b"\0")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        broken = error.start if broken < 0 else min(broken, error.start)
    if broken >= 0:
        number = content.count(b"\n", 0, broken) + 1
        raise DataError(
            f"file {str(path)!r} is no UTF-8 text: byte 0x{content[broken]:02x} in line {number}. Save it as text"
        )
    return text.split("\n")
