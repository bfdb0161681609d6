"""Views of an example, each a row of the language model, to one answer."""

from __future__ import annotations

import torch

from seqreprog.outputs.layers import STATISTICS, LayerHead, statistics
from seqreprog.outputs.pooled import PooledHead
from seqreprog.outputs.views import JoinedViews

MASK = torch.arange(5) < torch.tensor([5, 3, 2, 4])[:, None]
HIDDEN = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0)) * MASK[..., None]


def test_a_layer_head_joins_what_it_reads_of_each_view() -> None:
    head = LayerHead(depth=1, width=3, outputs=2, views=2)
    found = statistics(HIDDEN, MASK)
    torch.testing.assert_close(head.read(HIDDEN, MASK), torch.stack([found[:2].flatten(), found[2:].flatten()]))
    assert head.answer.in_features == 2 * STATISTICS * 6


def test_joined_views_are_one_sequence_of_states() -> None:
    head = PooledHead(width=6, outputs=2, pooling="attention", dropout=0.0)
    torch.nn.init.normal_(head.answer.weight)
    found = JoinedViews(head, 2)(HIDDEN, MASK)
    second = torch.cat([HIDDEN[2, :2], HIDDEN[3, :4]])[None]
    torch.testing.assert_close(found[1:], head(second, torch.ones(1, 6, dtype=torch.bool)))
