"""The command line gives ids, classes and texts back as they stand in the file, whatever else is in the column."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from seqreprog import SequenceInfiller
from seqreprog.cli.app import app

IDS = ["007", "7", "1E5", "100000.0", "NA", "+1", " x"]
SMALL = ["--max-steps", "2", "--layers", "1", "--device", "cpu"]
FORECAST = ["--horizon", "3", "--context", "16", "--patch", "8", *SMALL]
COLUMNS = ["--id-col", "zone", "--time-col", "hour", "--target-col", "load"]
SAID = "column 'zone': 'NA' is read as a name, in"


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> str:
    return str(make_backbone("bert"))


def series(ids: list[Any], length: int = 60) -> pd.DataFrame:
    times, rng = pd.date_range("2024-01-01", periods=length, freq="h"), np.random.default_rng(0)
    parts = [
        pd.DataFrame({"zone": name, "hour": times, "load": np.sin(np.arange(length) / 4) + rng.normal(0, 0.1, length)})
        for name in ids
    ]
    return pd.concat(parts, ignore_index=True).assign(promo=0.5, about="NA")


def ran(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def as_text(stdout: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(stdout), dtype=str, keep_default_na=False)


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_ids_of_forecasts(tmp_path: Path, backbone: str, ending: str) -> None:
    data, mark = tmp_path / f"long.{ending}", "," if ending == "csv" else "\t"
    series(IDS).to_csv(data, sep=mark, index=False)
    options = [*COLUMNS, *FORECAST, "--backbone", backbone]
    result = ran("forecast", data, *options, "--save", tmp_path / "model")
    assert as_text(result.stdout)["zone"].tolist() == [name for name in IDS for _ in range(3)]
    assert SAID in result.stderr
    again = ran("predict", tmp_path / "model", data, "--out", tmp_path / f"out.{ending}")
    assert SAID in again.stderr
    assert as_text((tmp_path / f"out.{ending}").read_text().replace(mark, ",")).equals(as_text(result.stdout))
    assert SAID in ran("evaluate", data, *options, "--windows", 1).stderr


def test_ids_of_a_wide_file(tmp_path: Path, backbone: str) -> None:
    values = np.sin(np.arange(60) / 4)
    wide = pd.DataFrame({name: values + place for place, name in enumerate(IDS)})
    wide.insert(0, "date", pd.date_range("2024-01-01", periods=60, freq="h"))
    wide.to_csv(tmp_path / "wide.csv", index=False)
    result = ran("forecast", tmp_path / "wide.csv", *FORECAST, "--backbone", backbone)
    assert as_text(result.stdout)["unique_id"].tolist() == [name for name in IDS for _ in range(3)]


@pytest.mark.parametrize("past", ["csv", "parquet"])
@pytest.mark.parametrize("ahead", ["csv", "parquet"])
def test_ids_of_a_table_and_of_its_future_meet(tmp_path: Path, backbone: str, past: str, ahead: str) -> None:
    """Numbers of a Parquet file and the text of a CSV are one id where they are written alike."""
    frame = series([10, 7], 63)
    cut = frame.groupby("zone").cumcount(ascending=False) < 3
    for name, part, ending in (("past", frame[~cut], past), ("ahead", frame[cut], ahead)):
        getattr(part, f"to_{ending}")(tmp_path / f"{name}.{ending}", index=False)
    future = ["--future", tmp_path / f"ahead.{ahead}"]
    options = [*COLUMNS, *FORECAST, "--backbone", backbone, "--futr", "promo"]
    result = ran("forecast", tmp_path / f"past.{past}", *options, *future, "--save", tmp_path / "model")
    assert as_text(result.stdout)["zone"].tolist() == ["10"] * 3 + ["7"] * 3
    assert ran("predict", tmp_path / "model", tmp_path / f"past.{past}", *future).stdout == result.stdout


def test_a_sentence_is_text_and_a_target_is_none(tmp_path: Path, backbone: str) -> None:
    frame = series(["a", "b"]).astype({"load": object, "promo": object})
    frame.loc[[5, 9], "load"] = "NA"
    frame.loc[7, "promo"] = "NA"
    frame.to_csv(tmp_path / "long.csv", index=False)
    beside = ["--static", "about", "--hist", "promo"]
    result = ran("forecast", tmp_path / "long.csv", *COLUMNS, *FORECAST, "--backbone", backbone, *beside)
    assert "column 'about': 'NA' is read as a name, in 120 of 120 rows" in result.stderr
    assert "column 'load'" not in result.stderr


def test_an_empty_id_is_missing(tmp_path: Path) -> None:
    series(["a", ""]).to_csv(tmp_path / "long.csv", index=False)
    result = CliRunner().invoke(app, ["forecast", str(tmp_path / "long.csv"), *COLUMNS, *FORECAST])
    assert result.exit_code == 1
    assert "column 'zone' has 60 missing ids (first in row 60)" in result.stderr


# --- sequences -------------------------------------------------------------------------------------------------------


def peptides() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKL"), 6)) + "WW" * (place % 2) for place in range(24)]
    frame = pd.DataFrame({"id": [f"{place:03}" for place in range(24)], "sequence": texts, "label": ["1", "1.0"] * 12})
    odd = [*IDS, "True", "2024-01-01", "1_000", "inf", "", "1e400"]
    return frame.assign(gene=(odd * 2)[:24], target=[f"{place}.50" for place in range(24)])


@pytest.mark.parametrize("command", ["classify", "regress", "infill"])
def test_a_table_of_sequences_comes_back_whole(tmp_path: Path, backbone: str, command: str) -> None:
    """But for the numbers of a target, which are numbers."""
    asked = peptides()
    if command == "infill":
        asked["sequence"] = asked["sequence"].str.replace("A", "_") + "_"
        SequenceInfiller(backbone=backbone, layers=1).fit(peptides()["sequence"]).save(tmp_path / "model")
    asked.to_csv(tmp_path / "train.csv", index=False)
    if command != "infill":
        options = [*SMALL, "--backbone", backbone, "--save", tmp_path / "model"]
        first = as_text(ran(command, tmp_path / "train.csv", *options).stdout)
        numbers = ["target"] if command == "regress" else []
        assert first[list(asked)].drop(columns=numbers).equals(asked.drop(columns=numbers).astype("str"))
        assert command == "classify" or first["target"].astype(float).tolist() == asked["target"].astype(float).tolist()
    again = as_text(ran("predict", tmp_path / "model", tmp_path / "train.csv").stdout)
    assert again[list(asked)].equals(asked.astype("str"))


def test_values_of_a_regression_are_numbers_and_may_not_be_missing(tmp_path: Path, backbone: str) -> None:
    peptides().assign(target=["NA", "1e1", "2.50"] * 8).to_csv(tmp_path / "train.csv", index=False)
    result = CliRunner().invoke(app, ["regress", str(tmp_path / "train.csv"), *SMALL, "--backbone", backbone])
    assert result.exit_code == 1
    assert "8 of 24 values are missing" in " ".join(result.stderr.split())
