"""The command line: files in and out in the caller's own names, one stream for results, one sentence for a mistake."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from seqreprog import Forecaster, __version__
from seqreprog.cli.app import app
from seqreprog.cli.console import as_options

TINY = ["--max-steps", "3", "--patch", "8", "--context", "16", "--layers", "1", "--device", "cpu"]
INTERVALS = ["seqreprog", "seqreprog-lo-80", "seqreprog-hi-80"]


def values(length: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=length)
    return 100 + 20 * np.sin(2 * np.pi * (np.arange(length) + seed) / 24) + noise


def long_frame(length: int = 90) -> pd.DataFrame:
    times = pd.date_range("2024-01-01", periods=length, freq="h")
    parts = [
        pd.DataFrame({"zone": name, "hour": times, "load": values(length, seed)})
        for seed, name in enumerate(("S", "N"))
    ]
    return pd.concat(parts, ignore_index=True)


def wide_frame(length: int = 90) -> pd.DataFrame:
    """As the ETT files are: dates first, then a column per series, nothing called ds or y."""
    times = pd.date_range("2024-01-01", periods=length, freq="h")
    return pd.DataFrame({"date": times, "HUFL": values(length, 0), "OT": values(length, 5)})


NAMES = ["--id-col", "zone", "--time-col", "hour", "--target-col", "load"]


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> str:
    return str(make_backbone("bert"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same series, long and wide, as CSV, TSV and Parquet."""
    folder = tmp_path_factory.mktemp("series")
    long_frame().to_csv(folder / "long.csv", index=False)
    long_frame().to_csv(folder / "long.tsv", index=False, sep="\t")
    long_frame().to_parquet(folder / "long.parquet", index=False)
    wide_frame().to_csv(folder / "wide.csv", index=False)
    wide_frame().set_index("date").to_parquet(folder / "wide.parquet")
    return folder


