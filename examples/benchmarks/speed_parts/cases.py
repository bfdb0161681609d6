"""What `speed.py` measures: a model in one of its forms, its training step, its forecast, and the limit of both."""

import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from speed_parts.clock import Pacer
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast
from transformers.utils import logging

from seqreprog.batches.example import Example, to_device
from seqreprog.batches.windows import Framing, WindowDataset
from seqreprog.build.forecast import build_forecaster, build_prompt
from seqreprog.config.forecast import Adapter, ForecastConfig, Prompt, Training
from seqreprog.data.windows import Panel, windows_between
from seqreprog.fit.gradient import fit
from seqreprog.fit.objectives import ForecastObjective
from seqreprog.inputs.prompt import PromptWriter, first_observed, last_observed, top_lags
from seqreprog.sources.language import Backbone
from seqreprog.types import TokenIds

FORMS = ("paper", "default", "no_statistics")
DEFAULT = "default"
LINES_PER_WORD = 4  # of text to learn the BPE from
DOMAIN = (
    "Hourly measurements at an electricity transformer: six load readings and the temperature of its oil, which tells "
    "how much of its life is used up. The load follows the hours of the day and the days of the week."
)


@dataclass(frozen=True)
class Shape:
    """The size of one step; `prompt` words of static text instead of `DOMAIN`, `series` to forecast at once."""

    batch: int
    context: int
    horizon: int
    patch: int
    stride: int
    prompt: int | None = None
    series: int | None = None
    precision: str = "no"


class SentenceWriter(PromptWriter):
    """The statistics as the paper's authors write them: one sentence, full-precision numbers, five lags."""

    def __call__(
        self, values: np.ndarray, observed: np.ndarray, loc: np.ndarray, spread: np.ndarray, said: object = None
    ) -> TokenIds:
        rising = last_observed(values, observed) >= first_observed(values, observed)
        columns = (values.min(1), values.max(1), np.median(values, 1))
        rows = zip(*(column.astype(np.float32) for column in columns), rising, top_lags(values, 5), strict=True)
        ids = self.tokenise([self._sentence(*row) for row in rows])
        mask = np.arange(-max(map(len, ids)), 0) >= -np.array(list(map(len, ids)))[:, None]
        table = np.zeros(mask.shape, dtype=np.int64)
        table[mask] = np.concatenate(ids)
        return TokenIds(torch.from_numpy(table), torch.from_numpy(mask))

    @staticmethod
    def _sentence(low: float, high: float, median: float, rising: bool, lags: np.ndarray) -> str:
        trend, listed = "upward" if rising else "downward", [int(lag) for lag in lags[np.isfinite(lags)]]
        return (
            f" Input statistics: min value {low}, max value {high}, median value {median}, the trend of input is "
            f"{trend}, top 5 lags are {listed}"
        )


