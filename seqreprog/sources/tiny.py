"""A tiny random language model, made on the spot: for tests of interfaces that must run anywhere, without a hub."""

from __future__ import annotations

from typing import Any

from .process import seeded

TINY = "tiny-random"
SEED = 20220222  # the model is the same in every process
WORDS = (
    "forecast",
    "next",
    "given",
    "previous",
    "last",
    "steps",
    "min",
    "max",
    "median",
    "trend",
    "lags",
    "up",
    "down",
)


def tiny_config() -> Any:
    """BERT with 2 layers of width 16 and 512 positions: 25 thousand weights."""
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(_vocabulary()), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=512, initializer_range=0.15,
    )  # fmt: skip


def tiny_model(config: Any) -> Any:
    """The model of that config, its weights from a seed of their own."""
    from transformers import BertModel

    with seeded(SEED):
        return BertModel(config, add_pooling_layer=False)


def tiny_tokenizer() -> Any:
    """Characters, and the words that a prompt uses most."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(_vocabulary(), unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **special)


def _vocabulary() -> dict[str, int]:
    characters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{each}" for each in characters), *WORDS]
    return {word: place for place, word in enumerate(words)}
