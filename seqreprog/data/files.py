"""Data frames <-> CSV, TSV and Parquet files, and sequences from FASTA; every write is whole or does not happen."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import uuid
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ..errors import DataError, DependencyError, Notice, OutputError, name_some
from .fasta import ENDINGS, FASTQ_ENDINGS, is_fasta, is_fastq, read_fasta, read_fastq, refuse_alignment
from .packed import UNREADABLE, checked_text, open_unpacked, unpacked_name

_ENDINGS = ".csv, .tsv (both also with .gz) or .parquet"
Kind = Literal["csv", "tsv", "parquet"]
MARKS = {"csv": ",", "tsv": "\t"}  # between the values
NAMED = {"csv": "commas", "tsv": "tabs"}
OTHER_MARKS = (",", ";", "\t", "|")  # that other programs write instead
MISSING = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
]  # what pandas takes for a missing value; among names and in texts the empty cell alone is one
_NEEDS_ARROW = "pip install pyarrow, or use .csv"


def read_frame_file(
    path: str | os.PathLike[str],
    *,
    names: Sequence[str] = ("unique_id",),
    numeric: Collection[str] | None = None,
    others: str = "",
) -> pd.DataFrame:
    """Reads a `.csv`, `.tsv` or `.parquet` file; a table may be packed with gzip, whatever its name says.

    What a column of a CSV or TSV holds is decided by its name, never by its cells: those that name something are text
    as it stands (`007`, `1E5`, `NA`), and an empty cell is missing. All others are read as pandas does; dates stay
    strings. Parquet keeps its types.

    Args:
        path: the file.
        names: columns that name something, as ids and classes do, or hold text.
        numeric: where given, the only columns that are not text.
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
    try:
        with open_unpacked(source) as file:
            df = pd.read_parquet(source) if kind == "parquet" else _read_marked(file, source, kind, names, numeric)
    except pd.errors.EmptyDataError as error:
        raise _empty(source) from error
    except ImportError as error:
        raise DependencyError(f"reading {str(source)!r} needs pyarrow; {_NEEDS_ARROW}") from error
    except DataError:  # which is a ValueError too
        raise
    except (ValueError, *UNREADABLE) as error:
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
        for name in dict.fromkeys(names):
            if name in df.columns:
                _tell_names(df.loc[:, df.columns == name].iloc[:, 0])
    return df


def read_sequence_file(
    path: str | os.PathLike[str],
    *,
    sequence_col: str = "sequence",
    names: Sequence[str] = (),
    numeric: Collection[str] = (),
) -> pd.DataFrame:
    """Reads a table of sequences from FASTA, FASTQ, CSV, TSV or Parquet.

    Args:
        path: a file that ends as a FASTA or FASTQ file does (`.fasta`, `.fa`, `.faa`, `.fastq`, ..., also packed), or
            one of `read_frame_file`.
        sequence_col: the column of sequences; FASTA records get one of this name, after `id` and `description`.
        names: columns that name something, as ids and classes do: a notice tells where `NA` is taken for a name.
        numeric: the columns of a CSV or TSV that are read as pandas does. All others are text as it stands; an empty
            cell is missing. Parquet keeps its types.

    Raises:
        DataError: as `read_fasta`, `read_fastq` and `read_frame_file`, or there is no column `sequence_col`.
        DependencyError: a Parquet file without pyarrow.
    """
    source = Path(path)
    refuse_alignment(source)
    if is_fasta(source) or is_fastq(source):
        records = read_fasta(source) if is_fasta(source) else read_fastq(source)
        for notice in records.notices:
            warnings.warn(notice, Notice, stacklevel=2)
        return pd.DataFrame({"id": records.ids, "description": records.descriptions, sequence_col: records.sequences})
    if _kind(source) is None:
        raise DataError(
            f"file {str(source)!r} must end in {_ENDINGS}, for FASTA in {', '.join(ENDINGS)}, or for FASTQ in "
            f"{', '.join(FASTQ_ENDINGS)}; it ends in {source.suffix!r}. Convert it"
        )
    df = read_frame_file(source, names=names, numeric={*numeric} - {sequence_col})
    if sequence_col not in df.columns:
        shown = [str(name) for name in df.columns[:20]]
        raise DataError(
            f"file {str(source)!r} has no column {sequence_col!r}; it has {shown}. Name it: sequence_col=..."
        )
    return df


