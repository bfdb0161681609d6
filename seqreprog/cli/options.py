"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ..config.forecast import DEFAULT_CONTEXT
from ..errors import ConfigError

BackboneName = Annotated[str, typer.Option("--backbone", help="minilm, a directory, or a Hugging Face id.")]
Layers = Annotated[int | None, typer.Option("--layers", help="First layers of the backbone to keep.")]
LayersOfSeries = Annotated[
    int | None, typer.Option("--layers", help="First layers of the backbone to keep (2; with --static all).")
]
LayersOfKind = Annotated[
    int | None,
    typer.Option("--layers", help="First layers of the backbone to keep (2; with --static all; of sequences 4)."),
]
Seed = Annotated[int, typer.Option("--seed", help="Of everything random.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
MaxSteps = Annotated[int, typer.Option("--max-steps", help="Training steps at most.")]
TimeBudget = Annotated[float | None, typer.Option("--time-budget", help="Seconds of training at most.")]
Threads = Annotated[int | None, typer.Option("--threads", help="CPU threads.")]
SaveFolder = Annotated[Path | None, typer.Option("--save", help="Keep the fitted model in this directory.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]
SequenceColumn = Annotated[str | None, typer.Option("--sequence", help="Column of sequences.")]
SequenceColumnOfFit = Annotated[str | None, typer.Option("--sequence", help="Column of sequences (that of the fit).")]
LabelColumn = Annotated[str | None, typer.Option("--label", help="Column of classes.")]
TargetValue = Annotated[str | None, typer.Option("--target", help="Column of values.")]
SequenceKind = Annotated[str, typer.Option("--kind", help="protein, dna, rna, smiles, selfies, or custom.")]
Folds = Annotated[int, typer.Option("--folds", help="Folds of the cross-validation (with --sequence).")]
MethodName = Annotated[
    str, typer.Option("--method", help="prototype, dictionary, soft_prompt, perturbation or rewriter.")
]
OutputName = Annotated[
    str, typer.Option("--output", help="Of classes: head, verbaliser, random, frequency or iterative.")
]
OnUnknownName = Annotated[
    str,
    typer.Option("--on-unknown", help="error; read unknown symbols as the mask; or skip such sequences in the fit."),
]
Balanced = Annotated[bool, typer.Option("--balanced", help="Let every class weigh as much.")]
Letters = Annotated[str | None, typer.Option("--alphabet", help="The symbols of --kind custom.")]
Identity = Annotated[
    float | None,
    typer.Option("--identity", help="Keep sequences this much alike (0.9) on one side of a split."),
]
Augment = Annotated[int, typer.Option("--augment", help="Other spellings read of each molecule (--kind smiles).")]
DataFile = Annotated[
    Path, typer.Argument(help="CSV, TSV or Parquet: long (a row per series and time) or wide (a column each).")
]
IdColumn = Annotated[str | None, typer.Option("--id-col", help="Column that names the series (unique_id).")]
TimeColumn = Annotated[str | None, typer.Option("--time-col", help="Column of dates or whole numbers (ds).")]
ValueColumns = Annotated[
    list[str],
    typer.Option("--value-col", help="Of whole series: column of a channel; may be repeated (all but ids and times)."),
]
TargetColumn = Annotated[str | None, typer.Option("--target-col", help="Column to forecast (y).")]
Frequency = Annotated[str | None, typer.Option("--freq", help="Pandas alias such as h, D, MS; found out by itself.")]
FillGaps = Annotated[bool, typer.Option("--fill-gaps", help="Take missing rows for missing values.")]
DuplicatesOf = Annotated[
    str,
    typer.Option("--duplicates", help="Of several rows for one time: error, or count the first, the last or the mean."),
]
Horizon = Annotated[int, typer.Option("--horizon", help="Steps to forecast.")]
Context = Annotated[
    int | None,
    typer.Option("--context", help=f"Steps read (a third of the longest series, at most {DEFAULT_CONTEXT})."),
]
Level = Annotated[list[float], typer.Option("--level", help="Coverage of an interval in percent; may be repeated.")]
BaseName = Annotated[str, typer.Option("--base", help="ridge, or none for the papers' pure form.")]
LossName = Annotated[str, typer.Option("--loss", help="mse or mae.")]
Domain = Annotated[str, typer.Option("--domain", help="What the series are, in your words; the model reads it.")]
Probe = Annotated[bool, typer.Option("--probe", help="A quick first answer: nothing is trained by gradient.")]
Patch = Annotated[int, typer.Option("--patch", help="Steps of one patch; also the stride.")]
OutFile = Annotated[Path | None, typer.Option("--out", help="Forecasts to CSV, TSV or Parquet (standard output).")]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="A picture: png, svg or pdf.")]
StaticColumn = Annotated[str | None, typer.Option("--static", help="Column of text, a sentence for each series.")]
FutureColumns = Annotated[
    list[str], typer.Option("--futr", help="Column of numbers known of the steps to come; may be repeated.")
]
HistoryColumns = Annotated[
    list[str], typer.Option("--hist", help="Column of numbers known of the past alone; may be repeated.")
]
FutureFile = Annotated[
    Path | None, typer.Option("--future", help="CSV, TSV or Parquet with the --futr columns of the steps to come.")
]


class Command(TyperCommand):
    """Hands its function the context as the class that typer documents, not as the one below it."""

    context_class = typer.Context


def with_defaults(given: dict[str, Any], **usual: Any) -> dict[str, Any]:
    """What was given, and the usual where an option was left out: 0 was not."""
    return {**given, **{name: value for name, value in usual.items() if given[name] is None}}


def refuse_options(context: typer.Context, names: Collection[str], why: str, *, instead: str) -> None:
    """Raises where the user gave options that nothing would read.

    Args:
        context: of the command.
        names: the options, as the command's function names them.
        why: nothing reads them.
        instead: what else could be changed, to end `drop --probe, or ...`.

    Raises:
        ConfigError: with what was given.
    """
    given = []
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name in names and source is not None and source.name != "DEFAULT":
            value = context.params[option.name]
            shown = [value] if not isinstance(value, list | tuple) else value
            given += [f"{option.opts[0]}{'' if each is True else f' {each}'}" for each in shown]
    if given:
        raise ConfigError(f"{why}: drop {' and '.join(given)}, or {instead}")
