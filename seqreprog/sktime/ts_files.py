"""Whole series out of `.ts` files, as sktime reads them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..data.instances import Instances, read_instances
from ..errors import DataError, DependencyError

ENDING = ".ts"


def is_ts_file(path: str | os.PathLike[str]) -> bool:
    """Whether the name ends in `.ts`."""
    return Path(path).name.lower().endswith(ENDING)


def read_ts_file(path: str | os.PathLike[str]) -> Instances:
    """Reads the series of a `.ts` file, in its order; classes or values that stand beside them are left aside.

    Raises:
        DataError: there is no such file, it cannot be read, or it breaks a rule of `read_instances`.
        DependencyError: sktime is not installed.
    """
    source = Path(path)
    if not source.is_file():
        found = "is a folder" if source.is_dir() else "does not exist"
        raise DataError(f"file {str(source)!r} {found}. Pass the path of a file")
    try:
        from sktime.datasets import load_from_tsfile_to_dataframe
    except ImportError as error:
        raise DependencyError(
            f"reading {str(source)!r} needs sktime. Install it with pip install 'seqreprog[sktime]', or write the "
            "series as .csv"
        ) from error
    try:
        found = load_from_tsfile_to_dataframe(str(source))
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:  # whatever it meets in a broken file
        raise DataError(f"file {str(source)!r} cannot be read as ts: {error}. Write it anew") from error
    nested: Any = found[0] if isinstance(found, tuple) else found  # alone where the file has no classes
    return read_instances([_stacked(row, cells) for row, cells in enumerate(nested.itertuples(index=False))])


def _stacked(row: int, cells: Any) -> np.ndarray:
    parts = [cell.to_numpy(dtype=np.float64) for cell in cells]
    if len({len(part) for part in parts}) > 1:
        raise DataError(
            f"the channels of one instance must be of one length; those of instance {row} have "
            f"{[len(part) for part in parts]} steps. Fill the shorter ones with ?"
        )
    return np.stack(parts)
