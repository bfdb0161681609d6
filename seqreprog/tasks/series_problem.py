"""A fit of whole series as a problem: examples, the one model with its start, and what an answer loses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..batches.series import InstanceDataset
from ..build.series import build_series_model
from ..config.series import SeriesConfig
from ..data.instances import Instances
from ..fit.problem import Problem
from ..sources.language import Backbone


@dataclass(frozen=True, eq=False)
class SeriesExamples:
    """Series with what they should become.

    Attributes:
        instances: the series.
        target: classes in whole numbers, or values.
        columns: how many classes; 1 for values.
        weight: what each counts; class weights included.
    """

    instances: Instances
    target: np.ndarray
    columns: int
    weight: Float[np.ndarray, " instance"]

    def __len__(self) -> int:
        return len(self.instances)

    @property
    def groups(self) -> Int[np.ndarray, " instance"]:
        """As of `Examples`; here each series stands for itself."""
        return np.arange(len(self))


@dataclass(frozen=True, eq=False)
class SeriesProblem(Problem):
    """As `Problem`, of whole series; `length` is the median one, `channel_scale` that of all of them."""

    channel_scale: tuple[Float[np.ndarray, " channel"], Float[np.ndarray, " channel"]]

    @classmethod
    def made(cls, config: SeriesConfig, backbone: Backbone, examples: SeriesExamples) -> SeriesProblem:
        """The problem, its model built."""
        target, centre, scale = examples.target, 0.0, 1.0
        if config.task == "regress":
            centre, scale = float(target.mean()), float(target.std()) or 1.0
            target = (target - centre) / scale
        instances = examples.instances
        length = max(1, int(np.median(instances.lengths)))
        model = build_series_model(
            config, backbone, channels=instances.channels, classes=examples.columns, length=length
        )
        start = {name: weight.detach().clone() for name, weight in model.adapter_state().items()}
        return cls(config, examples, model, start, length, 0, target, centre, scale, instances.scales())

    def dataset(self, rows: Int[np.ndarray, " row"]) -> InstanceDataset:
        weight = (self.examples.weight / self.examples.weight.mean())[rows]
        target = self.target[rows]
        if self.config.task == "regress":
            target, weight = target[:, None], weight[:, None]
        return InstanceDataset(self.examples.instances.take(rows), self.channel_scale, target, weight)
