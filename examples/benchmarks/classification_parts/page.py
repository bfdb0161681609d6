"""Records -> docs/results-classification.md."""

from typing import Any

import numpy as np
from classification_parts.run import CONTROLLED, CONTROLS
from classification_parts.sets import PUBLISHED, UCR, UEA

Records = list[dict[str, Any]]
Figures = dict[str, dict[str, float]]  # by column, by set
OURS = {"prototype": "prototype (ours)", "voice2series": "Voice2Series (ours)"}
SCORES = ("accuracy", "log loss")
CAUSE = {
    "prototype": " What classifies is the random map of patches onto prototypes and the statistics of many views of "
    "it; the frozen layers behind it are not what the accuracy comes from."
}
COMMAND = "python examples/benchmarks/classification.py"
OPENING = f"""# Classifying series: measured results

The archives' own training and test parts. `prototype` is the default of `ReprogClassifier`: patches, text prototypes,
the frozen MiniLM (two layers), a head in closed form. `Voice2Series` trains one perturbation for all series and has the
frozen model answer in its own words. Both with the same settings for every set: nothing is chosen set by set, and the
settings were chosen on training files alone. 1-NN is the nearest training series by Euclidean distance, measured in
the same run. FCN, ResNet, InceptionTime and HC2 are published accuracies (FCN and ResNet the mean of several runs).

Command of every table: `{COMMAND} --page docs/results-classification.md`, or `make bench-classification`.
"""


def page(known: dict[str, Any], references: Figures, attempts: str) -> str:
    """The page, from whatever is finished. `references` holds published accuracies, by set and method."""
    records: Records = known["records"]
    columns = _columns(records, references)
    parts = [OPENING, _summary(columns), _univariate(columns, records), _multivariate(columns, records)]
    parts += [_pretraining(records), _cost(records), attempts]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def ranks(columns: Figures, names: tuple[str, ...]) -> dict[str, float]:
    """Each column's mean rank over the sets that all of them have, on three digits; equal ones share their ranks."""
    table = np.array([[round(column[name], 3) for column in columns.values()] for name in names])
    better = (table[:, None, :] > table[:, :, None]).sum(2)
    equal = (table[:, None, :] == table[:, :, None]).sum(2)
    return dict(zip(columns, (better + (equal + 1) / 2).mean(0).tolist(), strict=True))


def _columns(records: Records, references: Figures) -> Figures:
    found: Figures = {}
    for form, title in (*OURS.items(), ("ed", "1-NN")):
        means: dict[str, list[float]] = {}
        for one in records:
            if one["form"] == form:
                means.setdefault(one["row"], []).append(one["test"]["accuracy"])
        found[title] = {name: float(np.mean(each)) for name, each in means.items()}
    for method in PUBLISHED:
        found[method] = {name: each[method] for name, each in references.items() if method in each}
    return found


def _summary(columns: Figures) -> str:
    whole = {title: column for title, column in columns.items() if set(UCR) <= set(column)}
    if OURS["prototype"] not in whole:
        return "## Goals\n\nNot all sets are measured yet."
    rank, ours = ranks(whole, UCR), OURS["prototype"]
    mean = {title: float(np.mean([column[name] for name in UCR])) for title, column in whole.items()}
    lines = [f"| {title} | {mean[title]:.4f} | {rank[title]:.2f} |" for title in sorted(whole, key=rank.__getitem__)]
    sides = [np.sign(round(whole[ours][name], 3) - whole["FCN"][name]) for name in UCR]
    goals = [
        f"Mean rank ahead of FCN: {rank[ours]:.2f} against {rank['FCN']:.2f}, "
        f"{'reached' if rank[ours] < rank['FCN'] else 'missed'} (better on {sides.count(1)} sets, equal on "
        f"{sides.count(0)}, worse on {sides.count(-1)}).",
        f"Mean accuracy above 1-NN: {mean[ours]:.4f} against {mean['1-NN']:.4f}, "
        f"{'reached' if mean[ours] > mean['1-NN'] else 'missed'}.",
    ]
    head = "| method | mean accuracy | mean rank |\n|---|---|---|\n"
    said = (
        "Over the 14 univariate sets; equal accuracies (on three digits) share their ranks. Ours are means over the "
        "seeds that the tables below count."
    )
    return "## Goals\n\n" + "\n".join(f"- {goal}" for goal in goals) + f"\n\n{said}\n\n{head}" + "\n".join(lines)


