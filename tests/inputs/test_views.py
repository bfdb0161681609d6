"""Views of a series: where their patches stand, and what they see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from seqreprog.inputs.views import View, Views, scaled
from seqreprog.types import InstanceBatch


def view(**changes: Any) -> View:
    usual: dict[str, Any] = {"channels": 1, "patch": 3, "step": 2, "hidden": 4, "own": False, "levelled": False}
    torch.manual_seed(0)
    return View(**{**usual, "differenced": False, **changes})


def batch(*rows: list[float]) -> InstanceBatch:
    longest = max(map(len, rows))
    values = torch.tensor([row + [0.0] * (longest - len(row)) for row in rows])[:, None]
    lengths = torch.tensor([len(row) for row in rows])
    return InstanceBatch(values, values, torch.arange(longest) < lengths[:, None, None], lengths)


def test_patches_are_the_formula() -> None:
    read, given = view(), batch([0.0, 1.0, 4.0, 9.0, 16.0, 25.0])
    found, known = read(given, 8)
    steps = torch.tensor([[0.0, 4.0, 16.0], [1.0, 9.0, 25.0]])  # every other one, from each start
    torch.testing.assert_close(found[0, :2], steps @ read.weight[:, 0].T)
    assert known.tolist() == [[True, True] + [False] * 6]


def test_starts_lie_evenly_over_long_series() -> None:
    read, given = view(patch=1), batch([float(step) for step in range(101)])
    found, _ = read(given, 5)
    torch.testing.assert_close(found[0] / read.weight[:, 0, 0], torch.arange(0.0, 101, 25)[:, None].expand(5, 4))


def test_a_short_series_stands_at_the_end_of_its_patch() -> None:
    read, given = view(), batch([5.0, 7.0])
    found, known = read(given, 2)
    torch.testing.assert_close(found[0, 0], torch.tensor([0.0, 5.0, 7.0]) @ read.weight[:, 0].T)
    assert known.tolist() == [[True, False]]


def test_levelled_features_do_not_see_level_and_are_larger() -> None:
    read = view(levelled=True)
    torch.testing.assert_close(read.weight.sum(-1), torch.zeros(4, 1))
    assert read.weight.norm().item() == pytest.approx(2 * view().weight.norm().item())


def test_differences_need_both_of_their_steps() -> None:
    given = batch([1.0, 4.0, 0.0, 9.0])
    observed = torch.tensor([[[True, True, False, True]]])
    given = replace(given, observed=observed)
    read = view(patch=1, differenced=True)
    found, known = read(given, 4)
    assert known.tolist() == [[True, False, False, False]]
    torch.testing.assert_close(found[0, 0], 3 * read.weight[:, 0, 0])


def test_channels_are_read_in_random_subsets() -> None:
    used = (view(channels=8, hidden=64).weight.abs().sum(-1) > 0).sum(1)
    assert used.min() >= 1 and used.max() > 4 and (used < 8).any()


def test_rows_of_views_stand_side_by_side() -> None:
    views = Views([view(), view(patch=1)], positions=8, hidden=4)
    found, known = views(batch([0.0, 1.0, 4.0, 9.0, 16.0, 25.0], [1.0, 2.0]))
    assert found.shape == (4, 6, 4) and known.sum(1).tolist() == [2, 6, 1, 2]
    assert views.examples(7).shape == (7, 1, 4)


def test_scaling_knows_what_was_observed() -> None:
    observed = torch.tensor([[[True, True, False]], [[True, False, False]]])
    found = scaled(torch.tensor([[[1.0, 3.0, 100.0]], [[5.0, 0.0, 0.0]]]), observed)
    torch.testing.assert_close(found, torch.tensor([[[-1.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]]))
