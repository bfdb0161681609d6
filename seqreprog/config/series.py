"""Options of a model that classifies or regresses whole series; as those of `config/forecast.py`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..errors import ConfigError
from .fields import at_least, check_kinds, check_options, check_seed, make_config, whole
from .forecast import Adapter, Device, Training

SeriesTask = Literal["classify", "regress"]
Form = Literal["prototype", "voice2series"]
Mapping = Literal["random", "frequency", "iterative"]

NUMERIC = ("patch", "stride", "features")  # of `Adapter`: views have spans of their own
BRIEF = Training(max_steps=60, batch_size=16, learning_rate=1e-2, evaluate_every=10, patience=3, validation=0.25)


@dataclass(frozen=True)
class SeriesConfig:
    """Everything that makes a model of whole series, short of its data.

    Attributes:
        task: what is asked of them.
        form: `"prototype"` (patches, text prototypes, frozen model, head) or `"voice2series"` (a universal
            perturbation, answers in the frozen model's own words; Yang et al. 2021).
        mapping: many words to one class (`form="voice2series"`): drawn at `"random"`, by `"frequency"` once, or
            `"iterative"`, anew each epoch.
        backbone: `"minilm"`, a local directory, or any Hugging Face id.
        layers: the first layers of the backbone that are kept; `None` keeps all.
        positions: patches of one view at most, evenly spaced over the series.
        padding: perturbed positions behind the series (`form="voice2series"`).
        words_per_class: of the label map.
        seed: of everything drawn at random.
        device: `"auto"`, `"cpu"`, `"cuda"` or `"mps"`.
        adapter: widths and prototypes of the input map; its `patch`, `stride` and `features` are for forecasting.
        training: `mode="probe"` solves the head in closed form, `"train"` trains theta and omega by gradient; `"auto"`
            is the former for `form="prototype"`, the latter for `"voice2series"`.
    """

    task: SeriesTask = "classify"
    form: Form = "prototype"
    mapping: Mapping = "frequency"
    backbone: str = "minilm"
    layers: int | None = 2
    positions: int = 64
    padding: int = 8
    words_per_class: int = 8
    seed: int = 0
    device: Device = "auto"
    adapter: Adapter = field(default_factory=Adapter)
    training: Training = BRIEF

    def __post_init__(self) -> None:
        for name in ("layers", "positions", "padding", "words_per_class", "seed"):
            object.__setattr__(self, name, whole(getattr(self, name)))
        check_options(self)
        check_kinds(self, adapter=Adapter, training=Training)
        at_least(self, 1, "positions", "words_per_class")
        at_least(self, 0, "padding")
        check_seed(self.seed)
        if self.layers is not None:
            at_least(self, 1, "layers")
        for name in NUMERIC:
            if getattr(self.adapter, name) != getattr(Adapter(), name):
                raise ConfigError(
                    f"adapter.{name} is for forecasting; got {getattr(self.adapter, name)}. Leave it out: whole series "
                    "are read in views of several spans"
                )
        if self.form == "voice2series" and self.task == "regress":
            raise ConfigError("form='voice2series' answers with classes; regression needs form='prototype'")
        if self.form == "voice2series" and self.training.mode == "probe":
            raise ConfigError("form='voice2series' trains a perturbation by gradient; pass training.mode='train'")

    @property
    def probed(self) -> bool:
        """Whether the head is solved in closed form."""
        return self.form == "prototype" and self.training.mode != "train"


def series_dict(config: SeriesConfig) -> dict[str, Any]:
    """Plain dicts, lists, strings and numbers, for JSON."""
    return asdict(config)


def series_config(values: dict[str, Any]) -> SeriesConfig:
    """The inverse of `series_dict`; unknown names raise `ConfigError`."""
    parts = {"adapter": Adapter, "training": Training}
    made = {name: make_config(kind, values[name]) for name, kind in parts.items() if name in values}
    return make_config(SeriesConfig, {**values, **made})