@pytest.fixture(scope="module")
def saved(place: Path, backbone: str) -> Path:
    ran(
        "forecast", place / "long.csv", "--horizon", 4, *NAMES, *TINY, "--backbone", backbone, "--save", place / "model"
    )
    return place / "model"


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def ran(*arguments: object) -> Any:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments: object) -> str:
    """The one line on standard error after a mistake."""
    result = invoke(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert isinstance(result.exception, SystemExit)
    last = result.stderr.rstrip("\n").split("\n")[-1]
    assert last.startswith("error ")
    return last


# --- forecast --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["long.csv", "long.tsv", "long.parquet"])
def test_a_long_file_is_forecast_in_its_own_names(place: Path, backbone: str, name: str) -> None:
    result = ran("forecast", place / name, "--horizon", 4, *NAMES, *TINY, "--backbone", backbone)
    found = pd.read_csv(io.StringIO(result.stdout), parse_dates=["hour"])
    assert list(found) == ["zone", "hour", *INTERVALS]
    assert found["zone"].tolist() == ["S"] * 4 + ["N"] * 4
    ahead = pd.date_range("2024-01-04 18:00", periods=4, freq="h")
    assert found["hour"].tolist() == [*ahead, *ahead]
    assert found["seqreprog"].between(50, 150).all()
    assert (found["seqreprog-lo-80"] <= found["seqreprog"]).all()


@pytest.mark.parametrize("name", ["wide.csv", "wide.parquet"])
def test_a_wide_file_is_found_out_by_itself(place: Path, backbone: str, name: str) -> None:
    result = ran("forecast", place / name, "--horizon", 4, *TINY, "--backbone", backbone)
    found = pd.read_csv(io.StringIO(result.stdout), parse_dates=["date"])
    assert list(found) == ["unique_id", "date", *INTERVALS]
    assert found["unique_id"].tolist() == ["HUFL"] * 4 + ["OT"] * 4
    assert found["date"].iloc[0] == pd.Timestamp("2024-01-04 18:00")


def test_every_door_gives_the_same_numbers(place: Path, backbone: str) -> None:
    options = ["--horizon", 4, *TINY, "--backbone", backbone]
    csv, parquet = (ran("forecast", place / f"wide.{kind}", *options).stdout for kind in ("csv", "parquet"))
    assert csv == parquet


def test_standard_output_is_csv_alone_and_the_summary_goes_to_standard_error(place: Path, backbone: str) -> None:
    result = ran("forecast", place / "wide.csv", "--horizon", 4, *TINY, "--backbone", backbone)
    assert len(result.stdout.strip().split("\n")) == 1 + 8
    for word in ("backbone", "trained", "windows", "verdict"):
        assert word in result.stderr
        assert word not in result.stdout


def test_whole_numbers_are_times_where_they_are_said_to_be(tmp_path: Path, backbone: str) -> None:
    frame = wide_frame().rename(columns={"date": "step"}).assign(step=np.arange(90) * 3)
    frame.to_csv(tmp_path / "steps.csv", index=False)
    options = ["--horizon", 2, *TINY, "--backbone", backbone]
    found = pd.read_csv(io.StringIO(ran("forecast", tmp_path / "steps.csv", "--time-col", "step", *options).stdout))
    assert found["step"].tolist() == [270, 273] * 2
    assert found["unique_id"].tolist() == ["HUFL", "HUFL", "OT", "OT"]
    guessed = ran("forecast", tmp_path / "steps.csv", *options).stderr  # nothing says that 'step' is no series
    assert "notice df was read as wide, with its row numbers as times and the series 'step', 'HUFL', 'OT'" in guessed


def test_a_long_file_that_begins_with_the_times(tmp_path: Path, backbone: str) -> None:
    """Dates first and all else numeric looks wide; the names given say that it is long."""
    frame = long_frame()[["hour", "zone", "load"]].replace({"zone": {"S": 7, "N": 3}})
    frame.infer_objects().to_csv(tmp_path / "long.csv", index=False)
    result = ran("forecast", tmp_path / "long.csv", "--horizon", 2, *NAMES, *TINY, "--backbone", backbone)
    found = pd.read_csv(io.StringIO(result.stdout))
    assert list(found) == ["zone", "hour", *INTERVALS]
    assert found["zone"].tolist() == [7, 7, 3, 3]


def test_local_times_with_their_offsets_are_read(tmp_path: Path, backbone: str) -> None:
    times = pd.date_range("2024-03-29", periods=90, freq="h", tz="Europe/Berlin")  # the clock changes within
    wide_frame().assign(date=times).to_csv(tmp_path / "wide.csv", index=False)
    result = ran("forecast", tmp_path / "wide.csv", "--horizon", 1, *TINY, "--backbone", backbone)
    found = pd.read_csv(io.StringIO(result.stdout), parse_dates=["date"])
    assert found["date"].iloc[0] == times[-1] + pd.Timedelta(hours=1)


def test_a_parquet_file_keeps_its_time_zone(tmp_path: Path, backbone: str) -> None:
    times = pd.date_range("2024-03-29", periods=90, freq="h", tz="Europe/Berlin")
    wide_frame().assign(date=times).to_parquet(tmp_path / "wide.parquet", index=False)
    ran(
        "forecast",
        tmp_path / "wide.parquet",
        "--horizon",
        1,
        *TINY,
        "--backbone",
        backbone,
        "--out",
        tmp_path / "p.parquet",
    )
    assert str(pd.read_parquet(tmp_path / "p.parquet")["date"].dt.tz) == "Europe/Berlin"


def test_levels_may_be_repeated_and_order_the_columns(place: Path, backbone: str) -> None:
    levels = ["--level", 80, "--level", 95.5]
    result = ran("forecast", place / "wide.csv", "--horizon", 2, *levels, *TINY, "--backbone", backbone)
    assert result.stdout.split("\n")[0].split(",")[2:] == [
        "seqreprog", "seqreprog-lo-95.5", "seqreprog-lo-80", "seqreprog-hi-80", "seqreprog-hi-95.5",
    ]  # fmt: skip


def test_gaps_are_an_error_unless_filled(tmp_path: Path, backbone: str) -> None:
    long_frame().drop(index=[40, 41]).to_csv(tmp_path / "gap.csv", index=False)
    command = ["forecast", tmp_path / "gap.csv", "--horizon", 2, *NAMES, *TINY, "--backbone", backbone]
    assert "series 'S' has no row at 2024-01-02 16:00:00" in refused(*command)
    found = ran(*command, "--fill-gaps", "--save", tmp_path / "filled").stdout
    assert len(found.strip().split("\n")) == 5
    assert ran("predict", tmp_path / "filled", tmp_path / "gap.csv").stdout == found, "what fit filled, predict fills"
    long_frame().to_csv(tmp_path / "whole.csv", index=False)
    ran("forecast", tmp_path / "whole.csv", *command[2:], "--save", tmp_path / "strict")
    line = refused("predict", tmp_path / "strict", tmp_path / "gap.csv")
    assert "Insert missing values, or fit with --fill-gaps, which holds for later frames too" in line


def test_table_picture_and_model_are_written(tmp_path: Path, place: Path, backbone: str) -> None:
    folder = tmp_path / "with [brackets]"
    folder.mkdir()
    targets = [folder / "pred.parquet", folder / "pred.png", folder / "model"]
    options = [word for pair in zip(("--out", "--plot", "--save"), targets, strict=True) for word in pair]
    result = ran("forecast", place / "long.parquet", "--horizon", 4, *NAMES, *TINY, "--backbone", backbone, *options)
    assert result.stdout == ""
    assert f"8 rows written to {targets[0]}\n" in result.stderr  # brackets are no markup
    assert sorted(os.listdir(folder)) == ["model", "pred.parquet", "pred.png"]
    found = pd.read_parquet(targets[0])
    assert found["hour"].dtype == pd.read_parquet(place / "long.parquet")["hour"].dtype
    assert targets[1].read_bytes().startswith(b"\x89PNG")
    assert Forecaster.load(targets[2]).columns.target_col == "load"


def test_the_options_reach_the_model(place: Path, backbone: str, tmp_path: Path) -> None:
    options = {"--loss": "mae", "--base": "none", "--seed": 5, "--domain": "Load.", "--time-budget": 60, "--threads": 1}
    flat = [word for pair in options.items() for word in pair]
    command = ["forecast", place / "wide.csv", "--horizon", 4, *TINY, "--backbone", backbone, *flat]
    ran(*command, "--save", tmp_path / "model")
    config = Forecaster.load(tmp_path / "model").config
    assert (config.loss, config.base, config.seed, config.prompt.domain) == ("mae", "none", 5, "Load.")
    assert (config.training.time_budget, config.training.threads, config.training.max_steps) == (60, 1, 3)
    assert (config.adapter.patch, config.adapter.stride, config.context, config.layers) == (8, 8, 16, 1)


# --- predict ---------------------------------------------------------------------------------------------------------


def test_predict_gives_what_forecast_gave(place: Path, saved: Path, backbone: str) -> None:
    options = [*NAMES, *TINY, "--backbone", backbone]
    fitted = ran("forecast", place / "long.csv", "--horizon", 4, *options).stdout
    again = ran("predict", saved, place / "long.csv")
    assert again.stdout == fitted
    shorter = ran("predict", saved, place / "long.csv", "--horizon", 2).stdout.strip().split("\n")
    lines = fitted.strip().split("\n")
    assert shorter == [lines[0], *lines[1:3], *lines[5:7]]


def test_predict_forecasts_new_series_to_files(tmp_path: Path, saved: Path) -> None:
    new = long_frame(40).replace({"zone": {"S": "East", "N": "West"}})
    new.to_parquet(tmp_path / "new.parquet", index=False)
    out, plot = tmp_path / "pred.csv", tmp_path / "pred.svg"
    ran("predict", saved, tmp_path / "new.parquet", "--out", out, "--plot", plot)
    found = pd.read_csv(out)
    assert list(found) == ["zone", "hour", *INTERVALS]
    assert found["zone"].tolist() == ["East"] * 4 + ["West"] * 4
    assert "West" in plot.read_text() or plot.stat().st_size > 5000


def test_predict_reads_wide_files_as_the_model_was_fitted(tmp_path: Path, place: Path, backbone: str) -> None:
    ran("forecast", place / "wide.csv", "--horizon", 2, *TINY, "--backbone", backbone, "--save", tmp_path / "model")
    for kind in ("csv", "parquet"):
        found = pd.read_csv(io.StringIO(ran("predict", tmp_path / "model", place / f"wide.{kind}").stdout))
        assert list(found) == ["unique_id", "date", *INTERVALS]
        assert found["unique_id"].tolist() == ["HUFL", "HUFL", "OT", "OT"]


def test_predict_beyond_the_horizon_is_named(place: Path, saved: Path) -> None:
    assert "ConfigError: --horizon must be 1 to 4" in refused("predict", saved, place / "long.csv", "--horizon", 5)


def test_options_of_sequences_are_refused_by_a_forecaster(place: Path, saved: Path) -> None:
    line = refused("predict", saved, place / "long.csv", "--on-unknown", "mask", "--sequence", "seq")
    assert "model' forecasts series: drop --sequence seq and --on-unknown mask, or pass a model of sequences" in line


def test_another_backbone_is_named(place: Path, saved: Path, make_backbone: Callable[[str], Path]) -> None:
    message = refused("predict", saved, place / "long.csv", "--backbone", make_backbone("gpt2"))
    assert "CheckpointError: checkpoint was trained on backbone" in message


def spoil_weights(model: Path) -> None:
    whole = (model / "adapter_model.safetensors").read_bytes()
    (model / "adapter_model.safetensors").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_weights, "model' is not what was saved: its sha256 is"),
        (lambda model: (model / "adapter_model.safetensors").unlink(), "adapter_model.safetensors' is missing"),
        (lambda model: (model / "seqreprog.json").write_text("{"), "seqreprog.json' is corrupt"),
        (lambda model: (model / "seqreprog.json").write_text("[]"), "was not written by seqreprog"),
        (lambda model: (model / "seqreprog.json").unlink(), "holds no seqreprog model"),
    ],
)
def test_a_broken_model_is_named(
    tmp_path: Path, place: Path, saved: Path, spoil: Callable[[Path], object], message: str
) -> None:
    broken = tmp_path / "model"
    broken.mkdir()
    for file in saved.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    spoil(broken)
    found = refused("predict", broken, place / "long.csv", "--out", tmp_path / "pred.csv")
    assert "CheckpointError" in found
    assert message in found
    assert os.listdir(tmp_path) == ["model"]


