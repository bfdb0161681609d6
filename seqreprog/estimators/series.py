"""A fitted model of whole series that is saved and loaded: arrays in, classes or values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..config.series import SeriesConfig, series_config, series_dict
from ..data.instances import read_instances
from ..data.targets import class_weights, plain_classes, read_classes, read_values, restored_classes
from ..errors import CheckpointError
from ..fit.artifact import backbone_record, check_kind, load_artifact, save_artifact
from ..fit.fitted_series import SeriesBlend, reopen_series, series_state
from ..fit.gradient import check_device
from ..sources.language import load_backbone
from ..tasks.series import fit_series
from ..tasks.series_problem import SeriesExamples
from ..tasks.series_summary import SeriesSummary

ARTIFACT = "series-model"


@dataclass(eq=False)
class SeriesModel:
    """A frozen language model that was reprogrammed to classify or regress whole series.

    Attributes:
        blend: the fitted whole.
        summary: what the fit did.
        classes: in order; of a regression none.
        channels: what the channels are called, where that is known.
    """

    blend: SeriesBlend
    summary: SeriesSummary
    classes: np.ndarray
    channels: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls, config: SeriesConfig, X: object, y: object, *, class_weight: object = None, channels: Sequence[str] = ()
    ) -> SeriesModel:
        """Fits on series and a class or value for each.

        Args:
            config: everything there is to decide.
            X: an array `[instance, channel, time]` or `[instance, time]`, or a list of `[channel, time]`; `NaN` is a
                missing value.
            y: a class or a value for each.
            class_weight: `None`, `"balanced"`, or a weight for each class.
            channels: what they are called; by these names `seqreprog predict` finds them in a table.

        Raises:
            DataError: `X` or `y` breaks a rule; the message says which instance, and what to do.
            ConfigError: a setting is outside its rule.
            BackboneError: the backbone is not there, or has too few positions.
        """
        instances = read_instances(X)
        if config.task == "classify":
            target = read_classes(y, len(instances))
            weight, columns = class_weights(class_weight, target)[target.values], len(target.classes)
        else:
            target = read_values(y, len(instances))
            weight, columns = np.ones(len(instances)), 1
        kept = np.flatnonzero(weight > 0)  # a class of weight 0 is never learned
        examples = SeriesExamples(instances.take(kept), target.values[kept], columns, weight[kept])
        blend, summary = fit_series(config, load_backbone(config.backbone, config.layers), examples)
        return cls(blend, summary, target.classes, tuple(channels))

    def probabilities(self, X: object) -> Float[np.ndarray, "instance class"]:
        """The calibrated probability of each class, in the order of `classes`."""
        return self.blend.probabilities(read_instances(X))

    def values(self, X: object) -> Float[np.ndarray, " instance"]:
        """What a regression answers."""
        return self.blend.values(read_instances(X))

    def save(self, path: str | Path) -> None:
        """Writes theta, omega and settings, without the frozen model. Whole or not at all; no pickle.

        Raises:
            OutputError: the place cannot be written, or holds something else.
            ConfigError: classes are neither strings, numbers nor booleans.
        """
        tensors, document = series_state(self.blend)
        save_artifact(
            path,
            tensors,
            {
                "kind": ARTIFACT,
                "config": series_dict(self.blend.config),
                "backbone": backbone_record(self.blend.backbone),
                "classes": plain_classes(self.classes),
                "channels": list(self.channels),
                "summary": asdict(self.summary),
                **document,
            },
        )

    @classmethod
    def load(
        cls, path: str | Path, *, backbone: str | Path | None = None, device: str = "auto", verify: bool = True
    ) -> SeriesModel:
        """Reads what `save` wrote, and asks it again what it was asked then.

        Args:
            path: the directory.
            backbone: where the language model is now, if no longer where it was; it must be the same to the byte.
            device: as in `SeriesConfig`.
            verify: `False` skips the canary, one pass of the language model over two series; the digest of the files is
                always checked.

        Raises:
            CheckpointError: damaged, edited, foreign, another backbone, or a model that answers otherwise than when it
                was saved.
            ConfigError: there is no such device here.
        """
        check_device(device)
        tensors, document = load_artifact(path)
        check_kind(path, document, ARTIFACT)
        try:
            config = series_config({**document["config"], "device": device})
            summary = SeriesSummary(**document["summary"])
            classes, channels = restored_classes(document["classes"]), tuple(document.get("channels", ()))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{str(path)!r} is not an artifact that this release reads: {error}") from error
        place = None if backbone is None else str(backbone)
        blend = reopen_series(config, tensors, document, backbone=place, verify=verify)
        return cls(blend, summary, classes, channels)
