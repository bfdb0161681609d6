"""Data frames <-> CSV, TSV and Parquet files, and sequences from FASTA; every write is whole or does not happen."""

from __future__ import annotations

import io
import os
import shutil
import uuid
import warnings
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from ..errors import DataError, DependencyError, Notice, OutputError, name_some
from .fasta import ENDINGS, is_fasta, read_fasta

_ENDINGS = ".csv, .tsv (both also with .gz) or .parquet"
Kind = Literal["csv", "tsv", "parquet"]
MARKS = {"csv": ",", "tsv": "\t"}  # between the values
NAMED = {"csv": "commas", "tsv": "tabs"}
OTHER_MARKS = (",", ";", "\t", "|")  # that other programs write instead
_NEEDS_ARROW = "pip install pyarrow, or use .csv"


def read_frame_file(
    path: str | os.PathLike[str], *, text: Sequence[str] = (), names: Sequence[str] = (), others: str = ""
) -> pd.DataFrame:
    """Reads a `.csv`, `.tsv` (also with `.gz`) or `.parquet` file as pandas does; dates in a CSV stay strings.

    Args:
        path: the file.
        text: columns of a CSV or TSV that are read as they stand: the peptide `NA` is no missing value, the id `007` no
            7.
        names: columns of a CSV or TSV that name something, as ids and classes do: see `as_names`. Parquet keeps its
            types.
        others: endings that the caller reads by itself, to be named in the message beside ours.

    Raises:
        DataError: there is no such file, its ending is unknown, its content cannot be read, or it holds no rows.
        DependencyError: a Parquet file without pyarrow.
    """
    source = Path(path)
    kind = _kind(source)
    if kind is None:
        ends = f"it ends in {source.suffix!r}"
        raise DataError(f"file {str(source)!r} must end in {_ENDINGS}{others}; {ends}. Convert it")
    if not source.is_file():
        found = "is a folder" if source.is_dir() else "does not exist"
        raise DataError(f"file {str(source)!r} {found}. Pass the path of a file")
    try:
        if kind == "parquet":
            df = pd.read_parquet(source)
        else:
            words = dict.fromkeys((*text, *names), str)
            df = pd.read_csv(source, sep=MARKS[kind], float_precision="round_trip", converters=words)
    except pd.errors.EmptyDataError as error:
        raise _empty(source) from error
    except ImportError as error:
        raise DependencyError(f"reading {str(source)!r} needs pyarrow; {_NEEDS_ARROW}") from error
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"file {str(source)!r} cannot be read as {kind}: {error}. Write it anew") from error
    if df.empty:
        raise _empty(source)
    other = next((mark for mark in OTHER_MARKS if kind in MARKS and mark in str(df.columns[0])), None)
    if df.shape[1] == 1 and other is not None:
        elsewhere = next((f", or let its name end in .{name}" for name, mark in MARKS.items() if mark == other), "")
        raise DataError(
            f"file {str(source)!r} has one column, {df.columns[0]!r}: {other!r} stands between its values. Write them "
            f"with {NAMED[kind]}{elsewhere}"
        )
    if kind in MARKS:
        for name in {*names} & {*df.columns} - {*text}:
            df[name] = as_names(df[name])
    return df


def read_sequence_file(
    path: str | os.PathLike[str], *, sequence_col: str = "sequence", names: Sequence[str] = ()
) -> pd.DataFrame:
    """Reads a table of sequences from FASTA, CSV, TSV or Parquet.

    Args:
        path: a file that ends as a FASTA file does (`.fasta`, `.fa`, `.faa`, ..., also with `.gz`), or one of
            `read_frame_file`.
        sequence_col: the column of sequences; FASTA records get one of this name, after `id` and `description`.
        names: as in `read_frame_file`.

    Raises:
        DataError: as `read_fasta` and `read_frame_file`, or there is no column `sequence_col`.
        DependencyError: a Parquet file without pyarrow.
    """
    source = Path(path)
    if is_fasta(source):
        records = read_fasta(source)
        return pd.DataFrame({"id": records.ids, "description": records.descriptions, sequence_col: records.sequences})
    if _kind(source) is None:
        raise DataError(
            f"file {str(source)!r} must end in {_ENDINGS}, or for FASTA in {', '.join(ENDINGS)}; "
            f"it ends in {source.suffix!r}. Convert it"
        )
    df = read_frame_file(source, text=(sequence_col,), names=names)
    if sequence_col not in df.columns:
        shown = [str(name) for name in df.columns[:20]]
        raise DataError(
            f"file {str(source)!r} has no column {sequence_col!r}; it has {shown}. Name it: sequence_col=..."
        )
    return df


