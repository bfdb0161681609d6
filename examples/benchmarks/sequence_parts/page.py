"""Records -> docs/results-sequences.md."""

from collections.abc import Callable
from typing import Any

from sequence_parts.rows import LESS, PEPTIDES, ROWS, Row
from sequence_parts.stats import Figure, figure, mean_over, over_sets, over_tests, reached, values, whole

Records = list[dict[str, Any]]
TABLES = {
    "amp": "Antimicrobial peptides: the official split",
    "peptides": "Five sets of peptides: five folds",
    "small": "Fifty labelled examples: ten draws of each set",
    "dna": "DNA",
    "gb1": "GB1: the effect of mutations",
    "molecules": "Molecules, from the string alone",
    "infill": "Loops of antibodies, masked and filled in",
}
UNRANKED = ("diversity",)  # more of it is no better
OPENING = """# Sequences: measured results

Every figure is of a test part that the fit did not see; copies of a sequence are never on both sides (nor are, where
the split is by scaffolds, molecules of one scaffold; nor antibodies with the same loop). `base` is the default of
`SequenceClassifier` and `SequenceRegressor`: n-gram model and reprogrammed language model, the latter with a weight
found on held-out examples. `pure` is the language model alone. `floor` is the regularised n-gram model (1 to 3 symbols,
molecules 1 to 4; one-hot for aligned DNA and for GB1), its penalty found by five inner folds of the same training part.
Of masked loops `base` is the default of `SequenceInfiller`, a linear model of a blank's place in its run of blanks
beside the language model, and `floor` how often each residue stands at each position of the loop.

After ± stands the standard deviation over the *n* folds, repeats, draws, splits or seeds; where the split is fixed, the
floors differ by inner folds alone. A weight is the language model's mean share. Seconds are wall time of one fit, in
brackets its threads.

All settings are the estimators' defaults and the same for every set: the first four layers of MiniLM, text prototypes,
the head in closed form on the states of all layers, so that nothing is left to stop early. One exception: GB1 is read
up to its 56th residue (`limit=56`), where its variants differ; what is cut off is a tag that all of them share.
Molecules are spelled by RDKit first; those that it cannot read are left out, of floors too.
"""


def page(known: dict[str, Any], attempts: str) -> str:
    """The page, from whatever is finished."""
    records: Records = known["records"]
    parts = [OPENING, _goals(records), _unbeaten(records)]
    for group, title in TABLES.items():
        rows = [row for row in ROWS.values() if row.group == group]
        found = _table(records, rows)
        parts.append(f"## {title}\n\n{found or 'Not measured yet.'}\n\n{_more(records, group)}{_command(rows)}")
    parts += [_pretraining(records), _cost(records), _earlier(known), attempts]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


# --- goals ------------------------------------------------------------------------------------------------------------


def _goals(records: Records) -> str:
    lines = []
    for row in ROWS.values():
        for goal in row.goals:
            rule = f"{goal.score} {'<=' if goal.score in LESS else '>='} {goal.value:g}"
            lines.append(_line(f"{row.title}, {goal.form}: {rule}", *_verdict(records, row, goal)))
    lines.append(_line("five peptide sets, base: mean AUC above the floor's", *_five(records)))
    small = over_sets(records, [f"{name}-50" for name in PEPTIDES])
    ready = all(whole(records, ROWS[f"{name}-50"]) for name in PEPTIDES)
    said = ("reached" if small.low > 0 else "missed") if small else "not measured"
    lines.append(_line("50 labels, base less floor: 95 % interval of the AUC above 0", str(small or ""), said, ready))
    floor = figure(values(records, "h3", "floor", "recovery"), "recovery")
    for form in ("base", "pure"):
        goal, found = (
            f"masked H3 residues, {form}: recovery above the position frequencies'",
            figure(values(records, "h3", form, "recovery"), "recovery"),
        )
        if found and floor:
            met = "reached" if found.mean > floor.mean else "missed"
            lines.append(_line(goal, f"{found}, baseline {floor}", met, whole(records, ROWS["h3"])))
        else:
            lines.append(_line(goal, "", "not measured", True))
    return "## Goals\n\n| goal | figure | |\n|---|---|---|\n" + "\n".join(lines)


