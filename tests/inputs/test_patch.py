"""Patches by hand, and an embedding that knows what was missing."""

from __future__ import annotations

import pytest
import torch

from seqreprog.config.forecast import Adapter, ForecastConfig
from seqreprog.inputs.patch import PatchEmbedding, patchify
from seqreprog.types import CovariateBatch, SeriesBatch


def series(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, -1)


def test_patches_by_hand_end_at_the_last_step_and_pad_the_start() -> None:
    found = patchify(series(1, 2, 3, 4, 5, 6, 7), patch=3, stride=2)
    assert found[0, 0].tolist() == [[1, 2, 3], [3, 4, 5], [5, 6, 7]]
    found = patchify(series(1, 2, 3, 4, 5, 6), patch=3, stride=2)
    assert found[0, 0].tolist() == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    assert patchify(series(1, 2, 3), patch=3, stride=1)[0, 0].tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("context", [8, 9, 15, 16, 17, 30])
@pytest.mark.parametrize(("patch", "stride"), [(8, 8), (8, 3), (5, 1)])
def test_the_config_counts_the_same_patches(context: int, patch: int, stride: int) -> None:
    config = ForecastConfig(horizon=1, context=context, adapter=Adapter(patch=patch, stride=stride))
    found = patchify(torch.randn(2, 3, context), patch, stride)
    assert found.shape == (2, 3, config.patches, patch)
    last = torch.arange(float(context)).reshape(1, 1, -1)
    assert set(patchify(last, patch, stride).unique().tolist()) == set(range(context)), "no step goes unread"


def embedding(length: int, patch: int = 4, hidden: int = 5) -> PatchEmbedding:
    torch.manual_seed(0)
    return PatchEmbedding(patch=patch, stride=patch, length=length, hidden=hidden)


def test_embedding_is_the_equation() -> None:
    module = embedding(2)
    torch.nn.init.normal_(module.position)
    values, observed = torch.randn(1, 2, 8), torch.rand(1, 2, 8) > 0.3
    found, known = module(SeriesBatch(values, observed))
    for row in range(2):
        for patch in range(2):
            steps = slice(4 * patch, 4 * patch + 4)
            joined = torch.cat([values[0, row, steps], observed[0, row, steps].float()])
            torch.testing.assert_close(found[row, patch], module.weight.weight @ joined + module.position[patch])
    assert known.shape == (2, 2)


def test_missing_is_not_zero() -> None:
    module, values = embedding(2), torch.zeros(1, 1, 8)
    present = torch.ones(1, 1, 8, dtype=torch.bool)
    absent = present.clone()
    absent[..., 2] = False
    assert not torch.allclose(module(SeriesBatch(values, present))[0], module(SeriesBatch(values, absent))[0])


def test_a_patch_counts_if_it_saw_one_step_and_the_last_always() -> None:
    module, observed = embedding(4), torch.zeros(2, 1, 16, dtype=torch.bool)
    observed[0, 0, 5] = True
    known = module(SeriesBatch(torch.zeros(2, 1, 16), observed))[1]
    assert known.tolist() == [[False, True, False, True], [False, False, False, True]]


def test_positions_tell_patches_apart_and_do_not_decay() -> None:
    from seqreprog.fit.gradient import _groups

    module = embedding(3)
    decays, free = _groups(dict(module.named_parameters()), 0.5)
    assert [tuple(weight.shape) for weight in decays["params"]] == [(5, 8)]
    assert [tuple(weight.shape) for weight in free["params"]] == [(3, 5)]
    assert (decays["weight_decay"], free["weight_decay"]) == (0.5, 0.0)


def beside(values: torch.Tensor, observed: torch.Tensor) -> CovariateBatch:
    return CovariateBatch(values, observed)


def test_one_channel_draws_and_reads_as_ever() -> None:
    """The same weights, names and bits as before there were covariates: W [x ; m] of each patch."""
    torch.manual_seed(0)
    one = PatchEmbedding(patch=4, stride=4, length=3, hidden=5)
    torch.manual_seed(0)
    weight = torch.nn.Linear(8, 5, bias=False).weight
    torch.testing.assert_close(one.weight.weight, weight, rtol=0, atol=0)
    assert [name for name, _ in one.named_parameters()] == ["position", "weight.weight"]
    values, observed = torch.randn(2, 1, 12), torch.rand(2, 1, 12) > 0.3
    plain = torch.cat([patchify(values, 4, 4), patchify(observed.float(), 4, 4)], -1).flatten(0, 1)
    torch.testing.assert_close(one(SeriesBatch(values, observed))[0], plain @ weight.T, rtol=0, atol=0)
    torch.manual_seed(1)
    levels = torch.randn(9, 1) + 0.5 * torch.randn(9, 4)
    torch.manual_seed(1)
    expected = torch.cat([levels, torch.ones_like(levels)], -1) @ weight.T
    torch.testing.assert_close(one.examples(9)[:, 0], expected, rtol=0, atol=0)


def test_covariates_are_channels_of_the_same_patch() -> None:
    module = PatchEmbedding(patch=4, stride=4, length=4, hidden=5, channels=3)
    with torch.no_grad():
        module.position.normal_()
    values, observed = torch.randn(2, 2, 10), torch.rand(2, 2, 10) > 0.2
    more, known = torch.randn(2, 2, 16), torch.rand(2, 2, 16) > 0.2
    found, real = module(SeriesBatch(values, observed, covariates=beside(more, known)))
    assert found.shape == (4, 4, 5)
    ahead = torch.nn.functional.pad(values, (0, 6)), torch.nn.functional.pad(observed, (0, 6)).float()
    sides = [*(side[:, :, None] for side in ahead)]
    for column in range(2):
        sides += [part[:, None, None, column].expand(2, 2, 1, 16).float() for part in (more, known)]
    patches = patchify(torch.cat(sides, 2).flatten(0, 1), 4, 4).transpose(1, 2).flatten(2)
    torch.testing.assert_close(found, patches @ module.weight.weight.T + module.position)
    masks = torch.cat(sides[1::2], 2).flatten(0, 1)
    assert torch.equal(real[:, :-1], patchify(masks, 4, 4).bool().any(-1).any(1)[:, :-1])
    assert module.examples(7).shape == (7, 1, 5)
