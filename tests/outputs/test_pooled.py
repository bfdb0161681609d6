"""Pooling by hand: real tokens only; a head whose first answer is the same for all."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from seqreprog.outputs.pooled import PooledHead, Pooling, last

HIDDEN = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[True] * 4, [True, True, False, False]])


def normal(part: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(part, part.shape[-1:])


def test_pooling_by_hand() -> None:
    mean = torch.stack([HIDDEN[0].mean(0), HIDDEN[1, :2].mean(0)])
    largest = torch.stack([HIDDEN[0].amax(0), HIDDEN[1, :2].amax(0)])
    ends = torch.stack([HIDDEN[0, 3], HIDDEN[1, 1]])
    torch.testing.assert_close(Pooling(6, "mean")(HIDDEN, MASK), normal(mean))
    torch.testing.assert_close(Pooling(6, "max")(HIDDEN, MASK), torch.cat([normal(mean), normal(largest)], 1))
    torch.testing.assert_close(Pooling(6, "last")(HIDDEN, MASK), normal(ends))
    assert torch.equal(last(HIDDEN, MASK), ends)
    module = Pooling(6, "attention")
    torch.testing.assert_close(module(HIDDEN, MASK), torch.cat([normal(mean), normal(mean)], 1))  # its start
    torch.nn.init.normal_(module.query)
    weight = torch.softmax(normal(HIDDEN[1, :2]) @ module.query, 0)
    torch.testing.assert_close(module(HIDDEN, MASK)[1, 6:], normal(weight @ HIDDEN[1, :2]))


@pytest.mark.parametrize("kind", ["attention", "max", "mean", "last"])
def test_padding_says_nothing(kind: str) -> None:
    module = PooledHead(width=6, outputs=3, pooling=kind, dropout=0.0)
    for weight in module.parameters():
        torch.nn.init.normal_(weight)
    changed = torch.where(MASK[..., None], HIDDEN, 1e6)
    torch.testing.assert_close(module(changed, MASK), module(HIDDEN, MASK))
    torch.testing.assert_close(module(HIDDEN[1:, :2], MASK[1:, :2]), module(HIDDEN, MASK)[1:])


def test_the_first_answer_is_the_same_for_all_and_dropout_is_for_training() -> None:
    module = PooledHead(width=6, outputs=3, pooling="max", dropout=0.5)
    assert not module(HIDDEN, MASK).any()
    torch.nn.init.normal_(module.answer.weight)
    assert not torch.equal(module(HIDDEN, MASK), module(HIDDEN, MASK))
    module.eval()
    assert torch.equal(module(HIDDEN, MASK), module(HIDDEN, MASK))
