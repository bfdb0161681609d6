"""The universal perturbation: the same vector at a position, padding that is perturbed too."""

from __future__ import annotations

import pytest
import torch

from seqreprog.errors import DataError
from seqreprog.inputs.perturbation import PerturbationMap
from seqreprog.inputs.symbols import SymbolVectors
from seqreprog.types import SymbolBatch

VOCABULARY = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))


def make() -> PerturbationMap:
    symbols = SymbolVectors(VOCABULARY[:6], patch=1, stride=1)
    return PerturbationMap(symbols=symbols, vocabulary=VOCABULARY, length=3, padding=2)


def test_the_equation_by_hand() -> None:
    module, ids = make(), torch.tensor([[1, 2, 3], [4, 0, 0]])
    soft = module(SymbolBatch(ids, ids > 0))
    filler = VOCABULARY.mean(0)
    torch.testing.assert_close(soft.embeds[0], torch.stack([*VOCABULARY[[1, 2, 3]], filler, filler]) + module.position)
    torch.testing.assert_close(soft.embeds[1, :3], torch.stack([VOCABULARY[4], filler, filler]) + module.position[:3])
    assert soft.mask.sum(1).tolist() == [5, 3]


def test_only_the_perturbation_trains_and_it_does_not_decay() -> None:
    from seqreprog.fit.gradient import _groups

    named = dict(make().named_parameters())
    assert list(named) == ["position"]
    assert not _groups(named, 0.5)[0]["params"]


def test_too_long_a_sequence_is_named() -> None:
    ids = torch.ones(1, 4, dtype=torch.long)
    with pytest.raises(DataError, match="4 symbols needs 4 tokens; this model reads 3"):
        make()(SymbolBatch(ids, ids > 0))
