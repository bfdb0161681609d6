"""The probe of discrete sequences: nothing is trained by gradient, the head is solved on the states of every layer.

    z = (s( f_S( h_theta(x) ) ) - m) / d,   W, b = argmin sum_i v_i loss(y_i, W z_i + b) + |W|^2 / 2C

The input map stays as it was drawn and the frozen model reads each sequence once. `s` are the statistics of
`outputs.layers`, `m` and `d` their mean and spread over the sequences, `C` is chosen on held-out rows. Source: linear
probing (Alain and Bengio 2017, section 3), behind a random input map (Rahimi and Recht 2008).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from .errors import ConfigError
from .model import SymbolReprogram
from .ngram import STRENGTHS, HeldOut
from .outputs.layers import LayerHead, statistics
from .solvers import Task, paths, row_losses
from .symbol_samples import SymbolDataset
from .train import limited_threads

ROWS = 64  # read at a time, longest last
SOLVED = 6000  # sequences at most, evenly spaced: their Gram matrix is decomposed
FLAT = 1e-3  # of the mean spread is added to each, so that a constant feature stays one


def probe_symbols(
    model: SymbolReprogram,
    train: SymbolDataset,
    task: Task,
    *,
    folds: Sequence[Int[np.ndarray, " held"]],
    strengths: Sequence[float] = STRENGTHS,
    threads: int | None = None,
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

    Raises:
        ConfigError: the model has another head, or there are no folds.
    """
    head = model.output_map
    if not isinstance(head, LayerHead) or not folds:
        raise ConfigError("the probe needs a model with a LayerHead (Training(mode='probe')) and folds to hold out")
    used = np.linspace(0, len(train) - 1, min(len(train), SOLVED)).astype(int)
    with limited_threads(threads):
        features = sequence_statistics(model, train, used).astype(np.float64)
    centre, spread = features.mean(0), features.std(0)
    spread = (spread + FLAT * spread.mean() + 1e-12) * np.sqrt(features.shape[1])
    inputs, back = _rotated((features - centre) / spread)
    target, weight = _targets(train, task, used)
    columns = head.answer.out_features
    rising, count = sorted(strengths), columns if task == "multilabel" else 1
    place_of = {row: place for place, row in enumerate(used.tolist())}
    held = [np.array([place_of[row] for row in fold.tolist() if row in place_of], dtype=int) for fold in folds]
    scores = []
    for fold in held:
        kept = np.setdiff1d(np.arange(len(used)), fold)
        path = paths(task, inputs[kept], target[kept], weight[kept], [rising] * count, columns)
        scores.append(np.stack([inputs[fold] @ w + b for w, b in path]))
    rows, said = np.concatenate(held), np.concatenate(scores, 1)
    loss = np.stack([row_losses(task, one, target[rows]) for one in said]) * weight[rows, None]
    best = np.nansum(loss, 1).argmin(0)
    found = paths(task, inputs, target, weight, [(rising[place],) for place in best], columns)[0]
    turned = (back @ found[0]) / spread[:, None]
    with torch.no_grad():
        head.answer.weight.copy_(torch.from_numpy(turned.T))
        head.answer.bias.copy_(torch.from_numpy(found[1] - centre @ turned))
    chosen = said[best[0]] if count == 1 else np.stack([said[p, :, label] for label, p in enumerate(best)], 1)
    order = rows.argsort(kind="stable")
    return HeldOut(used[rows[order]], chosen[order])


@torch.inference_mode()
def sequence_statistics(
    model: SymbolReprogram, data: SymbolDataset, index: Int[np.ndarray, " row"]
) -> Float[np.ndarray, "row feature"]:
    """What the head reads of the sequences at `index`, in that order."""
    model.eval()
    device = next(model.output_map.parameters()).device
    order = np.argsort(data.lengths[index], kind="stable")
    parts = []
    for part in np.array_split(order, -(-len(order) // ROWS)):
        states = model.hidden(data.__getitems__(index[part].tolist()).to(device).batch)
        parts.append(statistics(states.embeds, states.mask).float().cpu().numpy())
    answer = np.empty((len(index), parts[0].shape[1]), np.float32)
    answer[order] = np.concatenate(parts)
    return answer


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
