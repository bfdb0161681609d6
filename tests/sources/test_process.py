"""What a process has once: random states, threads, reports. Drawn from by nobody, and given back on any exit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from seqreprog.errors import BackboneError
from seqreprog.sources.language import load_backbone, with_peft
from seqreprog.sources.process import exclusive, limited_threads, quiet_transformers, seeded


def states() -> tuple[Any, ...]:
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()


DRAWS: dict[str, Callable[[], Any]] = {
    "randn": lambda: torch.randn(3),
    "rand": lambda: torch.rand(2, 2),
    "randint": lambda: torch.randint(1, 9, (4,)),
    "randperm": lambda: torch.randperm(7),
    "uniform": lambda: torch.empty(3).uniform_(-1, 1),
    "linear": lambda: nn.Linear(3, 2).weight.detach(),
    "embedding": lambda: nn.Embedding(3, 2).weight.detach(),
    "init": lambda: nn.init.xavier_normal_(torch.empty(3, 2)),
    "truncated": lambda: nn.init.trunc_normal_(torch.empty(3, 2)),
}


@pytest.mark.parametrize("draw", DRAWS)
def test_seeded_draws_what_manual_seed_would_and_moves_no_state(draw: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        wanted = [DRAWS[draw](), DRAWS[draw]()]
    before = states()
    with seeded(5):
        found = [DRAWS[draw](), DRAWS[draw]()]
    assert states() == before
    assert all(torch.equal(*each) for each in zip(found, wanted, strict=True))


def test_seeds_of_two_threads_do_not_meet() -> None:
    def draw(seed: int) -> torch.Tensor:
        with seeded(seed):
            return torch.cat([torch.randn(1) for _ in range(200)])

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(draw, range(8)))
    assert all(torch.equal(one, draw(seed)) for seed, one in enumerate(found))


def test_loading_and_tuning_move_no_state(make_backbone: Callable[[str], Path]) -> None:
    pytest.importorskip("peft")
    before = states()
    for name in ("tiny-random", make_backbone("bert"), make_backbone("roberta")):  # the latter two lack a pooler
        with_peft(load_backbone(name), seed=3)
    assert states() == before


@pytest.fixture
def reports() -> Iterator[Callable[[], tuple[int, bool, bool]]]:
    from huggingface_hub.utils import are_progress_bars_disabled
    from transformers.utils import logging

    yield lambda: (logging.get_verbosity(), logging.is_progress_bar_enabled(), are_progress_bars_disabled())
    logging.set_verbosity_warning()
    logging.disable_progress_bar()


@pytest.mark.parametrize("bars", [True, False])
@pytest.mark.parametrize("hub", [True, False])
def test_reports_are_as_before_after_any_exit(
    reports: Callable[[], tuple[int, bool, bool]], bars: bool, hub: bool, tmp_path: Path
) -> None:
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars
    from transformers.utils import logging

    logging.set_verbosity_info()
    logging.enable_progress_bar() if bars else logging.disable_progress_bar()
    enable_progress_bars() if hub else disable_progress_bars()
    before = reports()
    assert before == (logging.INFO, bars, not hub)
    load_backbone("tiny-random")
    with pytest.raises(KeyboardInterrupt), quiet_transformers():
        assert reports() == (logging.ERROR, False, True)
        raise KeyboardInterrupt
    with pytest.raises(BackboneError):
        load_backbone(tmp_path / "nothing")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BackboneError):
        load_backbone(tmp_path)
    assert reports() == before


def test_threads_are_given_back_by_many_at_once() -> None:
    """A thread that begins while another has a number of its own takes that one over, and must not keep it."""
    before = torch.get_num_threads()
    other, inside = before + 2, []

    def work(_: int) -> None:
        torch.zeros(1)  # PyTorch numbers this thread's threads now
        with limited_threads(other):
            inside.append(torch.get_num_threads())
            with limited_threads(None):
                inside.append(torch.get_num_threads())

    with limited_threads(other):
        workers = [threading.Thread(target=work, args=(place,)) for place in range(4)]
        for worker in workers:
            worker.start()
    for worker in workers:
        worker.join()
    assert inside == 8 * [other]
    assert torch.get_num_threads() == before
    found: list[int] = []
    asked = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    asked.start()
    asked.join()
    assert found == [before]


def test_exclusive_functions_take_turns_and_may_nest() -> None:
    inside, most = [0], [0]
    gate = threading.Barrier(3)

    @exclusive
    def one(depth: int) -> int:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        found = one(depth - 1) + 1 if depth else 0
        inside[0] -= 1
        return found

    def start(depth: int) -> int:
        gate.wait()
        return one(depth)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(start, (2, 2, 2))) == [2, 2, 2]
    assert most[0] == 3  # of one thread
