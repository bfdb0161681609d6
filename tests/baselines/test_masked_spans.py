"""The base of infilling: where blanks stand, toy tasks of known answer, held-out scores, saved bits."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from seqreprog.baselines.masked_spans import FARTHEST, Blanks, RunModel, blanks_at, features, fit_runs, from_state
from seqreprog.data.alphabets import alphabet
from seqreprog.data.symbols import Symbols, read_sequences
from seqreprog.errors import CheckpointError

PROTEIN = alphabet("protein")
LETTERS = np.array(PROTEIN.symbols)


def read(texts: list[str]) -> Symbols:
    return read_sequences(texts, PROTEIN, blank="_").symbols


def fitted(texts: list[str], hidden: np.ndarray) -> tuple[RunModel, Symbols, np.ndarray]:
    symbols, where = read(texts), np.flatnonzero(hidden)
    owner = symbols.owner[where]
    folds = [np.flatnonzero(owner % 4 == fold) for fold in range(4)]
    return fit_runs(symbols, hidden, where, folds=folds, groups=owner), symbols, np.concatenate(folds)


def test_blanks_know_where_they_stand() -> None:
    symbols = read(["A__C_", "___", "XAC"])
    hidden = np.array([False, True, True, False, True, True, True, True, False, True, False])
    found = blanks_at(symbols, hidden, np.flatnonzero(hidden))
    assert found.left.tolist() == [0, 1, 0, 0, 1, 2, 1]
    assert found.right.tolist() == [1, 0, 0, 2, 1, 0, 0]
    mask, ids = PROTEIN.mask, {letter: place + 1 for place, letter in enumerate(PROTEIN.symbols)}
    assert found.near[0].tolist() == [0, 0, 0, ids["A"], mask, ids["C"], mask, 0]
    assert found.near[2].tolist() == [ids["A"], mask, mask, ids["C"], 0, 0, 0, 0]
    assert found.near[6].tolist() == [0, 0, 0, mask, ids["C"], 0, 0, 0], "an unknown symbol reads as a blank"


def test_an_unknown_symbol_joins_the_run_as_the_model_sees_it() -> None:
    symbols = read(["AXCA"])
    found = blanks_at(symbols, np.array([False, False, True, False]), np.array([2]))
    assert (found.left.tolist(), found.right.tolist()) == ([1], [0])


def test_features_are_one_hot_and_far_places_are_alike() -> None:
    far = Blanks(np.array([FARTHEST, FARTHEST + 9]), np.array([0, 0]), np.zeros((2, 8), int))
    for around, count in (("run", 5), ("neighbours", 13)):
        rows = features(far, around, PROTEIN.size).toarray()  # type: ignore[arg-type]
        assert rows.sum(1).tolist() == [count, count]
        assert (rows[0] == rows[1]).all()


def by_place(rng: np.random.Generator) -> tuple[str, list[bool]]:
    """The run reads `DE..G`, however long it is: told from the left and from the right end."""
    middle = int(rng.integers(1, 5))
    run = "DE" + "K" * middle + "G"
    around = ["".join(rng.choice(LETTERS, rng.integers(1, 6))) for _ in range(2)]
    return around[0] + run + around[1], [False] * len(around[0]) + [True] * len(run) + [False] * len(around[1])


def by_neighbour(rng: np.random.Generator) -> tuple[str, list[bool]]:
    """Each blank, apart from the others, holds the letter behind that to its left."""
    left = rng.integers(0, 20, 3)
    text = "".join(LETTERS[one] + LETTERS[(one + 1) % 20] + rng.choice(LETTERS) for one in left)
    return text, [False, True, False] * 3


@pytest.mark.parametrize(("task", "around"), [(by_place, "run"), (by_neighbour, "neighbours")])
def test_toy_tasks_are_solved_and_held_out_scores_are_honest(task: Callable, around: str) -> None:
    rng = np.random.default_rng(0)
    texts, masks = zip(*(task(rng) for _ in range(160)), strict=True)
    hidden = np.concatenate(masks)
    model, symbols, held = fitted(list(texts), hidden)
    where = np.flatnonzero(hidden)
    truth = symbols.ids[where] - 1
    assert model.around == around
    assert model.held_out is not None
    assert (model.held_out.argmax(1) == truth[held]).mean() > 0.95
    assert (model.decision(symbols, hidden, where).argmax(1) == truth).mean() > 0.95
    noise = Symbols(symbols.ids.copy(), symbols.offsets, PROTEIN)
    noise.ids[where] = rng.permutation(noise.ids[where])
    folds = [np.flatnonzero(noise.owner[where] % 4 == fold) for fold in range(4)]
    lost = fit_runs(noise, hidden, where, folds=folds, groups=noise.owner[where])
    assert lost.held_out is not None
    frequent = np.bincount(truth).max() / len(truth)
    assert (lost.held_out.argmax(1) == noise.ids[where][held] - 1).mean() < frequent + 0.1, "nothing learned by heart"
    assert lost.around == "run", "neighbours that say nothing are left out"


def test_a_saved_base_answers_with_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    texts, masks = zip(*(by_place(rng) for _ in range(20)), strict=True)
    hidden = np.concatenate(masks)
    model, symbols, _ = fitted(list(texts), hidden)
    arrays, described = model.state()
    again = from_state(arrays, json.loads(json.dumps(described)))
    where = np.flatnonzero(hidden)
    assert (again.decision(symbols, hidden, where) == model.decision(symbols, hidden, where)).all()
    with pytest.raises(CheckpointError, match="has no 'intercept'"):
        from_state({"weights": arrays["weights"]}, described)
    with pytest.raises(CheckpointError, match="around='far'"):
        from_state(arrays, {**described, "around": "far"})
    with pytest.raises(CheckpointError, match=r"shape \(3, 20\)"):
        from_state({**arrays, "weights": arrays["weights"][:3]}, described)
