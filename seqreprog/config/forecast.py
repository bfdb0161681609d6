"""Options as frozen, flat dataclasses that go to and from TOML. Modules never see them; `build/` reads them.

Bad values raise `ConfigError` where the dataclass is made, so before any work is lost.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from ..errors import ConfigError

Statistic = Literal["min", "max", "median", "trend", "lags"]
Loss = Literal["mse", "mae"]
Base = Literal["ridge", "none"]
Reading = Literal["auto", "bidirectional", "prefix"]
Mode = Literal["auto", "train", "probe"]
Holdout = Literal["time", "series"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Layers = int | Literal["auto"] | None
DEFAULT_CONTEXT = 512  # steps read, and the longest that is chosen where it is left open


@dataclass(frozen=True)
class Prompt:
    """Text that stands before the patches (Time-LLM, section 3.2, "prompt-as-prefix"). Every part can be switched off.

    Attributes:
        domain: what the series are, in the user's words; read before everything else.
        task: whether to state the task ("forecast the next 24 steps from the last 168").
        parts: which statistics of each window to state; `()` for none.
        statistics: `"scaled"` states them in units of the window's own spread around its level, which keeps the
            forecast affine equivariant; `"units"` states them in the series' own units and gives that up.
        reading: what a bidirectional model (MiniLM, BERT) does with the prompt. `"bidirectional"`: prompt and patches
            see each other. `"prefix"`: patches see all, while static text and then the statistics see only what stands
            before them and themselves; another function and a cheaper one, since static text is read once. `"auto"`:
            as a prefix wherever the model can (not T5); three seeds could not tell their accuracy apart
            (`docs/speed.md`). For a causal model all are the same.
    """

    domain: str = ""
    task: bool = True
    parts: tuple[Statistic, ...] = ("min", "max", "median", "trend", "lags")
    statistics: Literal["scaled", "units"] = "scaled"
    reading: Reading = "auto"

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class Adapter:
    """The size of theta and omega, the only weights that train.

    Attributes:
        patch: steps of one patch.
        stride: steps from one patch to the next.
        hidden: width of the patch embedding.
        heads: heads of the prototype attention.
        head_width: width of each of these heads.
        prototypes: `"direct"` (vectors that start at k-means centres of the word embeddings), `"linear"` (the paper's
            learned map from the whole vocabulary) or `"words"` (the embeddings of `words`, which stay as they are).
        n_prototypes: how many prototypes (`"words"` has as many as words).
        words: the words of `prototypes="words"`.
        features: hidden features kept for each patch before the flatten head (a probe keeps more where they fit).
        dropout: on the flattened features, while training.
    """

    patch: int = 24
    stride: int = 24
    hidden: int = 64
    heads: int = 8
    head_width: int = 32
    prototypes: Literal["direct", "linear", "words"] = "direct"
    n_prototypes: int = 256
    words: tuple[str, ...] = ()
    features: int = 32
    dropout: float = 0.2

    def __post_init__(self) -> None:
        check_options(self)
        at_least(self, 1, "patch", "stride", "hidden", "heads", "head_width", "n_prototypes", "features")
        if self.stride > self.patch:
            raise ConfigError(
                f"stride must not exceed patch, or steps would go unread; got stride={self.stride}, patch={self.patch}"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout must lie in [0, 1); got {self.dropout}")
        if (self.prototypes == "words") != bool(self.words):
            raise ConfigError(
                f"words=(...) and prototypes='words' go together; got prototypes={self.prototypes!r} "
                f"with {len(self.words)} words"
            )


@dataclass(frozen=True)
class Training:
    """How theta and omega are trained.

    Attributes:
        max_steps: optimiser steps at most.
        batch_size: windows in one step.
        accumulate: parts in which a step's windows are read, one after the other: less memory, the same gradient.
        learning_rate: peak of the schedule (linear warm-up, then cosine).
        warmup: fraction of the steps that warm up.
        weight_decay: AdamW's, on weight matrices only.
        clip: largest norm of the gradient.
        average: decay of the moving average of the weights that validation sees and `fit` keeps; 0 for the last ones.
        mirror: learn from each window upside down as well: forecasts then hardly depend on a series' sign, as the
            ridge's do not at all. (A data augmentation; it halves what a free function can overfit.) A probe reads a
            random half of its windows so, each window once.
        evaluate_every: steps between two looks at the validation windows.
        patience: looks without a better validation error before training stops.
        holdout: what validates: `"time"`, the end of each series; or `"series"`, whole series, those with the same
            sentence together. The second judges forecasts of series that `fit` does not see, such as new products that
            come with a text: it alone notices a model that learned sentences by heart.
        validation: fraction of each series, at its end, that validates; with `holdout="series"`, of the series.
        validation_windows: windows looked at for early stopping, evenly spaced (the admission weight and the
            calibration use up to four times as many).
        time_budget: seconds of training at most; `None` for no limit. A run cut by the clock is not repeatable to the
            bit. A probe of windows reads no more of them once it is spent. A probe of sequences must read each, so
            there a budget means training by gradient, unless `mode="probe"`, which leaves it aside with a notice.
        threads: CPU threads; `None` leaves PyTorch's own choice.
        precision: mixed precision of the frozen model's pass.
        progress: whether to show a progress bar (only where standard error is a terminal).
        mode: `"train"` trains by gradient; `"probe"` is one pass of the frozen model over the sequences, or a sample of
            the windows, and the head in closed form (of windows: least squares, whatever the loss). `"auto"` is
            `"train"` for series; for sequences see `config.sequence.settled`.
    """

    max_steps: int = 600
    batch_size: int = 64
    accumulate: int = 1
    learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.97
    mirror: bool = True
    evaluate_every: int = 50
    patience: int = 4
    holdout: Holdout = "time"
    validation: float = 0.15
    validation_windows: int = 512
    time_budget: float | None = None
    threads: int | None = None
    precision: Literal["no", "bf16", "fp16"] = "no"
    progress: bool = True
    mode: Mode = "auto"

    def __post_init__(self) -> None:
        check_options(self)
        at_least(self, 1, "batch_size", "accumulate", "evaluate_every", "patience", "validation_windows")
        at_least(self, 0, "max_steps", "weight_decay")
        if self.threads is not None:
            at_least(self, 1, "threads")
        if self.time_budget is not None and not self.time_budget > 0:
            raise ConfigError(f"time_budget is a number of seconds above 0; got {self.time_budget}")
        if not 0 <= self.average < 1:
            raise ConfigError(f"average is a decay, from 0 to below 1; got {self.average}")
        if not self.clip > 0:
            raise ConfigError(f"clip must be positive; got {self.clip}")
        if not 0 < self.validation < 1:
            raise ConfigError(f"validation is a fraction, between 0 and 1; got {self.validation}")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be positive; got {self.learning_rate}")
        if not 0 <= self.warmup <= 1:
            raise ConfigError(f"warmup is a fraction of the steps, from 0 to 1; got {self.warmup}")


@dataclass(frozen=True)
class Covariates:
    """What is read beside the target: names of the caller's columns.

    Attributes:
        static: text, one sentence for each series; a number is read as words.
        futr_cols: numbers or words that are known of the steps to come (holidays, a weather forecast).
        hist_cols: numbers or words that are known up to now.
        levels: the words of each column that holds words, as `fit` found them; each becomes a column of zeros and ones.
    """

    static: str | None = None
    futr_cols: tuple[str, ...] = ()
    hist_cols: tuple[str, ...] = ()
    levels: tuple[Any, ...] = ()  # of pairs: a name and its words; JSON has lists, so tuples are made of them

    def __post_init__(self) -> None:
        for name in ("futr_cols", "hist_cols"):
            listed = getattr(self, name)
            if isinstance(listed, str) or not all(isinstance(each, str) for each in listed):
                raise ConfigError(f"{name} must list names of columns; got {listed!r}. Pass {name}=['...']")
        if self.static is not None and not isinstance(self.static, str):
            raise ConfigError(f"static must name one column; got {self.static!r}. Pass static='...'")
        try:
            levels = tuple((str(name), tuple(map(str, words))) for name, words in self.levels)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"levels must hold names and their words; got {self.levels!r}") from error
        object.__setattr__(self, "levels", levels)
        if twice := [name for place, name in enumerate(self.names) if name in self.names[:place]]:
            raise ConfigError(
                f"column {twice[0]!r} is named more than once: static={self.static!r}, "
                f"futr_cols={list(self.futr_cols)}, hist_cols={list(self.hist_cols)}. Name it once"
            )

    @classmethod
    def of(cls, static: Any = None, futr_cols: Any = (), hist_cols: Any = ()) -> Covariates:
        """From what a caller holds: lists, an index, an array of names."""
        listed: Any = [each if isinstance(each, str) else tuple(each) for each in (futr_cols, hist_cols)]
        return cls(static, *listed)

    @property
    def numeric(self) -> tuple[str, ...]:
        """The columns as numbers, those known ahead first: a column of words is one for each word."""
        return self._spread(*self.futr_cols, *self.hist_cols)

    @property
    def ahead(self) -> int:
        """How many of these are known ahead."""
        return len(self._spread(*self.futr_cols))

    @property
    def names(self) -> tuple[str, ...]:
        """All columns of the frame."""
        return (*self.futr_cols, *self.hist_cols, *(() if self.static is None else (self.static,)))

    def _spread(self, *names: str) -> tuple[str, ...]:
        words = dict(self.levels)
        return tuple(
            each for name in names for each in ([f"{name}={word}" for word in words[name]] if name in words else [name])
        )


@dataclass(frozen=True)
class ForecastConfig:
    """Everything that makes a forecaster, short of its data. `Forecaster`'s arguments, and the artifact's JSON."""

    horizon: int
    context: int = DEFAULT_CONTEXT
    backbone: str = "minilm"
    layers: int | None = 2
    level: tuple[float, ...] = (80,)
    loss: Loss = "mse"
    base: Base = "ridge"
    seed: int = 0
    device: Device = "auto"
    prompt: Prompt = field(default_factory=Prompt)
    adapter: Adapter = field(default_factory=Adapter)
    training: Training = field(default_factory=Training)
    covariates: Covariates = field(default_factory=Covariates)

    def __post_init__(self) -> None:
        for name in ("horizon", "context", "layers", "seed"):
            object.__setattr__(self, name, whole(getattr(self, name)))
        check_options(self)
        at_least(self, 1, "horizon")
        if self.layers is not None:
            at_least(self, 1, "layers")
        check_kinds(self, prompt=Prompt, adapter=Adapter, training=Training, covariates=Covariates)
        if self.context < self.adapter.patch:
            raise ConfigError(
                f"context must hold one patch at least; got context={self.context}, patch={self.adapter.patch}. "
                "Lengthen context or pass adapter=Adapter(patch=...)"
            )
        at_least(self, 0, "seed")
        if wrong := [level for level in self.level if isinstance(level, bool | str) or not isinstance(level, Real)]:
            raise ConfigError(f"level must hold numbers, the coverage in percent; got {wrong[0]!r}")
        if wrong := [level for level in self.level if 0 < level < 1]:
            raise ConfigError(f"level is in percent: {wrong[0]:g} should be {100 * wrong[0]:g}")
        if wrong := [level for level in self.level if not 0 < level < 100]:
            raise ConfigError(f"level is the coverage of an interval in percent, between 0 and 100; got {wrong[0]}")
        object.__setattr__(
            self, "level", tuple(sorted({int(each) if each == int(each) else float(each) for each in self.level}))
        )

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """The quantiles that bound the intervals, in rising order: `(80,)` gives `(0.1, 0.9)`."""
        tails = [(1 - level / 100) / 2 for level in sorted(self.level, reverse=True)]
        return (*tails, *(1 - tail for tail in reversed(tails)))

    @property
    def patches(self) -> int:
        """Soft tokens of one window; what is read is padded at its start until patches cover it."""
        return -(-(self.span - self.adapter.patch) // self.adapter.stride) + 1

    @property
    def span(self) -> int:
        """Steps that are read: the context and, where something is known of it, the horizon."""
        return self.context + (self.horizon if self.covariates.futr_cols else 0)

    @property
    def slots(self) -> int:
        """States that the head reads of one window: of each patch and, where there is one, of its sentence."""
        return self.patches + (self.covariates.static is not None)

    @property
    def mirrors(self) -> bool:
        """Whether windows are learned from upside down as well.

        Not where something is read beside the target: covariates and text have no upside down, and a window that is
        turned beside them would say that what raises the target lowers it.
        """
        return self.training.mirror and not self.covariates.names


@dataclass(frozen=True)
class Open:
    """What a caller left open, to be decided by the data."""

    context: bool
    layers: bool


def settled(config: ForecastConfig, names: Covariates, left: Open, *, longest: int) -> ForecastConfig:
    """The config with the columns that are read, and with what was left open decided.

    The context is a third of the longest series' steps, `DEFAULT_CONTEXT` at most. Patches need two layers; a sentence
    is read by all, as the language model learned to.
    """
    context, layers = config.context, config.layers
    if left.context:
        context = max(config.adapter.patch, min(DEFAULT_CONTEXT, longest // 3))
    if left.layers:
        layers = ForecastConfig.layers if names.static is None else None
    return replace(config, covariates=names, context=context, layers=layers)


def to_dict(config: ForecastConfig) -> dict[str, Any]:
    """Plain dicts, lists, strings and numbers, for JSON or TOML."""
    return asdict(config)


def forecast_config(values: dict[str, Any]) -> ForecastConfig:
    """The inverse of `to_dict`; unknown names raise `ConfigError`."""
    parts = {"prompt": Prompt, "adapter": Adapter, "training": Training, "covariates": Covariates}
    made = {name: make_config(kind, values.get(name, {})) for name, kind in parts.items()}
    return make_config(ForecastConfig, {**values, **made})


def read_toml(path: str | Path) -> dict[str, Any]:
    """A TOML file as a dict. Raises `ConfigError` for a missing or malformed file."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"config {str(path)!r} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"config {str(path)!r} is not valid TOML: {error}") from error