# --- evaluate --------------------------------------------------------------------------------------------------------


def test_evaluate_prints_a_table(place: Path, backbone: str) -> None:
    options = ["--horizon", 4, "--windows", 2, "--step", 3, *TINY, "--backbone", backbone]
    result = ran("evaluate", place / "wide.csv", *options)
    for word in ("4 windows, season 24", "MASE", "sMAPE", "coverage-80", "width-80", "seasonal_naive", "ridge"):
        assert word in result.stdout
    assert "MASE against ridge:" in result.stdout
    assert "the language model" in result.stdout
    assert "…" not in result.stdout


def test_evaluate_prints_json_alone(place: Path, backbone: str) -> None:
    options = ["--horizon", 4, "--windows", 2, *TINY, "--backbone", backbone, "--json"]
    score = json.loads(ran("evaluate", place / "wide.csv", *options).stdout)
    assert set(score["models"]) == {"seqreprog", "ridge", "seasonal_naive"}
    assert score["windows"] == 4
    assert set(score["against"]) == {"ridge", "seasonal_naive"}
    table = ran("evaluate", place / "wide.csv", *options[:-1]).stdout
    assert f"{score['models']['seqreprog']['MASE']:,.3f}" in table


def test_a_constant_series_is_forecast_and_scored(tmp_path: Path, backbone: str) -> None:
    wide_frame().assign(HUFL=1e6, OT=-3.0).to_csv(tmp_path / "flat.csv", index=False)
    options = ["--horizon", 2, *TINY, "--backbone", backbone]
    found = pd.read_csv(io.StringIO(ran("forecast", tmp_path / "flat.csv", *options).stdout))
    assert found["seqreprog"].tolist() == pytest.approx([1e6, 1e6, -3, -3])
    assert np.isfinite(found[INTERVALS]).all(axis=None)

    def no_json(word: str) -> None:
        raise AssertionError(word)  # Python reads NaN, others do not

    text = ran("evaluate", tmp_path / "flat.csv", *options, "--json").stdout
    score = json.loads(text, parse_constant=no_json)
    assert score["models"]["seqreprog"]["MASE"] is None  # its naive error is 0
    assert "MASE" in ran("evaluate", tmp_path / "flat.csv", *options).stdout


