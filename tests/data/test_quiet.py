"""Filters of warnings: what another library says of how it is used here is left out, for good of no other thread."""

from __future__ import annotations

import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from seqreprog.baselines.solvers import logistic_path
from seqreprog.data.groups import group_folds, split_groups
from seqreprog.data.quiet import without_warnings
from seqreprog.inputs.prototype import kmeans_centres


def test_filters_are_given_back_by_threads_that_overlap() -> None:
    before = list(warnings.filters)

    def work(place: int) -> None:
        with without_warnings(UserWarning):
            time.sleep(0.001 * (place % 3))
            warnings.warn("nobody hears this", UserWarning, stacklevel=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert warnings.filters == before


def test_only_what_is_meant_is_left_out() -> None:
    with pytest.warns(UserWarning, match="other") as heard, without_warnings(UserWarning, "The least"):
        warnings.warn("The least populated class", UserWarning, stacklevel=1)
        warnings.warn("other", UserWarning, stacklevel=1)
    assert [str(each.message) for each in heard] == ["other"]


@pytest.mark.filterwarnings("error")
def test_scikit_learn_says_nothing_of_classes_of_which_there_are_many() -> None:
    rng, labels = np.random.default_rng(0), np.array([*range(13), 0, 1, 2, 3, 4, 5])
    rows = np.arange(len(labels))
    for groups in (rows, rows // 2):
        assert len(group_folds(groups, labels, 2, 0)) == 2
        split_groups(groups, labels, 0.4, 0)
    split_groups(np.arange(24), np.repeat(np.arange(12), 2), 0.5, 0)
    logistic_path(rng.normal(size=(19, 4)), labels, np.ones(19), (1.0,), 13)
    wild = rng.normal(size=(60, 30)) * 10.0 ** rng.integers(0, 6, 30)
    logistic_path(wild, np.arange(60) % 2, np.ones(60), (1e6,), 2)
    kmeans_centres(torch.ones(20, 3), 4, 0)
