"""Artifacts: theta, omega and base as safetensors, everything else as JSON. Written whole or not at all; no pickle.

One digest stands at the head of the JSON and covers every byte of both files. It is checked before either is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_args, runtime_checkable

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from ..config.forecast import Reading
from ..errors import CheckpointError, Notice, OutputError
from ..model import Reprogram
from ..sources.language import Backbone
from .canary import Answering, canary_state, library_versions, read_canary, verify_canary

FORMAT = "seqreprog"
FORMAT_VERSION = 2
UNSEALED = 1  # the version without digest and canary
WEIGHTS, CONFIG = "adapter_model.safetensors", "seqreprog.json"
_SEAL = re.compile(rb'\A\{\s*"sha256": "([0-9a-f]{64})"')  # the first line of the JSON
_OPEN = "0" * 64  # what stands there while the digest is computed


def save_artifact(path: str | Path, tensors: dict[str, Tensor], document: dict[str, Any]) -> None:
    """Writes a directory with `WEIGHTS` and `CONFIG`; an artifact that stood there is replaced in one step.

    Raises:
        OutputError: the place cannot be written, or holds something that is not an artifact.
    """
    target = Path(path).expanduser()
    check_place(target)
    full = {"format": FORMAT, "format_version": FORMAT_VERSION, "libraries": library_versions(), **document}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise OutputError(f"cannot write the model to {str(target)!r}: {error.strerror}") from error
    try:
        fresh.chmod(0o755)
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, fresh / WEIGHTS)
        (fresh / CONFIG).write_bytes(sealed(full, (fresh / WEIGHTS).read_bytes()))
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


def sealed(document: dict[str, Any], weights: bytes) -> bytes:
    """`document` as JSON, opened by the digest of itself and of the file of weights beside it."""
    opened = {"sha256": _OPEN, **{name: value for name, value in document.items() if name != "sha256"}}
    text = (json.dumps(opened, indent=2, allow_nan=False) + "\n").encode()
    return text.replace(_OPEN.encode(), _digest(text, weights).encode(), 1)


def load_artifact(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads what `save_artifact` wrote.

    One that was saved before there were digests of both files is read with a notice.

    Args:
        path: the directory.

    Returns:
        Its tensors by name, and its JSON.

    Raises:
        CheckpointError: missing, damaged, edited, foreign, or of a newer format.
    """
    source = Path(path).expanduser()
    text, weights = _bytes(source / CONFIG, f"{str(source)!r} holds no seqreprog model"), b""
    seal = _SEAL.match(text)
    if seal is not None:
        weights = _bytes(source / WEIGHTS, f"{str(source / WEIGHTS)!r} is missing")
        _check_digest(source, seal[1].decode(), _digest(_SEAL.sub(_reopened, text, 1), weights))
    document = _document(source / CONFIG, text)
    if document.get("format_version") != (UNSEALED if seal is None else FORMAT_VERSION):
        found = document.get("format_version")
        raise CheckpointError(
            f"{str(source)!r} has format version {found}; this release reads {UNSEALED} to {FORMAT_VERSION}"
            if found not in (UNSEALED, FORMAT_VERSION)
            else f"{str(source / CONFIG)!r} is not the file that was saved: its first line holds no sha256. "
            "Copy the model anew"
        )
    if seal is None:
        weights = _bytes(source / WEIGHTS, f"{str(source / WEIGHTS)!r} is missing")
        _check_digest(source / WEIGHTS, str(document.get("weights_sha256")), hashlib.sha256(weights).hexdigest())
        warnings.warn(
            f"{str(source)!r} was saved before models held a digest of their settings and a canary, so neither can be "
            "checked. Compare its answers with known ones and save it again",
            Notice,
            stacklevel=3,
        )
    try:
        return load(weights), document
    except SafetensorError as error:
        raise CheckpointError(f"{str(source / WEIGHTS)!r} is corrupt or truncated: {error}") from error


@runtime_checkable
class Fitted(Answering, Protocol):
    """A fitted model: a reprogrammed language model, and a canary."""

    model: Any


F = TypeVar("F", bound=Fitted)