RECIPE = """
[forecaster]
horizon = 4
context = 16
layers = 1
backbone = "{backbone}"
[forecaster.adapter]
patch = 8
stride = 8
[forecaster.training]
max_steps = 3
[protocol]
kind = "long-horizon"
borders = [50, 70, 90]
seeds = [0, 1]
"""


def test_evaluate_runs_a_recipe(tmp_path: Path, place: Path, backbone: str) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE.format(backbone=backbone))
    command = ["evaluate", "--config", tmp_path / "recipe.toml", "--data", place / "wide.csv"]
    result = ran(*command, "--json")
    found = json.loads(result.stdout)
    assert (found["data"], found["protocol"], len(found["runs"])) == ("wide.csv", "long-horizon", 2)
    assert found["runs"][0]["test_windows"] == 2 * (90 - 70 - 4 + 1)
    assert "seed 1 done" in result.stderr
    table = ran(*command).stdout
    mean = found["over_seeds"]["ridge"]["MSE"]["mean"]
    assert f"{mean:.4f} ± 0.0000" in table
    assert "weight forced to 0" in table
    assert "seed 0: the language model" in table


def flawed(path: Path) -> pd.DataFrame:
    """A file whose clock was set back, so that an hour is there twice, and forward, so that one is missing."""
    df = long_frame().drop(index=[40, 130])
    df = pd.concat([df, df.iloc[[60]].assign(load=0.0)], ignore_index=True)
    df.to_csv(path, index=False)
    return df


READING = {
    "id_col": '"zone"',
    "time_col": '"hour"',
    "target_col": '"load"',
    "fill_gaps": "true",
    "duplicates": '"mean"',
}


def recipe(path: Path, backbone: str, kind: str, **reading: str) -> Path:
    text = RECIPE.format(backbone=backbone).replace("[0, 1]", "[0]")
    if kind == "rolling":
        text = text.replace('kind = "long-horizon"\nborders = [50, 70, 90]', 'kind = "rolling"\nwindows = 2')
    path.write_text(text + "".join(f"{name} = {value}\n" for name, value in reading.items()))
    return path


