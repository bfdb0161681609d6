"""The command line: `seqreprog forecast | classify | regress | predict | evaluate | demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__
from ..config.forecast import Adapter, Training
from ..errors import ConfigError
from .console import print_json, print_recipe, print_score, reported, say
from .demo import demo_command
from .forecasts import (
    check_ahead,
    check_outputs,
    deliver_forecasts,
    frequency,
    make_forecaster,
    read_ahead,
    read_series,
    score_recipe,
)
from .options import (
    AsJson,
    Augment,
    BackboneName,
    Balanced,
    BaseName,
    Command,
    Context,
    DataFile,
    Device,
    Domain,
    DuplicatesOf,
    FillGaps,
    Folds,
    Frequency,
    FutureColumns,
    FutureFile,
    HistoryColumns,
    Horizon,
    IdColumn,
    Identity,
    LabelColumn,
    LayersOfKind,
    LayersOfSeries,
    Letters,
    Level,
    LossName,
    MaxSteps,
    MethodName,
    OnUnknownName,
    OutFile,
    OutputName,
    Patch,
    PlotFile,
    Probe,
    SaveFolder,
    Seed,
    SequenceColumn,
    SequenceColumnOfFit,
    SequenceKind,
    StaticColumn,
    TargetColumn,
    TargetValue,
    Threads,
    TimeBudget,
    TimeColumn,
    ValueColumns,
    refuse_options,
    with_defaults,
)
from .sequences import (
    OF_SEQUENCES,
    classify_command,
    evaluate_sequences,
    predict_sequences,
    predicts_sequences,
    regress_command,
)
from .series import COLUMNS, predict_whole_series, predicts_whole_series

IN_RECIPES = {
    *("horizon", "windows", "step", "context", "level", "fill_gaps", "duplicates", "backbone", "layers", "base"),
    *("loss", "patch", "domain", "static", "futr", "hist", "max_steps", "time_budget", "threads", "probe", "seed"),
    "device",
}  # options of `evaluate` that a recipe has a place for

OF_FORECASTS_ALONE, OF_SEQUENCES_ALONE = {"horizon", "plot", "future"}, {"sequence", "on_unknown"}  # of `predict`

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command("classify")(classify_command)
app.command("regress")(regress_command)
app.command("demo")(demo_command)


def _show_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"seqreprog {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Reprogram a frozen language model for series and sequences. Only a small adapter trains, on a CPU if need be."""


