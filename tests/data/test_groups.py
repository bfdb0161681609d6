"""Copies and near copies stay on one side; classes keep their shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqreprog.data.alphabets import alphabet
from seqreprog.data.groups import duplicate_groups, duplicate_notice, group_folds, identity_groups, split_groups
from seqreprog.data.symbols import Symbols, read_sequences
from seqreprog.errors import ConfigError, DataError

PROTEIN = alphabet("protein")


def read(texts: list[str]) -> Symbols:
    return read_sequences(texts, PROTEIN).symbols


def common(one: str, other: str) -> int:
    """The longest common subsequence, by its textbook table."""
    table = np.zeros((len(one) + 1, len(other) + 1), dtype=int)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1, j + 1] = table[i, j] + 1 if a == b else max(table[i, j + 1], table[i + 1, j])
    return table[-1, -1]


TEXTS = st.lists(st.text("ACD", min_size=1, max_size=8), min_size=2, max_size=10)


@given(TEXTS)
def test_copies_share_a_number_and_nothing_else_does(texts: list[str]) -> None:
    groups = duplicate_groups(read(texts))
    assert [[a == b for b in groups] for a in groups] == [[a == b for b in texts] for a in texts]
    np.testing.assert_array_equal(identity_groups(read(texts), 1.0), groups)


@given(TEXTS, st.sampled_from([0.5, 0.7, 0.8, 0.9]))
def test_clusters_are_the_linked_pairs_joined(texts: list[str], threshold: float) -> None:
    groups = identity_groups(read(texts), threshold)
    linked = np.array([[common(a, b) >= threshold * max(len(a), len(b)) - 1e-9 for b in texts] for a in texts])
    reached = np.linalg.matrix_power(linked.astype(float), len(texts)) > 0
    np.testing.assert_array_equal(groups[:, None] == groups, reached)


def test_peptides_one_residue_apart_are_one_cluster() -> None:
    groups = identity_groups(read(["GIGKFLHSAK", "WWWWWWWWWW", "GIGKFLHSAR", "GIGKFLHSA"]), 0.9)
    assert groups.tolist() == [0, 1, 0, 0]


def test_two_thousand_peptides_are_clustered() -> None:
    rng = np.random.default_rng(0)
    letters = np.array(PROTEIN.symbols)
    parents = ["".join(rng.choice(letters, 25)) for _ in range(1000)]
    groups = identity_groups(read([*parents, *(text[:12] + "W" + text[13:] for text in parents)]), 0.9)
    assert len(np.unique(groups)) == 1000
    np.testing.assert_array_equal(groups[:1000], groups[1000:])


@pytest.mark.parametrize("threshold", [0.0, 1.1])
def test_threshold_outside_its_rule_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigError, match=f"above 0 and at most 1; got {threshold}"):
        identity_groups(read(["A", "C"]), threshold)


def test_more_than_can_be_compared_is_refused() -> None:
    with pytest.raises(DataError, match="would take 44850 alignments of up to 2000 symbols"):
        identity_groups(read(["A" * 1700 + "C" * k for k in range(1, 301)]), 0.8)


def test_notice_counts_copies_and_contradictions() -> None:
    groups = np.array([0, 1, 0, 2, 1, 1])
    assert duplicate_notice(np.arange(4)) is None
    assert duplicate_notice(groups, np.array([1, 0, 1, 0, 0, 0])) == (
        "3 of 6 sequences are copies of another; copies are kept on one side of a split"
    )
    assert "; 1 of the copied sequences have more than one label" in str(
        duplicate_notice(groups, np.array(["a", "b", "a", "b", "b", "a"]))
    )


@example(11, 3, 0.2, True, True)  # four groups, where a fifth is to be held out
@given(st.integers(10, 60), st.integers(0, 5), st.sampled_from([0.1, 0.2, 0.5, 0.7]), st.booleans(), st.booleans())
def test_no_group_is_on_both_sides(size: int, seed: int, fraction: float, labelled: bool, copies: bool) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, size // 2, size) if copies else np.arange(size)
    labels = rng.integers(0, 3, size) if labelled else None
    train, held = split_groups(groups, labels, fraction, seed)
    assert sorted([*train, *held]) == list(range(size))
    assert len(train)
    assert len(held)
    assert not set(groups[train]) & set(groups[held])
    again = split_groups(groups, labels, fraction, seed)
    np.testing.assert_array_equal(again[1], held)


@pytest.mark.parametrize("copies", [False, True])
def test_classes_keep_their_shares(copies: bool) -> None:
    labels = np.repeat([0, 1], [160, 40])
    groups = np.arange(200) // 2 if copies else np.arange(200)
    _, held = split_groups(groups, labels, 0.2, 0)
    assert np.bincount(labels[held]).tolist() == [32, 8]


def test_a_class_of_one_is_left_to_training() -> None:
    labels = np.array([0] * 20 + [1] * 20 + [2])
    assert 40 in split_groups(np.arange(41), labels, 0.2, 0)[0]


def test_folds_hold_every_row_once_and_no_group_twice() -> None:
    rng = np.random.default_rng(0)
    for groups in (rng.integers(0, 50, 120), np.arange(120)):
        for labels in (rng.integers(0, 2, 120), None):
            folds = group_folds(groups, labels, 5, 0)
            assert sorted(np.concatenate(folds)) == list(range(120))
            assert sum(len(set(groups[held])) for held in folds) == len(set(groups))


def test_what_cannot_be_split_is_named() -> None:
    with pytest.raises(ConfigError, match="fraction must be above 0 and below 1; got 1"):
        split_groups(np.arange(4), None, 1.0, 0)
    with pytest.raises(DataError, match="two groups of sequences; got 1 in 4 rows"):
        split_groups(np.zeros(4, dtype=int), None, 0.5, 0)
    with pytest.raises(DataError, match=r"got shape \(3,\) for 4 sequences"):
        split_groups(np.arange(4), np.arange(3), 0.5, 0)
    with pytest.raises(DataError, match="5 folds need as many groups; got 4 in 8 rows"):
        group_folds(np.arange(8) // 2, None, 5, 0)
    with pytest.raises(ConfigError, match="folds must be at least 2; got 1"):
        group_folds(np.arange(8), None, 1, 0)
