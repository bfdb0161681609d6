"""Recipes: every one in configs/ is read, a faulty one is named, and the protocols count and scale as stated."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqreprog import Adapter, Training
from seqreprog.config.fields import read_toml
from seqreprog.config.forecast import ForecastConfig, Prompt
from seqreprog.data.windows import Panel
from seqreprog.errors import ConfigError, DataError, SeqReprogError
from seqreprog.evaluation import protocol as protocols
from seqreprog.evaluation.protocol import Protocol, read_recipe, run_recipe, standardise

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
ETT = Protocol("long-horizon", borders=(60, 80, 100))


@pytest.fixture(scope="module")
def config(make_backbone: Callable[[str], Path]) -> ForecastConfig:
    return ForecastConfig(
        6,
        context=24,
        backbone=str(make_backbone("bert")),
        layers=1,
        prompt=Prompt(parts=()),
        adapter=Adapter(patch=12, stride=12, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4),
        training=Training(max_steps=3, batch_size=16, evaluate_every=3, learning_rate=0.02, progress=False),
    )


def panel_of(rows: int = 110) -> Panel:
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * np.arange(rows) / 12)
    values = np.concatenate([5 + wave + 0.1 * rng.normal(size=rows), 300 + 40 * wave + 9 * rng.normal(size=rows)])
    return Panel(values, np.array([0, rows, 2 * rows]))


# --- recipes on disk -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_recipe_is_read_and_says_what_it_is(path: Path) -> None:
    forecaster, protocol = read_recipe(read_toml(path))
    assert forecaster.horizon >= 1
    assert protocol.kind in ("long-horizon", "rolling")
    lines = path.read_text(encoding="utf-8").split("[forecaster]")[0].splitlines()
    assert all(line.startswith("# ") for line in lines)
    assert str(forecaster.horizon) in lines[0]
    starts = [line[2:].split(":")[0] for line in lines[1:]]
    assert {"Command", "Expected"} <= set(starts)
    assert {"Paper", "Source"} & set(starts), f"{path.name} does not say which paper or source it follows"
    command = next(line for line in lines if line.startswith("# Command"))
    assert f"seqreprog evaluate --config configs/{path.name} --data" in command


def test_the_long_horizon_recipes_have_the_official_borders() -> None:
    recipes = {path.stem: read_recipe(read_toml(path)) for path in CONFIGS if path.stem.startswith("ett")}
    assert recipes
    for forecaster, protocol in recipes.values():
        assert (protocol.kind, protocol.borders) == (
            "long-horizon",
            (8640, 11520, 14400),
        )  # 12, 4 and 4 months of hours
        assert (forecaster.horizon, forecaster.context) == (96, 512)


# --- faulty recipes --------------------------------------------------------------------------------------------------

FORECASTER, ROLLING = {"horizon": 6}, {"kind": "rolling"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"forecaster": FORECASTER}, r"tables \['forecaster', 'protocol'\]; got \['forecaster'\]"),
        ({"forecaster": FORECASTER, "protocol": ROLLING, "data": {}}, r"got \['data', 'forecaster', 'protocol'\]"),
        ({"forecaster": FORECASTER, "protocol": 3}, r"\[protocol\] must be a table; got 3"),
        (
            {"forecaster": FORECASTER, "protocol": {"window": 3}},
            r"\[protocol\] has no option 'window'; it has .*'windows'",
        ),
        ({"forecaster": FORECASTER, "protocol": {}}, r"\[protocol\] needs kind = "),
        ({"forecaster": {"context": 48}, "protocol": ROLLING}, r"\[forecaster\] needs horizon = .*has \['context'\]"),
        ({"forecaster": FORECASTER | {"contxt": 9}, "protocol": ROLLING}, "no option 'contxt'"),
        ({"forecaster": FORECASTER, "protocol": {"kind": "long"}}, "'long-horizon' or 'rolling'; got 'long'"),
        ({"forecaster": FORECASTER, "protocol": {"kind": "long-horizon"}}, r"three rising rows .* got \[\]"),
        *(
            ({"forecaster": FORECASTER, "protocol": {"kind": "long-horizon", "borders": rows}}, "three rising rows")
            for rows in ([1, 2], [3, 2, 9], [5, 5, 9], [0, 1, 2])
        ),
        ({"forecaster": FORECASTER, "protocol": {"kind": "long-horizon", "borders": 7}}, "borders must list .* got 7"),
        (
            {"forecaster": FORECASTER, "protocol": ROLLING | {"borders": ["1", "2"]}},
            r"borders must list .* got \['1', '2'\]",
        ),
        ({"forecaster": FORECASTER, "protocol": ROLLING | {"seeds": []}}, r"seeds must list whole numbers.* got \[\]"),
        ({"forecaster": FORECASTER, "protocol": ROLLING | {"seeds": [0.5]}}, r"seeds must list .* got \[0\.5\]"),
        ({"forecaster": FORECASTER, "protocol": ROLLING | {"seeds": 1}}, "seeds must list .* got 1"),
        (
            {"forecaster": FORECASTER, "protocol": ROLLING | {"windows": 0}},
            "windows must be a whole number from 1 on; got 0",
        ),
        ({"forecaster": FORECASTER, "protocol": ROLLING | {"step": 2.5}}, r"step must be .* got 2\.5"),
        ({"forecaster": FORECASTER, "protocol": ROLLING | {"season": "day"}}, "season must be .* got 'day'"),
        *(
            ({"forecaster": FORECASTER, "protocol": ROLLING | {name: 3}}, f"{name} must name a column; got 3")
            for name in ("id_col", "time_col", "target_col")
        ),
        (
            {"forecaster": FORECASTER, "protocol": ROLLING | {"fill_gaps": "yes"}},
            "fill_gaps must be true or false; got 'yes'",
        ),
        ({"forecaster": FORECASTER, "protocol": ROLLING | {"fill_gaps": 1}}, "fill_gaps must be true or false; got 1"),
        *(
            (
                {"forecaster": FORECASTER, "protocol": ROLLING | {"duplicates": how}},
                rf"duplicates must be one of \['error', 'first', 'last', 'mean'\]; got {how!r}",
            )
            for how in ("sum", True, 3)
        ),
    ],
)
def test_a_faulty_recipe_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_recipe(values)


def test_a_recipe_says_how_its_file_is_read() -> None:
    usual = {"id_col": None, "time_col": None, "target_col": None, "fill_gaps": False, "duplicates": "error"}
    assert read_recipe({"forecaster": FORECASTER, "protocol": ROLLING})[1].columns == usual
    given = {"id_col": "zone", "time_col": "hour", "target_col": "load", "fill_gaps": True, "duplicates": "mean"}
    assert read_recipe({"forecaster": FORECASTER, "protocol": ROLLING | given})[1].columns == given


def test_a_recipe_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("horizon = = 3")
    with pytest.raises(ConfigError, match=r"broken\.toml' is not valid TOML"):
        read_toml(tmp_path / "broken.toml")
    with pytest.raises(ConfigError, match=r"gone\.toml' cannot be read: No such file"):
        read_toml(tmp_path / "gone.toml")


# --- the long-horizon protocol ---------------------------------------------------------------------------------------


def test_standardised_by_the_training_rows_alone() -> None:
    panel = panel_of()
    scaled = standardise(panel, 60)
    for values, given in zip(np.split(scaled.values, 2), np.split(panel.values, 2), strict=True):
        train = given[:60]
        np.testing.assert_allclose(values, (given - train.mean()) / train.std(), atol=1e-12)
    later = Panel(np.where(np.arange(220) % 110 >= 60, 1e4, panel.values), panel.offsets)
    np.testing.assert_array_equal(*(np.split(standardise(each, 60).values, 2)[1][:60] for each in (panel, later)))


def test_missing_and_constant_training_rows_are_standardised() -> None:
    panel = Panel(np.array([1.0, np.nan, 3.0, 9.0, 4.0, 4.0, 4.0, 6.0]), np.array([0, 4, 8]))
    np.testing.assert_allclose(standardise(panel, 3).values, [-1, np.nan, 1, 7, 0, 0, 0, 2])


def test_all_test_windows_count_and_the_figures_are_of_standardised_values(
    config: ForecastConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def spy(blend: Any, windows: Any, scales: Any) -> np.ndarray:
        seen.update(windows=windows, ridge=ridge(blend, windows, scales))
        return seen["ridge"]

    ridge = protocols.ridge_forecast
    monkeypatch.setattr(protocols, "ridge_forecast", spy)
    panel = panel_of()
    found = run_recipe(config, ETT, panel, ["a", "b"])
    run = found["runs"][0]
    assert run["test_windows"] == 2 * (100 - 80 - 6 + 1)
    windows = seen["windows"]
    for series in range(2):  # targets from row 80 to row 99, one origin each
        origins = windows.origins[windows.series == series] - windows.panel.offsets[series]
        np.testing.assert_array_equal(origins, np.arange(80, 95))
    assert windows.panel.lengths.tolist() == [100, 100]  # rows behind the last border are not even there
    errors = []
    for series in range(2):
        train = np.split(panel.values, 2)[series][:60]
        scaled = (np.split(panel.values, 2)[series] - train.mean()) / train.std()
        truth = np.stack([scaled[origin : origin + 6] for origin in range(80, 95)])
        errors.append(seen["ridge"][windows.series == series] - truth)
    assert run["models"]["ridge"]["MSE"] == pytest.approx(np.mean(np.square(errors)))
    assert run["models"]["ridge"]["MAE"] == pytest.approx(np.mean(np.abs(errors)))


def test_nothing_is_chosen_on_the_test_rows(config: ForecastConfig) -> None:
    panel = panel_of()
    other = Panel(np.where(np.arange(220) % 110 >= 80, -panel.values, panel.values), panel.offsets)
    runs = [run_recipe(config, ETT, each, ["a", "b"])["runs"][0] for each in (panel, other)]
    assert runs[0]["validation"] == runs[1]["validation"]
    assert runs[0]["weight"] == runs[1]["weight"]
    assert runs[0]["models"] != runs[1]["models"]


def test_every_seed_is_reported_with_mean_and_spread(config: ForecastConfig) -> None:
    lines: list[str] = []
    found = run_recipe(config, replace(ETT, seeds=(3, 4)), panel_of(), ["a", "b"], report=lines.append)
    assert [run["seed"] for run in found["runs"]] == [3, 4]
    assert [line.split(" done")[0] for line in lines] == ["seed 3", "seed 4"]
    assert set(found["over_seeds"]) == {"seqreprog", "ridge", "weight forced to 0"}
    each = [run["models"]["seqreprog"]["MSE"] for run in found["runs"]]
    assert found["over_seeds"]["seqreprog"]["MSE"] == pytest.approx({"mean": np.mean(each), "std": np.std(each)})
    assert found["over_seeds"]["ridge"]["MSE"]["std"] == 0  # closed form: no seed in it
    assert found["over_seeds"]["weight forced to 0"] == found["over_seeds"]["ridge"]
    json.dumps(found)


def test_the_paired_difference_is_of_the_figures_shown(config: ForecastConfig) -> None:
    run = run_recipe(replace(config, base="none"), replace(ETT, borders=(60, 80, 120)), panel_of(120), ["a", "b"])[
        "runs"
    ][0]
    models, against = run["models"], run["against_ridge"]
    assert against["mean"] == pytest.approx(models["seqreprog"]["MSE"] - models["ridge"]["MSE"])
    assert against["low"] <= against["mean"] <= against["high"]
    assert "weight forced to 0" not in models
    assert run["weight"] == 1.0


def test_a_series_that_is_too_short_is_named(config: ForecastConfig) -> None:
    panel = Panel(np.arange(190.0), np.array([0, 110, 190]))
    with pytest.raises(DataError, match="needs 100 rows of every series; 'b' has 80"):
        run_recipe(config, ETT, panel, ["a", "b"])


@pytest.mark.parametrize(("borders", "part"), [((20, 60, 100), "training"), ((60, 97, 100), "test")])
def test_borders_without_a_window_are_named(config: ForecastConfig, borders: tuple[int, ...], part: str) -> None:
    with pytest.raises(ConfigError, match=f"leave no {part} window: context 24 and horizon 6"):
        run_recipe(config, replace(ETT, borders=borders), panel_of(), ["a", "b"])


# --- the rolling protocol --------------------------------------------------------------------------------------------


def test_rolling_scores_the_last_windows(config: ForecastConfig) -> None:
    found = run_recipe(config, Protocol("rolling", windows=3, step=2, season=12), panel_of(), ["a", "b"])
    run = found["runs"][0]
    assert (found["protocol"], run["windows"], run["season"]) == ("rolling", 6, 12)
    assert set(run["models"]) == {"seqreprog", "ridge", "seasonal_naive"}
    assert set(found["over_seeds"]["seasonal_naive"]) == {"MASE", "sMAPE", "MAE", "MSE"}


def test_an_unknown_backbone_is_named(config: ForecastConfig, tmp_path: Path) -> None:
    with pytest.raises(SeqReprogError, match="no-model"):
        run_recipe(replace(config, backbone=str(tmp_path / "no-model")), ETT, panel_of(), ["a", "b"])
