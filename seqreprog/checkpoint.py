"""Artifacts: theta, omega and base as safetensors, everything else as JSON. Written whole or not at all; no pickle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .backbone import Backbone
from .errors import CheckpointError, OutputError
from .model import Reprogram

FORMAT = "seqreprog"
FORMAT_VERSION = 1
WEIGHTS, CONFIG = "adapter_model.safetensors", "seqreprog.json"
LIBRARIES = ("seqreprog", "torch", "transformers", "accelerate", "numpy", "pandas")


def save_artifact(path: str | Path, tensors: dict[str, Tensor], document: dict[str, Any]) -> None:
    """Writes a directory with `WEIGHTS` and `CONFIG`; an artifact that stood there is replaced in one step.

    Raises:
        OutputError: the place cannot be written, or holds something that is not an artifact.
    """
    target = Path(path).expanduser()
    check_place(target)
    full = {"format": FORMAT, "format_version": FORMAT_VERSION, "libraries": _versions(), **document}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise OutputError(f"cannot write the model to {str(target)!r}: {error.strerror}") from error
    try:
        fresh.chmod(0o755)
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, fresh / WEIGHTS)
        full["weights_sha256"] = _digest(fresh / WEIGHTS)
        (fresh / CONFIG).write_text(json.dumps(full, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        shutil.copymode(fresh / CONFIG, fresh / WEIGHTS)  # safetensors writes for the owner alone
        for file in (fresh / WEIGHTS, fresh / CONFIG, fresh):
            _sync(file)
        _swap(fresh, target)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write the model to {str(target)!r}: {reason}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check_place(path: str | Path) -> None:
    """Raises `OutputError` where `save_artifact` could not write, before any work is lost."""
    target = Path(path).expanduser()
    parent = target.parent
    while not parent.exists():
        parent = parent.parent
    if not (parent.is_dir() and os.access(parent, os.W_OK)):
        raise OutputError(f"cannot write the model to {str(target)!r}: {str(parent)!r} is not a writable directory")
    if target.exists() and not (target / CONFIG).is_file() and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(f"{str(target)!r} exists and is no seqreprog model; it was left alone. Choose another place")


def load_artifact(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads what `save_artifact` wrote.

    Raises:
        CheckpointError: missing, corrupt, truncated, foreign, or of a newer format.
    """
    source = Path(path).expanduser()
    try:
        document = json.loads((source / CONFIG).read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"{str(source)!r} holds no seqreprog model: {CONFIG} {error.strerror}. Pass the folder that save wrote"
        ) from error
    except ValueError as error:
        raise CheckpointError(f"{str(source / CONFIG)!r} is corrupt: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CheckpointError(f"{str(source / CONFIG)!r} was not written by seqreprog")
    if document.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{str(source)!r} has format version {document.get('format_version')}; this release reads {FORMAT_VERSION}"
        )
    try:
        tensors, digest = load_file(source / WEIGHTS), _digest(source / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{str(source / WEIGHTS)!r} is missing, corrupt or truncated: {error}") from error
    recorded = document.get("weights_sha256")
    if digest != recorded:
        raise CheckpointError(
            f"{str(source / WEIGHTS)!r} is not the file that was saved: its sha256 is {digest[:8]}.., {CONFIG} has "
            f"{str(recorded)[:8]}... Copy the model anew"
        )
    return tensors, document


def check_kind(path: str | Path, document: dict[str, Any], *kinds: str) -> None:
    """Raises `CheckpointError` where the artifact is of another kind."""
    if document.get("kind") not in kinds:
        raise CheckpointError(
            f"{str(path)!r} holds a {document.get('kind')}, not a {' or '.join(kinds)}. Load it with the class that "
            "saved it, or with `seqreprog predict`"
        )


def artifact_kind(path: str | Path) -> str:
    """What kind of model an artifact holds, without reading its weights; `"forecaster"` where nothing can be said."""
    try:
        document = json.loads((Path(path).expanduser() / CONFIG).read_text(encoding="utf-8"))
        return str(document["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return "forecaster"  # whose `load` says what is amiss


def backbone_record(backbone: Backbone) -> dict[str, Any]:
    """What an artifact remembers of its backbone."""
    words, width = backbone.vocabulary.shape
    return {
        "name": backbone.name, "layers": backbone.layers, "fingerprint": backbone.fingerprint(), "width": width,
        "words": words,
    }  # fmt: skip


def check_backbone(record: dict[str, Any], backbone: Backbone) -> None:
    """Raises `CheckpointError` where `backbone` is not, to the byte, the one that was trained on."""
    found = backbone_record(backbone)
    if found["fingerprint"] != record["fingerprint"]:
        raise CheckpointError(f"checkpoint was trained on backbone {_brief(record)}; got {_brief(found)}")


def load_adapter(model: Reprogram, tensors: dict[str, Tensor]) -> None:
    """Puts saved theta and omega into a freshly built model.

    Raises:
        CheckpointError: a weight is missing, unknown or of another shape.
    """
    state = model.adapter_state()
    missing, unknown = sorted(set(state) - set(tensors)), sorted(set(tensors) - set(state))
    if missing or unknown:
        raise CheckpointError(f"the artifact does not fit its own config: missing {missing[:5]}, unknown {unknown[:5]}")
    with torch.no_grad():
        for name, weight in state.items():
            if weight.shape != tensors[name].shape:
                raise CheckpointError(
                    f"weight {name!r} has shape {tuple(tensors[name].shape)}; the config asks for {tuple(weight.shape)}"
                )
            weight.copy_(tensors[name])


def _brief(record: dict[str, Any]) -> str:
    return f"{record['fingerprint'][:8]}.. ({record['width']}-d, {record['words']} words, {record['layers']} layers)"


def _versions() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _swap(fresh: Path, target: Path) -> None:
    """`fresh` becomes `target`; what stood there is removed only after."""
    if not target.exists():
        os.replace(fresh, target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    os.replace(target, old)
    try:
        os.replace(fresh, target)
    except OSError:
        os.replace(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)