@pytest.mark.parametrize("kind", ["rolling", "long-horizon"])
def test_a_recipe_runs_on_a_file_with_a_duplicated_and_a_missing_stamp(
    tmp_path: Path, backbone: str, kind: str
) -> None:
    """What the recipe says of its file is what the same options say of it without a recipe."""
    df = flawed(tmp_path / "flawed.csv")
    command = ["evaluate", tmp_path / "flawed.csv", "--config"]
    result = ran(*command, recipe(tmp_path / "mean.toml", backbone, kind, **READING), "--json")
    found = json.loads(result.stdout)["runs"][0]
    assert "1 rows stand for a time that an earlier row of their series has: their mean counts" in result.stderr
    by_hand = df.groupby(["zone", "hour"], as_index=False, sort=False)["load"].mean()
    whole = pd.MultiIndex.from_product([["S", "N"], long_frame()["hour"].unique()], names=["zone", "hour"])
    by_hand.set_index(["zone", "hour"]).reindex(whole).reset_index().to_csv(tmp_path / "whole.csv", index=False)
    names = {name: READING[name] for name in ("id_col", "time_col", "target_col")}
    command = ["evaluate", tmp_path / "whole.csv", "--config", recipe(tmp_path / "whole.toml", backbone, kind, **names)]
    assert found["models"] == json.loads(ran(*command, "--json").stdout)["runs"][0]["models"]


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("duplicates", "has more than one row at 2024-01-03 13:00:00 (1 duplicates). Drop or aggregate them, or pass "),
        ("fill_gaps", "has no row at 2024-01-02 16:00:00"),
        ("id_col", "All rows are of one series, 'load': there is no column 'unique_id'"),
        ("time_col", "df has no column 'ds'"),
        ("target_col", "df has no column 'y'"),
    ],
)
def test_each_option_of_a_recipe_s_file_is_needed(tmp_path: Path, backbone: str, left_out: str, message: str) -> None:
    flawed(tmp_path / "flawed.csv")
    reading = {name: value for name, value in READING.items() if name != left_out}
    path = recipe(tmp_path / "recipe.toml", backbone, "rolling", **reading)
    result = invoke("evaluate", tmp_path / "flawed.csv", "--config", path)
    assert message in result.stderr
    assert result.exit_code == (0 if left_out == "id_col" else 1)


def test_names_in_the_command_count_before_those_of_the_recipe(tmp_path: Path, backbone: str) -> None:
    flawed(tmp_path / "flawed.csv")
    path = recipe(tmp_path / "recipe.toml", backbone, "rolling", **{**READING, "target_col": '"power"'})
    assert "df has no column 'power'" in refused("evaluate", tmp_path / "flawed.csv", "--config", path)
    ran("evaluate", tmp_path / "flawed.csv", "--config", path, "--target-col", "load")


