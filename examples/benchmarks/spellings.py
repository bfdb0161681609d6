"""Do other spellings of molecules help? `SequenceOptions(augment=k)` by inner folds of the training part.

Run it: python examples/benchmarks/spellings.py [--data DIR] [--sets esol bace] [--augment 0 2 4] [--json out.json]
Of each set the training part of its first split (`sequences.py`) alone is read, in three folds: for ESOL of molecules,
for BACE of scaffolds, which its test part is made of. Each fit answers twice: with the mean over all spellings (`mean`,
what `augment` does) and for RDKit's own spelling alone (`one`). Differences to no augmentation are paired over folds.
"""

import argparse
import copy
import json
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sequence_parts.rows import ROWS, Row, settings
from sequence_parts.sets import Sequences, places, read_set

from seqreprog import Notice, SequenceClassifier, SequenceRegressor
from seqreprog.data.groups import group_folds
from seqreprog.metrics.labels import class_report, value_report

FOLDS = 3


def fitted(row: Row, data: Sequences, train: np.ndarray, augment: int) -> Any:
    own = settings(row.name)
    kind: Any = SequenceRegressor if row.task == "regress" else SequenceClassifier
    model = kind(**{**own, "kind": row.kind, "options": replace(own["options"], augment=augment)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        return model.fit(data.pick(train), data.target[train], groups=data.groups[train])


def reading_one(model: Any) -> Any:
    """The same fit, asked for the spelling that it is given alone."""
    other, blend = copy.copy(model), model._fitted()
    other._blend = replace(blend, config=replace(blend.config, augment=0))
    return other


def figures(model: Any, data: Sequences, test: np.ndarray) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        if hasattr(model, "predict_proba"):
            report = class_report(data.target[test], model.predict_proba(data.pick(test)))
            return {"log loss": report["log loss"], "AUC": report["AUC"]}
        report = value_report(data.target[test], model.predict(data.pick(test)))
        return {"RMSE": report["RMSE"], "Spearman": report["Spearman"]}


def study(row: Row, data: Sequences, counts: list[int]) -> dict[str, Any]:
    train = places(row, data, [0])[0].train
    labels = data.target[train] if row.task == "classify" else None
    folds = group_folds(np.unique(data.groups[train], return_inverse=True)[1], labels, FOLDS, 0)
    found: dict[str, list[dict[str, float]]] = {}
    seconds: dict[str, list[float]] = {}
    for held in folds:
        kept, test = np.delete(train, held), train[held]
        for count in counts:
            start = time.perf_counter()
            model = fitted(row, data, kept, count)
            seconds.setdefault(str(count), []).append(time.perf_counter() - start)
            found.setdefault(f"{count}, mean", []).append(figures(model, data, test))
            if count:
                found.setdefault(f"{count}, one", []).append(figures(reading_one(model), data, test))
            print(row.name, count, model.summary_.weight, found[f"{count}, mean"][-1], flush=True)
    return {"molecules": len(train), "scores": {name: summed(each, found["0, mean"]) for name, each in found.items()},
            "seconds": {name: float(np.mean(each)) for name, each in seconds.items()}}  # fmt: skip


def summed(each: list[dict[str, float]], plain: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean over folds, and the mean and standard error of the paired difference to no augmentation."""
    scores = {}
    for name in each[0]:
        values, less = (np.array([one[name] for one in many]) for many in (each, plain))
        change = values - less
        scores[name] = {"mean": float(values.mean()), "change": float(change.mean()),
                        "error": float(change.std(ddof=1) / np.sqrt(len(change)))}  # fmt: skip
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEQREPROG_DATA", "../shared/data")))
    parser.add_argument("--sets", nargs="+", choices=[name for name, row in ROWS.items() if row.kind == "smiles"],
                        default=["esol", "bace"])  # fmt: skip
    parser.add_argument("--augment", type=int, nargs="+", default=[0, 2, 4])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    counts = sorted({0, *options.augment})
    report = {name: study(ROWS[name], read_set(ROWS[name].source, options.data), counts) for name in options.sets}
    text = json.dumps(report, indent=2)
    if options.json is not None:
        options.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