class Case:
    """One backbone in one form: what a user runs, and `limit_*`, below which it cannot cost.

    Attributes:
        tokens: of one row: patches, static prompt, statistics at most.
        frozen: the weights that do not train.
    """

    def __init__(self, backbone: Backbone, shape: Shape, form: str, device: str) -> None:
        self.backbone, self.shape, self.device = backbone, shape, device
        self.on_gpu = device == "cuda"
        self.config = _config(shape, form, device)
        self.model = build_forecaster(self.config, backbone, fresh=False).to(device)
        self.framing = Framing(scaling="instance", writer=self._writer(form), power=2)
        count = shape.series or shape.batch
        panel = _panel(count, shape.context + shape.horizon + 8)
        whole = np.full(count, shape.context)
        self.windows = windows_between(panel, shape.context, shape.horizon, start=whole, stop=panel.lengths)
        self.scales = panel.scales()
        self.last = self.windows.thin(count)
        self.frozen = list(backbone.parameters())
        words = self.framing.batch(self.last.inputs(), self.scales[self.last.series])[0].prompt
        self.tokens = {
            "patches": self.config.patches,
            "static": len(self.model.static),
            "statistics": 0 if words is None else words.ids.shape[1],
        }
        size = (shape.batch, self.config.patches, backbone.width)
        self.patches = torch.randn(size, device=device)

    def train(self, rounds: int) -> dict[str, float]:
        """Steps of the library's own `fit` over the limit: windows cut out, prompt written, AdamW, averaged weights."""
        pacer = Pacer(self.limit_step, skip=2)  # the loop asks one batch ahead, and its first step makes AdamW's state
        training = replace(self.config.training, max_steps=rounds + 3)
        fit(
            self.model, _Paced(self, pacer), None,
            objective=ForecastObjective("mse", self.config.quantile_levels), training=training, seed=0,
            device=self.device,
        )  # fmt: skip
        return pacer.result()

    def infer(self, rounds: int) -> dict[str, float]:
        """Forecasts of all series, `batch` at a time, over the limit of as many."""
        pacer = Pacer(self.limit_forward)
        self.model.eval()
        for _ in range(rounds + 2):
            pacer.turn()
            self.forecast()
        return pacer.result()

    def forecast(self) -> None:
        with torch.inference_mode(), self._precision():
            for part in self.last.chunks(self.shape.batch):
                batch, _ = self.framing.batch(part.inputs(), self.scales[part.series])
                self.model(to_device(batch, self.device))

    def forward_for_training(self) -> object:
        self.model.train()
        sample = WindowDataset(self.windows, self.scales, self.framing).__getitems__(list(range(self.shape.batch)))
        return self.model(to_device(sample.batch, self.device))

    def limit_step(self) -> None:
        hidden = self.limit_forward_for_training()
        hidden.backward(torch.ones_like(hidden))

    def limit_forward_for_training(self) -> torch.Tensor:
        """The frozen model over soft tokens that want their gradient."""
        with self._precision():
            return self._read(self.patches.detach().requires_grad_())

    def limit_forward(self) -> None:
        with torch.inference_mode(), self._precision():
            for _ in range(-(-len(self.last) // self.shape.batch)):
                self._read(self.patches)

    def peak(self) -> dict[str, float]:
        """Peak memory of a training step on a GPU, the form's and the limit's, in MiB."""
        found = {}
        for name, work in (("form", lambda: self.train(1)), ("limit", self.limit_step)):
            torch.cuda.reset_peak_memory_stats()
            work()
            found[name] = torch.cuda.max_memory_allocated() / 2**20
        return found

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.shape.precision == "bf16")

    def _read(self, embeds: torch.Tensor) -> torch.Tensor:
        options = {"use_cache": False} if self.backbone.causal else {}
        return self.backbone.model(inputs_embeds=embeds, **options).last_hidden_state

    def _writer(self, form: str) -> PromptWriter:
        writer = build_prompt(self.config, self.backbone)
        if form != "paper":
            return writer
        return SentenceWriter(static=writer.static, parts=writer.parts, tokenise=writer.tokenise)


class _Paced(WindowDataset):
    """The case's windows; whenever a batch is asked for, a step has ended."""

    def __init__(self, case: Case, pacer: Pacer) -> None:
        super().__init__(case.windows, case.scales, case.framing)
        self.pacer = pacer

    def __getitems__(self, index: Sequence[int]) -> Example:
        self.pacer.turn()
        return super().__getitems__(index)


def _config(shape: Shape, form: str, device: str) -> ForecastConfig:
    """The library's defaults, but for the size of the patches; the paper's form has the paper's sizes too."""
    domain = DOMAIN if shape.prompt is None else " ".join(["load"] * shape.prompt)
    prompt = Prompt(domain=domain, task=shape.prompt is None)
    adapter = Adapter(patch=shape.patch, stride=shape.stride)
    if form == "paper":
        adapter = replace(adapter, prototypes="linear", n_prototypes=1000, hidden=32, head_width=128, features=128)
    if form == "no_statistics":
        prompt = replace(prompt, parts=())
    if form in ("bidirectional", "prefix"):
        prompt = replace(prompt, reading=form)
    training = Training(batch_size=shape.batch, mirror=False, progress=False, precision=shape.precision)
    return ForecastConfig(
        horizon=shape.horizon, context=shape.context, layers=None, device=device, prompt=prompt, adapter=adapter,
        training=training,
    )  # fmt: skip


def _panel(count: int, length: int) -> Panel:
    """Noisy daily waves, no two alike."""
    rng, time = np.random.default_rng(0), np.arange(length)
    waves = np.sin(2 * np.pi * time / 24 + rng.uniform(0, 6, (count, 1))) + 0.3 * rng.normal(size=(count, length))
    return Panel(waves.ravel(), np.arange(count + 1) * length)


@cache
def random_gpt2(place: Path, layers: int, width: int, words: int) -> Path:
    """A directory with a GPT-2 of random weights and a byte-level BPE of at most `words` words."""
    path = place / f"gpt2-{layers}-{width}-{words}"
    config = GPT2Config(
        n_layer=layers, n_embd=width, n_head=max(width // 64, 1), vocab_size=words, bos_token_id=0, eos_token_id=0
    )
    logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        GPT2Model(config).save_pretrained(path)
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        _text(LINES_PER_WORD * words), vocab_size=words, special_tokens=["<|endoftext|>"], show_progress=False
    )
    PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    ).save_pretrained(path)
    return path


@cache
def _text(count: int) -> list[str]:
    """Lines of Python's standard library, which is on every machine, and as many numbers as web text is full of."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("[a-z]*/*.py"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8", errors="ignore").splitlines()]
    numbers = np.random.default_rng(0).integers(0, 1000, (count // 10, 20))
    return [*lines[:: max(len(lines) // count, 1)], *(" ".join(map(str, row)) for row in numbers)]


@contextmanager
def resident(backbone: Backbone, compiled: bool, device: str = "cuda") -> Iterator[None]:
    """The frozen model on the GPU, compiled or not; as it was, on the processor, afterwards."""
    eager = backbone.model.forward
    backbone.to(device)
    if compiled:
        backbone.model.forward = torch.compile(eager)
    try:
        yield
    finally:
        backbone.model.forward = eager
        backbone.to("cpu")
