"""The forecast head: the equation, quantiles that never cross, and a point that quantiles do not shape."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from seqreprog.outputs.heads import ForecastHead

LEVELS = (0.025, 0.1, 0.9, 0.975)


def head(quantiles: tuple[float, ...] = LEVELS, dropout: float = 0.0, random: bool = True) -> ForecastHead:
    torch.manual_seed(0)
    module = ForecastHead(width=8, length=3, horizon=5, quantiles=quantiles, features=4, dropout=dropout)
    if random:
        torch.nn.init.normal_(module.point.weight)
    return module


def hidden(rows: int = 6) -> torch.Tensor:
    return torch.randn(rows, 3, 8, generator=torch.Generator().manual_seed(1))


def test_head_is_the_equation() -> None:
    module, states = head(), hidden()
    found = module(states, channels=2)
    assert found.point.shape == (3, 2, 5)
    assert found.quantiles.shape == (3, 2, 5, 4)
    features = states @ module.project.weight.T + module.project.bias
    point = features.reshape(6, -1) @ module.point.weight.T + module.point.bias
    torch.testing.assert_close(found.point.flatten(0, 1), point)
    raw = features.mean(1) @ module.steps.weight.T + module.steps.bias
    step = functional.softplus(raw).reshape(6, 5, 4)
    expected = [point - step[..., 0] - step[..., 1], point - step[..., 1]]
    expected += [point + step[..., 2], point + step[..., 2] + step[..., 3]]
    torch.testing.assert_close(found.quantiles.flatten(0, 1), torch.stack(expected, -1))


def test_quantiles_rise_and_lie_around_the_point() -> None:
    found = head()(1000 * hidden(), channels=1)
    assert (found.quantiles.diff(dim=-1) >= 0).all()
    assert (found.quantiles[..., 1] <= found.point).all()
    assert (found.quantiles[..., 2] >= found.point).all()


def test_the_first_forecast_is_the_base_alone() -> None:
    assert not head(random=False)(hidden(), channels=1).point.any()


def test_quantiles_do_not_shape_the_point() -> None:
    module = head()
    module(hidden().requires_grad_(), channels=1).quantiles.sum().backward()
    touched = {name for name, weight in module.named_parameters() if weight.grad is not None}
    assert touched == {"steps.weight", "steps.bias"}


def test_no_levels_no_quantiles_and_the_same_point() -> None:
    few, many = head(()), head()
    found = few(hidden(), channels=1)
    assert found.quantiles.shape == (6, 1, 5, 0)
    many.load_state_dict(
        few.state_dict() | {name: weight for name, weight in many.state_dict().items() if "steps" in name}
    )
    assert torch.equal(found.point, many(hidden(), channels=1).point)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_sits_on_the_features_while_training(training: bool) -> None:
    module = head(dropout=0.5).train(training)
    again = [module(hidden(), channels=1).point for _ in range(2)]
    assert torch.equal(*again) is not training