def test_duplicates_are_merged_where_that_is_asked_for(tmp_path: Path, backbone: str) -> None:
    """In `forecast`, its picture and the saved model's `predict`, and in `evaluate`."""
    flawed(tmp_path / "flawed.csv")
    options = ["--horizon", 4, *NAMES, *TINY, "--backbone", backbone, "--fill-gaps", "--duplicates", "last"]
    outputs = ["--save", tmp_path / "model", "--plot", tmp_path / "pred.png"]
    first = ran("forecast", tmp_path / "flawed.csv", *options, *outputs).stdout
    assert ran("predict", tmp_path / "model", tmp_path / "flawed.csv").stdout == first
    ran("evaluate", tmp_path / "flawed.csv", *options, "--windows", 1)
    plain = refused("forecast", tmp_path / "flawed.csv", *options[:-2])
    assert "or pass --duplicates mean, 'first' or 'last'" in plain
    unknown = refused("forecast", tmp_path / "flawed.csv", *options[:-1], "median")
    assert "duplicates must be one of ['error', 'first', 'last', 'mean']; got 'median'" in unknown


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target-col", "price"], "DataError: df has no column 'price'; it has ['zone', 'hour', 'load']"),
        ([*NAMES[:2]], "DataError: df has no column 'y'; it has ['zone', 'hour', 'load']. Pass --target-col"),
        ([*NAMES, "--level", "150"], "ConfigError: level is the coverage of an interval in percent.*got 150"),
        ([*NAMES, "--level", "0"], "ConfigError: level .* got 0"),
        ([*NAMES, "--patch", "0"], "ConfigError: patch must be at least 1; got 0"),
        ([*NAMES, "--context", "3"], "ConfigError: context must hold one patch at least; got context=3, patch=8"),
        ([*NAMES, "--max-steps", "-1"], "ConfigError: max_steps must be at least 0; got -1"),
        ([*NAMES, "--threads", "0"], "ConfigError: threads must be at least 1; got 0"),
        ([*NAMES, "--time-budget", "0"], "ConfigError: time_budget is a number of seconds above 0; got 0"),
        ([*NAMES, "--freq", "MS"], "DataError: df has freq 'h', but 'MS' was passed"),
        (
            [*NAMES, "--freq", "hourly"],
            "DataError: freq of dates must be an offset of pandas or its alias; got 'hourly'",
        ),
        ([*NAMES, "--backbone", "no/such-model"], "BackboneError: .*no/such-model"),
        ([*NAMES, "--layers", "9"], "BackboneError: .*3 layers.*9"),
        ([*NAMES, "--out", "{tmp}/gone/pred.csv"], "OutputError: cannot write .*there is no folder"),
        (
            [*NAMES, "--out", "{tmp}/pred.xlsx"],
            "OutputError: .*must end in .csv, .tsv (both also with .gz) or",
        ),
        ([*NAMES, "--out", "{tmp}"], "OutputError: "),
        ([*NAMES, "--plot", "{tmp}/pred.jpg"], "ConfigError: a plot is written as one of"),
        ([*NAMES, "--plot", "{tmp}/gone/pred.png"], "OutputError: cannot write .*there is no folder"),
        ([*NAMES, "--save", "{tmp}/taken"], "OutputError: .*taken' exists and is no seqreprog model"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, place: Path, backbone: str, options: list[str], message: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("mine")
    given = [option.format(tmp=tmp_path) for option in options]
    defaults = [] if "--backbone" in options else ["--backbone", backbone]
    found = refused("forecast", place / "long.csv", "--horizon", 4, *TINY, *defaults, *given)
    pattern = ".*".join(re.escape(part) for part in message.replace(" .* ", ".*").split(".*"))
    assert re.search(pattern, found), found
    assert os.listdir(tmp_path) == ["taken"]
    assert os.listdir(tmp_path / "taken") == ["letter.txt"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, "DataError: file '{path}' does not exist"),
        ("empty.csv", "", "DataError: file '{path}' is empty"),
        ("load.xlsx", "x", "DataError: file '{path}' must end in .csv"),
        ("broken.parquet", "PAR1", "DataError: file '{path}' cannot be read as parquet"),
        ("ragged.csv", "a,b\n1,2\n1,2,3\n", "DataError: file '{path}' cannot be read as csv"),
        ("dates.csv", "date\n2024-01-01\n2024-01-02\n", "DataError: df has no column 'y'; it has ['date']"),
        (
            "words.csv",
            "ds,y\n2024-01-01,one\n2024-01-02,two\n",
            "DataError: column 'y' must hold numbers; row 0 holds 'one'",
        ),
        ("times.csv", "ds,y\nsoon,1\nlater,2\n", "DataError: column 'ds' must hold times; row 0 holds 'soon'"),
        ("infinite.csv", "ds,y\n2024-01-01,inf\n2024-01-02,2\n", "DataError: series 'y' is inf at 2024-01-01"),
        (
            "short.csv",
            "ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,2\n",
            "DataError: no series is long enough to train: horizon 4 needs 6 rows, the longest is 'y' with 3",
        ),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, backbone: str, name: str, content: str | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    found = refused("forecast", path, "--horizon", 4, *TINY, "--backbone", backbone, "--out", tmp_path / "pred.csv")
    assert message.format(path=path) in found
    assert set(os.listdir(tmp_path)) <= {name}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "evaluate needs a file"),
        (["{place}/wide.csv"], "evaluate needs --horizon"),
        (
            ["{place}/wide.csv", "--config", "{place}/bad.toml", "--seed", "1"],
            "a recipe holds every option of the model: drop --backbone {backbone} and --seed 1, or --config",
        ),
        (["{place}/wide.csv", "--horizon", "4", "--windows", "0", *TINY], "n_windows=0"),
        (
            ["{place}/wide.csv", "--horizon", "4", "--windows", "60", *TINY],
            "the longest series has 90. Use fewer windows",
        ),
    ],
)
def test_an_evaluation_that_cannot_be_is_named(place: Path, backbone: str, arguments: list[str], message: str) -> None:
    words = [word.format(place=place) for word in arguments]
    assert message.format(backbone=backbone) in refused("evaluate", *words, "--backbone", backbone)


@pytest.mark.parametrize(
    ("name", "message"), [("gone", "gone.toml' cannot be read"), ("bad", "[protocol] has no option 'widows'")]
)
def test_a_recipe_that_cannot_be_is_named(place: Path, name: str, message: str) -> None:
    (place / "bad.toml").write_text("[forecaster]\nhorizon = 4\n[protocol]\nwidows = 3\n")
    assert message in refused("evaluate", place / "wide.csv", "--config", place / f"{name}.toml")


