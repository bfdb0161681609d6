"""What every test may ask for: real data where it is found, and a tiny frozen language model of each family.

Nothing here imports torch or transformers before a test needs a model, and nothing imports seqreprog at all: the
run-time check of shapes must be the first to load it.
"""

from __future__ import annotations

import os
import re
import string

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # tiny tensors: threads cost more than they give, and workers share the cores

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

REPO = Path(__file__).resolve().parents[1]

# A shared machine is no stopwatch. The same examples in every run, so that `make test` is red or green for a reason
# that stands in the code; `make test-slow` explores.
settings.register_profile("seqreprog", deadline=None, derandomize="SEQREPROG_EXPLORE" not in os.environ)
settings.load_profile("seqreprog")


@pytest.fixture(scope="session")
def real_data() -> Callable[..., Path]:
    """`real_data("forecast_long", "ETTh1.csv")`: the path below `SEQREPROG_DATA`, or a skip that names the absent."""
    root = Path(os.environ.get("SEQREPROG_DATA", REPO.parent / "shared" / "data"))

    def find(*parts: str) -> Path:
        path = root.joinpath(*parts)
        if not path.exists():
            pytest.skip(f"real data {'/'.join(parts)!r} is absent; point SEQREPROG_DATA at the folder that holds it")
        return path

    return find


@pytest.fixture(scope="session")
def make_backbone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`make_backbone("gpt2")`: a directory with a tiny random model of the family and its tokenizer, made once.

    Families: gpt2, llama, qwen2, mistral, gemma, gptneox (Pythia), bert, roberta, t5, and two that read words or list
    states otherwise: esm (ESM-2, with token dropout) and mamba. Each is saved with its head, as the hub's are, and has
    3 layers of width 32, 256 positions and the special tokens of its original: gpt2, llama, mistral and gptneox have no
    padding token, qwen2 and gptneox more embeddings than words, mistral a window of 32 tokens; bert and roberta come
    without a pooler, so loading them as a bare encoder draws a random one.
    """

    @cache
    def make(family: str) -> Path:
        from transformers.utils import logging

        path = tmp_path_factory.mktemp("backbones") / family
        logging.disable_progress_bar()
        tokenizer = _tokenizer(family)
        tokenizer.save_pretrained(path)
        _language_model(family, tokenizer).save_pretrained(path, safe_serialization=True)
        return path

    return make


@pytest.fixture(scope="session")
def reseal() -> Callable[..., None]:
    """`reseal(path, weight=0.5)`: an artifact with other settings whose digest is right again."""

    def write(path: Path, **changes: Any) -> None:
        import json

        from seqreprog.fit.artifact import CONFIG, WEIGHTS, sealed

        document = json.loads((path / CONFIG).read_text()) | changes
        (path / CONFIG).write_bytes(sealed(document, (path / WEIGHTS).read_bytes()))

    return write


@pytest.fixture(scope="session")
def age() -> Callable[..., None]:
    """`age(path, "sequence_col")`: an artifact as releases wrote it that knew neither digest, canary nor these keys."""

    def write(path: Path, *unknown: str) -> None:
        import hashlib
        import json

        from safetensors.torch import load_file, save_file

        from seqreprog.fit.artifact import CONFIG, UNSEALED, WEIGHTS

        tensors = {name: part for name, part in load_file(path / WEIGHTS).items() if not name.startswith("canary.")}
        save_file(tensors, path / WEIGHTS)
        document = json.loads((path / CONFIG).read_text())
        assert set(unknown) <= set(document)
        document = {name: value for name, value in document.items() if name not in (*unknown, "sha256", "canary")}
        digest = hashlib.sha256((path / WEIGHTS).read_bytes()).hexdigest()
        (path / CONFIG).write_text(json.dumps({**document, "format_version": UNSEALED, "weights_sha256": digest}))

    return write


@pytest.fixture(scope="session")
def ragged() -> Callable[[list[Any]], Any]:
    """`ragged([[1, 2, 3], [2]])`: sequences of symbol ids, end to end, as the models' datasets read them."""
    import numpy as np

    class Rows:
        def __init__(self, rows: list[Any]) -> None:
            self.ids = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows])
            self.offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])

        @property
        def lengths(self) -> Any:
            return np.diff(self.offsets)

        def padded(self, index: Any, limit: int | None = None) -> Any:
            lengths = self.lengths[index] if limit is None else np.minimum(self.lengths[index], limit)
            steps = np.arange(lengths.max(initial=0))
            mask = steps < lengths[:, None]
            ids = np.zeros(mask.shape, dtype=np.int64)
            ids[mask] = self.ids[(self.offsets[:-1][index][:, None] + steps)[mask]]
            return ids, mask

    return Rows


# --- tiny tokenizers -------------------------------------------------------------------------------------------------