@app.command("forecast")
def forecast_command(
    data: DataFile,
    horizon: Horizon,
    context: Context = None,
    level: Level = [80],  # noqa: B006 - typer reads the default, nobody writes to it
    out_file: OutFile = None,
    plot: PlotFile = None,
    save: SaveFolder = None,
    id_col: IdColumn = None,
    time_col: TimeColumn = None,
    target_col: TargetColumn = None,
    freq: Frequency = None,
    fill_gaps: FillGaps = False,
    duplicates: DuplicatesOf = "error",
    backbone: BackboneName = "minilm",
    layers: LayersOfSeries = None,
    base: BaseName = "ridge",
    loss: LossName = "mse",
    patch: Patch = Adapter.patch,
    domain: Domain = "",
    static: StaticColumn = None,
    futr: FutureColumns = [],  # noqa: B006
    hist: HistoryColumns = [],  # noqa: B006
    future: FutureFile = None,
    max_steps: MaxSteps = Training.max_steps,
    time_budget: TimeBudget = None,
    threads: Threads = None,
    probe: Probe = False,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Fit on a file and forecast every series in it.

    seqreprog forecast load.csv --horizon 24 --level 80 --level 95 --out pred.csv --plot pred.png --save model/
    """
    with reported():
        check_outputs(out_file, plot, save)
        columns: dict[str, Any] = {"id_col": id_col, "time_col": time_col, "target_col": target_col}
        columns |= {"freq": frequency(freq), "fill_gaps": fill_gaps, "duplicates": duplicates}
        model = make_forecaster(locals())
        frame = read_series(data, id_col, static)
        ahead = read_ahead(future, futr, frame, id_col)
        if ahead is not None:
            check_ahead(frame, ahead, columns, futr, horizon)
        model.fit(frame, **columns, static=static, futr_cols=futr, hist_cols=hist)
        say(str(model.summary_), style="dim")
        if save is not None:
            model.save(save)
            say(f"model saved to {save}")
        deliver_forecasts(model, frame, out_file, plot, columns, fresh=True, future=ahead)


@app.command("predict", cls=Command)
def predict_command(
    ctx: typer.Context,
    model: Annotated[Path, typer.Argument(help="A directory written by --save.")],
    data: Annotated[
        Path, typer.Argument(help="CSV, TSV or Parquet; of sequences also FASTA, of whole series also .ts (sktime).")
    ],
    horizon: Annotated[int | None, typer.Option("--horizon", help="Steps, at most the model's.")] = None,
    out_file: OutFile = None,
    plot: PlotFile = None,
    sequence: SequenceColumnOfFit = None,
    on_unknown: Annotated[
        str | None, typer.Option("--on-unknown", help="error, or mask (as the model of sequences was fitted).")
    ] = None,
    future: FutureFile = None,
    id_col: IdColumn = None,
    time_col: TimeColumn = None,
    value_col: ValueColumns = [],  # noqa: B006
    backbone: Annotated[str | None, typer.Option("--backbone", help="Where the language model is now.")] = None,
    device: Device = "auto",
    verify: Annotated[
        bool,
        typer.Option("--verify/--no-verify", help="Ask the model again what it was asked when it was saved."),
    ] = True,
) -> None:
    """Forecast new series, or answer for new sequences or whole series, with a saved model.

    seqreprog predict model/ new.parquet --out pred.csv

    seqreprog predict model/ test.fasta --out pred.csv

    A model of whole series reads a row for each step, with a column for each channel, or a .ts file, and answers with a
    row for each series:

    seqreprog predict model/ gestures.csv --id-col gesture --time-col step --value-col x --value-col y --out pred.csv
    """
    with reported():
        place: dict[str, Any] = {"backbone": backbone, "device": device, "verify": verify}
        if predicts_sequences(model):
            why = f"{str(model)!r} answers for sequences"
            refuse_options(ctx, OF_FORECASTS_ALONE, why, instead="pass the model of a forecast")
            refuse_options(ctx, COLUMNS, why, instead="pass a model of whole series")
            predict_sequences(model, data, sequence, out_file, on_unknown=on_unknown, **place)
            return
        if predicts_whole_series(model):
            why = f"{str(model)!r} answers for whole series"
            refuse_options(ctx, OF_FORECASTS_ALONE, why, instead="pass the model of a forecast")
            refuse_options(ctx, OF_SEQUENCES_ALONE, why, instead="pass a model of sequences")
            columns: dict[str, Any] = {"id_col": id_col, "time_col": time_col, "value_cols": value_col}
            predict_whole_series(model, data, out_file, **columns, **place)
            return
        from ..estimators.forecaster import Forecaster

        check_outputs(out_file, plot, None)
        loaded = Forecaster.load(model, **place)
        why = f"{str(model)!r} forecasts series"
        refuse_options(ctx, OF_SEQUENCES_ALONE, why, instead="pass a model of sequences")
        refuse_options(ctx, COLUMNS, f"{why}, in the columns of its fit", instead="rename those of the file")
        beside, of_fit = loaded.config.covariates, loaded.columns.id_col
        frame = read_series(data, of_fit, beside.static)
        ahead = read_ahead(future, beside.futr_cols, frame, of_fit)
        deliver_forecasts(loaded, frame, out_file, plot, {}, h=horizon, future=ahead)


@app.command("evaluate", cls=Command)
def evaluate_command(
    ctx: typer.Context,
    data: Annotated[Path | None, typer.Argument(help="CSV, TSV or Parquet with the series.")] = None,
    horizon: Annotated[int | None, typer.Option("--horizon", help="Steps to forecast.")] = None,
    windows: Annotated[int, typer.Option("--windows", help="Last origins of each series to forecast from.")] = 4,
    step: Annotated[int | None, typer.Option("--step", help="Steps between origins (the horizon).")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="A recipe in TOML instead of options.")] = None,
    data_option: Annotated[Path | None, typer.Option("--data", help="The file that a recipe reads.")] = None,
    sequence: SequenceColumn = None,
    label: LabelColumn = None,
    target: TargetValue = None,
    kind: SequenceKind = "protein",
    alphabet: Letters = None,
    method: MethodName = "prototype",
    output: OutputName = "head",
    on_unknown: OnUnknownName = "error",
    balanced: Balanced = False,
    identity: Identity = None,
    augment: Augment = 0,
    folds: Folds = 5,
    as_json: AsJson = False,
    context: Context = None,
    level: Level = [80],  # noqa: B006
    id_col: IdColumn = None,
    time_col: TimeColumn = None,
    target_col: TargetColumn = None,
    freq: Frequency = None,
    fill_gaps: FillGaps = False,
    duplicates: DuplicatesOf = "error",
    backbone: BackboneName = "minilm",
    layers: LayersOfKind = None,
    base: Annotated[str | None, typer.Option("--base", help="ridge (of sequences: linear), or none.")] = None,
    loss: LossName = "mse",
    patch: Annotated[int | None, typer.Option("--patch", help="Steps (24) or symbols (1) of one patch.")] = None,
    domain: Domain = "",
    static: StaticColumn = None,
    futr: FutureColumns = [],  # noqa: B006
    hist: HistoryColumns = [],  # noqa: B006
    max_steps: MaxSteps = Training.max_steps,
    time_budget: TimeBudget = None,
    threads: Threads = None,
    probe: Probe = False,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Forecast the last part of each series and score it, beside seasonal naive and ridge on the same windows.

    With --sequence: cross-validate a classifier or a regression, beside its pure form and n-grams on the same folds.

    seqreprog evaluate load.csv --horizon 24 --windows 4

    seqreprog evaluate --config configs/etth1_96.toml --data ETTh1.csv --json

    seqreprog evaluate peptides.csv --sequence seq --label y --kind protein --folds 5
    """
    with reported():
        path = data or data_option
        if path is None:
            raise ConfigError("evaluate needs a file: seqreprog evaluate load.csv --horizon 24")
        if sequence is not None:
            evaluate_sequences(ctx, {**locals(), "data": path}, folds=folds, as_json=as_json)
            return
        refuse_options(ctx, OF_SEQUENCES, "series have no use for these", instead="name sequences with --sequence")
        columns: dict[str, Any] = {"id_col": id_col, "time_col": time_col, "target_col": target_col}
        columns |= {"freq": frequency(freq)}
        if config is not None:
            refuse_options(ctx, IN_RECIPES, "a recipe holds every option of the model", instead="--config")
            print_recipe(score_recipe(config, path, columns), as_json)
            return
        if horizon is None:
            raise ConfigError("evaluate needs --horizon (or --config with a recipe, or --sequence with --label)")
        model = make_forecaster(with_defaults(locals(), base="ridge", patch=Adapter.patch))
        columns |= {"fill_gaps": fill_gaps, "duplicates": duplicates}
        beside = {"static": static, "futr_cols": futr, "hist_cols": hist}
        score = model.evaluate(
            read_series(path, id_col, static), n_windows=windows, step_size=step, **columns, **beside
        )
        if as_json:
            print_json(score)
        else:
            print_score(score)
