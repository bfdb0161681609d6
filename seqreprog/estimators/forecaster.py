"""Forecaster: DataFrame in, DataFrame out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from ..config.forecast import (
    DEFAULT_CONTEXT,
    Adapter,
    Base,
    Covariates,
    Device,
    ForecastConfig,
    Layers,
    Loss,
    Mode,
    Open,
    Prompt,
    Training,
    forecast_config,
    settled,
    to_dict,
)
from ..data.categories import learned
from ..data.covariates import ends_of, read_covariates
from ..data.frames import SeriesTable, future_frame, read_table, with_forecasts
from ..data.rows import Columns
from ..errors import CheckpointError, ConfigError, InputTypeError, NotFittedError, Notice
from ..evaluation.plot import check_picture, plot_forecast, save_figure
from ..fit.artifact import backbone_record, check_backbone, check_kind, load_artifact, save_artifact
from ..fit.fitted_forecast import Blend, blend_state, restore_blend
from ..fit.gradient import check_device
from ..sources.language import Backbone, load_backbone
from ..tasks.forecast import FitSummary, fit_panel
from .rolling import RollingOrigin, beside_of, remembered

NAME = "seqreprog"


class Forecaster(RollingOrigin):
    """Forecasts many series with a frozen language model that was reprogrammed for them.

        f_T(x) = h_omega( f_S( h_theta(x) ) ),    forecast = ridge(x) + weight * (f_T(x) - ridge(x))

    `f_S` is the frozen language model, `h_theta` patches and text-prototype attention, `h_omega` a quantile head (Chen
    2022, arXiv 2202.10629; Jin et al. 2024, Time-LLM, sections 3.1 and 3.2). Only theta and omega are trained and
    saved.

    Args:
        horizon: steps to forecast.
        context: steps read; `None` takes a third of the longest series, at most 512.
        backbone: `"minilm"`, a local directory, or any Hugging Face id (causal, masked, or an encoder-decoder's
            encoder).
        layers: keep only the first layers of the backbone; `None` keeps all. `"auto"` keeps two, and all where `fit`
            gets a text to read. Two cost a third of MiniLM's six; on ETTh1's validation windows one was as good.
        level: coverage of the intervals, in percent: one number or several.
        loss: of the point forecast, `"mse"` or `"mae"`.
        base: `"ridge"` adds the language model to a closed-form linear forecaster where it proves itself on validation;
            `"none"` is the pure form of the papers.
        seed: of everything random; the caller's random state is never touched.
        device: `"auto"`, `"cpu"`, `"cuda"` or `"mps"`.
        prompt: the text before the patches.
        adapter: the size of theta and omega.
        training: schedule, budget, threads.

    Attributes:
        summary_: what `fit` did, and what each part contributes on validation windows.

    `fit`, then `predict` for a table or `plot` for a figure; `evaluate` says what it is worth.
    """

    def __init__(
        self,
        horizon: int,
        *,
        context: int | None = None,
        backbone: str | Path = "minilm",
        layers: Layers = "auto",
        level: object = (80,),
        loss: Loss = "mse",
        base: Base = "ridge",
        seed: int = 0,
        device: Device = "auto",
        prompt: Prompt | None = None,
        adapter: Adapter | None = None,
        training: Training | None = None,
    ) -> None:
        if adapter is not None and not isinstance(adapter, Adapter):
            raise InputTypeError(f"adapter must be made by Adapter(...); got {adapter!r}")
        self.adapter = Adapter() if adapter is None else adapter
        self._open = Open(context=context is None, layers=layers == "auto")
        self.config = ForecastConfig(
            horizon=horizon,
            context=max(self.adapter.patch, DEFAULT_CONTEXT) if context is None else context,
            backbone=str(backbone),
            layers=ForecastConfig.layers if layers == "auto" else layers,
            level=tuple(level) if isinstance(level, list | tuple) else (cast(float, level),),
            loss=loss,
            base=base,
            seed=seed,
            device=device,
            prompt=Prompt() if prompt is None else prompt,
            adapter=self.adapter,
            training=Training() if training is None else training,
        )
        self._backbone: Backbone | None = None
        self._blend: Blend | None = None
        self._table: SeriesTable | None = None
        self._columns: Columns | None = None
        self._given: dict[str, Any] = {}

    def __repr__(self) -> str:
        state = "fitted" if self._blend is not None else "not fitted"
        return (
            f"Forecaster(horizon={self.config.horizon}, context={self.config.context}, "
            f"backbone={self.config.backbone!r}, base={self.config.base!r}): {state}"
        )

    def fit(
        self,
        df: pd.DataFrame,
        *,
        id_col: str | None = None,
        time_col: str | None = None,
        target_col: str | None = None,
        freq: object = None,
        fill_gaps: bool = False,
        duplicates: object = "error",
        mode: Mode | None = None,
        static: str | None = None,
        futr_cols: Sequence[str] = (),
        hist_cols: Sequence[str] = (),
    ) -> Forecaster:
        """Fits on a long frame (one row per series and time) or a wide one (dates as index, a column per series).

        Args:
            df: the series; missing values are masked, not filled.
            id_col: names the series; `"unique_id"` by default.
            time_col: dates or whole numbers; `"ds"` by default.
            target_col: what to forecast; `"y"` by default.
            freq: pandas offset (a custom calendar too) or alias, or whole-number step; found out by itself.
            fill_gaps: take missing rows for missing values instead of refusing them, here and in `predict`.
            duplicates: what counts of several rows for one time of a series, here and in `predict`: `"error"` refuses
                them, `"first"` and `"last"` take that row, `"mean"` the mean of the known values.
            mode: `"train"` or, for a quick first answer without training, `"probe"`; see `Training`, whose choice holds
                by default.
            static: text, one sentence for each series, the same in all of its rows; or a number, read as words.
            futr_cols: numbers, or words (up to 50, one-hot), that are known of the steps to come (holidays, a weather
                forecast); `predict` asks for them.
            hist_cols: numbers or words that are known up to now.

        Raises:
            ConfigError: a column has two roles.
            DataError: the records break a rule; the message says which, where, and what to do.
            BackboneError: the language model cannot be found, or is too small for prompt and patches.
        """
        names = learned(df, Covariates.of(static, futr_cols, hist_cols))
        columns: Any = {"id_col": id_col, "time_col": time_col, "target_col": target_col, "freq": freq}
        table = self._read(df, names, **columns, fill_gaps=fill_gaps, duplicates=duplicates)
        config = settled(self.config, names, self._open, longest=int(table.panel.lengths.max()))
        if mode is not None:
            config = replace(config, training=replace(config.training, mode=mode))
        self._backbone = self._load_backbone(config)
        self._blend, self.summary_ = fit_panel(config, self._backbone, table.panel, list(table.ids))
        self.summary_.notices[:0] = table.notices
        self.config = replace(config, training=self.config.training)
        self._columns, self._table = table.columns, table
        given = {**columns, "fill_gaps": fill_gaps, "duplicates": duplicates, **beside_of(names)}
        self._given = {name: value for name, value in given.items() if value is not None}
        return self

    def predict(
        self, df: pd.DataFrame | None = None, *, h: object = None, futr_df: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """Forecasts the next `h` steps of each series.

        Args:
            df: series to forecast, seen in `fit` or not, with the covariates of `fit`; `None` takes those of `fit`.
            h: steps, at most `horizon`.
            futr_df: ids, times and the `futr_cols` of `fit` for the `h` steps after the end of each series; other rows
                and columns are ignored. Of what is known within the horizon every step may make use, so rows up to
                there count whatever `h` is; those that are absent are unknown to the model.

        Returns:
            A long frame with the caller's column names, dtypes, time zone and order of ids: id, time, `seqreprog` (the
            point forecast) and, per level, `seqreprog-lo-80` and `seqreprog-hi-80`. They are missing, with a notice,
            for a series without an observed value in its last `context` steps.

        Raises:
            NotFittedError: nothing was fitted, or no frame is at hand after `load`.
            DataError: the frame breaks a rule.
            ConfigError: `h` is beyond the horizon.
        """
        blend = self._fitted()
        h = self.config.horizon if h is None else h
        if not isinstance(h, int | np.integer) or isinstance(h, bool):
            raise InputTypeError(f"h must be a whole number of steps; got {h!r}. Pass h=1 to {self.config.horizon}")
        if not 1 <= h <= self.config.horizon:
            raise ConfigError(f"h must be 1 to {self.config.horizon}, the horizon this model was fitted for; got {h}")
        table = self._asked(df)
        names, context, horizon = self.config.covariates, self.config.context, self.config.horizon
        windows = ends_of(table, names, futr_df, context=context, horizon=horizon, steps=int(h))
        hidden = not self.config.training.progress
        with tqdm(total=len(windows), desc="forecasting", unit="series", disable=hidden or None) as bar:
            point, quantiles = blend.forecast(windows, table.panel.scales(), progress=bar.update)
        return self._named(future_frame(table, int(h)), point[:, :h], quantiles[:, :h])

    def plot(
        self,
        df: pd.DataFrame | None = None,
        *,
        path: str | Path | None = None,
        limit: int = 6,
        futr_df: pd.DataFrame | None = None,
    ) -> Any:
        """Draws the last part of each series with its forecast and intervals; needs matplotlib.

        Args:
            df: as in `predict`.
            path: where to write the picture (png, svg or pdf); `None` writes none.
            limit: series drawn at most, the first ones.
            futr_df: as in `predict`.

        Returns:
            The matplotlib `Figure`.
        """
        self._fitted()
        if path is not None:
            check_picture(path)
        figure = plot_forecast(self._asked(df), self.predict(df, futr_df=futr_df), limit=limit)
        if path is not None:
            save_figure(figure, path)
        return figure

    def save(self, path: str | Path) -> None:
        """Writes theta, omega, base and settings: a few MB, without the frozen model. Whole or not at all; no pickle.

        Raises:
            OutputError: the place cannot be written, or holds something else.
        """
        blend = self._fitted()
        tensors, document = blend_state(blend)
        save_artifact(
            path,
            tensors,
            {
                "kind": "forecaster",
                "config": to_dict(self.config),
                "columns": asdict(self._columns) if self._columns else None,
                "backbone": backbone_record(blend.backbone),
                "summary": asdict(self.summary_),
                **document,
            },
        )

    @classmethod
    def load(
        cls, path: str | Path, *, backbone: str | Path | None = None, device: str = "auto", verify: bool = True
    ) -> Forecaster:
        """Reads what `save` wrote, and asks it again what it was asked then.

        Args:
            path: the directory.
            backbone: where the language model is now, if no longer where it was; it must be the same to the byte.
            device: as in the constructor.
            verify: `False` skips the canary, one pass over two windows; the files' digest is always checked.

        Raises:
            CheckpointError: damaged, edited, foreign, another backbone, or a model that answers otherwise than when it
                was saved.
            ConfigError: there is no such device here.
        """
        check_device(device)
        tensors, document = load_artifact(path)
        check_kind(path, document, "forecaster")
        try:
            config = forecast_config({**document["config"], "device": device})
            record, columns = document["backbone"], Columns(**document["columns"])
            summary = FitSummary(**document["summary"])
        except (KeyError, TypeError, ConfigError) as error:
            raise CheckpointError(f"{str(path)!r} is no forecaster that this release reads: {error}") from error
        model = cls(config.horizon, context=config.context, layers=config.layers, adapter=config.adapter)
        model.config, model._columns, model.summary_ = config, columns, summary
        model._given = remembered(columns, config.covariates)
        model._backbone = load_backbone(backbone or config.backbone, config.layers)
        check_backbone(record, model._backbone)
        model._blend = restore_blend(config, model._backbone, tensors, document, verify=verify)
        return model

    @property
    def columns(self) -> Columns:
        """The caller's column names, dtypes and frequency, as `fit` found them."""
        if self._columns is None:
            raise NotFittedError("this Forecaster is not fitted: call fit(df) first, or Forecaster.load(path)")
        return self._columns

    def _read(self, df: pd.DataFrame, names: Covariates, **options: Any) -> SeriesTable:
        table = read_covariates(read_table(df, **options), df, names)
        for notice in table.notices:
            warnings.warn(notice, Notice, stacklevel=3)
        return table

    def _asked(self, df: pd.DataFrame | None) -> SeriesTable:
        """The series to forecast: those of `df`, else those of `fit`."""
        if df is not None:
            return read_covariates(read_table(df, like=self._columns), df, self.config.covariates)
        if self._table is None:
            raise NotFittedError("a loaded model holds no series: pass the frame to forecast, predict(df)")
        return self._table

    def _load_backbone(self, config: ForecastConfig) -> Backbone:
        if self._backbone is None or config.layers != self.config.layers:
            return load_backbone(config.backbone, config.layers)
        return self._backbone

    def _fitted(self) -> Blend:
        if self._blend is None:
            raise NotFittedError("this Forecaster is not fitted: call fit(df) first, or Forecaster.load(path)")
        return self._blend

    def _named(self, frame: pd.DataFrame, point: np.ndarray, quantiles: np.ndarray) -> pd.DataFrame:
        return with_forecasts(frame, NAME, self.config.level, point, quantiles)
