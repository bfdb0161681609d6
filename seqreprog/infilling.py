"""Fitting a model that fills in hidden symbols, and what filled sequences are worth (ReprogBERT, Melnyk et al. 2023).

Recovery is the share of hidden symbols that the likeliest answer gets right; perplexity the exponential of the mean
negative log-likelihood of a hidden symbol; diversity 100 minus the mean agreement, in percent, of two different samples
for one sequence, over its hidden symbols.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from .backbone import Backbone, with_peft
from .batching import in_batches, rows_that_fit
from .build_sequences import build_sequence_model, room
from .calibrate import likeliest_temperature
from .data.groups import split_groups
from .data.symbols import Symbols
from .errors import DataError
from .objectives import SymbolObjective
from .sequence_blend import SequenceBlend, cut_notice, model_length
from .sequence_config import SequenceConfig
from .solvers import log_shares, row_losses
from .symbol_samples import InfillDataset
from .train import fit

INFERENCE_ROWS = 256


@dataclass
class InfillSummary:
    """What `fit` did, and the scores on held-out sequences beside the frequencies of symbols at each place."""

    method: str
    backbone: str
    layers: int
    trained: int
    frozen: int
    sequences: int
    groups: int
    held_out: int
    hidden: int
    length: int
    temperature: float
    scores: dict[str, dict[str, float]]
    seconds: float
    tuned: int = 0
    steps: int = 0
    best_step: int = 0
    stopped: str = ""
    notices: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """A summary to read."""
        frozen = f"{self.frozen:,} weights frozen"
        if self.tuned:
            frozen += f", no longer as they were: a peft adapter trains {self.tuned:,} weights inside it"
        rows = [
            ("backbone", f"{self.backbone}, first {self.layers} layers, {frozen}"),
            ("method", f"{self.method}; {self.length} symbols read of a sequence"),
            ("trained", f"{self.trained:,} weights in {self.steps} steps (best at {self.best_step}: {self.stopped})"),
            ("sequences", f"{self.held_out:,} of {self.sequences:,} held out; {self.hidden:,} symbols hidden in all"),
            ("temperature", f"{self.temperature:.2f}"),
            ("seconds", f"{self.seconds:.1f}"),
            *(
                ("held out", f"{name}: recovery {found['recovery']:.1f} %, perplexity {found['perplexity']:.2f}")
                for name, found in self.scores.items()
            ),
            *(("notice", notice) for notice in self.notices),
        ]
        return "\n".join(f"{name:<12} {text}" for name, text in rows)


def fit_infill(
    config: SequenceConfig,
    backbone: Backbone,
    symbols: Symbols,
    hidden: Bool[np.ndarray, " symbols"],
    groups: Int[np.ndarray, " sequence"],
    *,
    peft: Any = None,
) -> tuple[SequenceBlend, InfillSummary]:
    """Trains on the hidden symbols alone; a part of the sequences stops the training and sets the temperature.

    Of few sequences too: what is judged are hidden symbols, of which a sequence has many, not one label. Holding each
    sequence out once, as `sequence_fitting` does with few, would cost six fits instead of one.

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
    start = time.perf_counter()
    if peft is not None:
        backbone = with_peft(backbone, None if peft is True else peft, seed=config.seed)
    length = model_length(config, room(config, backbone), symbols)
    alphabet = symbols.alphabet
    model = build_sequence_model(
        config, backbone, size=alphabet.size, classes=alphabet.size - 2, length=length, symbols=alphabet.symbols
    )
    told = hidden & (symbols.ids < alphabet.mask) & (_places(symbols) < length)
    if not told.any():
        raise DataError(
            f"no symbol is hidden that the model reads and that is known: {int(hidden.sum())} of {len(hidden)} are "
            "hidden. Pass spans=..., True where a symbol is to be hidden"
        )
    train, held = split_groups(groups, None, config.training.validation, config.seed)
    sets = [
        InfillDataset(symbols.take(rows), told[symbols.where(rows)], blank=alphabet.mask, limit=length)
        for rows in (train, held)
    ]
    log = fit(
        model, sets[0], sets[1], objective=SymbolObjective("infill"), training=config.training, seed=config.seed,
        device=config.device,
    )  # fmt: skip
    blend = SequenceBlend(config, backbone, alphabet, alphabet.size - 2, length, None, model)
    scores, where = hidden_scores(blend, symbols.take(held), told[symbols.where(held)])
    truth = symbols.ids[symbols.where(held)][where] - 1
    blend.temperature = _temperature(scores, truth) if len(truth) else 1.0
    frequencies = _frequencies(symbols, told, train, held)
    cut = cut_notice(symbols, length, base=False)
    found = {"frequency": frequencies, "seqreprog": log_shares(scores / blend.temperature)}
    return blend, InfillSummary(
        method=config.method,
        backbone=backbone.name,
        layers=backbone.layers,
        trained=sum(weight.numel() for _, weight in model.trained()),
        tuned=sum(weight.numel() for weight in backbone.parameters() if weight.requires_grad),
        frozen=sum(weight.numel() for weight in backbone.parameters() if not weight.requires_grad),
        sequences=len(symbols),
        groups=len(np.unique(groups)),
        held_out=len(held),
        hidden=int(told.sum()),
        length=length,
        temperature=blend.temperature,
        scores={name: told_scores(shares, truth) for name, shares in found.items()} if len(truth) else {},
        seconds=time.perf_counter() - start,
        steps=log.steps,
        best_step=log.best_step,
        stopped=log.stopped,
        notices=[cut] if cut else [],
    )


