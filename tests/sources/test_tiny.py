"""The tiny random language model: the same everywhere, and no draw of the caller's."""

from __future__ import annotations

import pytest
import torch

from seqreprog.errors import BackboneError
from seqreprog.sources.language import load_backbone


def test_it_is_always_the_same() -> None:
    """In another process too: a forecaster that was pickled here and read there refuses any other backbone."""
    first = load_backbone("tiny-random").fingerprint()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        assert load_backbone("tiny-random").fingerprint() == first


def test_it_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    load_backbone("tiny-random")
    assert torch.equal(before, torch.random.get_rng_state())


def test_it_is_a_language_model_like_any_other() -> None:
    backbone = load_backbone("tiny-random", 1)
    assert (backbone.layers, backbone.name, backbone.positions) == (1, "tiny-random", 512)
    assert not any(weight.requires_grad for weight in backbone.parameters())
    ids = backbone.tokenise(["Forecast the next 24 steps: min -1.25"])[0]
    assert backbone.tokenizer.unk_token_id not in ids
    assert max(ids) < len(backbone.vocabulary)
    with pytest.raises(BackboneError, match=r"'tiny-random' has 2 layers; got layers=3"):
        load_backbone("tiny-random", 3)
