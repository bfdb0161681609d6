"""What a fit on sequences did, to read and to save."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..fit.admission import FEWEST

HEADLINE = {"classify": "log loss", "multilabel": "log loss", "regress": "RMSE"}


@dataclass
class SequenceSummary:
    """What `fit` did and what each part contributes, on examples that were held out.

    Attributes:
        trained: weights of theta and omega, and those of a peft adapter; of the probe those of omega alone.
        tuned: those of a peft adapter alone; above 0 the backbone is no longer frozen.
        groups: sequences that are no copies of each other, or the caller's groups.
        folds: 1 where a part was held out, more where every example was in its turn.
        length: symbols that the language model reads of a sequence.
        mode: `"train"`, or `"probe"`, which takes no steps.
        spellings: in which each sequence was read, and is.
        own_temperature: that of the language model alone, which in the pure form is `temperature`.
        few: whether examples were too few to choose a weight among many: it is then a half or nothing.
        scores: of `"n-gram"`, `"language model"` and `"seqreprog"` (what predicts), by the name of the score.
    """

    task: str
    method: str
    output: str
    backbone: str
    layers: int
    base: str
    trained: int
    tuned: int
    frozen: int
    sequences: int
    groups: int
    held_out: int
    folds: int
    length: int
    features: str
    weight: float
    gain: float | None
    blocks: int
    temperature: float
    scores: dict[str, dict[str, float]]
    seconds: dict[str, float]
    mode: str = "train"
    own_temperature: float = 1.0
    few: bool = False
    spellings: int = 1
    steps: int = 0
    best_step: int = 0
    stopped: str = ""
    notices: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """A summary to read."""
        frozen = f"{self.frozen:,} weights frozen"
        if self.tuned:
            frozen += f", no longer as they were: a peft adapter trains {self.tuned:,} weights inside it"
        whole = f"{self.held_out:,} of {self.sequences:,} held out"
        if self.folds > 1:
            few = "" if self.mode == "probe" else ", too few to hold a part out"
            whole = f"{self.sequences:,}{few}: each was held out once, in {self.folds} folds"
            if self.held_out < self.sequences:
                whole = (
                    f"{self.held_out:,} of {self.sequences:,}, evenly spaced: each held out once, in {self.folds} folds"
                )
        if self.spellings > 1:
            whole += f"; read in {self.spellings} spellings"
        found = f"in {self.steps} steps (best at {self.best_step}: {self.stopped})"
        if self.mode == "probe":
            found = f"of the head, solved in closed form on the states of {self.layers + 1} layers"
        rows = [
            ("backbone", f"{self.backbone}, first {self.layers} layers, {frozen}"),
            ("method", f"{self.method}, {self.output}; {self.length} symbols read of a sequence"),
            ("trained", f"{self.trained:,} weights {found}"),
            ("sequences", whole),
            ("base", self._base),
            *([("temperature", f"{self.temperature:.2f}")] if self.task != "regress" else []),
            ("seconds", ", ".join(f"{name} {spent:.1f}" for name, spent in self.seconds.items())),
            *(("held out", f"{name}: {self._line(found)}") for name, found in self.scores.items()),
            ("verdict", self.verdict),
            *(("notice", notice) for notice in self.notices),
        ]
        return "\n".join(f"{name:<12} {text}" for name, text in rows)

    @property
    def _base(self) -> str:
        """What stands beside the language model; of one-hot features also how they read what is not aligned."""
        said = f"n-gram model on {self.features} features"
        if self.base == "none":
            return f"{said}; reported only"
        return f"{said}: sequences of another length are read from their start" if self.features == "onehot" else said

    @property
    def verdict(self) -> str:
        """One sentence: what the language model adds."""
        name = HEADLINE[self.task]
        base, whole = self.scores["n-gram"].get(name, 0.0), self.scores["seqreprog"].get(name, 0.0)
        if not base > 0:
            return "the n-gram model makes no error on what was held out: there is nothing for a language model to add"
        change = f"held-out {name} {whole / base - 1:+.1%} against the n-gram model"
        if self.base == "none":
            return f"the language model stands alone; {change}"
        if self.few and self.blocks >= FEWEST:
            if self.weight > 0:
                return f"few examples: half weight, {change} over {self.blocks} of them"
            return (
                f"few examples: the language model was not admitted, half weight would change the n-gram model's loss "
                f"by {-(self.gain or 0.0):+.1%} on {self.blocks} held-out examples"
            )
        if self.weight > 0:
            return (
                f"the language model was admitted with weight {self.weight:.2f}: {change}, beyond chance over "
                f"{self.blocks} held-out examples"
            )
        if self.blocks < FEWEST:
            return (
                f"the language model was not admitted: {self.blocks} held-out examples are too few to prove that it "
                f"helps; {FEWEST} are needed"
            )
        return (
            f"the language model was not admitted: the best weight would change the n-gram model's loss by "
            f"{-(self.gain or 0.0):+.1%} on {self.blocks} held-out examples, which is no gain beyond chance"
        )

    def _line(self, found: dict[str, float]) -> str:
        return ", ".join(f"{name} {value:.4f}" for name, value in found.items())
