"""The linear base of infilling: what stands in a blank, told from its place in its run of blanks and its neighbours.

    scores = features(blank) W + b

`features` are one-hot: how many blanks of its run stand to the left of a blank, how many to the right, how long the run
is, how far which end is that is nearer, and left and length together; where that loses clearly less on held-out blanks,
also the known symbols up to `REACH` places away, each at its place (the end of the sequence is a symbol of its own
there). Regularised multinomial logistic regression (Cox 1958); features and penalty are chosen on held-out blanks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from ..data.symbols import Symbols
from ..errors import CheckpointError
from .solvers import held_out_scores, logistic_path, row_losses

REACH = 4  # symbols to each side that are neighbours
FARTHEST = 32  # blanks counted to each side, and the length of a run
STRENGTHS = (0.03, 0.1, 0.2, 0.5, 1.0, 3.0, 10.0)  # C of the logistic; rising

Around = Literal["run", "neighbours"]


class Blanks(NamedTuple):
    """Where each blank stands.

    Attributes:
        left: blanks of its run to its left.
        right: to its right.
        near: the ids around it, from `REACH` to its left to `REACH` to its right: 0 beyond the ends, the mask's id for
            another blank.
    """

    left: Int[np.ndarray, " blank"]
    right: Int[np.ndarray, " blank"]
    near: Int[np.ndarray, "blank offset"]


def blanks_at(symbols: Symbols, hidden: Bool[np.ndarray, " symbols"], where: Int[np.ndarray, " blank"]) -> Blanks:
    """Where the symbols at `where` stand, as the model sees them: what is hidden or unknown is blank.

    Args:
        symbols: the sequences.
        hidden: which of their symbols are not seen.
        where: places in the flat array, all of them hidden.
    """
    seen = np.where(hidden, symbols.alphabet.mask, symbols.ids)
    blank, index, end = seen == symbols.alphabet.mask, np.arange(len(seen)), symbols.offsets[1:]
    first = blank.copy()  # of its run
    first[1:] &= ~blank[:-1]
    first[symbols.offsets[:-1]] = blank[symbols.offsets[:-1]]
    last = blank.copy()
    last[:-1] &= ~blank[1:]
    last[end - 1] = blank[end - 1]
    start = np.maximum.accumulate(np.where(first, index, 0))
    stop = np.minimum.accumulate(np.where(last, index, len(seen) - 1)[::-1])[::-1]
    steps = np.concatenate([np.arange(-REACH, 0), np.arange(1, REACH + 1)])
    around, owner = where[:, None] + steps, np.searchsorted(symbols.offsets, where, "right") - 1
    inside = (around >= symbols.offsets[owner][:, None]) & (around < end[owner][:, None])
    near = np.where(inside, seen[np.clip(around, 0, len(seen) - 1)], 0)
    return Blanks(where - start[where], stop[where] - where, near)


def features(blanks: Blanks, around: Around, size: int) -> sp.csr_array:
    """One row of zeros and ones for each blank; `size` are the ids of the alphabet, padding and mask included."""
    side = FARTHEST + 1
    left, right = blanks.left.clip(0, FARTHEST), blanks.right.clip(0, FARTHEST)
    length = (blanks.left + blanks.right).clip(0, FARTHEST)
    nearer = np.minimum(left, right) + np.where(left > right, side, 0)
    blocks = [left, side + right, 2 * side + length, 3 * side + nearer, 5 * side + left * side + length]
    width, known = 5 * side + side * side, np.ones((len(left), len(blocks)))
    if around == "neighbours":
        blocks += [width + place * size + ids for place, ids in enumerate(blanks.near.T)]
        width += blanks.near.shape[1] * size
        known = np.concatenate([known, blanks.near < size - 1], 1)
    columns = np.stack(blocks, 1)
    starts = np.arange(len(columns) + 1) * columns.shape[1]
    return sp.csr_array((known.ravel(), columns.ravel(), starts), shape=(len(columns), width))


# --- the model --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class RunModel:
    """A fitted base; see the equation at the top of this file.

    Attributes:
        around: `features`: of the run alone, or of neighbours too.
        size: ids of the alphabet.
        weights: `W`; a column for each symbol.
        intercept: `b`.
        strength: the chosen C.
        loss: of each candidate on the held-out blanks, by name.
        held_out: what the chosen one said of each blank while that was held out, in the order of the folds; not saved.
    """

    around: Around
    size: int
    weights: Float[np.ndarray, "feature class"]
    intercept: Float[np.ndarray, " class"]
    strength: float
    loss: Mapping[str, float] = field(default_factory=dict)
    held_out: Float[np.ndarray, "held class"] | None = None

    def decision(
        self, symbols: Symbols, hidden: Bool[np.ndarray, " symbols"], where: Int[np.ndarray, " blank"]
    ) -> Float[np.ndarray, "blank class"]:
        """Log-odds, up to a constant for each blank; arguments as in `blanks_at`."""
        return features(blanks_at(symbols, hidden, where), self.around, self.size) @ self.weights + self.intercept

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The model as plain arrays and a dict that JSON can hold; `held_out` is left out."""
        described = {"around": self.around, "size": self.size, "strength": self.strength, "loss": dict(self.loss)}
        return {"weights": self.weights, "intercept": self.intercept}, described


