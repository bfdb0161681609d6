"""The fitted whole behind every facade: base + weight x adapter, admitted on validation, with calibrated quantiles.

    y = ridge(x) + weight * (f_T(x) - ridge(x))

`f_T` is the reprogrammed language model. What it adds to the ridge, `f_T - ridge`, is admitted by a weight that
`tasks/forecast.py` finds on held-out windows (a forecast combination: Bates and Granger 1969). At 0 the language model
takes no part in the forecast; the pure form has weight 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from ..baselines.regressors import View
from ..baselines.ridge import RidgeForecaster
from ..batches.example import to_device
from ..batches.stream import rows_that_fit, stream
from ..batches.windows import Framing
from ..build.forecast import build_forecaster, build_prompt, check_sentences
from ..config.forecast import ForecastConfig
from ..data.standards import Standards
from ..data.windows import Panel, Windows
from ..errors import CheckpointError, ConfigError
from ..model import SeriesReprogram
from ..sources.language import Backbone
from ..sources.sentences import sentence_tokens
from .artifact import check_state, load_adapter, restored
from .calibration import spread_out
from .canary import SEED, Arrays, Canary, device_kind

INFERENCE_ROWS = 1024  # windows of one batch at most
TOKENS_PER_PART = 6  # of a prompt's statistics, about: it only sizes batches
TOKENS_PER_SENTENCE = 16  # likewise
CANARY_TEXTS = ("Sales double in summer.", "A quiet shop in the north; it closes soon.")
MIN_OFFSET = 1e-9  # of the window's spread: calibration divides by it


@dataclass(eq=False)
class Blend:
    """A fitted forecaster for windows.

    Attributes:
        config: everything it was made from.
        backbone: the frozen language model.
        ridge: the closed-form forecaster: the base, or in the pure form only the scaling.
        model: the reprogrammed language model.
        weight: its share, from 0 to 1.
        factors: calibration of each quantile at each step.
        shape: distance of the quantiles per step where the language model gives none.
        standards: the scale of the covariates.
        canary: what a saved model is asked when it is loaded.
    """

    config: ForecastConfig
    backbone: Backbone
    ridge: RidgeForecaster
    model: SeriesReprogram
    weight: float
    factors: Float[np.ndarray, "horizon level"]
    shape: Float[np.ndarray, " horizon"]
    standards: Standards | None = None
    canary: Canary | None = None

    @cached_property
    def framing(self) -> Framing:
        return framing(self.config, self.backbone, self.ridge, self.standards)

    def base(self, windows: Windows, series_scale: Float[np.ndarray, " series"]) -> Float[np.ndarray, "window horizon"]:
        """What the ridge says."""
        beside = self.standards.cut(windows)[0] if self.standards else None
        return self.ridge.forecast(windows.inputs(), series_scale[windows.series], beside)

    def forecast(
        self,
        windows: Windows,
        series_scale: Float[np.ndarray, " series"],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Float[np.ndarray, "window horizon"], Float[np.ndarray, "window horizon level"]]:
        """Point forecasts and quantiles, in the series' own units; one stream of full batches, across series.

        They are `NaN` for a window without one observed input: there is nothing to forecast from.

        Raises:
            BackboneError: a sentence is too long.
        """
        check_sentences(self.config, self.backbone, windows.panel.texts)
        if not len(windows):
            return np.empty((0, windows.horizon)), np.empty((0, windows.horizon, len(self.config.quantile_levels)))

        def run(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            parts = self._parts(windows.take(part), series_scale, self.weight > 0, None)
            point = parts.mixed(self.weight)
            return point, spread_out(point, parts.width(self) * self.factors, self.config.quantile_levels)

        rows = self.batch_rows() if self.weight > 0 else INFERENCE_ROWS
        points, quantiles = stream(_alike(windows), rows, run, progress=progress)
        blind = ~windows.sighted()
        points[blind], quantiles[blind] = np.nan, np.nan
        return points, quantiles

    def parts(
        self,
        windows: Windows,
        series_scale: Float[np.ndarray, " series"],
        hidden: Float[np.ndarray, "window length width"] | None = None,
    ) -> Parts:
        """What ridge and language model say, apart: for the admission weight and for reports.

        Args:
            windows: to forecast from.
            series_scale: of each series of the panel.
            hidden: what the frozen model makes of them, where that is known already.
        """

        def run(part: np.ndarray) -> tuple[np.ndarray, ...]:
            known = None if hidden is None else torch.from_numpy(np.array(hidden[part]))
            found = self._parts(windows.take(part), series_scale, True, known)
            return tuple(getattr(found, name) for name in _PARTS)

        return Parts(*stream(_alike(windows), self.batch_rows(), run))

    def canary_inputs(self) -> Arrays:
        """Two series, a season on a trend and a walk of which half is missing, with covariates and sentences."""
        rng, context, horizon = np.random.default_rng(SEED), self.config.context, self.config.horizon
        steps = np.arange(context)
        season = np.sin(steps / 3) + steps / context + 0.1 * rng.normal(size=context)
        walk = 100 + rng.normal(size=context).cumsum()
        walk[: context // 4] = np.nan
        walk[context // 2 : context - 2 : 3] = np.nan
        values = np.full((2, context + horizon), np.nan)
        values[:, :context] = season, walk
        inputs = {"values": values}
        if self.standards is not None:
            drawn = rng.normal(size=(len(self.standards.loc), values.size))
            inputs["covariates"] = self.standards.loc[:, None] + self.standards.spread[:, None] * drawn
        if self.config.covariates.static is not None:
            inputs["texts"] = np.array(list("\n".join(CANARY_TEXTS).encode()), np.uint8)
        return inputs

    def canary_answers(self, inputs: Arrays) -> Arrays:
        """Forecasts of the baseline and of the language model, in units of each window's spread around its level."""
        values, horizon = inputs["values"], self.config.horizon
        rows, length = values.shape
        panel = Panel(values.ravel(), length * np.arange(rows + 1))
        if "covariates" in inputs:
            panel = replace(panel, covariates=inputs["covariates"], ahead=self.config.covariates.ahead)
        if "texts" in inputs:
            texts = tuple(inputs["texts"].tobytes().decode().split("\n"))
            panel = replace(panel, texts=texts, topics=np.arange(rows) % len(texts))
        windows = Windows(panel, np.arange(rows), panel.offsets[1:] - horizon, length - horizon, horizon)
        seen = windows.inputs()
        level, spread = np.nanmean(seen, 1, keepdims=True), np.nanstd(seen, 1, keepdims=True)
        answers, scales = {}, panel.scales()
        if self.weight < 1:
            answers["baseline"] = (self.base(windows, scales) - level) / spread
        if self.weight > 0:
            parts = self.parts(windows, scales)
            answers["model"] = np.concatenate([((parts.model - level) / spread)[..., None], parts.offsets], 2)
        return answers

    def kind_of_device(self) -> str:
        return device_kind(self.model, self.weight)

    def batch_rows(self) -> int:
        """Windows that the language model reads at a time."""
        return min(INFERENCE_ROWS, rows_that_fit(self.tokens, self.backbone.state_width, self._device))

    @property
    def tokens(self) -> int:
        """Tokens of one window, about."""
        said = TOKENS_PER_SENTENCE * (self.config.covariates.static is not None)
        return self.config.patches + len(self.model.static) + said + TOKENS_PER_PART * len(self.config.prompt.parts)

    @property
    def _device(self) -> torch.device:
        return next(self.model.input_map.parameters()).device

    def _parts(
        self, windows: Windows, series_scale: np.ndarray, with_model: bool, hidden: torch.Tensor | None
    ) -> Parts:
        inputs, scale = windows.inputs(), series_scale[windows.series]
        batch, scaled = self.framing.batch(inputs, scale, windows)
        ridge = self.base(windows, series_scale)
        if not with_model:
            return Parts(ridge, ridge, np.zeros((*ridge.shape, 0)), scaled.spread)
        self.model.eval()
        if hidden is None:
            hidden = self.model.hidden(to_device(batch, self._device))
        found = self.model.output_map(hidden.to(self._device), batch.channels)
        point = found.point[:, 0].double().cpu().numpy()
        offsets = np.maximum(np.abs(found.quantiles[:, 0].double().cpu().numpy() - point[..., None]), MIN_OFFSET)
        return Parts(ridge, scaled.loc[:, None] + scaled.spread[:, None] * point, offsets, scaled.spread)


