"""The fitted whole behind every facade of whole series: the reprogrammed language model, and calibrated probabilities.

    p = softmax(f_T(x) / T),    y = centre + scale * f_T(x)

The temperature `T` is found on series that were held out (Guo et al. 2017, section 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ..baselines.solvers import probabilities
from ..batches.example import to_device
from ..batches.series import instance_batch
from ..batches.stream import rows_that_fit, stream
from ..build.series import build_series_model
from ..config.series import SeriesConfig
from ..data.instances import Instances
from ..errors import CheckpointError, ConfigError, DataError
from ..model import InstanceReprogram
from ..sources.language import Backbone, load_backbone
from .artifact import check_backbone, check_state, load_adapter, restored
from .canary import SEED, Arrays, Canary, device_kind

CANARY_LENGTHS = (16, 12)  # steps at most: views and patches of a longer one cost time, and show no more
NUMBERS = ("temperature", "centre", "scale")


@dataclass(eq=False)
class SeriesBlend:
    """A fitted model of whole series.

    Attributes:
        config: everything it was made from.
        backbone: the frozen language model.
        columns: how many classes, or 1 for values.
        length: steps of a usual series of training.
        channel_scale: mean and standard deviation of each channel of training.
        model: the reprogrammed language model.
        temperature: what log-odds are divided by before they become probabilities.
        centre: of values, which are standardised.
        scale: of values.
        canary: what a saved model is asked when it is loaded.
    """

    config: SeriesConfig
    backbone: Backbone
    columns: int
    length: int
    channel_scale: tuple[Float[np.ndarray, " channel"], Float[np.ndarray, " channel"]]
    model: InstanceReprogram
    temperature: float = 1.0
    centre: float = 0.0
    scale: float = 1.0
    canary: Canary | None = None

    def scores(self, instances: Instances) -> Float[np.ndarray, "instance column"]:
        """Log-odds up to a constant of each row, or values in standardised units.

        Raises:
            DataError: they have other channels than those of training.
        """
        channels = len(self.channel_scale[0])
        if instances.channels != channels:
            raise DataError(f"this model was fitted on series of {channels} channels; got {instances.channels}")
        return model_answers(self.model, instances, self.channel_scale, self.config)

    def probabilities(self, instances: Instances) -> Float[np.ndarray, "instance column"]:
        """The calibrated probability of each class; rows sum to 1.

        Raises:
            ConfigError: the model answers with values.
        """
        if self.config.task != "classify":
            raise ConfigError(f"task={self.config.task!r} has no probabilities of classes; call predict")
        return probabilities("classify", self.scores(instances) / self.temperature)

    def values(self, instances: Instances) -> Float[np.ndarray, " instance"]:
        """What a regression answers, in the caller's own units."""
        return self.centre + self.scale * self.scores(instances)[:, 0]

    def canary_inputs(self) -> Arrays:
        """Two series, a season and a shorter walk of which a part is missing, on the scale of those of `fit`."""
        rng, (middle, spread) = np.random.default_rng(SEED), self.channel_scale
        lengths = np.clip([self.length, self.length // 2], 4, CANARY_LENGTHS)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        values = rng.normal(size=(offsets[-1], len(middle)))
        values[: lengths[0]] = np.sin(np.arange(lengths[0]) / 3)[:, None] + 0.1 * values[: lengths[0]]
        values[lengths[0] :] = values[lengths[0] :].cumsum(0) / np.sqrt(lengths[1])
        values[lengths[0] + 2 :: 7] = np.nan
        return {"values": middle + spread * values, "offsets": offsets}

    def canary_answers(self, inputs: Arrays) -> Arrays:
        """Log-odds or standardised values of the language model."""
        return {"model": self.scores(Instances(inputs["values"], inputs["offsets"]))}

    def kind_of_device(self) -> str:
        return device_kind(self.model, 1)


def model_answers(
    model: InstanceReprogram,
    instances: Instances,
    scale: tuple[Float[np.ndarray, " channel"], Float[np.ndarray, " channel"]],
    config: SeriesConfig,
) -> Float[np.ndarray, "instance column"]:
    """What the reprogrammed model says of every series, in the order of `instances`."""
    model.eval()
    device = next(weight for _, weight in model.trained()).device
    views = getattr(model.output_map, "views", 1)
    rows = rows_that_fit((config.positions + config.padding) * views, model.backbone.state_width, device)

    def run(part: np.ndarray) -> tuple[np.ndarray]:
        return (model(to_device(instance_batch(instances, scale, part), device)).double().cpu().numpy(),)

    return stream(instances.lengths, rows, run)[0]


def series_state(blend: SeriesBlend) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and JSON of an artifact (everything but the frozen backbone)."""
    middle, spread = blend.channel_scale
    check, described = check_state(blend, prompted=bool(blend.model.static))
    return blend.model.adapter_state() | check, {
        **described,
        "columns": blend.columns,
        "length": blend.length,
        "channel_scale": [middle.tolist(), spread.tolist()],
        **{name: getattr(blend, name) for name in NUMBERS},
    }


def restore_series(
    config: SeriesConfig,
    backbone: Backbone,
    tensors: dict[str, torch.Tensor],
    document: dict[str, Any],
    *,
    verify: bool = True,
) -> SeriesBlend:
    """The inverse of `series_state`; `verify` and what is raised are as of `artifact.restored`."""
    return restored(partial(_rebuilt, config, backbone), backbone, tensors, document, verify=verify)


def _rebuilt(
    config: SeriesConfig, backbone: Backbone, tensors: dict[str, torch.Tensor], document: dict[str, Any]
) -> SeriesBlend:
    """From tensors and JSON; raises `CheckpointError` where something is missing, unknown or of another shape."""
    try:
        columns, length = int(document["columns"]), int(document["length"])
        middle, spread = (np.array(part, dtype=np.float64) for part in document["channel_scale"])
        numbers: dict[str, Any] = {name: float(document[name]) for name in NUMBERS}
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the artifact's settings cannot be read: {error!r}") from error
    model = build_series_model(config, backbone, channels=len(middle), classes=columns, length=length, fresh=False)
    load_adapter(model, tensors)
    return SeriesBlend(config, backbone, columns, length, (middle, spread), model.eval(), **numbers)


def reopen_series(
    config: SeriesConfig,
    tensors: dict[str, torch.Tensor],
    document: dict[str, Any],
    *,
    backbone: str | None = None,
    verify: bool = True,
) -> SeriesBlend:
    """`restore_series` with the frozen model loaded by its name, or from where it is now.

    Raises:
        CheckpointError: it is not, to the byte, the one that was trained on; or as `restore_series`.
        BackboneError: it cannot be found.
    """
    frozen = load_backbone(backbone or config.backbone, config.layers)
    check_backbone(document["backbone"], frozen)
    return restore_series(config, frozen, tensors, document, verify=verify)
