"""Config to model: the same for the same seed, refused where it cannot fit, and the sizes that were promised."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from seqreprog.build.forecast import build_forecaster, build_prompt
from seqreprog.config.forecast import Adapter, ForecastConfig, Prompt, Training
from seqreprog.errors import BackboneError
from seqreprog.inputs.prototype import DirectPrototypes, LinearPrototypes, WordPrototypes
from seqreprog.sources.language import Backbone, load_backbone

SIZES = {"patch": 8, "stride": 8, "hidden": 8, "heads": 2, "head_width": 4, "n_prototypes": 16, "features": 4}
FAMILIES = ("gpt2", "llama", "bert", "t5")
PARTS = ("min", "max", "median", "trend", "lags")


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> Backbone:
    return load_backbone(make_backbone("bert"))


def config(**options) -> ForecastConfig:
    adapter = Adapter(**{**SIZES, **options.pop("adapter", {})})
    return ForecastConfig(**{"horizon": 4, "context": 32, "adapter": adapter, **options})


def test_same_seed_same_weights_and_the_callers_generator_untouched(backbone: Backbone) -> None:
    state = torch.get_rng_state()
    first, again, other = (build_forecaster(config(seed=seed), backbone).adapter_state() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(weight, again[name]) for name, weight in first.items())
    assert not torch.equal(first["input_map.query.weight"], other["input_map.query.weight"])
    assert not torch.equal(first["input_map.prototypes.vectors"], other["input_map.prototypes.vectors"])


@pytest.mark.parametrize(
    ("adapter", "kind", "count"),
    [
        ({}, DirectPrototypes, 16),
        ({"n_prototypes": 10_000}, DirectPrototypes, None),
        ({"prototypes": "linear", "n_prototypes": 3}, LinearPrototypes, 3),
        ({"prototypes": "words", "words": ("peak", "drop", "a slow trend")}, WordPrototypes, 3),
    ],
)
def test_prototypes_are_those_asked_for(backbone: Backbone, adapter: dict, kind: type, count: int | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = build_forecaster(config(adapter=adapter), backbone, fresh=False)
    assert type(model.input_map.prototypes) is kind
    vectors = model.input_map.prototypes()
    assert vectors.shape == (count or len(backbone.vocabulary), backbone.width)


def test_word_prototypes_are_the_embeddings_of_the_words(backbone: Backbone) -> None:
    adapter = {"prototypes": "words", "words": ("peak", "drop")}
    found = build_forecaster(config(adapter=adapter), backbone).input_map.prototypes()
    for vector, ids in zip(found, backbone.tokenise(["peak", "drop"]), strict=True):
        torch.testing.assert_close(vector, backbone.vocabulary[ids].mean(0))


def test_no_backbone_weight_is_in_the_adapter(backbone: Backbone) -> None:
    for adapter in ({}, {"prototypes": "linear", "n_prototypes": 2}):
        model = build_forecaster(config(adapter=adapter), backbone, fresh=False)
        state = model.adapter_state()
        assert {name.split(".")[0] for name in state} == {"input_map", "output_map"}
        assert {name for name, _ in model.trained()} <= set(state)
        frozen = {weight.data_ptr() for weight in backbone.parameters()}
        assert not frozen & {weight.data_ptr() for weight in state.values()}


def test_more_trained_than_frozen_is_warned_of_with_both_numbers(backbone: Backbone) -> None:
    frozen = sum(weight.numel() for weight in backbone.parameters())
    with pytest.warns(UserWarning, match=rf"weights train, more than the {frozen:,} that are frozen") as caught:
        model = build_forecaster(config(adapter={"prototypes": "linear", "n_prototypes": 200}), backbone)
    trained = sum(weight.numel() for _, weight in model.trained())
    assert f"{trained:,} weights train" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_forecaster(config(), backbone)
        many = {"prototypes": "linear", "n_prototypes": 200}
        build_forecaster(config(adapter=many), backbone, fresh=False)  # loaded
        build_forecaster(config(adapter=many, training=Training(mode="probe")), backbone)  # theta stays as it was drawn


# --- prompt and positions --------------------------------------------------------------------------------------------


def test_a_prompt_that_does_not_fit_names_both_numbers(backbone: Backbone) -> None:
    domain = "the load of a region " * 60
    with pytest.raises(
        BackboneError, match=r"reads 256 positions; prompt and patches need (\d+)\. Shorten prompt"
    ) as caught:
        build_forecaster(config(prompt=Prompt(domain=domain)), backbone)
    need = int(str(caught.value).split("need ")[1].split(".")[0])
    assert need > 256
    with pytest.raises(BackboneError, match=r"reads 256 positions; prompt and patches need 300\."):
        build_forecaster(config(context=307, adapter={"stride": 1}, prompt=Prompt(task=False, parts=())), backbone)


def test_nothing_to_say_is_no_token_at_all(backbone: Backbone) -> None:
    assert build_prompt(config(prompt=Prompt(task=False, parts=())), backbone).static == []
    opened = build_prompt(config(prompt=Prompt(task=False, parts=("min",))), backbone).static
    assert opened == [backbone.tokenizer.cls_token_id]
    told = backbone.tokenizer.decode(build_prompt(config(prompt=Prompt(domain="Oil.")), backbone).static)
    assert told.lower().startswith("[cls] oil. forecast the next 4 steps from the last 32 steps")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("statistics", ["scaled", "units"])
def test_the_prompt_is_never_longer_than_was_checked(
    make_backbone: Callable[[str], Path], family: str, statistics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions are checked before training; a window with long numbers must not break the limit later."""
    backbone, counted = load_backbone(make_backbone(family)), []
    monkeypatch.setattr(Backbone, "check_positions", lambda self, count, remedy: counted.append(count))
    options = config(context=160, prompt=Prompt(domain="Load.", statistics=statistics))
    build_forecaster(options, backbone, fresh=False)
    writer = build_prompt(options, backbone)
    values = np.random.default_rng(0).normal(size=(40, 160)) * 3
    seen = np.ones(values.shape, dtype=bool)
    longest = 0
    for loc, spread in ((0.0, 1.0), (-1.234567e-9, 1e-10), (9.87654e15, 1e12), (-123456.0, 1.0), (0.0, 1.23e-5)):
        prompt = writer(values, seen, np.full((40, 1), loc), np.full((40, 1), spread))
        longest = max(longest, len(writer.static) + prompt.ids.shape[1])
    assert longest + options.patches <= counted[0]
