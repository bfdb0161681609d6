"""A saved model checks itself: a few made-up inputs go into the artifact with the answers that the fit gave to them.

`load` asks again and compares. What a library changed on the way to an answer is found so, whatever it was: Gemma's
embeddings were scaled inside the model up to transformers 5.3 and are not from 5.4 on, with the same weights, the same
fingerprint, and other states.

Only what answers is asked: with weight 0 the baseline alone, without the language model. The inputs are drawn, not
taken from the data of the fit, so an artifact shows nobody's records.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..errors import CheckpointError, Notice

SEED = 20220222
SAME, OTHER = 1e-5, 1e-3  # what an answer may differ by, on the same kind of device and on another
PREFIX = "canary."
INPUT, ANSWER = f"{PREFIX}input.", f"{PREFIX}answer."
LIBRARIES = (
    *("seqreprog", "torch", "transformers", "tokenizers", "accelerate", "peft", "safetensors"),
    *("numpy", "scipy", "scikit-learn", "pandas", "rdkit", "selfies"),
)

Arrays = dict[str, np.ndarray]


@runtime_checkable
class Answering(Protocol):
    """A fitted model that can be asked part by part."""

    canary: Canary | None

    def canary_inputs(self) -> Arrays:
        """Made-up inputs that every part can answer."""

    def canary_answers(self, inputs: Arrays) -> Arrays:
        """What each part that takes part in an answer says of them, in units of about 1."""

    def kind_of_device(self) -> str:
        """Where and in what precision it computes: see `device_kind`."""


@dataclass(frozen=True, eq=False)
class Canary:
    """Inputs, the answers of each part, and what they were computed with.

    Attributes:
        inputs: arrays by name, as the family reads them.
        answers: arrays by part (`baseline`, `model`), in units of the window's spread or of the standardised target.
        device: where and in what precision they were computed.
        libraries: versions by name.
    """

    inputs: Arrays
    answers: Arrays
    device: str
    libraries: dict[str, str]


def device_kind(model: Any, weight: float) -> str:
    """Where `model` computes, in what precision, and on a CPU how sums are rounded: `cpu float32 AVX512 1f0c9a`.

    `numpy` where `weight` says that it is never asked.
    """
    if weight == 0:
        return "numpy"
    frozen = next(model.backbone.parameters())
    kind, precision = frozen.device.type, str(frozen.dtype).removeprefix("torch.")
    if kind != "cpu":
        return f"{kind} {precision}"
    from torch.backends.cpu import get_cpu_capability

    return f"{kind} {precision} {get_cpu_capability()} {_rounding()}"


def _rounding() -> str:
    """A digest of the last bits of a product: instructions alone do not tell them, libraries choose by vendor too."""
    import torch

    left, right = torch.randn(2, 192, 192, generator=torch.Generator().manual_seed(SEED), dtype=torch.float32)
    return hashlib.sha256((left @ right).numpy().tobytes()).hexdigest()[:6]


def library_versions() -> dict[str, str]:
    """The versions of all libraries that an answer depends on and that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def canary_state(model: Answering) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and JSON of the model's canary. It is computed on first use; that of a loaded model stays as it was."""
    if model.canary is None:
        inputs = model.canary_inputs()
        model.canary = Canary(inputs, model.canary_answers(inputs), model.kind_of_device(), library_versions())
    canary = model.canary
    arrays = {INPUT + name: array for name, array in canary.inputs.items()}
    arrays |= {ANSWER + name: array for name, array in canary.answers.items()}
    return arrays, {"device": canary.device, "libraries": canary.libraries}


def read_canary(tensors: dict[str, Any], document: dict[str, Any]) -> tuple[dict[str, Any], Canary | None]:
    """The other tensors of an artifact, and its canary; `None` for an artifact of before there were any.

    Raises:
        CheckpointError: it cannot be read.
    """
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    if (described := document.get("canary")) is None:
        return others, None
    inputs, answers = (
        {name.removeprefix(opening): part.numpy() for name, part in tensors.items() if name.startswith(opening)}
        for opening in (INPUT, ANSWER)
    )
    try:
        return others, Canary(inputs, answers, str(described["device"]), dict(described["libraries"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the artifact's canary cannot be read: {error!r}") from error


def verify_canary(model: Answering) -> None:
    """Asks the model again what its canary asked, and compares.

    Raises:
        CheckpointError: an answer differs by more than `SAME`, or by `OTHER` on another kind of device; it names the
            versions that the model was saved with and those here.
    """
    if (canary := model.canary) is None:
        return
    found, device = model.canary_answers(canary.inputs), model.kind_of_device()
    if set(found) != set(canary.answers):
        raise CheckpointError(f"the artifact's canary has answers of {sorted(canary.answers)}, not of {sorted(found)}")
    differences = {part: _difference(found[part], expected) for part, expected in canary.answers.items()}
    part = max(differences, key=differences.__getitem__)
    allowed = SAME if device == canary.device else OTHER
    if not differences[part] <= allowed:
        raise CheckpointError(
            f"this model answers otherwise than when it was saved: its {part} differs by {differences[part]:.1e} of "
            f"the spread, and {allowed:.0e} is the most that rounding may do. {_versions(canary.libraries)}. Install "
            "the versions that it was saved with or fit again; load it with verify=False to compare its forecasts"
        )
    moved = device.split()[:2] != canary.device.split()[:2]
    if moved or differences[part] > SAME:
        warnings.warn(
            f"this model was saved on {canary.device} and answers on {device}: its {part} differs by "
            f"{differences[part]:.1e} of the spread ({OTHER:.0e} is allowed between kinds of devices)",
            Notice,
            stacklevel=3,
        )


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, in units of the answers' own size where that is above 1; infinite where shapes differ."""
    if found.shape != expected.shape or (np.isfinite(found) != np.isfinite(expected)).any():
        return float("inf")
    size = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
    return float(np.nan_to_num(np.abs(found - expected) / size).max(initial=0.0))


def _versions(saved: dict[str, str]) -> str:
    """Which libraries have other versions now."""
    here = library_versions()
    differing = [name for name in sorted({*saved, *here}) if saved.get(name) != here.get(name)]
    if not differing:
        return (
            "All libraries have the versions that it was saved with: what differs is the precision that PyTorch is "
            "told to compute in (autocast, set_float32_matmul_precision), or the code of one of them"
        )
    before, now = (
        ", ".join(f"{name} {versions.get(name, '(absent)')}" for name in differing) for versions in (saved, here)
    )
    return f"It was saved with {before}; here are {now}"
