"""The token map: the paper's two linear maps, joined, at the symbols' own places."""

from __future__ import annotations

import math

import torch

from seqreprog.outputs.token_map import StateMap, TokenMap

VOCABULARY = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))


def test_it_is_gamma_over_the_frozen_models_logits() -> None:
    module = TokenMap(vocabulary=VOCABULARY, classes=3, before=2, behind=1)
    hidden, mask = torch.randn(4, 9, 5), torch.ones(4, 9, dtype=torch.bool)
    assert not module(hidden, mask).any()
    torch.nn.init.normal_(module.gamma)
    logits = hidden @ VOCABULARY.T
    expected = logits[:, 2:8] @ module.gamma.T / math.sqrt(12)
    torch.testing.assert_close(module(hidden, mask), expected)
    assert list(module.state_dict()) == ["gamma"]


def test_states_are_read_at_the_symbols_own_places() -> None:
    module = StateMap(depth=1, width=5, classes=3, before=2, behind=1)
    hidden, mask = torch.randn(4, 9, 10), torch.ones(4, 9, dtype=torch.bool)
    assert not module(hidden, mask).any()
    torch.nn.init.normal_(module.answer.weight)
    torch.testing.assert_close(module(hidden, mask), hidden[:, 2:8] @ module.answer.weight.T)
    assert list(module.state_dict()) == ["answer.weight", "answer.bias"]
