"""What a language model can do, found by trying it on three vectors: no name in a signature is believed.

Libraries rename arguments, and `**kwargs` swallows what a model does not know. transformers 5.24 renamed
`past_key_values` to `cache`: who looks for a name alone then reads the prompt in another way without a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

CACHE_NAMES = ("cache", "past_key_values")  # of transformers from 5.24 on, and before; the newer name first


@dataclass(frozen=True)
class Capabilities:
    """What a model does with its inputs.

    Attributes:
        causal: whether a token sees only what stands before it.
        positions: whether `position_ids` move its states.
        use_cache: whether it can be told to keep no keys and values.
        cache: the argument under which it takes the keys and values of a prompt; `None` where it takes none.
    """

    causal: bool
    positions: bool
    use_cache: bool
    cache: str | None


@torch.no_grad()
def capabilities(model: Any, first_position: int = 0) -> Capabilities:
    """Tries `model`, a bare Hugging Face model in evaluation mode, on three random vectors of its own width.

    Args:
        model: takes `inputs_embeds` and answers with `last_hidden_state`.
        first_position: what it counts positions from.
    """
    weight = model.get_input_embeddings().weight
    words = torch.randn(1, 3, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight)
    places = torch.arange(3, device=weight.device)[None] + first_position
    with torch.autocast(weight.device.type, enabled=False):
        plain = _states(model, words)
        moved = _attempt(model, words, position_ids=places + (places > first_position))
        positions = moved is not None and not torch.equal(moved, plain)
        return Capabilities(
            causal=not _looks_ahead(model, words),
            positions=positions,
            use_cache=_attempt(model, words, use_cache=False) is not None,
            cache=_cache_name(model, words, places) if positions else None,
        )


def _states(model: Any, embeds: Float[Tensor, "1 length width"], **options: Any) -> Float[Tensor, "1 length width"]:
    return model(inputs_embeds=embeds, **options).last_hidden_state


def _attempt(model: Any, embeds: Tensor, **options: Any) -> Tensor | None:
    """The states, or `None` where the model cannot take these options, whatever it raises then."""
    try:
        return _states(model, embeds, **options)
    except Exception:  # the reason does not matter: an option that fails here is never passed
        return None


def _looks_ahead(model: Any, words: Float[Tensor, "1 3 width"]) -> bool:
    """Whether the first token's state depends on the second."""
    first, other = (_states(model, words[:, places])[:, 0] for places in ([0, 1], [0, 2]))
    return not torch.allclose(first, other, rtol=0, atol=1e-3 * float(first.abs().max()))


def _cache_name(model: Any, words: Float[Tensor, "1 3 width"], places: Tensor) -> str | None:
    """The argument that takes a cache, fills it with two tokens, and lets a third one see them."""
    alone = _states(model, words[:, 2:], position_ids=places[:, 2:])
    for name in CACHE_NAMES:
        if (cache := _plain_cache(model)) is None:
            return None
        options = {name: cache, "use_cache": True}
        if _attempt(model, words[:, :2], position_ids=places[:, :2], **options) is None or cache.get_seq_length() != 2:
            continue
        behind = _attempt(model, words[:, 2:], position_ids=places[:, 2:], **options)
        if behind is not None and not torch.equal(behind, alone):
            return name
    return None


def _plain_cache(model: Any) -> Any:
    """An empty cache of keys and values alone; `None` where the model keeps something else (a recurrent state)."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    try:
        cache = DynamicCache(config=model.config)
    except Exception:  # a configuration that no cache can be made for
        return None
    return cache if all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers) else None
