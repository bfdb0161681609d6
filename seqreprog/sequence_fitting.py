"""Fitting the whole for sequences: n-gram base, language model, and weight and temperature on held-out examples.

Where there are many examples, a part of them is held out: it stops the training, and judges. Where there are few, that
part would be too small to do either. Then every example is held out once (cross-fitting): a model is trained for each
fold, their held-out answers together choose the number of steps, the weight and the temperature, and the model that is
kept learns from all examples for that number of steps.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar
from torch import Tensor

from .admission import WEIGHTS, Admission, surest
from .backbone import Backbone, with_peft
from .build_sequences import build_sequence_model, room
from .checkpoint import load_adapter
from .config import Training
from .data.groups import group_folds, split_groups
from .data.symbols import Symbols
from .evaluation.class_metrics import class_report, label_report, value_report
from .model import SymbolReprogram
from .ngram import NgramModel, fit_ngram, probabilities
from .objectives import SymbolObjective
from .sequence_blend import SequenceBlend, cut_notice, mixed, model_length, model_scores
from .sequence_config import SequenceConfig
from .sequence_summary import SequenceSummary
from .symbol_samples import SymbolDataset, SymbolSample
from .train import TrainingLog, fit

FEW = 500  # examples below which each is held out once
FOLDS = 5
CROSS_STEPS = 200  # of each fold at most: few examples are learned in few steps
CROSS_LOOKS = 10  # steps between two looks at most, for the same reason
SMALL_BATCH = 16  # a batch of nearly all of few examples would be as wide as the longest of them, at every step
CHECKED = 4  # times `validation_windows`: how many held-out examples judge
WIDEST = 3.0  # of the log of a temperature
DOUBT = 1.0  # its standard deviation before anything is seen: few examples that are told apart prove no certainty


@dataclass(frozen=True, eq=False)
class Examples:
    """Sequences with what they should become.

    Attributes:
        symbols: the sequences.
        target: classes in whole numbers `[n]`, labels `[n, labels]` (`NaN`: missing), or values `[n]`.
        columns: how many classes, labels or values there are.
        weight: what each counts; class weights included.
        groups: those of a group stay on one side of a split: copies, or what the caller says.
    """

    symbols: Symbols
    target: np.ndarray
    columns: int
    weight: Float[np.ndarray, " sequence"]
    groups: Int[np.ndarray, " sequence"]

    def __len__(self) -> int:
        return len(self.symbols)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What each part says of examples that it did not learn from."""

    rows: Int[np.ndarray, " held"]
    base: Float[np.ndarray, "held column"]
    model: Float[np.ndarray, "held column"]


def fit_sequences(
    config: SequenceConfig, backbone: Backbone, examples: Examples, *, peft: Any = None
) -> tuple[SequenceBlend, SequenceSummary]:
    """N-gram base in closed form, language model by gradient, weight and temperature on held-out examples.

    Args:
        config: everything there is to decide.
        backbone: the frozen language model.
        examples: what to learn from.
        peft: `None` leaves the backbone frozen; `True` is LoRA, else any peft config: see `with_peft`.

    Raises:
        BackboneError: the prompt leaves no room for sequences.
        DataError: there are too few groups of examples to hold any out.
        TrainingError: the loss became NaN.
    """
    clock = _Clock()
    problem = _Problem.of(config, backbone, examples, peft)
    clock.lap("building")
    folds = _folds(config, examples)
    base = _base(problem, folds)
    clock.lap("n-gram base")
    if len(folds) == 1:
        model, log, (rows, scores) = _trained(problem, folds[0])
    else:
        model, log, (rows, scores) = _cross_fitted(problem, folds)
    clock.lap("training")
    held = HeldOut(rows, _answers(base, rows), scores)
    blend = SequenceBlend(
        config, model.backbone, examples.symbols.alphabet, examples.columns, problem.length,
        base if config.base == "linear" else None, model, centre=problem.centre, scale=problem.scale,
    )  # fmt: skip
    admission = _judge(blend, problem, held)
    clock.lap("choosing and calibrating")
    return blend, _summary(blend, problem, held, folds, log, admission, base, clock.seconds)