def _unbeaten(records: Records) -> str:
    """The scores, if any, of which the floor has no less than the base."""
    lines = []
    for row, score in ((each, score) for each in ROWS.values() for score in each.scores if score not in UNRANKED):
        ours, floor = (figure(values(records, row.name, form, score), score) for form in ("base", "floor"))
        if ours and floor and (ours.mean >= floor.mean if score in LESS else ours.mean <= floor.mean):
            lines.append(f"- {row.title}: {score} {ours.mean:.4g}, floor {floor.mean:.4g}")
    return "Where the floor is not beaten:\n\n" + "\n".join(lines) if lines else ""


def _line(goal: str, shown: str, verdict: str, ready: bool) -> str:
    return f"| {goal} | {shown} | {verdict if ready or verdict == 'not measured' else verdict + ', so far'} |"


def _verdict(records: Records, row: Row, goal: Any) -> tuple[str, str, bool]:
    found = figure(values(records, row.name, goal.form, goal.score), goal.score)
    if found is None:
        return "", "not measured", True
    met = "reached" if reached(goal.score, found.mean, goal.value) else "missed"
    return str(found), met, whole(records, row)


def _five(records: Records) -> tuple[str, str, bool]:
    ours, theirs = mean_over(records, "base"), mean_over(records, "floor")
    if ours is None or theirs is None:
        return "", "not measured", True
    text = f"{ours.mean:.4f}, floor {theirs.mean:.4f}"
    return text, "reached" if ours.mean > theirs.mean else "missed", all(whole(records, ROWS[n]) for n in PEPTIDES)


# --- tables -----------------------------------------------------------------------------------------------------------