def as_names(cells: pd.Series) -> pd.Series:
    """What a column of names holds, from its cells as text: words and codes as they stand, empty cells missing.

    So `007` and `+1` stay themselves and `NA` among words is a name, of which a notice tells. A column of numbers that
    are written plainly (0 and 1) stays one, and so do fractions, which name nothing: whoever asks for classes can say
    so.
    """
    again = io.StringIO(cells.to_csv(index=False))
    found = pd.read_csv(again, float_precision="round_trip", skip_blank_lines=False).iloc[:, 0]
    numbers, coded = found.dropna(), cells.str.strip().str.match(r"\+|-?0\d").any()
    if found.dtype.kind in "iuf":
        as_numbers = bool(len(numbers) and (not coded or (numbers % 1 != 0).any()))
    else:
        as_numbers = found.dtype.kind == "b" and bool((found.astype(str) == cells.str.strip()).all())
    if as_numbers:
        return found.set_axis(cells.index)
    words = cells[found.isna().to_numpy() & (cells != "")]
    if len(words):
        warnings.warn(
            f"column {cells.name!r}: {name_some(words.unique())} is read as a name, in {len(words)} of {len(cells)} "
            "rows. Leave a cell empty where none is known",
            Notice,
            stacklevel=3,
        )
    return cells.where(cells != "")


def write_frame_file(df: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Writes a frame to a `.csv`, `.tsv` (also with `.gz`) or `.parquet` file.

    An index is written unless it only numbers the rows.

    Raises:
        OutputError: the ending is unknown or the place cannot be written; what stood there before is untouched.
        DependencyError: a Parquet file without pyarrow.
    """
    target = Path(path)
    kind = _writable_kind(target)
    index = not isinstance(df.index, pd.RangeIndex)

    def write(place: Path) -> None:
        if kind == "parquet":
            df.to_parquet(place, index=index)
        else:
            df.to_csv(place, sep=MARKS[kind], index=index)

    try:
        atomic_write(target, write)
    except ImportError as error:
        raise DependencyError(f"writing {str(target)!r} needs pyarrow; {_NEEDS_ARROW}") from error


def check_frame_writable(path: str | os.PathLike[str]) -> None:
    """`check_writable`, and that the ending is one that `write_frame_file` knows.

    Raises:
        OutputError: the ending is unknown or the place cannot be written.
    """
    _writable_kind(Path(path))
    check_writable(path)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Whether a file can be written at `path`, asked before any work could be lost; leaves nothing behind.

    Raises:
        OutputError: the folder is missing or refuses new files, or `path` is a folder itself.
    """
    target, beside = _places(path)
    try:
        beside.touch(exist_ok=False)
    except OSError as error:
        raise _refused(target, error) from error
    finally:
        _remove(beside)


def atomic_write(path: str | os.PathLike[str], write: Callable[[Path], object]) -> None:
    """Calls `write` with a path beside `path` (of the same ending) and moves the result there once it is whole.

    Whatever fails, the file that stood at `path` is untouched and no half-written one is left.

    Args:
        path: the file to be; a link is followed.
        write: writes the file at the path it is given. Its errors are passed on, an `OSError` as `OutputError`.

    Raises:
        OutputError: the place cannot be written.

    Example:
        >>> atomic_write("/tmp/note.txt", lambda place: place.write_text("done"))
    """
    target, beside = _places(path)
    try:
        write(beside)
        if target.exists():
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except OSError as error:
        raise _refused(target, error) from error
    finally:
        _remove(beside)


def _places(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    target = Path(path).resolve()
    if target.is_dir():
        raise OutputError(f"{str(target)!r} is a folder. Pass the path of a file")
    # the whole ending is kept: pandas and matplotlib choose the format by it
    return target, target.with_name(f".{uuid.uuid4().hex}{''.join(target.suffixes[-2:])}")


def _remove(place: Path) -> None:
    if place.exists():
        place.unlink()


def _refused(target: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    if not target.parent.is_dir():
        reason = f"there is no folder {str(target.parent)!r}"
    return OutputError(f"cannot write {str(target)!r}: {reason}. Choose another place or make this one writable")


def _kind(path: Path) -> Kind | None:
    name = path.name.lower()
    if name.endswith(".parquet"):
        return "parquet"
    plain = name.removesuffix(".gz")
    return "csv" if plain.endswith(".csv") else "tsv" if plain.endswith(".tsv") else None


def _writable_kind(path: Path) -> Kind:
    kind = _kind(path)
    if kind is None:
        raise OutputError(f"file {str(path)!r} must end in {_ENDINGS}; it ends in {path.suffix!r}. Rename it")
    return kind


def _empty(path: Path) -> DataError:
    return DataError(f"file {str(path)!r} is empty: it has no rows. Write at least one observation")
