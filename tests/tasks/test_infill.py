"""Infilling as a whole: what the base finds, what only the language model can, and that neither is counted unproven."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqreprog import Adapter, SequenceInfiller, SequenceOptions, Training
from seqreprog.baselines.masked_spans import fit_runs
from seqreprog.batches.symbols import InfillDataset
from seqreprog.config.sequence import USUAL
from seqreprog.errors import DataError
from seqreprog.fit.gradient import fit
from seqreprog.tasks import infill as infilling
from seqreprog.tasks.infill import STEP_TOKENS, _bounded

OPTIONS = SequenceOptions(adapter=Adapter(n_prototypes=32), training=Training(threads=1, progress=False))
Make = Callable[[str], Path]
pytestmark = pytest.mark.filterwarnings("ignore::seqreprog.Notice")


def make(backbone: Path, **options: Any) -> SequenceInfiller:
    return SequenceInfiller(**{"backbone": backbone, "layers": 2, "options": OPTIONS, **options})


def toy(count: int, opening: dict[str, str], seed: int = 0) -> tuple[list[str], list[np.ndarray]]:
    """What opens a sequence tells the two letters of a hidden run, five symbols or more behind it."""
    rng, texts, masks = np.random.default_rng(seed), [], []
    for _ in range(count):
        motif = str(rng.choice(list(opening)))
        between = "".join(rng.choice(list("AGST"), 5 + rng.integers(3)))
        ends = "".join(rng.choice(list("AGST"), rng.integers(4, 7)))
        texts.append(motif + between + opening[motif] + ends)
        start = len(motif + between)
        masks.append((np.arange(len(texts[-1])) >= start) & (np.arange(len(texts[-1])) < start + 2))
    return texts, masks


MOTIFS = {"WWWWWW": "DE", "KKKKKK": "HI"}  # too far away for the base
SAME = {"WWWWWW": "DE", "KKKKKK": "DE"}  # told by the place in the run


@pytest.fixture(scope="module")
def model(make_backbone: Make) -> SequenceInfiller:
    texts, masks = toy(120, MOTIFS)
    return make(make_backbone("bert")).fit(texts, spans=masks)


def test_what_the_base_cannot_know_the_language_model_adds(model: SequenceInfiller) -> None:
    summary = model.summary_
    assert (summary.mode, summary.base, summary.folds, summary.held_out) == ("probe", "linear", 5, 240)
    assert summary.scores["base"]["recovery"] < 70
    assert summary.scores["seqreprog"]["recovery"] > summary.scores["base"]["recovery"] + 20
    assert summary.scores["seqreprog"]["perplexity"] < summary.scores["base"]["perplexity"]
    assert summary.weight > 0
    assert f"was admitted with weight {summary.weight:.2f}: held-out perplexity" in summary.verdict
    texts, masks = toy(40, MOTIFS, seed=1)
    report = model.report(texts, masks)
    assert report["recovery"] > 90
    blanks = ["".join("_" if m else c for c, m in zip(t, k, strict=True)) for t, k in zip(texts, masks, strict=True)]
    filled = model.predict(blanks)
    assert np.mean([a == b for a, b in zip(filled, texts, strict=True)]) > 0.85
    assert filled[:3].tolist() == [model.predict([blank])[0] for blank in blanks[:3]], "whatever its batch mates"


def test_what_the_language_model_does_not_add_is_not_counted(make_backbone: Make) -> None:
    texts, masks = toy(60, SAME)
    one = make(make_backbone("bert")).fit(texts, spans=masks)
    assert one.summary_.scores["base"]["recovery"] == 100
    rng = np.random.default_rng(0)
    letters = [[*text] for text in texts]
    for letter, mask in zip(letters, masks, strict=True):
        letter[int(np.flatnonzero(mask)[0])] = str(rng.choice(list("DHKR"), p=(0.4, 0.3, 0.2, 0.1)))  # nothing tells it
    noisy = make(make_backbone("bert")).fit(["".join(letter) for letter in letters], spans=masks)
    assert noisy.summary_.weight == 0
    assert "the language model was not admitted" in noisy.summary_.verdict
    frozen = noisy._fitted().model.hidden
    noisy._fitted().model.hidden = None  # type: ignore[assignment]
    assert noisy.predict(["WWWWWWAGSTA__AGST"])[0][12] == "E", "it is not even read"
    noisy._fitted().model.hidden = frozen


def test_the_pure_form_finds_places_too_and_has_no_base(make_backbone: Make, tmp_path: Path) -> None:
    texts, masks = toy(60, SAME)
    one = make(make_backbone("gpt2"), base="none").fit(texts, spans=masks)
    assert one._fitted().runs is None
    assert one.summary_.weight == 1
    assert one.summary_.scores["language model"]["recovery"] > 95
    assert "the language model stands alone" in str(one.summary_)
    assert "reported only" in str(one.summary_)
    one.save(tmp_path / "model")
    again = SequenceInfiller.load(tmp_path / "model")
    assert again.base == "none"
    assert again.sample("WWWAGSTA__AG", n=5) == one.sample("WWWAGSTA__AG", n=5)


def test_saved_and_pickled_it_answers_with_the_same_bits(model: SequenceInfiller, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    texts, masks = toy(10, MOTIFS, seed=2)
    for other in (SequenceInfiller.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert other.report(texts, masks) == model.report(texts, masks)
        assert other.get_params()["base"] == "linear"
    assert str(SequenceInfiller.load(tmp_path / "model").summary_) == str(model.summary_)


def test_an_artifact_of_a_release_without_base_is_read(
    make_backbone: Make, tmp_path: Path, reseal: Callable[..., None]
) -> None:
    training = Training(max_steps=2, evaluate_every=1, threads=1, progress=False)
    options = replace(OPTIONS, training=training)
    texts, masks = toy(30, SAME)
    one = make(make_backbone("bert"), base="none", method="dictionary", options=options).fit(texts, spans=masks)
    one.save(tmp_path / "model")
    summary = json.loads((tmp_path / "model" / "seqreprog.json").read_text())["summary"]
    for name in ("mode", "base", "features", "folds", "weight", "gain", "blocks", "heats"):
        del summary[name]
    summary["scores"] = {"frequency": {"recovery": 1.0, "perplexity": 2.0}}
    reseal(tmp_path / "model", summary=summary, runs=None)
    again = SequenceInfiller.load(tmp_path / "model")
    assert again.sample("WWWAGSTA__AG", n=5) == one.sample("WWWAGSTA__AG", n=5)
    assert "frequency: recovery 1.0 %" in str(again.summary_)


def test_by_gradient_all_that_is_told_is_learned_though_fewer_judge(make_backbone: Make, monkeypatch: Any) -> None:
    sizes: list[tuple[int, int]] = []

    def counted(model: Any, train: Any, held: Any, **options: Any) -> Any:
        sizes.append((len(train), len(held)))
        return fit(model, train, held, **options)

    monkeypatch.setattr(infilling, "SOLVED", 20)
    monkeypatch.setattr(infilling, "fit", counted)
    texts, masks = toy(60, MOTIFS)
    options = replace(
        OPTIONS, training=Training(max_steps=1, evaluate_every=1, threads=1, progress=False, mode="train")
    )
    one = make(make_backbone("bert"), options=options).fit(texts, spans=masks)
    ((train, held),) = sizes
    assert held < 20 and one.summary_.held_out <= 20
    assert train + held == 60 - len(texts) + len(set(texts)), "copies of what is held out apart"


def test_by_gradient_no_group_is_on_both_sides_for_the_base_either(make_backbone: Make, monkeypatch: Any) -> None:
    apart: list[bool] = []

    def watched(symbols: Any, hidden: Any, where: Any, *, folds: Any, groups: Any) -> Any:
        kept = np.setdiff1d(np.arange(len(where)), folds[0])
        apart.append(not np.isin(groups[folds[0]], groups[kept]).any())
        return fit_runs(symbols, hidden, where, folds=folds, groups=groups)

    monkeypatch.setattr(infilling, "fit_runs", watched)
    texts, masks = toy(60, MOTIFS)
    training = Training(
        max_steps=1, evaluate_every=1, validation=0.5, validation_windows=7, threads=1, progress=False, mode="train"
    )
    one = make(make_backbone("bert"), options=replace(OPTIONS, training=training))
    one.fit(texts, spans=masks, groups=np.arange(60) // 5)
    assert apart == [True]
    assert 7 * 2 <= one.summary_.held_out < (7 + 15) * 2, "whole groups, about as many as asked for"


@pytest.mark.parametrize("base", ["linear", "none"])
def test_a_report_of_nothing_hidden_is_refused(base: str, make_backbone: Make) -> None:
    training = Training(max_steps=1, evaluate_every=1, threads=1, progress=False, mode="train")
    texts, masks = toy(30, SAME)
    one = make(make_backbone("bert"), base=base, options=replace(OPTIONS, training=training)).fit(texts, spans=masks)
    with pytest.raises(DataError, match="no symbol is hidden"):
        one.report(texts[:3], [mask & False for mask in masks[:3]])


def test_by_gradient_a_step_holds_fewer_long_sequences_unless_told(ragged: Callable[..., Any]) -> None:
    long, short = (ragged([[1] * length] * 4) for length in (128, 20))
    sets = [InfillDataset(one, np.ones(len(one.ids), bool), blank=5) for one in (long, short)]
    assert _bounded(USUAL, sets[0]).batch_size == STEP_TOKENS // 128
    assert _bounded(USUAL, sets[1]) == USUAL
    asked = replace(USUAL, batch_size=32)
    assert _bounded(asked, sets[0]) == asked