def check_state(fitted: Fitted, *, prompted: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and JSON by which a saved model checks itself: its canary, and how it read its prompt.

    Args:
        fitted: the model.
        prompted: whether it reads a prompt at all.
    """
    arrays, canary = canary_state(fitted)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    return tensors, {"canary": canary, "reading": fitted.model.reading_used if prompted else None}


def restored(
    rebuild: Callable[[dict[str, Tensor], dict[str, Any]], F],
    backbone: Backbone,
    tensors: dict[str, Tensor],
    document: dict[str, Any],
    *,
    verify: bool,
) -> F:
    """The fitted model that `rebuild` makes of an artifact, reading its prompt as it did and answering as it did.

    Args:
        rebuild: from tensors, those of the canary apart, and JSON.
        backbone: the frozen language model.
        tensors: of the artifact.
        document: its JSON.
        verify: whether to ask again what the canary asked.

    Raises:
        CheckpointError: as `rebuild` does; the prompt cannot be read as it was, or the model answers otherwise than
            when it was saved.
    """
    reading = check_reading(document, backbone)
    own, canary = read_canary(tensors, document)
    fitted = rebuild(own, document)
    fitted.model.reading, fitted.canary = reading or fitted.model.reading, canary
    if verify:
        verify_canary(fitted)
    return fitted


def check_reading(document: dict[str, Any], backbone: Backbone) -> Reading | None:
    """How the prompt was read when the artifact was saved; `None` where none was, or none was recorded.

    Raises:
        CheckpointError: this backbone cannot be read so with the libraries that are here.
    """
    used = document.get("reading")
    if used is not None and used not in get_args(Reading):
        raise CheckpointError(f"the artifact's reading of the prompt must be one of {get_args(Reading)}; got {used!r}")
    if used == "prefix" and backbone.reading_used("prefix") != "prefix":
        saved, here = (versions.get("transformers") for versions in (document["libraries"], library_versions()))
        raise CheckpointError(
            f"this model read its prompt as a prefix; transformers {here} takes no keys and values for backbone "
            f"{backbone.name!r}, so it would answer otherwise. It was saved with transformers {saved}: install that"
        )
    return used


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
        "words": words, "tokenizer": backbone.tokenizer_fingerprint(),
    }  # fmt: skip


def check_backbone(record: dict[str, Any], backbone: Backbone) -> None:
    """Raises `CheckpointError` where `backbone` is not, to the byte, the one that was trained on.

    The tokenizer is compared by what it does, where the artifact recorded that.
    """
    found = backbone_record(backbone)
    if found["fingerprint"] != record["fingerprint"]:
        raise CheckpointError(f"checkpoint was trained on backbone {_brief(record)}; got {_brief(found)}")
    recorded = record.get("tokenizer", found["tokenizer"])
    if found["tokenizer"] != recorded:
        raise CheckpointError(
            f"checkpoint was trained with another tokenizer of backbone {backbone.name!r}: its digest is "
            f"{str(recorded)[:8]}.., here it is {found['tokenizer'][:8]}..; the weights are the same. Put the "
            "tokenizer that it was trained with into the folder of the backbone, or install the transformers and "
            "tokenizers that it was saved with"
        )


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


def _bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{what}: {path.name} {error.strerror}. Pass the folder that save wrote") from error


def _digest(text: bytes, weights: bytes) -> str:
    """Of both files; the length of the first keeps a byte from moving from one into the other unseen."""
    return hashlib.sha256(b"%d\n" % len(text) + text + weights).hexdigest()


def _reopened(seal: re.Match[bytes]) -> bytes:
    return seal[0].replace(seal[1], _OPEN.encode())


def _check_digest(place: Path, recorded: str, found: str) -> None:
    if found != recorded:
        raise CheckpointError(
            f"{str(place)!r} is not what was saved: its sha256 is {found[:8]}.., recorded is {recorded[:8]}... A file "
            "was damaged or edited; copy the model anew"
        )


def _document(path: Path, text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{str(path)!r} is corrupt: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CheckpointError(f"{str(path)!r} was not written by seqreprog")
    return document


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
