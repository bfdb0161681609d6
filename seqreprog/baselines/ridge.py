"""The closed-form ridge forecaster: base of the blend and every report's baseline.

    y_hat = loc + spread * W^T ((x - loc) / spread)

Beside the context it reads covariates: all of them over the context's last steps, as further entries of x, and of those
known ahead what is known of the very step (`View`). The whole matrix, from each known step to each forecast one, would
have a column of W for every pair of steps: too many for small sets.

Source: Hoerl and Kennard 1970 (ridge regression); Zeng et al. 2023 (a linear map is hard to beat) and Toner and Darlow
2024 (such maps have closed forms). `W` has no intercept: level and scale of a series leave and return exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool, Float

from ..data.standards import Standards
from ..data.windows import Windows
from ..errors import ConfigError, DataError
from .normal_equations import Moments, solve_shared
from .regressors import NOTHING, View, views_of, widest

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
        weights: `W`; the last row of the context's belongs to the newest step, those of covariates follow.
        scaling: how windows are scaled (see `scale_windows`).
        penalty: the ridge penalty, relative to the mean diagonal of the context's Gram matrix.
        view: which steps of the covariates are read.
        ahead: how many covariates, the first ones, are known ahead.
        own: `V`, the weights of what each step reads for itself.
    """

    weights: Float[np.ndarray, "feature horizon"]
    scaling: Scaling
    penalty: float
    view: View = NOTHING
    ahead: int = 0
    own: Float[np.ndarray, "own horizon"] = field(default_factory=lambda: np.empty((0, 0)))

    def forecast(
        self,
        inputs: Float[np.ndarray, "window context"],
        series_scale: Float[np.ndarray, " window"],
        covariates: Float[np.ndarray, "window column span"] | None = None,
    ) -> Float[np.ndarray, "window horizon"]:
        """The forecast in the series' own units; unobserved inputs count as zero after scaling.

        Args:
            inputs: contexts; `NaN` where padded or missing.
            series_scale: the scale of each window's series. Without covariates it cancels but for rounding, so any
                positive value serves; with them it is the unit of their effect.
            covariates: standardised, 0 where unobserved (`Standards.cut`); where none are read they may be left out.

        Raises:
            DataError: the contexts are not as long as those the map was fitted on.
        """
        beside = 0 if covariates is None else covariates.shape[1] * self.view.reach
        if inputs.shape[1] + beside != len(self.weights):
            raise DataError(
                f"the ridge was fitted on contexts of {len(self.weights) - beside} steps; got {inputs.shape[1]}. "
                "Cut longer ones, pad shorter ones with NaN on the left"
            )
        values, _, loc, spread = scale_windows(inputs, self.scaling, series_scale)
        if covariates is None:
            return loc[:, None] + spread[:, None] * (values @ self.weights)
        found = self.view.shared(values, covariates) @ self.weights
        if len(self.own):
            found += np.einsum("noh,oh->nh", self.view.own(covariates, self.ahead, found.shape[1]), self.own)
        return loc[:, None] + spread[:, None] * found


def fit_ridge(
    train: Windows,
    validation: Windows,
    *,
    series_scale: Float[np.ndarray, " series"],
    scalings: Sequence[Scaling] = SCALINGS,
    penalties: Sequence[float] = PENALTIES,
    max_windows: int | None = MAX_WINDOWS,
    standards: Standards | None = None,
) -> RidgeForecaster:
    """Least squares of (target - loc) / spread on the scaled context and the covariates, with a penalty on W and V.

    Scaling and penalty are those of the least squared validation error, in units of `series_scale`; so, of the best
    scaling, is the view of the covariates, down to none at all. Where targets are
    missing, that choice takes each step's Gram matrix for the common one times the share of windows that saw the step
    (one eigendecomposition then serves all steps and penalties); the map returned is solved from the exact ones.
    With nothing to validate on, the first scaling, the first view and `DEFAULT_PENALTY` are taken.

    Args:
        train: windows to fit; a missing target drops out of its own step alone.
        validation: windows to choose by; may be empty.
        series_scale: per series of the panel, its scale as known before the validation border (`Panel.scales()`).
        scalings: candidates for `Scaling`, the preferred one first.
        penalties: candidates, each above 0, relative to the mean diagonal of the Gram matrix.
        max_windows: at most this many windows of either kind, evenly thinned; `None` for all.
        standards: of the panel's covariates; `None` reads none.

    Raises:
        ConfigError: no candidates, or a penalty not above 0.
        DataError: no window has both an observed input and an observed target.
    """
    if not len(scalings) or not len(penalties) or min(penalties) <= 0:
        raise ConfigError(
            f"scalings and penalties must not be empty, and penalties be above 0; got {scalings=}, {penalties=}"
        )
    train, validation = train.thin(max_windows), validation.thin(max_windows)
    reader = _Reader(series_scale, standards, views_of(train) if standards else (NOTHING,))
    views = reader.views
    moments = _moments(train, scalings, reader)
    if not moments[scalings[0]].seen.any():
        raise DataError(f"none of {len(train)} training windows has both an observed input and an observed target")
    scaling, view, penalty = scalings[0], views[0], DEFAULT_PENALTY
    if len(validation):

        def errors(scaling: Scaling, view: View) -> Float[np.ndarray, " penalty"]:
            return _validation_errors(
                reader.part(moments[scaling], view, train), validation, scaling, penalties, reader, view
            )

        found = {(each, view): errors(each, view) for each in scalings}
        if np.isfinite(found[scaling, view]).all():
            scaling = min(scalings, key=lambda each: found[each, view].min())
            found |= {(scaling, each): errors(scaling, each) for each in views[1:]}
            view = min(views, key=lambda each: found[scaling, each].min())
            penalty = penalties[int(found[scaling, view].argmin())]
    chosen = reader.part(moments[scaling], view, train)
    if chosen.complete:
        shared, each = solve_shared(chosen, np.array([penalty]))
        weights, own = shared[:, 0], each[0]
    else:
        weights, own = _solve_per_step(chosen, train, scaling, penalty, reader, view)
    return RidgeForecaster(weights, scaling, penalty, view, train.panel.ahead, np.ascontiguousarray(own.T))


