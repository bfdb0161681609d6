"""The states of a model whatever its widths, and whatever its attention mask hides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def projected(model: Any, answer: Any) -> tuple[Tensor, ...]:
    """The states that `answer` lists, as wide as its last; none of a model without layers.

    OPT of 350 M projects its last states back to the width of its words: those of each layer are read likewise.
    """
    states, project = tuple(answer.hidden_states or ()), getattr(getattr(model, "decoder", None), "project_out", None)
    return states if project is None else (*(project(each) for each in states[:-1]), *states[-1:])


def by_length(
    read: Callable[[Tensor, Tensor, Tensor], Tensor],
    embeds: Float[Tensor, "row length width"],
    mask: Tensor,
    slots: Tensor,
) -> Float[Tensor, "row length state"]:
    """`read(embeds, mask, slots)` of the real tokens alone, rows of one length together; 0 where padding stands.

    For models that see through an attention mask: without padding there is nothing to see.
    """
    counts, order, groups = mask.sum(1), (~mask).long().argsort(dim=1, stable=True), []
    for count in counts.unique().tolist():
        rows = (counts == count).nonzero()
        places = order[rows[:, 0], :count]
        real = torch.ones_like(places, dtype=torch.bool)
        groups.append((rows, places, read(embeds[rows, places], real, slots[rows, places])))
    hidden = groups[0][2].new_zeros(*mask.shape, groups[0][2].shape[-1])
    for rows, places, states in groups:
        hidden = hidden.index_put((rows, places), states)
    return hidden
