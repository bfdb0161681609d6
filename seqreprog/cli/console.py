"""What the command line says: results to standard output, the rest to standard error, a mistake in a sentence."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import Notice, SeqReprogError

ARGUMENT = re.compile(r"\b(id_col|time_col|target_col|freq|fill_gaps|backbone|horizon)=(\.\.\.|True)")
TEXT = re.compile(r"\b(static|on_unknown|alphabet|duplicates)='([^']*)'")

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)


def print_score(score: dict[str, Any]) -> None:
    """A scorecard as a table, what the language model adds, and the verdict."""
    models = score["models"]
    table = Table(title=f"{score['windows']} windows, season {score['season']}; lower is better, coverage as stated")
    columns = list(models["seqreprog"])
    table.add_column("model")
    for name in columns:
        table.add_column(name, justify="right")
    for model, values in models.items():
        table.add_row(model, *(_cell(name, values.get(name)) for name in columns))
    against = score["against"]["ridge"]
    low, high = against["relative_low"], against["relative_high"]
    known = math.isfinite(low) and math.isfinite(high)
    interval = f"95 % interval {low:+.1%} to {high:+.1%}" if known else "too few cutoffs for an interval"
    _show_table(
        table,
        f"MASE against ridge: {against['relative']:+.1%} ({interval})",
        score["verdict"],
    )


def print_recipe(found: dict[str, Any], as_json: bool) -> None:
    """A recipe's figures over its seeds, as a table or as JSON."""
    if as_json:
        print_json(found)
        return
    table = Table(
        title=Text(f"{found['config']} on {found['data']}: mean and standard deviation over {len(found['runs'])} seeds")
    )
    columns = list(found["over_seeds"]["seqreprog"])
    table.add_column("model")
    for name in columns:
        table.add_column(name, justify="right")
    for model, values in found["over_seeds"].items():
        cells = [
            f"{values[name]['mean']:.4f} ± {values[name]['std']:.4f}" if name in values else "" for name in columns
        ]
        table.add_row(model, *cells)
    _show_table(table, *(f"seed {run['seed']}: {run['verdict']}" for run in found["runs"]))


def print_sequence_score(found: dict[str, Any]) -> None:
    """Cross-validated scores of sequences as a table, and the confusion table (rows: truth)."""
    models = found["models"]
    table = Table(title=f"{found['sequences']} sequences, {found['folds']} folds: mean and standard deviation")
    columns = list(models["seqreprog"])
    table.add_column("model")
    for name in columns:
        table.add_column(name, justify="right")
    for model, values in models.items():
        table.add_row(model, *(f"{values[name]['mean']:.4f} ± {values[name]['std']:.4f}" for name in columns))
    weights = ", ".join(f"{weight:.2f}" for weight in found["weights"])
    _show_table(table, f"weight of the language model in each fold: {weights}")
    counts = found["pooled"]["seqreprog"].get("confusion")
    if counts is not None:
        shown = Table(title="confusion of seqreprog: a row for each true class, a column for each answer")
        shown.add_column("")
        for label in found["classes"]:
            shown.add_column(Text(label), justify="right")
        for label, row in zip(found["classes"], counts, strict=True):
            shown.add_row(Text(label), *map(str, row))
        _show_table(shown)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1%}" if name.startswith("coverage") else f"{value:,.3f}"


def say(text: str, style: str | None = None) -> None:
    """To standard error as it is: a file's name may hold brackets, and a long line is the terminal's to break."""
    err.print(text, style=style, markup=False, soft_wrap=True)


def _show_table(table: Table, *lines: str) -> None:
    """A table and lines below it, at full width where nobody's terminal sets one."""
    wide = out if out.is_terminal else Console(highlight=False, width=200)
    wide.print(table)
    for line in lines:
        wide.print(line, markup=False, soft_wrap=True)


def print_json(found: dict[str, Any]) -> None:
    """Strict JSON: what is not a finite number (a MASE of constant series) is null."""

    def strict(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strict(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [strict(each) for each in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    typer.echo(json.dumps(strict(found), indent=2, allow_nan=False))


@contextmanager
def reported() -> Iterator[None]:
    """Mistakes as one sentence and exit code 1, notices as one line each."""
    with warnings.catch_warnings():
        warnings.showwarning = _show(warnings.showwarning)
        warnings.simplefilter("always", Notice)
        try:
            yield
        except SeqReprogError as error:
            err.print("error ", style="bold red", end="")
            say(" ".join(f"{type(error).__name__}: {as_options(str(error))}".split()))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            say("interrupted: nothing was written but what is named above")
            raise typer.Exit(130) from None


def as_options(said: str) -> str:
    """What a message calls arguments of a function, by the names that they have here."""
    said = ARGUMENT.sub(lambda found: "--" + found[1].replace("_", "-"), said)
    said = TEXT.sub(lambda found: f"--{found[1].replace('_', '-')} {found[2]}", said)
    said = re.sub(r"^h must be", "--horizon must be", said)
    return (
        said.replace("sequence_col=...", "--sequence")
        .replace("value_cols=[...]", "--value-col")
        .replace("futr_df", "--future")
        .replace("another in fit", "another column")
    )


def _show(usual: Callable[..., None]) -> Callable[..., None]:
    def show(message: Warning | str, category: type[Warning], *rest: Any, **options: Any) -> None:
        if issubclass(category, Notice):
            err.print("notice ", style="yellow", end="")
            say(str(message))
        else:
            usual(message, category, *rest, **options)

    return show
