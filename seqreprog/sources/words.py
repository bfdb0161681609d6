"""How a language model reads words and lists its states, found by trying it on two pairs of words.

Words enter as ids or as vectors, and a library may treat the two otherwise. ESM's token dropout multiplies the
embeddings of ids by 0.88, the share of words that it saw in training, and leaves vectors as they are: soft tokens made
of its vocabulary would all be too long. Mamba lists the states behind each of its blocks, not what the first one reads.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import Notice

ROUNDING = 1e-5  # of the largest state: more is another function
DIGITS = 6


@torch.no_grad()
def word_scale(model: Any, tokenizer: Any, first_position: int = 0, *, positions: bool = True) -> float:
    """What `model` multiplies the embeddings of ids by, and those of vectors not: 1 for nearly all.

    Where ids and vectors are read in ways that no factor explains it is 1, and a notice says so.

    Args:
        model: a bare Hugging Face model in evaluation mode that answers with `last_hidden_state`.
        tokenizer: knows which ids are no ordinary words: a mask may be read as nothing.
        first_position: what the model counts positions from.
        positions: whether it takes `position_ids`.
    """
    ids = _pairs(model, tokenizer.all_special_ids)
    places = torch.arange(2, device=ids.device).expand(2, -1) + first_position
    options: dict[str, Any] = {"position_ids": places} if positions else {}
    with torch.autocast(ids.device.type, enabled=False):
        vectors = model.get_input_embeddings()(ids)
        try:
            spoken = model(input_ids=ids, **options).last_hidden_state
        except Exception:  # a model that reads vectors alone
            return 1.0
        if _close(spoken, model(inputs_embeds=vectors, **options).last_hidden_state):
            return 1.0
        twin = copy.deepcopy(model)  # asked for all states, a model of transformers keeps hooks that no pickle takes
        options["output_hidden_states"] = True
        goal, whole, nothing = (
            _first(twin(**given, **options))
            for given in ({"input_ids": ids}, {"inputs_embeds": vectors}, {"inputs_embeds": 0 * vectors})
        )
        slope = whole - nothing  # the first states are the words, scaled, and at most positions added to them
        scale = round(float(((goal - nothing) * slope).sum() / slope.square().sum()), DIGITS)
        if _close(spoken, twin(inputs_embeds=scale * vectors, **options).last_hidden_state):
            return scale
    warnings.warn(
        f"a {type(model).__name__} reads soft tokens otherwise than words, by more than a factor (it may add positions "
        "or normalise for words alone): its states are not those that it was trained to give. Pass another backbone",
        Notice,
        stacklevel=3,
    )
    return 1.0


@torch.no_grad()
def lists_embeddings(model: Any, *, use_cache: bool = True) -> bool:
    """Whether the list of the model's states opens with what the first layer reads.

    The state of a word there is the same whatever stands beside it: only layers read that, and a bridge to states of
    another width (MobileBERT joins each word with its neighbours there).

    Args:
        model: a bare Hugging Face model in evaluation mode.
        use_cache: whether it can be told to keep no keys and values; some fail to make a place for them.
    """
    vectors = model.get_input_embeddings()(_pairs(model, ()))
    with torch.autocast(vectors.device.type, enabled=False):
        options = {"use_cache": False} if use_cache else {}
        first = _first(model(inputs_embeds=vectors, output_hidden_states=True, **options))
    return first.shape != vectors.shape or _close(first[0, 1], first[1, 1])


def every_state(
    states: Sequence[Float[Tensor, "row length state"]],
    embeds: Float[Tensor, "row length width"],
    layers: int,
    *,
    listed: bool,
) -> tuple[Float[Tensor, "row length state"], ...]:
    """What the first layer reads and the states behind each, the last of them as the model answers.

    Args:
        states: as the model lists them; of a model without layers none.
        embeds: what it was given.
        layers: how many it has.
        listed: see `lists_embeddings`.
    """
    if not states or listed:
        return tuple(states)
    twice = len(states) > layers  # the last block's: before the final norm, and after it
    return (embeds, *(states[:-2] if twice else states[:-1]), states[-1])


def _pairs(model: Any, special: Sequence[int]) -> Int[Tensor, "2 2"]:
    """Two pairs of ordinary words that differ in their first."""
    weight, barred = model.get_input_embeddings().weight, set(special)
    words = [word for word in range(len(weight)) if word not in barred]
    first, same, other = (words[len(words) * part // 4] for part in (1, 2, 3))
    return torch.tensor([[first, same], [other, same]], device=weight.device)


def _first(answer: Any) -> Tensor:
    """The first states that are listed; of a model that lists none the last ones."""
    return (answer.hidden_states or (answer.last_hidden_state,))[0]


def _close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=ROUNDING * float(other.abs().max()))
