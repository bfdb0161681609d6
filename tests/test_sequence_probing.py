"""Sequences by default: the mode that is taken, the probe through the facade, and the weight where examples are few."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqreprog.tasks.sequence as sequence_fitting
from seqreprog import Adapter, Notice, SequenceClassifier, SequenceOptions, SequenceRegressor, Training
from seqreprog.config.sequence import SequenceConfig, settled
from seqreprog.data.alphabets import alphabet
from seqreprog.data.symbols import read_sequences
from seqreprog.errors import ConfigError
from seqreprog.fit.admission import half_or_none
from seqreprog.fit.judging import Parts, judge, stretch, temperature
from seqreprog.fit.problem import Examples, Problem
from seqreprog.sources.language import load_backbone
from seqreprog.tasks.sequence import _folds, fit_sequences

ADAPTER = Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8)
OPTIONS = SequenceOptions(adapter=ADAPTER, training=Training(threads=1, progress=False))


def peptides(count: int = 60, *, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Random peptides of two lengths at least; every other one is rich in lysine."""
    rng, texts = np.random.default_rng(seed), []
    for number in range(count):
        letters = "KKKADEF" if number % 2 else "KADEFGH"
        texts.append("".join(rng.choice(list(letters), 8 + number % 3)))
    return texts, np.arange(count) % 2


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> str:
    return str(make_backbone("bert"))


def classifier(backbone: str, **options: Any) -> SequenceClassifier:
    return SequenceClassifier(**{"backbone": backbone, "layers": 1, "options": OPTIONS, **options})


def mode(*, tuned: bool = False, **options: Any) -> str:
    return settled(SequenceConfig(**options), tuned=tuned).training.mode


# --- the mode ---------------------------------------------------------------------------------------------------------


def test_the_probe_is_taken_where_it_applies_and_nothing_was_said_of_training() -> None:
    assert mode() == mode(task="regress") == mode(task="multilabel") == mode(task="infill") == "probe"
    assert mode(training=Training(threads=1, progress=False)) == "probe"
    assert mode(training=SequenceOptions().training) == "probe"
    for other in (
        {"output": "verbaliser"}, {"output": "frequency"}, {"pooling": "max"}, {"tuned": True},
        {"method": "dictionary"}, {"method": "rewriter"}, {"training": Training(max_steps=30)},
        {"training": Training(time_budget=5.0)}, {"training": Training(mode="train")},
    ):  # fmt: skip
        assert mode(**other) == "train", other


def test_what_is_asked_for_is_done_or_refused() -> None:
    probe = Training(mode="probe", max_steps=30)
    assert mode(training=probe) == mode(training=probe, method="dictionary") == "probe"
    with pytest.raises(ConfigError, match="a peft adapter neither"):
        mode(training=probe, tuned=True)
    with pytest.raises(ConfigError, match="solves a head of its own"):
        SequenceConfig(training=probe, pooling="max")


def test_a_budget_of_time_asks_for_training_and_is_left_aside_by_a_probe_with_a_word(backbone: str) -> None:
    assert mode(training=Training(time_budget=5.0)) == "train"
    options = SequenceOptions(adapter=ADAPTER, training=Training(mode="probe", time_budget=5.0, progress=False))
    with pytest.warns(Notice, match=r"time_budget=5 was left aside: a probe reads every sequence once"):
        classifier(backbone, options=options).fit(*peptides())


# --- the facade -------------------------------------------------------------------------------------------------------


def test_a_probed_model_learns_says_so_and_is_saved_to_the_bit(backbone: str, tmp_path: Path) -> None:
    texts, labels = peptides()
    one = classifier(backbone, base="none").fit(texts, labels)
    assert one.score(*peptides(100, seed=1)) > 0.8
    assert (one.summary_.mode, one.summary_.steps, one.summary_.folds, one.summary_.held_out) == ("probe", 0, 5, 60)
    head = 2 * (4 * 2 * 32 + 1)  # statistics of the embeddings and of one layer
    assert f"{head} weights of the head, solved in closed form on the states of 2 layers" in str(one.summary_)
    assert "steps" not in str(one.summary_)
    new = peptides(20, seed=2)[0]
    one.save(tmp_path / "model")
    again = SequenceClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(new), one.predict_proba(new))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).predict_proba(new), one.predict_proba(new))
    assert str(again.summary_) == str(one.summary_)
    assert again.options.training.mode == "auto", "as asked, not as decided"
    alone = np.concatenate([one.predict_proba([text]) for text in new])
    np.testing.assert_allclose(alone, one.predict_proba(new), atol=1e-4)
    assert one.transform(new).shape == (20, 32), "the last layer's states"
    same = classifier(backbone, base="none").fit(texts, labels)
    np.testing.assert_array_equal(same.predict_proba(new), one.predict_proba(new))
    other = classifier(backbone, base="none", random_state=1).fit(texts, labels)
    assert not np.allclose(other.predict_proba(new), one.predict_proba(new))


