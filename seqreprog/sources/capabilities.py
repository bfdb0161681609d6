"""What a language model can do, found by trying it on a few vectors: no name in a signature is believed.

Libraries rename arguments, and `**kwargs` swallows what a model does not know. transformers 5.24 renamed
`past_key_values` to `cache`: who looks for a name alone then reads the prompt in another way without a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import BackboneError

CACHE_NAMES = ("cache", "past_key_values")  # of transformers from 5.24 on, and before; the newer name first
REAL, PADDED = 23, 10  # vectors and padding of the trial of the attention mask; no multiple of any block
CLOSE = 1e-3  # of the largest state: what rounding may do


@dataclass(frozen=True)
class Capabilities:
    """What a model does with its inputs.

    Attributes:
        causal: whether a token sees only what stands before it.
        positions: whether `position_ids` move its states, and those from `first_position` on are its own.
        use_cache: whether it can be told to keep no keys and values.
        cache: the argument under which it takes the keys and values of a prompt; `None` where it takes none.
        masks: whether a row under an attention mask is what it is alone, wherever its padding stands.
        width: of its hidden states.
    """

    causal: bool
    positions: bool
    use_cache: bool
    cache: str | None
    masks: bool
    width: int


@torch.no_grad()
def capabilities(model: Any, first_position: int = 0) -> Capabilities:
    """Tries `model`, a bare Hugging Face model in evaluation mode, on random vectors of its own width.

    Args:
        model: takes `inputs_embeds` and answers with `last_hidden_state`.
        first_position: what it counts positions from.

    Raises:
        BackboneError: it cannot be read from vectors of any number, writes into them, or answers otherwise each time.
    """
    weight = model.get_input_embeddings().weight
    words = torch.randn(1, 3, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight)
    places = torch.arange(3, device=weight.device)[None] + first_position
    with torch.autocast(weight.device.type, enabled=False):
        use_cache = _attempt(model, words.clone(), use_cache=False) is not None
        asked: dict[str, Any] = {"use_cache": False} if use_cache else {}
        plain = _plain(model, words, asked)
        causal = not _looks_ahead(model, words, asked)
        # A mask of ones: without one, transformers reads a gap between positions as the start of another text.
        masked = asked | {"attention_mask": torch.ones_like(places)}
        usual = _attempt(model, words, position_ids=places, **masked)
        moved = _attempt(model, words, position_ids=places + (places > first_position), **masked)
        positions = usual is not None and moved is not None and _close(usual, plain) and not torch.equal(moved, usual)
        masks = _masks(model, first_position if positions else None, asked)
        return Capabilities(
            causal=causal,
            positions=positions,
            use_cache=use_cache,
            cache=_cache_name(model, words, places, plain if causal else None) if positions and masks else None,
            masks=masks,
            width=plain.shape[-1],
        )


def _states(model: Any, embeds: Float[Tensor, "1 length width"], **options: Any) -> Float[Tensor, "1 length state"]:
    return model(inputs_embeds=embeds, **options).last_hidden_state


def _attempt(model: Any, embeds: Tensor, **options: Any) -> Tensor | None:
    """The states, or `None` where the model cannot take these options, whatever it raises then."""
    try:
        return _states(model, embeds, **options)
    except Exception:  # the reason does not matter: an option that fails here is never passed
        return None


def _close(found: Tensor, expected: Tensor) -> bool:
    size = float(expected.abs().max())
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=0, atol=CLOSE * size)


def _plain(model: Any, words: Float[Tensor, "1 3 width"], options: dict[str, Any]) -> Float[Tensor, "1 3 state"]:
    """The states of one plain pass.

    Raises:
        BackboneError: there are none, or not the same ones a second time.
    """
    family, given = type(model).__name__, words.clone()
    try:
        first, second = (_states(model, given, **options) for _ in range(2))
    except Exception as error:  # whatever a foreign model needs beside vectors, it says so in its own way
        raise BackboneError(
            f"a {family} cannot be read from vectors alone ({type(error).__name__}: {_first_line(error)})"
        ) from error
    if not torch.equal(given, words):
        raise BackboneError(f"a {family} writes into the vectors that it is given")
    if first.shape[:2] != words.shape[:2] or not _close(second, first):
        raise BackboneError(f"a {family} does not answer with one state for each vector, the same ones each time")
    return first


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


def _looks_ahead(model: Any, words: Float[Tensor, "1 3 width"], options: dict[str, Any]) -> bool:
    """Whether the first token's state depends on the second."""
    first, other = (_states(model, words[:, places], **options)[:, 0] for places in ([0, 1], [0, 2]))
    return not _close(first, other)


