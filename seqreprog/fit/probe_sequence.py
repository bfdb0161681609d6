"""The probe of discrete sequences: nothing is trained by gradient, the head is solved on the states of every layer.

    z = (s( f_S( h_theta(x) ) ) - m) / d,   W, b = argmin sum_i v_i loss(y_i, W z_i + b) + |W|^2 / 2C

The input map stays as it was drawn and the frozen model reads each sequence once. `s` are the statistics of
`outputs.layers`, `m` and `d` their mean and spread over the sequences, `C` is chosen on held-out rows. Of aligned
sequences the states at each place, in their principal directions, are read beside the statistics where that loses less
on held-out rows. Source: linear probing (Alain and Bengio 2017, section 3), behind a random input map (Rahimi and Recht
2008).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from tqdm.auto import tqdm

from ..baselines.ngram import STRENGTHS, HeldOut
from ..baselines.solvers import Task, held_out_scores, paths, row_losses
from ..batches.stream import stream
from ..batches.symbols import SymbolDataset
from ..errors import ConfigError
from ..model import SymbolReprogram
from ..outputs.layers import LayerHead, statistics
from ..sources.process import limited_threads

ROWS = 64  # read at a time, longest last
CHUNK = 512  # sequences of one product
SOLVED = 6000  # sequences at most, evenly spaced: their Gram matrix is decomposed
DIRECTIONS = 64  # of the states at a place: the principal ones, each brought to the same spread
BESIDE = 0.3  # what statistics count where places are read, which on aligned sequences say more
FLAT = 1e-3  # of the mean spread is added to each, so that a constant feature stays one


def probe_symbols(
    model: SymbolReprogram,
    train: SymbolDataset,
    task: Task,
    *,
    folds: Sequence[Int[np.ndarray, " _"]],
    strengths: Sequence[float] = STRENGTHS,
    threads: int | None = None,
    progress: bool = False,
) -> HeldOut:
    """Solves the head of `model` in place and gives what it said of each row while that was held out.

    Args:
        model: its output map is a `LayerHead`; its input map and frozen model stay as they are.
        train: sequences, targets (missing labels weigh 0) and weights.
        task: what the targets are.
        folds: the rows of each fold, each held out in its turn; rows in none of them are always learned from.
        strengths: candidates for C, for features of unit spread divided by the root of how many there are. Each label
            gets its own.
        threads: CPU threads; `None` leaves PyTorch's own choice.
        progress: whether to show how many sequences were read (only where standard error is a terminal).

    Raises:
        ConfigError: the model has another head, or there are no folds.
    """
    head = model.output_map
    if not isinstance(head, LayerHead) or not folds:
        raise ConfigError("the probe needs a model with a LayerHead (Training(mode='probe')) and folds to hold out")
    used = np.linspace(0, len(train) - 1, min(len(train), SOLVED)).astype(int)
    with limited_threads(threads):
        features, states = sequence_features(model, train, used, progress=progress)
    flat, basis = _directed(states)
    target, weight = _targets(train, task, used)
    held = [np.flatnonzero(np.isin(used, fold)) for fold in folds]
    rising, columns = sorted(strengths), head.answer.out_features
    candidates = [[(features.astype(np.float64), 1.0)]]
    if head.places:
        candidates.append([(candidates[0][0][0], BESIDE), (flat, 1.0)])
    tried = [_tried(task, _standard(blocks), target, weight, held, rising, columns) for blocks in candidates]
    best = min(tried, key=lambda one: one.loss)
    weights, intercept = best.solve()
    _fill(head, weights, best.centre, intercept, basis)
    rows = np.concatenate(held)
    order = rows.argsort(kind="stable")
    return HeldOut(used[rows[order]], best.scores[order])


@dataclass(frozen=True, eq=False)
class _Tried:
    """One set of features at the strengths that lose least on held-out rows."""

    loss: float
    scores: Float[np.ndarray, "held column"]
    centre: Float[np.ndarray, " feature"]
    solve: Callable[[], tuple[np.ndarray, np.ndarray]]  # W of the features as they were, and b of the centred ones


def _tried(
    task: Task,
    standard: tuple[np.ndarray, np.ndarray, np.ndarray],
    target: np.ndarray,
    weight: np.ndarray,
    held: Sequence[np.ndarray],
    rising: Sequence[float],
    columns: int,
) -> _Tried:
    """Every strength on every fold, learned without it."""
    inputs, back = _rotated(standard[0])
    _, centre, spread = standard
    count = columns if task == "multilabel" else 1
    rows = np.concatenate(held)
    said = held_out_scores(task, inputs, target, weight, held, [rising] * count, columns)
    loss = np.nansum(np.stack([row_losses(task, one, target[rows]) for one in said]) * weight[rows, None], 1)
    best = loss.argmin(0)
    chosen = said[best[0]] if count == 1 else np.stack([said[p, :, label] for label, p in enumerate(best)], 1)

    def solve() -> tuple[np.ndarray, np.ndarray]:
        weights, intercept = paths(task, inputs, target, weight, [(rising[place],) for place in best], columns)[0]
        return (back @ weights) / spread[:, None], intercept

    return _Tried(float(loss.min(0).sum()), chosen, centre, solve)


def sequence_features(
    model: SymbolReprogram, data: SymbolDataset, index: Int[np.ndarray, " row"], *, progress: bool = False
) -> tuple[Float[np.ndarray, "row feature"], Float[np.ndarray, "row place width"]]:
    """What the head reads of the sequences at `index`, in that order: statistics, and states at the places it knows."""
    model.eval()
    head: Any = model.output_map
    device = next(head.parameters()).device

    def run(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        states = model.hidden(data.__getitems__(index[part].tolist()).to(device).batch)
        read = statistics(states.embeds, states.mask), head.placed(states.embeds)
        return read[0].float().cpu().numpy(), read[1].float().cpu().numpy()

    with tqdm(total=len(index), desc="probing", unit="sequence", disable=not progress or None) as bar:
        found = stream(data.lengths[index], ROWS, run, progress=bar.update)
    return found[0], found[1]


def _directed(
    states: Float[np.ndarray, "row place width"],
) -> tuple[Float[np.ndarray, "row joined"], Float[np.ndarray, "width direction"]]:
    """States at all places in their principal directions, joined, and those directions."""
    rows, places, width = states.shape
    if not places:
        return np.empty((rows, 0)), np.empty((width, 0))
    middle, spread = states.mean((0, 1), dtype=np.float64), np.zeros((width, width))
    for start in range(0, rows, CHUNK):
        away = (states[start : start + CHUNK] - middle).reshape(-1, width)
        spread += away.T @ away
    basis = np.linalg.eigh(spread)[1][:, ::-1][:, :DIRECTIONS]
    return (states @ basis).reshape(rows, -1), basis


def _standard(
    blocks: Sequence[tuple[Float[np.ndarray, "row _"], float]],
) -> tuple[Float[np.ndarray, "row feature"], Float[np.ndarray, " feature"], Float[np.ndarray, " feature"]]:
    """Blocks of features joined, and their mean and divisor: unit spread over the root of how many, times a weight."""
    centres, spreads = [], []
    for block, weight in blocks:
        spread = block.std(0)
        centres.append(block.mean(0))
        spreads.append((spread + FLAT * spread.mean() + 1e-12) * np.sqrt(block.shape[1]) / weight)
    centre, divisor = np.concatenate(centres), np.concatenate(spreads)
    return (np.concatenate([block for block, _ in blocks], 1) - centre) / divisor, centre, divisor


@torch.no_grad()
def _fill(
    head: LayerHead,
    turned: Float[np.ndarray, "feature column"],
    centre: Float[np.ndarray, " feature"],
    intercept: Float[np.ndarray, " column"],
    basis: Float[np.ndarray, "width direction"],
) -> None:
    """The solution in the head's own weights."""
    count = head.answer.in_features
    head.answer.weight.copy_(torch.from_numpy(turned[:count].T))
    head.answer.bias.copy_(torch.from_numpy(intercept - centre[:count] @ turned[:count]))
    if head.at is not None and head.level is not None and len(turned) == count:  # the places lost more
        head.at.zero_()
        head.level.zero_()
    elif head.at is not None and head.level is not None:
        shape = (head.places, basis.shape[1])
        at, middle = turned[count:].reshape(*shape, -1), centre[count:].reshape(shape)
        head.at.copy_(torch.from_numpy(basis @ at))
        head.level.copy_(torch.from_numpy(-np.einsum("pd,pdc->pc", middle, at)))


def _rotated(
    features: Float[np.ndarray, "row feature"],
) -> tuple[Float[np.ndarray, "row direction"], Float[np.ndarray, "feature direction"]]:
    """The features in the directions that the rows span, and those directions: the same problem, a smaller one."""
    roots, basis = np.linalg.eigh(features @ features.T)
    seen = roots > 1e-10 * max(roots[-1], 1e-30)
    scale = np.sqrt(roots[seen])
    return basis[:, seen] * scale, features.T @ (basis[:, seen] / scale)


def _targets(data: SymbolDataset, task: Task, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    target, weight = data.target[used], data.weight[used].astype(np.float64)
    if task == "multilabel":
        return np.where(weight > 0, target, np.nan), weight.max(1)
    return target, weight.reshape(-1)
