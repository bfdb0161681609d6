"""f_T = h_omega . f_S . h_theta: model reprogramming (Chen 2022, arXiv 2202.10629, equation 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config.forecast import Reading
from .sources.language import Backbone
from .sources.sentences import SentenceReader
from .types import Forecast, InstanceBatch, SeriesBatch, SoftTokens, SymbolBatch


class Reprogram(nn.Module):
    """What both models are made of, and what of it trains.

    `input_map` is h_theta, `backbone` is f_S, `output_map` is h_omega. Only theta and omega have weights that train.
    `static` are the token ids that open every prompt; `reading` is how the model reads prompts (see `config.Prompt`).
    """

    def __init__(
        self,
        *,
        input_map: nn.Module,
        backbone: Backbone,
        output_map: nn.Module,
        static: Sequence[int] = (),
        reading: Reading = "auto",
    ) -> None:
        super().__init__()
        self.input_map, self.backbone, self.output_map = input_map, backbone, output_map
        self.static, self.reading = tuple(static), reading

    @property
    def reading_used(self) -> Reading:
        """How this backbone reads the prompt, where `reading` leaves that open."""
        return self.backbone.reading_used(self.reading)

    def adapter_state(self) -> dict[str, Tensor]:
        """Theta and omega (and a peft adapter's weights, if any): all that is trained, saved and shared."""
        state = {
            f"{part}.{name}": weight
            for part in ("input_map", "output_map")
            for name, weight in getattr(self, part).state_dict().items()
        }
        tuned = {name: weight.detach() for name, weight in self.trained() if name.startswith("backbone.")}
        return state | tuned

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        return ((name, weight) for name, weight in self.named_parameters() if weight.requires_grad)

    def project(self) -> None:
        """Brings theta back into the set that it must lie in, where the input map has one (a sparse dictionary)."""
        project: Callable[[], None] | None = getattr(self.input_map, "project", None)
        if project is not None:
            project()


@dataclass(frozen=True)
class WeightCount:
    """How many weights a fit finds, and how many it leaves as they were.

    Attributes:
        trained: those of theta and omega, and of a peft adapter; of a probe, whose theta stays, those of omega alone.
        tuned: those of a peft adapter alone.
        frozen: those of the language model that stay as they are.
    """

    trained: int
    tuned: int
    frozen: int


def count_weights(model: Reprogram, *, probed: bool) -> WeightCount:
    """The weights of a fit, counted alike for forecasts, sequences, infilling and whole series.

    Args:
        model: theta, f_S and omega.
        probed: whether omega is solved in closed form, and theta stays as it was drawn.
    """
    found = model.output_map.parameters() if probed else (weight for _, weight in model.trained())
    inside = list(model.backbone.parameters())
    return WeightCount(
        trained=_numbers(found),
        tuned=_numbers(weight for weight in inside if weight.requires_grad),
        frozen=_numbers(weight for weight in inside if not weight.requires_grad),
    )


def _numbers(weights: Iterable[Tensor]) -> int:
    return sum(weight.numel() for weight in weights)


class SeriesReprogram(Reprogram):
    """A frozen language model, reprogrammed for numeric series.

        f_T(x) = h_omega( f_S( h_theta(x) ) )

    Before the patches stands the prompt: `static`, then what `batch.prompt` says of each window. A sentence on its
    series the frozen model also reads alone, and h_omega gets its answer beside the patches': a prompt by itself moves
    the states of patches too little for a sentence to decide a forecast.
    """

    @cached_property
    def reader(self) -> SentenceReader:
        return SentenceReader(self.backbone)

    def forward(self, batch: SeriesBatch) -> Forecast:
        """The forecast in scaled units; see `SeriesBatch`."""
        return self.output_map(self.hidden(batch), batch.channels)  # h_omega

    def hidden(self, batch: SeriesBatch) -> Float[Tensor, "row length width"]:
        """What the frozen model makes of the patches: f_S( h_theta(x) ), and last of the sentence, if there is one."""
        soft = self.input_map(batch)  # h_theta: patches to soft tokens,
        prompt = self.backbone.prompt(self.static, batch.prompt, soft, self.reading)
        hidden = self.backbone(soft, prompt)  # f_S
        if batch.sentence is None:
            return hidden
        said = self.reader(batch.sentence).repeat_interleave(batch.channels, 0)
        return torch.cat([hidden, said[:, None].to(hidden.dtype)], 1)


class WholeReprogram(Reprogram):
    """A frozen language model, reprogrammed for what is answered as a whole.

    f_T(x) = h_omega( f_S( h_theta(x) ) )
    """

    def forward(
        self, batch: SymbolBatch | InstanceBatch
    ) -> Float[Tensor, "batch class"] | Float[Tensor, "batch time class"]:
        """Logits or values of each sequence, or logits of each symbol; as `output_map` has it."""
        states = self.hidden(batch)
        return self.output_map(states.embeds, states.mask)  # h_omega

    def hidden(self, batch: SymbolBatch | InstanceBatch) -> SoftTokens:
        """What the frozen model makes of the input: f_S( h_theta(x) ), with the mask of real tokens.

        An output map that says so (`layers`) gets the states of every layer, joined.
        """
        soft = self.input_map(batch)  # h_theta: symbols or patches to soft tokens,
        prompt = self.backbone.prompt(self.static, None, soft, self.reading)
        layers = bool(getattr(self.output_map, "layers", False))
        return SoftTokens(self.backbone(soft, prompt, layers=layers), soft.mask)  # f_S


class SymbolReprogram(WholeReprogram):
    """A frozen language model, reprogrammed for discrete sequences."""


class InstanceReprogram(WholeReprogram):
    """A frozen language model, reprogrammed for whole series; several views of one are rows of the language model."""
