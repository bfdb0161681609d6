"""Covariates and text, on generated shops where the answer is known: does the forecast read what it is given?

Run it: python examples/benchmarks/covariates.py [--parts text] [--how probe] [--seeds 0 1 2] [--json out.json]

`text`: each shop comes with a sentence ("The shop will be closed for renovation.") that alone tells how its next two
weeks go. Fitted on 384 shops with 192 sentences, some of which validate as a whole; judged on 120 shops with 24 others,
which share no content word with them. Beside it: the same without sentences, with sentences dealt out at random, and
with random weights for the language model. `exogenous`: promotions, known beforehand, move the sales of 12 shops;
without them, and with their days drawn at random.

`default` is what `fit` does, `probe` is `mode="probe"`, `pure` the probe without the ridge, and `shallow` the probe
with two layers. Patches are weeks. With and without a text the others have all layers, as by default where one is
read, so that the sentence alone makes the difference.

Errors are mean absolute and mean squared ones in units of each shop's own spread; `ratio` is to the error without.
Finished runs in the JSON file are not repeated; `--page out.md` writes the tables.
"""

import argparse
import json
import tempfile
import time
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from covariate_parts.page import page
from covariate_parts.sentences import shared_words
from covariate_parts.shops import (
    HISTORY,
    HORIZON,
    learned_shops,
    promoted_shops,
    shuffled_plans,
    shuffled_promotions,
    unseen_shops,
)
from random_backbone import random_copy

from seqreprog import Adapter, Forecaster, Notice, Training

NAMES: dict[str, Any] = {"id_col": "shop", "time_col": "day", "target_col": "sales"}
WEEKLY = Adapter(patch=7, stride=7)
TEXT_FORMS = ("with", "without", "shuffled", "random weights")
EXOGENOUS_FORMS = ("with", "without", "shuffled")
HOW: dict[str, dict[str, Any]] = {
    "default": {},
    "probe": {"mode": "probe"},
    "pure": {"mode": "probe", "base": "none"},
    "shallow": {"mode": "probe", "layers": 2},
}


def forecaster(how: str, *, context: int, seed: int, holdout: Any = "time", **options: Any) -> Forecaster:
    asked = {**options, **HOW[how]}
    training = Training(mode=asked.pop("mode", "auto"), holdout=holdout, progress=False)
    return Forecaster(HORIZON, context=context, adapter=WEEKLY, seed=seed, training=training, **asked)


def told(form: str, how: str, seed: int, backbone: str = "minilm") -> dict[str, float]:
    """Fitted on shops with one part of the sentences, judged on new shops with the other."""
    learned, unseen = learned_shops(seed), unseen_shops(seed)
    if form == "shuffled":
        learned, unseen = shuffled_plans(learned, seed), shuffled_plans(unseen, seed)
    history = unseen.groupby("shop", sort=False).head(HISTORY)
    truth = unseen.groupby("shop", sort=False).tail(HORIZON)
    with tempfile.TemporaryDirectory() as place:
        frozen = random_copy(backbone, None, Path(place), seed) if form == "random weights" else backbone
        model = forecaster(how, context=HISTORY, seed=seed, holdout="series", backbone=frozen, layers=None)
        static = None if form == "without" else "plan"
        model.fit(learned.drop(columns="spread"), **NAMES, static=static)
        found = model.predict(history.drop(columns="spread"))
    return {**errors(truth, found), "weight": model.summary_.weight}


def promoted(form: str, how: str, seed: int, backbone: str = "minilm") -> dict[str, float]:
    """Rolling origins over the last eight weeks, after one fit on what precedes them."""
    shops = promoted_shops(seed)
    if form == "shuffled":
        shops = shuffled_promotions(shops, seed)
    model = forecaster(how, context=2 * HISTORY, seed=seed, backbone=backbone)
    known = {} if form == "without" else {"futr_cols": ["promotion"]}
    found = model.cross_validation(shops.drop(columns="spread"), n_windows=4, **NAMES, **known)
    truth = found[["shop", "day"]].merge(shops, on=["shop", "day"], validate="one_to_one")
    return errors(truth, found)


def errors(truth: pd.DataFrame, found: pd.DataFrame) -> dict[str, float]:
    """Mean absolute and squared error in units of each shop's spread."""
    joined = truth.merge(found[["shop", "day", "seqreprog"]], on=["shop", "day"], validate="one_to_one")
    error = ((joined["seqreprog"] - joined["sales"]) / joined["spread"]).to_numpy()
    return {"mae": float(np.abs(error).mean()), "mse": float((error**2).mean())}


def plan(parts: list[str], hows: list[str], seeds: list[int]) -> list[dict[str, Any]]:
    """Every run that is asked for."""
    forms = {"text": TEXT_FORMS, "exogenous": EXOGENOUS_FORMS}
    return [
        {"part": part, "how": how, "form": form, "seed": seed}
        for part, seed, how in product(parts, seeds, hows)
        for form in forms[part]
    ]


def compared(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over seeds, their spread, and the ratio to the error without."""
    rows = []
    for (part, how), group in pd.DataFrame(runs).groupby(["part", "how"], sort=False) if runs else ():
        plain = group[group["form"] == "without"].set_index("seed")
        for form, chosen in group.groupby("form", sort=False):
            row: dict[str, Any] = {"part": part, "how": how, "form": form, "seeds": len(chosen)}
            for name in ("mae", "mse"):
                ratio = (chosen.set_index("seed")[name] / plain[name]).dropna()
                row |= {name: float(chosen[name].mean()), f"{name} ratio": float(ratio.mean()) if len(ratio) else None}
                row |= {f"{name} ratio of each seed": [round(float(one), 4) for one in ratio]}
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=["text", "exogenous"], default=["text", "exogenous"])
    parser.add_argument("--how", nargs="+", choices=list(HOW), default=["probe", "pure"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    if words := shared_words():
        raise SystemExit(f"learned and unseen sentences share the words {sorted(words)}")
    kept = json.loads(options.json.read_text())["runs"] if options.json and options.json.exists() else []
    for run in plan(options.parts, options.how, options.seeds):
        if any(run.items() <= one.items() for one in kept):
            continue
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)
            found = (told if run["part"] == "text" else promoted)(run["form"], run["how"], run["seed"])
        kept.append({**run, **found, "seconds": time.perf_counter() - start})
        if options.json:
            options.json.write_text(json.dumps({"compared": compared(kept), "runs": kept}, indent=2) + "\n")
    print(json.dumps({"compared": compared(kept), "runs": kept}, indent=2))
    if options.page:
        options.page.write_text(page(compared(kept)))


if __name__ == "__main__":
    main()