@torch.inference_mode()
def hidden_scores(
    blend: SequenceBlend, symbols: Symbols, hidden: Bool[np.ndarray, " symbols"]
) -> tuple[Float[np.ndarray, "hidden class"], Int[np.ndarray, " hidden"]]:
    """Logits of each hidden symbol that the model reads, and its place in the flat array, in the order of the array."""
    blend.model.eval()
    rows = np.arange(len(symbols))
    order = rows[np.argsort(symbols.lengths, kind="stable")]
    device = next(weight for _, weight in blend.model.trained()).device
    dataset = InfillDataset(symbols, hidden, blank=blend.alphabet.mask, limit=blend.length)
    tokens = int(dataset.lengths.max()) + len(blend.model.static) + blend.config.vectors
    size = min(INFERENCE_ROWS, rows_that_fit(tokens, blend.backbone.width, device))

    def run(part: slice) -> tuple[np.ndarray, np.ndarray]:
        batch = dataset.__getitems__(order[part].tolist()).to(device).batch
        logits = blend.model(batch).double().cpu().numpy()
        place = symbols.offsets[:-1][order[part]][:, None] + np.arange(logits.shape[1])
        asked = batch.mask.cpu().numpy() & hidden[np.minimum(place, len(hidden) - 1)]
        return logits[asked], place[asked]

    parts = [found for _, found in in_batches(len(symbols), size, run)]
    where = np.concatenate([place for _, place in parts])
    rising = np.argsort(where, kind="stable")
    return np.concatenate([scores for scores, _ in parts])[rising], where[rising]


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


def _temperature(scores: np.ndarray, truth: np.ndarray) -> float:
    return likeliest_temperature(lambda heat: float(row_losses("classify", scores / heat, truth).sum()))


def _frequencies(symbols: Symbols, told: np.ndarray, train: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Log frequency of each symbol at each place of a hidden run, counted on the training sequences."""
    run = _run_places(symbols, told)
    known = told & np.isin(symbols.owner, train)
    classes = symbols.alphabet.size - 2
    counts = np.zeros((int(run[told].max()) + 1, classes))
    np.add.at(counts, (run[known], symbols.ids[known] - 1), 1.0)
    overall = (counts.sum(0) + 1) / (counts.sum() + classes)
    shares = (counts + classes * overall) / (counts.sum(1, keepdims=True) + classes)
    asked = symbols.where(held)
    return np.log(shares[run[asked][told[asked]]])


def _run_places(symbols: Symbols, told: np.ndarray) -> np.ndarray:
    """For each hidden symbol its place in its run of hidden ones, from 0."""
    index = np.arange(len(told))
    fresh = told & ~(np.concatenate([[False], told[:-1]]) & (_places(symbols) > 0))
    return index - np.maximum.accumulate(np.where(fresh, index, 0))


def _places(symbols: Symbols) -> np.ndarray:
    return np.arange(len(symbols.ids)) - symbols.offsets[:-1][symbols.owner]
