"""The prompt's keys and values, layer by layer: no trained weight lies before them, so they need no gradient.

    [static text, once per model][left pad][statistics, once per window][patches, with autograd]

Source of the idea: prefix caching in decoding (Pope et al. 2023, section 2.1), here under a training step.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from ..errors import BackboneError
from ..types import Prefix, TokenIds


@torch.no_grad()
def extend(model: Any, prefix: Prefix | None, tokens: TokenIds, first_position: int, cache_name: str) -> Prefix:
    """The keys and values of `tokens` behind those of `prefix`, which stays as it is.

    Args:
        model: the Hugging Face model.
        prefix: what was read before; `None` for nothing.
        tokens: what follows.
        first_position: what the model counts positions from.
        cache_name: the argument under which it takes keys and values.

    Raises:
        BackboneError: gradient checkpointing is on, or the model kept no keys and values.
    """
    from transformers import DynamicCache

    if _recomputes(model):
        raise BackboneError(
            "gradient checkpointing recomputes layers and would append to the prompt's cached keys twice. Call "
            f"backbone.model.{_recomputing(model)}_checkpointing_disable(), or pass no prompt: "
            "Prompt(task=False, parts=())"
        )
    cache = DynamicCache(config=model.config) if prefix is None else copied(prefix.cache)
    mask = tokens.mask if prefix is None else torch.cat([prefix.mask, tokens.mask], 1)
    places = positions(mask)[:, -tokens.mask.shape[1] :]
    with _stopping_at_the_last_keys(cache):
        model(
            input_ids=tokens.ids,
            use_cache=True,
            position_ids=places + first_position,
            **{cache_name: cache},
            **attention(mask),
        )
    if cache.get_seq_length() != mask.shape[1]:
        raise BackboneError(f"a {type(model).__name__} keeps no keys and values; pass Prompt(reading='bidirectional')")
    return Prefix(mask, cache)


class _Done(Exception):
    """All keys and values are there; what the last layer would make of them is read by nobody."""


@contextmanager
def _stopping_at_the_last_keys(cache: Any) -> Iterator[None]:
    """Ends a pass as soon as the last layer's keys and values stand in `cache`: that saves most of that layer."""
    last = cache.layers[-1]
    store = last.update

    def stop(*args: Any, **options: Any) -> None:
        store(*args, **options)
        raise _Done

    last.update = stop
    try:
        with suppress(_Done):
            yield
    finally:
        del last.update  # the class's own again


def expanded(prefix: Prefix, rows: int) -> Prefix:
    """The prefix of one row for `rows` rows: views of the same memory."""
    cache = copied(prefix.cache)
    for layer in cache.layers:
        if layer.is_initialized:
            layer.keys, layer.values = (part.expand(rows, -1, -1, -1) for part in (layer.keys, layer.values))
    return Prefix(prefix.mask.expand(rows, -1), cache)


def copied(cache: Any) -> Any:
    """A cache that can be appended to without the first one growing; it shares every tensor with it.

    Not `DynamicCache(ddp_cache_data=...)`: it loses count of the tokens that a sliding window has dropped.
    """
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    return twin


def slides(prefix: Prefix, length: int) -> bool:
    """Whether some layer reads fewer than `length` slots back; its window counts padding, so none may stand inside."""
    return any(layer.is_sliding and layer.sliding_window < length for layer in prefix.cache.layers)


def positions(mask: Tensor) -> Tensor:
    """Each slot's position: real tokens are counted, padding is not."""
    return (mask.cumsum(1) - 1).clamp_min(0)


def attention(mask: Tensor) -> dict[str, Tensor]:
    """The attention mask as an option; none where every token is real, so that the fast kernels may be used."""
    return {} if bool(mask.all()) else {"attention_mask": mask.long()}


def _recomputing(model: Any) -> str:
    """`"activation"` or `"gradient"`: what checkpointing is called in this release of transformers."""
    return "activation" if hasattr(type(model), "activation_checkpointing_disable") else "gradient"


def _recomputes(model: Any) -> bool:
    """Whether gradient checkpointing is on."""
    return bool(getattr(model, f"is_{_recomputing(model)}_checkpointing", False))
