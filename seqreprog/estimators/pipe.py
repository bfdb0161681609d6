"""Fit and forecast as one function of a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from .forecaster import Forecaster


def forecast(
    df: pd.DataFrame,
    horizon: int,
    *,
    id_col: str | None = None,
    time_col: str | None = None,
    target_col: str | None = None,
    freq: str | int | None = None,
    fill_gaps: bool = False,
    duplicates: object = "error",
    static: str | None = None,
    futr_cols: Sequence[str] = (),
    hist_cols: Sequence[str] = (),
    futr_df: pd.DataFrame | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Fit and forecast in one step of a pandas pipeline: `df.pipe(seqreprog.forecast, horizon=24)`.

    Args:
        df: the series, long or wide.
        horizon: steps to forecast.
        id_col: as in `Forecaster.fit`.
        time_col: as in `Forecaster.fit`.
        target_col: as in `Forecaster.fit`.
        freq: as in `Forecaster.fit`.
        fill_gaps: as in `Forecaster.fit`.
        duplicates: as in `Forecaster.fit`.
        static: as in `Forecaster.fit`.
        futr_cols: as in `Forecaster.fit`.
        hist_cols: as in `Forecaster.fit`.
        futr_df: as in `Forecaster.predict`.
        **options: as in `Forecaster`.
    """
    columns: Any = {"id_col": id_col, "time_col": time_col, "target_col": target_col, "freq": freq}
    columns |= {"fill_gaps": fill_gaps, "duplicates": duplicates}
    beside: Any = {"static": static, "futr_cols": futr_cols, "hist_cols": hist_cols}
    return Forecaster(horizon, **options).fit(df, **columns, **beside).predict(futr_df=futr_df)
