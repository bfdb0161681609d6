"""What a fit on whole series did, to read and to save."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class SeriesSummary:
    """What `fit` did, and how well it answered for series that were held out.

    Attributes:
        trained: weights that were found: of theta and omega, or of omega alone where it was solved in closed form.
        held_out: series that judged; each was answered for by a model that had not learned from it.
        how: how they were held out.
        scores: on those series, by name.
    """

    task: str
    form: str
    mode: str
    backbone: str
    layers: int
    trained: int
    frozen: int
    series: int
    channels: int
    length: int
    held_out: int
    how: str
    temperature: float
    scores: dict[str, float]
    seconds: dict[str, float]
    steps: int = 0
    best_step: int = 0

    def __str__(self) -> str:
        """A summary to read."""
        found = f"in {self.steps} steps (best at {self.best_step})" if self.mode == "train" else "in closed form"
        rows = [
            ("backbone", f"{self.backbone}, first {self.layers} layers, {self.frozen:,} weights frozen"),
            ("form", f"{self.form}; {self.trained:,} weights {found}"),
            ("series", f"{self.series:,} of {self.channels} channels, usually {self.length} steps"),
            ("held out", f"{self.held_out:,}, {self.how}: "
             + ", ".join(f"{name} {value:.4f}" for name, value in self.scores.items())),
            *([("temperature", f"{self.temperature:.2f}")] if self.task == "classify" else []),
            ("seconds", ", ".join(f"{name} {spent:.1f}" for name, spent in self.seconds.items())),
        ]  # fmt: skip
        return "\n".join(f"{name:<12} {text}" for name, text in rows)
