"""Series classified whole: every row of docs/results-classification.md, on the archives' own splits.

Run it: python examples/benchmarks/classification.py [--data DIR] [--sets Beef Coffee] [--json out.json] [--page out.md]
`--sets`, `--forms` and `--seeds` choose what is fitted; finished fits in the JSON file are not repeated, unless the
settings have changed since. Several processes may share the file. `--plan` says what is left to do; `--page` without
`--sets` or `--forms` makes the page from the JSON file and fits nothing.

Forms: `prototype` is the default of `ReprogClassifier`, `voice2series` its other form, `ed` the nearest neighbour by
Euclidean distance. With the first seed also `random`, the first with random weights in place of the language model's,
and `none`, the word embeddings without a layer behind them; `voice2series random` and `voice2series none` are the same
of the second.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from classification_parts.page import page
from classification_parts.run import FORMS, OURS, described, run
from classification_parts.sets import UCR, UEA, published, read_set
from sequence_parts.run import Backbones, digest
from sequence_parts.store import Store

RESULTS = Path("docs/results")


def tasks(names: list[str], forms: list[str], seeds: list[int]) -> Iterator[tuple[str, str, int]]:
    """Every fit that is asked for: the first seed of each form first, so that a page is of use early."""
    for number, seed in enumerate(seeds):
        for form in forms:
            if number and form not in OURS:
                continue
            for name in names:
                yield name, form, seed


def name_of(name: str, form: str, seed: int) -> dict[str, str]:
    return {"row": name, "place": f"seed {seed}", "form": form, "settings": digest(described(form))}


def fit_all(store: Store, names: list[str], forms: list[str], seeds: list[int], root: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        backbones = Backbones(Path(folder))
        for name, form, seed in tasks(names, forms, seeds):
            asked = name_of(name, form, seed)
            if store.has(asked):
                continue
            record = {**asked, "seed": seed, **run(*read_set(name, root), form, seed, backbones)}
            store.add(record, described(form))
            print(f"{name}, {form}, seed {seed}: {record['test']}, {record['seconds']:.0f} s", flush=True)


def plan(store: Store, names: list[str], forms: list[str], seeds: list[int]) -> str:
    """What is left to fit, and how long it takes by what was measured."""
    done, left = store.read()["records"], [task for task in tasks(names, forms, seeds)
                                           if not store.has(name_of(*task))]  # fmt: skip
    known = [one["processor_seconds"] for one in done if one["form"] != "ed"]
    hours = f"{len(left) * sum(known) / len(known) / 3600:.1f} hours of one core's work" if known else "cost unknown"
    return f"{len(left)} fits left, {hours}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEQREPROG_DATA", "../shared/data")))
    parser.add_argument("--sets", choices=(*UCR, *UEA), nargs="+")
    parser.add_argument("--forms", choices=FORMS, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", type=Path, default=RESULTS / "classification.json")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--plan", action="store_true")
    options = parser.parse_args()
    store, names, forms = Store(options.json), options.sets or [*UCR, *UEA], options.forms or list(FORMS)
    if options.plan:
        print(plan(store, names, forms, options.seeds))
        return
    if options.page is None or options.sets or options.forms:
        fit_all(store, names, forms, options.seeds, options.data)
    if options.page is not None:
        attempts = options.json.with_name("attempts-classification.md")
        references = {name: published(name, options.data) for name in names}
        said = attempts.read_text() if attempts.exists() else ""
        options.page.write_text(page(store.read(), references, said))


if __name__ == "__main__":
    main()