# --- the problem ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Problem:
    """What stays the same from one fold to the next; values are standardised."""

    config: SequenceConfig
    examples: Examples
    model: SymbolReprogram
    start: dict[str, Tensor]
    length: int
    target: np.ndarray
    centre: float
    scale: float

    @classmethod
    def of(cls, config: SequenceConfig, backbone: Backbone, examples: Examples, peft: Any) -> _Problem:
        length = model_length(config, room(config, backbone), examples.symbols)
        target, centre, scale = examples.target, 0.0, 1.0
        if config.task == "regress":
            centre, scale = float(target.mean()), float(target.std()) or 1.0
            target = (target - centre) / scale
        if peft is not None:
            backbone = with_peft(backbone, None if peft is True else peft, seed=config.seed)
        alphabet = examples.symbols.alphabet
        model = build_sequence_model(
            config, backbone, size=alphabet.size, classes=examples.columns, length=length, symbols=alphabet.symbols
        )
        start = {name: weight.detach().clone() for name, weight in model.adapter_state().items()}
        return cls(config, examples, model, start, length, target, centre, scale)

    def fresh(self) -> SymbolReprogram:
        """The one model, as it was before any training: to start it takes longer than to put it back."""
        load_adapter(self.model, self.start)
        return self.model

    def dataset(self, rows: Int[np.ndarray, " row"]) -> SymbolDataset:
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
        said = np.concatenate(objective.said).reshape(len(log.looks), len(held), -1)
        back = np.empty_like(said)
        back[:, held.lengths.argsort(kind="stable")] = said  # the loop looks at short ones first
        return log, list(back)

    def losses(self, scores: Float[np.ndarray, "row column"], rows: Int[np.ndarray, " row"]) -> np.ndarray:
        """What each example loses: log loss (summed over its known labels) or squared error, times its weight."""
        task, target = self.config.task, self.target[rows]
        if task == "classify":
            top = scores.max(1, keepdims=True)
            lost = np.log(np.exp(scores - top).sum(1)) + top[:, 0] - scores[np.arange(len(rows)), target]
        elif task == "multilabel":
            lost = (np.isfinite(target) * np.logaddexp(0, (1 - 2 * np.nan_to_num(target)) * scores)).sum(1)
        else:
            lost = (scores[:, 0] - target) ** 2
        return lost * (self.examples.weight / self.examples.weight.mean())[rows]


class _Recorder(SymbolObjective):
    """Keeps what the model says at each look, so that folds can be judged together."""

    def __init__(self, task: Any, examples: SymbolDataset) -> None:
        super().__init__(task, examples)
        self.said: list[np.ndarray] = []

    def errors(self, model: Any, sample: SymbolSample) -> Float[Tensor, "batch 2"]:
        found = model(sample.batch)
        self.said.append(found.detach().double().cpu().numpy())
        error = self.each(found, sample.target, sample.weight)
        return torch.stack([error, sample.weight.reshape(len(error), -1).sum(1)], 1)


# --- its parts --------------------------------------------------------------------------------------------------------


def _folds(config: SequenceConfig, examples: Examples) -> list[Int[np.ndarray, " _"]]:
    """The rows that are held out together: one part of many examples, or every one of few in its turn."""
    labels = examples.target if config.task == "classify" else None
    if len(examples) >= FEW:
        return [split_groups(examples.groups, labels, config.training.validation, config.seed)[1]]
    count = min(FOLDS, len(np.unique(examples.groups)))
    return group_folds(examples.groups, labels, max(count, 2), config.seed)


def _base(problem: _Problem, folds: Sequence[np.ndarray]) -> NgramModel:
    """In the pure form too: it is what the summary compares with."""
    task: Any = problem.config.task
    examples = problem.examples
    return fit_ngram(examples.symbols, problem.target, task, folds=folds, sample_weight=examples.weight)


def _answers(base: NgramModel, rows: np.ndarray) -> np.ndarray:
    """Held-out answers of the base, in the order of `rows`."""
    if base.held_out is None:
        return np.zeros((len(rows), len(base.intercept)))
    return base.held_out.scores[np.searchsorted(base.held_out.rows, rows)]


def _trained(
    problem: _Problem, held: Int[np.ndarray, " held"]
) -> tuple[SymbolReprogram, TrainingLog, tuple[np.ndarray, np.ndarray]]:
    """One model, stopped by the held-out part; what it says of that part."""
    training, config = problem.config.training, problem.config
    drawn = np.random.default_rng(config.seed).permutation(held)  # a part of it is no worse for its order
    judges = np.sort(drawn[: CHECKED * training.validation_windows])
    model, kept = problem.model, np.setdiff1d(np.arange(len(problem.examples)), held)
    log, _ = problem.fit(kept, np.sort(drawn[: training.validation_windows]), training)
    return model, log, (judges, model_scores(model, problem.examples.symbols.take(judges), problem.length, config))


