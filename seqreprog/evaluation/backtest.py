"""Rolling-origin backtests and their scorecards: the model, the ridge and the seasonal naive on the same windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..baselines.seasonal_naive import seasonal_naive
from ..config.forecast import ForecastConfig
from ..data.windows import MIN_CONTEXT, Panel, Windows, rolling_windows
from ..errors import ConfigError, DataError, InputTypeError
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
        steps: how many of each window's steps were asked for.
    """

    windows: Windows
    history: Panel
    point: Float[np.ndarray, "window horizon"]
    quantiles: Float[np.ndarray, "window horizon level"]
    ridge: Float[np.ndarray, "window horizon"]
    summary: FitSummary
    steps: int

    @property
    def origins(self) -> Int[np.ndarray, " window"]:
        """The flat index of each window's first target in the caller's panel, which ends with the last window."""
        return self.windows.origins - self.windows.series * (self.windows.horizon - self.steps)

    def naive(self, season: int) -> Float[np.ndarray, "window horizon"]:
        reach = replace(self.windows, context=max(self.windows.context, 2 * season))
        return seasonal_naive(reach.inputs(), self.windows.horizon, season)


@dataclass(frozen=True)
class Cutoffs:
    """Where the windows of a backtest stand, counted from the end of each series.

    Attributes:
        count: windows of each series.
        step: steps from one to the next.
        steps: steps of each that are forecast, at most the model's horizon.
        every: windows from one fit to the next.
    """

    count: int
    step: int
    steps: int
    every: int

    def history(self, panel: Panel, back: int | None = None) -> Panel:
        """Each series up to the cutoff before the last `back` ones, the first by default: all that a fit may know."""
        back = self.count - 1 if back is None else back
        return panel.until(panel.lengths - self.steps - back * self.step)


def cutoffs_of(
    horizon: int,
    *,
    n_windows: object = 1,
    step_size: object = None,
    refit: object = False,
    h: object = None,
    test_size: object = None,
) -> Cutoffs:
    """The cutoffs that a caller asks for, in the words of mlforecast and neuralforecast.

    Args:
        horizon: of the model.
        n_windows: how many windows; `None` where `test_size` says so.
        step_size: steps between them; `h` by default.
        refit: whether, or at each how many windows, a model is fitted anew.
        h: steps of a forecast; the horizon by default.
        test_size: steps that the windows cover.

    Raises:
        InputTypeError: one of them is no whole number.
        ConfigError: a number is below 1, `h` above the horizon, or `test_size` does not fit.
    """
    steps = horizon if h is None else _whole("h", h)
    if not 1 <= steps <= horizon:
        raise ConfigError(f"h must be 1 to {horizon}, the horizon of this model; got h={steps}")
    step = steps if step_size is None else _whole("step_size", step_size)
    size = None if test_size is None else _whole("test_size", test_size)
    if (n_windows is None) == (size is None):
        raise ConfigError(
            f"one of n_windows and test_size says how many windows there are; got n_windows={n_windows!r}, "
            f"test_size={size!r}. Pass n_windows=None beside test_size=..."
        )
    count = (size - steps) // max(step, 1) + 1 if size is not None else _whole("n_windows", n_windows)
    if size is not None and step >= 1 and (size < steps or (size - steps) % step):
        raise ConfigError(
            "test_size must be h + a multiple of step_size, so that windows cover it; got "
            f"test_size={size}, h={steps}, step_size={step}. Pass "
            f"test_size={steps + max(size - steps, 0) // step * step}"
        )
    if count < 1 or step < 1:
        raise ConfigError(f"n_windows and step_size must be at least 1; got n_windows={count}, step_size={step}")
    every = (1 if refit else count) if isinstance(refit, bool | np.bool_) else _whole("refit", refit)
    if every < 1:
        raise ConfigError(f"refit must be True, False or a number of windows, at least 1; got {every}")
    return Cutoffs(count, step, steps, every)


def _whole(name: str, value: object) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise InputTypeError(f"{name} must be a whole number; got {value!r}. Pass {name}=1 or more")
    return int(value)


def backtest(
    config: ForecastConfig, backbone: Backbone, panel: Panel, names: Sequence[object], cutoffs: Cutoffs
) -> Backtest:
    """Fits on what precedes the first cutoff, and every so many, and forecasts from each.

    Raises:
        DataError: no series is long enough to train before the first cutoff, or nothing was observed in the windows.
    """
    windows = _windows(panel, config, cutoffs)
    point = np.empty((len(windows), config.horizon))
    quantiles = np.empty((*point.shape, len(config.quantile_levels)))
    ridge = np.empty_like(point)
    ends = windows.panel.offsets[1:][windows.series]
    turn = (ends - windows.origins - config.horizon) // cutoffs.step  # windows still to come
    summary: FitSummary | None = None
    for back in range(cutoffs.count - 1, -1, -cutoffs.every):
        rows = np.flatnonzero((turn <= back) & (turn > back - cutoffs.every))
        if not len(rows):
            continue
        known = cutoffs.history(panel, back)
        blend, summary = fit_panel(config, backbone, known, names)
        chosen, scales = windows.take(rows), known.scales()
        point[rows], quantiles[rows] = blend.forecast(chosen, scales)
        ridge[rows] = ridge_forecast(blend, chosen, scales)
    return Backtest(windows, cutoffs.history(panel), point, quantiles, ridge, summary, cutoffs.steps)  # type: ignore[arg-type]


def _windows(panel: Panel, config: ForecastConfig, cutoffs: Cutoffs) -> Windows:
    """The last origins of each series, but those with nothing to forecast from or to compare with."""
    need = (cutoffs.count - 1) * cutoffs.step + cutoffs.steps + config.horizon + MIN_CONTEXT
    if panel.lengths.max() < need:
        raise DataError(
            f"n_windows={cutoffs.count} x step_size={cutoffs.step} + h={cutoffs.steps} needs {need} rows, as one "
            f"horizon of {config.horizon} must be left to train on; the longest series has {panel.lengths.max()}. Use "
            "fewer windows"
        )
    later = config.horizon - cutoffs.steps  # steps of the last windows that are not compared, and not there
    if later:
        panel = panel.extended(np.full((len(panel), panel.ahead, later), np.nan))
    windows = rolling_windows(panel, config.context, config.horizon, count=cutoffs.count, step=cutoffs.step)
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
