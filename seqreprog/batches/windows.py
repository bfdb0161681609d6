"""Windows to the model's batches: scaled in float64, prompt written, then float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from ..baselines.ridge import ScaledWindows, Scaling, scale_windows
from ..data.standards import Standards
from ..data.windows import Windows
from ..inputs.prompt import PromptWriter, Said, Tokenise
from ..types import CovariateBatch, SentenceBatch, SeriesBatch
from .example import Example


@dataclass(frozen=True, eq=False)
class Framing:
    """How windows become batches: the same for training, validation and forecasting.

    Attributes:
        scaling: the level that is taken off (its choice on validation is the ridge's); the spread is always the
            window's.
        writer: what writes the prompts.
        power: 2 for squared, 1 for absolute errors: how the window's spread enters a step's weight.
        standards: the scale of the covariates; `None` where none are read.
        tokenise: sentences to tokens with those that open and close them; `None` where none are read.
    """

    scaling: Scaling
    writer: PromptWriter
    power: int
    standards: Standards | None = None
    tokenise: Tokenise | None = None

    def batch(
        self,
        inputs: Float[np.ndarray, "window context"],
        series_scale: Float[np.ndarray, " window"],
        windows: Windows | None = None,
    ) -> tuple[SeriesBatch, ScaledWindows]:
        """The model's input and, in float64, the scale that leads its answer back to the series' own units.

        Args:
            inputs: contexts in the series' own units.
            series_scale: the scale of each window's series.
            windows: where they stand, for what is read beside them; needless where that is nothing.
        """
        scaled = self._by_own_spread(inputs, series_scale)
        said = None if windows is None else self._said(windows)
        prompt = self.writer(scaled.values, scaled.observed, scaled.loc[:, None], scaled.spread[:, None], said)
        values = torch.from_numpy(scaled.values[:, None].astype(np.float32))
        observed = torch.from_numpy(scaled.observed[:, None])
        covariates = None if windows is None else self._beside(windows)
        return SeriesBatch(values, observed, prompt, covariates, self._sentence(said)), scaled

    def sample(
        self,
        windows: Windows,
        series_scale: Float[np.ndarray, " series"],
        sign: Float[np.ndarray, "window 1"] | float = 1.0,
    ) -> Example:
        """The windows, turned upside down where `sign` is -1, with their targets."""
        inputs, targets, scale = sign * windows.inputs(), sign * windows.targets(), series_scale[windows.series]
        batch, scaled = self.batch(inputs, scale, windows)
        target = (targets - scaled.loc[:, None]) / scaled.spread[:, None]
        # Errors count in units of the series, as the ridge's do, except under instance normalisation.
        unit = np.ones_like(scale) if self.scaling == "instance" else scaled.spread / scale
        weight = np.where(np.isfinite(targets), unit[:, None] ** self.power, 0.0)
        return Example(batch, _single(np.nan_to_num(target)), _single(weight))

    def _beside(self, windows: Windows) -> CovariateBatch | None:
        if self.standards is None or not len(windows.panel.covariates):
            return None
        values, observed = self.standards.cut(windows)
        return CovariateBatch(torch.from_numpy(values.astype(np.float32)), torch.from_numpy(observed))

    def _said(self, windows: Windows) -> Said | None:
        """The distinct sentences of these windows, and whose is which."""
        panel = windows.panel
        if self.tokenise is None or panel.topics is None:
            return None
        topics, place = np.unique(panel.topics[windows.series], return_inverse=True)
        return [panel.texts[topic] for topic in topics], place

    def _sentence(self, said: Said | None) -> SentenceBatch | None:
        if said is None or self.tokenise is None:
            return None
        strange = [text for text in said[0] if text not in self._tokens]
        self._tokens.update(zip(strange, map(tuple, self.tokenise(strange) if strange else []), strict=True))
        return SentenceBatch(tuple(self._tokens[text] for text in said[0]), torch.from_numpy(said[1]))

    @cached_property
    def _tokens(self) -> dict[str, tuple[int, ...]]:
        """Those of each sentence that was met."""
        return {}

    def _by_own_spread(self, inputs: np.ndarray, series_scale: np.ndarray) -> ScaledWindows:
        """Level by `scaling`, spread always the window's own: the language model should see shape, not size."""
        own = scale_windows(inputs, "instance", series_scale)
        return own if self.scaling == "instance" else scale_windows(inputs, self.scaling, own.spread)


class WindowDataset(Dataset):
    """Windows that are cut out a whole batch at a time, so no window is ever copied before its turn.

    Attributes:
        windows: where they stand.
        series_scale: the scale of each series.
        framing: how they become batches.
        mirror: whether each window comes a second time, upside down, after all the others.
    """

    def __init__(
        self, windows: Windows, series_scale: Float[np.ndarray, " series"], framing: Framing, mirror: bool = False
    ) -> None:
        self.windows, self.series_scale, self.framing, self.mirror = windows, series_scale, framing, mirror

    def __len__(self) -> int:
        return len(self.windows) * (2 if self.mirror else 1)

    def __getitem__(self, index: int) -> Example:
        return self.__getitems__([index])

    def __getitems__(self, index: Sequence[int]) -> Example:
        turn, place = np.divmod(np.asarray(index), len(self.windows))
        sign = np.where(turn == 1, -1.0, 1.0)[:, None]
        return self.framing.sample(self.windows.take(place), self.series_scale, sign)


def _single(values: np.ndarray) -> Float[Tensor, "batch 1 horizon"]:
    return torch.from_numpy(values[:, None].astype(np.float32))
