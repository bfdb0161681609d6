"""The command line for sequences: `seqreprog classify | regress`, and what `predict` and `evaluate` do with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..config.forecast import Training
from ..errors import ConfigError, DataError
from .console import print_json, print_sequence_score, reported, say
from .options import (
    Augment,
    BackboneName,
    Balanced,
    Device,
    Identity,
    LabelColumn,
    Layers,
    Letters,
    MaxSteps,
    MethodName,
    OnUnknownName,
    OutputName,
    SaveFolder,
    Seed,
    SequenceColumn,
    SequenceKind,
    TargetValue,
    Threads,
    TimeBudget,
    refuse_options,
    with_defaults,
)

DataFile = Annotated[Path, typer.Argument(help="CSV, TSV or Parquet with a column of sequences and one of labels.")]
TestFile = Annotated[
    Path | None, typer.Option("--test", help="FASTA, FASTQ, CSV, TSV or Parquet to answer for (the same file).")
]
OutFile = Annotated[Path | None, typer.Option("--out", help="Answers to CSV, TSV or Parquet (standard output).")]
BaseName = Annotated[str, typer.Option("--base", help="linear, or none for the pure form.")]
Patch = Annotated[int, typer.Option("--patch", help="Symbols of one token.")]

SEQUENCE = "sequence"  # their column, where neither the command nor a fit named one
ID = "id"  # the column that names the sequences, as FASTA's headers do
OF_FORECASTS = {
    *("horizon", "windows", "step", "config", "context", "level", "id_col", "time_col", "target_col", "freq"),
    *("fill_gaps", "duplicates", "loss", "domain", "static", "futr", "hist", "probe"),
}  # options of `evaluate` that sequences have no use for
OF_CLASSES = {"output", "balanced"}
OF_SEQUENCES = {
    *("label", "target", "kind", "folds", "alphabet", "method", "on_unknown", "identity", "augment", *OF_CLASSES)
}  # those that series have no use for


def classify_command(
    data: DataFile,
    sequence: SequenceColumn = "sequence",
    label: LabelColumn = "label",
    kind: SequenceKind = "protein",
    test: TestFile = None,
    out_file: OutFile = None,
    save: SaveFolder = None,
    method: MethodName = "prototype",
    output: OutputName = "head",
    base: BaseName = "linear",
    on_unknown: OnUnknownName = "error",
    balanced: Balanced = False,
    alphabet: Letters = None,
    patch: Patch = 1,
    identity: Identity = None,
    augment: Augment = 0,
    backbone: BackboneName = "minilm",
    layers: Layers = 4,
    max_steps: MaxSteps = Training.max_steps,
    time_budget: TimeBudget = None,
    threads: Threads = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Fit a classifier of sequences on a file, and answer for another.

    seqreprog classify train.csv --sequence seq --label y --kind protein --test test.fasta --out pred.csv --save model/
    """
    with reported():
        model = make_estimator("classify", locals())
        _fit_and_answer(model, data, str(sequence), str(label), test, out_file, save)


