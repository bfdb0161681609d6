"""The states of every layer, whichever way a model lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def every_layer(
    model: Any, answer: Any, embeds: Float[Tensor, "row length width"], late: bool
) -> tuple[Float[Tensor, "row length state"], ...]:
    """From the embeddings to the last state; none for a model without layers.

    Args:
        model: whose they are.
        answer: of a pass with `output_hidden_states`.
        embeds: what it read.
        late: the list opens behind the first layer (Mamba), and its last but one lacks the final norm.
    """
    states = tuple(answer.hidden_states or ())
    if late:
        states = (embeds, *states[:-2], states[-1])
    # OPT of 350 M projects its last states back to the width of its words: those of each layer are read likewise.
    project = getattr(getattr(model, "decoder", None), "project_out", None)
    return tuple(project(each) for each in states[:-1]) + states[-1:] if project is not None else states


@dataclass(frozen=True)
class LayerList:
    """What a model lists as `hidden_states`.

    Attributes:
        whole: whether these are the states of every layer, all as wide as the last.
        late: whether the list opens behind the first layer instead of with the embeddings (Mamba).
    """

    whole: bool
    late: bool


@torch.no_grad()
def layer_list(model: Any, causal: bool, options: dict[str, Any]) -> LayerList:
    """Tries it on three random vectors. transformers leaves hooks in a model that was once asked for its layers.

    Args:
        model: a bare Hugging Face model in evaluation mode.
        causal: whether its tokens see only what stands before them.
        options: of each pass.
    """
    weight = model.get_input_embeddings().weight
    words = torch.randn(1, 3, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight)
    try:
        with torch.autocast(weight.device.type, enabled=False):
            late = causal and _opens_late(model, words, options)
            answer = model(inputs_embeds=words, output_hidden_states=True, **options)
            states = every_layer(model, answer, words, late)
    except Exception:  # a model that cannot list them, in whatever way it says so
        return LayerList(whole=False, late=False)
    return LayerList(all(state.shape == answer.last_hidden_state.shape for state in states), late)


def _opens_late(model: Any, words: Float[Tensor, "1 3 width"], options: dict[str, Any]) -> bool:
    """Whether the first listed state of a token depends on the token before it, which no embedding does."""
    other = torch.cat([words[:, 1:2], words[:, 1:]], 1)
    listed = [model(inputs_embeds=each, output_hidden_states=True, **options).hidden_states for each in (words, other)]
    if not all(listed):
        return False  # a model without layers
    first, again = (states[0][:, -1] for states in listed)
    return not torch.allclose(first, again, rtol=0, atol=1e-3 * float(first.abs().max()))


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
