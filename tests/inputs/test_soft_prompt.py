"""The soft prompt: vectors before, a slot behind each row's own end, symbols that stay frozen."""

from __future__ import annotations

import torch

from seqreprog.inputs.soft_prompt import SoftPromptMap
from seqreprog.inputs.symbols import SymbolVectors
from seqreprog.types import SymbolBatch

VOCABULARY = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))


def make(slot: torch.Tensor | None = None) -> SoftPromptMap:
    symbols = SymbolVectors(VOCABULARY[:6], patch=1, stride=1)
    return SoftPromptMap(symbols=symbols, vocabulary=VOCABULARY, vectors=2, slot=slot)


def test_the_slot_stands_behind_the_last_symbol_of_each_row() -> None:
    module = make()
    ids = torch.tensor([[1, 2, 3], [4, 0, 0]])
    soft = module(SymbolBatch(ids, ids > 0))
    p, slot = module.before, module.slot[0]
    torch.testing.assert_close(soft.embeds[0], torch.stack([p[0], p[1], *VOCABULARY[[1, 2, 3]], slot]))
    torch.testing.assert_close(soft.embeds[1, :4], torch.stack([p[0], p[1], VOCABULARY[4], slot]))
    assert soft.mask.sum(1).tolist() == [6, 4]
    assert soft.mask[1].tolist() == [True] * 4 + [False] * 2


def test_the_slot_starts_as_the_mask_token_where_there_is_one() -> None:
    torch.testing.assert_close(make(VOCABULARY[7]).slot[0].detach(), VOCABULARY[7])
    torch.testing.assert_close(make().slot[0].detach(), VOCABULARY.mean(0))


def test_only_prompt_and_slot_train() -> None:
    assert [name for name, _ in make().named_parameters()] == ["before", "slot"]