def _read_marked(
    file: io.BufferedIOBase, source: Path, kind: Kind, names: Sequence[str], numeric: Collection[str] | None
) -> pd.DataFrame:
    """A table with a mark between its values; the types of its columns go by their names."""

    def read(**more: Any) -> pd.DataFrame:
        file.seek(0)
        return pd.read_csv(checked_text(file, source), sep=MARKS[kind], float_precision="round_trip", **more)

    unique = [str(name) for name in read(nrows=0)]  # of two columns 'a' pandas calls one 'a.1'
    written = unique
    if any(re.search(r"\.\d+$", name) for name in unique):
        first = read(nrows=1, header=None, dtype=str, keep_default_na=False).iloc[0]
        written = [old or new for old, new in zip(first, unique, strict=True)]
    if nameless := [place for place, name in enumerate(written) if place and name == f"Unnamed: {place}"]:
        said = f"{len(nameless)} of {len(written)} columns have no name"
        warnings.warn(
            f"file {str(source)!r}: {said}; the first is called {written[nameless[0]]!r}", Notice, stacklevel=3
        )
    both = zip(written, unique, strict=True)
    words = [new for old, new in both if (old in names if numeric is None else old not in numeric)]
    unknown = {name: [""] if name in words else MISSING for name in unique}
    df = read(dtype=dict.fromkeys(words, str), na_values=unknown, keep_default_na=False)
    if not df.index.equals(pd.RangeIndex(len(df))) and df.iloc[:, -1].isna().all():
        raise DataError(
            f"file {str(source)!r} has one value more in its rows than its {len(unique)} columns: they end with a mark "
            f"({NAMED[kind]} stand between values). Remove it, or name the last column"
        )
    return df if written == unique else df.set_axis(written, axis=1)


def _tell_names(cells: pd.Series) -> None:
    """A notice of names that may be meant as missing, or as one name."""
    known = pd.Series(pd.unique(cells.dropna()))
    words = known[known.isin(MISSING)]
    if len(words):
        warnings.warn(
            f"column {cells.name!r}: {name_some(words)} is read as a name, in {cells.isin(words).sum()} of "
            f"{len(cells)} rows. Leave a cell empty where none is known",
            Notice,
            stacklevel=3,
        )
    bare = known.str.strip()
    alike = known[bare.duplicated(keep=False)]
    if len(alike):
        warnings.warn(
            f"column {cells.name!r}: {name_some(alike)} differ in white space alone and are read as they "
            "stand, as different names. Remove it where one is meant",
            Notice,
            stacklevel=3,
        )


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
            write_marked(df, place, kind, index=index)

    try:
        atomic_write(target, write)
    except UnicodeEncodeError as error:
        shown = error.object[error.start : error.end]
        raise OutputError(f"cannot write {str(target)!r}: {shown!r} is no character. Replace it") from error
    except ImportError as error:
        raise DependencyError(f"writing {str(target)!r} needs pyarrow; {_NEEDS_ARROW}") from error


def write_marked(df: pd.DataFrame, place: Any, kind: Kind = "csv", *, index: bool = False) -> None:
    """Writes a frame to a path or an open file, as text that is read again as it was, line ends in names too."""
    texts = [pd.Series(df.columns, dtype=object), *(df[name] for name in df.select_dtypes(["object", "string"]))]
    broken = any(cells.str.contains("\r", regex=False).eq(True).any() for cells in texts if len(cells))
    quoting: Any = csv.QUOTE_NONNUMERIC if broken else csv.QUOTE_MINIMAL  # which leaves a lone \r bare
    df.to_csv(place, sep=MARKS[kind], index=index, quoting=quoting)


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
    plain = unpacked_name(path)
    return "csv" if plain.endswith(".csv") else "tsv" if plain.endswith(".tsv") else None


def _writable_kind(path: Path) -> Kind:
    kind = _kind(path)
    if kind is None or path.suffix.lower() == ".bgz":  # its blocks are more than gzip writes
        raise OutputError(f"file {str(path)!r} must end in {_ENDINGS}; it ends in {path.suffix!r}. Rename it")
    return kind


def _empty(path: Path) -> DataError:
    return DataError(f"file {str(path)!r} is empty: it has no rows. Write at least one observation")
