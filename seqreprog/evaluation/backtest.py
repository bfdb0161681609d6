"""Rolling-origin backtests and their scorecards: the model, the ridge and the seasonal naive on the same windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ..baselines.seasonal_naive import seasonal_naive
from ..config.forecast import ForecastConfig
from ..data.windows import MIN_CONTEXT, Panel, Windows, rolling_windows
from ..errors import ConfigError, DataError
from ..fit.fitted_forecast import Blend
from ..metrics.forecast import (
    PairedDifference,
    absolute_error,
    coverage,
    interval_width,
    mae,
    mase,
    mse,
    naive_scales,
    paired_bootstrap,
    smape,
)
from ..sources.language import Backbone
from ..tasks.forecast import FitSummary, fit_panel

MIN_BLOCKS = 5  # of cutoffs: a bootstrap of fewer draws the sample itself too often to say anything


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts of windows that the model did not see, and the baselines' of the same windows.

    Attributes:
        windows: where they stand.
        history: each series up to its first cutoff: what MASE is scaled by.
        point, quantiles: the model's forecasts.
        ridge: the closed-form forecaster's.
        summary: of the (last) fit.
    """

    windows: Windows
    history: Panel
    point: Float[np.ndarray, "window horizon"]
    quantiles: Float[np.ndarray, "window horizon level"]
    ridge: Float[np.ndarray, "window horizon"]
    summary: FitSummary

    def naive(self, season: int) -> Float[np.ndarray, "window horizon"]:
        reach = replace(self.windows, context=max(self.windows.context, 2 * season))
        return seasonal_naive(reach.inputs(), self.windows.horizon, season)


def history_of(panel: Panel, horizon: int, *, n_windows: int, step_size: int | None = None) -> Panel:
    """Each series up to its first cutoff: all that a backtest may decide from.

    Raises:
        ConfigError: `n_windows` or `step_size` below 1.
    """
    step = horizon if step_size is None else step_size
    if n_windows < 1 or step < 1:
        raise ConfigError(f"n_windows and step_size must be at least 1; got n_windows={n_windows}, step_size={step}")
    return panel.until(panel.lengths - horizon - (n_windows - 1) * step)


def backtest(
    config: ForecastConfig,
    backbone: Backbone,
    panel: Panel,
    names: Sequence[object],
    *,
    n_windows: int,
    step_size: int | None = None,
    refit: bool = False,
) -> Backtest:
    """Fits on what precedes the first cutoff (or each, with `refit`) and forecasts the last `n_windows` origins.

    Raises:
        ConfigError: `n_windows` or `step_size` below 1.
        DataError: no series is long enough to train before the first cutoff, or nothing was observed in the windows.
    """
    step = config.horizon if step_size is None else step_size
    history = history_of(panel, config.horizon, n_windows=n_windows, step_size=step)
    windows = _windows(panel, config, n_windows, step)
    point = np.empty((len(windows), config.horizon))
    quantiles = np.empty((*point.shape, len(config.quantile_levels)))
    ridge = np.empty_like(point)
    turn = (panel.offsets[1:][windows.series] - windows.origins - config.horizon) // step  # windows still to come
    summary: FitSummary | None = None
    for back in range(n_windows - 1, -1, -1) if refit else [n_windows - 1]:
        rows = np.flatnonzero(turn == back) if refit else np.arange(len(windows))
        if not len(rows):
            continue
        cutoff = panel.lengths - config.horizon - back * step
        blend, summary = fit_panel(config, backbone, panel.until(cutoff), names)
        chosen, scales = windows.take(rows), panel.until(cutoff).scales()
        point[rows], quantiles[rows] = blend.forecast(chosen, scales)
        ridge[rows] = ridge_forecast(blend, chosen, scales)
    return Backtest(windows, history, point, quantiles, ridge, summary)  # type: ignore[arg-type]


