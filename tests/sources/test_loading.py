"""A folder that exists is never said not to: what it holds is named, and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqreprog.errors import BackboneError
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.sources.loading import keep_layers
from seqreprog.types import SoftTokens

Make = Callable[[str], Path]


@pytest.fixture
def folder(make_backbone: Make, tmp_path: Path) -> Path:
    return shutil.copytree(make_backbone("bert"), tmp_path / "model")


def configure(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def refused(folder: Path, **options: Any) -> str:
    with pytest.raises(BackboneError) as caught:
        load_backbone(folder, **options)
    message = str(caught.value)
    assert str(folder) in message
    assert "neither a local directory" not in message
    assert "does not exist" not in message
    return message


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "awq", "fp8"])
def test_quantised_weights(folder: Path, method: str) -> None:
    configure(folder, quantization_config={"quant_method": method})
    assert f"(bert) holds weights quantised by {method!r}" in refused(folder)
    assert "dequantize" in refused(folder)


def test_a_family_that_transformers_does_not_know(folder: Path) -> None:
    configure(folder, model_type="tomorrow")
    assert "tomorrow" in refused(folder)
    assert "update transformers" in refused(folder)


def test_weights_of_another_shape(folder: Path) -> None:
    configure(folder, hidden_size=64)
    assert "weights of another shape, for instance" in refused(folder)


def test_a_config_that_is_no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    assert "cannot be read as a language model" in refused(folder)


def test_pickled_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "holds no model.safetensors, only ['pytorch_model.bin']" in refused(folder)
    (folder / "pytorch_model.bin").unlink()
    assert "holds no model.safetensors;" in refused(folder)


def test_a_folder_of_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0_Transformer").mkdir()
    (tmp_path / "0_Transformer" / "config.json").write_text("{}")
    assert "Pass the folder inside it that does: ['0_Transformer']" in refused(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "It is a peft adapter" in refused(tmp_path)
    other = tmp_path / "gguf"
    other.mkdir()
    (other / "model.gguf").write_bytes(b"")
    assert "GGUF files are not read" in refused(other)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BackboneError, match="backbone directory 'gguf' holds no config"):
        load_backbone("gguf")


def test_a_file_in_place_of_its_folder(folder: Path) -> None:
    assert "is a file. Pass the folder" in refused(folder / "model.safetensors")


def test_a_tokenizer_that_cannot_be_read(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")
    assert "the tokenizer of backbone" in refused(folder)


def config(**options: Any) -> Any:
    from transformers import BertConfig

    return BertConfig(num_hidden_layers=4, **options)


def test_what_is_said_of_each_layer_is_cut_alike() -> None:
    found = config(attention_window=[1, 2, 3, 4], labels=[1, 2, 3])
    assert keep_layers(found, 2, "x") == 2
    assert (found.num_hidden_layers, found.attention_window, found.labels) == (2, [1, 2], [1, 2, 3])
    assert keep_layers(config(), None, "x") == 4


def test_a_family_whose_layers_cannot_be_set_names_the_remedy() -> None:
    from transformers import ProphetNetConfig

    with pytest.raises(BackboneError, match=r"\(prophetnet\) cannot be cut .*Pass layers=None"):
        keep_layers(ProphetNetConfig(num_encoder_layers=3), 1, "x")


# --- models that see through their mask ------------------------------------------------------------------------------


class Mixing(torch.nn.Module):
    """Adds the neighbour to the left to each vector, padding or not."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.config, self.get_input_embeddings = model, model.config, model.get_input_embeddings

    def forward(self, inputs_embeds: torch.Tensor, **options: Any) -> Any:
        return self.model(inputs_embeds=inputs_embeds + inputs_embeds.roll(1, 1), **options)


def test_padding_that_would_be_seen_is_left_out(make_backbone: Make) -> None:
    plain = load_backbone(make_backbone("bert"))
    mixing = Backbone(model=Mixing(plain.model), tokenizer=plain.tokenizer, name="mixing", layers=3)
    assert plain.capabilities.masks
    assert not mixing.capabilities.masks
    assert mixing.capabilities.cache is None, "keys behind padding would see it too"
    embeds = torch.randn(3, 6, 32)
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 0, 1, 0, 0, 1], [0, 0, 0, 1, 1, 0]]).bool()
    together = mixing(SoftTokens(embeds, mask))
    for row, real in enumerate(mask):
        alone = mixing._states(embeds[row : row + 1, real], real[real][None], real.nonzero().T, False, {})
        torch.testing.assert_close(together[row, real], alone[0], rtol=0, atol=1e-5)
        assert not together[row, ~real].any()