def _masks(model: Any, first_position: int | None, options: dict[str, Any]) -> bool:
    """Whether padding before, inside or behind a row leaves its states as they are without.

    Some models mix neighbours (convolutions, Fourier layers) or count positions without a look at the mask.

    Raises:
        BackboneError: it cannot read that many vectors (Reformer, whose sequences have a fixed length).
    """
    weight = model.get_input_embeddings().weight
    limit = getattr(model.config, "max_position_embeddings", None) or 0
    total = REAL + PADDED if limit <= 0 else min(REAL + PADDED, limit - (first_position or 0))
    padding = min(PADDED, total // 3)
    words = torch.randn(2, total, weight.shape[1], generator=torch.Generator().manual_seed(1)).to(weight)
    real = torch.ones(1, total, dtype=torch.long, device=weight.device)

    def states(embeds: Tensor, mask: Tensor, slots: Tensor) -> Tensor | None:
        places = {} if first_position is None else {"position_ids": slots[None] + first_position}
        hidden = {} if bool(mask.all()) else {"attention_mask": mask}
        return _attempt(model, embeds, **places, **hidden, **options)

    slots = torch.arange(total, device=weight.device)
    alone = states(words[:1, padding:], real[:, padding:], slots[:-padding])
    before, behind, inside = real.clone(), real.clone(), real.clone()
    before[:, :padding], behind[:, -padding:], inside[:, 1 : 1 + padding] = 0, 0, 0
    left = states(words[:1], before, (slots - padding).clamp_min(0))
    right = states(words[:1].roll(-padding, 1), behind, slots)
    other = torch.where(inside[..., None] == 0, words[1:], words[:1])
    middle, again = states(words[:1], inside, slots), states(other, inside, slots)
    if alone is None:
        raise BackboneError(f"a {type(model).__name__} cannot read {total - padding} vectors, whatever they are")
    if left is None or right is None or middle is None or again is None:
        return False
    seen = inside[0] == 1
    return (
        _close(left[:, padding:], alone)
        and _close(right[:, :-padding], alone)
        and _close(again[:, seen], middle[:, seen])
    )


def _cache_name(
    model: Any, words: Float[Tensor, "1 3 width"], places: Tensor, plain: Float[Tensor, "1 3 state"] | None
) -> str | None:
    """The argument that takes a cache, fills it with two tokens, and lets a third one see them, under a mask too.

    Under a causal model the third must be what it is in one plain pass, under any the same with and without padding.
    """
    alone = _states(model, words[:, 2:], position_ids=places[:, 2:])
    for name in CACHE_NAMES:
        behind = _behind(model, name, words, places, None)
        if behind is None or torch.equal(behind, alone):
            continue
        if plain is not None and not _close(behind, plain[:, 2:]):
            continue
        short = _behind(model, name, words[:, 1:], places[:, :2], None)
        padded = _behind(model, name, words, torch.cat([places[:, :1], places[:, :2]], 1), 1)
        if short is not None and padded is not None and _close(padded, short):
            return name
    return None


def _behind(
    model: Any, name: str, words: Float[Tensor, "1 length width"], places: Tensor, padding: int | None
) -> Float[Tensor, "1 1 state"] | None:
    """The last token's state behind the keys and values of those before it; `None` where the model keeps none."""
    if (cache := _plain_cache(model)) is None:
        return None
    options: dict[str, Any] = {name: cache, "use_cache": True}
    mask, first = torch.ones_like(places), {}
    if padding is not None:
        mask[:, :padding] = 0
        first, options["attention_mask"] = {"attention_mask": mask[:, :-1]}, mask
    before = _attempt(model, words[:, :-1], position_ids=places[:, :-1], **(options | first))
    if before is None or cache.get_seq_length() != words.shape[1] - 1:
        return None
    return _attempt(model, words[:, -1:], position_ids=places[:, -1:], **options)


def _plain_cache(model: Any) -> Any:
    """An empty cache of keys and values alone; `None` where the model keeps something else (a recurrent state)."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    try:
        cache = DynamicCache(config=model.config)
    except Exception:  # a configuration that no cache can be made for
        return None
    return cache if all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers) else None
