"""Patches by hand, and an embedding that knows what was missing."""

from __future__ import annotations

import pytest
import torch

from seqreprog.config import Adapter, ForecastConfig
from seqreprog.inputs.patch import PatchEmbedding, patchify
from seqreprog.types import SeriesBatch


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
    from seqreprog.train import _groups

    module = embedding(3)
    decays, free = _groups(dict(module.named_parameters()), 0.5)
    assert [tuple(weight.shape) for weight in decays["params"]] == [(5, 8)]
    assert [tuple(weight.shape) for weight in free["params"]] == [(3, 5)]
    assert (decays["weight_decay"], free["weight_decay"]) == (0.5, 0.0)
