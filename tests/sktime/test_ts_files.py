"""`.ts` files: read as sktime reads them, and refused by name where it cannot."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sktime")

from seqreprog.errors import DataError, DependencyError
from seqreprog.sktime.ts_files import is_ts_file, read_ts_file

HEAD = "@problemName toy\n@timeStamps false\n@univariate false\n{labels}\n@data\n"
CLASSES, NONE, VALUES = "@classLabel true up down", "@classLabel false", "@targetLabel true"


def written(path: Path, rows: str, labels: str = CLASSES) -> Path:
    path.write_text(HEAD.format(labels=labels) + rows)
    return path


@pytest.mark.parametrize(("labels", "ends"), [(CLASSES, (":up", ":down")), (NONE, ("", "")), (VALUES, (":1.5", ":2"))])
def test_series_of_unequal_length_with_missing_values(tmp_path: Path, labels: str, ends: tuple[str, str]) -> None:
    path = written(tmp_path / "toy.ts", f"1,2,3:4,?,6{ends[0]}\n7,8:9,10{ends[1]}\n", labels)
    found = read_ts_file(path)
    assert (found.lengths.tolist(), found.channels) == ([3, 2], 2)
    np.testing.assert_array_equal(found.values, [[1, 4], [2, np.nan], [3, 6], [7, 9], [8, 10]])


def test_a_file_of_sktime_s_own_is_read_as_sktime_reads_it() -> None:
    from sktime import datasets

    path = Path(datasets.__file__).parent / "data" / "BasicMotions" / "BasicMotions_TEST.ts"
    if not path.is_file():
        pytest.skip("sktime came without its data")
    X, _ = datasets.load_basic_motions(split="test", return_X_y=True, return_type="numpy3D")
    found = read_ts_file(path)
    np.testing.assert_array_equal(found.padded(np.arange(len(X)))[0], X)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read as ts: empty file"),
        ("1,2\n3,4\n", "cannot be read as ts: "),
        (HEAD.format(labels=CLASSES), "cannot be read as ts: file contained metadata but no data"),
        (
            HEAD.format(labels=CLASSES) + "1,two:3,4:up\n",
            "cannot be read as ts: could not convert string",
        ),
        (HEAD.format(labels=CLASSES) + "1,2:3,4:up\n1,2:up\n", "cannot be read as ts: inconsistent number of dim"),
        (HEAD.format(labels=CLASSES) + "1,2,3:4,5:up\n", r"one length; those of instance 0 have \[3, 2\] steps"),
        (HEAD.format(labels=CLASSES) + "1,2:3,4:up\n?,?:?,?:up\n", "1 instances hold no observed value: '1'"),
        (HEAD.format(labels=CLASSES) + "1,2:3,inf:up\n", "instance 0 holds inf at step 1 of channel 1"),
        (b"\xff\xfe\x00\x81", "cannot be read as ts: "),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "broken.ts"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=message):
        read_ts_file(path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.ts' does not exist"):
        read_ts_file(tmp_path / "gone.ts")
    (tmp_path / "folder.ts").mkdir()
    with pytest.raises(DataError, match=r"folder\.ts' is a folder"):
        read_ts_file(tmp_path / "folder.ts")
    assert [is_ts_file(name) for name in ("a.ts", "a.TS", "a.tsv", "ts")] == [True, True, False, False]


def test_without_sktime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, load = written(tmp_path / "toy.ts", "1,2:3,4:up\n"), builtins.__import__

    def absent(name: str, *rest: Any, **options: Any) -> Any:
        if name.split(".")[0] == "sktime":
            raise ModuleNotFoundError("No module named 'sktime'", name="sktime")
        return load(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DependencyError, match=r"needs sktime\. Install it with pip install 'seqreprog\[sktime\]'"):
        read_ts_file(path)
