"""The prompt's keys and values, layer by layer: no trained weight lies before them, so they need no gradient.

    [static text, once per model][left pad][statistics, once per window][patches, with autograd]

Source of the idea: prefix caching in decoding (Pope et al. 2023, section 2.1), here under a training step.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from .errors import BackboneError
from .types import Prefix, TokenIds


def has_cache(model: Any) -> bool:
    """Whether keys and values can be handed to this model: it takes them and positions, and keeps nothing else."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    if not {"past_key_values", "position_ids"} <= set(inspect.signature(model.forward).parameters):
        return False
    return all(
        type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in DynamicCache(config=model.config).layers
    )


def looks_ahead(model: Any) -> bool:
    """Whether a token's state depends on later ones, found out by asking: two rows that differ in their last token."""
    weight = model.get_input_embeddings().weight
    words = torch.randn(3, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight)
    rows = torch.stack([words[[0, 1]], words[[0, 2]]])
    with torch.no_grad():
        first = model(inputs_embeds=rows).last_hidden_state[:, 0]
    return not torch.allclose(first[0], first[1], rtol=0, atol=1e-3 * float(first.abs().max()))


@torch.no_grad()
def extend(model: Any, prefix: Prefix | None, tokens: TokenIds, first_position: int) -> Prefix:
    """The keys and values of `tokens` behind those of `prefix`, which stays as it is."""
    from transformers import DynamicCache

    if _recomputes(model):
        raise BackboneError(
            "gradient checkpointing recomputes layers and would append to the prompt's cached keys twice. Call "
            "backbone.model.gradient_checkpointing_disable(), or pass no prompt: Prompt(task=False, parts=())"
        )
    cache = DynamicCache(config=model.config) if prefix is None else copied(prefix.cache)
    mask = tokens.mask if prefix is None else torch.cat([prefix.mask, tokens.mask], 1)
    places = positions(mask)[:, -tokens.mask.shape[1] :]
    with _stopping_at_the_last_keys(cache):
        model(
            input_ids=tokens.ids,
            past_key_values=cache,
            use_cache=True,
            position_ids=places + first_position,
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


def _recomputes(model: Any) -> bool:
    """Whether gradient checkpointing is on, under the name that this release of transformers has for it."""
    for name in ("is_activation_checkpointing", "is_gradient_checkpointing"):
        if hasattr(type(model), name):
            return bool(getattr(model, name))
    return False
