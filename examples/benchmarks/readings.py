"""MiniLM's two readings of the prompt, `bidirectional` and `prefix`: accuracy and cost of the pure form.

Run it: python examples/benchmarks/readings.py [--data DIR] [--sets etth1 pjm] [--seeds 0 1 2] [--json out.json]
DIR holds forecast_long/ETTh1/ETTh1.csv and forecast_long/pjm_load_hourly/pjm_in_zone.csv. Finished runs in the JSON
file are not repeated. Recipes etth1_96_pure and pjm_24, with base="none" and the default prompt (`none`: without one).
With one layer, as in the recipes, the readings are one function: the keys of a prompt that has passed no layer are the
same whether it sees the patches or not. So two layers are the default here (`--layers`). Shortened for all alike: 300
steps of 32 windows, 500 validation windows for a look and 2,000 for the error that is reported.

`validation` is the mean squared (ETTh1) or absolute (PJM) error in units of each series, `test` the MSE on all test
windows (ETTh1) or the MASE over the recipe's origins (PJM). A step's seconds count its share of the looks;
`processor_seconds` are those of fit and test together.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import torch

from seqreprog.config.fields import read_toml
from seqreprog.config.forecast import ForecastConfig, Prompt
from seqreprog.data.files import read_frame_file
from seqreprog.data.frames import SeriesTable, read_table
from seqreprog.data.windows import borders_in_time
from seqreprog.evaluation.backtest import backtest, cutoffs_of, scorecard
from seqreprog.evaluation.protocol import Protocol, read_recipe, standardise
from seqreprog.metrics.forecast import mse
from seqreprog.sources.language import load_backbone
from seqreprog.tasks.forecast import FitSummary, fit_blend

CONFIGS = Path(__file__).parents[2] / "configs"
RECIPES = {
    "etth1": (CONFIGS / "etth1_96_pure.toml", "forecast_long/ETTh1/ETTh1.csv"),
    "pjm": (CONFIGS / "pjm_24.toml", "forecast_long/pjm_load_hourly/pjm_in_zone.csv"),
}
READINGS = ("none", "bidirectional", "prefix")
SHORTENED = {"max_steps": 300, "batch_size": 32, "validation_windows": 500}
ROWS = 256  # test windows forecast at a time


def long_horizon(config: ForecastConfig, protocol: Protocol, table: SeriesTable) -> tuple[FitSummary, float]:
    train, _, end = protocol.borders
    panel = standardise(table.panel.until(np.full(len(table.panel), end)), train)
    split, test = borders_in_time(panel, config.context, config.horizon, protocol.borders)
    ones = np.ones(len(panel))
    blend, summary = fit_blend(config, load_backbone(config.backbone, config.layers), split, ones)
    return summary, mse(test.targets(), np.concatenate([blend.forecast(part, ones)[0] for part in test.chunks(ROWS)]))


def rolling(config: ForecastConfig, protocol: Protocol, table: SeriesTable) -> tuple[FitSummary, float]:
    backbone, count, step = load_backbone(config.backbone, config.layers), protocol.windows, protocol.step
    cutoffs = cutoffs_of(config.horizon, n_windows=count, step_size=step)
    found = backtest(config, backbone, table.panel, list(table.ids), cutoffs)
    return found.summary, scorecard(found, config, protocol.season)["models"]["seqreprog"]["MASE"]


def run(recipe: Path, file: Path, layers: int, reading: str, seed: int) -> dict:
    config, protocol = read_recipe(read_toml(recipe))
    prompt = config.prompt if reading == "none" else Prompt(reading=reading)
    training = replace(config.training, **SHORTENED)
    config = replace(config, base="none", layers=layers, seed=seed, prompt=prompt, training=training)
    judge = long_horizon if protocol.kind == "long-horizon" else rolling
    table, start = read_table(read_frame_file(file)), time.process_time()
    summary, error = judge(config, protocol, table)
    return {
        "validation": summary.errors["language model"],
        "test": error,
        "steps": summary.steps,
        "best_step": summary.best_step,
        "fit_seconds": sum(summary.seconds.values()),
        "seconds_per_step": summary.seconds["training"] / summary.steps,
        "processor_seconds": time.process_time() - start,
        "threads": torch.get_num_threads(),
    }


def compared(runs: list[dict], name: str, layers: int) -> dict:
    """Prefix less bidirectional, seed by seed, and the cost of one over that of the other."""
    of = {(one["reading"], one["seed"]): one for one in runs if (one["set"], one["layers"]) == (name, layers)}
    seeds = [seed for reading, seed in of if reading == "prefix" and ("bidirectional", seed) in of]
    found: dict = {}
    for key in ("validation", "test") if seeds else ():
        each = {str(seed): of["prefix", seed][key] - of["bidirectional", seed][key] for seed in seeds}
        found[key] = {"prefix_minus_bidirectional": sum(each.values()) / len(each), "seeds": each}
    for key in ("seconds_per_step", "fit_seconds", "processor_seconds") if seeds else ():
        ours, theirs = (sum(of[reading, seed][key] for seed in seeds) for reading in ("prefix", "bidirectional"))
        found[key] = {"prefix_over_bidirectional": ours / theirs}
    return found


def report(runs: list[dict]) -> str:
    groups = dict.fromkeys((one["set"], one["layers"]) for one in runs)
    differences = {f"{name}, layers={layers}": compared(runs, name, layers) for name, layers in groups}
    return json.dumps({"shortened": SHORTENED, "compared": differences, "runs": runs}, indent=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEQREPROG_DATA", "../shared/data")))
    parser.add_argument("--sets", choices=list(RECIPES), nargs="+", default=list(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    runs = known["runs"] if known.get("shortened") == SHORTENED else []  # runs of another length are another study
    for seed, name, reading in product(options.seeds, options.sets, READINGS):
        asked = {"set": name, "layers": options.layers, "reading": reading, "seed": seed}
        if not any(asked.items() <= one.items() for one in runs):
            recipe, file = RECIPES[name]
            runs.append({**asked, **run(recipe, options.data / file, options.layers, reading, seed)})
        if options.json:
            part = options.json.with_suffix(".part")
            part.write_text(report(runs) + "\n")
            part.replace(options.json)  # whole or not at all
    print(report(runs))


if __name__ == "__main__":
    main()
