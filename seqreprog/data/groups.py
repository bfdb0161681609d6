"""Copies and near copies, and splits that keep them on one side: a copy of a training row validates nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from jaxtyping import Int
from scipy.sparse.csgraph import connected_components

from ..errors import ConfigError, DataError
from .quiet import without_warnings
from .symbols import Symbols

_MAX_CELLS = 5e10  # of alignment tables; more than one would wait for
_BATCH = 4096  # pairs aligned at a time


def duplicate_groups(symbols: Symbols) -> Int[np.ndarray, " sequence"]:
    """One number per sequence, the same for the same symbols; in order of first appearance.

    Example:
        >>> from seqreprog.data.alphabets import alphabet
        >>> from seqreprog.data.symbols import read_sequences
        >>> duplicate_groups(read_sequences(["AC", "D", "AC"], alphabet("protein")).symbols).tolist()
        [0, 1, 0]
    """
    numbers: dict[bytes, int] = {}
    data, ends = symbols.ids.tobytes(), (symbols.offsets * symbols.ids.itemsize).tolist()
    groups = [numbers.setdefault(data[start:stop], len(numbers)) for start, stop in pairwise(ends)]
    return np.array(groups, dtype=np.int64)


def identity_groups(symbols: Symbols, threshold: float) -> Int[np.ndarray, " sequence"]:
    """Clusters of similar sequences: no two of different clusters are as identical as `threshold`, or more.

    The identity of two sequences is the most symbols that an alignment can pair with their like (their longest common
    subsequence), over the length of the longer one. That is at least what CD-HIT counts at full coverage, because gaps
    cost nothing. Linked pairs are joined whole (single linkage): where CD-HIT's greedy clusters may leave similar
    sequences in two clusters, these do not. Made for peptides: time grows with the squares of number and length.

    Args:
        symbols: the sequences.
        threshold: above 0 and at most 1; 1 groups copies alone. Below about 0.6 chance similarity joins everything.

    Raises:
        ConfigError: `threshold` is outside its rule.
        DataError: there is too much to compare.
    """
    if not 0 < threshold <= 1:
        raise ConfigError(f"threshold must be above 0 and at most 1; got {threshold}")
    copies = duplicate_groups(symbols)
    first = np.unique(copies, return_index=True)[1]
    rising = np.argsort(symbols.lengths[first], kind="stable")
    unique = symbols.take(first[rising])
    links = _links(unique, threshold)
    graph = sp.coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), (len(unique), len(unique)))
    of_copy = np.empty(len(first), dtype=np.int64)
    of_copy[rising] = connected_components(graph, directed=False)[1]
    return _renumbered(of_copy[copies])


def _links(symbols: Symbols, threshold: float) -> Int[np.ndarray, "pair 2"]:
    """The pairs of sequences, sorted by length, that reach the threshold."""
    lengths, size = symbols.lengths, symbols.alphabet.size
    counts = np.bincount(symbols.owner * size + symbols.ids, minlength=len(symbols) * size).reshape(-1, size)
    need = np.ceil(threshold * lengths - 1e-9)  # symbols paired, by the longer sequence
    pairs = []
    for row in range(1, len(symbols)):
        start = int(np.searchsorted(lengths, need[row]))  # shorter ones cannot reach it
        # no alignment pairs more symbols than both hold
        common = np.minimum(counts[start:row], counts[row]).sum(axis=1)
        near = start + np.flatnonzero(common >= need[row])
        pairs.append(np.stack([near, np.full(len(near), row)], axis=1))
    candidates = np.concatenate([np.empty((0, 2), dtype=np.int64), *pairs])
    cells = float((lengths[candidates[:, 0]] * lengths[candidates[:, 1]]).sum())
    if cells > _MAX_CELLS:
        raise DataError(
            f"identity clusters would take {len(candidates)} alignments of up to {lengths.max()} symbols, too many to "
            "wait for. Cluster with CD-HIT or MMseqs2 and pass the clusters, or raise the threshold"
        )
    linked = [
        _common(symbols, candidates[start : start + _BATCH]) >= need[candidates[start : start + _BATCH, 1]]
        for start in range(0, len(candidates), _BATCH)
    ]
    return candidates[np.concatenate([np.empty(0, dtype=bool), *linked])]


def _common(symbols: Symbols, pairs: Int[np.ndarray, "pair 2"]) -> Int[np.ndarray, " pair"]:
    """The length of the longest common subsequence of each pair, all tables filled row by row at once."""
    short, _ = symbols.padded(pairs[:, 0])
    long, real = symbols.padded(pairs[:, 1])
    best = np.zeros((len(pairs), long.shape[1] + 1), dtype=np.int32)
    for step in range(short.shape[1]):
        same = (long == short[:, step : step + 1]) & real
        # a table never falls along a row, so its recursion is a running maximum
        grown = np.maximum(best[:, 1:], best[:, :-1] + same)
        best[:, 1:] = np.maximum.accumulate(grown, axis=1)
    return best[:, -1].astype(np.int64)


def joined_groups(
    groups: Int[np.ndarray, " sequence"], other: Int[np.ndarray, " sequence"]
) -> Int[np.ndarray, " sequence"]:
    """The finest groups in which neither those of the one nor those of the other are taken apart."""
    count = int(groups.max()) + 1
    links = sp.coo_array(
        (np.ones(len(groups)), (groups, count + other)), shape=(count + int(other.max()) + 1,) * 2
    )  # each sequence links its group of the one to its group of the other
    return _renumbered(connected_components(links, directed=False)[1][groups])


def duplicate_notice(groups: Int[np.ndarray, " sequence"], labels: np.ndarray | None = None) -> str | None:
    """What is to be said of copies, and of those whose labels differ; `None` where there are none.

    Args:
        groups: of `duplicate_groups`.
        labels: one per sequence.
    """
    copies = len(groups) - len(np.unique(groups))
    if not copies:
        return None
    said = f"{copies} of {len(groups)} sequences are copies of another; copies are kept on one side of a split"
    if labels is None or labels.ndim != 1:
        return said
    numbers = np.unique(labels, return_inverse=True)[1]
    kinds = np.unique(np.stack([groups, numbers], axis=1), axis=0)[:, 0]
    mixed = int((np.bincount(kinds) > 1).sum())
    return f"{said}; {mixed} of the copied sequences have more than one label" if mixed else said


def split_groups(
    groups: Int[np.ndarray, " sequence"], labels: np.ndarray | None, fraction: float, seed: int
) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " validation"]]:
    """Rows to train on and rows to validate on, about `fraction` of them; no group is on both sides.

    Args:
        groups: one number per sequence, as from `duplicate_groups` or `identity_groups`.
        labels: classes, whose shares are the same on both sides; `None` for values and several labels. A class with one
            group is left to training.
        fraction: the share that validates, above 0 and below 1.
        seed: of the draw.

    Raises:
        ConfigError: `fraction` is outside its rule.
        DataError: there are fewer than two groups, or labels that are not one per sequence.
    """
    from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit

    if not 0 < fraction < 1:
        raise ConfigError(f"fraction must be above 0 and below 1; got {fraction}")
    count = _check(groups, labels)
    options: dict[str, Any] = {"n_splits": 1, "test_size": fraction, "random_state": seed}
    if labels is None:
        train, held = next(GroupShuffleSplit(**options).split(groups, groups=groups))
        return np.sort(train), np.sort(held)
    free = _splittable(groups, labels)
    held_classes = max(round(fraction * len(free)), 1)
    kinds = len(np.unique(labels[free]))
    if not len(free) or min(held_classes, len(free) - held_classes) < kinds:
        return split_groups(groups, None, fraction, seed)  # too few rows for every class on both sides
    if count == len(groups):
        held = free[next(StratifiedShuffleSplit(**options).split(free, labels[free]))[1]]
    elif fraction <= 0.5:
        held = group_folds(groups, labels, min(max(2, round(1 / fraction)), count), seed)[0]
    else:
        kept = group_folds(groups, labels, min(max(2, round(1 / (1 - fraction))), count), seed)[0]
        held = np.setdiff1d(np.arange(len(groups)), kept)
    return np.setdiff1d(np.arange(len(groups)), held), np.sort(held)


def group_folds(
    groups: Int[np.ndarray, " sequence"], labels: np.ndarray | None, folds: int, seed: int
) -> list[Int[np.ndarray, " _"]]:
    """The rows of each fold: every row is in one, no group in two, classes in equal shares as far as groups allow.

    Args:
        groups: one number per sequence.
        labels: classes, or `None`.
        folds: at least 2.
        seed: of the draw.

    Raises:
        ConfigError: fewer than 2 folds.
        DataError: fewer groups than folds, or labels that are not one per sequence.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

    if folds < 2:
        raise ConfigError(f"folds must be at least 2; got {folds}")
    count = _check(groups, labels)
    if count < folds:
        raise DataError(f"{folds} folds need as many groups; got {count} in {len(groups)} rows. Take fewer folds")
    stratified = labels is not None and np.unique(labels, return_counts=True)[1].max() >= folds
    if not stratified:
        splits = GroupKFold(folds, shuffle=True, random_state=seed).split(groups, groups=groups)
    elif count == len(groups):  # the same without a slow loop over groups
        splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(groups, labels)
    else:
        splits = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(groups, labels, groups)
    with without_warnings(UserWarning, "The least populated class"):  # a rare class is in as many folds as it can
        return [np.sort(held) for _, held in splits]


def _splittable(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The rows of classes that more than one group has."""
    numbers = np.unique(labels, return_inverse=True)[1]
    spread = np.bincount(np.unique(np.stack([numbers, groups], axis=1), axis=0)[:, 0])
    return np.flatnonzero(spread[numbers] > 1)


def _check(groups: np.ndarray, labels: np.ndarray | None) -> int:
    """How many groups there are."""
    if labels is not None and labels.shape != groups.shape:
        raise DataError(f"labels must be one per sequence; got shape {labels.shape} for {len(groups)} sequences")
    count = len(np.unique(groups))
    if count < 2:
        raise DataError(f"a split needs two groups of sequences; got {count} in {len(groups)} rows. Pass more")
    return count


def _renumbered(groups: np.ndarray) -> np.ndarray:
    """The same groups, numbered in order of first appearance."""
    _, first, number = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]
