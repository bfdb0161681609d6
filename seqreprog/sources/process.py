"""What a process has once: random states, CPU threads, transformers' reports. Nothing of it is left changed.

Random numbers come from a generator of our own, so the caller's are never drawn from. What cannot be had twice (threads
of PyTorch and of BLAS, transformers' log level, Accelerate's singletons) is changed under one lock that a thread may
take again, so fits of several threads take turns and give what they would give one after another, to the bit.
"""

from __future__ import annotations

import importlib
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch.overrides import TorchFunctionMode

LOCK = threading.RLock()
FACTORIES = ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial")
DRAWS = ("normal_", "uniform_", "random_", "bernoulli_", "exponential_", "bernoulli", "multinomial")
RANDOM = {*(getattr(torch, name) for name in FACTORIES), *(getattr(torch.Tensor, name) for name in DRAWS)}

_lent: set[int] = set()  # numbers of threads that `limited_threads` has set

P = ParamSpec("P")
R = TypeVar("R")


class seeded(TorchFunctionMode):
    """Within, this thread's random tensors on the CPU come from a generator of that seed; no other state moves.

    The numbers are those that `torch.manual_seed` would give.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        draws = func in RANDOM or "generator" in kwargs  # as functions of torch.nn.init have it
        if draws and kwargs.get("generator") is None and _on_cpu(args, kwargs):
            kwargs = {**kwargs, "generator": self.generator}
        return func(*args, **kwargs)


def _on_cpu(args: Any, kwargs: Any) -> bool:
    """Whether a function makes or fills a tensor on the CPU."""
    tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, torch.Tensor)]
    given = kwargs.get("device") or (tensors[0].device if tensors else torch.get_default_device())
    return torch.device(given).type == "cpu"


def exclusive(function: Callable[P, R]) -> Callable[P, R]:
    """A function that one thread runs at a time; a thread that is inside may enter again."""

    @wraps(function)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with limited_threads(None):
            _import_solvers()
            return function(*args, **kwargs)

    return alone


@cache
def _import_solvers() -> None:
    """Loads what fits need of scikit-learn: rich, which that loads, then draws from Python's own generator."""
    before = random.getstate()
    importlib.import_module("sklearn.metrics")
    random.setstate(before)


@contextmanager
def limited_threads(count: int | None) -> Iterator[None]:
    """CPU threads within, under the lock; `None` leaves them. Given back on any exit."""
    with LOCK:
        usual = _usual_threads()
        inside = usual if count is None else count
        _set_threads(inside)
        _lent.add(inside)
        try:
            yield
        finally:
            _set_threads(usual)


def _usual_threads() -> int:
    """This thread's own number of threads, unless it is one that a fit of another thread had set when it began.

    PyTorch keeps a number for each thread, and starts a new thread with the one that was set last by any.
    """
    own = torch.get_num_threads()
    if own not in _lent:
        return own
    found: list[int] = []
    asked = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    asked.start()
    asked.join()
    return found[0]


def _set_threads(count: int) -> None:
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keeps transformers from reporting the layers that were left out on purpose; under the lock."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers.utils import logging

    with LOCK:
        level, bars, hub = logging.get_verbosity(), logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
        try:
            logging.set_verbosity_error()
            logging.disable_progress_bar()
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()
            if hub:
                enable_progress_bars()
            elif bars:
                disable_progress_bars()  # transformers' switch turns on both
