"""Prompt-as-prefix (Time-LLM, Jin et al. 2024, section 3.2): domain text, task line, statistics of each window.

Differs from the authors' code: numbers are rounded to what their tokens are worth, lags come from a zero-padded
autocorrelation (theirs is circular, so lag 0 and mirrored pairs fill the list), padding is masked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from ..types import TokenIds

Tokenise = Callable[[Sequence[str]], list[list[int]]]
Said = tuple[list[str], Int[np.ndarray, " row"]]  # distinct sentences, and which of them is each row's
TOP_LAGS = 3
MOST_TEXTS = 100_000  # whose tokens are remembered

_REDUCE: dict[str, Any] = {"min": np.min, "max": np.max, "median": np.median}
_REDUCE_KNOWN: dict[str, Any] = {"min": np.nanmin, "max": np.nanmax, "median": np.nanmedian}


def static_text(domain: str, task: bool, *, context: int, horizon: int) -> str:
    """The part of the prompt that is the same for every window."""
    lines = [domain.strip()] if domain.strip() else []
    if task:
        lines.append(f"Forecast the next {horizon} steps from the last {context} steps.")
    return " ".join(lines)


class PromptWriter:
    """Writes what is said of many windows at once, in tokens; each distinct number is tokenised once.

    Attributes:
        static: token ids that open every prompt; the model reads them once, so they are not written per window.
        parts: which statistics follow, in this order.
        tokenise: texts to token ids, without special tokens.
        digits: significant digits of a number in the series' own units; `None` means scaled units, one decimal.
    """

    def __init__(
        self, *, static: Sequence[int], parts: Sequence[str], tokenise: Tokenise, digits: int | None = None
    ) -> None:
        self.static, self.parts, self.tokenise, self.digits = list(static), tuple(parts), tokenise, digits
        self._seen: dict[str, list[int]] = {}  # most windows say numbers that others have said

    def __call__(
        self,
        values: Float[np.ndarray, "row time"],
        observed: Bool[np.ndarray, "row time"],
        loc: Float[np.ndarray, "row 1"],
        spread: Float[np.ndarray, "row 1"],
        said: Said | None = None,
    ) -> TokenIds | None:
        """What is said of each window and its statistics, left-padded to the longest; `None` for nothing to say.

        Args:
            values: scaled values, 0 where unobserved.
            observed: which steps were observed.
            loc: level of each window, in its own units.
            spread: spread of each window, in its own units.
            said: a sentence for each window; it stands before the statistics.
        """
        pieces = (
            [] if said is None else [self._texts(np.array([f" {text}" for text in said[0]], dtype=object), said[1])]
        )
        pieces += [piece for part in self.parts for piece in self._part(part, values, observed, loc, spread)]
        if not pieces:
            return None
        ids = _left_pad(np.concatenate(pieces, axis=1))
        return TokenIds(torch.from_numpy(np.maximum(ids, 0)), torch.from_numpy(ids >= 0))

    def _part(
        self, part: str, values: np.ndarray, observed: np.ndarray, loc: np.ndarray, spread: np.ndarray
    ) -> list[np.ndarray]:
        rows = len(values)
        if part == "trend":
            rising = last_observed(values, observed) >= first_observed(values, observed)
            return [self._texts(np.array([" trend down", " trend up"]), rising.astype(np.int64))]
        name = self._texts(np.array([f" {part}"]), np.zeros(rows, dtype=np.int64))
        if part == "lags":
            return [name, *(self._numbers(column) for column in top_lags(values).T)]
        number = _REDUCE[part](values, axis=1) if observed.all() else self._of_known(part, values, observed)
        return [name, self._numbers(number if self.digits is None else number * spread[:, 0] + loc[:, 0])]

    @staticmethod
    def _of_known(part: str, values: np.ndarray, observed: np.ndarray) -> Float[np.ndarray, " row"]:
        known = np.where(observed, values, np.nan)
        known[~observed.any(1)] = 0.0
        return _REDUCE_KNOWN[part](known, axis=1)

    def _numbers(self, numbers: Float[np.ndarray, " row"]) -> Int[np.ndarray, "row words"]:
        """Tokens of a column of numbers; `NaN` writes nothing."""
        if self.digits is None:
            numbers = np.round(numbers, 1) + 0.0  # -0.0 and 0.0 are one text
        distinct, place = np.unique(numbers, return_inverse=True)
        style = "g" if self.digits is None else f".{self.digits}g"
        texts = np.array(["" if np.isnan(number) else f" {number:{style}}" for number in distinct])
        return self._texts(texts, place)

    def _texts(self, texts: np.ndarray, place: Int[np.ndarray, " row"]) -> Int[np.ndarray, "row words"]:
        """Token ids of `texts[place]`, -1 where a text is shorter than the longest."""
        listed = texts.tolist()
        if strange := [text for text in listed if text not in self._seen]:
            if len(self._seen) > MOST_TEXTS:
                self._seen.clear()
                strange = listed
            self._seen.update(zip(strange, self.tokenise(strange), strict=True))
        tokens = [self._seen[text] for text in listed]
        table = np.full((len(tokens), max(map(len, tokens))), -1, dtype=np.int64)
        for row, ids in zip(table, tokens, strict=True):
            row[: len(ids)] = ids
        return table[place]


def top_lags(values: Float[np.ndarray, "row time"], count: int = TOP_LAGS) -> Float[np.ndarray, "row count"]:
    """The lags of the highest peaks of each window's autocorrelation, highest first; `NaN` where there are fewer.

    Zero padding to twice the length keeps the correlation linear, not circular. Lag 0 is excluded, and a lag counts
    only where it is a local maximum above zero, so neighbours of a peak do not fill the list.
    """
    time = values.shape[1]
    if time < 4:
        return np.full((len(values), count), np.nan)
    centred = values - values.mean(1, keepdims=True)
    power = np.abs(np.fft.rfft(centred, 2 * time, axis=1)) ** 2
    correlation = np.fft.irfft(power, axis=1)[:, :time]
    inner = correlation[:, 1:-1]
    floor = 1e-9 * np.maximum(correlation[:, :1], 0)
    peak = (inner > correlation[:, :-2]) & (inner >= correlation[:, 2:]) & (inner > floor)
    height = np.where(peak, inner, -np.inf)
    lags = np.full((len(values), count), np.nan)
    every = np.arange(len(values))
    for rank in range(min(count, height.shape[1])):
        place = height.argmax(1)  # of equal peaks the first
        lags[:, rank] = np.where(np.isfinite(height[every, place]), place + 1.0, np.nan)
        height[every, place] = -np.inf
    return lags


def first_observed(values: np.ndarray, observed: np.ndarray) -> Float[np.ndarray, " row"]:
    """The first observed value of each row; its first value where nothing is."""
    return np.take_along_axis(values, observed.argmax(1)[:, None], 1)[:, 0]


def last_observed(values: np.ndarray, observed: np.ndarray) -> Float[np.ndarray, " row"]:
    """The last observed value of each row; its last value where nothing is."""
    place = values.shape[1] - 1 - observed[:, ::-1].argmax(1)
    return np.take_along_axis(values, place[:, None], 1)[:, 0]


def _left_pad(ids: Int[np.ndarray, "row words"]) -> Int[np.ndarray, "row kept"]:
    """Moves the gaps (-1) of each row to its left, keeps the order of the rest, and drops columns that are all gap."""
    order = np.argsort(ids >= 0, axis=1, kind="stable")
    packed = np.take_along_axis(ids, order, 1)
    return packed[:, (packed >= 0).any(0)]
