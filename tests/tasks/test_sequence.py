"""How a fit of sequences chooses: nothing is judged on what was learned, copies are one witness, and few count all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import seqreprog.tasks.sequence as sequence_fitting
from seqreprog.config.forecast import Adapter, Training
from seqreprog.config.sequence import SequenceConfig
from seqreprog.data.alphabets import alphabet
from seqreprog.data.groups import duplicate_groups, joined_groups
from seqreprog.data.symbols import read_sequences
from seqreprog.fit.fitted_sequence import mixed
from seqreprog.fit.judging import temperature
from seqreprog.fit.problem import Examples, Problem
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.tasks.sequence import _folds, fit_sequences

TRAINING = Training(max_steps=4, batch_size=8, evaluate_every=2, learning_rate=0.01, threads=1, progress=False)
CONFIG = SequenceConfig(layers=1, training=TRAINING, adapter=Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8))


def examples(count: int) -> Examples:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKL"), rng.integers(5, 9))) for _ in range(count // 2)]
    symbols = read_sequences([*texts, *texts], alphabet("protein")).symbols  # each twice
    target = np.tile(np.arange(count // 2) % 2, 2)
    return Examples(symbols, target, 2, np.ones(count), duplicate_groups(symbols))


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> Backbone:
    return load_backbone(make_backbone("bert"), 1)


@pytest.mark.parametrize("few", [500, 10])
def test_no_copy_is_on_both_sides(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence_fitting, "FEW", few)
    data = examples(40)
    folds = _folds(CONFIG, data)
    assert len(folds) == (5 if few == 500 else 1)
    for held in folds:
        kept = np.setdiff1d(np.arange(40), held)
        assert not set(data.groups[held]) & set(data.groups[kept])
    if few == 500:
        assert sorted(np.concatenate(folds)) == list(range(40)), "each is held out once"


def test_few_examples_are_each_judged_once_and_copies_are_one_witness(backbone: Backbone) -> None:
    blend, summary = fit_sequences(CONFIG, backbone, examples(40))
    assert (summary.folds, summary.held_out, summary.sequences) == (5, 40, 40)
    assert summary.blocks == summary.groups == 20
    assert summary.best_step in (2, 4)
    assert summary.stopped == "chosen over 5 folds"
    assert "each was held out once, in 5 folds" in str(summary)
    assert 0 <= blend.weight <= 1
    assert set(summary.scores) == {"n-gram", "language model", "seqreprog"}


def test_values_are_answered_in_their_own_units(backbone: Backbone) -> None:
    data = examples(40)
    values = Examples(data.symbols, 1e4 + 100.0 * data.symbols.lengths, 1, data.weight, data.groups)
    config = SequenceConfig(**{**CONFIG.__dict__, "task": "regress"})
    blend, summary = fit_sequences(config, backbone, values)
    found = blend.values(data.symbols)
    assert abs(found.mean() - values.target.mean()) < 50
    assert summary.scores["seqreprog"]["RMSE"] < values.target.std()


def test_a_temperature_calms_what_is_too_sure_and_few_rows_prove_no_certainty(backbone: Backbone) -> None:
    data = examples(40)
    problem, rows = Problem.of(CONFIG, backbone, data, None), np.arange(40)
    rng = np.random.default_rng(0)
    odds = 2 * rng.normal(size=40)
    truth = (rng.random(40) < 1 / (1 + np.exp(-odds))).astype(int)
    sure = Examples(data.symbols, truth, 2, data.weight, data.groups)
    problem = Problem.of(CONFIG, backbone, sure, None)
    scores = np.stack([-odds, odds], 1) / 2
    assert temperature(problem, 4 * scores, rows) == pytest.approx(4 * temperature(problem, scores, rows), rel=0.2)
    perfect = np.stack([1 - 2 * truth, 2 * truth - 1], 1).astype(float)
    assert temperature(problem, perfect, rows) > 0.1


def test_weights_0_and_1_are_the_parts_to_the_bit() -> None:
    base, model = np.random.default_rng(0).normal(size=(2, 5, 3))
    np.testing.assert_array_equal(mixed(base, model, 0.0), base)
    np.testing.assert_array_equal(mixed(base, model, 1.0), model)


def test_groups_are_joined_where_either_joins_them() -> None:
    assert joined_groups(np.array([0, 1, 1, 2, 3]), np.array([0, 0, 1, 2, 2])).tolist() == [0, 0, 0, 1, 1]


SCRIPT = """
import importlib.util, json, os, sys
import numpy as np, torch
from accelerate import debug_launcher
spec = importlib.util.spec_from_file_location("case", sys.argv[1])
case = importlib.util.module_from_spec(spec)
sys.modules["case"] = case
spec.loader.exec_module(case)

def fitted(place):
    torch.set_num_threads(1)
    backbone, data, found = case.load_backbone(sys.argv[2], 1), case.odd_examples(), []
    for few, size in ((10, 8), (500, 8), (500, 9)):  # a part held out; each once; a batch with no half
        case.sequence_fitting.FEW = few
        blend, summary = case.fit_sequences(case.plain(size), backbone, data)
        scores = summary.scores["language model"]
        found.append({"best": summary.best_step, "scores": scores, "said": blend.scores(data.symbols).tolist()})
    if int(os.environ.get("RANK", 0)) == 0:
        open(place, "w").write(json.dumps([os.environ.get("WORLD_SIZE", "1"), *found]))

if __name__ == "__main__":
    debug_launcher(fitted, args=(sys.argv[3] + "/two",), num_processes=2)
    fitted(sys.argv[3] + "/one")
"""


def plain(size: int) -> SequenceConfig:
    """Without dropout, which each process draws for itself."""
    return replace(
        CONFIG, base="none", training=replace(TRAINING, batch_size=size), adapter=replace(CONFIG.adapter, dropout=0.0)
    )


def odd_examples() -> Examples:
    data, rows = examples(46), np.arange(45)
    return Examples(data.symbols.take(rows), data.target[rows], 2, data.weight[rows], data.groups[rows])


@pytest.mark.slow
def test_two_processes_fit_what_one_fits(make_backbone: Callable[[str], Path], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), __file__, str(make_backbone("bert")), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (one, *alone), (two, *together) = (json.loads((tmp_path / name).read_text()) for name in ("one", "two"))
    assert (one, two) == ("1", "2")
    for left, right in zip(alone[:2], together[:2], strict=True):  # the third has batches of another size
        assert left["best"] == right["best"]
        assert left["scores"] == pytest.approx(right["scores"], rel=1e-3)
        np.testing.assert_allclose(left["said"], right["said"], atol=1e-3)
    assert np.isfinite(together[2]["said"]).all()


def test_no_steps_leave_the_base_alone(backbone: Backbone) -> None:
    config = SequenceConfig(**{**CONFIG.__dict__, "training": Training(max_steps=0, progress=False)})
    blend, summary = fit_sequences(config, backbone, examples(20))
    assert blend.weight == 0
    assert "not admitted" in summary.verdict
    np.testing.assert_array_equal(blend.scores(examples(20).symbols), blend.base.decision(examples(20).symbols))
