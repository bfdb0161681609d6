"""fit(): one short Accelerate loop over theta and omega. The only importer of accelerate."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler
from tqdm.auto import tqdm

from ..batches.example import Example
from ..batches.series import InstanceDataset
from ..batches.symbols import LengthSampler, SymbolDataset
from ..batches.windows import WindowDataset
from ..config.forecast import Device, Training
from ..errors import ConfigError, TrainingError
from ..model import Reprogram
from ..outputs.dropout import drawn_from
from ..sources.process import LOCK, limited_threads
from .objectives import Objective

Examples = WindowDataset | SymbolDataset | InstanceDataset

AVERAGE_RISE = 10  # steps over which the average forgets the start
FLOOR = 0.05  # the cosine ends at this share of the learning rate


@dataclass
class TrainingLog:
    """What happened: one (step, seconds, validation error) per look, the best step, and why it ended."""

    looks: list[tuple[int, float, float]] = field(default_factory=list)
    steps: int = 0
    best_step: int = 0
    seconds: float = 0.0
    stopped: str = "all steps done"


def fit(
    model: Reprogram,
    train: Examples,
    validation: Examples | None,
    *,
    objective: Objective,
    training: Training,
    seed: int,
    device: str = "auto",
    until: int | None = None,
) -> TrainingLog:
    """Trains theta and omega in place and leaves the best weights on validation in them.

    Args:
        model: its backbone is frozen and stays so.
        train: windows or sequences to learn from, in random order (sequences with others of like length).
        validation: examples for early stopping; without them all steps are made.
        objective: the task: the loss of a batch, and the error of an example.
        training: schedule, batch size, patience, budget.
        seed: of the order and the dropout. The caller's random state is left as it was.
        device: `"auto"`, `"cpu"`, `"cuda"` or `"mps"`.
        until: the step to stop at, with the schedule as it is; `None` for `training.max_steps`.

    Raises:
        TrainingError: the loss became NaN or infinite; names the step.
    """
    with limited_threads(training.threads), accelerated(device, training.precision, seed) as accelerator:
        loop = _Loop(model, objective, training, seed, accelerator, until)
        try:
            with drawn_from(model, loop.dropout):
                return loop.run(train, validation)
        finally:  # Accelerate's reduced precision is for training: a loaded model answers without it
            for name in ("forward", "_original_forward"):
                model.__dict__.pop(name, None)


class _Loop:
    def __init__(
        self,
        model: Reprogram,
        objective: Objective,
        training: Training,
        seed: int,
        accelerator: Any,
        until: int | None = None,
    ) -> None:
        self.until = training.max_steps if until is None else min(until, training.max_steps)
        self.accelerator = accelerator
        self.objective, self.training, self.seed = objective, training, seed
        self.generator = self.dropout = torch.Generator().manual_seed(seed)
        if accelerator.device.type != "cpu":
            self.dropout = torch.Generator(accelerator.device).manual_seed(seed)
        self.weights = dict(model.trained())
        optimizer = torch.optim.AdamW(_groups(self.weights, training.weight_decay), betas=(0.9, 0.99), fused=True)
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        # Apart, or the levels asked for would change the point forecast through a shared norm.
        aside = [weight for name, weight in self.weights.items() if name.startswith("output_map.steps.")]
        kept = [weight for name, weight in self.weights.items() if not name.startswith("output_map.steps.")]
        self.clipped = [kept, aside] if aside else [kept]
        self.log, self.best = TrainingLog(), math.inf
        self.bare = model
        self.kept: dict[str, Tensor] = {}
        self.averaged = {name: weight.detach().clone() for name, weight in self.weights.items()}

    def run(self, train: Examples, validation: Examples | None) -> TrainingLog:
        start, budget = time.perf_counter(), self.training.time_budget
        looking = self._loader(validation, shuffle=False) if validation else None
        bar = tqdm(total=self.until, desc="reprogramming", unit="step", **self._quiet())
        self.model.train()
        for sample in self._batches(train):
            elapsed = time.perf_counter() - start
            if budget is not None and elapsed > budget:
                self.log.stopped = f"time budget of {budget:g} s"
                break
            spent = self.log.steps / self.training.max_steps
            self._step(sample, spent if budget is None else max(spent, elapsed / budget))
            bar.update()
            if looking and (self.log.steps % self.training.evaluate_every == 0 or self._last()):
                bar.set_postfix(validation=f"{self._look(looking, start):.4f}", refresh=False)
                if self.log.steps - self.log.best_step >= self.training.patience * self.training.evaluate_every:
                    self.log.stopped = f"no better for {self.training.patience} looks"
                    break
        bar.close()
        self._restore()
        self.log.seconds = time.perf_counter() - start
        return self.log

    def _batches(self, train: Examples) -> Iterator[Example]:
        loader: Any = self._loader(train, shuffle=True)  # Accelerate's, which can be told the epoch
        epoch = 0
        while not self._last():
            loader.set_epoch(epoch)
            self.objective.start_epoch(self.bare, epoch)
            for sample in loader:
                yield sample
                if self._last():
                    return
            epoch += 1

    def _last(self) -> bool:
        return self.log.steps >= self.until

    def _step(self, sample: Example, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.training.learning_rate * _schedule(progress, self.training.warmup)
        self.log.steps += 1
        parts: Sequence[Example] = sample.parts(self.training.accumulate)
        with self._shared(len(parts)):
            for number, part in enumerate(parts, 1):
                self._backward(part, len(part.target) / len(sample.target), last=number == len(parts))
        for weights in self.clipped:
            self.accelerator.clip_grad_norm_(weights, self.training.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.bare.project()
        self._average()

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.training.average, self.log.steps / (self.log.steps + AVERAGE_RISE))
        torch._foreach_lerp_(list(self.averaged.values()), list(self.weights.values()), 1 - decay)

    def _backward(self, part: Example, share: float, last: bool) -> None:
        """Adds the gradient of one part, which holds `share` of the step's examples; processes meet at the last."""
        with nullcontext() if last else self.accelerator.no_sync(self.model):
            loss = self.objective.loss(self.model, part)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"the loss is {loss.item()} at step {self.log.steps}; training stopped and nothing was saved. "
                    "Lower learning_rate, or use precision='no'"
                )
            self.accelerator.backward(share * loss)

    def _shared(self, parts: int) -> Any:
        """What the parts of one step share: prototypes, computed once. Processes meet in each pass, so they do not."""
        once: Any = getattr(self.bare.input_map, "once", nullcontext)
        return nullcontext() if parts == 1 or self.accelerator.num_processes > 1 else once()

    @torch.no_grad()
    def _look(self, loader: DataLoader, start: float) -> float:
        """The validation error; keeps the weights where it is the best so far."""
        self.model.eval()
        training = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self._put(self.averaged)
        self.bare.project()  # an average of sparse weights is not sparse
        sums = torch.zeros(2, device=self.accelerator.device)
        for sample in loader:
            sums += self.accelerator.gather_for_metrics(self.objective.errors(self.model, sample)).sum(0)
        self.model.train()
        found = float(sums[0] / sums[1].clamp_min(1))
        self.log.looks.append((self.log.steps, time.perf_counter() - start, found))
        if found < self.best:
            self.best, self.log.best_step = found, self.log.steps
            self.kept = {name: value.detach().clone() for name, value in self._state().items()}
        self._put(training)
        return found

    def _state(self) -> dict[str, Tensor]:
        """What the best look is made of: the weights, and buffers that an epoch may change (a label map)."""
        return {**self.bare.adapter_state(), **self.weights}

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        state = self._state()
        for name, value in values.items():
            state[name].copy_(value)

    def _restore(self) -> None:
        self._put(self.kept or self.averaged)
        self.bare.project()
        self.bare.eval()

    def _loader(self, dataset: Examples, shuffle: bool) -> DataLoader:
        size, processes = min(self.training.batch_size, len(dataset)), self.accelerator.num_processes
        size = max(size - size % processes, processes)  # each has its share of a batch
        # A sampler without a generator: Accelerate gives it one, with the seed of each epoch.
        order: Any = RandomSampler(dataset) if shuffle else None
        if isinstance(
            dataset, SymbolDataset | InstanceDataset
        ):  # padded to the longest of a batch, so like lengths go together
            ranked = dataset.lengths.argsort(kind="stable").tolist()
            order = LengthSampler(dataset.lengths, size, self.seed) if shuffle else ranked
        loader = DataLoader(
            dataset, batch_size=size, sampler=order, drop_last=shuffle, collate_fn=_as_is, generator=self.generator
        )
        return self.accelerator.prepare(loader)

    def _quiet(self) -> dict[str, bool | None]:
        shown = self.training.progress and self.accelerator.is_main_process
        return {"disable": None if shown else True}  # None: shown only where standard error is a terminal


