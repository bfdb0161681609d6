"""The closed-form ridge forecaster: base of the blend and every report's baseline.

    y_hat = loc + spread * W^T ((x - loc) / spread)

Source: Hoerl and Kennard 1970 (ridge regression); Zeng et al. 2023 (a linear map is hard to beat) and Toner and Darlow
2024 (such maps have closed forms). `W` has no intercept: level and scale of a series leave and return exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool, Float

from .data.windows import Windows
from .errors import ConfigError, DataError

Scaling = Literal["mean", "last", "instance"]

SCALINGS: tuple[Scaling, ...] = ("last", "mean", "instance")
PENALTIES = (1e-6, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0, 100.0)
DEFAULT_PENALTY = 0.1  # taken where nothing is held out: such panels are short, and a weak penalty would overfit them
MAX_WINDOWS = 200_000

_CHUNK_FLOATS = 2_000_000  # of inputs and targets cut out at a time
_GRAM_FLOATS = 25_000_000  # of per-step Gram matrices held at a time
_ROUNDING = 1e-12  # a spread below this share of the level is rounding noise


class ScaledWindows(NamedTuple):
    """Windows on one scale.

    Attributes:
        values: (inputs - loc) / spread, 0 where unobserved.
        observed: where the inputs were observed.
        loc: the level taken off each window.
        spread: the scale divided out of each window, always above 0.
    """

    values: Float[np.ndarray, "window context"]
    observed: Bool[np.ndarray, "window context"]
    loc: Float[np.ndarray, " window"]
    spread: Float[np.ndarray, " window"]


def scale_windows(
    inputs: Float[np.ndarray, "window context"], scaling: Scaling, series_scale: Float[np.ndarray, " window"]
) -> ScaledWindows:
    """Take level and spread off each window, in float64, so that a series at 1e9 keeps its shape.

    A window without one observation has loc 0 and spread 1, and so is forecast as 0: finite, but without meaning
    (`Blend.forecast` puts NaN there).

    Args:
        inputs: contexts in the series' own units; `NaN` where padded or missing.
        scaling: loc is the window's mean ('mean', 'instance') or its last observed value ('last'). The spread is
            `series_scale`, but for 'instance' the window's own standard deviation, where that is more than rounding.
        series_scale: the scale of each window's series (`Panel.scales()[windows.series]`), above 0.

    Raises:
        ConfigError: `scaling` is none of the three.
    """
    if scaling not in get_args(Scaling):
        raise ConfigError(f"scaling must be one of {', '.join(map(repr, get_args(Scaling)))}; got {scaling!r}")
    inputs = np.asarray(inputs, dtype=np.float64)
    observed = np.isfinite(inputs)
    count = observed.sum(axis=1)
    newest = inputs.shape[1] - 1 - observed[:, ::-1].argmax(axis=1)
    loc = np.where(count > 0, inputs[np.arange(len(inputs)), newest], 0.0)
    # The last value goes first, whatever the scaling: the mean of what is left is free of the level's rounding.
    values = np.where(observed, inputs - loc[:, None], 0.0)
    if scaling != "last":
        mean = values.sum(axis=1) / np.maximum(count, 1)
        loc = loc + mean
        values = np.where(observed, values - mean[:, None], 0.0)
    spread = np.where(count > 0, series_scale, 1.0)
    if scaling == "instance":
        own = np.sqrt(np.einsum("ij,ij->i", values, values) / np.maximum(count, 1))
        spread = np.where(own > _ROUNDING * np.abs(loc), own, spread)
    return ScaledWindows(values / spread[:, None], observed, loc, spread)


@dataclass(frozen=True, eq=False)
class RidgeForecaster:
    """One linear map from the scaled context to the scaled horizon, for every series.

    Attributes:
        weights: `W`; the last row belongs to the newest step.
        scaling: how windows are scaled (see `scale_windows`).
        penalty: the ridge penalty, relative to the mean diagonal of the Gram matrix.
    """

    weights: Float[np.ndarray, "context horizon"]
    scaling: Scaling
    penalty: float

    def forecast(
        self, inputs: Float[np.ndarray, "window context"], series_scale: Float[np.ndarray, " window"]
    ) -> Float[np.ndarray, "window horizon"]:
        """The forecast in the series' own units; unobserved inputs count as zero after scaling.

        Args:
            inputs: contexts; `NaN` where padded or missing.
            series_scale: the scale of each window's series. It cancels but for rounding, so any positive value serves.

        Raises:
            DataError: the contexts are not as long as those the map was fitted on.
        """
        if inputs.shape[1] != len(self.weights):
            raise DataError(
                f"the ridge was fitted on contexts of {len(self.weights)} steps; got {inputs.shape[1]}. "
                "Cut longer ones, pad shorter ones with NaN on the left"
            )
        values, _, loc, spread = scale_windows(inputs, self.scaling, series_scale)
        return loc[:, None] + spread[:, None] * (values @ self.weights)


def fit_ridge(
    train: Windows,
    validation: Windows,
    *,
    series_scale: Float[np.ndarray, " series"],
    scalings: Sequence[Scaling] = SCALINGS,
    penalties: Sequence[float] = PENALTIES,
    max_windows: int | None = MAX_WINDOWS,
) -> RidgeForecaster:
    """Least squares of (target - loc) / spread on the scaled context, with a penalty on W.

    Scaling and penalty are those of the least squared validation error, in units of `series_scale`. Where targets are
    missing, that choice takes each step's Gram matrix for the common one times the share of windows that saw the step
    (one eigendecomposition then serves all steps and penalties); the map returned is solved from the exact ones.
    With nothing to validate on, the first scaling and `DEFAULT_PENALTY` are taken.

    Args:
        train: windows to fit; a missing target drops out of its own step alone.
        validation: windows to choose by; may be empty.
        series_scale: per series of the panel, its scale as known before the validation border (`Panel.scales()`).
        scalings: candidates for `Scaling`, the preferred one first.
        penalties: candidates, each above 0, relative to the mean diagonal of the Gram matrix.
        max_windows: at most this many windows of either kind, evenly thinned; `None` for all.

    Raises:
        ConfigError: no candidates, or a penalty not above 0.
        DataError: no window has both an observed input and an observed target.
    """
    if not len(scalings) or not len(penalties) or min(penalties) <= 0:
        raise ConfigError(
            f"scalings and penalties must not be empty, and penalties be above 0; got {scalings=}, {penalties=}"
        )
    train, validation = train.thin(max_windows), validation.thin(max_windows)
    moments = _moments(train, scalings, series_scale)
    if not moments[scalings[0]].seen.any():
        raise DataError(f"none of {len(train)} training windows has both an observed input and an observed target")
    scaling, penalty = scalings[0], DEFAULT_PENALTY
    if len(validation):
        errors = {s: _validation_errors(moments[s], validation, s, penalties, series_scale) for s in scalings}
        if np.isfinite(errors[scaling]).all():
            scaling = min(scalings, key=lambda s: errors[s].min())
            penalty = penalties[int(errors[scaling].argmin())]
    chosen = moments[scaling]
    if chosen.complete:
        weights = _solve_shared(chosen, np.array([penalty]))[:, 0]
    else:
        weights = _solve_per_step(chosen, train, scaling, penalty, series_scale)
    return RidgeForecaster(weights, scaling, penalty)


@dataclass(frozen=True, eq=False)
class _Moments:
    """What least squares needs to know of all training windows, on one scaling."""

    gram: Float[np.ndarray, "context context"]  # sum of x x^T over all windows
    cross: Float[np.ndarray, "context horizon"]  # sum of x y^T where y was observed
    seen: Float[np.ndarray, " horizon"]  # windows that saw each step
    windows: int  # windows that saw any input

    @property
    def complete(self) -> bool:
        return bool((self.seen == self.windows).all())


class _Chunk(NamedTuple):
    inputs: Float[np.ndarray, "window context"]
    targets: Float[np.ndarray, "window horizon"]
    series_scale: Float[np.ndarray, " window"]

    def scaled(self, scaling: Scaling) -> tuple[ScaledWindows, np.ndarray]:
        """The windows and, on the same scale, their targets (0 where missing)."""
        windows = scale_windows(self.inputs, scaling, self.series_scale)
        return windows, np.nan_to_num((self.targets - windows.loc[:, None]) / windows.spread[:, None], nan=0.0)


def _chunks(windows: Windows, series_scale: np.ndarray) -> Iterator[_Chunk]:
    """Bounded parts of `windows`, without those that saw no input: they teach nothing."""
    for part in windows.chunks(max(1, _CHUNK_FLOATS // (windows.context + windows.horizon))):
        inputs, targets = part.inputs(), part.targets()
        some = np.isfinite(inputs).any(axis=1)
        if not some.all():
            inputs, targets, part = inputs[some], targets[some], part.take(some)
        yield _Chunk(inputs, targets, series_scale[part.series])


def _moments(train: Windows, scalings: Sequence[Scaling], series_scale: np.ndarray) -> dict[Scaling, _Moments]:
    gram = {scaling: np.zeros((train.context, train.context)) for scaling in scalings}
    cross = {scaling: np.zeros((train.context, train.horizon)) for scaling in scalings}
    seen, count = np.zeros(train.horizon), 0
    for chunk in _chunks(train, series_scale):
        seen += np.isfinite(chunk.targets).sum(axis=0)
        count += len(chunk.inputs)
        for scaling in scalings:
            windows, targets = chunk.scaled(scaling)
            gram[scaling] += windows.values.T @ windows.values
            cross[scaling] += windows.values.T @ targets
    return {scaling: _Moments(gram[scaling], cross[scaling], seen, count) for scaling in scalings}


def _solve_shared(moments: _Moments, penalties: np.ndarray) -> Float[np.ndarray, "context penalty horizon"]:
    """W for every penalty from one eigendecomposition; a step that half the windows saw gets half the Gram matrix."""
    roots, basis = np.linalg.eigh(moments.gram)
    roots = np.maximum(roots, 0.0)
    gains = _inverse(roots[:, None] + penalties * roots.mean())
    share = moments.seen / moments.windows
    turned = basis.T @ (moments.cross * _inverse(share))
    return np.tensordot(basis, gains[:, :, None] * turned[:, None, :], axes=1)


def _solve_per_step(
    moments: _Moments, train: Windows, scaling: Scaling, penalty: float, series_scale: np.ndarray
) -> Float[np.ndarray, "context horizon"]:
    """W with each step's own Gram matrix, in blocks of steps so that memory is bounded.

    From one step to the next only the windows that begin or cease to see it are added or taken off: an outage of a day
    then costs two windows a step, not 24.
    """
    context, horizon = moments.cross.shape
    weights = np.zeros_like(moments.cross)
    diagonal = np.arange(context)
    block = max(1, _GRAM_FLOATS // context**2)
    for first in range(0, horizon, block):
        steps = np.arange(first, min(first + block, horizon))
        grams = np.zeros((len(steps), context, context))
        grams[0] = moments.gram
        for chunk in _chunks(train, series_scale):
            _add_changes(grams, chunk, steps, scaling)
        np.cumsum(grams, axis=0, out=grams)
        grams[:, diagonal, diagonal] += penalty * grams[:, diagonal, diagonal].mean(axis=1, keepdims=True)
        # LU, as numpy has no triangular solve to follow its Cholesky; steps that nobody saw keep weight 0.
        for row, step in enumerate(steps):
            if moments.seen[step] and grams[row].any():
                weights[:, step] = np.linalg.solve(grams[row], moments.cross[:, step])
    return weights


def _add_changes(grams: np.ndarray, chunk: _Chunk, steps: np.ndarray, scaling: Scaling) -> None:
    """Add to `grams[k]` what sets step k's Gram apart from step k - 1's; the first is set apart from all windows'."""
    present = np.isfinite(chunk.targets[:, steps])
    if present.all():
        return
    values = scale_windows(chunk.inputs, scaling, chunk.series_scale).values
    before = np.concatenate([np.ones_like(present[:, :1]), present[:, :-1]], axis=1)
    for row in range(len(steps)):
        begun, ceased = values[present[:, row] & ~before[:, row]], values[before[:, row] & ~present[:, row]]
        if len(begun):
            grams[row] += begun.T @ begun
        if len(ceased):
            grams[row] -= ceased.T @ ceased


def _validation_errors(
    moments: _Moments, validation: Windows, scaling: Scaling, penalties: Sequence[float], series_scale: np.ndarray
) -> Float[np.ndarray, " penalty"]:
    """Mean squared error of each penalty over the observed targets, in units of the series' scale."""
    weights = _solve_shared(moments, np.array(penalties)).reshape(validation.context, -1)
    total, count = np.zeros(len(penalties)), 0
    for chunk in _chunks(validation, series_scale):
        windows, targets = chunk.scaled(scaling)
        present = np.isfinite(chunk.targets)
        unit = np.where(present, (windows.spread / chunk.series_scale)[:, None], 0.0)
        forecasts = (windows.values @ weights).reshape(len(targets), len(penalties), validation.horizon)
        for column in range(len(penalties)):
            error = unit * (forecasts[:, column] - targets)
            total[column] += np.vdot(error, error)
        count += present.sum()
    return total / count if count else np.full(len(penalties), np.nan)


def _inverse(values: np.ndarray) -> np.ndarray:
    """1 / values, and 0 where a direction or step was never seen."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
