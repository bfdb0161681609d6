"""How long `Forecaster.fit` takes on ETTh1-96 (the pure form), trained and probed, and what of a step is data loading.

Run it: python examples/benchmarks/fit_time.py [--data DIR] [--seeds 0 1 2] [--probe-only] [--json out.json]
DIR holds forecast_long/ETTh1/ETTh1.csv. Recipe etth1_96_pure: its windows, borders and standardised values, through
`Forecaster.fit` on the rows before the test part; every test window for the MSE. Libraries load before the clock.

`naive` is the seasonal naive's error (a season of 24) on the windows of the log's looks, in their unit. A look's gain
is `naive` less its error, `final_gain` that of the best look, `seconds_to_95` when 95 % of it is first seen: from the
start of `fit`, or of its training loop. `loading` is the share of `WindowDataset.__getitems__` in the time of training
steps without looks: as in the recipe (no prompt), and with the default prompt, whose statistics count as loading.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch

from seqreprog import Forecaster, Prompt
from seqreprog.baselines.seasonal_naive import seasonal_naive
from seqreprog.batches.example import Example
from seqreprog.batches.windows import Framing, WindowDataset
from seqreprog.build.forecast import build_forecaster, build_prompt
from seqreprog.config.fields import read_toml
from seqreprog.config.forecast import ForecastConfig
from seqreprog.data.files import read_frame_file
from seqreprog.data.frames import read_table
from seqreprog.data.windows import Windows, borders_in_time
from seqreprog.evaluation.protocol import read_recipe, standardise
from seqreprog.fit import gradient as train
from seqreprog.fit.objectives import ForecastObjective
from seqreprog.metrics.forecast import mse
from seqreprog.sources.language import load_backbone
from seqreprog.tasks import forecast as fitting

RECIPE = Path(__file__).parents[2] / "configs" / "etth1_96_pure.toml"
SEASON, SHARE, LOADING_STEPS = 24, 0.95, 40


def naive_error(held_out: WindowDataset) -> float:
    """The seasonal naive's error as a look would measure it."""
    windows, scale = held_out.windows, held_out.series_scale
    sample = held_out.framing.sample(windows, scale)
    scaled = held_out.framing.batch(windows.inputs(), scale[windows.series])[1]
    naive = seasonal_naive(windows.inputs(), windows.horizon, SEASON)
    error = (naive - scaled.loc[:, None]) / scaled.spread[:, None] - sample.target[:, 0].numpy()
    weight = sample.weight[:, 0].numpy()
    return float((weight * error**2).sum() / (weight > 0).sum())


def fitted(config: ForecastConfig, mode: str, known: pd.DataFrame, test: Windows) -> dict:
    """One fit on the known rows: its figures and, where it trained, when 95 % of the final gain was first seen."""
    options = {name: value for name, value in vars(config).items() if name != "covariates"}  # which `fit` is told
    model, watched, start = Forecaster(**options), {}, time.perf_counter()

    def fit(model: object, windows: WindowDataset, held_out: WindowDataset, **options: object) -> train.TrainingLog:
        watched.update(before=time.perf_counter() - start, held_out=held_out)
        return watched.setdefault("log", train.fit(model, windows, held_out, **options))

    with patch.object(fitting, "fit", fit):
        model.fit(known, mode=mode)
    found: dict = {"fit_seconds": time.perf_counter() - start, "validation": model.summary_.errors["language model"]}
    found["test_MSE"] = mse(test.targets(), model._fitted().forecast(test, np.ones(len(test.panel)))[0])
    if mode == "probe":
        return found
    log, naive = watched["log"], naive_error(watched["held_out"])
    final = naive - min(error for _, _, error in log.looks)
    reached = [look for look in log.looks if naive - look[2] >= SHARE * final > 0]
    when = [{"step": step, "fit": watched["before"] + loop, "loop": loop} for step, loop, _ in reached[:1]]
    return {**found, "naive": naive, "final_gain": final, "seconds_to_95": when[0] if when else None, **vars(log)}


def loading(config: ForecastConfig, windows: Windows, prompt: Prompt) -> dict:
    """The share of data loading in a training step."""
    steps, waited = min(LOADING_STEPS, config.training.max_steps), []

    class Timed(WindowDataset):
        def __getitems__(self, index: Sequence[int]) -> Example:
            start = time.perf_counter()
            sample = super().__getitems__(index)
            waited.append(time.perf_counter() - start)
            return sample

    config = replace(config, prompt=prompt, training=replace(config.training, max_steps=steps))
    backbone = load_backbone(config.backbone, config.layers)
    framing = Framing(scaling="last", writer=build_prompt(config, backbone), power=2)
    data = Timed(windows, np.ones(len(windows.panel)), framing, mirror=config.training.mirror)
    model, objective = build_forecaster(config, backbone), ForecastObjective(config.loss, config.quantile_levels)
    log = train.fit(
        model, data, None, training=config.training, seed=config.seed, device=config.device, objective=objective
    )
    return {"share": sum(waited) / log.seconds, "seconds_per_step": log.seconds / log.steps, "steps": log.steps}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SEQREPROG_DATA", "../shared/data")))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--probe-only", action="store_true")
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    config, protocol = read_recipe(read_toml(RECIPE))
    first, second, end = protocol.borders
    steps = options.max_steps or config.training.max_steps
    config = replace(config, training=replace(config.training, max_steps=steps, validation=(second - first) / second))
    panel = read_table(read_frame_file(options.data / "forecast_long" / "ETTh1" / "ETTh1.csv")).panel
    panel = standardise(panel.until(np.full(len(panel), end)), first)
    split, test = borders_in_time(panel, config.context, config.horizon, protocol.borders)
    dates = pd.date_range("2016-07-01", periods=second, freq="h")
    known = pd.DataFrame(panel.values.reshape(len(panel), -1).T[:second], dates, list("abcdefg"[: len(panel)]))
    load_backbone(config.backbone, config.layers)
    modes = ("probe",) if options.probe_only else ("train", "probe")
    found: dict = {"recipe": RECIPE.name, "threads": torch.get_num_threads(), "runs": []}
    for seed in options.seeds:
        run = {mode: fitted(replace(config, seed=seed), mode, known, test) for mode in modes}
        for name in () if options.probe_only else ("fit_seconds", "test_MSE"):
            run.setdefault("probe_over_train", {})[name] = run["probe"][name] / run["train"][name]
        found["runs"].append({"seed": seed, **run})
    if not options.probe_only:
        prompts = {"recipe": config.prompt, "default prompt": Prompt()}
        found["loading"] = {name: loading(config, split.train, prompt) for name, prompt in prompts.items()}
    text = json.dumps(found, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
