"""SequenceInfiller: what is hidden is learned, blanks are filled in place, and the scores are what they say."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from seqreprog import Adapter, Notice, SequenceInfiller, SequenceOptions, Training
from seqreprog.errors import ConfigError, DataError
from seqreprog.tasks.infill import diversity

TRAINING = Training(
    max_steps=4, batch_size=16, evaluate_every=2, learning_rate=0.01, average=0.5, threads=1, progress=False
)
OPTIONS = SequenceOptions(adapter=Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8), training=TRAINING)
Make = Callable[[str], Path]


def framed(count: int, seed: int = 0) -> tuple[list[str], list[np.ndarray]]:
    """`AA..CC` or `DD..EE`: what stands in the middle follows from what stands around it."""
    rng = np.random.default_rng(seed)
    texts, masks = [], []
    for number in range(count):
        left, middle = ("A", "KK") if number % 2 else ("D", "LL")
        around = rng.integers(2, 6, size=2)
        texts.append(left * around[0] + middle + left * around[1] + rng.choice(list("FGHI")))
        masks.append(np.isin(list(texts[-1]), ["K", "L"]))
    return texts, masks


def make(backbone: Path, **options: Any) -> SequenceInfiller:
    return SequenceInfiller(**{"backbone": backbone, "layers": 1, "options": OPTIONS, **options})


@pytest.fixture(scope="module")
def model(make_backbone: Make) -> SequenceInfiller:
    texts, masks = framed(120)
    options = replace(OPTIONS, training=replace(TRAINING, max_steps=300, evaluate_every=50))
    return make(make_backbone("bert"), options=options).fit(texts, spans=masks)


@pytest.mark.compat
@pytest.mark.filterwarnings("ignore::seqreprog.Notice")
def test_what_is_hidden_is_told_from_what_stands_around(model: SequenceInfiller) -> None:
    assert model.predict(["AAA__AAF", "DDD__DDG"]).tolist() == ["AAAKKAAF", "DDDLLDDG"]
    texts, masks = framed(40, seed=1)
    report = model.report(texts, masks)
    assert report["recovery"] > 95
    assert 1 <= report["perplexity"] < 1.5
    found = model.summary_.scores
    assert found["seqreprog"]["recovery"] > 95
    assert found["seqreprog"]["perplexity"] <= found["base"]["perplexity"] * 1.01
    assert model.score(texts, spans=masks) == report["recovery"] / 100


def test_samples_differ_in_their_blanks_alone(model: SequenceInfiller) -> None:
    found = model.sample("aax__AAF", n=20, temperature=50.0)
    assert len(found) == 20
    assert {text[:3] + text[5:] for text in found} == {"aaxAAF"}, "what was given stands as it was given"
    assert len({text[3:5] for text in found}) > 5
    assert found == model.sample("aax__AAF", n=20, temperature=50.0)
    assert found != model.sample("aax__AAF", n=20, temperature=50.0, random_state=1)
    assert set(model.sample("AAA__AAF", n=10, temperature=0.01)) == {"AAAKKAAF"}


def test_diversity_is_over_pairs_of_different_samples() -> None:
    assert diversity(np.array([[1, 2], [1, 2], [1, 2]])) == 0
    assert diversity(np.array([[1, 2], [3, 4]])) == 100
    rows = np.random.default_rng(0).integers(0, 3, (7, 5))
    pairs = [(rows[i] == rows[j]).mean() for i in range(7) for j in range(7) if i != j]
    assert diversity(rows) == pytest.approx(100 - 100 * np.mean(pairs))
    with pytest.raises(DataError, match="got 1"):
        diversity(rows[:1])
    owner = np.array([4, 9, 4, 9, 9])
    assert diversity(rows, owner) == pytest.approx(np.mean([diversity(rows[:, owner == one]) for one in (4, 9)]))


@pytest.mark.compat
def test_save_load_pickle_and_clone(model: SequenceInfiller, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    again = SequenceInfiller.load(tmp_path / "model")
    for other in (again, pickle.loads(pickle.dumps(model))):
        assert other.sample("AAA__AAF", n=5) == model.sample("AAA__AAF", n=5)
    assert str(again.summary_) == str(model.summary_)
    assert clone(model).get_params() == model.get_params()
    assert model.transform(["AAAKKAAF"]).shape == (1, 32)


def test_without_spans_symbols_are_hidden_at_random(make_backbone: Make) -> None:
    one = make(make_backbone("gpt2"), method="dictionary").fit(framed(40)[0])
    whole = sum(map(len, framed(40)[0]))
    assert 0.1 * whole < one.summary_.hidden < 0.2 * whole


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([[True]], r"40 sequences and 1 spans"),
        ([[True] * 3] * 40, r"row 0 has 3 for \d+ symbols"),
        ([[5] * 30] * 40, r"row 0 holds \[5, 5"),
        ([[False] * 30] * 40, r"no symbol is hidden .* 0 of \d+ are hidden"),
    ],
)
def test_spans_that_do_not_fit_are_named(make_backbone: Make, spans: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make(make_backbone("bert")).fit(framed(40)[0], spans=spans)


def test_what_cannot_be_filled_is_named(model: SequenceInfiller) -> None:
    with pytest.raises(DataError, match=r"row 1 has no blank '_' to fill \(1 rows\)"):
        model.predict(["AA_A", "AAA"])
    with pytest.raises(DataError, match=r"sequence 'P2' has no blank '_' to fill"):
        model.predict(pd.Series(["AA_A", "AAA"], index=["P1", "P2"]))
    with pytest.raises(DataError, match=r"sequence 'P1' has 3 for 4 symbols"):
        model.report(pd.Series(["AAKA"], index=["P1"]), [[True] * 3])
    with (
        pytest.warns(Notice, match=r"\(the longest has 31\). Longer sequences in fit make room"),
        pytest.raises(DataError, match=r"row 0 has a blank behind the 26 symbols"),
    ):
        model.predict(["A" * 30 + "_"])
    with pytest.raises(ConfigError, match=r"got n=0, temperature=1.0"):
        model.sample("AA_A", n=0)
    with pytest.raises(ConfigError, match=r"n must be a whole number, at least 1.* got n=1.5"):
        model.sample("AA_A", n=1.5)
    with pytest.raises(ConfigError, match="temperature=0"):
        model.sample("AA_A", temperature=0)


def test_longer_than_the_positions_of_the_backbone_is_said_with_what_helps(make_backbone: Make) -> None:
    """Not a patch, which infilling refuses, nor longer sequences in fit, which there is no room for."""
    texts = [text * 40 for text in framed(40)[0]]
    with pytest.warns(Notice, match=r"than the 256 symbols .*\). A backbone with more positions makes room$"):
        make(make_backbone("bert")).fit(texts)


@pytest.mark.compat
@pytest.mark.filterwarnings("ignore::seqreprog.Notice")
def test_peft_trains_inside_says_so_and_is_saved(make_backbone: Make, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    texts, masks = framed(40)
    one = make(make_backbone("bert"), peft=True).fit(texts, spans=masks)
    assert one.summary_.tuned > 0
    assert f"a peft adapter trains {one.summary_.tuned:,} weights inside it" in str(one.summary_)
    assert "peft" not in str(make(make_backbone("bert")).fit(texts, spans=masks).summary_)
    one.save(tmp_path / "model")
    again = SequenceInfiller.load(tmp_path / "model")
    assert again.peft["peft_type"] == "LORA"
    assert again.sample("AAA__AAF", n=5) == one.sample("AAA__AAF", n=5)
    assert next(weight for name, weight in one._fitted().model.trained() if "lora_B" in name).abs().max() > 0
