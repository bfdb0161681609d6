"""Fitting the whole for sequences: n-gram base, language model, and weight and temperature on held-out examples.

The probe (`fit/probe_sequence.py`) is quick: every example is held out once, on the folds of the base. By gradient,
where there are many examples, a part of them is held out: it stops the training, and judges. Where there are few, that
part would be too small to do either. Then every example is held out once here too (cross-fitting): a model is trained
for each fold, their held-out answers together choose the number of steps, the weight and the temperature, and the
model that is kept learns from all examples for that number of steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from ..baselines.ngram import NgramModel, fit_ngram
from ..config.sequence import SequenceConfig, settled
from ..data.groups import group_folds, split_groups
from ..fit.admission import Admission
from ..fit.clock import Clock
from ..fit.cross_fit import cross_fitted
from ..fit.fitted_sequence import SequenceBlend, length_notices, mixed, model_scores
from ..fit.gradient import TrainingLog, check_precision, device_of
from ..fit.judging import Parts, judge, measured, temperature
from ..fit.probe_sequence import probe_symbols
from ..fit.problem import Examples, Problem
from ..model import SymbolReprogram, count_weights
from ..sources.language import Backbone
from ..sources.process import exclusive
from .sequence_summary import SequenceSummary

FEW = 500  # examples below which each is held out once, and a weight is not chosen among many
FOLDS = 5
MANY, FEWER_FOLDS = 2000, 3  # of so many examples a third is enough to judge by
CHECKED = 4  # times `validation_windows`: how many held-out examples judge


@exclusive
def fit_sequences(
    config: SequenceConfig, backbone: Backbone, examples: Examples, *, peft: Any = None
) -> tuple[SequenceBlend, SequenceSummary]:
    """N-gram base in closed form, language model probed or by gradient, weight and temperature on held-out examples.

    Args:
        config: everything there is to decide.
        backbone: the frozen language model.
        examples: what to learn from.
        peft: `None` leaves the backbone frozen; `True` is LoRA, else any peft config: see `with_peft`.

    Raises:
        BackboneError: the prompt leaves no room for sequences.
        ConfigError: the probe was asked for together with peft.
        DataError: there are too few groups of examples to hold any out.
        TrainingError: the loss became NaN.
    """
    check_precision(config.device, config.training.precision)
    clock, config = Clock(), settled(config, tuned=peft is not None)
    problem = Problem.of(config, backbone, examples, peft)
    clock.lap("building")
    folds = _folds(config, examples)
    base = _base(problem, folds)
    clock.lap("n-gram base")
    if config.training.mode == "probe":
        model, log, (rows, scores) = _probed(problem, folds)
    elif len(folds) == 1:
        model, log, (rows, scores) = _trained(problem, folds[0])
    else:
        model, log, (rows, scores) = cross_fitted(problem, folds)
    clock.lap("training")
    held = Parts(rows, _answers(base, rows), scores).joined(examples.owner)
    blend = SequenceBlend(
        config, model.backbone, examples.symbols.alphabet, examples.columns, problem.length,
        base if config.base == "linear" else None, model, centre=problem.centre, scale=problem.scale,
        places=problem.places,
    )  # fmt: skip
    admission = judge(blend, problem, held, few=examples.count < FEW)
    clock.lap("choosing and calibrating")
    return blend, _summary(blend, problem, held, folds, log, admission, base, clock.seconds)


# --- its parts --------------------------------------------------------------------------------------------------------


def _folds(config: SequenceConfig, examples: Examples) -> list[Int[np.ndarray, " _"]]:
    """The rows that are held out together: every one in its turn, or one part of many that are trained by gradient."""
    labels = examples.target if config.task == "classify" else None
    if examples.count >= FEW and config.training.mode != "probe":
        return [split_groups(examples.groups, labels, config.training.validation, config.seed)[1]]
    count = min(FOLDS if examples.count <= MANY else FEWER_FOLDS, len(np.unique(examples.groups)))
    return group_folds(examples.groups, labels, max(count, 2), config.seed)


def _base(problem: Problem, folds: Sequence[np.ndarray]) -> NgramModel:
    """In the pure form too: it is what the summary compares with."""
    task: Any = problem.config.task
    examples = problem.examples
    return fit_ngram(examples.symbols, problem.target, task, folds=folds, sample_weight=examples.weight)


def _answers(base: NgramModel, rows: np.ndarray) -> np.ndarray:
    """Held-out answers of the base, in the order of `rows`."""
    if base.held_out is None:
        return np.zeros((len(rows), len(base.intercept)))
    return base.held_out.scores[np.searchsorted(base.held_out.rows, rows)]


def _probed(
    problem: Problem, folds: Sequence[np.ndarray]
) -> tuple[SymbolReprogram, TrainingLog, tuple[np.ndarray, np.ndarray]]:
    """The head solved on the states of all examples; what it says of each that was held out."""
    task: Any = problem.config.task
    model, config = problem.model, problem.config
    model.to(device_of(config.device))
    data = problem.dataset(np.arange(len(problem.examples)))
    shown, threads = config.training.progress, config.training.threads
    held = probe_symbols(model, data, task, folds=folds, threads=threads, progress=shown)
    return model.eval(), TrainingLog(), (held.rows, held.scores)


def _trained(
    problem: Problem, held: Int[np.ndarray, " held"]
) -> tuple[SymbolReprogram, TrainingLog, tuple[np.ndarray, np.ndarray]]:
    """One model, stopped by the held-out part; what it says of that part."""
    training, config = problem.config.training, problem.config
    drawn = np.random.default_rng(config.seed).permutation(held)  # a part of it is no worse for its order
    judges = np.sort(drawn[: CHECKED * training.validation_windows])
    model, kept = problem.model, np.setdiff1d(np.arange(len(problem.examples)), held)
    log, _ = problem.fit(kept, np.sort(drawn[: training.validation_windows]), training)
    return model, log, (judges, model_scores(model, problem.examples.symbols.take(judges), problem.length, config))


def unlimited(config: SequenceConfig) -> list[str]:
    """What is to be said of a time budget that nothing keeps to."""
    if config.training.mode != "probe" or config.training.time_budget is None:
        return []
    return [
        f"time_budget={config.training.time_budget:g} was left aside: a probe reads every sequence once, and takes no "
        "steps that could end sooner. Pass layers=..., SequenceOptions(limit=...), or mode='train'"
    ]


# --- the summary ------------------------------------------------------------------------------------------------------


def _summary(
    blend: SequenceBlend,
    problem: Problem,
    held: Parts,
    folds: Sequence[np.ndarray],
    log: TrainingLog,
    admission: Admission | None,
    base: NgramModel,
    seconds: dict[str, float],
) -> SequenceSummary:
    config, examples, backbone = problem.config, problem.examples, blend.backbone
    said = {"n-gram": held.base, "language model": held.model, "seqreprog": held.model}
    if blend.base is not None:
        said["seqreprog"] = mixed(held.base, blend.stretch * held.model, blend.weight)
    heat = {name: temperature(problem, scores, held.rows) for name, scores in said.items()}
    probed = config.training.mode == "probe"
    count = count_weights(blend.model, probed=probed)
    return SequenceSummary(
        task=config.task,
        method=config.method,
        output=config.output,
        backbone=backbone.name,
        layers=backbone.layers,
        base=config.base,
        trained=count.trained,
        tuned=count.tuned,
        frozen=count.frozen,
        sequences=examples.count,
        groups=len(np.unique(examples.groups)),
        held_out=len(held.rows),
        folds=len(folds),
        length=problem.length,
        features=base.vocabulary.features,
        weight=blend.weight,
        gain=admission.gain if admission else None,
        blocks=admission.blocks if admission else 0,
        temperature=blend.temperature,
        scores={name: measured(problem, scores / heat[name], held.rows) for name, scores in said.items()},
        seconds=seconds,
        mode=config.training.mode,
        own_temperature=heat["language model"],
        few=examples.count < FEW,
        spellings=config.augment + 1,
        steps=log.steps,
        best_step=log.best_step,
        stopped=log.stopped,
        notices=[*length_notices(blend, examples.symbols), *unlimited(config)],
    )
