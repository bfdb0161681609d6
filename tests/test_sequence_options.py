"""Every option of sequences changes what comes out (house rule 7), and near copies stay on one side of a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqreprog import Adapter, Notice, SequenceClassifier, SequenceInfiller, SequenceOptions, Training
from seqreprog.data.targets import read_classes
from seqreprog.errors import DataError
from seqreprog.tasks.sequence import _folds

ADAPTER = Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8, dropout=0.0)
STEPS = Training(max_steps=3, batch_size=16, evaluate_every=3, learning_rate=0.01, threads=1, progress=False)
OPTIONS = SequenceOptions(adapter=ADAPTER, training=STEPS)
rng = np.random.default_rng(0)
# two lengths, so that they are not aligned; the second half are the first with their last residue exchanged
FIRST = ["".join(rng.choice(list("ACDEFGHIKL"), 10 + number % 2)) for number in range(24)]
TEXTS = FIRST + [text[:-1] + "W" for text in FIRST]
LABELS = np.tile(np.arange(24) % 2, 2)
SMILES = ["C" * (2 + number // 3) + ("O", "N", "Cl")[number % 3] for number in range(48)]

# option -> another value, what else must be said for it to be read, and of what the fit is
OTHER: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "pooling": ("max", {}, {}),
    "patch": (2, {}, {}),
    "stride": (1, {"patch": 2}, {}),
    "limit": (4, {}, {}),
    "prompt": ("peptides", {}, {}),
    "canonical": (True, {}, {"kind": "smiles"}),
    "augment": (2, {}, {"kind": "smiles"}),
    "identity": (0.9, {"training": Training(threads=1, progress=False)}, {}),
    "sparsity": (2, {}, {"method": "dictionary"}),
    "vectors": (3, {}, {"method": "soft_prompt"}),
    "window": (3, {}, {"method": "rewriter"}),
    "source_words": (16, {}, {"method": "rewriter"}),
    "label_words": (("up", "down"), {}, {"output": "verbaliser"}),
    "words_per_class": (2, {"words_per_class": 4}, {"output": "random"}),
    "adapter": (replace(ADAPTER, hidden=4), {}, {}),
    "training": (replace(STEPS, mode="probe"), {}, {}),
}
ELSEWHERE = {"device": "where it is computed, the same numbers but for rounding: tests/test_train.py"}


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> str:
    return str(make_backbone("bert"))


def answers(backbone: str, options: SequenceOptions, **arguments: Any) -> np.ndarray:
    smiles = arguments.get("kind") == "smiles"
    texts = [text[::-1].replace("lC", "Cl") for text in SMILES] if smiles else TEXTS
    given: dict[str, Any] = {"backbone": backbone, "layers": 1, "base": "none", "options": options, **arguments}
    return SequenceClassifier(**given).fit(texts, LABELS).predict_proba(texts)


def test_every_option_is_here() -> None:
    assert {item.name for item in fields(SequenceOptions)} == set(OTHER) | set(ELSEWHERE)


@pytest.mark.filterwarnings("ignore::seqreprog.Notice")
@pytest.mark.parametrize("name", list(OTHER))
def test_an_option_changes_the_answers(backbone: str, name: str) -> None:
    other, options, arguments = OTHER[name]
    if arguments.get("kind") == "smiles":
        pytest.importorskip("rdkit")
    plain = replace(OPTIONS, **({"source_words": 64} if name != "source_words" else {}), **options)
    assert getattr(plain, name) != other
    found = answers(backbone, plain, **arguments)
    assert not np.array_equal(found, answers(backbone, replace(plain, **{name: other}), **arguments))


# --- near copies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["train", "probe"])
def test_near_copies_are_on_one_side(backbone: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqreprog.tasks.sequence.FEW", 10)
    options = replace(OPTIONS, identity=0.9, training=replace(STEPS, mode=mode))
    one = SequenceClassifier(backbone=backbone, layers=1, options=options)
    with pytest.warns(Notice, match=r"48 sequences in 24 clusters of identity 0.9, each on one side of a split"):
        one.fit(TEXTS, LABELS)
    assert (one.summary_.sequences, one.summary_.groups, one.summary_.blocks <= 24) == (48, 24, True)
    config = one._fitted().config
    examples, _ = one._examples(config, one._read(TEXTS, config), read_classes(LABELS, 48), np.ones(48), None)
    folds = _folds(config, examples)
    assert len(folds) == (1 if mode == "train" else 5)
    for held in folds:
        assert not set(held % 24) & set(np.setdiff1d(np.arange(48), held) % 24), "a sequence and its near copy"


@pytest.mark.filterwarnings("ignore::seqreprog.Notice")
def test_near_copies_with_the_callers_groups_and_for_filling(backbone: str) -> None:
    options = replace(OPTIONS, identity=0.9)
    one = SequenceClassifier(backbone=backbone, layers=1, options=options).fit(
        TEXTS, LABELS, groups=np.arange(48) // 2 % 12
    )
    assert one.summary_.groups == 12
    assert SequenceInfiller(backbone=backbone, layers=1, options=options).fit(TEXTS).summary_.groups == 24
    with pytest.raises(DataError, match=r"identity=0.01 links all 48 sequences, .* Raise it"):
        SequenceClassifier(backbone=backbone, options=replace(options, identity=0.01)).fit(TEXTS, LABELS)