def regress_command(
    data: DataFile,
    sequence: SequenceColumn = "sequence",
    target: TargetValue = "target",
    kind: SequenceKind = "protein",
    test: TestFile = None,
    out_file: OutFile = None,
    save: SaveFolder = None,
    method: MethodName = "prototype",
    base: BaseName = "linear",
    on_unknown: OnUnknownName = "error",
    alphabet: Letters = None,
    patch: Patch = 1,
    identity: Identity = None,
    augment: Augment = 0,
    backbone: BackboneName = "minilm",
    layers: Layers = 4,
    max_steps: MaxSteps = Training.max_steps,
    time_budget: TimeBudget = None,
    threads: Threads = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Fit a model of a value of sequences on a file, and answer for another.

    seqreprog regress esol.csv --sequence smiles --target logS --kind smiles --out pred.csv
    """
    with reported():
        model = make_estimator("regress", locals())
        _fit_and_answer(model, data, str(sequence), str(target), test, out_file, save)


def evaluate_sequences(context: typer.Context, given: dict[str, Any], *, folds: int, as_json: bool) -> None:
    """Cross-validates on a file, beside n-gram regression on the same folds."""
    from ..estimators.sequence_scores import score_sequences

    label, target, sequence = given["label"], given["target"], given["sequence"]
    refuse_options(context, OF_FORECASTS, "sequences are not forecast", instead=f"--sequence {sequence}")
    if (label is None) == (target is None):
        raise ConfigError("evaluate --sequence needs --label (classes) or --target (values), and not both")
    task, column = ("classify", label) if target is None else ("regress", target)
    if task == "regress":
        refuse_options(context, OF_CLASSES, f"--target {target} names values", instead="name classes with --label")
    given = with_defaults(given, base="linear", patch=1, layers=4)
    frame = _table(given["data"], sequence, column, classes=task == "classify")
    found = score_sequences(
        lambda: make_estimator(task, given),
        _sequences(frame, sequence),
        frame[column],
        folds=folds,
        seed=given["seed"],
        report=lambda line: say(line, style="dim"),
    )
    print_json(found) if as_json else print_sequence_score(found)


def predicts_sequences(model: Path) -> bool:
    """Whether a saved model answers for sequences."""
    from ..fit.artifact import artifact_kind

    return artifact_kind(model).startswith("sequence-")


def predict_sequences(
    model: Path,
    data: Path,
    sequence: str | None,
    out_file: Path | None,
    *,
    on_unknown: str | None,
    backbone: str | None,
    device: str,
    verify: bool,
) -> None:
    """Answers for the sequences of a file with a saved model; `on_unknown=None` leaves it its own policy."""
    from ..data.symbols import check_policy
    from ..estimators.infiller import SequenceInfiller
    from ..estimators.sequences import SequenceClassifier, SequenceRegressor
    from ..fit.artifact import artifact_kind

    kinds: tuple[Any, ...] = (SequenceClassifier, SequenceRegressor, SequenceInfiller)
    kind = {each.artifact: each for each in kinds}.get(artifact_kind(model), SequenceClassifier)
    _check_outputs(out_file, None)
    if on_unknown == "skip":
        raise ConfigError("every sequence gets an answer, so --on-unknown skip is for a fit. Pass --on-unknown mask")
    if on_unknown is not None:
        check_policy(on_unknown)
    loaded = kind.load(model, backbone=backbone, device=device, verify=verify)
    if on_unknown is not None:
        loaded.set_params(on_unknown=on_unknown)
    column = sequence or loaded.sequence_col_ or SEQUENCE
    _deliver(loaded, _table(data, column), column, out_file)


def make_estimator(task: str, given: dict[str, Any]) -> Any:
    """A classifier or regressor from a command's options."""
    from ..config.sequence import SequenceOptions
    from ..estimators.sequences import SequenceClassifier, SequenceRegressor

    training = SequenceOptions().training.__dict__ | {
        name: given[name] for name in ("max_steps", "time_budget", "threads")
    }
    said = {name: given[name] for name in ("patch", "identity", "augment", "device") if name in given}
    options = SequenceOptions(**said, training=Training(**training))
    names = ("kind", "alphabet", "method", "backbone", "layers", "base", "on_unknown")
    own = {name: given[name] for name in names if name in given}
    own |= {"options": options, "random_state": given["seed"]}
    if task == "regress":
        return SequenceRegressor(**own)
    weight: Any = "balanced" if given.get("balanced") else None
    return SequenceClassifier(output=given.get("output", "head"), class_weight=weight, **own)


def _fit_and_answer(
    model: Any, data: Path, sequence: str, target: str, test: Path | None, out_file: Path | None, save: Path | None
) -> None:
    from ..estimators.sequence_estimator import check_readable

    _check_outputs(out_file, save)
    frame = _table(data, sequence, target, classes=hasattr(model, "predict_proba"))
    asked = frame if test is None else _table(test, sequence)
    if test is not None:
        check_readable(model, _sequences(asked, sequence))
    model.fit(_sequences(frame, sequence), frame[target])
    say(str(model.summary_), style="dim")
    if save is not None:
        model.save(save)
        say(f"model saved to {save}")
    _deliver(model, asked, sequence, out_file)


def _deliver(model: Any, frame: Any, sequence: str, out_file: Path | None) -> None:
    """The table as it was read, with an answer for each row, to a file or standard output."""
    from ..data.files import write_frame_file, write_marked

    if hasattr(model, "predict_proba"):
        shares = model.predict_proba(_sequences(frame, sequence))
        frame["seqreprog"] = model.classes_[shares.argmax(1)]
        for column, label in enumerate(model.classes_):
            frame[f"seqreprog-{label}"] = shares[:, column]
    else:
        frame["seqreprog"] = model.predict(_sequences(frame, sequence))
    if out_file is None:
        write_marked(frame, sys.stdout)
    else:
        write_frame_file(frame, out_file)
        say(f"{len(frame):,} rows written to {out_file}")


def _sequences(frame: Any, column: str) -> Any:
    """The sequences as a Series, indexed by their ids where all have one: messages name them so."""
    named = column != ID and ID in frame.columns and frame[ID].notna().all()
    return frame[column].set_axis(frame[ID].astype(str)) if named else frame[column]


def _table(path: Path, sequence: str, target: str | None = None, *, classes: bool = False) -> Any:
    """The file's rows; of a CSV all columns as they stand there, but a target of values."""
    from ..data.files import read_sequence_file

    aims = [] if target is None else [target]
    names, numeric = ([ID, *aims], []) if classes else ([ID], aims)
    frame = read_sequence_file(path, sequence_col=sequence, names=names, numeric=numeric)
    if target is not None and target not in frame.columns:
        shown = [str(name) for name in frame.columns[:20]]
        raise DataError(
            f"file {str(path)!r} has no column {target!r}; it has {shown}. Name it with --label or --target"
        )
    if target is not None and classes:
        _refuse_fractions(frame[target])
    return frame


def _refuse_fractions(labels: Any) -> None:
    """Raises for values that were given as classes, which a CSV holds as text."""
    import pandas as pd

    values = pd.to_numeric(labels.dropna(), errors="coerce")
    between = values[values % 1 != 0]
    if len(between) and values.notna().all():
        raise DataError(
            f"labels must be classes; row {between.index[0]} holds the value {between.iloc[0]:g}. Name values with "
            "--target, or run regress"
        )


def _check_outputs(out_file: Path | None, save: Path | None) -> None:
    from ..data.files import check_frame_writable
    from ..fit.artifact import check_place

    if out_file is not None:
        check_frame_writable(out_file)
    if save is not None:
        check_place(save)