class _Chunk(NamedTuple):
    inputs: Float[np.ndarray, "window context"]
    targets: Float[np.ndarray, "window horizon"]
    series_scale: Float[np.ndarray, " window"]
    covariates: Float[np.ndarray, "window column span"] | None
    ahead: int

    def scaled(self, scaling: Scaling) -> tuple[ScaledWindows, np.ndarray]:
        """The windows and, on the same scale, their targets (0 where missing)."""
        windows = scale_windows(self.inputs, scaling, self.series_scale)
        return windows, np.nan_to_num((self.targets - windows.loc[:, None]) / windows.spread[:, None], nan=0.0)

    def shared(self, values: Float[np.ndarray, "window context"], view: View) -> Float[np.ndarray, "window feature"]:
        return values if self.covariates is None else view.shared(values, self.covariates)

    def own(self, view: View) -> Float[np.ndarray, "window own horizon"]:
        if self.covariates is None:
            return np.empty((len(self.inputs), 0, self.targets.shape[1]))
        return view.own(self.covariates, self.ahead, self.targets.shape[1])


@dataclass(frozen=True, eq=False)
class _Reader:
    """How windows are read: the scale of their series, the covariates' own, and what may be read of these."""

    series_scale: Float[np.ndarray, " series"]
    standards: Standards | None
    views: tuple[View, ...]

    def chunks(self, windows: Windows) -> Iterator[_Chunk]:
        """Bounded parts of `windows`, without those that saw no input: they teach nothing."""
        floats = windows.context + windows.horizon
        beside = len(windows.panel.covariates) if self.standards else 0
        size = floats * (1 + beside) + beside * windows.horizon * (2 * (widest(self.views).around or 0))
        for part in windows.chunks(max(1, _CHUNK_FLOATS // size)):
            inputs, targets = part.inputs(), part.targets()
            some = np.isfinite(inputs).any(axis=1)
            if not some.all():
                inputs, targets, part = inputs[some], targets[some], part.take(some)
            covariates = self.standards.cut(part)[0] if self.standards else None
            yield _Chunk(inputs, targets, self.series_scale[part.series], covariates, windows.panel.ahead)

    def part(self, moments: Moments, view: View, windows: Windows) -> Moments:
        """The moments of `view` out of those of the widest."""
        if len(self.views) == 1:
            return moments
        panel = windows.panel
        return moments.part(*view.within(widest(self.views), windows.context, len(panel.covariates), panel.ahead))


def _moments(train: Windows, scalings: Sequence[Scaling], reader: _Reader) -> dict[Scaling, Moments]:
    """Sums over all training windows, for the widest view."""
    view = widest(reader.views)
    width = train.context + view.reach * len(train.panel.covariates)
    own = 0 if view.around is None else (2 * view.around + 1) * train.panel.ahead
    shared = ((width, width), (width, train.horizon))
    each = ((train.horizon, own, own), (train.horizon, width, own), (train.horizon, own))
    sums = {scaling: [np.zeros(shape) for shape in (*shared, *each)] for scaling in scalings}
    seen, count = np.zeros(train.horizon), 0
    for chunk in reader.chunks(train):
        present = np.isfinite(chunk.targets)
        seen += present.sum(axis=0)
        count += len(chunk.inputs)
        z = chunk.own(view)
        for scaling in scalings:
            windows, targets = chunk.scaled(scaling)
            x = chunk.shared(windows.values, view)
            gram, cross, *rest = sums[scaling]
            gram += x.T @ x
            cross += x.T @ targets
            if own:
                _add_own(rest, x, z, present, targets)
    return {each: Moments(found[0], found[1], seen, count, train.context, *found[2:]) for each, found in sums.items()}


def _add_own(rest: Sequence[np.ndarray], x: np.ndarray, z: np.ndarray, present: np.ndarray, y: np.ndarray) -> None:
    """Add the sums that hold what each step reads for itself, over the windows that saw the step."""
    gram, shared, cross = rest
    seen = z * present[:, None]
    gram += seen.transpose(2, 1, 0) @ z.transpose(2, 0, 1)
    shared += (x.T @ seen.reshape(len(x), -1)).reshape(x.shape[1], z.shape[1], -1).transpose(2, 0, 1)
    cross += np.einsum("noh,nh->ho", seen, y)


def _solve_per_step(
    moments: Moments, train: Windows, scaling: Scaling, penalty: float, reader: _Reader, view: View
) -> tuple[Float[np.ndarray, "feature horizon"], Float[np.ndarray, "horizon own"]]:
    """W and V with each step's own Gram matrix, in blocks of steps so that memory is bounded.

    From one step to the next only the windows that begin or cease to see it are added or taken off: an outage of a day
    then costs two windows a step, not 24.
    """
    width, horizon = moments.cross.shape
    own = moments.own_cross.shape[1]
    weights = np.zeros((width + own, horizon))
    diagonal = np.arange(width)
    block = max(1, _GRAM_FLOATS // width**2)
    for first in range(0, horizon, block):
        steps = np.arange(first, min(first + block, horizon))
        grams = np.zeros((len(steps), width, width))
        grams[0] = moments.gram
        for chunk in reader.chunks(train):
            _add_changes(grams, chunk, steps, scaling, view)
        np.cumsum(grams, axis=0, out=grams)
        level = grams[:, diagonal, diagonal][:, : train.context].mean(axis=1, keepdims=True)
        damping = penalty * np.where(level > 0, level, 1.0)  # contexts that never change have no level
        grams[:, diagonal, diagonal] += damping
        # LU, as numpy has no triangular solve to follow its Cholesky; steps that nobody saw keep weight 0.
        for row, step in enumerate(steps):
            if moments.seen[step]:
                gram, aim = grams[row], moments.cross[:, step]
                if own:
                    corner = moments.own_gram[step] + damping[row] * np.eye(own)
                    gram = np.block([[gram, moments.own_shared[step]], [moments.own_shared[step].T, corner]])
                    aim = np.concatenate([aim, moments.own_cross[step]])
                weights[:, step] = np.linalg.solve(gram, aim)
    return weights[:width], weights[width:].T


def _add_changes(grams: np.ndarray, chunk: _Chunk, steps: np.ndarray, scaling: Scaling, view: View) -> None:
    """Add to `grams[k]` what sets step k's Gram apart from step k - 1's; the first is set apart from all windows'."""
    present = np.isfinite(chunk.targets[:, steps])
    if present.all():
        return
    values = chunk.shared(scale_windows(chunk.inputs, scaling, chunk.series_scale).values, view)
    before = np.concatenate([np.ones_like(present[:, :1]), present[:, :-1]], axis=1)
    for row in range(len(steps)):
        begun, ceased = values[present[:, row] & ~before[:, row]], values[before[:, row] & ~present[:, row]]
        if len(begun):
            grams[row] += begun.T @ begun
        if len(ceased):
            grams[row] -= ceased.T @ ceased


def _validation_errors(
    moments: Moments,
    validation: Windows,
    scaling: Scaling,
    penalties: Sequence[float],
    reader: _Reader,
    view: View,
) -> Float[np.ndarray, " penalty"]:
    """Mean squared error of each penalty over the observed targets, in units of the series' scale."""
    weights, own = solve_shared(moments, np.array(penalties))
    flat = weights.reshape(len(weights), -1)
    total, count = np.zeros(len(penalties)), 0
    for chunk in reader.chunks(validation):
        windows, targets = chunk.scaled(scaling)
        present = np.isfinite(chunk.targets)
        unit = np.where(present, (windows.spread / chunk.series_scale)[:, None], 0.0)
        x, z = chunk.shared(windows.values, view), chunk.own(view)
        forecasts = (x @ flat).reshape(len(targets), len(penalties), validation.horizon)
        for column in range(len(penalties)):
            found = forecasts[:, column]
            if z.shape[1]:
                found = found + np.einsum("noh,ho->nh", z, own[column])
            error = unit * (found - targets)
            total[column] += np.vdot(error, error)
        count += present.sum()
    return total / count if count else np.full(len(penalties), np.nan)
