"""The core types, and the one glossary of tensor axes.

| axis       | meaning                                                                     |
|------------|-----------------------------------------------------------------------------|
| `batch`    | windows processed together                                                  |
| `channel`  | numeric series read side by side within one window                          |
| `row`      | batch * channel, or batch * view: one sequence of the language model        |
| `view`     | ways in which one series is read: spans of its patches, its differences     |
| `time`     | steps of the context (numeric) or symbols (discrete)                        |
| `column`   | covariates: numbers that stand beside the target, step by step              |
| `span`     | steps of the covariates: the context and, where known of it, the horizon    |
| `symbol`   | rows of an alphabet: padding, its symbols, the unknown                      |
| `class`    | classes, labels or values predicted of one sequence                         |
| `horizon`  | steps forecast                                                              |
| `level`    | quantiles, in rising order                                                  |
| `length`   | soft tokens (patches) of one row                                            |
| `words`    | prompt tokens of one row                                                    |
| `width`    | the language model's embedding width                                        |
| `word`     | entries of the language model's vocabulary                                  |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class TokenIds:
    """Tokens of the language model's own vocabulary, left-padded, with the mask of the real ones."""

    ids: Int[Tensor, "row words"]
    mask: Bool[Tensor, "row words"]


@dataclass(frozen=True)
class CovariateBatch:
    """Standardised covariates, shared by the channels of a window. Unobserved steps hold 0; `observed` says which."""

    values: Float[Tensor, "batch column span"]
    observed: Bool[Tensor, "batch column span"]


@dataclass(frozen=True)
class SentenceBatch:
    """One sentence for each window: `tokens` of the distinct ones, and which of them is whose."""

    tokens: tuple[tuple[int, ...], ...]
    place: Int[Tensor, " batch"]


@dataclass(frozen=True)
class SeriesBatch:
    """Scaled numeric windows. Unobserved steps hold 0; `observed` says which; `prompt` is what is said of each.

    Beside them stand `covariates` and a `sentence`, where there are any.
    """

    values: Float[Tensor, "batch channel time"]
    observed: Bool[Tensor, "batch channel time"]
    prompt: TokenIds | None = None
    covariates: CovariateBatch | None = None
    sentence: SentenceBatch | None = None

    @property
    def channels(self) -> int:
        return self.values.shape[1]

    def each(self, change: Callable[[Tensor], Tensor]) -> SeriesBatch:
        """The batch with `change` done to each of its tensors, along the axis of windows."""
        prompt, beside, said = self.prompt, self.covariates, self.sentence
        return SeriesBatch(
            change(self.values),
            change(self.observed),
            None if prompt is None else TokenIds(change(prompt.ids), change(prompt.mask)),
            None if beside is None else CovariateBatch(change(beside.values), change(beside.observed)),
            None if said is None else SentenceBatch(said.tokens, change(said.place)),
        )


@dataclass(frozen=True)
class SymbolBatch:
    """Discrete sequences, right-padded: 0 is padding, 1..n are symbols, n + 1 is the unknown, mask or blank."""

    ids: Int[Tensor, "batch time"]
    mask: Bool[Tensor, "batch time"]

    def each(self, change: Callable[[Tensor], Tensor]) -> SymbolBatch:
        """As `SeriesBatch.each`."""
        return SymbolBatch(change(self.ids), change(self.mask))


@dataclass(frozen=True)
class InstanceBatch:
    """Whole series, right-padded: `lengths` says where each ends, `observed` what is known of it.

    In `values` each channel is scaled as the training set's, in `own` by itself: a small shape at a large level is no
    longer there in single precision once it stands on a scale of others. Unobserved steps hold 0.
    """

    values: Float[Tensor, "batch channel time"]
    own: Float[Tensor, "batch channel time"]
    observed: Bool[Tensor, "batch channel time"]
    lengths: Int[Tensor, " batch"]

    def each(self, change: Callable[[Tensor], Tensor]) -> InstanceBatch:
        """As `SeriesBatch.each`."""
        return InstanceBatch(change(self.values), change(self.own), change(self.observed), change(self.lengths))


@dataclass(frozen=True)
class SoftTokens:
    """Vectors in the language model's embedding space, with the mask of the real ones."""

    embeds: Float[Tensor, "row length width"]
    mask: Bool[Tensor, "row length"]


@dataclass(frozen=True)
class Prefix:
    """A prompt that was read beforehand: per layer its keys and values, in transformers' own `cache`; no gradient."""

    mask: Bool[Tensor, "row words"]
    cache: Any


@dataclass(frozen=True)
class Forecast:
    """A point forecast and, around it, quantiles in rising order of their level; in the units of the batch (scaled)."""

    point: Float[Tensor, "batch channel horizon"]
    quantiles: Float[Tensor, "batch channel horizon level"]


class InputMap(Protocol):
    """h_theta: a scaled batch to soft tokens of the frozen model."""

    def __call__(self, batch: SeriesBatch) -> SoftTokens: ...


class OutputMap(Protocol):
    """h_omega: the frozen model's hidden states to the answer, still in scaled units."""

    def __call__(self, hidden: Float[Tensor, "row length width"], channels: int) -> Forecast: ...


class SymbolInputMap(Protocol):
    """h_theta of discrete sequences: one row for each, its real tokens first, padding behind them."""

    def __call__(self, batch: SymbolBatch) -> SoftTokens: ...


class SymbolOutputMap(Protocol):
    """h_omega of discrete sequences: logits or values of each, or logits of each of its symbols."""

    def __call__(
        self, hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch class"] | Float[Tensor, "batch time class"]: ...
