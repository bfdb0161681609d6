"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BackboneName = Annotated[str, typer.Option("--backbone", help="minilm, a directory, or a Hugging Face id.")]
Layers = Annotated[int | None, typer.Option("--layers", help="First layers of the backbone to keep.")]
LayersOfKind = Annotated[
    int | None, typer.Option("--layers", help="First layers of the backbone to keep: 2; of sequences 4.")
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
