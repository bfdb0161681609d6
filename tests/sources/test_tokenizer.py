"""A tokenizer is what it does: one that knows no word, or too many, is refused, and an artifact refuses another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqreprog.errors import BackboneError, CheckpointError
from seqreprog.fit.artifact import backbone_record, check_backbone
from seqreprog.sources.language import load_backbone
from seqreprog.sources.tokenizer import knows_words, tokenizer_digest

pytestmark = pytest.mark.compat
FAMILIES = ("gpt2", "llama", "qwen2", "mistral", "gemma", "gptneox", "bert", "roberta", "t5", "esm", "mamba")
Make = Callable[[str], Path]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kept", [(), ("tokenizer_config.json",)])
def test_a_folder_without_a_tokenizer_is_refused(
    make_backbone: Make, tmp_path: Path, family: str, kept: tuple[str, ...]
) -> None:
    """transformers makes an empty one for some families, and raises whatever it likes for others."""
    for file in ("config.json", "model.safetensors", *kept):
        shutil.copy(make_backbone(family) / file, tmp_path)
    with pytest.raises(BackboneError, match=r"tokenizer") as caught:
        load_backbone(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "save_pretrained(folder)" in str(caught.value)
    if not kept:
        for text in ("no tokenizer that knows a word", "tokenizer.json", "vocab.txt", "spiece.model"):
            assert text in str(caught.value)


@pytest.mark.parametrize("family", ["gpt2", "bert", "t5"])
def test_a_tokenizer_larger_than_the_embeddings_is_refused(make_backbone: Make, tmp_path: Path, family: str) -> None:
    from transformers import AutoTokenizer

    path = shutil.copytree(make_backbone(family), tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(path)
    rows = load_backbone(path).vocabulary.shape[0]
    tokenizer.add_tokens([f"new{place}" for place in range(1 + rows - len(tokenizer))])
    tokenizer.save_pretrained(path)
    with pytest.raises(BackboneError, match=rf"has {rows + 1} words; the model has embeddings for {rows}\. .*resize"):
        load_backbone(path)


def words(*known: str, added: tuple[str, ...] = ()) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: place for place, word in enumerate(("[UNK]", *known))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")
    fast.add_tokens(list(added))
    return fast


def test_who_knows_words() -> None:
    assert not knows_words(words())
    assert not knows_words(words("▁"))
    assert not knows_words(words(added=("<lang:de>", "<lang:fr>")))
    assert knows_words(words("Wort"))
    assert knows_words(words("ACGTAC", "CCCCCC")), "a tokenizer need not know English"
    assert knows_words(words(added=("A", "C", "G", "T"))), "letters that were added are words where texts hold them"


def test_the_digest_is_of_what_it_does(make_backbone: Make, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    digests = {family: tokenizer_digest(load_backbone(make_backbone(family)).tokenizer) for family in FAMILIES}
    assert digests["gpt2"] == digests["gptneox"], "one tokenizer under two families"
    assert len(set(digests.values())) > 5
    tokenizer = AutoTokenizer.from_pretrained(make_backbone("bert"))
    tokenizer.padding_side, tokenizer.model_max_length = "left", 7  # neither changes an id
    tokenizer.save_pretrained(tmp_path)
    assert tokenizer_digest(AutoTokenizer.from_pretrained(tmp_path)) == digests["bert"]


def lower_off(document: dict[str, Any]) -> None:
    document["normalizer"]["lowercase"] = False


def swapped(document: dict[str, Any]) -> None:
    vocabulary = document["model"]["vocab"]
    vocabulary["steps"], vocabulary["trend"] = vocabulary["trend"], vocabulary["steps"]


def unframed(document: dict[str, Any]) -> None:
    document["post_processor"] = None


@pytest.mark.parametrize("change", [lower_off, swapped, unframed])
def test_another_tokenizer_beside_the_same_weights_is_refused(
    make_backbone: Make, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    first = load_backbone(make_backbone("bert"))
    path = shutil.copytree(make_backbone("bert"), tmp_path / "model")
    file = path / "tokenizer.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    change(document)
    file.write_text(json.dumps(document), encoding="utf-8")
    other, record = load_backbone(path), backbone_record(first)
    assert other.fingerprint() == record["fingerprint"]
    found = other.tokenizer_fingerprint()
    with pytest.raises(CheckpointError, match="another tokenizer") as caught:
        check_backbone(record, other)
    assert record["tokenizer"][:8] in str(caught.value)
    assert found[:8] in str(caught.value)
    del record["tokenizer"]  # saved before it was recorded
    check_backbone(record, other)
    check_backbone(backbone_record(other), other)