def check_device(device: str) -> None:
    """Raises `ConfigError` for a device that is none, or that is not there."""
    if device not in get_args(Device):
        raise ConfigError(f"device must be one of {list(get_args(Device))}; got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device='cuda' was asked for, but PyTorch sees no GPU here. Pass device='auto' or 'cpu'")
    if device == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device='mps' was asked for, but PyTorch sees no such device. Pass device='auto' or 'cpu'")


def check_precision(device: str, precision: str) -> None:
    """Raises `ConfigError` for a precision that the device would not compute in."""
    if precision == "fp16" and device_of(device).type == "cpu":
        raise ConfigError(
            "precision='fp16' needs a GPU: on a CPU everything would be computed in float32 without a word; got "
            f"device={device!r}. Pass precision='bf16' or 'no'"
        )


@contextmanager
def accelerated(device: str, precision: str = "no", seed: int = 0) -> Iterator[Any]:
    """A fresh Accelerator, of which nothing is left behind.

    Earlier fits in this process must not fix the device or precision of this one, and what Accelerate keeps for the
    whole process is afterwards as it was: `notebook_launcher` starts no processes beside an Accelerator.

    Raises:
        ConfigError: the device is not there, or cannot compute in that precision.
    """
    from accelerate import Accelerator, DataLoaderConfiguration
    from accelerate.state import AcceleratorState, GradientState, PartialState

    check_device(device)
    loading = DataLoaderConfiguration(split_batches=True, use_seedable_sampler=True, data_seed=seed)
    with LOCK:
        several = bool(PartialState._shared_state) and PartialState().num_processes > 1
        states = [state._shared_state for state in (AcceleratorState, PartialState, GradientState)]
        before = [dict(state) for state in states]
        try:
            if not several:  # the processes have met, and go on meeting after this fit
                for state in states:
                    state.clear()
            found = Accelerator(cpu=device == "cpu", mixed_precision=precision, dataloader_config=loading)
            several = several or found.num_processes > 1
            yield found
        finally:
            if not several:
                for state, kept in zip(states, before, strict=True):
                    state.clear()
                    state.update(kept)


def device_of(device: str) -> torch.device:
    """The device that `device` stands for; of several processes, that of this one."""
    with accelerated(device) as found:
        return found.device


def gathered(values: Float[Tensor, "batch column"]) -> Float[Tensor, "processes_batch column"]:
    """What all processes have, in their order; of one process what it has.

    At the end of a data set shares are filled up with examples from its start, so that they are as large.
    """
    from accelerate.utils import gather

    return gather(values)


def _groups(weights: dict[str, nn.Parameter], decay: float) -> list[dict]:
    """Matrices decay; biases and positions do not."""
    matrices = [weight for name, weight in weights.items() if weight.ndim > 1 and not name.endswith("position")]
    others = [weight for name, weight in weights.items() if not (weight.ndim > 1 and not name.endswith("position"))]
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def _schedule(progress: float, warmup: float) -> float:
    """Linear warm-up, then a cosine down to `FLOOR`."""
    if progress < warmup:
        return max(progress / warmup, 0.01)
    rest = min((progress - warmup) / max(1 - warmup, 1e-9), 1.0)
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * rest))


def _as_is(sample: Any) -> Any:
    return sample  # `__getitems__` already made a batch
