"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
LabelColumn = Annotated[str | None, typer.Option("--label", help="Column of classes.")]
TargetValue = Annotated[str | None, typer.Option("--target", help="Column of values.")]
SequenceKind = Annotated[str, typer.Option("--kind", help="protein, dna, rna, smiles, selfies, or custom.")]
Folds = Annotated[int, typer.Option("--folds", help="Folds of the cross-validation (with --sequence).")]
DataFile = Annotated[
    Path, typer.Argument(help="CSV or Parquet: long (a row per series and time) or wide (a column each).")
]
IdColumn = Annotated[str | None, typer.Option("--id-col", help="Column that names the series (unique_id).")]
TimeColumn = Annotated[str | None, typer.Option("--time-col", help="Column of dates or whole numbers (ds).")]
TargetColumn = Annotated[str | None, typer.Option("--target-col", help="Column to forecast (y).")]
Frequency = Annotated[str | None, typer.Option("--freq", help="Pandas alias such as h, D, MS; found out by itself.")]
FillGaps = Annotated[bool, typer.Option("--fill-gaps", help="Take missing rows for missing values.")]
Horizon = Annotated[int, typer.Option("--horizon", help="Steps to forecast.")]
Context = Annotated[
    int | None, typer.Option("--context", help="Steps read (a third of the longest series, at most 512).")
]
Level = Annotated[list[float], typer.Option("--level", help="Coverage of an interval in percent; may be repeated.")]
BaseName = Annotated[str, typer.Option("--base", help="ridge, or none for the papers' pure form.")]
LossName = Annotated[str, typer.Option("--loss", help="mse or mae.")]
Domain = Annotated[str, typer.Option("--domain", help="What the series are, in your words; the model reads it.")]
Probe = Annotated[bool, typer.Option("--probe", help="A quick first answer: nothing is trained by gradient.")]
Patch = Annotated[int, typer.Option("--patch", help="Steps of one patch; also the stride.")]
OutFile = Annotated[Path | None, typer.Option("--out", help="Forecasts to CSV or Parquet (standard output).")]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="A picture: png, svg or pdf.")]
StaticColumn = Annotated[str | None, typer.Option("--static", help="Column of text, a sentence for each series.")]
FutureColumns = Annotated[
    list[str], typer.Option("--futr", help="Column of numbers known of the steps to come; may be repeated.")
]
HistoryColumns = Annotated[
    list[str], typer.Option("--hist", help="Column of numbers known of the past alone; may be repeated.")
]
FutureFile = Annotated[
    Path | None, typer.Option("--future", help="CSV or Parquet with the --futr columns of the steps to come.")
]
