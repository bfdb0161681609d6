"""Losses by hand: only what was observed counts, and a mean that splits over processes."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from seqreprog.outputs.losses import class_loss, label_loss, pinball_loss, point_loss, value_loss


def cube(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, -1)


def test_point_loss_by_hand() -> None:
    forecast, target = cube(1, 2, 3), cube(2, 4, 9)
    assert point_loss(forecast, target, cube(1, 1, 1), "mse") == pytest.approx((1 + 4 + 36) / 3)
    assert point_loss(forecast, target, cube(1, 1, 1), "mae") == pytest.approx((1 + 2 + 6) / 3)
    assert point_loss(forecast, target, cube(1, 0.5, 0), "mse") == pytest.approx((1 + 2) / 3)


def test_an_unobserved_target_changes_nothing() -> None:
    forecast, weight = cube(1, 2, 3).requires_grad_(), cube(1, 0, 1)
    first, second = (point_loss(forecast, cube(0, far, 1), weight, "mse") for far in (0.0, 1e6))
    assert first == second
    assert torch.autograd.grad(first, forecast)[0][0, 0, 1] == 0


def test_pinball_by_hand() -> None:
    quantiles, levels = cube(1, 1)[..., None].expand(1, 1, 2, 2), torch.tensor([0.1, 0.9])
    found = pinball_loss(quantiles, cube(3, 0), cube(1, 1), levels)
    assert found == pytest.approx((0.1 * 2 + 0.9 * 2 + 0.9 * 1 + 0.1 * 1) / 4)
    found = pinball_loss(quantiles, cube(3, 0), cube(1, 0), levels)
    assert found == pytest.approx((0.1 * 2 + 0.9 * 2) / 4)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_pinball_is_least_at_the_quantile(level: float) -> None:
    target = torch.arange(101.0).reshape(101, 1, 1)
    weight, levels = torch.ones_like(target), torch.tensor([level])
    tried = [0.0, 100 * level - 2, 100 * level, 100 * level + 2, 100.0]
    loss = [pinball_loss(torch.full((101, 1, 1, 1), at), target, weight, levels).item() for at in tried]
    assert loss[2] == min(loss)


@pytest.mark.parametrize("kind", ["mse", "mae"])
def test_the_mean_of_two_halves_is_the_whole(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    forecast, target = (torch.randn(8, 2, 5, generator=generator) for _ in range(2))
    weight = (torch.rand(8, 2, 5, generator=generator) > 0.4).float()
    whole = point_loss(forecast, target, weight, kind)
    edges = pairwise((0, 4, 8))
    halves = [point_loss(forecast[a:b], target[a:b], weight[a:b], kind) for a, b in edges]
    torch.testing.assert_close(torch.stack(halves).mean(), whole)


# --- discrete sequences ----------------------------------------------------------------------------------------------


def test_class_loss_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.7, 0.3], [0.2, 0.8]]))
    found = class_loss(logits, torch.tensor([0, 0]), torch.tensor([1.0, 0.5]))
    torch.testing.assert_close(found, -torch.log(torch.tensor([0.7, 0.2])) * torch.tensor([1.0, 0.5]))


def test_only_hidden_symbols_are_scored() -> None:
    logits = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    target, weight = torch.tensor([[0, 1, 2], [3, 0, 0]]), torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    found = class_loss(logits, target, weight)
    log = torch.log_softmax(logits, -1)
    torch.testing.assert_close(found, torch.stack([-log[0, 1, 1], -log[1, 0, 3]]))
    touched = torch.autograd.grad(found.sum(), logits)[0].abs().sum(-1) > 0
    assert torch.equal(touched, weight > 0)


def test_a_missing_label_or_value_changes_nothing() -> None:
    logits, weight = torch.tensor([[0.3, -2.0]]), torch.tensor([[1.0, 0.0]])
    for loss, first in ((label_loss, -torch.log(torch.sigmoid(torch.tensor(0.3)))), (value_loss, torch.tensor(0.49))):
        for far in (0.0, 1.0):
            torch.testing.assert_close(loss(logits, torch.tensor([[1.0, far]]), weight), first[None])
