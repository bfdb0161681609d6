"""The command line for whole series: a saved classifier or regression answers for tables and `.ts` files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from seqreprog import Adapter, Forecaster, SequenceClassifier, SequenceInfiller, SequenceRegressor, Training
from seqreprog.cli import app
from seqreprog.config.series import SeriesConfig
from seqreprog.data.files import read_frame_file
from seqreprog.estimators.series import SeriesModel

SHARED: dict[str, Any] = {
    "backbone": "tiny-random", "layers": 1, "positions": 16,
    "adapter": Adapter(hidden=8, heads=1, head_width=4, n_prototypes=4),
    "training": Training(threads=1, progress=False),
}  # fmt: skip
NAMES = ["--id-col", "gesture", "--time-col", "step"]


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def ran(*arguments: object) -> Any:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments: object) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert isinstance(result.exception, SystemExit)
    return result.stderr.rstrip("\n").split("\n")[-1]


def gestures(count: int = 14, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Two channels of 20 to 29 steps with gaps; the first rises or falls."""
    draws, labels = np.random.default_rng(seed), np.arange(count) % 2
    found = []
    for label in labels:
        length = 20 + draws.integers(10)
        slope = np.linspace(-1, 1, length) * (1 if label else -1)
        found.append(np.stack([slope, np.zeros(length)]) + 0.1 * draws.normal(size=(2, length)))
        found[-1][1, 3:5] = np.nan
    return found, labels


def table_of(X: list[np.ndarray]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"gesture": f"{row:03}", "step": np.arange(part.shape[1]), "x": part[0], "y": part[1]})
        for row, part in enumerate(X)
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def classifier() -> SeriesModel:
    X, labels = gestures()
    return SeriesModel.fit(SeriesConfig(**SHARED), X, np.array(["falls", "rises"])[labels])


@pytest.fixture(scope="module")
def regression() -> SeriesModel:
    X, labels = gestures()
    return SeriesModel.fit(SeriesConfig(task="regress", **SHARED), X, 3.0 * labels)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, classifier: SeriesModel, regression: SeriesModel) -> Path:
    """Both models, and new series as tables of every kind and as a `.ts` file."""
    folder = tmp_path_factory.mktemp("gestures")
    classifier.save(folder / "classes")
    regression.save(folder / "values")
    X, _ = gestures(seed=1)
    frame = table_of(X)
    frame.to_csv(folder / "new.csv", index=False)
    frame.to_csv(folder / "new.tsv", index=False, sep="\t")
    frame.to_parquet(folder / "new.parquet", index=False)
    lines = [":".join(",".join("?" if np.isnan(v) else repr(float(v)) for v in part) for part in each) for each in X]
    head = "@problemName gestures\n@timeStamps false\n@univariate false\n@classLabel false\n@data\n"
    (folder / "new.ts").write_text(head + "\n".join(lines) + "\n")
    return folder


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), dtype={"gesture": str}, float_precision="round_trip")


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_a_table_gets_classes_and_their_probabilities(place: Path, classifier: SeriesModel, ending: str) -> None:
    expected = classifier.probabilities(gestures(seed=1)[0])
    found = read(ran("predict", place / "classes", place / f"new.{ending}", *NAMES).stdout)
    assert list(found) == ["gesture", "seqreprog", "seqreprog-falls", "seqreprog-rises"]
    assert found["gesture"].tolist() == [f"{row:03}" for row in range(14)], "ids stay as they stand"
    np.testing.assert_array_equal(found.iloc[:, 2:].to_numpy(), expected)
    assert found["seqreprog"].tolist() == classifier.classes[expected.argmax(1)].tolist()


def test_a_regression_answers_with_values_in_a_file_of_any_kind(
    place: Path, regression: SeriesModel, tmp_path: Path
) -> None:
    expected = regression.values(gestures(seed=1)[0])
    for ending in ("csv", "tsv", "parquet"):
        out = tmp_path / f"pred.{ending}"
        result = ran("predict", place / "values", place / "new.csv", *NAMES, "--out", out)
        assert (result.stdout, "14 rows written to" in result.stderr) == ("", True)
        found = read_frame_file(out, names=["gesture"])
        assert list(found) == ["gesture", "seqreprog"]
        np.testing.assert_array_equal(found["seqreprog"], expected)


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_a_ts_file_gets_the_same_answers(place: Path, kind: str) -> None:
    pytest.importorskip("sktime")
    table = read(ran("predict", place / kind, place / "new.csv", *NAMES).stdout)
    found = read(ran("predict", place / kind, place / "new.ts").stdout)
    assert found["unique_id"].tolist() == list(range(14))
    pd.testing.assert_frame_equal(found.iloc[:, 1:], table.iloc[:, 1:], check_exact=True)
    assert next(iter(read(ran("predict", place / kind, place / "new.ts", "--id-col", "case").stdout))) == "case"


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_rows_changes_nothing(place: Path, tmp_path: Path, seed: int) -> None:
    X, _ = gestures(seed=1)
    table_of(X).sample(frac=1, random_state=seed).to_csv(tmp_path / "mixed.csv", index=False)
    result = ran("predict", place / "classes", tmp_path / "mixed.csv", *NAMES)
    assert "notice rows were not in time order: sorted" in result.stderr
    expected = read(ran("predict", place / "classes", place / "new.csv", *NAMES).stdout)
    found = read(result.stdout).sort_values("gesture", ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-5)