def _cross_fitted(
    problem: _Problem, folds: Sequence[np.ndarray]
) -> tuple[SymbolReprogram, TrainingLog, tuple[np.ndarray, np.ndarray]]:
    """Every example held out once; the number of steps that loses least over all of them, then one model of all."""
    training = problem.config.training
    budget = None if training.time_budget is None else training.time_budget / (len(folds) + 1)
    size = min(training.batch_size, max(SMALL_BATCH, len(problem.examples) // 8))
    steps = min(training.max_steps, CROSS_STEPS)
    often = min(training.evaluate_every, CROSS_LOOKS)
    training = replace(training, max_steps=steps, time_budget=budget, batch_size=size, evaluate_every=often)
    everything, said, logs = np.arange(len(problem.examples)), [], []
    for held in folds:
        log, looks = problem.fit(np.setdiff1d(everything, held), held, training)
        logs.append(log)
        said.append(looks)
    rows, longest = np.concatenate(folds), max(logs, key=lambda log: len(log.looks))
    if not longest.looks:  # a schedule of no steps, or no time for any
        return problem.fresh().eval(), longest, (rows, np.zeros((len(rows), problem.examples.columns)))
    nothing = [[np.zeros((len(held), problem.examples.columns))] for held in folds]
    # a fold that stopped earlier goes on saying what it said last
    joined = [
        np.concatenate(
            [(looks or start)[min(look, len(looks or start) - 1)] for looks, start in zip(said, nothing, strict=True)]
        )
        for look in range(len(longest.looks))
    ]
    best = int(np.argmin([problem.losses(scores, rows).mean() for scores in joined]))
    steps = longest.looks[best][0]
    log, _ = problem.fit(everything, None, training, until=steps)
    log.best_step, log.stopped = steps, f"chosen over {len(folds)} folds"
    return problem.model, log, (rows, joined[best])


def _judge(blend: SequenceBlend, problem: _Problem, held: HeldOut) -> Admission | None:
    """Finds the weight, each candidate at its own best temperature, and the temperature of the chosen one."""
    if blend.base is None:
        blend.temperature = _temperature(problem, held.model, held.rows)
        return None
    found = []
    for weight in WEIGHTS:
        scores = mixed(held.base, held.model, float(weight))
        found.append((scores, _temperature(problem, scores, held.rows)))
    block = np.unique(problem.examples.groups[held.rows], return_inverse=True)[1]  # a copy is no second witness
    errors = np.array([_means(problem.losses(scores / heat, held.rows), block) for scores, heat in found])
    admission = surest(errors)
    blend.weight = admission.weight
    blend.temperature = found[int(np.argmin(abs(WEIGHTS - admission.weight)))][1]
    return admission


def _means(values: np.ndarray, block: np.ndarray) -> np.ndarray:
    return np.bincount(block, weights=values) / np.bincount(block)


def _temperature(problem: _Problem, scores: Float[np.ndarray, "row column"], rows: np.ndarray) -> float:
    """The most likely one, before which all are as likely as their logarithm is near 0."""
    if problem.config.task == "regress":
        return 1.0

    def lost(log_heat: float) -> float:
        return float(problem.losses(scores / np.exp(log_heat), rows).sum()) + 0.5 * (log_heat / DOUBT) ** 2

    return float(np.exp(minimize_scalar(lost, bounds=(-WIDEST, WIDEST), method="bounded").x))


# --- the summary ------------------------------------------------------------------------------------------------------


def _summary(
    blend: SequenceBlend,
    problem: _Problem,
    held: HeldOut,
    folds: Sequence[np.ndarray],
    log: TrainingLog,
    admission: Admission | None,
    base: NgramModel,
    seconds: dict[str, float],
) -> SequenceSummary:
    config, examples, backbone = problem.config, problem.examples, blend.backbone
    said = {"n-gram": held.base, "language model": held.model, "seqreprog": held.model}
    if blend.base is not None:
        said["seqreprog"] = mixed(held.base, held.model, blend.weight)
    heat = {name: _temperature(problem, scores, held.rows) for name, scores in said.items()}
    cut = cut_notice(examples.symbols, problem.length, blend.base is not None)
    return SequenceSummary(
        task=config.task,
        method=config.method,
        output=config.output,
        backbone=backbone.name,
        layers=backbone.layers,
        base=config.base,
        trained=sum(weight.numel() for _, weight in blend.model.trained()),
        tuned=sum(weight.numel() for weight in backbone.parameters() if weight.requires_grad),
        frozen=sum(weight.numel() for weight in backbone.parameters() if not weight.requires_grad),
        sequences=len(examples),
        groups=len(np.unique(examples.groups)),
        held_out=len(held.rows),
        folds=len(folds),
        length=problem.length,
        features=base.vocabulary.features,
        weight=blend.weight,
        gain=admission.gain if admission else None,
        blocks=admission.blocks if admission else 0,
        temperature=blend.temperature,
        scores={name: _measured(problem, scores / heat[name], held.rows) for name, scores in said.items()},
        seconds=seconds,
        steps=log.steps,
        best_step=log.best_step,
        stopped=log.stopped,
        notices=[cut] if cut else [],
    )


def _measured(problem: _Problem, scores: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    task: Any = problem.config.task
    target = problem.target[rows]
    if task == "regress":
        report = value_report(problem.centre + problem.scale * target, problem.centre + problem.scale * scores[:, 0])
    elif task == "classify":
        report = class_report(target, probabilities(task, scores))
    else:
        report = label_report(target, probabilities(task, scores))
    return {name: value for name, value in report.items() if isinstance(value, float) and np.isfinite(value)}


class _Clock:
    def __init__(self) -> None:
        self.last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self.last = now - self.last, now
