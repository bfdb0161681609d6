"""The command line for sequences: classify, regress, predict and evaluate; FASTA, CSV, TSV and Parquet."""

from __future__ import annotations

import inspect
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from seqreprog import SequenceClassifier, SequenceInfiller, SequenceRegressor
from seqreprog.cli.app import app, evaluate_command, forecast_command
from seqreprog.cli.console import print_sequence_score
from seqreprog.cli.sequences import OF_FORECASTS, OF_SEQUENCES, classify_command, regress_command
from seqreprog.data.files import read_frame_file
from seqreprog.data.texts import read_texts
from seqreprog.errors import DataError

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
    frame().to_csv(folder / "train.tsv", index=False, sep="\t")
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
    assert "answers for sequences: drop --horizon 3, or pass the model of a forecast" in line
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
    assert list(found["models"]) == list(found["pooled"]) == ["seqreprog", "language model alone", "n-gram"]
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
    assert "drop --horizon 4, or --sequence seq" in refused("evaluate", place / "train.csv", *ahead)
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


# --- evaluate takes what classify and regress take -------------------------------------------------------------------


def fitted_by(command: str, data: Path, options: list[object], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments of the estimator that a command makes, which then goes no further."""
    made: list[Any] = []

    def keep(self: Any, *_: object, **__: object) -> None:
        made.append(self)
        raise DataError("enough")

    with monkeypatch.context() as patched:
        for kind in (SequenceClassifier, SequenceRegressor):
            patched.setattr(kind, "fit", keep)
        assert "enough" in refused(command, data, "--sequence", "seq", *options)
    return made[0].get_params()


def test_evaluate_fits_what_classify_and_regress_fit(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = [
        "--on-unknown",
        "skip",
        "--identity",
        0.9,
        "--patch",
        2,
        "--layers",
        3,
        "--seed",
        7,
        "--method",
        "dictionary",
    ]
    labels = [*odd, "--label", "y", "--output", "frequency", "--balanced", "--base", "none"]
    letters = ["--kind", "custom", "--alphabet", "ACDEFGHIKLW", "--augment", 0, "--max-steps", 5]
    for options in (["--label", "y"], labels, [*labels, *letters]):
        asked = fitted_by("evaluate", place / "train.csv", options, monkeypatch)
        assert asked == fitted_by("classify", place / "train.csv", options, monkeypatch)
    assert (asked["class_weight"], asked["output"], asked["alphabet"]) == ("balanced", "frequency", "ACDEFGHIKLW")
    assert (asked["options"].identity, asked["options"].patch, asked["layers"]) == (0.9, 2, 3)
    values = [*odd, "--target", "value"]
    asked = fitted_by("evaluate", place / "train.csv", values, monkeypatch)
    assert asked == fitted_by("regress", place / "train.csv", values, monkeypatch)
    refused_ones = ["--output", "frequency", "--balanced"]
    line = refused("evaluate", place / "train.csv", "--sequence", "seq", *values, *refused_ones)
    assert "--target value names values: drop --output frequency and --balanced, or name classes with --label" in line


def test_evaluate_reads_an_alphabet_of_ones_own_and_leaves_odd_sequences_out(
    tmp_path: Path, place: Path, backbone: str
) -> None:
    rows = frame()
    rows.loc[3, "seq"] = "AC?D"
    rows.to_csv(tmp_path / "odd.csv", index=False)
    options = ["--sequence", "seq", "--label", "y", "--folds", 2, *TINY, "--backbone", backbone, "--json"]
    custom = ["--kind", "custom", "--alphabet", "ACDEFGHIKLW"]
    assert json.loads(ran("evaluate", place / "train.csv", *options, *custom).stdout)["sequences"] == 24
    assert "pass --on-unknown mask to allow it" in refused("evaluate", tmp_path / "odd.csv", *options)
    for policy, count in (("mask", 24), ("skip", 23)):
        found = json.loads(ran("evaluate", tmp_path / "odd.csv", *options, *custom, "--on-unknown", policy).stdout)
        assert found["sequences"] == np.sum(found["pooled"]["n-gram"]["confusion"]) == count


def test_each_option_of_evaluate_is_of_one_kind_or_of_both() -> None:
    known = set(inspect.signature(evaluate_command).parameters)
    assert known >= OF_FORECASTS | OF_SEQUENCES
    assert not OF_FORECASTS & OF_SEQUENCES
    for command in (classify_command, regress_command):
        options = set(inspect.signature(command).parameters)
        assert options - known == {"test", "out_file", "save"}, "what changes a fit can be evaluated"
        assert not options & OF_FORECASTS
    assert not OF_SEQUENCES & set(inspect.signature(forecast_command).parameters)


@pytest.mark.parametrize("name", ["patch", "layers"])
def test_zero_is_not_left_out(place: Path, name: str, backbone: str) -> None:
    said = {"--max-steps": 2, "--layers": 1, f"--{name}": 0}
    options = [place / "train.csv", "--backbone", backbone, *(word for pair in said.items() for word in pair)]
    for task in ("evaluate", "classify"):
        line = refused(task, *options, "--sequence", "seq", "--label", "y")
        assert f"{name} must be at least 1; got 0" in line
    assert f"{name} must be at least 1; got 0" in refused("evaluate", *options, "--horizon", 2)


def test_options_that_nothing_would_read_are_refused(place: Path) -> None:
    data = place / "train.csv"
    line = refused("evaluate", data, "--sequence", "seq", "--label", "y", "--probe", "--windows", 4, "--level", 90)
    assert "sequences are not forecast: drop --windows 4 and --level 90.0 and --probe, or --sequence seq" in line
    line = refused("evaluate", data, "--horizon", 2, "--label", "y", "--balanced")
    assert "series have no use for these: drop --label y and --balanced, or name sequences with --sequence" in line
    line = refused("evaluate", data, "--config", "recipe.toml", "--folds", 3)
    assert "drop --folds 3, or name sequences" in line


# --- tables of any kind, and the column that the fit was given -------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_every_command_reads_and_writes_every_table(place: Path, backbone: str, tmp_path: Path, ending: str) -> None:
    data, out = place / f"train.{ending}", tmp_path / f"pred.{ending}"
    options = ["--sequence", "seq", *TINY, "--backbone", backbone]
    for command, goal in (("classify", ["--label", "y"]), ("regress", ["--target", "value"])):
        ran(command, data, *options, *goal, "--test", data, "--out", out, "--save", tmp_path / "model")
        first = read_frame_file(out)
        assert list(first)[:5] == ["name", "seq", "y", "value", "seqreprog"]
        ran("predict", tmp_path / "model", data, "--out", out)
        pd.testing.assert_frame_equal(read_frame_file(out), first, check_exact=True)
        found = json.loads(ran("evaluate", data, *options, *goal, "--folds", 2, "--json").stdout)
        assert found["sequences"] == 24


KINDS = {
    "classify": lambda options, X: SequenceClassifier(**options).fit(X, frame()["y"]),
    "regress": lambda options, X: SequenceRegressor(**options).fit(X, frame()["value"]),
    "infill": lambda options, X: SequenceInfiller(**options).fit(X),
}


@pytest.mark.parametrize("task", KINDS)
def test_a_saved_model_reads_the_column_of_its_fit(backbone: str, tmp_path: Path, task: str) -> None:
    rows = frame() if task != "infill" else frame().assign(seq=lambda df: df["seq"].str.replace("D", "_") + "_")
    rows.to_csv(tmp_path / "new.csv", index=False)
    options = {"backbone": backbone, "layers": 1}
    for X in (frame()["seq"], frame()[["seq"]]):
        model = KINDS[task](options, X)
        assert model.sequence_col_ == "seq"
        model.save(tmp_path / "model")
        assert type(model).load(tmp_path / "model").sequence_col_ == "seq"
        assert pickle.loads(pickle.dumps(model)).sequence_col_ == "seq"
        command = ["predict", tmp_path / "model", tmp_path / "new.csv"]
        found = ran(*command).stdout
        assert found == ran(*command, "--sequence", "seq").stdout
        assert len(pd.read_csv(io.StringIO(found))) == 24
    rows.rename(columns={"seq": "peptide"}).to_csv(tmp_path / "other.csv", index=False)
    line = refused("predict", tmp_path / "model", tmp_path / "other.csv")
    assert "has no column 'seq'; it has ['name', 'peptide', 'y', 'value']. Name it: --sequence" in line
    ran("predict", tmp_path / "model", tmp_path / "other.csv", "--sequence", "peptide")


@pytest.mark.parametrize("task", KINDS)
@pytest.mark.parametrize("old", [False, True])
def test_without_a_name_in_the_fit_the_usual_column_is_read(
    backbone: str, tmp_path: Path, task: str, old: bool, age: Callable[..., None]
) -> None:
    """A list has no name; an artifact of a release that did not store it has none either."""
    model = KINDS[task]({"backbone": backbone, "layers": 1}, frame()["seq"].tolist())
    assert model.sequence_col_ is None
    model.save(tmp_path / "model")
    if old:
        age(tmp_path / "model", "sequence_col")
    rows = frame() if task != "infill" else frame().assign(seq=lambda df: df["seq"] + "_")
    rows.rename(columns={"seq": "sequence"}).to_csv(tmp_path / "new.csv", index=False)
    found = pd.read_csv(io.StringIO(ran("predict", tmp_path / "model", tmp_path / "new.csv").stdout))
    assert list(found)[:5] == ["name", "sequence", "y", "value", "seqreprog"]


# --- predict by another policy ---------------------------------------------------------------------------------------


def test_predict_may_read_what_its_model_would_refuse(place: Path, backbone: str, tmp_path: Path) -> None:
    model = SequenceClassifier(backbone=backbone, layers=1).fit(frame()["seq"], frame()["y"])
    model.save(tmp_path / "model")
    (tmp_path / "odd.fasta").write_text(">one\nACDEF\n>two\nACJEF\n")
    command = ["predict", tmp_path / "model", tmp_path / "odd.fasta"]
    assert "pass --on-unknown mask to allow it" in refused(*command)
    result = ran(*command, "--on-unknown", "mask")
    assert pd.read_csv(io.StringIO(result.stdout))["id"].tolist() == ["one", "two"]
    assert "notice read as the mask: 1 unknown residue" in result.stderr
    assert "on_unknown must be one of 'error', 'mask', 'skip'; got 'leave'" in refused(
        *command, "--on-unknown", "leave"
    )
    assert "every sequence gets an answer, so --on-unknown skip is for a fit" in refused(
        *command, "--on-unknown", "skip"
    )
    model.set_params(on_unknown="mask").save(tmp_path / "lenient")
    command[1] = tmp_path / "lenient"
    assert ran(*command).stdout == result.stdout, "the policy of the fit holds"
    assert "residue 'J' at position 3" in refused(*command, "--on-unknown", "error")


# --- names as they stand in the file ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [("007", "008"), ("None", "NA"), ("+1", "-1"), ("0", "1"), ("1", "1.0"), ("1E5", "1e5")],
    ids=["codes", "missing", "signs", "plain", "decimals", "powers"],
)
def test_classes_are_answered_as_they_stand_in_the_file(tmp_path: Path, backbone: str, names: tuple[str, str]) -> None:
    frame().assign(y=np.tile(names, 12)).to_csv(tmp_path / "train.csv", index=False)
    options = ["--sequence", "seq", "--label", "y", *TINY, "--backbone", backbone]
    result = ran("classify", tmp_path / "train.csv", *options, "--save", tmp_path / "model")
    found = pd.read_csv(io.StringIO(result.stdout), dtype=str, keep_default_na=False)
    assert found["y"].tolist() == list(names) * 12
    assert set(found["seqreprog"]) <= set(names)
    assert set(found.columns[-2:]) == {f"seqreprog-{name}" for name in names}
    again = ran("predict", tmp_path / "model", tmp_path / "train.csv").stdout
    assert again == result.stdout, "the label beside a sequence stays as it stands too"
    known = SequenceClassifier.load(tmp_path / "model").classes_.tolist()
    assert known == sorted(names)
    scores = json.loads(ran("evaluate", tmp_path / "train.csv", *options, "--folds", 2, "--json").stdout)
    assert scores["classes"] == [str(name) for name in known]


def test_an_empty_label_is_missing_and_fractions_are_no_classes(tmp_path: Path) -> None:
    named = ["--sequence", "seq", "--label", "y"]
    for cells, said in ((["no", "", "yes"] * 8, "8 of 24 labels are missing"), ([0.5, 1.0, 2.0] * 8, "the value 0.5")):
        frame().assign(y=cells).to_csv(tmp_path / "train.csv", index=False)
        assert said in refused("classify", tmp_path / "train.csv", *named)


def test_sequences_go_by_the_ids_of_their_file(tmp_path: Path, backbone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids may come twice; what is read, fitted and answered for is called by them in messages."""
    handed: list[list[str]] = []
    fit, shares = SequenceClassifier.fit, SequenceClassifier.predict_proba

    def called(X: Any) -> list[str]:
        read = read_texts(X)
        return [read.names.one(row) for row in range(len(read.values))]

    def fitted(self: Any, X: Any, *rest: Any) -> Any:
        handed.append(called(X))
        return fit(self, X, *rest)

    def answered(self: Any, X: Any) -> Any:
        handed.append(called(X))
        return shares(self, X)

    monkeypatch.setattr(SequenceClassifier, "fit", fitted)
    monkeypatch.setattr(SequenceClassifier, "predict_proba", answered)
    (tmp_path / "test.fasta").write_text(">P1 x\nACD\n>P1\nACDEF\n")
    names = [f"{place:03}" for place in range(24)]
    full, twice = [f"sequence {name!r}" for name in names], ["sequence 'P1'", "sequence 'P1'"]
    frame().assign(id=names).to_csv(tmp_path / "train.csv", index=False)
    options = ["--sequence", "seq", "--label", "y", *TINY, "--backbone", backbone]
    command = ["classify", tmp_path / "train.csv", *options, "--test", tmp_path / "test.fasta"]
    found = pd.read_csv(io.StringIO(ran(*command, "--save", tmp_path / "model").stdout))
    assert found["id"].tolist() == ["P1", "P1"]
    assert list(found) == ["id", "description", "seq", "seqreprog", "seqreprog-no", "seqreprog-yes"]
    ran("predict", tmp_path / "model", tmp_path / "test.fasta")
    assert handed == [full, twice, twice]
    handed.clear()
    ran("evaluate", tmp_path / "train.csv", *options, "--folds", 2)
    assert sorted(name for part in handed for name in part) == full, "each is learned from in one of two folds"
    handed.clear()
    frame().assign(id=[None, *names[1:]]).to_csv(tmp_path / "train.csv", index=False)
    ran(*command)
    assert handed[0] == [f"row {row}" for row in range(24)], "not all have one"