def from_state(arrays: Mapping[str, np.ndarray], described: Mapping[str, Any]) -> RunModel:
    """The model that `state` was taken of: it answers with the same bits.

    Raises:
        CheckpointError: something is missing or of another shape.
    """
    try:
        weights, intercept = arrays["weights"], arrays["intercept"]
        around, size, strength = described["around"], int(described["size"]), float(described["strength"])
        loss = dict(described["loss"])
    except KeyError as error:
        raise CheckpointError(f"the saved base of infilling has no {error.args[0]!r}. Save the model anew") from error
    if around not in get_args(Around):
        raise CheckpointError(f"the saved base of infilling has {around=}, which is unknown. Save the model anew")
    none = np.zeros(0, np.int64)
    nothing = Blanks(none, none, np.zeros((0, 2 * REACH), np.int64))
    shape = (features(nothing, around, size).shape[1], len(intercept))
    if weights.shape != shape:
        raise CheckpointError(
            f"the saved base of infilling has weights of shape {weights.shape}; {around=} and {size=} need {shape}. "
            "Save the model anew"
        )
    return RunModel(around, size, weights, intercept, strength, loss)


# --- fitting ----------------------------------------------------------------------------------------------------------


def fit_runs(
    symbols: Symbols,
    hidden: Bool[np.ndarray, " symbols"],
    where: Int[np.ndarray, " blank"],
    *,
    folds: Sequence[Int[np.ndarray, " _"]],
    groups: Int[np.ndarray, " blank"],
    strengths: Sequence[float] = STRENGTHS,
) -> RunModel:
    """Chooses features and penalty on held-out blanks, then fits them to all. Nothing is drawn: no seed.

    The run alone is taken, unless its neighbours lose less by more than a standard error over groups (blanks of one
    sequence are no independent witnesses, and of few the least loss is luck).

    Args:
        symbols: whole sequences.
        hidden: which of their symbols are not seen.
        where: those of them, in the flat array, that are learned from; none is unknown.
        folds: of `where`, those of each fold, each held out in its turn.
        groups: the group of each of `where`.
        strengths: candidates for C, above 0.
    """
    blanks, target, size = blanks_at(symbols, hidden, where), symbols.ids[where] - 1, symbols.alphabet.size
    held, weight, rising = np.concatenate(folds), np.ones(len(where)), sorted(strengths)
    block, tried = np.unique(groups[held], return_inverse=True)[1], {}
    for kind in get_args(Around):
        inputs = features(blanks, kind, size)
        said = held_out_scores("classify", inputs, target, weight, folds, [rising], size - 2)
        lost = np.stack([row_losses("classify", one, target[held])[:, 0] for one in said])
        best = int(lost.mean(1).argmin())
        tried[kind] = _Trial(inputs, rising[best], said[best], lost[best])
    run, near = (np.bincount(block, tried[kind].lost) / np.bincount(block) for kind in get_args(Around))
    gain = run - near
    around: Around = "neighbours" if gain.mean() > gain.std() / np.sqrt(len(gain)) else "run"
    one = tried[around]
    weights, intercept = logistic_path(one.inputs, target, weight, [one.strength], size - 2)[0]
    losses = {name: float(found.lost.mean()) for name, found in tried.items()}
    return RunModel(around, size, weights, intercept, one.strength, losses, one.scores)


class _Trial(NamedTuple):
    """One kind of features at the strength that loses least on held-out blanks."""

    inputs: sp.csr_array
    strength: float
    scores: np.ndarray
    lost: np.ndarray
