"""Fitting the whole: ridge in closed form, language model by gradient, weight and intervals on held-out windows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from ..baselines.ridge import fit_ridge
from ..batches.windows import WindowDataset
from ..build.forecast import build_forecaster, check_sentences
from ..config.forecast import ForecastConfig
from ..data.standards import Standards
from ..data.windows import MIN_CONTEXT, Panel, Split, Windows, split_by_series, split_in_time
from ..errors import DataError, Notice, name_some
from ..fit.admission import FEWEST, Admission, Judge, admit, apart, blocks_of
from ..fit.calibration import calibrate, rank_of, step_shape
from ..fit.clock import Clock
from ..fit.fitted_forecast import Blend, Parts
from ..fit.gradient import TrainingLog, check_precision, fit
from ..fit.objectives import ForecastObjective
from ..fit.probe_forecast import probe, widened
from ..model import count_weights
from ..sources.language import Backbone
from ..sources.process import exclusive

CHECKED = 4  # times `validation_windows`: how many windows judge the weight and the calibration


@dataclass
class FitSummary:
    """What `fit` did and what each part contributes, on validation windows.

    Errors are in units of each series' standard deviation: mean squared for `loss="mse"`, mean absolute for `"mae"`.
    `trained` and `frozen` are as in `model.WeightCount`.
    """

    backbone: str
    layers: int
    base: str
    loss: str
    trained: int
    frozen: int
    train_windows: int
    validation_windows: int
    scaling: str
    penalty: float
    weight: float
    gain: float | None
    blocks: int
    errors: dict[str, float]
    seconds: dict[str, float]
    steps: int = 0
    best_step: int = 0
    stopped: str = ""
    notices: list[str] = field(default_factory=list)
    beside: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """A summary to read."""
        found = f"in {self.steps} steps (best at {self.best_step}: {self.stopped})" if self.steps else self.stopped
        rows = [
            ("backbone", f"{self.backbone}, first {self.layers} layers, {self.frozen:,} weights frozen"),
            ("trained", f"{self.trained:,} weights {found}".rstrip()),
            ("windows", f"{self.train_windows:,} to train, {self.validation_windows:,} to validate"),
            ("scaling", f"{self.scaling}; ridge penalty {self.penalty:g}"),
            *self.beside.items(),
            ("seconds", ", ".join(f"{name} {spent:.1f}" for name, spent in self.seconds.items())),
            *((f"validation {self.loss}", f"{name}: {error:.4f}") for name, error in self.errors.items()),
            ("verdict", self.verdict),
            *(("notice", notice) for notice in self.notices),
        ]
        return "\n".join(f"{name:<15} {text}" for name, text in rows)

    @property
    def verdict(self) -> str:
        """One sentence: what the language model adds."""
        if "ridge" not in self.errors or "seqreprog" not in self.errors:
            return "nothing was held out, so nothing can be said of what the language model adds"
        if not self.errors["ridge"] > 0:  # 0 or NaN
            return "the ridge makes no error on what was held out, so there is nothing for a language model to add"
        gain = 1 - self.errors["seqreprog"] / self.errors["ridge"]
        if self.base == "none":
            return f"the language model stands alone; against the ridge its validation error is {-gain:+.1%}"
        if self.weight > 0:
            return (
                f"the language model was admitted with weight {self.weight:.2f}: validation error {-gain:+.1%} against "
                f"the ridge, beyond chance over {self.blocks} held-out blocks"
            )
        if self.blocks < FEWEST:
            return (
                f"the language model was not admitted: {self.blocks} held-out blocks are too few to prove that it "
                f"helps; {FEWEST} are needed"
            )
        return (
            f"the language model was not admitted: the best weight would change the ridge's error by "
            f"{-(self.gain or 0.0):+.1%} on {self.blocks} held-out blocks, which is no gain beyond chance"
        )


@exclusive
def fit_panel(
    config: ForecastConfig, backbone: Backbone, panel: Panel, names: Sequence[object]
) -> tuple[Blend, FitSummary]:
    """Fits on whole series: the last part of each validates, or some of them as a whole (`Training.holdout`).

    A series with fewer than `horizon + 2` steps is left out of training with a notice, and can still be forecast.

    Raises:
        DataError: no series is long enough.
    """
    notices = _length_notices(panel, names, config.horizon)
    panel = panel.take(
        np.array(sorted(range(len(panel)), key=lambda place: str(names[place])))
    )  # rows may come shuffled
    split = _split(panel, config)
    blend, summary = fit_blend(config, backbone, split, _known_scales(split))
    if not len(split.validation):
        lacking = (
            f"no series has the {2 * config.horizon + MIN_CONTEXT} steps needed to hold out a horizon"
            if config.training.holdout == "time"
            else "there are no two series (or sentences) long enough for one to be held out"
        )
        notices.append(f"{lacking}: nothing was validated, and the intervals were calibrated on the training windows")
    notices += _width_notices(split.validation if len(split.validation) else split.train, config)
    for notice in notices:
        warnings.warn(notice, Notice, stacklevel=4)
    summary.notices += notices
    return blend, summary


def _split(panel: Panel, config: ForecastConfig) -> Split:
    training = config.training
    if training.holdout == "series":
        return split_by_series(panel, config.context, config.horizon, training.validation, config.seed)
    return split_in_time(panel, config.context, config.horizon, training.validation)


def _length_notices(panel: Panel, names: Sequence[object], horizon: int) -> list[str]:
    need, lengths = horizon + MIN_CONTEXT, panel.lengths
    short = [names[int(index)] for index in np.flatnonzero(lengths < need)]
    if len(short) == len(panel):
        longest = int(lengths.argmax())
        raise DataError(
            f"no series is long enough to train: horizon {horizon} needs {need} rows, the longest is "
            f"{str(names[int(longest)])!r} with {lengths[longest]} ({len(short)} series: {name_some(short)}). "
            "Shorten horizon"
        )
    if not short:
        return []
    return [f"{len(short)} series with fewer than {need} rows take no part in training: {name_some(short)}"]


def _width_notices(windows: Windows, config: ForecastConfig) -> list[str]:
    """Says which intervals cannot be what they state, or come out equally wide, for want of held-out windows."""
    count = apart(windows)
    held = f"{count} held-out {'window' if count == 1 else 'windows'} without overlap"
    remedy = "Hold out more with Training(validation=...), or ask for lower levels"
    notices = []
    lacking = [level for level in config.level if rank_of((1 + level / 100) / 2, count) > count]
    if lacking:
        need = math.ceil((1 + lacking[0] / 100) / (1 - lacking[0] / 100) - 1e-9)
        notices.append(
            f"{held} cannot prove the {_percent(lacking)} interval{'s' * (len(lacking) > 1)}: each is as "
            f"wide on both sides as the largest error, and may hold less than it states. {lacking[0]:g} % takes {need} "
            f"windows. {remedy}"
        )
    wide = [level for level in config.level if rank_of((1 + level / 100) / 2, count) >= count]
    if len(wide) > 1:
        notices.append(
            f"{held} cannot tell the {_percent(wide)} intervals apart: each is as wide as the largest error. {remedy}"
        )
    return notices


def _percent(levels: Sequence[float]) -> str:
    return ", ".join(f"{level:g} %" for level in levels)


def _known_scales(split: Split) -> Float[np.ndarray, " series"]:
    """The scale of each series from the steps before its first validation target."""
    panel = split.train.panel
    return Panel(np.where(_known(split), panel.values, np.nan), panel.offsets).scales()


def _known(split: Split) -> Bool[np.ndarray, " steps"]:
    """Which steps of each series stand before its first validation target."""
    panel = split.train.panel
    border = panel.offsets[1:].copy()
    np.minimum.at(border, split.validation.series, split.validation.origins)
    return np.arange(len(panel.values)) < np.repeat(border, panel.lengths)


@exclusive
def fit_blend(
    config: ForecastConfig, backbone: Backbone, split: Split, series_scale: Float[np.ndarray, " series"]
) -> tuple[Blend, FitSummary]:
    """Ridge in closed form, language model by gradient (or probed), weight and intervals on held-out windows.

    Args:
        config: everything there is to decide.
        backbone: the frozen language model.
        split: windows to train on and to choose by, apart in time.
        series_scale: standard deviation of each series, known before its validation border.

    Raises:
        BackboneError: prompt and patches do not fit the backbone.
        TrainingError: the loss became NaN.
    """
    check_precision(config.device, config.training.precision)
    if config.training.mode == "probe":
        config = widened(config, backbone.state_width, split.train)
    model = build_forecaster(config, backbone)  # first: it refuses in milliseconds what cannot work
    check_sentences(config, backbone, split.train.panel.texts)
    clock = Clock()
    standards = Standards.of(split.train.panel, _known(split)) if config.covariates.numeric else None
    ridge = fit_ridge(split.train, split.validation, series_scale=series_scale, standards=standards)
    clock.lap("ridge")
    weight = 1.0 if config.base == "none" else 0.0  # without proof the base stands alone
    ones = np.ones((config.horizon, len(config.quantile_levels)))
    blend = Blend(config, backbone, ridge, model, weight, ones, np.ones(config.horizon), standards)
    held_out = len(split.validation) > 0
    judged = (split.validation if held_out else split.train).thin(CHECKED * config.training.validation_windows)
    if config.training.mode == "probe":
        log, hidden = probe(blend, split.train if held_out else judged, judged, series_scale)
        clock.lap("probe")
    else:
        log, hidden = _train(blend, split, series_scale), None
        clock.lap("training")
    parts = blend.parts(judged, series_scale, hidden)
    errors, admission = _judge(blend, judged, parts, series_scale) if held_out else ({}, None)
    _calibrate(blend, judged, parts)
    clock.lap("choosing and calibrating")
    return blend, _summary(blend, split, log, errors, admission, clock.seconds)


def _train(blend: Blend, split: Split, series_scale: np.ndarray) -> TrainingLog:
    config = blend.config
    held_out = split.validation.thin(config.training.validation_windows)
    return fit(
        blend.model,
        WindowDataset(split.train, series_scale, blend.framing, mirror=config.mirrors),
        WindowDataset(held_out, series_scale, blend.framing) if len(held_out) else None,
        objective=ForecastObjective(config.loss, config.quantile_levels),
        training=config.training,
        seed=config.seed,
        device=config.device,
    )


def _judge(
    blend: Blend, windows: Windows, parts: Parts, series_scale: np.ndarray
) -> tuple[dict[str, float], Admission | None]:
    """Finds the weight; the validation error of every part."""
    judge = Judge(blend.config.loss, windows.targets(), series_scale[windows.series][:, None])
    admission = None
    if blend.config.base == "ridge":
        admission = admit(judge, parts, blocks_of(windows))
        blend.weight = admission.weight
    errors = {"ridge": judge(parts.ridge), "language model": judge(parts.model)}
    return {**errors, "seqreprog": judge(parts.mixed(blend.weight))}, admission


def _calibrate(blend: Blend, windows: Windows, parts: Parts) -> None:
    if not blend.config.quantile_levels:
        return
    error = windows.targets() - parts.mixed(blend.weight)
    blend.shape = step_shape(error / parts.spread[:, None])
    blend.factors = calibrate(error, parts.width(blend), blend.config.quantile_levels, apart(windows))


def _summary(
    blend: Blend,
    split: Split,
    log: TrainingLog,
    errors: dict[str, float],
    admission: Admission | None,
    seconds: dict[str, float],
) -> FitSummary:
    count = count_weights(blend.model, probed=blend.config.training.mode == "probe")
    return FitSummary(
        backbone=blend.backbone.name,
        layers=blend.backbone.layers,
        base=blend.config.base,
        loss=blend.config.loss,
        trained=count.trained,
        frozen=count.frozen,
        train_windows=len(split.train),
        validation_windows=len(split.validation),
        scaling=blend.ridge.scaling,
        penalty=blend.ridge.penalty,
        weight=blend.weight,
        gain=admission.gain if admission else None,
        blocks=admission.blocks if admission else 0,
        errors=errors,
        seconds=seconds,
        steps=log.steps,
        best_step=log.best_step,
        stopped=log.stopped,
        beside=_beside(blend, split.train.panel),
    )


def _beside(blend: Blend, panel: Panel) -> dict[str, str]:
    """What is read beside the target, and what of it the ridge reads."""
    names, view = blend.config.covariates, blend.ridge.view
    said = {}
    if names.numeric:
        known = f"known ahead: {', '.join(names.futr_cols)}" if names.futr_cols else ""
        past = f"known of the past: {', '.join(names.hist_cols)}" if names.hist_cols else ""
        steps = [f"their last {view.reach} steps"] if view.reach else []
        if view.around is not None:
            steps.append(f"the forecast step and {view.around} around it" if view.around else "the forecast step")
        said["covariates"] = "; ".join(filter(None, [known, past, f"the ridge reads {' and '.join(steps) or 'none'}"]))
    if names.static is not None:
        said["text"] = f"column {names.static!r}, {len(panel.texts)} distinct sentences"
    return said
