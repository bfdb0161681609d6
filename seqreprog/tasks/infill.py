"""Fitting a model that fills in hidden symbols: the base of runs, the language model, and its weight on held-out ones.

Recovery is the share of hidden symbols that the likeliest answer gets right; perplexity the exponential of the mean
negative log-likelihood of a hidden symbol; diversity 100 minus the mean agreement, in percent, of two different samples
for one sequence, over its hidden symbols. Source: ReprogBERT (Melnyk et al. 2023).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from ..baselines.masked_spans import FARTHEST, RunModel, fit_runs
from ..baselines.solvers import log_shares, row_losses
from ..batches.stream import rows_that_fit
from ..batches.symbols import InfillDataset
from ..build.sequence import build_sequence_model, room
from ..config.forecast import Training
from ..config.sequence import USUAL, SequenceConfig, settled
from ..data.groups import group_folds, split_groups
from ..data.symbols import Symbols
from ..errors import DataError
from ..fit.admission import Admission
from ..fit.fitted_sequence import SequenceBlend, length_notices, mixed, model_length
from ..fit.gradient import TrainingLog, check_precision, device_of, fit
from ..fit.judging import Parts, judge, temperature
from ..fit.objectives import SymbolObjective
from ..fit.probe_infill import answers_at, probe_infill
from ..model import SymbolReprogram, count_weights
from ..sources.language import Backbone, with_peft
from ..sources.process import exclusive
from .infill_summary import BASE, MODEL, WHOLE, InfillSummary
from .sequence import unlimited

INFERENCE_ROWS = 256
SOLVED = 6000  # hidden symbols at most, evenly spaced, that base and head are solved on
FOLDS = 5
STEP_TOKENS, FEWEST_ROWS = 2048, 8  # of a step by gradient, where nobody says how large a batch is


@dataclass(frozen=True, eq=False)
class Hidden:
    """What is learned from.

    Attributes:
        config: everything there is to decide.
        symbols: whole sequences.
        hidden: which of their symbols are hidden.
        told: those that are known, and read by the language model.
        where: places in the flat array of those that closed forms are solved on, and that judge.
        related: the group of each sequence.
    """

    config: SequenceConfig
    symbols: Symbols
    hidden: Bool[np.ndarray, " symbols"]
    told: Bool[np.ndarray, " symbols"]
    where: Int[np.ndarray, " used"]
    related: Int[np.ndarray, " sequence"]

    @property
    def groups(self) -> Int[np.ndarray, " used"]:
        """The group of each of the symbols that judge."""
        return self.related[self.symbols.owner[self.where]]

    @property
    def truth(self) -> Int[np.ndarray, " used"]:
        return self.symbols.ids[self.where] - 1

    def losses(
        self, scores: Float[np.ndarray, "row class"], rows: Int[np.ndarray, " row"]
    ) -> Float[np.ndarray, " row"]:
        """The log loss of each."""
        return row_losses("classify", scores, self.truth[rows])[:, 0]


@exclusive
def fit_infill(
    config: SequenceConfig,
    backbone: Backbone,
    symbols: Symbols,
    hidden: Bool[np.ndarray, " symbols"],
    groups: Int[np.ndarray, " sequence"],
    *,
    peft: Any = None,
) -> tuple[SequenceBlend, InfillSummary]:
    """Learns the hidden symbols alone; those of held-out sequences choose weight and temperature.

    The probe holds every symbol out once. By gradient a part of the sequences stops the training and judges, of few
    sequences too: what is judged are hidden symbols, of which a sequence has many.

    Args:
        config: everything there is to decide; `task="infill"`.
        backbone: the frozen language model.
        symbols: whole sequences.
        hidden: which of their symbols the model does not see, and learns to tell.
        groups: those of a group stay on one side.
        peft: `None` leaves the backbone frozen; `True` is LoRA, else any peft config: see `with_peft`.

    Raises:
        DataError: nothing is hidden, or there are too few groups of sequences.
    """
    check_precision(config.device, config.training.precision)
    start, config = time.perf_counter(), settled(config, tuned=peft is not None)
    if peft is not None:
        backbone = with_peft(backbone, None if peft is True else peft, seed=config.seed)
    alphabet, length = symbols.alphabet, model_length(config, room(config, backbone), symbols)
    problem = _hidden(config, symbols, hidden, groups, length)
    folds = _folds(problem)
    places = FARTHEST if config.method == "prototype" else 0
    model = build_sequence_model(
        config, backbone, size=alphabet.size, classes=alphabet.size - 2, length=length, symbols=alphabet.symbols,
        places=places,
    )  # fmt: skip
    base = fit_runs(symbols, hidden, problem.where, folds=folds, groups=problem.groups)
    solve = _probed if config.training.mode == "probe" else _trained
    log, said = solve(problem, model, folds, length)
    blend = SequenceBlend(
        config, backbone, alphabet, alphabet.size - 2, length, None, model, places=places,
        runs=base if config.base == "linear" else None,
    )  # fmt: skip
    rows = np.concatenate(folds)
    held = Parts(rows, np.zeros_like(said) if base.held_out is None else base.held_out, said)
    admission = judge(blend, problem, held, few=False)
    summary = _summary(blend, problem, held, len(folds), log, admission, base)
    summary.groups, summary.seconds = len(np.unique(groups)), time.perf_counter() - start
    return blend, summary


def hidden_scores(
    blend: SequenceBlend, symbols: Symbols, hidden: Bool[np.ndarray, " symbols"]
) -> tuple[Float[np.ndarray, "hidden class"], Int[np.ndarray, " hidden"]]:
    """Log-odds of each hidden symbol that the model reads, and its place in the flat array, in rising order."""
    where = np.flatnonzero(hidden & (_places(symbols) < blend.length))
    if not len(where):
        return np.zeros((0, blend.columns)), where
    base = None if blend.runs is None else blend.runs.decision(symbols, hidden, where)
    if base is not None and blend.weight == 0:
        return base, where
    model = _model_scores(blend.model, blend.config, symbols, hidden, where, blend.length)
    return model if base is None else mixed(base, blend.stretch * model, blend.weight), where


# --- its parts --------------------------------------------------------------------------------------------------------


def _hidden(config: SequenceConfig, symbols: Symbols, hidden: np.ndarray, groups: np.ndarray, length: int) -> Hidden:
    told = hidden & (symbols.ids < symbols.alphabet.mask) & (_places(symbols) < length)
    if not told.any():
        raise DataError(
            f"no symbol is hidden that the model reads and that is known: {int(hidden.sum())} of {len(hidden)} are "
            "hidden. Pass spans=..., True where a symbol is to be hidden"
        )
    where = np.flatnonzero(told)
    where = where[np.linspace(0, len(where) - 1, min(len(where), SOLVED)).astype(int)]
    return Hidden(config, symbols, hidden, told, where, groups)


def _folds(problem: Hidden) -> list[Int[np.ndarray, " _"]]:
    """Which of the symbols are held out together: those of a fold of the sequences, or of one part that is left out."""
    config, owner, groups = problem.config, problem.symbols.owner[problem.where], problem.related
    rows = np.unique(owner)
    if config.training.mode == "probe":
        parts = group_folds(groups[rows], None, min(FOLDS, max(len(np.unique(groups[rows])), 2)), config.seed)
    else:
        held = split_groups(groups[rows], None, config.training.validation, config.seed)[1]
        parts = [held[_drawn(groups[rows[held]], config.training.validation_windows, config.seed)]]
    return [np.flatnonzero(np.isin(owner, rows[part])) for part in parts]


def _drawn(groups: Int[np.ndarray, " held"], limit: int, seed: int) -> Int[np.ndarray, " drawn"]:
    """About `limit` of the held-out sequences, drawn group by group: what is left of a group would teach the base."""
    related = np.unique(groups, return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(related.max() + 1)
    sizes = np.bincount(related)[order]
    return np.flatnonzero(np.isin(related, order[np.cumsum(sizes) - sizes < limit]))


def _probed(
    problem: Hidden, model: SymbolReprogram, folds: Sequence[np.ndarray], length: int
) -> tuple[TrainingLog, np.ndarray]:
    """The head solved on the states at all of the symbols; what it says of each that was held out."""
    config, training = problem.config, problem.config.training
    model.to(device_of(config.device))
    data = InfillDataset(problem.symbols, problem.hidden, blank=problem.symbols.alphabet.mask, limit=length)
    said = probe_infill(
        model, data, problem.where, folds=folds, threads=training.threads, progress=training.progress
    )  # fmt: skip
    model.eval()
    return TrainingLog(), said


def _trained(
    problem: Hidden, model: SymbolReprogram, folds: Sequence[np.ndarray], length: int
) -> tuple[TrainingLog, np.ndarray]:
    """The model stopped by the part that is held out; what it says of that part."""
    config, symbols, blank = problem.config, problem.symbols, problem.symbols.alphabet.mask
    where = problem.where[folds[0]]
    held = np.unique(symbols.owner[where])
    apart = np.unique(problem.groups[folds[0]])
    told = np.unique(symbols.owner[problem.told])  # more than judge: what is not solved has no need to be few
    kept = told[~np.isin(problem.related[told], apart)]
    sets = [
        InfillDataset(symbols.take(rows), problem.told[symbols.where(rows)], blank=blank, limit=length)
        for rows in (kept, held)
    ]
    log = fit(
        model, sets[0], sets[1], objective=SymbolObjective("infill"), seed=config.seed, device=config.device,
        training=_bounded(config.training, sets[0]),
    )  # fmt: skip
    return log, _model_scores(model, config, symbols, problem.hidden, where, length)


def _bounded(training: Training, data: InfillDataset) -> Training:
    """Fewer of long sequences in a step, where the size of a batch was left at its default."""
    if training.batch_size != USUAL.batch_size:
        return training
    fits = int(STEP_TOKENS // data.lengths.mean())
    return replace(training, batch_size=min(training.batch_size, max(fits, FEWEST_ROWS)))


@torch.inference_mode()
def _model_scores(
    model: SymbolReprogram, config: SequenceConfig, symbols: Symbols, hidden: np.ndarray, where: np.ndarray, length: int
) -> Float[np.ndarray, "hidden class"]:
    """What the reprogrammed model alone says of the symbols at `where`."""
    model.eval()
    device = next(weight for _, weight in model.trained()).device
    data = InfillDataset(symbols, hidden, blank=symbols.alphabet.mask, limit=length)
    tokens = int(data.lengths.max()) + len(model.static) + config.vectors
    rows = min(INFERENCE_ROWS, rows_that_fit(tokens, model.backbone.state_width, device))
    return answers_at(data, where, lambda batch: model(batch).double(), device=device, rows=rows)


def _summary(
    blend: SequenceBlend,
    problem: Hidden,
    held: Parts,
    folds: int,
    log: TrainingLog,
    admission: Admission | None,
    base: RunModel,
) -> InfillSummary:
    config, backbone, symbols = problem.config, blend.backbone, problem.symbols
    said = {BASE: held.base, MODEL: held.model, WHOLE: held.model}
    if blend.runs is not None:
        said[WHOLE] = mixed(held.base, blend.stretch * held.model, blend.weight)
    heats = {name: temperature(problem, scores, held.rows) for name, scores in said.items()}
    probed, truth = config.training.mode == "probe", problem.truth[held.rows]
    count = count_weights(blend.model, probed=probed)
    return InfillSummary(
        method=config.method,
        backbone=backbone.name,
        layers=backbone.layers,
        trained=count.trained,
        tuned=count.tuned,
        frozen=count.frozen,
        sequences=len(symbols),
        groups=0,
        held_out=len(held.rows),
        hidden=int(problem.told.sum()),
        length=blend.length,
        temperature=blend.temperature,
        scores={name: told_scores(log_shares(scores / heats[name]), truth) for name, scores in said.items()},
        seconds=0.0,
        steps=log.steps,
        best_step=log.best_step,
        stopped=log.stopped,
        notices=[*length_notices(blend, symbols), *unlimited(config)],
        mode=config.training.mode,
        base=config.base,
        features=base.around,
        folds=folds,
        weight=blend.weight,
        gain=admission.gain if admission else None,
        blocks=admission.blocks if admission else 0,
        heats=heats,
    )


# --- what filled sequences are worth ----------------------------------------------------------------------------------


def told_scores(shares: Float[np.ndarray, "hidden class"], truth: Int[np.ndarray, " hidden"]) -> dict[str, float]:
    """Recovery in percent, and perplexity; from log probabilities."""
    return {
        "recovery": 100 * float((shares.argmax(1) == truth).mean()),
        "perplexity": float(np.exp(-shares[np.arange(len(truth)), truth].mean())),
    }


def diversity(samples: Int[np.ndarray, "sample hidden"], owner: Int[np.ndarray, " hidden"] | None = None) -> float:
    """100 minus the mean agreement of two different samples, in percent: 0 where all are alike.

    Args:
        samples: the number of a symbol for each hidden place.
        owner: the sequence of each place, for the mean over sequences; `None` where all are of one.

    Raises:
        DataError: fewer than two samples have no pair.
    """
    count, places = samples.shape
    if count < 2:
        raise DataError(f"diversity is about pairs of samples; got {count}. Draw two or more")
    if not places:
        return 0.0
    classes = int(samples.max()) + 1
    alike = np.bincount((samples + classes * np.arange(places)).ravel(), minlength=places * classes)
    agreed = (alike * (alike - 1)).reshape(places, classes).sum(1) / (count * (count - 1))
    row = np.zeros(places, int) if owner is None else np.unique(owner, return_inverse=True)[1]
    return 100 - 100 * float((np.bincount(row, agreed) / np.bincount(row)).mean())


def draw(
    shares: Float[np.ndarray, "hidden class"], count: int, heat: float, rng: np.random.Generator
) -> Int[np.ndarray, "sample hidden"]:
    """Symbols drawn independently for each hidden place (Gumbel's trick); `heat` above 0 flattens or sharpens."""
    noise = rng.gumbel(size=(count, *shares.shape))
    return (shares / heat + noise).argmax(2)


def _places(symbols: Symbols) -> np.ndarray:
    return np.arange(len(symbols.ids)) - symbols.offsets[:-1][symbols.owner]
