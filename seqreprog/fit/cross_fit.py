"""Training by gradient where examples are few: each is held out once, and together they choose the number of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .gradient import TrainingLog
from .problem import Problem

CROSS_STEPS = 200  # of each fold at most: few examples are learned in few steps
CROSS_LOOKS = 10  # steps between two looks at most, for the same reason
SMALL_BATCH = 16  # a batch of nearly all of few examples would be as wide as the longest of them, at every step


def cross_fitted(
    problem: Problem, folds: Sequence[np.ndarray]
) -> tuple[Any, TrainingLog, tuple[np.ndarray, np.ndarray]]:
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