def test_an_unwritable_folder_is_named_before_any_work(tmp_path: Path, place: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write anywhere")
        for option, name in (("--out", "p.csv"), ("--plot", "p.png"), ("--save", "model")):
            command = ["forecast", place / "long.csv", "--horizon", 4, "--backbone", "not even looked for"]
            assert "OutputError: cannot write" in refused(*command, option, tmp_path / name)
    finally:
        tmp_path.chmod(0o700)


def test_a_failed_forecast_leaves_the_old_results(tmp_path: Path, place: Path, backbone: str) -> None:
    for name in ("pred.csv", "pred.png"):
        (tmp_path / name).write_text("old")
    outputs = ["--out", tmp_path / "pred.csv", "--plot", tmp_path / "pred.png", "--save", tmp_path / "model"]
    refused("forecast", place / "long.csv", "--horizon", 400, *NAMES, *TINY, "--backbone", backbone, *outputs)
    assert sorted(os.listdir(tmp_path)) == ["pred.csv", "pred.png"]
    assert (tmp_path / "pred.csv").read_text() == (tmp_path / "pred.png").read_text() == "old"


def test_a_notice_is_one_line_without_a_path(tmp_path: Path, backbone: str) -> None:
    long_frame().sample(frac=1, random_state=0).to_parquet(tmp_path / "mixed.parquet", index=False)
    result = ran("forecast", tmp_path / "mixed.parquet", "--horizon", 2, *NAMES, *TINY, "--backbone", backbone)
    assert "notice rows were not in time order: sorted\n" in result.stderr
    assert ".py:" not in result.stderr.split("\n")[0]


# --- help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (
            "forecast",
            "--horizon --context --level --out --plot --save --id-col --time-col --target-col --freq --fill-gaps",
        ),
        ("forecast", "--backbone --layers --base --loss --patch --domain --max-steps --time-budget --threads --seed"),
        ("forecast", "--futr --hist --future"),
        ("predict", "--horizon --out --plot --backbone --device --future --sequence --on-unknown"),
        (
            "evaluate",
            "--sequence --label --target --kind --alphabet --method --output --on-unknown --balanced --identity",
        ),
        ("evaluate", "--augment --folds"),
        ("evaluate", "--futr --hist"),
        ("forecast", "--fill-gaps --duplicates"),
        ("evaluate", "--fill-gaps --duplicates"),
        ("evaluate", "--horizon --windows --step --config --data --json --level --backbone --seed --device"),
        ("demo", "--out"),
    ],
)
def test_help_names_every_option_and_shows_an_example(command: str, options: str) -> None:
    text = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, [command, "--help"]).stdout
    for option in options.split():
        assert option in text
    if command != "demo":
        assert f"seqreprog {command} " in text


def test_help_shows_the_defaults_in_brackets_and_the_version_is_told() -> None:
    text = CliRunner(env={"COLUMNS": "300", "TERM": "dumb"}).invoke(app, ["forecast", "--help"]).stdout
    for default in ("(unique_id)", "(ds)", "(y)", "(standard output)", "at most 512)"):
        assert default in text
    assert ran("--version").stdout == f"seqreprog {__version__}\n"


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "seqreprog", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"seqreprog {__version__}\n"


