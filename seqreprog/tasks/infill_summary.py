"""What a fit of an infilling model did, to read and to save."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..fit.admission import FEWEST

BASE, MODEL, WHOLE = "base", "language model", "seqreprog"


@dataclass
class InfillSummary:
    """What `fit` did and what each part contributes, on symbols that were held out.

    Attributes:
        trained: weights of theta and omega, and those of a peft adapter; of the probe those of omega alone.
        tuned: those of a peft adapter alone; above 0 the backbone is no longer frozen.
        held_out: symbols that judge: of the probe every one that was learned from, in its turn.
        hidden: symbols that are hidden, known and read.
        folds: 1 where a part of the sequences was held out, more where every one was in its turn.
        features: of the base: `"run"` or `"neighbours"`; see `runs`.
        scores: of the base, the language model and what predicts, each at its own best temperature.
        heats: those temperatures.
    """

    method: str
    backbone: str
    layers: int
    trained: int
    frozen: int
    sequences: int
    groups: int
    held_out: int
    hidden: int
    length: int
    temperature: float
    scores: dict[str, dict[str, float]]
    seconds: float
    tuned: int = 0
    steps: int = 0
    best_step: int = 0
    stopped: str = ""
    notices: list[str] = field(default_factory=list)
    mode: str = "train"
    base: str = "none"
    features: str = ""
    folds: int = 1
    weight: float = 1.0
    gain: float | None = None
    blocks: int = 0
    heats: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """A summary to read."""
        frozen = f"{self.frozen:,} weights frozen"
        if self.tuned:
            frozen += f", no longer as they were: a peft adapter trains {self.tuned:,} weights inside it"
        found = f"in {self.steps} steps (best at {self.best_step}: {self.stopped})"
        if self.mode == "probe":
            found = f"of the head, solved on the states of {self.layers + 1} layers"
        whole = f"{self.sequences:,} with {self.hidden:,} hidden symbols; {self.held_out:,} of these held out"
        if self.folds > 1:
            whole = f"{self.sequences:,} with {self.hidden:,} hidden symbols; each held out once, in {self.folds} folds"
            if self.held_out < self.hidden:
                whole += f", of {self.held_out:,} evenly spaced ones"
        rows = [
            ("backbone", f"{self.backbone}, first {self.layers} layers, {frozen}"),
            ("method", f"{self.method}; {self.length} symbols read of a sequence"),
            ("trained", f"{self.trained:,} weights {found}"),
            ("sequences", whole),
            *([("base", self._base)] if self.features else []),
            ("temperature", f"{self.temperature:.2f}"),
            ("seconds", f"{self.seconds:.1f}"),
            *(
                ("held out", f"{name}: recovery {found['recovery']:.1f} %, perplexity {found['perplexity']:.2f}")
                for name, found in self.scores.items()
            ),
            *([("verdict", self.verdict)] if self.verdict else []),
            *(("notice", notice) for notice in self.notices),
        ]
        return "\n".join(f"{name:<12} {text}" for name, text in rows)

    @property
    def _base(self) -> str:
        said = "a linear model of a blank's place in its run"
        said += " and of the symbols around it" if self.features == "neighbours" else ""
        return said + ("; reported only" if self.base == "none" else "")

    @property
    def verdict(self) -> str:
        """One sentence: what the language model adds; none for a fit of a release that had no base."""
        if BASE not in self.scores:
            return ""
        base, whole = self.scores[BASE], self.scores[WHOLE]
        change = (
            f"held-out perplexity {whole['perplexity']:.2f} instead of {base['perplexity']:.2f} and recovery "
            f"{whole['recovery']:.1f} % instead of {base['recovery']:.1f} %"
        )
        if self.base == "none":
            return f"the language model stands alone: {change} of the base"
        if self.weight > 0:
            return (
                f"the language model was admitted with weight {self.weight:.2f}: {change} of the base alone, beyond "
                f"chance over {self.blocks} groups of sequences"
            )
        if self.blocks < FEWEST:
            return (
                f"the language model was not admitted: {self.blocks} held-out groups of sequences are too few to prove "
                f"that it helps; {FEWEST} are needed"
            )
        return (
            f"the language model was not admitted: the best weight would change the base's log loss by "
            f"{-(self.gain or 0.0):+.1%} over {self.blocks} held-out groups of sequences, no gain beyond chance"
        )