def _table(records: Records, rows: list[Row]) -> str:
    """A line for each row and score."""
    lines = []
    for row in rows:
        for score in row.scores:
            found = {form: figure(values(records, row.name, form, score), score) for form in ("base", "pure", "floor")}
            if any(found.values()):
                count = max(each.count for each in found.values() if each is not None)
                cells = [_cell(found[form]) for form in ("base", "pure", "floor")]
                first = score == row.scores[0]
                told = [_goal(row, score), *(_fits(records, row) if first else ("", ""))]
                lines.append(" | ".join([row.title if first else "", score, str(count), *cells, *told]))
    if not lines:
        return ""
    head = (
        "| set | score | n | base | pure | floor | goal | weight | seconds |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(f"| {line} |" for line in lines)


def _cell(found: Figure | None) -> str:
    return "" if found is None else str(found)


def _goal(row: Row, score: str) -> str:
    return ", ".join(f"{goal.form} {goal.value:g}" for goal in row.goals if goal.score == score)


def _fits(records: Records, row: Row) -> tuple[str, str]:
    """Mean weight, and mean and longest seconds of a fit on how many threads."""
    fits = [one for one in records if (one["row"], one["form"]) == (row.name, "base")]
    if not fits:
        return "", ""
    weights, seconds = [one["weight"] for one in fits if "weight" in one], [one["seconds"] for one in fits]
    threads = "/".join(str(each) for each in sorted({one["threads"] for one in fits}))
    weight = f"{sum(weights) / len(weights):.2f}" if weights else ""
    return weight, f"{sum(seconds) / len(seconds):.0f}, at most {max(seconds):.0f} ({threads})"


def _command(rows: list[Row]) -> str:
    return f"Command: `python examples/benchmarks/sequences.py --sets {' '.join(row.name for row in rows)}`"


def _more(records: Records, group: str) -> str:
    """What a group says beyond its table."""
    said: list[str] = []
    if group in ("peptides", "small"):
        suffix = "" if group == "peptides" else "-50"
        means = [
            f"{form} {found.mean:.4f}"
            for form in ("base", "pure", "floor")
            if (found := mean_over(records, form, suffix))
        ]
        said += [f"Mean AUC over the five sets: {', '.join(means)}."] if means else []
        for form in ("base", "pure"):
            found = over_sets(records, [name + suffix for name in PEPTIDES], form=form)
            unit = "folds" if group == "peptides" else "draws"
            said += [f"AUC of {form} less floor, 95 % interval over {unit} within sets: {found}."] if found else []
    if group == "molecules":
        for name in ("bbbp", "bace"):
            for form in ("base", "pure"):
                found = over_tests(records, name, form)
                said += (
                    [f"{ROWS[name].title}: AUC of {form} less floor, 95 % interval over test molecules: {found}."]
                    if found
                    else []
                )
    if group == "infill" and records:
        said += ["Recovery and diversity are shares of the masked residues; each sequence was filled 20 times."]
    if group == "dna":
        said += ["Errors are summed over the folds of a repeat (106 sequences)."] if records else []
    return "".join(line + "\n\n" for line in said)


def _pretraining(records: Records) -> str:
    """The same place answered by the pretrained model, by random weights, and without any layer."""
    lines = []
    for row in ROWS.values():
        fits = [one for one in records if one["row"] == row.name]
        if not (random := [one for one in fits if one["form"] in ("random", "none")]):
            continue
        place, score = random[0]["place"], row.scores[0]
        here = {one["form"]: one["test"] for one in fits if one["place"] == place}
        cells = [_score(here.get(fit, {}), form, score) for form in ("pure", "base")
                 for fit in ("base", "random", "none")]  # fmt: skip
        best = _helps(here, score)
        lines.append(f"| {row.title}, {place} | {score} | {_score(here.get('floor', {}), 'floor', score)} | "
                     f"{' | '.join(cells)} | {best} |")  # fmt: skip
    if not lines:
        return ""
    head = """## Where pretraining on language helps

One fit of each: the pretrained model, the same architecture with random weights, and the word embeddings without a
layer behind them; alone (pure), and with the n-gram base. A difference below the spread in the tables above says
little.

| set | score | floor | pure | random | none | base | random, with base | none, with base | best pure form |
|---|---|---|---|---|---|---|---|---|---|
"""
    return head + "\n".join(lines)


def _score(test: dict[str, Any], form: str, score: str) -> str:
    value = test.get(form, {}).get(score)
    return "" if value is None else f"{value:.4f}"


def _helps(here: dict[str, Any], score: str) -> str:
    names = {"base": "pretrained", "random": "random", "none": "none"}
    tests = {name: here.get(fit, {}).get("pure", {}) for fit, name in names.items()}
    found = {name: test[score] for name, test in tests.items() if score in test}
    best: Callable = min if score in LESS else max
    return best(found, key=lambda name: found[name]) if len(found) > 1 else ""


def _cost(records: Records) -> str:
    if not records:
        return ""
    spent = sum(one["seconds_with_test"] for one in records)
    worked = sum(one["processor_seconds"] for one in records)
    fits = [one for one in records if one["form"] != "floor"]
    longest = max(fits, key=lambda one: one["seconds"], default=None)
    hardest = max(fits, key=lambda one: one["processor_seconds"], default=None)
    said = (
        f"{len(records)} fits and floors took {spent / 3600:.1f} hours ({worked / 3600:.1f} hours of one core's work)"
    )
    if longest and hardest:
        said += (
            f"; the longest fit took {longest['seconds']:.0f} s ({_name(longest)}), and with its test the hardest "
            f"{hardest['processor_seconds']:.0f} s of one core's work ({_name(hardest)}): some fits ran beside other "
            "work, so their seconds are upper bounds"
        )
    return f"## Cost\n\n{said}. `make bench-sequences` does what is left, `--plan` says how long that takes."


def _name(record: dict[str, Any]) -> str:
    return ", ".join(record[part] for part in ("row", "place", "form"))


def _earlier(known: dict[str, Any]) -> str:
    """Fits with other settings whose test figures were seen."""
    lines = {}
    for one in known["earlier"]:
        score = ROWS[one["row"]].scores[0] if one["row"] in ROWS else ""
        group = (one["row"], one["form"], one["settings"])
        for form, test in one["test"].items():
            if score in test:
                lines.setdefault((*group, form), []).append(test[score])
    if not lines:
        return ""
    now = {(one["row"], one["form"]): one["settings"] for one in known["records"]}
    text = "\n".join(
        f"| {row} | {form if fit in ('base', 'floor') else f'{fit}, {form}'} | "
        f"{ROWS[row].scores[0]} {sum(each) / len(each):.4f} ({len(each)}) | "
        f"{_changed(known, settings, now.get((row, fit)))} |"
        for (row, fit, settings, form), each in lines.items()
    )
    head = "| set | form | mean (fits) | settings, where they differ from today's |\n|---|---|---|---|\n"
    return f"## Earlier settings whose test figures were seen\n\n{head}{text}"


def _changed(known: dict[str, Any], then: str, now: str | None) -> str:
    if now == then or now is None:
        return "the same"
    old, new = _flat(known["settings"][then]), _flat(known["settings"][now])
    return ", ".join(f"{name} {old.get(name)}" for name in old | new if old.get(name) != new.get(name))


def _flat(values: dict[str, Any], opening: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{opening}{name}.") if isinstance(value, dict) else {opening + name: value}
    return flat
