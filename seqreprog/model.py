"""f_T = h_omega . f_S . h_theta: model reprogramming (Chen 2022, arXiv 2202.10629, equation 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from .backbone import Backbone
from .config import Reading
from .types import Forecast, SeriesBatch


class SeriesReprogram(nn.Module):
    """A frozen language model, reprogrammed for numeric series.

        f_T(x) = h_omega( f_S( h_theta(x) ) )

    `input_map` is h_theta, `backbone` is f_S, `output_map` is h_omega. Only theta and omega have weights that train.
    `static` are the token ids that open every prompt, before what `batch.prompt` says of each window; `reading` is how
    the model reads them (see `config.Prompt`).
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

    def forward(self, batch: SeriesBatch) -> Forecast:
        """The forecast in scaled units; see `SeriesBatch`."""
        return self.output_map(self.hidden(batch), batch.channels)  # h_omega

    def hidden(self, batch: SeriesBatch) -> Float[Tensor, "row length width"]:
        """What the frozen model makes of the patches: f_S( h_theta(x) )."""
        soft = self.input_map(batch)  # h_theta: patches to soft tokens,
        prompt = self.backbone.prompt(self.static, batch.prompt, soft, self.reading)
        return self.backbone(soft, prompt)  # f_S

    def adapter_state(self) -> dict[str, Tensor]:
        """Theta and omega: all that is trained, saved and shared."""
        return {
            f"{part}.{name}": weight
            for part in ("input_map", "output_map")
            for name, weight in getattr(self, part).state_dict().items()
        }

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        return ((name, weight) for name, weight in self.named_parameters() if weight.requires_grad)
