"""What a case is, and how its model and its answers are kept: for all cases, `make.py` and `tests/test_frozen.py`.

Only public names are used. What has none yet, or may get another, stands in `series_names` and `reported` alone: who
moves it changes these two, and no case.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from seqreprog import Adapter, Training

HERE = Path(__file__).resolve().parent
Answers = dict[str, Any]  # arrays or lists, by what was asked

TINY = "tiny-random"
WIDTHS: dict[str, Any] = {"hidden": 4, "heads": 2, "head_width": 2, "n_prototypes": 4}
SCHEDULE: dict[str, Any] = {"max_steps": 4, "batch_size": 16, "learning_rate": 3e-2, "evaluate_every": 2}
LONG: dict[str, Any] = {"max_steps": 40, "evaluate_every": 10}  # enough to be admitted beside the base
QUIET: dict[str, Any] = {"threads": 1, "progress": False, "validation_windows": 32}

COMPUTING = ("torch", "numpy", "scipy", "scikit-learn")  # whose versions decide on the last bits of a fit
RECORDED = (*COMPUTING, "seqreprog", "transformers", "accelerate", "pandas", "sktime", "scikit-base", "peft", "rdkit")


def series_names() -> tuple[Any, Any]:
    """`SeriesModel` and `SeriesConfig`, which have no public name."""
    from seqreprog.series_config import SeriesConfig
    from seqreprog.series_model import SeriesModel

    return SeriesModel, SeriesConfig


def reported(model: Any) -> list[float]:
    """All scores on held-out examples, part by part in the order in which the report has them, and the weight."""
    summary = model.summary if hasattr(model, "summary") else model.summary_
    scores = summary.errors if hasattr(summary, "errors") else summary.scores
    numbers: list[float] = []
    for score in scores.values():
        numbers += [score[name] for name in sorted(score)] if isinstance(score, dict) else [score]
    return [*numbers, getattr(summary, "weight", 1.0)]


def adapter(**changes: Any) -> Adapter:
    return Adapter(**{**WIDTHS, **changes})


def training(mode: str, **changes: Any) -> Training:
    return Training(**{**(SCHEDULE if mode == "train" else {}), **QUIET, "mode": mode, **changes})


@dataclass(frozen=True)
class Case:
    """A fit and what is asked of it.

    Attributes:
        fit: gives the fitted model.
        answer: asks it; a loaded model must be able to answer the same.
        kind: gives the class that loads its artifact; `None` for what is pickled or not kept.
        pickled: whether it is kept as a pickle.
        needs: optional packages.
    """

    fit: Callable[[], Any]
    answer: Callable[[Any], Answers]
    kind: Callable[[], Any] | None = None
    pickled: bool = False
    needs: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        return self.pickled or self.kind is not None


# --- files ------------------------------------------------------------------------------------------------------------


def model_path(name: str, case: Case) -> Path:
    return HERE / "models" / (f"{name}.pickle" if case.pickled else name)


def answers_path(name: str) -> Path:
    return HERE / "answers" / f"{name}.json"


def write_model(name: str, case: Case, model: Any) -> None:
    place = model_path(name, case)
    place.parent.mkdir(exist_ok=True)
    if case.pickled:
        place.write_bytes(pickle.dumps(model, protocol=4))
    elif case.kind is not None:
        model.save(place)


def read_model(name: str, case: Case) -> Any:
    """The kept model. A pickle can run any code: only those that `make.py` wrote here are ever read."""
    place = model_path(name, case)
    if case.pickled:
        return pickle.loads(place.read_bytes())
    return case.kind().load(place)  # type: ignore[misc]


def write_answers(name: str, answers: Answers) -> None:
    """As JSON, one line for each: Python writes a float so that it is read back to the bit."""
    lines = [f'"made": {json.dumps(machine())}']
    lines += [f"{json.dumps(what)}: {json.dumps(np.asarray(found).tolist())}" for what, found in answers.items()]
    place = answers_path(name)
    place.parent.mkdir(exist_ok=True)
    place.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read_answers(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Where they were made, and the answers."""
    held = json.loads(answers_path(name).read_text(encoding="utf-8"))
    made = held.pop("made")
    return made, {what: np.array(found) for what, found in held.items()}


# --- the machine ------------------------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """What decides on the last bits of an answer: the CPU's instructions, how its kernels round, the libraries.

    `drawn` stands for the weights of `tiny-random`: PyTorch draws others on a CPU without AVX2.
    """
    import torch
    from torch.backends.cpu import get_cpu_capability

    found = {}
    for name in RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    drawn = torch.randn(256, generator=torch.Generator().manual_seed(0))
    return {"cpu": get_cpu_capability(), "drawn": digest(drawn), "rounding": rounding(), "libraries": found}


def digest(*parts: Any) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(np.ascontiguousarray(part).tobytes())
    return found.hexdigest()[:16]


def rounding() -> str:
    """A digest of products, decompositions and functions: machines that round alike have the same.

    PyTorch's name of the instructions is not enough, for MKL and OpenBLAS look at the maker and the model of a CPU too.
    """
    import torch
    from torch.nn import functional

    first, second = np.random.default_rng(0).standard_normal((2, 48, 48)).round(3)
    square, whole = first @ first.T + 48 * np.eye(48), torch.from_numpy(first)
    left, right = whole.float(), torch.from_numpy(second).float()
    return digest(
        *(square, first @ second, np.linalg.solve(square, second), np.linalg.eigh(square)[1], np.exp(first)),
        *(left @ right, functional.linear(left, right, right[0]), left.softmax(1), functional.gelu(left)),
        *(functional.layer_norm(left, (48,)), torch.linalg.eigh(whole + whole.T)[1], (whole @ whole).exp().sum(0)),
        torch.linalg.cholesky(torch.from_numpy(square)),
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums are split among threads, so their number decides on the last bits."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