def make_config(kind: type, values: dict[str, Any]) -> Any:
    """An options dataclass from plain values; unknown names raise `ConfigError`."""
    known = [item.name for item in fields(kind)]
    if unknown := sorted(set(values) - set(known)):
        raise ConfigError(f"{kind.__name__} has no option {unknown[0]!r}; it has {known}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def check_options(config: Any) -> None:
    """Refuses a value outside its `Literal`, and a number where text stands."""
    for name, hint in get_type_hints(type(config)).items():
        value = getattr(config, name)
        inner = get_args(hint)
        if getattr(hint, "__origin__", None) is Literal and value not in inner:
            raise ConfigError(f"{name} must be one of {list(inner)}; got {value!r}")
        if name == "parts" and (wrong := [part for part in value if part not in get_args(Statistic)]):
            raise ConfigError(f"parts may hold {list(get_args(Statistic))}; got {wrong[0]!r}")
        if hint == int | None and value is not None:
            hint = int
        if hint is int and (isinstance(value, bool) or not isinstance(value, int)):
            raise ConfigError(f"{name} must be a whole number; got {value!r}")
        if hint is float and not isinstance(value, int | float):
            raise ConfigError(f"{name} must be a number; got {value!r}")


def check_kinds(config: Any, **kinds: type) -> None:
    """Refuses anything but the options dataclass that belongs there."""
    for name, kind in kinds.items():
        if not isinstance(value := getattr(config, name), kind):
            raise ConfigError(
                f"{name} must be made by {kind.__name__}(...); got {value!r}. Pass {name}={kind.__name__}(...)"
            )


def whole(value: Any) -> Any:
    """NumPy's whole numbers as Python's; everything else as it is."""
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


def at_least(config: Any, least: int, *names: str) -> None:
    """Refuses smaller numbers."""
    for name in names:
        if (value := getattr(config, name)) < least:
            raise ConfigError(f"{name} must be at least {least}; got {value}")