def test_the_usual_names_need_no_options(place: Path, tmp_path: Path) -> None:
    frame = read_frame_file(place / "new.csv").rename(columns={"gesture": "unique_id", "step": "ds"})
    frame.to_csv(tmp_path / "usual.csv", index=False)
    assert len(read(ran("predict", place / "classes", tmp_path / "usual.csv").stdout)) == 14


def test_channels_are_named_in_the_order_of_the_fit_or_known_by_their_names(place: Path, tmp_path: Path) -> None:
    """Columns in another order, and one that is no channel."""
    expected = ran("predict", place / "classes", place / "new.csv", *NAMES).stdout
    frame = read_frame_file(place / "new.csv", names=["gesture"])[["y", "x", "step", "gesture"]].assign(score=1.0)
    frame.to_csv(tmp_path / "other.csv", index=False)
    command = [tmp_path / "other.csv", *NAMES]
    assert ran("predict", place / "classes", *command, "--value-col", "x", "--value-col", "y").stdout == expected
    line = refused("predict", place / "classes", *command)
    assert "fitted on series of 2 channels; the columns of values are ['y', 'x', 'score']" in line
    assert line.endswith("Name as many with --value-col")
    X, labels = gestures()
    named = SeriesModel.fit(SeriesConfig(**SHARED), X, np.array(["falls", "rises"])[labels], channels=["x", "y"])
    named.save(tmp_path / "named")
    assert SeriesModel.load(tmp_path / "named").channels == ("x", "y")
    assert ran("predict", tmp_path / "named", *command).stdout == expected


def test_a_classifier_of_sktime_knows_its_channels(tmp_path: Path) -> None:
    pytest.importorskip("sktime")
    from seqreprog.sktime import ReprogClassifier

    X, labels = gestures()
    frame = table_of(X).set_index(["gesture", "step"]).fillna(0.0)
    fitted = ReprogClassifier(**SHARED).fit(frame, labels)
    fitted.model_.model.save(tmp_path / "model")
    frame[["y", "x"]].reset_index().to_csv(tmp_path / "new.csv", index=False)
    found = read(ran("predict", tmp_path / "model", tmp_path / "new.csv", *NAMES).stdout)
    np.testing.assert_allclose(found[["seqreprog-0", "seqreprog-1"]], fitted.predict_proba(frame), rtol=1e-6)


