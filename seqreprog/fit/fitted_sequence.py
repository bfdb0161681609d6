"""The fitted whole behind every sequence facade: base + weight x adapter on one scale, and calibrated probabilities.

    s = base(x) + weight * (stretch * f_T(x) - base(x)),    p = softmax(s / T)

`s` are log-odds (of labels that exclude nothing: with a sigmoid) or standardised values. `f_T` is the reprogrammed
language model, `base` the n-gram model (of blanks: `runs`); weight and stretch are found by `judging.py` on
held-out examples, and so is the temperature `T` (Guo et al. 2017, section 4.2). The pure form has no base, weight 1 and
stretch 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from ..baselines.masked_spans import RunModel
from ..baselines.masked_spans import from_state as runs_from_state
from ..baselines.ngram import NgramModel, from_state
from ..baselines.solvers import probabilities
from ..batches.example import to_device
from ..batches.stream import rows_that_fit, stream
from ..batches.symbols import symbol_batch
from ..build.sequence import build_sequence_model, room
from ..config.sequence import SequenceConfig
from ..data.alphabets import Alphabet
from ..data.symbols import Symbols
from ..errors import CheckpointError, ConfigError
from ..inputs.symbols import patch_count
from ..model import SymbolReprogram
from ..sources.language import Backbone, load_backbone, with_peft
from ..types import SymbolBatch
from .artifact import check_backbone, check_state, load_adapter, restored
from .canary import SEED, Arrays, Canary, device_kind

ALIGNED = 64  # places at most that are read one by one
SPARE = 2  # times the longest sequence of training that a model can read, where the backbone has room
INFERENCE_ROWS = 256  # sequences of one batch at most
CANARY_LENGTHS = (7, 12, 20)  # symbols, of sequences that are not aligned
NGRAM, RUNS = "ngram.", "runs."  # open the names of their arrays


@dataclass(eq=False)
class SequenceBlend:
    """A fitted model of sequences.

    Attributes:
        config: everything it was made from.
        backbone: the frozen language model (with a peft adapter, where one trains beside).
        alphabet: what the symbols are.
        columns: how many classes, labels or values it answers with.
        length: symbols that the model reads of each sequence; the base reads all.
        base: the n-gram model; `None` in the pure form.
        model: the reprogrammed language model.
        weight: its share, from 0 to 1.
        stretch: what its log-odds are multiplied by before they are mixed.
        temperature: what log-odds are divided by before they become probabilities.
        centre: of values, which are standardised.
        scale: of values.
        places: soft tokens of aligned sequences, which the head reads one by one; 0 for others. For infilling how far
            from an end of its run a blank knows its place.
        runs: the base of infilling, which has no other.
        canary: what a saved model is asked when it is loaded.
    """

    config: SequenceConfig
    backbone: Backbone
    alphabet: Alphabet
    columns: int
    length: int
    base: NgramModel | None
    model: SymbolReprogram
    weight: float = 1.0
    stretch: float = 1.0
    temperature: float = 1.0
    centre: float = 0.0
    scale: float = 1.0
    places: int = 0
    runs: RunModel | None = None
    canary: Canary | None = None

    def scores(
        self,
        symbols: Symbols,
        owner: Int[np.ndarray, " spelling"] | None = None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Float[np.ndarray, "sequence column"]:
        """Log-odds (up to a constant per row for classes), or values, in standardised units.

        Args:
            symbols: the sequences, or all spellings of all of them.
            owner: the number of the sequence that each is a spelling of, whose mean is the answer.
            progress: told how many more were read.
        """
        base = None if self.base is None else averaged(self.base.decision(symbols), owner)
        if base is not None and self.weight == 0:
            if progress:
                progress(len(symbols))
            return base
        model = averaged(model_scores(self.model, symbols, self.length, self.config, progress=progress), owner)
        return model if base is None else mixed(base, self.stretch * model, self.weight)

    def probabilities(
        self,
        symbols: Symbols,
        owner: Int[np.ndarray, " spelling"] | None = None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Float[np.ndarray, "sequence column"]:
        """The calibrated probability of each class (rows sum to 1) or of each label; arguments as in `scores`.

        Raises:
            ConfigError: the model answers with values.
        """
        if self.config.task not in ("classify", "multilabel"):
            raise ConfigError(f"task={self.config.task!r} has no probabilities of classes; call predict")
        task: Any = self.config.task
        return probabilities(task, self.scores(symbols, owner, progress=progress) / self.temperature)

    def values(
        self,
        symbols: Symbols,
        owner: Int[np.ndarray, " spelling"] | None = None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Float[np.ndarray, " sequence"]:
        """What a regression answers, in the caller's own units; arguments as in `scores`."""
        return self.centre + self.scale * self.scores(symbols, owner, progress=progress)[:, 0]

    def features(
        self, symbols: Symbols, owner: Int[np.ndarray, " spelling"] | None = None
    ) -> Float[np.ndarray, "sequence width"]:
        """The states of the frozen model over the reprogrammed sequence, averaged over its real tokens."""

        def mean(batch: SymbolBatch) -> torch.Tensor:
            states = self.model.hidden(batch)
            last = states.embeds[..., -self.backbone.state_width :]  # of every layer, where the head reads them all
            return last.sum(1) / states.mask.sum(1, keepdim=True)  # 0 where a token is none

        return averaged(_by_length(self.model, symbols, self.length, self.config, mean), owner)

    def canary_inputs(self) -> Arrays:
        """Drawn sequences, as long as those of `fit` where these were aligned, with a mask in each."""
        rng, mask = np.random.default_rng(SEED), self.alphabet.mask
        aligned = 0 if self.base is None else self.base.vocabulary.length
        if self.places and self.config.task != "infill":
            aligned = aligned or (self.places - 1) * self.config.step + self.config.patch
        lengths = np.minimum([aligned] * len(CANARY_LENGTHS) if aligned else CANARY_LENGTHS, self.length)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = rng.integers(1, mask, offsets[-1])
        ids[offsets[:-1] + lengths // 2] = mask
        return {"ids": ids, "offsets": offsets}

    def canary_answers(self, inputs: Arrays) -> Arrays:
        """Log-odds or standardised values of baseline and language model; of infilling for each masked symbol."""
        symbols, answers = Symbols(inputs["ids"], inputs["offsets"], self.alphabet), {}
        if self.weight < 1 and self.runs is not None:
            hidden = symbols.ids == self.alphabet.mask
            answers["baseline"] = self.runs.decision(symbols, hidden, np.flatnonzero(hidden))
        elif self.weight < 1 and self.base is not None:
            answers["baseline"] = self.base.decision(symbols)
        if self.weight > 0 or not answers:
            answers["model"] = _at_once(self.model, symbols, self.length)
        return answers

    def kind_of_device(self) -> str:
        return device_kind(self.model, self.weight)


@torch.inference_mode()
def _at_once(model: SymbolReprogram, symbols: Symbols, length: int) -> np.ndarray:
    """What the language model says of a few sequences, in one padded batch."""
    batch = symbol_batch(symbols, np.arange(len(symbols)), length)
    return model.eval()(to_device(batch, next(model.backbone.parameters()).device)).double().cpu().numpy()


def averaged(
    values: Float[np.ndarray, "spelling column"], owner: Int[np.ndarray, " spelling"] | None
) -> Float[np.ndarray, "sequence column"]:
    """The mean of all spellings of a sequence; `None` where each is one of its own."""
    if owner is None:
        return values
    count = np.bincount(owner)
    total = np.zeros((len(count), values.shape[1]))
    np.add.at(total, owner, values)
    return total / count[:, None]


def mixed(base: np.ndarray, model: np.ndarray, weight: float) -> np.ndarray:
    """Base + weight * (model - base), so written that 0 and 1 are the parts themselves to the bit."""
    return (1 - weight) * base + weight * model


def model_scores(
    model: SymbolReprogram,
    symbols: Symbols,
    length: int,
    config: SequenceConfig,
    *,
    progress: Callable[[int], None] | None = None,
) -> Float[np.ndarray, "sequence column"]:
    """What the reprogrammed model alone says."""
    return _by_length(model, symbols, length, config, model.forward, progress)


def model_length(config: SequenceConfig, positions: int | None, symbols: Symbols) -> int:
    """Symbols to build the model for: as many as there is room for, up to twice those of the longest sequence.

    What it is later asked of may be a little longer than what it learned from, and is then not cut.
    """
    longest = SPARE * int(symbols.lengths.max())
    return longest if positions is None else min(longest, positions)


def aligned_places(config: SequenceConfig, symbols: Symbols, length: int) -> int:
    """Soft tokens of sequences that all have one length, where they are few enough to be read one by one; else 0."""
    read = np.minimum(symbols.lengths, length)
    count = patch_count(int(read.max()), config.patch, config.step)
    return count if config.training.mode == "probe" and read.min() == read.max() and count <= ALIGNED else 0


def length_notices(blend: SequenceBlend, symbols: Symbols) -> list[str]:
    """What is to be said of sequences that are not read as they are: too long, or not aligned with those of `fit`."""
    notices, aligned = [], 0 if blend.base is None else blend.base.vocabulary.length
    other = int((symbols.lengths != aligned).sum()) if aligned else 0
    if other:
        notices.append(
            f"{other} of {len(symbols)} sequences have another length than the {aligned} symbols of those of fit: "
            "the one-hot base reads them from their start, as far as they align"
        )
    longer = int((symbols.lengths > blend.length).sum())
    if longer:
        rest = "" if blend.base is None or other else "; the n-gram base reads them whole"
        longest = f"the longest has {int(symbols.lengths.max())}"
        notices.append(
            f"{longer} of {len(symbols)} sequences are longer than the {blend.length} symbols that the language model "
            f"reads: the rest of them was cut off ({longest}){rest}. {_roomier(blend)}"
        )
    return notices


def _roomier(blend: SequenceBlend) -> str:
    """What would let the model read longer sequences."""
    config, fits = blend.config, room(replace(blend.config, limit=None), blend.backbone)
    if config.limit == blend.length and (fits is None or fits > blend.length):
        return "A larger SequenceOptions(limit=...) makes room"
    if fits is None or fits > blend.length:
        return "Longer sequences in fit make room"
    if config.task == "infill" or config.method == "rewriter":  # which need a token for each symbol
        return "A backbone with more positions makes room"
    return "More symbols for each token, SequenceOptions(patch=...), make room"


def _by_length(
    model: SymbolReprogram,
    symbols: Symbols,
    length: int,
    config: SequenceConfig,
    answer: Callable[[SymbolBatch], torch.Tensor],
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """`answer` of every sequence, in the order of `symbols`."""
    model.eval()
    lengths = np.minimum(symbols.lengths, length)
    device = next(weight for _, weight in model.trained()).device
    tokens = patch_count(int(lengths.max()), config.patch, config.step) + len(model.static) + config.vectors
    rows = min(INFERENCE_ROWS, rows_that_fit(tokens, model.backbone.state_width, device))

    def run(part: np.ndarray) -> tuple[np.ndarray]:
        return (answer(to_device(symbol_batch(symbols, part, length), device)).double().cpu().numpy(),)

    return stream(lengths, rows, run, progress=progress)[0]


def blend_state(blend: SequenceBlend) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and JSON of an artifact (everything but the frozen backbone)."""
    tensors = dict(blend.model.adapter_state())
    described: dict[str, Any] = {NGRAM: None, RUNS: None}
    for opening, base in ((NGRAM, blend.base), (RUNS, blend.runs)):
        if base is not None:
            arrays, described[opening] = base.state()
            tensors |= {opening + name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    numbers = ("columns", "length", "places", "weight", "stretch", "temperature", "centre", "scale")
    check, described_check = check_state(blend, prompted=bool(blend.model.static))
    return tensors | check, {
        **described_check,
        "ngram": described[NGRAM],
        "runs": described[RUNS],
        "alphabet": {"kind": blend.alphabet.kind, "symbols": list(blend.alphabet.symbols)},
        "peft": blend.backbone.peft,
        **{name: getattr(blend, name) for name in numbers},
    }


def restore_blend(
    config: SequenceConfig,
    backbone: Backbone,
    tensors: dict[str, torch.Tensor],
    document: dict[str, Any],
    *,
    verify: bool = True,
) -> SequenceBlend:
    """The inverse of `blend_state`; `verify` and what is raised are as of `artifact.restored`.

    `backbone` has its peft adapter already, where the document has one.
    """
    return restored(partial(_rebuilt, config, backbone), backbone, tensors, document, verify=verify)


def _rebuilt(
    config: SequenceConfig, backbone: Backbone, tensors: dict[str, torch.Tensor], document: dict[str, Any]
) -> SequenceBlend:
    """From tensors and JSON; raises `CheckpointError` where something is missing, unknown or of another shape."""
    arrays = {
        opening: {
            name.removeprefix(opening): part.numpy() for name, part in tensors.items() if name.startswith(opening)
        }
        for opening in (NGRAM, RUNS)
    }
    try:
        described, runs = document["ngram"], document.get("runs")  # which older artifacts lack
        alphabet = Alphabet(document["alphabet"]["kind"], tuple(document["alphabet"]["symbols"]))
        columns, length, places = (int(document[name]) for name in ("columns", "length", "places"))
        numbers: dict[str, Any] = {
            name: float(document[name]) for name in ("weight", "stretch", "temperature", "centre", "scale")
        }
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the artifact's settings cannot be read: {error!r}") from error
    base = None if described is None else from_state(arrays[NGRAM], described)
    model = build_sequence_model(
        config, backbone, size=alphabet.size, classes=columns, length=length, symbols=alphabet.symbols, places=places,
        fresh=False,
    )  # fmt: skip
    load_adapter(model, {name: part for name, part in tensors.items() if not name.startswith((NGRAM, RUNS))})
    return SequenceBlend(
        config, backbone, alphabet, columns, length, base, model.eval(), **numbers, places=places,
        runs=None if runs is None else runs_from_state(arrays[RUNS], runs),
    )  # fmt: skip


def reopen_blend(
    config: SequenceConfig,
    tensors: dict[str, torch.Tensor],
    document: dict[str, Any],
    *,
    backbone: str | None = None,
    verify: bool = True,
) -> SequenceBlend:
    """`restore_blend` with the frozen model loaded by its name, or from where it is now, and its peft adapter.

    Raises:
        CheckpointError: it is not, to the byte, the one that was trained on; or as `restore_blend`.
        BackboneError: it cannot be found.
    """
    frozen = load_backbone(backbone or config.backbone, config.layers)
    check_backbone(document["backbone"], frozen)
    if document["peft"] is not None:
        frozen = with_peft(frozen, document["peft"], seed=config.seed)
    return restore_blend(config, frozen, tensors, document, verify=verify)