_TEXT = [
    "The electricity load of a region in megawatts, one value an hour. Demand rises in the morning and falls at night.",
    "Task: forecast the next 24 steps given the previous 168 steps. Input statistics: min -1.25, max 2.5, median 0.75.",
    "The trend of the input is upward, downward or flat; the top lags are 24, 168, 12, 1, 2, 3, 4, 5, 6, 7, 8 and 9.",
    "Oil temperature of a transformer, air passengers each month, sales of a shop each week, wind every ten minutes.",
    "A peak, a drop, a spike, a level shift, a slow seasonal cycle, random noise around a stable mean, no change.",
    "Is this sequence active? The answer is yes, no, good, bad, high, low, first, second, toxic, stable or soluble.",
]

# family -> the special tokens of the original, by role
_SPECIAL: dict[str, dict[str, str]] = {
    "gpt2": {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
    "llama": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    "qwen2": {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
    "mistral": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    "gemma": {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"},
    "gptneox": {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
    "bert": {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    },
    "roberta": {
        "bos_token": "<s>",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "cls_token": "<s>",
        "sep_token": "</s>",
        "mask_token": "<mask>",
    },
    "t5": {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
    "esm": {
        "cls_token": "<cls>",
        "pad_token": "<pad>",
        "eos_token": "<eos>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    },
    "mamba": {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
}

# family -> what its original puts around a text
_TEMPLATE = {
    "llama": "<s> $A",
    "mistral": "<s> $A",
    "gemma": "<bos> $A",
    "bert": "[CLS] $A [SEP]",
    "roberta": "<s> $A </s>",
    "t5": "$A </s>",
}


def _tokenizer(family: str) -> Any:
    """WordPiece of the words above for bert, byte-level BPE, trained on the lines, for the rest."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    roles = _SPECIAL[family]
    special = list(dict.fromkeys(roles.values()))
    if family == "bert":
        tokenizer = Tokenizer(models.WordPiece(_pieces(special), unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
        tokenizer.train_from_iterator(_TEXT, trainer)
    if family in _TEMPLATE:
        ids = [(token, tokenizer.token_to_id(token)) for token in special]
        tokenizer.post_processor = processors.TemplateProcessing(single=_TEMPLATE[family], special_tokens=ids)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=256, **roles)


def _pieces(special: list[str]) -> dict[str, int]:
    """A WordPiece vocabulary that is the same in every process; a trained one breaks ties by the order of hashes."""
    words = re.findall(r"[a-z]+|[0-9]+|[^a-z0-9\s]", " ".join(_TEXT).lower())
    numbers = [f"{number:02d}" for number in range(100)]
    pieces = [*string.ascii_lowercase, *string.digits, *string.punctuation, *numbers, *words]
    inner = [f"##{piece}" for piece in (*string.ascii_lowercase, *string.digits, *numbers)]
    return {piece: place for place, piece in enumerate(dict.fromkeys([*special, *pieces, *inner]))}


# --- tiny language models --------------------------------------------------------------------------------------------


def _language_model(family: str, tokenizer: Any) -> Any:
    """The family's model with its language-model head, weights drawn from a fixed seed of their own."""
    import torch
    import transformers

    ids = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "pad")}
    decoder = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
    }
    encoder = {key: value for key, value in decoder.items() if key != "num_key_value_heads"}
    options: dict[str, dict[str, Any]] = {
        "gpt2": {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 256},
        "llama": decoder,
        "qwen2": {**decoder, "vocab_size": 448},
        "mistral": {**decoder, "sliding_window": 32},
        "gemma": {**decoder, "num_key_value_heads": 1, "head_dim": 8},
        "gptneox": {**encoder, "vocab_size": 448},
        "bert": encoder,
        # RoBERTa counts positions from its padding id (1) + 1: room for 256 takes a table of 258.
        "roberta": {**encoder, "max_position_embeddings": 258},
        "t5": {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 3, "num_heads": 4},
        "esm": {
            **encoder,
            "token_dropout": True,
            "position_embedding_type": "rotary",
            "mask_token_id": tokenizer.mask_token_id,
        },
        "mamba": {"hidden_size": 32, "num_hidden_layers": 3, "state_size": 4},
    }
    model_class = {
        "gpt2": "GPT2LMHeadModel",
        "llama": "LlamaForCausalLM",
        "qwen2": "Qwen2ForCausalLM",
        "mistral": "MistralForCausalLM",
        "gemma": "GemmaForCausalLM",
        "gptneox": "GPTNeoXForCausalLM",
        "bert": "BertForMaskedLM",
        "roberta": "RobertaForMaskedLM",
        "t5": "T5ForConditionalGeneration",
        "esm": "EsmForMaskedLM",
        "mamba": "MambaForCausalLM",
    }[family]
    cls = getattr(transformers, model_class)
    # Weights wide enough that attention looks somewhere in particular: laws about masks and caches have to bite.
    spread = {"initializer_factor": 1.0} if family == "t5" else {"initializer_range": 0.15}
    config = cls.config_class(**{"vocab_size": len(tokenizer), **options[family], **ids, **spread})
    if family == "t5":
        config.decoder_start_token_id = tokenizer.pad_token_id
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = cls(config).eval()
    for name, weight in model.named_parameters():  # GPT-2's own scale, which older releases of transformers forget
        if family == "gpt2" and name.endswith("c_proj.weight"):
            weight.data *= 0.15 / (2 * config.n_layer) ** 0.5 / weight.std()
    return model