def test_weights_of_rows_and_classes_count(backbone: str) -> None:
    texts, labels = peptides(40)
    plain, rows, classes = (
        classifier(backbone, base="none", class_weight=weight).fit(texts, labels, sample_weight=each)
        for weight, each in ((None, None), (None, 1 + 9 * labels), ({1: 10}, None))
    )
    np.testing.assert_allclose(rows.predict_proba(texts), classes.predict_proba(texts), atol=1e-9)
    assert rows.predict_proba(texts)[:, 1].mean() > plain.predict_proba(texts)[:, 1].mean() + 0.02


def test_values_are_standardised_and_aligned_sequences_read_place_by_place(backbone: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.choice(list("ACDEF"), (80, 9))
    texts, values = ["".join(row) for row in rows], 1000 + 50.0 * (rows[:, 3] == "A")
    one = SequenceRegressor(backbone=backbone, layers=1, base="none", options=OPTIONS).fit(texts[:60], values[:60])
    assert one._blend.places == 9
    assert one.report(texts[60:], values[60:])["Spearman"] > 0.7
    one.save(tmp_path / "model")
    again = SequenceRegressor.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(texts), one.predict(texts))
    ragged = SequenceRegressor(backbone=backbone, layers=1, base="none", options=OPTIONS)
    assert ragged.fit([*texts[:59], "ACD"], values[:60])._blend.places == 0


# --- few examples -----------------------------------------------------------------------------------------------------


def examples(count: int) -> Examples:
    texts, labels = peptides(count)
    symbols = read_sequences(texts, alphabet("protein")).symbols
    return Examples(symbols, labels, 2, np.ones(count), np.arange(count))


def test_many_are_held_out_in_fewer_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    data, config = examples(60), settled(SequenceConfig())
    assert len(_folds(config, data)) == 5
    monkeypatch.setattr(sequence_fitting, "MANY", 50)
    monkeypatch.setattr(sequence_fitting, "FEW", 10)
    folds = _folds(config, data)
    assert len(folds) == 3
    assert sorted(np.concatenate(folds)) == list(range(60))


def test_half_weight_is_taken_where_it_loses_no_more() -> None:
    base = np.full(20, 0.5)
    better, worse = half_or_none(np.stack([base, base - 0.1])), half_or_none(np.stack([base, base + 0.1]))
    assert (better.weight, worse.weight) == (0.5, 0.0)
    assert better.gain == pytest.approx(0.2)
    assert worse.gain == pytest.approx(-0.2)
    assert half_or_none(np.stack([base, base])[:, :4]).weight == 0, "four examples prove nothing"


def test_a_useless_model_gets_nothing_or_does_no_harm_and_a_good_one_a_half(backbone: str) -> None:
    data = examples(40)
    config = SequenceConfig(adapter=ADAPTER, training=Training(mode="probe", threads=1))
    blend, summary = fit_sequences(config, load_backbone(backbone, 1), data)
    assert "few examples: " in summary.verdict
    problem, rows = Problem.of(config, blend.backbone, data, None), np.arange(40)
    rng = np.random.default_rng(0)
    odds = (2 * data.target - 1) + rng.normal(size=40)
    base = np.stack([-odds, odds], 1)
    heat = temperature(problem, base, rows)
    alone = problem.losses(base / heat, rows).mean()
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=(40, 2)) * 100
        admission = judge(blend, problem, Parts(rows, base, noise), few=True)
        assert admission.weight in (0.0, 0.5)
        mixed = (1 - blend.weight) * base + blend.weight * blend.stretch * noise
        assert problem.losses(mixed / blend.temperature, rows).mean() <= alone + 1e-12
    second = (2 * data.target - 1) + rng.normal(size=40)
    admission = judge(blend, problem, Parts(rows, base, 7 * np.stack([-second, second], 1)), few=True)
    assert (admission.weight, blend.weight) == (0.5, 0.5)
    assert admission.gain > 0
    judge(blend, problem, Parts(rows, base, np.zeros_like(base)), few=True)
    assert blend.weight == 0, "what learned nothing is left out"


def test_log_odds_are_brought_to_one_spread_and_values_stay() -> None:
    base, model = np.random.default_rng(0).normal(size=(2, 30, 3))
    scaled = stretch("classify", base, 50 * model + 9)
    assert scaled == pytest.approx(stretch("classify", base, model) / 50)
    assert stretch("regress", base[:, :1], 50 * model[:, :1]) == 1
    assert stretch("multilabel", base, np.zeros_like(base)) == 1
