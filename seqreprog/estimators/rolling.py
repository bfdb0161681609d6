"""Rolling-origin forecasts and scores of a `Forecaster`, with the arguments of mlforecast and neuralforecast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..baselines.seasonal_naive import season_of
from ..config.forecast import Covariates, ForecastConfig, Open, settled
from ..data.categories import learned
from ..data.frames import DEFAULT_NAMES, SeriesTable, window_frame
from ..data.rows import Columns
from ..errors import InputTypeError
from ..evaluation.backtest import Backtest, backtest, cutoffs_of, scorecard
from ..sources.language import Backbone

READING = ("id_col", "time_col", "target_col", "freq", "fill_gaps", "duplicates")
BESIDE = ("static", "futr_cols", "hist_cols")


class RollingOrigin:
    """What a forecaster is worth on the known end of each series."""

    config: ForecastConfig
    _open: Open
    _given: dict[str, Any]

    def cross_validation(
        self,
        df: pd.DataFrame,
        *,
        n_windows: int | None = 1,
        step_size: int | None = None,
        refit: bool | int = False,
        h: int | None = None,
        test_size: int | None = None,
        **columns: Any,
    ) -> pd.DataFrame:
        """Rolling-origin forecasts of the last part of each series, by models that never saw it.

        A fresh model is fitted on what precedes the first cutoff (with `refit`, later ones too); a model that this
        object was fitted to before stays as it is. What is known ahead is read from `df` itself. A context that is left
        open is a third of the longest series as it stands before the first cutoff, for every cutoff alike.

        Args:
            df: as in `fit`.
            n_windows: forecasts per series; `None` where `test_size` says how many there are.
            step_size: steps from one cutoff to the next; `h` by default.
            refit: `True` fits anew before every cutoff, a number `k` before every k-th from the first on.
            h: steps of each forecast, at most the horizon, which they have by default. The model is the same: its first
                `h` steps.
            test_size: steps at the end of each series that the windows cover, in place of `n_windows`.
            **columns: `id_col`, `time_col`, `target_col`, `freq`, `fill_gaps`, `duplicates`, `static`, `futr_cols`,
                `hist_cols` as in `fit`; a fitted model remembers those of `fit`.

        Returns:
            id, time, `cutoff`, target, `seqreprog` and its quantiles: what `utilsforecast.evaluation.evaluate` takes.

        Raises:
            InputTypeError: an argument that there is none of, or that is no whole number.
            ConfigError: numbers that do not fit together.
            DataError: the series are too short for so many windows.
        """
        shape = {"n_windows": n_windows, "step_size": step_size, "refit": refit, "h": h, "test_size": test_size}
        table, found, _ = self._backtest(df, "cross_validation", columns, shape)
        frame = window_frame(table, found.windows.series, found.origins, found.steps)
        return self._named(frame, found.point[:, : found.steps], found.quantiles[:, : found.steps])

    def evaluate(
        self,
        df: pd.DataFrame,
        *,
        n_windows: int = 4,
        step_size: int | None = None,
        season: int | None = None,
        **columns: Any,
    ) -> dict[str, Any]:
        """Scores rolling-origin forecasts beside seasonal naive and the ridge, on the same windows.

        Args:
            df: as in `fit`.
            n_windows: forecasts per series, after one fit on what precedes the first.
            step_size: steps from one cutoff to the next; the horizon by default.
            season: of the seasonal naive and of MASE; what the frequency suggests by default.
            **columns: as in `cross_validation`.

        Returns:
            A dict that can be printed as JSON: `models` (MASE, sMAPE, MAE, MSE, coverage), `against` (paired
            differences in MASE with a 95 % block-bootstrap interval) and a `verdict` in words.
        """
        shape = {"n_windows": n_windows, "step_size": step_size}
        table, found, config = self._backtest(df, "evaluate", columns, shape)
        return scorecard(found, config, season_of(table.columns.freq) if season is None else season)

    def _backtest(
        self, df: pd.DataFrame, asked: str, columns: dict[str, Any], shape: dict[str, Any]
    ) -> tuple[SeriesTable, Backtest, ForecastConfig]:
        if unknown := [name for name in columns if name not in (*READING, *BESIDE)]:
            raise InputTypeError(
                f"{asked} has no argument {unknown[0]!r}; it has {[*shape, *READING, *BESIDE]}. Leave it out, or pass "
                "what is said of the model to Forecaster(...)"
            )
        cutoffs = cutoffs_of(self.config.horizon, **shape)
        columns = {**self._given, **columns}
        names = learned(df, Covariates.of(**{name: given for name, given in columns.items() if name in BESIDE}))
        table = self._read(df, names, **{name: given for name, given in columns.items() if name in READING})
        before = cutoffs.history(table.panel)
        config = settled(self.config, names, self._open, longest=int(before.lengths.max()))
        found = backtest(config, self._load_backbone(config), table.panel, list(table.ids), cutoffs)
        return table, found, config

    def _read(self, df: pd.DataFrame, names: Covariates, **options: Any) -> SeriesTable:
        raise NotImplementedError

    def _load_backbone(self, config: ForecastConfig) -> Backbone:
        raise NotImplementedError

    def _named(self, frame: pd.DataFrame, point: np.ndarray, quantiles: np.ndarray) -> pd.DataFrame:
        raise NotImplementedError


def remembered(columns: Columns, names: Covariates) -> dict[str, Any]:
    """The arguments of `fit` of a saved model; of a wide frame the names are in the frame."""
    known = {name: getattr(columns, name) for name in ("freq", "fill_gaps", "duplicates")}
    if columns.layout == "long":
        names_of = zip(("id_col", "time_col", "target_col"), DEFAULT_NAMES, strict=True)
        known |= {role: name for role, usual in names_of if (name := getattr(columns, role)) != usual}
    return known | beside_of(names)


def beside_of(names: Covariates) -> dict[str, Any]:
    """The arguments of `fit` that name what stands beside the target."""
    return {name: given for name in BESIDE if (given := getattr(names, name))}
