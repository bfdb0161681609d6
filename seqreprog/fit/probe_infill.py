"""The probe of infilling: nothing is trained by gradient, the head is solved on the states at hidden symbols.

    z = B^T (f_S( h_theta(x) ) - m) / d / sqrt(e),   W, b = argmin sum_i loss(y_i, W z_i + b) + |W|^2 / 2C

The input map stays as it was drawn and the frozen model reads each sequence once; only the states at hidden symbols are
kept, of every layer. `m` and `d` are their mean and spread, `B` their principal directions and `e` the spread in these:
its root takes some of the lead from the first of them, which say what most blanks share. `C` is chosen on held-out
symbols. Source: as of `probe_sequence`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.linalg import eigh
from torch import Tensor
from tqdm.auto import tqdm

from ..baselines.solvers import held_out_scores, logistic_path, row_losses
from ..batches.stream import stream
from ..batches.symbols import InfillDataset
from ..errors import ConfigError
from ..model import SymbolReprogram
from ..outputs.token_map import StateMap
from ..sources.process import limited_threads
from ..types import SymbolBatch
from .probe_sequence import CHUNK, FLAT

ROWS = 32  # sequences read at a time, longest last
DIRECTIONS = 512  # of the states: the principal ones
STRENGTHS = (0.3, 1.0, 2.0, 4.0, 10.0)  # candidates for C, for features whose squares sum to 1 on average; rising


def probe_infill(
    model: SymbolReprogram,
    data: InfillDataset,
    where: Int[np.ndarray, " used"],
    *,
    folds: Sequence[Int[np.ndarray, " _"]],
    strengths: Sequence[float] = STRENGTHS,
    threads: int | None = None,
    progress: bool = False,
) -> Float[np.ndarray, "held class"]:
    """Solves the head of `model` in place and gives what it said of each symbol while that was held out.

    Args:
        model: its output map is a `StateMap`; its input map and frozen model stay as they are.
        data: sequences, and which symbols are hidden.
        where: places in the flat array that are learned from: hidden symbols that are read and known.
        folds: of `where`, those of each fold, each held out in its turn; the answer is fold after fold.
        strengths: candidates for C.
        threads: CPU threads; `None` leaves PyTorch's own choice.
        progress: whether to show how many sequences were read (only where standard error is a terminal).

    Raises:
        ConfigError: the model has another head.
    """
    head = model.output_map
    if not isinstance(head, StateMap):
        raise ConfigError("the probe of infilling needs a model with a StateMap (Training(mode='probe'))")
    with limited_threads(threads):
        states = hidden_states(model, data, where, progress=progress)
    inputs, back, centre = _directed(states)
    target, weight, rising = data.symbols.ids[where] - 1, np.ones(len(where)), sorted(strengths)
    held, columns = np.concatenate(folds), head.answer.out_features
    said = held_out_scores("classify", inputs, target, weight, folds, [rising], columns)
    best = int(np.argmin([row_losses("classify", one, target[held]).sum() for one in said]))
    turned, intercept = logistic_path(inputs, target, weight, [rising[best]], columns)[0]
    weights = back @ turned
    with torch.no_grad():
        head.answer.weight.copy_(torch.from_numpy(weights.T))
        head.answer.bias.copy_(torch.from_numpy(intercept - centre @ weights))
    return said[best]


@torch.inference_mode()
def hidden_states(
    model: SymbolReprogram, data: InfillDataset, where: Int[np.ndarray, " used"], *, progress: bool = False
) -> Float[np.ndarray, "used joined"]:
    """The states of every layer at the symbols at `where`, in that order."""
    model.eval()
    head: Any = model.output_map
    return answers_at(
        data, where, lambda batch: head.placed(model.hidden(batch).embeds).float(), rows=ROWS,
        device=next(head.parameters()).device, progress=progress,
    )  # fmt: skip


def answers_at(
    data: InfillDataset,
    where: Int[np.ndarray, " used"],
    answer: Callable[[SymbolBatch], Tensor],
    *,
    device: torch.device,
    rows: int,
    progress: bool = False,
) -> Float[np.ndarray, "used column"]:
    """`answer` at the symbols at `where`, in that order: nothing else is kept, and no other sequence is read.

    Args:
        data: the sequences, and which of their symbols are hidden.
        where: places in the flat array, all of them read.
        answer: a batch to what is said at each of its places.
        device: where the model is.
        rows: sequences of one batch, like lengths together.
        progress: whether to show how many were read (only where standard error is a terminal).
    """
    offsets = data.symbols.offsets
    owner, number = np.unique(np.searchsorted(offsets, where, "right") - 1, return_inverse=True)
    ranked = np.argsort(number, kind="stable")  # symbols sequence by sequence,
    first = np.searchsorted(number[ranked], np.arange(len(owner) + 1))  # and where those of each begin
    parts: list[tuple[np.ndarray, np.ndarray]] = []

    def run(part: np.ndarray) -> tuple[np.ndarray]:
        count = np.diff(first)[part]
        row = np.repeat(np.arange(len(part)), count)
        asked = ranked[np.arange(len(row)) + np.repeat(first[part] - (np.cumsum(count) - count), count)]
        found = answer(data.__getitems__(owner[part].tolist()).to(device).batch)
        place = where[asked] - offsets[owner[part][row]]
        parts.append((asked, found[torch.from_numpy(row), torch.from_numpy(place)].cpu().numpy()))
        return (part,)

    with tqdm(total=len(owner), desc="probing", unit="sequence", disable=not progress or None) as bar:
        stream(data.lengths[owner], rows, run, progress=bar.update)
    asked, joined = (np.concatenate(each) for each in zip(*parts, strict=True))
    back = np.empty_like(joined)
    back[asked] = joined
    return back


def _directed(
    states: Float[np.ndarray, "used joined"],
) -> tuple[Float[np.ndarray, "used direction"], Float[np.ndarray, "joined direction"], Float[np.ndarray, " joined"]]:
    """Standardised states in their principal directions, what turns states into them, and the states' mean."""
    centre, spread = states.mean(0, dtype=np.float64), states.std(0, dtype=np.float64)
    divisor = spread + FLAT * spread.mean() + 1e-12
    gram = np.zeros((len(spread), len(spread)))
    for start in range(0, len(states), CHUNK):
        part = (states[start : start + CHUNK] - centre) / divisor
        gram += part.T @ part
    fewest = max(len(spread) - DIRECTIONS, 0)
    roots, basis = eigh(gram, subset_by_index=[fewest, len(spread) - 1])
    seen = roots > 1e-8 * max(roots[-1], 1e-30)
    spreads = np.sqrt(roots[seen] / len(states))
    back = basis[:, seen] / divisor[:, None] / np.sqrt(spreads * spreads.sum())
    return (states - centre) @ back, back, centre