@dataclass
class Parts:
    """What each part says of some windows, in the series' own units (`offsets` in units of each window's spread)."""

    ridge: Float[np.ndarray, "window horizon"]
    model: Float[np.ndarray, "window horizon"]
    offsets: Float[np.ndarray, "window horizon level"]
    spread: Float[np.ndarray, " window"]

    def mixed(self, weight: float) -> Float[np.ndarray, "window horizon"]:
        """The ridge + weight * (f_T - ridge), so written that 0 and 1 are the parts themselves to the bit."""
        return (1 - weight) * self.ridge + weight * self.model

    def width(self, blend: Blend) -> Float[np.ndarray, "window horizon level"]:
        """Distance of each quantile from the point before calibration: the model's, or a plain one without it."""
        if blend.weight > 0:
            return self.offsets * self.spread[:, None, None]
        plain = blend.shape[None, :, None] * self.spread[:, None, None]
        return np.repeat(plain, len(blend.config.quantile_levels), axis=2)


_PARTS = [item.name for item in fields(Parts)]


def _alike(windows: Windows) -> Int[np.ndarray, " window"]:
    """The lengths of windows: all have the same, so a stream keeps their order."""
    return np.full(len(windows), windows.context)


def framing(
    config: ForecastConfig, backbone: Backbone, ridge: RidgeForecaster, standards: Standards | None = None
) -> Framing:
    """How this config's windows become batches."""
    return Framing(
        scaling=ridge.scaling,
        writer=build_prompt(config, backbone),
        power=2 if config.loss == "mse" else 1,
        standards=standards,
        tokenise=None if config.covariates.static is None else partial(sentence_tokens, backbone),
    )


