"""Records -> means, spreads and paired intervals."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sequence_parts.rows import LESS, PEPTIDES, Row

from seqreprog.metrics.labels import auc

DRAWS = 5000  # of a bootstrap


class Figure(NamedTuple):
    """A score over the places of a row."""

    mean: float
    spread: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.spread:.4f}" if self.count > 1 else f"{self.mean:.4f}"


class Interval(NamedTuple):
    """A mean difference with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.4f} ({self.low:+.4f} to {self.high:+.4f})"


def values(records: list[dict[str, Any]], row: str, form: str, score: str, fit: str | None = None) -> dict[str, float]:
    """A score by place; `form` as in `test` of a record, `fit` where another fit answered (random, none)."""
    fit = fit or ("floor" if form == "floor" else "base")
    return {
        one["place"]: one["test"][form][score]
        for one in records
        if (one["row"], one["form"]) == (row, fit) and score in one["test"].get(form, {})
    }


def figure(found: dict[str, float], score: str) -> Figure | None:
    """Mean and standard deviation over places; errors are summed over the folds of a repeat first."""
    if not found:
        return None
    each = list(found.values())
    if score == "errors":
        sums: dict[str, float] = {}
        for place, value in found.items():
            name = place.split(",")[0] if "," in place else "all"
            sums[name] = sums.get(name, 0.0) + value
        each = list(sums.values())
    return Figure(float(np.mean(each)), float(np.std(each, ddof=1)) if len(each) > 1 else 0.0, len(each))


def over_sets(records: list[dict[str, Any]], names: Sequence[str], score: str = "AUC", form: str = "base") -> Any:
    """Base less floor at the same places, averaged within and then over sets; places are drawn anew within each set."""
    parts = []
    for name in names:
        ours, theirs = values(records, name, form, score), values(records, name, "floor", score)
        both = sorted(set(ours) & set(theirs))
        if not both:
            return None
        parts.append(np.array([ours[place] - theirs[place] for place in both]))
    random = np.random.default_rng(0)
    drawn = [part[random.integers(len(part), size=(DRAWS, len(part)))].mean(1) for part in parts]
    low, high = np.percentile(np.mean(drawn, axis=0), [2.5, 97.5])
    return Interval(float(np.mean([part.mean() for part in parts])), float(low), float(high))


def over_tests(records: list[dict[str, Any]], row: str, form: str) -> Interval | None:
    """AUC less the floor's on the same draws of test sequences, averaged over seeds."""
    kept = {(one["place"], one["form"]): one for one in records if one["row"] == row and "answers" in one}
    pairs = [(one, kept[place, "floor"]) for (place, fit), one in kept.items()
             if fit == "base" and (place, "floor") in kept]  # fmt: skip
    if not pairs:
        return None
    truth = np.array(pairs[0][0]["truth"]) == 1
    said = [(np.array(one["answers"][form]), np.array(floor["answers"]["floor"])) for one, floor in pairs]

    def difference(rows: np.ndarray) -> float:
        return float(np.mean([auc(truth[rows], a[rows]) - auc(truth[rows], b[rows]) for a, b in said]))

    random, every = np.random.default_rng(0), np.arange(len(truth))
    drawn = [difference(random.integers(len(truth), size=len(truth))) for _ in range(DRAWS // 5)]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Interval(difference(every), float(low), float(high))


def reached(score: str, value: float, goal: float) -> bool:
    return value <= goal if score in LESS else value >= goal


def whole(records: list[dict[str, Any]], row: Row) -> bool:
    """Whether every place of a row is there, with its floor."""
    wanted = row.count * row.repeats
    return all(len([one for one in records if (one["row"], one["form"]) == (row.name, fit)]) >= wanted
               for fit in ("base", "floor"))  # fmt: skip


def mean_over(records: list[dict[str, Any]], form: str, suffix: str = "") -> Figure | None:
    """The mean AUC of the five peptide sets, and its spread over them."""
    found = [figure(values(records, name + suffix, form, "AUC"), "AUC") for name in PEPTIDES]
    means = [one.mean for one in found if one is not None]
    if len(means) < len(PEPTIDES):
        return None
    return Figure(float(np.mean(means)), float(np.std(means, ddof=1)), len(means))
