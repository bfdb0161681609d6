"""Fitting the whole for series: language model probed or by gradient, temperature on series that were held out.

The probe leaves every series out once, at no cost. By gradient every series is held out once too where there are few
(`fit/cross_fit.py`); of many a part is, which stops the training and judges.
"""

from __future__ import annotations

import numpy as np

from ..config.series import SeriesConfig
from ..data.groups import group_folds, split_groups
from ..errors import DataError
from ..fit.clock import Clock
from ..fit.cross_fit import cross_fitted
from ..fit.fitted_series import SeriesBlend, model_answers
from ..fit.gradient import TrainingLog, check_precision, device_of
from ..fit.judging import measured, temperature
from ..fit.probe_series import probe_series
from ..model import count_weights
from ..sources.language import Backbone
from ..sources.process import exclusive
from .series_problem import SeriesExamples, SeriesProblem
from .series_summary import SeriesSummary

FEW = 200  # series below which each is held out once
FOLDS = 3
LEAST = 2  # of a single one nothing can be said


@exclusive
def fit_series(config: SeriesConfig, backbone: Backbone, examples: SeriesExamples) -> tuple[SeriesBlend, SeriesSummary]:
    """Head in closed form, or theta and omega by gradient; temperature on series that were held out.

    Args:
        config: everything there is to decide.
        backbone: the frozen language model.
        examples: what to learn from.

    Raises:
        BackboneError: the backbone has too few positions.
        ConfigError: the label map does not fit the vocabulary.
        DataError: there is one series only.
        TrainingError: the loss became NaN.
    """
    if len(examples) < LEAST:
        raise DataError(f"{LEAST} series are the least to learn from; got {len(examples)}")
    check_precision(config.device, config.training.precision)
    clock = Clock()
    problem = SeriesProblem.made(config, backbone, examples)
    clock.lap("building")
    if config.probed:
        problem.model.to(device_of(config.device))
        every, threads = np.arange(len(examples)), config.training.threads
        rows, scores = probe_series(problem.model, problem.dataset(every), examples.columns, threads=threads)
        log, how = TrainingLog(), "each left out once"
    elif len(examples) < FEW:
        _, log, (rows, scores) = cross_fitted(problem, _folds(config, examples))
        how = f"each held out once, in {FOLDS} folds"
    else:
        log, rows, scores = _held_out(problem)
        how = "which stopped the training"
    clock.lap("training")
    heat = temperature(problem, scores, rows)
    blend = SeriesBlend(
        config, backbone, examples.columns, problem.length, problem.channel_scale, problem.model.eval(),
        temperature=heat, centre=problem.centre, scale=problem.scale,
    )  # fmt: skip
    clock.lap("calibrating")
    count = count_weights(blend.model, probed=config.probed)
    return blend, SeriesSummary(
        task=config.task,
        form=config.form,
        mode="probe" if config.probed else "train",
        backbone=backbone.name,
        layers=backbone.layers,
        trained=count.trained,
        frozen=count.frozen,
        series=len(examples),
        channels=examples.instances.channels,
        length=problem.length,
        held_out=len(rows),
        how=how,
        temperature=heat,
        scores=measured(problem, scores / heat, rows),
        seconds=clock.seconds,
        steps=log.steps,
        best_step=log.best_step,
    )


def _folds(config: SeriesConfig, examples: SeriesExamples) -> list[np.ndarray]:
    labels = examples.target if config.task == "classify" else None
    return group_folds(examples.groups, labels, min(FOLDS, len(examples)), config.seed)


def _held_out(problem: SeriesProblem) -> tuple[TrainingLog, np.ndarray, np.ndarray]:
    """One model, stopped by a part of the series; what it says of them."""
    config, examples = problem.config, problem.examples
    labels = examples.target if config.task == "classify" else None
    every = np.arange(len(examples))
    held = np.sort(split_groups(examples.groups, labels, config.training.validation, config.seed)[1])
    log, _ = problem.fit(np.setdiff1d(every, held), held, config.training)
    return log, held, model_answers(problem.model, examples.instances.take(held), problem.channel_scale, config)
