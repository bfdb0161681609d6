"""What a tokenizer does: whether it knows words at all, whether the model has an embedding for each, and its digest."""

from __future__ import annotations

import hashlib
import json
import string
from pathlib import Path
from typing import Any

from ..errors import BackboneError

FILES = (
    *("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model"),
    *("spiece.model", "sentencepiece.bpe.model"),
)
PROBES = (
    "Task: forecast the next 24 steps given the previous 168 steps. Input statistics: min -1.25, max 2.5, median 0.75.",
    " The quick brown fox jumps over the lazy dog. IT WAS NOT HERE;  it's a café in Köln, (100%)?\nNew line",
    "ACDEFGHIKLMNPQRSTVWY acgtacgtacgt ACGTACGTACGT CC(=O)Oc1ccccc1C(=O)O",
    " ".join(string.ascii_letters + string.digits + string.punctuation),
)
ROLES = ("bos", "cls", "mask")  # the special tokens that a prompt or a method asks for by name
SPACE = "▁"  # SentencePiece's mark of a blank, which an empty tokenizer of that kind knows


def load_tokenizer(source: str, rows: int, name: str) -> Any:
    """The tokenizer of a folder or hub id.

    Args:
        source: where it is.
        rows: how many words the model has embeddings for.
        name: what the caller asked for.

    Raises:
        BackboneError: there is none, it cannot be read, it knows no words (transformers 5 makes an empty one where no
            file is, under which every word is unknown), or more than the model has embeddings for.
    """
    import transformers

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        empty = not knows_words(tokenizer)
    except Exception as error:  # foreign files fail in ways of their own
        if not _has_files(source):
            raise BackboneError(_absent(name)) from error
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise BackboneError(
            f"the tokenizer of backbone {name!r} cannot be read ({type(error).__name__}: {reason}). Install what it "
            "names, or save the tokenizer anew with tokenizer.save_pretrained(folder)"
        ) from error
    if empty:
        raise BackboneError(_absent(name))
    check_rows(tokenizer, rows, name)
    return tokenizer


def knows_words(tokenizer: Any) -> bool:
    """Whether any word is known beyond special and added ones, or any piece of a plain text is."""
    vocabulary = tokenizer.get_vocab()
    beside = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values(), vocabulary.get(SPACE)}
    if set(vocabulary.values()) - beside:
        return True
    unknown = {*tokenizer.all_special_ids, vocabulary.get(SPACE)}
    return bool({piece for ids in _ids(tokenizer, False) for piece in ids} - unknown)


def check_rows(tokenizer: Any, rows: int, name: str) -> None:
    """Raises `BackboneError` where a word of the tokenizer has no embedding."""
    words = 1 + max(tokenizer.get_vocab().values())
    if words > rows:
        raise BackboneError(
            f"the tokenizer of backbone {name!r} has {words} words; the model has embeddings for {rows}. Put the "
            "tokenizer into the folder that the model was saved with, or call "
            "model.resize_token_embeddings(len(tokenizer)) and save the model again"
        )


def tokenizer_digest(tokenizer: Any) -> str:
    """A digest of what the tokenizer does: ids of fixed texts, alone and framed, its size and the tokens asked by name.

    Not of its files: releases of transformers and tokenizers write the same tokenizer differently.
    """
    special = {role: getattr(tokenizer, f"{role}_token_id", None) for role in ROLES}
    done = [_ids(tokenizer, False), _ids(tokenizer, True), len(tokenizer), special]
    return hashlib.sha256(json.dumps(done, sort_keys=True).encode()).hexdigest()


def _ids(tokenizer: Any, special: bool) -> list[list[int]]:
    return [list(ids) for ids in tokenizer(list(PROBES), add_special_tokens=special)["input_ids"]]


def _has_files(source: str) -> bool:
    folder = Path(source)
    return not folder.is_dir() or any((folder / file).is_file() for file in FILES)


def _absent(name: str) -> str:
    return (
        f"backbone {name!r} has no tokenizer that knows a word, so every text would be lost: none of "
        f"{', '.join(FILES)} holds a vocabulary. Put the tokenizer of the model into the folder: "
        "AutoTokenizer.from_pretrained(original).save_pretrained(folder)"
    )