def _univariate(columns: Figures, records: Records) -> str:
    return "## Fourteen univariate sets (UCR)\n\n" + _table(columns, records, UCR)


def _multivariate(columns: Figures, records: Records) -> str:
    shown = {title: column for title, column in columns.items() if set(column) & set(UEA)}
    said = "BasicMotions has 6 channels; JapaneseVowels has 12, and 7 to 29 steps."
    return f"## Several channels, unequal length (UEA)\n\n{said}\n\n" + _table(shown, records, UEA)


def _table(columns: Figures, records: Records, names: tuple[str, ...]) -> str:
    head = f"| set | train | test | seeds | {' | '.join(columns)} |\n" + "|---" * (4 + len(columns)) + "|\n"
    lines = []
    for name in names:
        fits = [one for one in records if one["row"] == name]
        if not fits:
            continue
        seeds = sum(one["form"] == "prototype" for one in fits)
        cells = [f"{column[name]:.3f}" if name in column else "" for column in columns.values()]
        lines.append(f"| {name} | {fits[0]['trained_on']} | {fits[0]['tested_on']} | {seeds} | {' | '.join(cells)} |")
    return head + "\n".join(lines) if lines else "Not measured yet."


def _pretraining(records: Records) -> str:
    """The first seed answered by the pretrained model, by random weights, and without any layer; of both forms."""
    fits = {(one["row"], one["form"]): one for one in records if one["place"] == "seed 0"}
    parts = [_controls(fits, ours, title) for ours, title in OURS.items()]
    if not any(parts):
        return ""
    return """## What pretraining adds

The same pipeline on the first seed: with the pretrained model, with its weights drawn at random, and with the word
embeddings without a layer behind them.

""" + "\n\n".join(part for part in parts if part)


def _controls(fits: dict[tuple[str, str], dict[str, Any]], ours: str, title: str) -> str:
    forms = (ours, *(CONTROLLED[ours, control] for control in CONTROLS))
    names = [name for name in (*UCR, *UEA) if all((name, form) in fits for form in forms)]
    if not names:
        return ""
    figures = np.array([[[fits[name, form]["test"][score] for form in forms] for name in names] for score in SCORES])
    lines = [
        f"| {name} | " + " | ".join(f"{each:.3f}" for each in row) + " |"
        for name, row in zip(names, figures[0], strict=True)
    ]
    means = figures.mean(1)
    lines.append("| mean | " + " | ".join(f"{each:.4f}" for each in means[0]) + " |")
    lines.append("| mean log loss | " + " | ".join(f"{each:.4f}" for each in means[1]) + " |")
    gain = means[0, 0] - means[0, 1:].max()
    said = (
        f"Pretraining on language adds {gain:+.4f} to the mean accuracy over the better of the two controls."
        if gain > 0
        else f"Pretraining on language adds nothing here: the better of the two controls has {-gain:.4f} more mean "
        f"accuracy.{CAUSE.get(ours, '')}"
    )
    head = f"| {title} | pretrained | random weights | no layer |\n|---|---|---|---|\n"
    return f"{said}\n\n{head}" + "\n".join(lines)


def _cost(records: Records) -> str:
    if not records:
        return ""
    spent, worked = (sum(one[name] for one in records) for name in ("seconds_with_test", "processor_seconds"))
    longest = max(records, key=lambda one: one["seconds"])
    return (
        f"## Cost\n\n{len(records)} fits took {spent / 3600:.1f} hours, test parts included ({worked / 3600:.1f} hours "
        f"of one core's work); the longest fit took {longest['seconds']:.0f} s ({longest['row']}, {longest['form']}). "
        f"`make bench-classification` does what is left."
    )
