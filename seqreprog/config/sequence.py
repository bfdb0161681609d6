"""Options of a model for discrete sequences: a frozen, flat dataclass, as those of `config/forecast.py`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from numbers import Real
from typing import Any, Literal, get_type_hints

from ..errors import ConfigError
from .fields import at_least, check_kinds, check_options, check_seed, make_config, whole
from .forecast import Adapter, Device, Training

Kind = Literal["protein", "dna", "rna", "smiles", "selfies", "custom"]
Task = Literal["classify", "regress", "multilabel", "infill"]
Method = Literal["prototype", "dictionary", "soft_prompt", "perturbation", "rewriter"]
Output = Literal["head", "verbaliser", "words", "random", "frequency", "iterative"]
PoolingName = Literal["auto", "attention", "max", "mean", "last"]
SequenceBase = Literal["linear", "none"]

USUAL = Training(evaluate_every=25, patience=5)  # looks often, for sets are small
NOT_SCHEDULE = ("mode", "threads", "precision", "progress")  # of `Training`: the probe has use for these as well
NUMERIC = ("patch", "stride", "features")  # of `Adapter`, which sequences have no use for


@dataclass(frozen=True)
class SequenceOptions:
    """What an estimator of sequences can be told beyond its own arguments.

    Attributes:
        pooling: how the states of a sequence become one: see `outputs.pooled.Pooling`. `"auto"` is `"attention"` for
            the head, and `"last"` where words are asked of the model, which knows `"mean"` and `"last"` alone.
        patch: symbols of one soft token.
        stride: symbols from one soft token to the next; `None` for `patch`.
        limit: symbols read of each sequence; `None` for as many as the backbone has positions for.
        prompt: what is said before the sequence, in the user's words.
        canonical: spell SMILES as RDKit does; needs the extra `chem`. Those that it cannot read (with `augment` too)
            are treated as `on_unknown` says: refused, left out, or read as they are written.
        augment: other spellings of each molecule (`kind="smiles"`, extra `chem`), drawn at random, that are read beside
            its own, in `fit` and for an answer, which is their mean (Bjerrum 2017). All are one example: on one side of
            every split, and judged as one. A fit takes more than `augment + 1` times as long.
        identity: sequences at least as identical, above 0 and at most 1, stay on one side of every split, and judge
            with one voice; `None` says so of copies alone. Identity is the longest common subsequence over the longer
            length, and linked sequences are joined whole (`data.groups.identity_groups`). Made for peptides: time grows
            with the squares of number and length. Of molecules say `fit(..., groups=seqreprog.chem.scaffolds(X))`.
        sparsity: words that make up one symbol (`method="dictionary"`); `None` for all of them (ReprogBERT).
        vectors: trained vectors before (`method="soft_prompt"`) or behind the sequence (`"perturbation"`).
        window: symbols that rewrite one (`method="rewriter"`); odd.
        source_words: words that the rewriter writes with; drawn at random.
        label_words: for each class, in order, the text that stands for it.
        words_per_class: of the many-to-one label maps.
        device: as for `ForecastConfig`.
        adapter: as there; its `patch`, `stride` and `features` are for numbers.
        training: how omega is found: `mode="probe"` solves it in closed form on the states of every layer
            (`symbol_probe`, `infill_probe`), `"train"` trains it with theta by gradient, and `"auto"` decides: see
            `settled`. Schedule, budget, threads.
    """

    pooling: PoolingName = "auto"
    patch: int = 1
    stride: int | None = None
    limit: int | None = None
    prompt: str = ""
    canonical: bool = False
    augment: int = 0
    identity: float | None = None
    sparsity: int | None = 16
    vectors: int = 8
    window: int = 5
    source_words: int = 512
    label_words: tuple[str, ...] = ()
    words_per_class: int = 8
    device: Device = "auto"
    adapter: Adapter = field(default_factory=Adapter)
    training: Training = USUAL

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            if hint in (int, int | None):
                object.__setattr__(self, name, whole(getattr(self, name)))
        check_options(self)
        check_kinds(self, adapter=Adapter, training=Training)
        at_least(self, 1, "patch", "vectors", "window", "source_words", "words_per_class")
        at_least(self, 0, "augment")
        if self.identity is not None and not (_number(self.identity) and 0 < self.identity <= 1):
            raise ConfigError(f"identity is a share of symbols, above 0 and at most 1; got {self.identity!r}")
        for name in ("stride", "limit", "sparsity"):
            if getattr(self, name) is not None:
                at_least(self, 1, name)
        if self.step > self.patch:
            raise ConfigError(
                "stride must not exceed patch, or symbols would go unread; "
                f"got stride={self.stride}, patch={self.patch}"
            )
        if self.window % 2 == 0:
            raise ConfigError(f"window must be odd, so that a symbol stands in its middle; got {self.window}")
        for name in NUMERIC:
            if getattr(self.adapter, name) != getattr(Adapter(), name):
                remedy = f"Pass {name}=... beside adapter" if name != "features" else "Leave it out"
                raise ConfigError(f"adapter.{name} is for numeric series; got {getattr(self.adapter, name)}. {remedy}")

    @property
    def step(self) -> int:
        """The stride that is used."""
        return self.patch if self.stride is None else self.stride

    def values(self) -> dict[str, Any]:
        """The options by name, for `SequenceConfig`."""
        return {item.name: getattr(self, item.name) for item in fields(SequenceOptions)}


@dataclass(frozen=True)
class SequenceConfig(SequenceOptions):
    """Everything that makes a sequence model, short of its data: the estimators' arguments, and the artifact's JSON.

    Attributes:
        kind: what the sequences are.
        task: what is asked of them.
        method: h_theta: `"prototype"` (attention over text prototypes), `"dictionary"` (R2DL, ReprogBERT),
            `"soft_prompt"` (WARP), `"perturbation"` (Voice2Series) or `"rewriter"` (Neekhara et al. 2019).
        output: h_omega: `"head"` has weights (for infilling the token map of ReprogBERT). For classes alone:
            `"verbaliser"` (a trained vector for each, from `label_words` where given), `"words"` (the frozen embeddings
            of `label_words`), or `"random"`, `"frequency"`, `"iterative"`: many words of the vocabulary to one class.
        backbone: as for `ForecastConfig`.
        layers: as there.
        base: `"linear"` adds to an n-gram model (infilling: `runs`); `"none"` is the pure form.
        seed: as for `ForecastConfig`.
    """

    kind: Kind = "protein"
    task: Task = "classify"
    method: Method = "prototype"
    output: Output = "head"
    backbone: str = "minilm"
    layers: int | None = None
    base: SequenceBase = "linear"
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_seed(self.seed)
        if self.layers is not None:
            at_least(self, 1, "layers")
        if self.canonical and (self.kind != "smiles" or self.task == "infill"):
            raise ConfigError(
                f"canonical=True spells whole molecules anew; it is for kind='smiles' and not for infilling, of which "
                f"spans would miss their symbols; got kind={self.kind!r}, task={self.task!r}. Leave it out"
            )
        if self.augment and (self.kind != "smiles" or self.task == "infill"):
            raise ConfigError(
                f"augment={self.augment} reads other spellings of whole molecules; it is for kind='smiles' and not for "
                f"infilling, got kind={self.kind!r}, task={self.task!r}. Leave it out"
            )
        if self.identity is not None and self.kind in ("smiles", "selfies"):
            raise ConfigError(
                f"identity={self.identity} compares symbols, and a molecule has many spellings; got "
                f"kind={self.kind!r}. Pass groups=scaffolds(X) to fit, from seqreprog.chem"
            )
        if self.task == "infill" and self.patch > 1:
            raise ConfigError(f"infilling answers for each symbol and needs patch=1; got patch={self.patch}")
        if self.method == "rewriter" and self.patch > 1:
            raise ConfigError(f"the rewriter writes one word for each symbol and needs patch=1; got patch={self.patch}")
        self._check_output()
        if self.training.mode == "probe" and not _solvable(self):
            raise ConfigError(
                "training.mode='probe' solves a head of its own; got "
                f"task={self.task!r}, output={self.output!r}, pooling={self.pooling!r}. Pass mode='train'"
            )

    def _check_output(self) -> None:
        if self.task != "classify" and self.output != "head":
            raise ConfigError(f"output={self.output!r} answers with classes; task={self.task!r} needs output='head'")
        if self.output != "head" and self.pooling not in ("auto", "mean", "last"):
            raise ConfigError(
                f"output={self.output!r} reads one state of the model; pass pooling='last' or 'mean', "
                f"not {self.pooling!r}"
            )
        if self.task == "infill" and self.pooling != "auto":
            raise ConfigError(f"infilling answers for each symbol and pools nothing; got pooling={self.pooling!r}")
        if self.output == "words" and not self.label_words:
            raise ConfigError("output='words' asks the model for the words of the classes. Pass label_words=(...)")
        if self.label_words and self.output not in ("words", "verbaliser"):
            raise ConfigError(
                f"label_words are for output='words' or 'verbaliser'; got output={self.output!r} "
                f"with {len(self.label_words)} words"
            )


def sequence_dict(config: SequenceConfig) -> dict[str, Any]:
    """Plain dicts, lists, strings and numbers, for JSON or TOML."""
    return asdict(config)


def sequence_config(values: dict[str, Any]) -> SequenceConfig:
    """The inverse of `sequence_dict`; unknown names raise `ConfigError`."""
    parts = {"adapter": Adapter, "training": Training}
    made = {name: make_config(kind, values[name]) for name, kind in parts.items() if name in values}
    return make_config(SequenceConfig, {**values, **made})


def settled(config: SequenceConfig, *, tuned: bool = False) -> SequenceConfig:
    """The config with `training.mode` decided.

    `"auto"` is `"probe"` for `method="prototype"` with a head of no named pooling, short of a peft adapter, and where
    nothing of the schedule was set: whoever says how to train by gradient gets that. The other methods are trained, as
    published, unless `mode="probe"` is asked for.

    Args:
        config: with any mode.
        tuned: whether a peft adapter trains inside the backbone.

    Raises:
        ConfigError: the probe was asked for together with a peft adapter, which it would leave as it starts.
    """
    training = config.training
    if training.mode == "probe" and tuned:
        raise ConfigError("training.mode='probe' trains nothing by gradient, a peft adapter neither. Pass mode='train'")
    if training.mode != "auto":
        return config
    usual = (Training(), USUAL)
    scheduled = any(
        getattr(training, item.name) not in [getattr(one, item.name) for one in usual]
        for item in fields(Training)
        if item.name not in NOT_SCHEDULE
    )
    solves = config.method == "prototype" and _solvable(config) and not tuned and not scheduled
    return replace(config, training=replace(training, mode="probe" if solves else "train"))


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _solvable(config: SequenceConfig) -> bool:
    """Whether the head is one that the probe has."""
    return config.output == "head" and config.pooling == "auto"


def options_of(config: SequenceConfig) -> SequenceOptions:
    """The options that a config was made with."""
    return SequenceOptions(**config.values())
