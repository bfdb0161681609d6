"""What a model can do is found by trying it, whatever its arguments are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from seqreprog.sources.capabilities import CACHE_NAMES, capabilities
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.types import Prefix, SoftTokens

pytestmark = pytest.mark.compat
CAUSAL, ENCODERS = ("gpt2", "llama", "qwen2", "mistral", "gemma", "gptneox"), ("bert", "roberta")


class Renamed(torch.nn.Module):
    """A release that knows its cache under `name` alone: other arguments are swallowed, or refused."""

    def __init__(self, model: Any, real: str, name: str, *, swallows: bool) -> None:
        super().__init__()
        self.model, self.real, self.name, self.swallows = model, real, name, swallows
        self.config, self.get_input_embeddings = model.config, model.get_input_embeddings

    def forward(self, **options: Any) -> Any:
        for other in {*CACHE_NAMES, self.real} - {self.name}:
            if other in options and not self.swallows:
                raise TypeError(f"forward() got an unexpected keyword argument {other!r}")
            options.pop(other, None)
        if self.name in options:
            options[self.real] = options.pop(self.name)
        return self.model(**options)


@pytest.mark.parametrize("family", [*CAUSAL, *ENCODERS, "t5"])
def test_every_family(make_backbone: Callable[[str], Path], family: str) -> None:
    found = load_backbone(make_backbone(family)).capabilities
    assert found.causal == (family in CAUSAL)
    assert found.use_cache
    assert (found.cache in CACHE_NAMES) == found.positions == (family != "t5")


@pytest.mark.parametrize("family", ["gpt2", "bert"])
@pytest.mark.parametrize("name", CACHE_NAMES)
@pytest.mark.parametrize("swallows", [True, False])
def test_either_name_is_found_and_gives_the_same_states(
    make_backbone: Callable[[str], Path], family: str, name: str, swallows: bool
) -> None:
    plain = load_backbone(make_backbone(family))
    real = str(plain.capabilities.cache)
    renamed = Backbone(
        model=Renamed(plain.model, real, name, swallows=swallows), tokenizer=plain.tokenizer, name=family, layers=3
    )
    assert renamed.capabilities == replace(plain.capabilities, cache=name)
    tokens = SoftTokens(torch.randn(2, 4, 32), torch.ones(2, 4, dtype=torch.bool))
    prompts = [backbone.prompt([11, 12, 13], None, tokens, "prefix") for backbone in (plain, renamed)]
    assert all(isinstance(prompt, Prefix) for prompt in prompts)
    assert torch.equal(plain(tokens, prompts[0]), renamed(tokens, prompts[1]))


@pytest.mark.parametrize("swallows", [True, False])
def test_a_name_that_nobody_knows_is_no_cache(make_backbone: Callable[[str], Path], swallows: bool) -> None:
    plain = load_backbone(make_backbone("gpt2"))
    renamed = Renamed(plain.model, str(plain.capabilities.cache), "memory", swallows=swallows)
    assert capabilities(renamed).cache is None


def test_trying_changes_nothing(make_backbone: Callable[[str], Path]) -> None:
    backbone = load_backbone(make_backbone("gpt2"))
    before, state = backbone.fingerprint(), torch.random.get_rng_state()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert capabilities(backbone.model) == backbone.capabilities
    assert backbone.fingerprint() == before
    assert torch.equal(torch.random.get_rng_state(), state)
