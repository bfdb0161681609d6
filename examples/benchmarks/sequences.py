"""Proteins, DNA and molecules: every row of docs/results-sequences.md beside the n-gram floor on the same splits.

Run it: python examples/benchmarks/sequences.py [--data DIR] [--sets amp hemopi] [--json out.json] [--page out.md]
`--sets`, `--forms` and `--seeds` choose what is fitted; finished fits in the JSON file are not repeated, unless the
settings have changed since. Several processes may share the file, each with its own `--sets`; or two of them, one of
which works `--backwards` until they meet. `--plan` says what is left to do and what it costs; `--page` without `--sets`
or `--forms` makes the page from the JSON file and fits nothing. For an attempt, `--arguments '{"layers": 2}'` gives the
estimators other arguments than their defaults; keep it apart with a `--json` of its own.

Forms: `base` is the default, n-gram model and reprogrammed language model; `pure` the language model alone (one fit
answers for both). On the first place of each row also `random`, the same architecture with random weights, and `none`,
the word embeddings without a layer behind them. `floor` is the n-gram model by itself.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sequence_parts.infill import infiller
from sequence_parts.page import page
from sequence_parts.rows import ROWS, Row, attempt
from sequence_parts.run import Backbones, described, digest, run
from sequence_parts.sets import Place, Sequences, places, read_set
from sequence_parts.store import Store

FORMS = ("floor", "base", "pure", "random", "none")
RESULTS = Path("docs/results")


def tasks(
    rows: list[Row], forms: list[str], root: Path, seeds: list[int]
) -> Iterator[tuple[Row, Sequences, Place, str]]:
    """Every fit that is asked for: floors first, so that a page is of use early."""
    fits = [
        form for form in ("floor", "base", "random", "none") if form in forms or (form == "base" and "pure" in forms)
    ]
    for row in rows:
        data = read_set(row.source, root)
        found = places(row, data, seeds)
        for form in fits:
            for place in found[:1] if form in ("random", "none") else found:
                yield row, data, place, form


def chosen(names: list[str]) -> list[Row]:
    """The rows that can be run; those that cannot are said."""
    rows = [ROWS[name] for name in names]
    if infiller() is None and any(row.task == "infill" for row in rows):
        said = ", ".join(row.name for row in rows if row.task == "infill")
        print(f"skipped: {said}, since this release of seqreprog has no SequenceInfiller", file=sys.stderr)
    return [row for row in rows if row.task != "infill" or infiller() is not None]


def name_of(row: Row, place: Place, form: str) -> dict[str, str]:
    return {"row": row.name, "place": place.name, "form": form, "settings": digest(described(row, form))}


def fit_all(
    store: Store, rows: list[Row], forms: list[str], root: Path, seeds: list[int], backwards: bool = False
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        backbones = Backbones(Path(folder))
        asked_for = tasks(rows, forms, root, seeds)
        for row, data, place, form in reversed(list(asked_for)) if backwards else asked_for:
            asked = name_of(row, place, form)
            if store.has(asked):
                continue
            record = {**asked, "seed": place.seed, **run(row, data, place, form, backbones)}
            store.add(record, described(row, form))
            shown = {each: round(found[row.scores[0]], 4) for each, found in record["test"].items()}
            print(f"{row.name}, {place.name}, {form}: {row.scores[0]} {shown}, {record['seconds']:.0f} s", flush=True)


def plan(store: Store, rows: list[Row], forms: list[str], root: Path, seeds: list[int]) -> str:
    """What is left to fit, and about how long it takes one core; what ran here is known by its processor time."""
    done, lines, whole = store.read()["records"], [], 0.0
    for row in rows:
        left = [asked for *_, place, form in tasks([row], forms, root, seeds)
                if not store.has(asked := name_of(row, place, form))]  # fmt: skip
        fits = [asked for asked in left if asked["form"] != "floor"]
        known = [one["processor_seconds"] for one in done if one["row"] == row.name and one["form"] == "base"]
        each = sum(known) / len(known) if known else row.seconds
        whole += each * len(fits)
        cost = f"{each:5.0f} s each ({'measured' if known else 'estimated'}), {each * len(fits) / 60:6.1f} min"
        lines.append(f"{row.name:<12} {len(fits):3} fits left, {cost}; {len(left) - len(fits)} floors")
    return "\n".join([*lines, f"together {whole / 3600:.1f} hours of one core's work; floors take seconds each"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEQREPROG_DATA", "../shared/data")))
    parser.add_argument("--sets", choices=list(ROWS), nargs="+")
    parser.add_argument("--forms", choices=FORMS, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", type=Path, default=RESULTS / "sequences.json")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--backwards", action="store_true")
    parser.add_argument("--arguments", type=json.loads, default={})
    options = parser.parse_args()
    attempt(options.sets or list(ROWS), options.arguments)
    store, forms = Store(options.json), options.forms or list(FORMS)
    if options.plan:
        print(plan(store, chosen(options.sets or list(ROWS)), forms, options.data, options.seeds))
        return
    if options.page is None or options.sets or options.forms:
        rows = chosen(options.sets or list(ROWS))
        fit_all(store, rows, forms, options.data, options.seeds, options.backwards)
    if options.page is not None:
        attempts = options.json.with_name("attempts-sequences.md")
        options.page.write_text(page(store.read(), attempts.read_text() if attempts.exists() else ""))


if __name__ == "__main__":
    main()
