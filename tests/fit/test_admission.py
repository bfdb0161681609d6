"""Admission: the weight by hand, and no weight without proof."""

from __future__ import annotations

import numpy as np
import pytest

from seqreprog.data.windows import Panel, Windows, windows_between
from seqreprog.fit.admission import BLOCKS, FEWEST, Judge, admit, apart, blocks_of
from seqreprog.fit.fitted_forecast import Parts


def squared(targets: np.ndarray) -> Judge:
    return Judge("mse", targets, np.ones((len(targets), 1)))


def said(ridge: np.ndarray, model: np.ndarray) -> Parts:
    return Parts(ridge, model, np.zeros((*ridge.shape, 0)), np.ones(len(ridge)))


def held_out(series: int, length: int, horizon: int) -> Windows:
    panel = Panel(np.arange(float(series * length)), np.arange(series + 1) * length)
    return windows_between(panel, 4, horizon, start=np.full(series, 4), stop=np.full(series, length))


@pytest.mark.parametrize(("share", "expected"), [(1.0, 1.0), (2.0, 0.5), (4.0, 0.25), (-1.0, 0.0), (0.0, 0.0)])
def test_the_weight_by_hand(share: float, expected: float) -> None:
    targets = 1 + 0.01 * np.random.default_rng(0).normal(size=(100, 2))
    found = admit(squared(targets), said(np.zeros((100, 2)), share * targets), np.arange(100) // 10)
    assert found.weight == pytest.approx(expected)
    assert (found.sure > 0) == (expected > 0)


def test_what_helps_some_blocks_alone_is_not_admitted() -> None:
    block = np.arange(100) // 10
    parts = said(np.zeros((100, 1)), np.where(block % 2 == 0, 1.0, -0.5)[:, None])
    judge = squared(np.ones((100, 1)))
    assert judge(parts.mixed(0.2)) < judge(parts.ridge), "over all windows it would look useful"
    assert admit(judge, parts, block).weight == 0.0


def test_an_uncertain_gain_gets_a_smaller_weight() -> None:
    block = np.arange(100) // 10
    model = np.where(block < 1, -1.0, 1.0)[:, None]
    judge, parts = squared(np.ones((100, 1))), said(np.zeros((100, 1)), model)
    errors = [judge(parts.mixed(weight)) for weight in np.linspace(0, 1, 21)]
    assert 0 < admit(judge, parts, block).weight < np.linspace(0, 1, 21)[int(np.argmin(errors))]


def test_noise_is_seldom_admitted() -> None:
    rng, block = np.random.default_rng(0), np.arange(60) // 6
    admitted = [
        admit(squared(rng.normal(size=(60, 4))), said(np.zeros((60, 4)), rng.normal(size=(60, 4))), block).weight > 0
        for _ in range(300)
    ]
    assert np.mean(admitted) < 0.1


def test_too_few_blocks_prove_nothing() -> None:
    targets = np.ones((FEWEST - 1, 1))
    found = admit(squared(targets), said(np.zeros_like(targets), targets), np.arange(FEWEST - 1))
    assert (found.weight, found.blocks, found.sure) == (0.0, FEWEST - 1, 0.0)


def test_the_admitted_weight_never_raises_the_error() -> None:
    rng, block = np.random.default_rng(1), np.arange(40) % 10
    for _ in range(100):
        judge, ridge = squared(rng.normal(size=(40, 2))), rng.normal(size=(40, 2))
        parts = said(ridge, ridge + 0.5 * (judge.targets - ridge) * (rng.random() > 0.5) + rng.normal(size=(40, 2)))
        assert judge(parts.mixed(admit(judge, parts, block).weight)) <= judge(ridge)


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_the_error_skips_what_was_not_observed(loss: str) -> None:
    judge = Judge(loss, np.array([[1.0, np.nan], [4.0, 2.0]]), np.array([[1.0], [2.0]]))
    expected = {"mse": (1 + 4 + 1) / 3, "mae": (1 + 2 + 1) / 3}
    assert judge(np.zeros((2, 2))) == pytest.approx(expected[loss])


def test_few_series_are_cut_in_time_many_into_groups() -> None:
    few = held_out(2, 104, 5)
    block = blocks_of(few)
    assert set(block) == set(range(BLOCKS))
    for series in range(2):
        assert (np.diff(block[few.series == series]) >= 0).all()
    many = held_out(30, 12, 5)
    assert (blocks_of(many) == many.series % BLOCKS).all()


def test_a_short_held_out_part_has_few_blocks() -> None:
    assert blocks_of(held_out(1, 40, 12)).max() + 1 == 3
    assert set(blocks_of(held_out(1, 16, 12))) == {0}


def test_apart_counts_windows_that_do_not_overlap() -> None:
    assert apart(held_out(1, 40, 12)) == 3
    assert apart(held_out(3, 40, 12)) == 9
