"""The rewriter: a convolution over one-hot symbols, then words of the frozen vocabulary."""

from __future__ import annotations

import torch
from torch.nn import functional

from seqreprog.inputs.rewriter import SHARPNESS, RewriterMap
from seqreprog.types import SymbolBatch

VOCABULARY = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))


def make() -> RewriterMap:
    torch.manual_seed(0)
    return RewriterMap(vocabulary=VOCABULARY, choice=torch.tensor([3, 9, 11, 20]), size=6, window=3)


def test_scores_are_a_convolution_of_one_hot_symbols() -> None:
    module, ids = make(), torch.tensor([[1, 2, 3, 5]])
    one_hot = functional.one_hot(functional.pad(ids, (1, 1)), 6).float().transpose(1, 2)  # padding is a symbol too
    scores = functional.conv1d(one_hot, module.table.permute(2, 1, 0)).transpose(1, 2)
    expected = torch.softmax(SHARPNESS * scores, -1) @ VOCABULARY[[3, 9, 11, 20]]
    torch.testing.assert_close(module(SymbolBatch(ids, ids > 0)).embeds, expected)


def test_a_context_starts_with_few_words() -> None:
    torch.manual_seed(0)
    words = torch.eye(200)
    module = RewriterMap(vocabulary=words, choice=torch.arange(200), size=6, window=5)
    ids = torch.randint(1, 5, (20, 30))
    shares = module(SymbolBatch(ids, ids > 0)).embeds
    effective = torch.exp(-(shares * shares.clamp_min(1e-12).log()).sum(-1)).mean()
    assert 1.5 < effective < 20


def test_its_words_are_saved_as_places_alone() -> None:
    assert sorted(make().state_dict()) == ["choice", "table"]
