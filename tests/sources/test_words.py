"""Words and states: ids and vectors are read alike, and what the first layer reads is the first of all states."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqreprog import Notice, SequenceClassifier, SequenceOptions, Training
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.sources.words import every_state, lists_embeddings, word_scale
from seqreprog.types import SoftTokens, TokenIds

FAMILIES = ("gpt2", "llama", "qwen2", "mistral", "gemma", "gptneox", "bert", "roberta", "t5", "esm", "mamba")
Make = Callable[[str], Path]


@pytest.fixture(scope="module")
def loaded(make_backbone: Make) -> Callable[[str], Backbone]:
    kept: dict[str, Backbone] = {}

    def get(family: str) -> Backbone:
        if family not in kept:
            kept[family] = load_backbone(make_backbone(family))
        return kept[family]

    return get


def words(*ids: int) -> TokenIds:
    return TokenIds(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.bool))


# --- ids and vectors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_of_vectors_is_read_as_its_ids_are(loaded: Callable[[str], Backbone], family: str) -> None:
    backbone, ids = loaded(family), (11, 40, 23, 57)
    soft = backbone.embed(words(*ids))
    with torch.no_grad():
        spoken = backbone.model(input_ids=torch.tensor([ids])).last_hidden_state
        torch.testing.assert_close(backbone(soft), spoken, rtol=0, atol=1e-5)
        torch.testing.assert_close(backbone.vocabulary[list(ids)], soft.embeds[0], rtol=0, atol=0)


def test_most_families_need_no_factor_and_esm_s_is_found(loaded: Callable[[str], Backbone]) -> None:
    assert {family: loaded(family).word_scale for family in FAMILIES} == {**dict.fromkeys(FAMILIES, 1.0), "esm": 0.88}
    plain = loaded("bert")
    assert plain.vocabulary.data_ptr() == plain.model.get_input_embeddings().weight.data_ptr(), (
        "no copy where none is due"
    )


def test_without_token_dropout_esm_needs_none(loaded: Callable[[str], Backbone]) -> None:
    backbone = loaded("esm")
    kept = backbone.model.embeddings.token_dropout
    assert kept
    backbone.model.embeddings.token_dropout = False
    try:
        assert word_scale(backbone.model, backbone.tokenizer) == 1
    finally:
        backbone.model.embeddings.token_dropout = kept


class Otherwise(nn.Module):
    """A release that does `change` to the embeddings of ids alone."""

    def __init__(self, model: Any, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.change = model, change
        self.config, self.get_input_embeddings = model.config, model.get_input_embeddings

    def forward(self, input_ids: Any = None, inputs_embeds: Any = None, **options: Any) -> Any:
        if inputs_embeds is None:
            inputs_embeds = self.change(self.get_input_embeddings()(input_ids))
        return self.model(inputs_embeds=inputs_embeds, **options)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gptneox"])
@pytest.mark.parametrize("factor", [0.5, 3.0, 32**0.5])
def test_any_factor_is_found_by_what_the_model_does(
    loaded: Callable[[str], Backbone], family: str, factor: float
) -> None:
    """Positions may be added before the first state (GPT-2): only the words are scaled."""
    plain = loaded(family)
    changed = Backbone(
        model=Otherwise(plain.model, lambda embeds: factor * embeds), tokenizer=plain.tokenizer, name=family, layers=3
    )
    assert changed.word_scale == pytest.approx(factor, rel=1e-5)
    torch.testing.assert_close(changed.vocabulary, factor * plain.vocabulary, rtol=1e-5, atol=1e-5)


def test_what_no_factor_explains_is_said(loaded: Callable[[str], Backbone]) -> None:
    plain = loaded("gpt2")
    changed = Otherwise(plain.model, lambda embeds: embeds + torch.linspace(0, 1, embeds.shape[-1]))
    with pytest.warns(Notice, match="a Otherwise reads soft tokens otherwise than words, by more than a factor"):
        assert word_scale(changed, plain.tokenizer) == 1


def test_a_model_that_reads_vectors_alone_is_taken_as_it_is(loaded: Callable[[str], Backbone]) -> None:
    plain = loaded("gpt2")

    def refuse(embeds: Tensor) -> Tensor:
        raise ValueError("this model has no words")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert word_scale(Otherwise(plain.model, refuse), plain.tokenizer) == 1


def test_trying_changes_nothing(loaded: Callable[[str], Backbone]) -> None:
    backbone = loaded("esm")
    before, state = backbone.fingerprint(), torch.random.get_rng_state()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert word_scale(backbone.model, backbone.tokenizer) == backbone.word_scale
    assert backbone.fingerprint() == before
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_that_was_tried_can_be_pickled_and_copied(make_backbone: Make, family: str) -> None:
    backbone = load_backbone(make_backbone(family))
    for twin in (pickle.loads(pickle.dumps(backbone)), copy.deepcopy(backbone)):
        assert (twin.word_scale, twin.fingerprint()) == (backbone.word_scale, backbone.fingerprint())


# --- the states of every layer ---------------------------------------------------------------------------------------


def soft_tokens(width: int) -> SoftTokens:
    embeds = torch.randn(2, 5, width, generator=torch.Generator().manual_seed(0))
    return SoftTokens(embeds, torch.ones(2, 5, dtype=torch.bool))


def stages(backbone: Backbone, soft: SoftTokens) -> list[Tensor]:
    """What the layers themselves were handed and gave back, seen by hooks."""
    seen: list[Tensor] = []
    layers = next(part for part in backbone.model.modules() if isinstance(part, nn.ModuleList) and len(part) == 3)

    def before(module: nn.Module, given: Any, named: Any) -> None:
        seen.append(given[0] if given else named["hidden_states"])

    handles = [layer.register_forward_pre_hook(before, with_kwargs=True) for layer in layers]
    try:
        with torch.no_grad():
            last = backbone(soft)
    finally:
        for handle in handles:
            handle.remove()
    return [*seen, last]


@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_those_before_the_first_layer_and_behind_each(
    loaded: Callable[[str], Backbone], family: str
) -> None:
    backbone = loaded(family)
    soft = soft_tokens(backbone.width)
    with torch.no_grad():
        joined = backbone(soft, layers=True)
    assert joined.shape[-1] == (backbone.layers + 1) * backbone.width
    expected = stages(backbone, soft)
    for found, state in zip(joined.split(backbone.width, -1), expected, strict=True):
        torch.testing.assert_close(found, state, rtol=0, atol=1e-5)


def test_only_mamba_does_not_list_what_its_first_block_reads(loaded: Callable[[str], Backbone]) -> None:
    assert [family for family in FAMILIES if not lists_embeddings(loaded(family).model)] == ["mamba"]


@pytest.mark.parametrize("count", [3, 4])
def test_states_without_embeddings_get_them(count: int) -> None:
    """A model that lists each block, with or without the last before the final norm."""
    embeds, *states = (torch.full((1, 2, 3), float(value)) for value in range(count + 1))
    found = every_state(states, embeds, 3, listed=False)
    assert [float(state[0, 0, 0]) for state in found] == [0.0, 1.0, 2.0, float(count)]
    assert every_state((), embeds, 0, listed=False) == ()
    assert every_state(states, embeds, 3, listed=True) == tuple(states)


# --- what stands on them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["esm", "mamba"])
def test_sequences_are_learned_with_these_models(make_backbone: Make, tmp_path: Path, family: str) -> None:
    options = SequenceOptions(training=Training(threads=1, progress=False))
    texts = [("WW" if place % 2 else "KK") + "ACDEF"[place % 5 :] + "ACD" for place in range(40)]
    model = SequenceClassifier(backbone=make_backbone(family), layers=None, base="none", options=options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        model.fit(texts, [place % 2 for place in range(40)]).save(tmp_path / "model")
        again = SequenceClassifier.load(tmp_path / "model")
    assert model.score(texts, [place % 2 for place in range(40)]) > 0.9
    assert (again.predict_proba(texts) == model.predict_proba(texts)).all()