def test_an_interruption_is_one_line(place: Path, backbone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    asked = ("forecast", place / "long.csv", "--horizon", 4, *NAMES, *TINY, "--backbone", backbone)
    line = "interrupted: nothing was written but what is named above\n"
    with monkeypatch.context() as patched:
        patched.setattr(Forecaster, "fit", interrupted)
        result = invoke(*asked)
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", line)
    monkeypatch.setattr(Forecaster, "predict", interrupted)
    result = invoke(*asked, "--save", place / "kept")
    assert result.exit_code == 130
    assert result.stderr.endswith(f"model saved to {place / 'kept'}\n{line}")


def test_the_bare_command_lists_the_commands() -> None:
    text = invoke().output
    for command in ("forecast", "predict", "evaluate", "demo"):
        assert command in text


@pytest.mark.parametrize(
    "arguments", [["forecast"], ["forecast", "a.csv"], ["forecast", "a.csv", "--horizon", "x"], ["x"]]
)
def test_wrong_usage_is_the_usual_exit_code(arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.stderr


# --- once for real ---------------------------------------------------------------------------------------------------


PROGRAM = """
import json, sys
from typer.testing import CliRunner
from seqreprog.cli.app import app

for option in ("--loss", "--base", "--device"):  # here no one checks types before the library does
    result = CliRunner().invoke(app, [*sys.argv[1:], option, "abacus"])
    print("wrong", result.exit_code, repr(result.stdout), result.stderr, file=sys.stderr, end="")
app(prog_name="seqreprog")
"""


def test_as_a_program(tmp_path: Path, place: Path, backbone: str) -> None:
    """Another process: nothing on standard output but CSV, whatever libraries print, and the folder stays clean."""
    options = ["forecast", str(place / "wide.csv"), "--horizon", "4", *TINY, "--backbone", backbone]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for row, name in enumerate(("loss", "base", "device")):
        line = done.stderr.split("\n")[row]
        assert line.startswith(f"wrong 1 '' error ConfigError: {name} must be one of [")
        assert line.endswith("got 'abacus'")
    found = pd.read_csv(io.StringIO(done.stdout))
    assert len(found) == 8
    assert "verdict" in done.stderr
    assert not os.listdir(tmp_path)
    same = ran(*options).stdout
    assert done.stdout == same


# --- covariates ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long file with covariates, and what is known of the four steps after it."""
    folder = tmp_path_factory.mktemp("beside")
    frame = long_frame()
    rng = np.random.default_rng(0)
    frame = frame.assign(promo=rng.random(len(frame)), wind=rng.random(len(frame)))
    cut = frame.groupby("zone", sort=False).cumcount(ascending=False) < 4
    frame[~cut].to_csv(folder / "past.csv", index=False)
    frame.to_csv(folder / "all.csv", index=False)
    frame.loc[cut].drop(columns=["wind"]).to_csv(folder / "future.csv", index=False)
    return folder


def test_covariates_reach_the_model_and_are_kept(beside: Path, backbone: str) -> None:
    columns = ["--futr", "promo", "--hist", "wind"]
    future = ["--future", beside / "future.csv"]
    options = ["--horizon", 4, *NAMES, *TINY, "--backbone", backbone]
    result = ran("forecast", beside / "past.csv", *options, *columns, *future, "--save", beside / "model")
    assert "known ahead: promo; known of the past: wind" in result.stderr
    again = ran("predict", beside / "model", beside / "past.csv", *future)
    assert again.stdout == result.stdout
    assert "they have no" not in again.stderr
    ran("evaluate", beside / "all.csv", *options, *columns, "--windows", 2)


def test_a_future_is_asked_for_before_any_work(beside: Path, backbone: str) -> None:
    options = ["--horizon", 4, *NAMES, *TINY, "--backbone", backbone]
    line = refused("forecast", beside / "past.csv", *options, "--futr", "promo")
    assert "columns ['promo'] are to be known ahead: pass their file with --future" in line
    line = refused("forecast", beside / "past.csv", *options, "--future", beside / "future.csv")
    assert "--future is read for columns that are known ahead, and there are none" in line


def test_a_future_that_is_too_short_leaves_nothing(beside: Path, backbone: str, tmp_path: Path) -> None:
    pd.read_csv(beside / "future.csv").groupby("zone").head(2).to_csv(tmp_path / "short.csv", index=False)
    options = ["--horizon", 4, *NAMES, *TINY, "--backbone", backbone, "--futr", "promo"]
    outputs = ["--save", tmp_path / "model", "--out", tmp_path / "pred.csv"]
    line = refused("forecast", beside / "past.csv", *options, "--future", tmp_path / "short.csv", *outputs)
    assert "--future has no row of series" in line
    assert "It must hold the 4 steps after the end of each series" in line
    assert [path.name for path in tmp_path.iterdir()] == ["short.csv"]


@pytest.mark.parametrize(
    ("said", "here"),
    [
        ("Pass time_col=..., or a wide frame", "Pass --time-col, or a wide frame"),
        ("Pass fill_gaps=True to insert missing values", "Pass --fill-gaps to insert missing values"),
        ("for each series, pass static='about'", "for each series, pass --static about"),
        ("futr_df has no column 'promo'. Name another in fit", "--future has no column 'promo'. Name another column"),
        ("pass on_unknown='mask' to allow it", "pass --on-unknown mask to allow it"),
        ("h must be 1 to 4", "--horizon must be 1 to 4"),
        ("Pass backbone='minilm'", "Pass backbone='minilm'"),
    ],
)
def test_a_message_names_options(said: str, here: str) -> None:
    assert as_options(said) == here


def test_no_verify_loads_what_answers_otherwise(
    tmp_path: Path, place: Path, saved: Path, reseal: Callable[..., None]
) -> None:
    """The canary is skipped, the digest never."""
    import json
    import shutil

    model = shutil.copytree(saved, tmp_path / "model")
    canary = json.loads((model / "seqreprog.json").read_text())["canary"]
    reseal(model, canary={**canary, "libraries": {**canary["libraries"], "transformers": "4.0.0"}})
    from safetensors.torch import load_file, save_file

    tensors = load_file(model / "adapter_model.safetensors")
    changed = {name: part + 1 if name.startswith("canary.answer") else part for name, part in tensors.items()}
    save_file(changed, model / "adapter_model.safetensors")
    found = refused("predict", model, place / "long.csv", "--no-verify")
    assert "is not what was saved" in found
    reseal(model)
    found = refused("predict", model, place / "long.csv")
    assert "saved with transformers 4.0.0" in found
    ran("predict", model, place / "long.csv", "--no-verify", "--out", tmp_path / "pred.csv")
    assert (tmp_path / "pred.csv").is_file()
