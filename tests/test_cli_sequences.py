"""The command line for sequences: classify, regress, predict and evaluate; FASTA, CSV and Parquet."""

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

from seqreprog import SequenceClassifier, SequenceRegressor
from seqreprog.cli import app
from seqreprog.console import print_sequence_score

TINY = ["--max-steps", "2", "--layers", "1", "--device", "cpu", "--threads", "1"]


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKL"), rng.integers(5, 9))) for _ in range(24)]
    texts = [text + "WW" * (place % 2) for place, text in enumerate(texts)]
    return pd.DataFrame({"name": [f"p{place}" for place in range(24)], "seq": texts, "y": ["no", "yes"] * 12}).assign(
        value=lambda df: df["seq"].str.len() * 1.0
    )


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> str:
    return str(make_backbone("bert"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peptides")
    frame().to_csv(folder / "train.csv", index=False)
    frame().to_parquet(folder / "train.parquet", index=False)
    (folder / "test.fasta").write_text(">one first\nACDEFWW\n>two\nACD\nEFG\n")
    return folder


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


def test_classify_answers_for_a_fasta_file_and_its_model_serves_again(place: Path, backbone: str) -> None:
    out = place / "pred.csv"
    options = ["--sequence", "seq", "--label", "y", "--kind", "protein", *TINY, "--backbone", backbone]
    result = ran(
        "classify", place / "train.csv", *options, "--test", place / "test.fasta", "--out", out,
        "--save", place / "model",
    )  # fmt: skip
    assert "verdict" in result.stderr
    found = pd.read_csv(out)
    assert list(found) == ["id", "description", "seq", "seqreprog", "seqreprog-no", "seqreprog-yes"]
    assert found["id"].tolist() == ["one", "two"]
    assert set(found["seqreprog"]) <= {"no", "yes"}
    np.testing.assert_allclose(found["seqreprog-no"] + found["seqreprog-yes"], 1)
    again = ran("predict", place / "model", place / "test.fasta", "--sequence", "seq")
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(again.stdout)), found, check_exact=True)
    loaded = SequenceClassifier.load(place / "model")
    np.testing.assert_allclose(loaded.predict_proba(["ACDEFWW", "ACDEFG"])[:, 0], found["seqreprog-no"], rtol=1e-12)
    line = refused("predict", place / "model", place / "test.fasta", "--horizon", 3)
    assert "answers for sequences: they have no --horizon" in line
    parquet = ran("classify", place / "train.parquet", *options, "--test", place / "test.fasta").stdout
    assert parquet == out.read_text()


def test_regress_answers_for_its_own_file_where_no_other_is_given(place: Path, backbone: str) -> None:
    options = ["--sequence", "seq", "--target", "value", *TINY, "--backbone", backbone, "--save", place / "values"]
    found = pd.read_csv(io.StringIO(ran("regress", place / "train.csv", *options).stdout))
    assert list(found) == ["name", "seq", "y", "value", "seqreprog"]
    np.testing.assert_allclose(
        SequenceRegressor.load(place / "values").predict(frame()["seq"]), found["seqreprog"], rtol=1e-9
    )


def test_evaluate_scores_beside_the_n_grams_on_the_same_folds(place: Path, backbone: str) -> None:
    options = ["--sequence", "seq", *TINY, "--backbone", backbone, "--folds", 2]
    found = json.loads(ran("evaluate", place / "train.csv", *options, "--label", "y", "--json").stdout)
    assert set(found["models"]) == {"seqreprog", "n-gram"}
    assert set(found["models"]["n-gram"]) == {"AUC", "accuracy", "MCC", "log loss"}
    assert np.sum(found["pooled"]["n-gram"]["confusion"]) == 24
    assert found["classes"] == ["no", "yes"]
    assert found["models"]["n-gram"]["AUC"]["mean"] > 0.8, "the motif is an n-gram"
    values = json.loads(ran("evaluate", place / "train.csv", *options, "--target", "value", "--json").stdout)
    assert set(values["models"]["seqreprog"]) == {"RMSE", "MAE", "Spearman", "R2"}


def test_the_table_of_scores_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"AUC": {"mean": 0.9, "std": 0.01}}
    pooled = {"seqreprog": {"confusion": [[3, 1], [0, 4]]}}
    models = {"seqreprog": scores, "n-gram": scores}
    found = {"models": models, "pooled": pooled, "sequences": 8, "folds": 2, "classes": ["[no]", "yes"]}
    print_sequence_score({**found, "weights": [0.0, 0.5]})
    shown = capsys.readouterr().out
    for part in ("0.9000 ± 0.0100", "each fold: 0.00, 0.50", "[no]", "confusion"):
        assert part in shown


def test_mistakes_are_one_sentence(place: Path, backbone: str, tmp_path: Path) -> None:
    named = ["--sequence", "seq", *TINY, "--backbone", backbone]
    assert "has no column 'z'; it has ['name', 'seq'" in refused(
        "classify", place / "train.csv", *named, "--label", "z"
    )
    assert "has no column 'sequence'" in refused("classify", place / "train.csv", "--label", "y")
    (tmp_path / "cut.fasta").write_text(">one\nACD\n>two\n")
    line = refused("classify", place / "train.csv", *named, "--label", "y", "--test", tmp_path / "cut.fasta")
    assert "has no sequence for 'two': the file ends there and may be truncated" in line
    (tmp_path / "no.fasta").write_text("ACD\n")
    line = refused("classify", place / "train.csv", *named, "--label", "y", "--test", tmp_path / "no.fasta")
    assert "line 1 is 'ACD'" in line
    (tmp_path / "odd.csv").write_text("seq\nACD\nAC1\n")
    outputs = ["--test", tmp_path / "odd.csv", "--save", tmp_path / "model"]
    line = refused("classify", place / "train.csv", *named, "--label", "y", *outputs)
    assert "residue '1' at position 3 of row 1" in line
    assert not (tmp_path / "model").exists(), "it is refused before the fit"
    assert "needs --label (classes) or --target" in refused("evaluate", place / "train.csv", "--sequence", "seq")
    ahead = ["--horizon", 4, "--label", "y", "--sequence", "seq"]
    assert "drop --horizon 4 or --sequence seq" in refused("evaluate", place / "train.csv", *ahead)
    assert "folds must be at least 2; got 1" in refused(
        "evaluate", place / "train.csv", *named, "--label", "y", "--folds", 1
    )


def test_near_copies_and_spellings_can_be_asked_for_and_are_checked(place: Path, backbone: str) -> None:
    options = [place / "train.csv", "--sequence", "seq", "--label", "y", *TINY, "--backbone", backbone]
    assert (
        "clusters of identity 0.9, each on one side of a split" in ran("classify", *options, "--identity", 0.9).stderr
    )
    assert "got 90" in refused("classify", *options, "--identity", 90)
    assert "augment=2 reads other spellings" in refused("classify", *options, "--augment", 2)
    assert "Name it: --sequence" in refused("classify", place / "train.csv", "--label", "y")
