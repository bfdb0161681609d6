"""The benchmarks of reading and of fitting time, on a miniature of their sets and with a tiny language model."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqreprog.baselines.seasonal_naive import seasonal_naive
from seqreprog.config.fields import read_toml
from seqreprog.data.windows import Panel, borders_in_time
from seqreprog.estimators import forecaster
from seqreprog.evaluation.protocol import read_recipe, standardise
from seqreprog.metrics.forecast import mse

FOLDER = Path(__file__).parents[1] / "examples" / "benchmarks"
BORDERS = (200, 300, 400)

RECIPE = """
[forecaster]
horizon = 6
context = 48
layers = 1
base = "none"
prompt = {{ task = false, parts = [] }}
adapter = {{ patch = 12, stride = 12, n_prototypes = 8 }}
training = {{ max_steps = 6, batch_size = 16, evaluate_every = 1, validation_windows = 100 }}

[protocol]
{protocol}
"""
KINDS = {
    "etth1": f'kind = "long-horizon"\nborders = {list(BORDERS)}',
    "pjm": 'kind = "rolling"\nwindows = 3\nstep = 6\nseason = 24',
}


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_backbone: Callable[[str], Path]) -> Callable[..., Any]:
    """A script of that name, its data and its language model in miniature; call it to run `main` with arguments."""
    path, usual = str(make_backbone("bert")), forecaster.load_backbone
    waves().to_csv(tmp_path / "waves.csv", index_label="date")

    def load(name: str) -> Any:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for place in (module, forecaster):
            monkeypatch.setattr(place, "load_backbone", lambda asked, layers=None: usual(path, layers))
        return module

    return load


def waves() -> pd.DataFrame:
    """Two waves of 16 steps under little noise, so that the season of a day is the wrong one."""
    rng, steps = np.random.default_rng(0), np.arange(BORDERS[-1])
    dates = pd.date_range("2020-01-01", periods=len(steps), freq="h")
    columns = {name: size * np.sin(2 * np.pi * steps / 16) for name, size in (("HUFL", 3.0), ("OT", 5.0))}
    return pd.DataFrame(columns, index=dates) + rng.normal(scale=0.1, size=(len(steps), 2))


def recipe(folder: Path, name: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(RECIPE.format(protocol=KINDS[name]))
    return path


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict]:
    """What a script's `main` prints, read as JSON."""

    def call(module: Any, *arguments: str) -> dict:
        monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
        module.main()
        return json.loads(capsys.readouterr().out)

    return call


def test_readings_differ_from_the_second_layer_on_and_finished_runs_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Callable[..., Any], called: Callable[..., dict]
) -> None:
    module = script("readings")
    monkeypatch.setattr(module, "RECIPES", {name: (recipe(tmp_path, name), "waves.csv") for name in KINDS})
    monkeypatch.setattr(module, "SHORTENED", {"max_steps": 5, "batch_size": 16, "validation_windows": 20})
    arguments = ("--data", str(tmp_path), "--seeds", "0", "--json", str(tmp_path / "out.json"))
    called(module, *arguments, "--layers", "1")
    found = called(module, *arguments)
    assert found == json.loads((tmp_path / "out.json").read_text())
    assert len(found["runs"]) == 12
    assert all(run["steps"] == 5 for run in found["runs"])
    for name in KINDS:
        one, two = (found["compared"][f"{name}, layers={layers}"]["test"] for layers in (1, 2))
        assert abs(one["prefix_minus_bidirectional"]) < 1e-6
        assert abs(two["prefix_minus_bidirectional"]) > 1e-6
        assert two["seeds"] == {"0": two["prefix_minus_bidirectional"]}

    monkeypatch.setattr(module, "run", lambda *_: pytest.fail("a finished run was repeated"))
    assert called(module, *arguments) == found


def test_fit_time_measures_the_gain_over_the_seasonal_naive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Callable[..., Any], called: Callable[..., dict]
) -> None:
    module = script("fit_time")
    monkeypatch.setattr(module, "RECIPE", recipe(tmp_path, "etth1"))
    (tmp_path / "forecast_long" / "ETTh1").mkdir(parents=True)
    (tmp_path / "waves.csv").rename(tmp_path / "forecast_long" / "ETTh1" / "ETTh1.csv")
    found = called(module, "--data", str(tmp_path), "--seeds", "0", "--json", str(tmp_path / "out.json"))
    assert found == json.loads((tmp_path / "out.json").read_text())
    assert all(0 < part["share"] < 1 for part in found["loading"].values())

    trained = found["runs"][0]["train"]
    assert trained["naive"] == pytest.approx(naive_on_validation(tmp_path), rel=1e-6)
    assert trained["final_gain"] == pytest.approx(trained["naive"] - min(look[2] for look in trained["looks"]))
    enough = [look for look in trained["looks"] if trained["naive"] - look[2] >= 0.95 * trained["final_gain"]]
    reached = trained["seconds_to_95"]
    assert [reached["step"], reached["loop"]] == enough[0][:2]
    assert reached["loop"] < reached["fit"] < trained["fit_seconds"]

    probed = called(module, "--data", str(tmp_path), "--seeds", "1", "--probe-only")
    assert set(probed["runs"][0]) == {"seed", "probe"}
    assert probed["runs"][0]["probe"]["test_MSE"] < trained["naive"]


def naive_on_validation(folder: Path) -> float:
    """By hand: the error of yesterday, on all validation windows in units of the training rows."""
    config, _ = read_recipe(read_toml(folder / "etth1.toml"))
    values = waves().to_numpy().T
    panel = standardise(Panel(values.ravel(), np.array([0, *np.cumsum([len(row) for row in values])])), BORDERS[0])
    windows = borders_in_time(panel, config.context, config.horizon, BORDERS)[0].validation.thin(100)
    return mse(windows.targets(), seasonal_naive(windows.inputs(), config.horizon, 24))
