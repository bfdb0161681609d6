"""The demo: a real series, offline, in three commands' worth of code."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from seqreprog import Training
from seqreprog.cli.app import app
from seqreprog.errors import DependencyError
from seqreprog.evaluation import demo


def test_the_series_is_the_textbook_one() -> None:
    pytest.importorskip("sktime")
    frame = demo.airline()
    assert list(frame) == ["unique_id", "ds", "y"]
    assert len(frame) == 144
    assert frame["unique_id"].nunique() == 1
    assert (frame["ds"].iloc[0], frame["ds"].iloc[-1]) == (pd.Timestamp("1949-01-01"), pd.Timestamp("1960-12-01"))
    assert (frame["y"].iloc[0], frame["y"].iloc[-1], frame["y"].dtype) == (112.0, 432.0, float)


def test_without_sktime_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def absent(name: str, *rest: Any, **options: Any) -> Any:
        if name.startswith("sktime"):
            raise ImportError(name)
        return usual(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DependencyError, match=r"pip install 'seqreprog\[sktime\]'"):
        demo.airline()


def test_the_demo_writes_a_table_a_file_and_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_backbone: Callable[[str], Path]
) -> None:
    pytest.importorskip("sktime")
    pytest.importorskip("matplotlib")
    given = demo.options()
    small = Training(max_steps=4, batch_size=16, evaluate_every=4, validation=0.25, progress=False)
    tiny = given | {"backbone": make_backbone("bert"), "training": small}
    monkeypatch.setattr(demo, "options", lambda: tiny)
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "new" / "demo")])
    assert result.exit_code == 0, result.output
    for word in ("MASE", "sMAPE", "coverage-80", "seqreprog", "ridge", "seasonal_naive", "the language model"):
        assert word in result.stdout
    assert "airline passengers, 144 months" in result.stderr
    found = pd.read_csv(tmp_path / "new" / "demo" / "forecast.csv", parse_dates=["ds"])
    assert list(found) == ["unique_id", "ds", "seqreprog", "seqreprog-lo-80", "seqreprog-hi-80"]
    assert found["ds"].tolist() == pd.date_range("1961-01-01", periods=12, freq="MS").tolist()
    assert (found["seqreprog-lo-80"] < found["seqreprog"]).all()
    assert found["seqreprog"].between(200, 900).all()
    assert (tmp_path / "new" / "demo" / "forecast.png").stat().st_size > 5000
    assert len(list((tmp_path / "new" / "demo").iterdir())) == 2


def test_a_place_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    pytest.importorskip("sktime")
    pytest.importorskip("matplotlib")
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "file" / "demo")])
    assert result.exit_code == 1
    assert "OutputError: cannot make the folder" in result.stderr
    assert "Not a directory" in result.stderr
