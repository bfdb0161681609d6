"""The frozen bridge from series to words."""

from __future__ import annotations

import torch

from seqreprog.inputs.bridge import FrozenBridge
from seqreprog.inputs.perturbation import PerturbationMap
from seqreprog.inputs.prototype import DirectPrototypes, PrototypeMap
from seqreprog.inputs.views import View, Views
from seqreprog.types import InstanceBatch

WORDS = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))


def bridge() -> FrozenBridge:
    torch.manual_seed(0)
    view = View(channels=1, patch=3, step=1, hidden=8, own=False, levelled=False, differenced=False)
    prototypes = DirectPrototypes(WORDS[:10])
    views = Views([view], positions=4, hidden=8)
    return FrozenBridge(PrototypeMap(patches=views, prototypes=prototypes, heads=2, head_width=4, vocabulary=WORDS))


def test_only_the_perturbation_trains_behind_a_bridge() -> None:
    given = PerturbationMap(symbols=bridge(), vocabulary=WORDS, length=4, padding=2)
    assert [name for name, weight in given.named_parameters() if weight.requires_grad] == ["position"]
    values = torch.randn(2, 1, 9)
    batch = InstanceBatch(values, values, torch.ones(2, 1, 9, dtype=torch.bool), torch.tensor([9, 4]))
    soft = given(batch)
    assert soft.embeds.shape == (2, 6, 6) and soft.mask.sum(1).tolist() == [6, 4]
    tokens, known = bridge()(batch)
    torch.testing.assert_close(soft.embeds[1, :2] - given.position[:2], tokens[1, :2])
    assert known.sum(1).tolist() == [4, 2]