def blend_state(blend: Blend) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and JSON of an artifact (everything but the frozen backbone)."""
    arrays = {
        "ridge.weights": blend.ridge.weights,
        "calibration.factors": blend.factors,
        "calibration.shape": blend.shape,
    }
    ridge: dict[str, Any] = {"scaling": blend.ridge.scaling, "penalty": blend.ridge.penalty}
    if blend.standards is not None:
        arrays |= {"ridge.own": blend.ridge.own, "covariates.loc": blend.standards.loc}
        arrays |= {"covariates.spread": blend.standards.spread}
        ridge |= asdict(blend.ridge.view)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    document = {"ridge": ridge, "weight": blend.weight, "features": blend.config.adapter.features}
    check, described = check_state(blend, prompted=bool(blend.model.static or blend.config.prompt.parts))
    return {**blend.model.adapter_state(), **tensors, **check}, document | described


def restore_blend(
    config: ForecastConfig,
    backbone: Backbone,
    tensors: dict[str, torch.Tensor],
    document: dict[str, Any],
    *,
    verify: bool = True,
) -> Blend:
    """The inverse of `blend_state`; `verify` and what is raised are as of `artifact.restored`."""
    return restored(partial(_rebuilt, config, backbone), backbone, tensors, document, verify=verify)


def _rebuilt(
    config: ForecastConfig, backbone: Backbone, tensors: dict[str, torch.Tensor], document: dict[str, Any]
) -> Blend:
    """From tensors and JSON; raises `CheckpointError` where a weight is missing, unknown or of another shape."""
    try:
        ridge, weight = document["ridge"], float(document["weight"])
        scaling, penalty = ridge["scaling"], float(ridge["penalty"])
        view = View(int(ridge.get("reach", 0)), ridge.get("around"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"the artifact's settings of ridge and weight cannot be read: {error!r}") from error
    numeric, ahead = len(config.covariates.numeric), config.covariates.ahead
    shapes: dict[str, tuple[int, ...]] = {
        "ridge.weights": (config.context + numeric * view.reach, config.horizon),
        "calibration.factors": (config.horizon, len(config.quantile_levels)),
        "calibration.shape": (config.horizon,),
    }
    if numeric:
        each = 0 if view.around is None else 2 * view.around + 1
        shapes |= {"ridge.own": (ahead * each, config.horizon), "covariates.loc": (numeric,)}
        shapes |= {"covariates.spread": (numeric,)}
    for name, shape in shapes.items():
        if name not in tensors or tuple(tensors[name].shape) != shape:
            found = tuple(tensors[name].shape) if name in tensors else "nothing"
            raise CheckpointError(f"weight {name!r} should have shape {shape}; the artifact holds {found}")
    arrays = {name: tensors[name].numpy() for name in shapes}
    config = _with_features(config, document)
    model = build_forecaster(config, backbone, fresh=False)
    load_adapter(model, {name: tensor for name, tensor in tensors.items() if name not in shapes})
    base = RidgeForecaster(arrays["ridge.weights"], scaling, penalty)
    standards = None
    if numeric:
        base = replace(base, view=view, ahead=ahead, own=arrays["ridge.own"])
        standards = Standards(arrays["covariates.loc"], arrays["covariates.spread"])
    factors, shape_of_steps = arrays["calibration.factors"], arrays["calibration.shape"]
    return Blend(config, backbone, base, model.eval(), weight, factors, shape_of_steps, standards)


def _with_features(config: ForecastConfig, document: dict[str, Any]) -> ForecastConfig:
    """A probe's head has its own size, which only the artifact knows; one without a record has the config's."""
    features = document.get("features", config.adapter.features)
    try:
        return replace(config, adapter=replace(config.adapter, features=features))
    except ConfigError as error:
        raise CheckpointError(f"the artifact's size of the head cannot be read: {error}") from error