def _windows(panel: Panel, config: ForecastConfig, n_windows: int, step: int) -> Windows:
    """The last origins of each series, but those with nothing to forecast from or to compare with."""
    need = (n_windows - 1) * step + 2 * config.horizon + MIN_CONTEXT
    if panel.lengths.max() < need:
        raise DataError(
            f"n_windows={n_windows} x step_size={step} + horizon={config.horizon} needs {need} rows, as one horizon "
            f"must be left to train on; the longest series has {panel.lengths.max()}. Use fewer windows"
        )
    windows = rolling_windows(panel, config.context, config.horizon, count=n_windows, step=step)
    found = windows.informative()
    if not len(found):
        raise DataError(
            f"none of the {len(windows)} windows has an observed value both in its context of {config.context} steps "
            f"and among its {config.horizon} targets. Lengthen context, or leave off the end of the series"
        )
    return found


def ridge_forecast(
    blend: Blend, windows: Windows, series_scale: Float[np.ndarray, " series"], rows: int = 8192
) -> Float[np.ndarray, "window horizon"]:
    """The ridge alone, in chunks."""
    return np.concatenate([blend.base(part, series_scale) for part in windows.chunks(rows)])


def scorecard(found: Backtest, config: ForecastConfig, season: int) -> dict[str, Any]:
    """MASE, sMAPE, MAE, MSE and coverage by model, and what the language model adds to the ridge (paired by cutoff)."""
    targets, scales = found.windows.targets(), naive_scales(found.history, season)[found.windows.series]
    forecasts = {"seqreprog": found.point, "ridge": found.ridge, "seasonal_naive": found.naive(season)}
    table: dict[str, dict[str, float]] = {
        name: {
            "MASE": mase(targets, forecast, scales),
            "sMAPE": smape(targets, forecast),
            "MAE": mae(targets, forecast),
            "MSE": mse(targets, forecast),
        }
        for name, forecast in forecasts.items()
    }
    levels = sorted(config.level, reverse=True)
    for place, level in enumerate(levels):
        low, high = found.quantiles[..., place], found.quantiles[..., -1 - place]
        table["seqreprog"][f"coverage-{level:g}"] = coverage(targets, low, high)
        table["seqreprog"][f"width-{level:g}"] = interval_width(targets, low, high)
    errors = {name: absolute_error(targets, forecast) / scales[:, None] for name, forecast in forecasts.items()}
    against = {
        rival: paired_over_cutoffs(found.windows, errors["seqreprog"], errors[rival])._asdict()
        for rival in ("ridge", "seasonal_naive")
    }
    return {
        "models": table,
        "windows": len(found.windows),
        "season": season,
        "weight": found.summary.weight,
        "verdict": _verdict(found.summary, against["ridge"]["relative"]),
        "against": against,
    }


def _verdict(summary: FitSummary, relative: float) -> str:
    """What validation said, and what these windows say."""
    if not np.isfinite(relative):  # the ridge makes no error here, or no series has a scale
        return summary.verdict
    return f"{summary.verdict}; on these windows the forecast's MASE is {relative:+.1%} against the ridge"


def paired_over_cutoffs(
    windows: Windows,
    ours: Float[np.ndarray, "window horizon"],
    theirs: Float[np.ndarray, "window horizon"],
    block: int | None = None,
) -> PairedDifference:
    """Block bootstrap over cutoffs, all series of a cutoff drawn together: they share the weather.

    Args:
        windows: where the errors stand; series are lined up by their distance from the end.
        ours: errors of one forecaster.
        theirs: errors of the other.
        block: cutoffs drawn together; `None` takes what overlaps in time, or a week of daily cutoffs if that is more
            and leaves `MIN_BLOCKS`.

    Returns:
        The difference; its interval is `NaN` with fewer than `MIN_BLOCKS` blocks: they cannot say how much it varies.
    """
    panel = windows.panel
    back = panel.offsets[1:][windows.series] - windows.origins
    cutoffs, place = np.unique(-back, return_inverse=True)
    stacked = [np.full((len(cutoffs), len(panel), windows.horizon), np.nan) for _ in range(2)]
    for target, errors in zip(stacked, (ours, theirs), strict=True):
        target[place, windows.series] = errors
    if block is None:
        spacing = int(np.diff(cutoffs).min()) if len(cutoffs) > 1 else windows.horizon
        block = max(-(-windows.horizon // spacing), min(7, len(cutoffs) // MIN_BLOCKS))
    found = paired_bootstrap(*stacked, block=min(block, len(cutoffs)))
    if len(cutoffs) >= MIN_BLOCKS * block:
        return found
    return found._replace(low=np.nan, high=np.nan, relative_low=np.nan, relative_high=np.nan)
