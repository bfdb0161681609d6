"""SequenceInfiller: sequences with blanks in, filled sequences out."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any

import numpy as np
from jaxtyping import Bool

from ..baselines.solvers import log_shares
from ..data import smiles
from ..data.symbols import Symbols
from ..data.texts import Texts, read_texts
from ..errors import ConfigError, DataError, Notice
from ..fit.fitted_sequence import SequenceBlend
from ..sources.language import load_backbone
from ..tasks.infill import diversity, draw, fit_infill, hidden_scores, told_scores
from ..tasks.infill_summary import InfillSummary
from .sequence_estimator import LEARNED, SequenceEstimator, column_of, split_apart

BLANK = "_"
HIDDEN_SHARE = 0.15  # of the symbols, where nobody says which


class SequenceInfiller(SequenceEstimator):
    """Fills blanks in sequences with a frozen language model, reprogrammed for them (ReprogBERT; `"dictionary"`).

    The model sees a sequence with some symbols hidden and answers for each of these, all at once. It counts beside a
    linear model of a blank's place in its run of blanks and of what stands around it, with the weight that held-out
    symbols prove.

    Args:
        kind: as in `SequenceClassifier`, and so all others.
        alphabet: as there.
        method: as there.
        backbone: as there.
        layers: as there.
        base: `"linear"` is that linear model; `"none"` leaves the language model alone.
        on_unknown: as there.
        peft: as there.
        options: as there.
        random_state: as there.

    Attributes:
        summary_: what `fit` did, and the scores on held-out sequences.

    Example:
        `SequenceInfiller(kind="protein").fit(sequences, spans=masks).sample("EVQL____WGQG", n=20)`
    """

    artifact = "sequence-infiller"
    summary_kind = InfillSummary

    def fit(self, X: object, y: object = None, *, spans: object = None, groups: object = None) -> SequenceInfiller:
        """Learns to tell hidden symbols from the others.

        Args:
            X: whole sequences.
            y: ignored.
            spans: for each sequence a boolean for each of its symbols, `True` where it is hidden; `None` hides 15 %
                drawn at random.
            groups: sequences that must not be on both sides of the held-out split; copies never are.

        Raises:
            DataError: `X` or `spans` breaks a rule.
        """
        config, texts = self._config("infill"), read_texts(X)
        reading = self._read(texts, config)
        hidden = _hidden(spans, reading.symbols, reading.kept, texts, config.seed)
        joined, said = split_apart(reading, groups, len(texts.values), config.identity)
        blend, summary = fit_infill(
            config, load_backbone(config.backbone, config.layers), reading.symbols, hidden, joined,
            peft=None if self.peft is False else self.peft,
        )  # fmt: skip
        summary.notices[:0] = [*reading.notices, *said]
        for notice in summary.notices:
            warnings.warn(notice, Notice, stacklevel=2)
        self._blend, self.summary_, self.sequence_col_ = blend, summary, column_of(X)
        return self

    def predict(self, X: object) -> np.ndarray:
        """Each sequence with every blank `_` filled by the likeliest symbol."""
        blend = self._fitted()
        parts, blanks, shares = self._shares(X, blend)
        return np.array(_filled(parts, blanks, shares.argmax(1), blend), dtype=object)

    def sample(self, text: str, n: object = 1, *, temperature: float = 1.0, random_state: object = 0) -> list[str]:
        """Fills the blanks of one sequence `n` times, each symbol drawn with its calibrated probability.

        Args:
            text: a sequence with blanks `_`.
            n: samples.
            temperature: below 1 for likelier, above 1 for more diverse ones.
            random_state: of the draw: a whole number, or `None` for another one each time.

        Raises:
            DataError: `text` has no blank, or more symbols than the model reads.
            ConfigError: `n` or `temperature` is outside its rule.
        """
        if not isinstance(n, Integral) or n < 1 or not temperature > 0:
            raise ConfigError(
                f"n must be a whole number, at least 1, and temperature above 0; got n={n}, temperature={temperature}"
            )
        blend = self._fitted()
        parts, hidden, shares = self._shares([text], blend)
        drawn = draw(shares, n, temperature, np.random.default_rng(random_state))  # type: ignore[arg-type]
        return [_filled(parts, hidden, one, blend)[0] for one in drawn]

    def report(self, X: object, spans: object = None, *, n: int = 10) -> dict[str, float]:
        """Recovery and diversity in percent, and perplexity, of the hidden symbols of whole sequences.

        Args:
            X: whole sequences.
            spans: as in `fit`.
            n: samples of each sequence, for the diversity.
        """
        blend, texts = self._fitted(), read_texts(X)
        symbols = self._reread(texts, blend).symbols
        hidden = _hidden(spans, symbols, np.arange(len(symbols)), texts, blend.config.seed)
        hidden &= symbols.ids < blend.alphabet.mask
        scores, where = hidden_scores(blend, symbols, hidden)
        if not len(where):
            raise DataError("no symbol is hidden that the model reads and that is known. Pass spans=...")
        shares, owner = log_shares(scores / blend.temperature), symbols.owner[where]
        drawn = draw(shares, n, 1.0, np.random.default_rng(blend.config.seed))
        return {**told_scores(shares, symbols.ids[where] - 1), "diversity": diversity(drawn, owner)}

    def score(self, X: object, y: object = None, *, spans: object = None) -> float:
        """The share of hidden symbols that are recovered."""
        return self.report(X, spans, n=2)["recovery"] / 100

    def _shares(self, X: object, blend: SequenceBlend) -> tuple[list[list[str]], list[np.ndarray], np.ndarray]:
        """Each sequence taken apart, which parts are blanks, and log probabilities of all blanks."""
        texts = smiles.read_smiles(X, what="sequences") if self.kind == "smiles" else read_texts(X)
        parts = [self._parts(text) for text in texts.values]
        symbols = self._reread(texts, blend, blank=BLANK).symbols
        blanks = [np.array([part == BLANK for part in one]) for one in parts]
        without = [row for row, one in enumerate(blanks) if not one.any()]
        if without:
            first = texts.names.one(without[0])
            raise DataError(f"{first} has no blank {BLANK!r} to fill ({len(without)} rows). Write some")
        beyond = [row for row, one in enumerate(blanks) if one[blend.length :].any()]
        if beyond:
            raise DataError(
                f"{texts.names.one(beyond[0])} has a blank behind the {blend.length} symbols that the model reads "
                f"({len(beyond)} rows). Cut the sequence at its start"
            )
        scores, _ = hidden_scores(blend, symbols, np.concatenate(blanks))
        return parts, blanks, log_shares(scores / blend.temperature)

    def _parts(self, text: str) -> list[str]:
        notation: Any = self.kind
        if self.kind in LEARNED:
            return smiles.split(notation, [text]).flat
        return list(text.rstrip("*") if self.kind == "protein" else text)


def _filled(parts: list[list[str]], blanks: list[np.ndarray], answers: np.ndarray, blend: SequenceBlend) -> list[str]:
    """The sequences as they were given, with the answers where the blanks stood."""
    letters, at, filled = blend.alphabet.symbols, 0, []
    for one, blank in zip(parts, blanks, strict=True):
        whole = list(one)
        for place in np.flatnonzero(blank):
            whole[place] = letters[answers[at]]
            at += 1
        filled.append("".join(whole))
    return filled


def _hidden(spans: object, symbols: Symbols, kept: np.ndarray, texts: Texts, seed: int) -> Bool[np.ndarray, " symbols"]:
    """Which symbols of the flat array are hidden.

    Raises:
        DataError: not one boolean for each symbol of each sequence.
    """
    if spans is None:
        return np.random.default_rng(seed).random(len(symbols.ids)) < HIDDEN_SHARE
    given: Any = spans.to_numpy() if hasattr(spans, "to_numpy") else spans
    if len(given) != len(texts.values):
        raise DataError(f"X and spans must be of one length; got {len(texts.values)} sequences and {len(given)} spans")
    parts = []
    for row, length in zip(kept.tolist(), symbols.lengths.tolist(), strict=True):
        mask, name = np.asarray(given[row]), texts.names.one(row)
        if mask.ndim != 1 or (mask.dtype != bool and not np.isin(mask, (0, 1)).all()):
            raise DataError(f"spans must hold booleans, one for each symbol; {name} holds {given[row]!r:.60}")
        if len(mask) < length or mask[length:].any():
            raise DataError(f"spans must hold one boolean for each symbol; {name} has {len(mask)} for {length} symbols")
        parts.append(mask[:length].astype(bool))
    return np.concatenate(parts)
