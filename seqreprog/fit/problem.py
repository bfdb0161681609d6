"""A fit of sequences as a problem: examples, the one model with its start, and what an answer loses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..baselines.solvers import row_losses
from ..batches.example import Example
from ..batches.series import InstanceDataset
from ..batches.symbols import SymbolDataset
from ..build.sequence import build_sequence_model, room
from ..config.forecast import Training
from ..config.sequence import SequenceConfig
from ..data.symbols import Symbols
from ..sources.language import Backbone, with_peft
from .artifact import load_adapter
from .fitted_sequence import aligned_places, model_length
from .gradient import TrainingLog, fit, gathered
from .objectives import SymbolObjective


@dataclass(frozen=True, eq=False)
class Examples:
    """Sequences with what they should become.

    Attributes:
        symbols: the sequences.
        target: classes in whole numbers `[n]`, labels `[n, labels]` (`NaN`: missing), or values `[n]`.
        columns: how many classes, labels or values there are.
        weight: what each counts; class weights included.
        groups: those of a group stay on one side of a split: copies, or what the caller says.
        owner: of which sequence of the caller each is a spelling, where some have several; `None` where none has.
    """

    symbols: Symbols
    target: np.ndarray
    columns: int
    weight: Float[np.ndarray, " sequence"]
    groups: Int[np.ndarray, " sequence"]
    owner: Int[np.ndarray, " sequence"] | None = None

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def count(self) -> int:
        """How many there are, several spellings of one counted once."""
        return len(self) if self.owner is None else len(np.unique(self.owner))


@dataclass(frozen=True, eq=False)
class Problem:
    """What stays the same from one fold to the next; values are standardised."""

    config: Any
    examples: Any
    model: Any
    start: dict[str, Tensor]
    length: int
    places: int
    target: np.ndarray
    centre: float
    scale: float

    @classmethod
    def of(cls, config: SequenceConfig, backbone: Backbone, examples: Examples, peft: Any) -> Problem:
        length = model_length(config, room(config, backbone), examples.symbols)
        target, centre, scale = examples.target, 0.0, 1.0
        if config.task == "regress":
            centre, scale = float(target.mean()), float(target.std()) or 1.0
            target = (target - centre) / scale
        if peft is not None:
            backbone = with_peft(backbone, None if peft is True else peft, seed=config.seed)
        alphabet = examples.symbols.alphabet
        places = aligned_places(config, examples.symbols, length)
        model = build_sequence_model(
            config, backbone, size=alphabet.size, classes=examples.columns, length=length, symbols=alphabet.symbols,
            places=places,
        )  # fmt: skip
        start = {name: weight.detach().clone() for name, weight in model.adapter_state().items()}
        return cls(config, examples, model, start, length, places, target, centre, scale)

    @property
    def groups(self) -> Int[np.ndarray, " example"]:
        """That each example is of."""
        return self.examples.groups

    def fresh(self) -> Any:
        """The one model, as it was before any training: to start it takes longer than to put it back."""
        load_adapter(self.model, self.start)
        return self.model

    def dataset(self, rows: Int[np.ndarray, " row"]) -> Any:
        weight = self.examples.weight / self.examples.weight.mean()
        target, counts = self.target[rows], weight[rows]
        if self.config.task == "multilabel":
            counts, target = counts[:, None] * np.isfinite(target), np.nan_to_num(target)
        elif self.config.task == "regress":
            counts, target = counts[:, None], target[:, None]
        return SymbolDataset(self.examples.symbols.take(rows), target, counts, limit=self.length)

    def fit(
        self,
        train: Int[np.ndarray, " row"],
        looked: Int[np.ndarray, " looked"] | None,
        training: Training,
        until: int | None = None,
    ) -> tuple[TrainingLog, list[Float[np.ndarray, "looked column"]]]:
        """Trains the model from its start; and what it said of `looked` at each look."""
        dataset = self.dataset(train)
        objective = _Recorder(self.config.task, dataset)
        held = None if looked is None else self.dataset(looked)
        log = fit(
            self.fresh(), dataset, held, objective=objective, training=training, seed=self.config.seed,
            device=self.config.device, until=until,
        )  # fmt: skip
        if held is None or not log.looks:
            return log, []
        said = np.concatenate(objective.said)
        said = said.reshape(len(log.looks), -1, said.shape[1])[:, : len(held)]  # behind them stand fillers
        back = np.empty_like(said)
        back[:, held.lengths.argsort(kind="stable")] = said  # the loop looks at short ones first
        return log, list(back)

    def losses(self, scores: Float[np.ndarray, "row column"], rows: Int[np.ndarray, " row"]) -> np.ndarray:
        """What each example loses: log loss (summed over its known labels) or squared error, times its weight."""
        task: Any = self.config.task
        lost = np.nansum(row_losses(task, scores, self.target[rows]), 1)
        return lost * (self.examples.weight / self.examples.weight.mean())[rows]


class _Recorder(SymbolObjective):
    """Keeps what the model says at each look, so that folds can be judged together."""

    def __init__(self, task: Any, examples: SymbolDataset | InstanceDataset) -> None:
        super().__init__(task, examples)
        self.said: list[np.ndarray] = []

    def errors(self, model: Any, sample: Example) -> Float[Tensor, "batch 2"]:
        found = model(sample.batch)
        self.said.append(gathered(found.detach()).double().cpu().numpy())
        error = self.each(found, sample.target, sample.weight)
        return torch.stack([error, sample.weight.reshape(len(error), -1).sum(1)], 1)
