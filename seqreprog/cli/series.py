"""The command line for whole series: what `seqreprog predict` does with a model that classifies or regresses them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError, Notice
from .console import say
from .forecasts import check_outputs

NAME = "seqreprog"
COLUMNS = {"id_col", "time_col", "value_col"}  # options of `predict` that other models have no use for


def predicts_whole_series(model: Path) -> bool:
    """Whether a saved model answers for whole series."""
    from ..estimators.series import ARTIFACT
    from ..fit.artifact import artifact_kind

    return artifact_kind(model) == ARTIFACT


def predict_whole_series(
    model: Path,
    data: Path,
    out_file: Path | None,
    *,
    id_col: str | None,
    time_col: str | None,
    value_cols: Sequence[str],
    backbone: str | None,
    device: str,
    verify: bool,
) -> None:
    """Answers for the series of a file with a saved model: a row for each, to a file or standard output."""
    import pandas as pd

    from ..data.files import write_frame_file, write_marked
    from ..estimators.series import SeriesModel
    from ..sktime.ts_files import is_ts_file

    check_outputs(out_file, None, None)
    if is_ts_file(data) and (time_col is not None or value_cols):
        raise ConfigError(f"file {str(data)!r} names no columns: drop --time-col and --value-col")
    loaded = SeriesModel.load(model, backbone=backbone, device=device, verify=verify)
    ids, instances = _read(loaded, data, id_col, time_col, value_cols)
    frame = pd.DataFrame({id_col or "unique_id": ids})
    if loaded.blend.config.task == "classify":
        shares = loaded.probabilities(instances)
        frame[NAME] = loaded.classes[shares.argmax(1)]
        for column, label in enumerate(loaded.classes):
            frame[f"{NAME}-{label}"] = shares[:, column]
    else:
        frame[NAME] = loaded.values(instances)
    if out_file is None:
        write_marked(frame, sys.stdout)
    else:
        write_frame_file(frame, out_file)
        say(f"{len(frame):,} rows written to {out_file}")


def _read(
    loaded: Any, data: Path, id_col: str | None, time_col: str | None, value_cols: Sequence[str]
) -> tuple[Any, Any]:
    """The ids of the series, and the series; those of a `.ts` file are numbered."""
    from ..data.files import read_frame_file
    from ..data.instance_frames import read_instance_frame
    from ..sktime.ts_files import ENDING, is_ts_file, read_ts_file

    if is_ts_file(data):
        instances = read_ts_file(data)
        return range(len(instances)), instances
    frame = read_frame_file(data, names=(id_col or "unique_id",), others=f", or in {ENDING}")
    table = read_instance_frame(frame, id_col=id_col, time_col=time_col, value_cols=value_cols, known=loaded.channels)
    for notice in table.notices:
        warnings.warn(notice, Notice, stacklevel=2)
    channels = len(loaded.blend.channel_scale[0])
    if len(table.channels) != channels:
        raise DataError(
            f"this model was fitted on series of {channels} channels; the columns of values are "
            f"{list(table.channels)}. Name as many with --value-col"
        )
    return table.ids, table.instances
