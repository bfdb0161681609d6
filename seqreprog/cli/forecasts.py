"""What the commands that forecast share: options to a Forecaster, a file to forecasts, a recipe to figures."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config.forecast import Adapter, Prompt, Training, read_toml
from ..errors import ConfigError, Notice
from .console import say


def make_forecaster(given: dict[str, Any]) -> Any:
    """A Forecaster from a command's options."""
    from ..estimators.forecaster import Forecaster

    return Forecaster(
        horizon=given["horizon"],
        context=given["context"],
        backbone=given["backbone"],
        layers="auto" if given["layers"] is None else given["layers"],
        level=given["level"],
        loss=given["loss"],
        base=given["base"],
        seed=given["seed"],
        device=given["device"],
        prompt=Prompt(domain=given["domain"]),
        adapter=Adapter(patch=given["patch"], stride=given["patch"]),
        training=Training(
            max_steps=given["max_steps"],
            time_budget=given["time_budget"],
            threads=given["threads"],
            mode="probe" if given["probe"] else "train",
        ),
    )


def deliver_forecasts(
    model: Any,
    frame: Any,
    out_file: Path | None,
    plot: Path | None,
    columns: dict[str, Any],
    *,
    h: int | None = None,
    fresh: bool = False,
    future: Any = None,
) -> None:
    """Forecasts to a file or standard output, and a picture."""
    from ..data.files import write_frame_file, write_marked
    from ..data.frames import read_table
    from ..evaluation.plot import plot_forecast, save_figure

    forecast = model.predict(None if fresh else frame, h=h, futr_df=future)
    if out_file is None:
        write_marked(forecast, sys.stdout)
    else:
        write_frame_file(forecast, out_file)
        say(f"{len(forecast):,} rows written to {out_file}")
    if plot is not None:
        table = read_table(frame, **columns) if fresh else read_table(frame, like=model.columns)
        save_figure(plot_forecast(table, forecast), plot)
        say(f"picture written to {plot}")


def score_recipe(config: Path, data: Path, columns: dict[str, Any]) -> dict[str, Any]:
    """What a recipe finds on a file; `columns` that were named in the command count before those of the recipe."""
    from ..data.categories import learned
    from ..data.covariates import read_covariates
    from ..data.frames import read_table
    from ..evaluation.protocol import read_recipe, run_recipe

    forecaster, protocol = read_recipe(read_toml(config))
    given = {name: value for name, value in columns.items() if value is not None}  # a file has its own names
    named = {**protocol.columns, **given}
    frame = read_series(data, named["id_col"], forecaster.covariates.static)
    forecaster = replace(forecaster, covariates=learned(frame, forecaster.covariates))
    table = read_covariates(read_table(frame, **named), frame, forecaster.covariates)
    for notice in table.notices:
        warnings.warn(notice, Notice, stacklevel=2)
    found = run_recipe(forecaster, protocol, table.panel, list(table.ids), report=lambda line: say(line, style="dim"))
    return {"config": str(config), "data": data.name, **found}


def read_series(path: Path, id_col: str | None, static: str | None = None) -> Any:
    """The file's rows; of a CSV the ids and the sentences as they stand there."""
    from ..data.files import read_frame_file
    from ..data.frames import DEFAULT_NAMES

    names = (id_col or DEFAULT_NAMES[0], static)
    return read_frame_file(path, names=[name for name in names if name is not None])


def read_ahead(path: Path | None, columns: Sequence[str], frame: Any, id_col: str | None) -> Any:
    """What is known of the steps to come; asked for before any work is lost."""
    if path is None and columns:
        raise ConfigError(f"columns {list(columns)} are to be known ahead: pass their file with --future")
    if path is None:
        return None
    if not columns:
        raise ConfigError(
            "--future is read for columns that are known ahead, and there are none: name them with --futr"
        )
    from ..data.columns import plain
    from ..data.frames import DEFAULT_NAMES

    ahead, name = read_series(path, id_col), id_col or DEFAULT_NAMES[0]
    if name in frame.columns and name in ahead.columns and plain(frame[name]).dtype != plain(ahead[name]).dtype:
        # of a CSV ids are text, of a Parquet file they may be numbers: these are one where they are written alike
        known = {str(each): each for each in plain(frame[name]).dropna().unique()}
        ahead[name] = [known.get(str(each), each) for each in ahead[name]]
    return ahead


def check_ahead(frame: Any, ahead: Any, columns: dict[str, Any], names: Sequence[str], horizon: int) -> None:
    """Refuses a future that cannot serve before the model is fitted and saved."""
    from ..config.forecast import Covariates
    from ..data.categories import learned
    from ..data.covariates import read_future
    from ..data.frames import read_table

    covariates = learned(frame, Covariates.of(None, names, ()))
    read_future(read_table(frame, **columns), ahead, covariates, steps=horizon, horizon=horizon)


def frequency(text: str | None) -> str | int | None:
    """A pandas alias, or the step of whole numbers."""
    return int(text) if text is not None and text.isdigit() else text


def check_outputs(out_file: Path | None, plot: Path | None, save: Path | None) -> None:
    """Refuses what cannot be written before any work is lost."""
    from ..data.files import check_frame_writable, check_writable
    from ..evaluation.plot import check_picture
    from ..fit.artifact import check_place

    if out_file is not None:
        check_frame_writable(out_file)
    if plot is not None:
        check_picture(plot)
        check_writable(plot)
    if save is not None:
        check_place(save)
