"""Judging on held-out examples: the language model's weight, the temperature of probabilities, and the scores.

The two parts are first brought to one spread, `stretch = spread(base) / spread(f_T)`: log-odds are only as large as
the penalty lets them be. Values have a unit and stay. Where there are many examples the weight is the one of which one
can be sure (`admission.surest`). Few cannot tell weights apart, and the best of many on them is luck: there it is a
half, the mean of two forecasts being hard to beat (Clemen 1989), unless that loses on what was held out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from ..baselines.solvers import probabilities
from ..config.sequence import SequenceConfig
from ..metrics.labels import class_report, label_report, value_report
from .admission import HALF, WEIGHTS, Admission, half_or_none, surest
from .calibration import likeliest_temperature
from .fitted_sequence import SequenceBlend, averaged, mixed
from .problem import Problem


@dataclass(frozen=True, eq=False)
class Parts:
    """What each part says of examples that it did not learn from."""

    rows: Int[np.ndarray, " held"]
    base: Float[np.ndarray, "held column"]
    model: Float[np.ndarray, "held column"]

    def joined(self, owner: Int[np.ndarray, " sequence"] | None) -> Parts:
        """The mean over all spellings of one sequence, which is what it is answered with; `None`: all have one."""
        if owner is None:
            return self
        _, first, number = np.unique(owner[self.rows], return_index=True, return_inverse=True)
        return Parts(self.rows[first], averaged(self.base, number), averaged(self.model, number))


@runtime_checkable
class Judged(Protocol):
    """What is judged: examples in groups, and what an answer for some of them loses."""

    @property
    def config(self) -> SequenceConfig: ...

    @property
    def groups(self) -> Int[np.ndarray, " example"]: ...

    def losses(self, scores: Float[np.ndarray, "row column"], rows: Int[np.ndarray, " row"]) -> np.ndarray: ...


def judge(blend: SequenceBlend, problem: Judged, held: Parts, *, few: bool) -> Admission | None:
    """Finds stretch and weight, each candidate at its own best temperature, and the temperature of the chosen one."""
    if blend.base is None and blend.runs is None:
        blend.temperature = temperature(problem, held.model, held.rows)
        return None
    blend.stretch = stretch(problem.config.task, held.base, held.model)
    weights, found = (np.array([0.0, HALF]) if few else WEIGHTS), []
    for weight in weights:
        scores = mixed(held.base, blend.stretch * held.model, float(weight))
        found.append((scores, temperature(problem, scores, held.rows)))
    block = np.unique(problem.groups[held.rows], return_inverse=True)[1]  # a copy is no second witness
    errors = np.array([_means(problem.losses(scores / heat, held.rows), block) for scores, heat in found])
    admission = half_or_none(errors) if few else surest(errors)
    if not held.model.any():  # it learned nothing, and half of the base is the base
        admission = Admission(0.0, admission.blocks, 0.0, 0.0)
    blend.weight = admission.weight
    blend.temperature = found[int(np.argmin(abs(weights - admission.weight)))][1]
    return admission


def stretch(task: str, base: Float[np.ndarray, "row column"], model: Float[np.ndarray, "row column"]) -> float:
    """What brings the model's log-odds to the spread of the base's; 1 for values, and where one of them has none."""
    if task == "regress":
        return 1.0
    have, own = _spread(task, base), _spread(task, model)
    return have / own if have > 0 and own > 0 else 1.0


def _spread(task: str, scores: np.ndarray) -> float:
    if task in ("classify", "infill"):  # up to a constant of each row
        scores = scores - scores.mean(1, keepdims=True)
    return float(np.sqrt(scores.var(0).mean()))


def _means(values: np.ndarray, block: np.ndarray) -> np.ndarray:
    return np.bincount(block, weights=values) / np.bincount(block)


def temperature(problem: Judged, scores: Float[np.ndarray, "row column"], rows: np.ndarray) -> float:
    """Of probabilities, the most likely one; 1 for values, which have none."""
    if problem.config.task == "regress":
        return 1.0
    return likeliest_temperature(lambda heat: float(problem.losses(scores / heat, rows).sum()))


def measured(problem: Problem, scores: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """The scores of the task, by name."""
    task: Any = problem.config.task
    target = problem.target[rows]
    if task == "regress":
        report = value_report(problem.centre + problem.scale * target, problem.centre + problem.scale * scores[:, 0])
    elif task == "classify":
        report = class_report(target, probabilities(task, scores))
    else:
        report = label_report(target, probabilities(task, scores))
    return {name: value for name, value in report.items() if isinstance(value, float) and np.isfinite(value)}