def test_an_artifact_without_names_of_channels_is_read(
    place: Path, tmp_path: Path, classifier: SeriesModel, age: Callable[..., None]
) -> None:
    """Of a release that did not store them."""
    classifier.save(tmp_path / "old")
    age(tmp_path / "old", "channels")
    expected = ran("predict", place / "classes", place / "new.csv", *NAMES).stdout
    assert ran("predict", tmp_path / "old", place / "new.csv", *NAMES).stdout == expected


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("new.csv", "id,ds,x,y\na,0,1,2\n", "no column 'unique_id'; it has ['id', 'ds', 'x', 'y']. Pass --id-col"),
        ("new.csv", "unique_id,t,x,y\na,0,1,2\n", "no column 'ds'; it has ['unique_id', 't', 'x', 'y']. Pass --time"),
        ("new.csv", "unique_id,ds,x,y\na,0,1,two\n", "'y' must hold numbers; row 0 holds 'two'"),
        ("new.csv", "unique_id,ds,x,y\na,0,1,2\na,0,1,2\n", "'a' has more than one row at 0 (1 duplicates)"),
        ("new.csv", "unique_id,ds,x,y\na,0,1,2\nb,0,,\n", "1 series hold no observed value: 'b'"),
        ("new.csv", "unique_id,ds,x,y\na,0,1,inf\n", "series 'a' holds inf at step 0 of channel 'y'"),
        ("new.csv", "unique_id,ds,x,y\n,0,1,2\n", "'unique_id' has 1 missing ids"),
        ("new.csv", "unique_id,ds,x\na,0,1\n", "2 channels; the columns of values are ['x']. Name as many"),
        ("new.csv", "unique_id,ds,x,y\n", "is empty"),
        ("new.txt", "x", "must end in .csv, .tsv (both also with .gz) or .parquet, or in .ts; it ends in '.txt'"),
        ("gone.csv", None, "does not exist"),
        ("gone.ts", None, "does not exist"),
        ("new.ts", "@problemName x\n", "cannot be read as ts"),
        (
            "new.ts",
            "@problemName x\n@timeStamps false\n@univariate true\n@classLabel false\n@data\n1,2,3\n",
            "fitted on series of 2 channels; got 1",
        ),
    ],
)  # fmt: skip
def test_a_bad_file_is_named(place: Path, tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if name.endswith(".ts") and content is not None:
        pytest.importorskip("sktime")
    if content is not None:
        (tmp_path / name).write_text(content)
    line = refused("predict", place / "classes", tmp_path / name, "--out", tmp_path / "pred.csv")
    assert message in line
    assert not (tmp_path / "pred.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--horizon", 3], "answers for whole series: drop --horizon 3, or pass the model of a forecast"),
        (["--plot", "a.png", "--future", "b.csv"], "drop --plot a.png and --future b.csv, or pass the model of"),
        (["--sequence", "x", "--on-unknown", "mask"], "drop --sequence x and --on-unknown mask, or pass a model"),
        (["--value-col", "x", "--value-col", "x"], "column 'x' is named more than once"),
        (["--value-col", "w", "--value-col", "x"], "no column 'w'; it has ['gesture', 'step', 'x', 'y']. Pass --value"),
        (["--value-col", "x"], "2 channels; the columns of values are ['x']"),
        (["--out", "pred.xlsx"], "must end in .csv"),
        (["--backbone", "gone/"], "backbone directory 'gone/' does not exist: there is no config.json to read"),
        (["--device", "abacus"], "abacus"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_named(place: Path, options: list[object], message: str) -> None:
    assert message in refused("predict", place / "classes", place / "new.csv", *NAMES, *options)


def test_a_ts_file_has_no_columns_to_name(place: Path) -> None:
    for options in (["--time-col", "step"], ["--value-col", "x"]):
        line = refused("predict", place / "classes", place / "new.ts", *options)
        assert "names no columns: drop --time-col and --value-col" in line


# --- every artifact is served ----------------------------------------------------------------------------------------


def test_predict_serves_every_kind_of_artifact(place: Path, tmp_path: Path, classifier: SeriesModel) -> None:
    """What a message of `load` promises: `seqreprog predict` reads whatever was saved."""
    small = Training(max_steps=2, batch_size=8, validation_windows=8, threads=1, progress=False)
    steps = pd.DataFrame({"unique_id": "a", "ds": np.arange(60), "y": np.random.default_rng(0).normal(size=60)})
    strings = pd.DataFrame({"sequence": ["ACDEFGHIK", "ACDWWGHIK"] * 12, "label": [0, 1] * 12})
    strings["blank"] = strings["sequence"].str.replace("G", "_")
    tiny = {"backbone": "tiny-random", "layers": 1}
    fitted = {
        "forecaster": Forecaster(2, context=24, training=small, **tiny).fit(steps),
        "sequence-classifier": SequenceClassifier(**tiny).fit(strings["sequence"], strings["label"]),
        "sequence-regressor": SequenceRegressor(**tiny).fit(strings["sequence"], strings["label"] * 1.0),
        "sequence-infiller": SequenceInfiller(**tiny).fit(strings["sequence"]),
        "series-model": classifier,
    }
    steps.to_csv(tmp_path / "steps.csv", index=False)
    strings.to_csv(tmp_path / "strings.csv", index=False)
    asked = {"forecaster": [tmp_path / "steps.csv"], "series-model": [place / "new.csv", *NAMES]}
    for kind, model in fitted.items():
        model.save(tmp_path / kind)
        assert json.loads((tmp_path / kind / "seqreprog.json").read_text())["kind"] == kind
        column = "blank" if kind == "sequence-infiller" else "sequence"
        command = asked.get(kind, [tmp_path / "strings.csv", "--sequence", column])
        assert "seqreprog" in ran("predict", tmp_path / kind, *command).stdout.split("\n")[0]


def test_only_models_of_whole_series_take_columns_of_values(place: Path, tmp_path: Path) -> None:
    strings = pd.DataFrame({"sequence": ["ACDEFGHIK", "ACDWWGHIK"] * 12})
    strings.to_csv(tmp_path / "strings.csv", index=False)
    model = SequenceRegressor(backbone="tiny-random", layers=1).fit(strings["sequence"], np.arange(24.0))
    model.save(tmp_path / "model")
    line = refused("predict", tmp_path / "model", tmp_path / "strings.csv", "--value-col", "x", "--id-col", "name")
    assert "answers for sequences: drop --id-col name and --value-col x, or pass a model of whole series" in line


def test_the_help_says_it() -> None:
    text = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, ["predict", "--help"]).stdout
    for said in (
        "whole series",
        "--id-col",
        "--time-col",
        "--value-col",
        ".ts",
        "seqreprog predict model/ gestures.csv",
    ):
        assert said in text
