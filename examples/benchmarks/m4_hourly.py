"""M4 Hourly: 414 short series, horizon 48, the official split; seqreprog beside ridge and seasonal naive.

Run it: python examples/benchmarks/m4_hourly.py [--data DIR] [--seeds 0 1 2] [--json out.json]
DIR holds Hourly-train.csv and Hourly-test.csv of the M4 competition.
sMAPE is M4's (0 to 200 %), MASE is scaled by the seasonal naive of the training part (Makridakis et al. 2020).
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from seqreprog import Adapter, Forecaster, Prompt, Training
from seqreprog.baselines.seasonal_naive import seasonal_naive
from seqreprog.data.frames import read_table
from seqreprog.data.windows import last_windows
from seqreprog.evaluation.backtest import ridge_forecast
from seqreprog.metrics.forecast import coverage, mase, naive_scales, smape

HORIZON, SEASON, CONTEXT = 48, 24, 512


def long_frame(path: Path) -> pd.DataFrame:
    """M4's layout (a row per series) as a long frame."""
    wide = pd.read_csv(path).copy().set_index("V1")
    wide.columns = range(1, wide.shape[1] + 1)
    long = wide.rename_axis("unique_id").reset_index().melt("unique_id", var_name="ds", value_name="y").dropna()
    long["ds"] = long["ds"].astype(int)
    order = {name: place for place, name in enumerate(wide.index)}
    return long.sort_values(["unique_id", "ds"], key=lambda each: each.map(order) if each.name == "unique_id" else each)


def run(train: pd.DataFrame, targets: np.ndarray, seed: int) -> dict:
    """Fits once and scores every model on the official test windows."""
    model = Forecaster(
        HORIZON,
        context=CONTEXT,
        layers=1,
        level=(80,),
        seed=seed,
        adapter=Adapter(patch=64, stride=64, dropout=0.3),
        prompt=Prompt(task=False, parts=()),
        training=Training(max_steps=300, batch_size=128, evaluate_every=25, patience=4, validation=0.01),
    )
    start = time.perf_counter()
    forecast = model.fit(train).predict()
    seconds = time.perf_counter() - start
    panel = read_table(train).panel
    scales = naive_scales(panel, SEASON)
    windows = last_windows(panel, CONTEXT, HORIZON)
    forecasts = {
        "seqreprog": forecast["seqreprog"].to_numpy().reshape(targets.shape),
        "ridge": ridge_forecast(model._fitted(), windows, panel.scales()),
        "seasonal_naive": seasonal_naive(windows.inputs(), HORIZON, SEASON),
    }
    low, high = (forecast[f"seqreprog-{side}-80"].to_numpy().reshape(targets.shape) for side in ("lo", "hi"))
    return {
        "seed": seed,
        "models": {
            name: {"sMAPE": smape(targets, each), "MASE": mase(targets, each, scales)}
            for name, each in forecasts.items()
        },
        "coverage-80": coverage(targets, low, high),
        "validation": model.summary_.errors,
        "verdict": model.summary_.verdict,
        "seconds": seconds,
    }


def main() -> None:
    default = Path(os.environ.get("SEQREPROG_DATA", "../shared/data")) / "forecast_short" / "M4_hourly"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    train = long_frame(options.data / "Hourly-train.csv")
    test = long_frame(options.data / "Hourly-test.csv")
    targets = test["y"].to_numpy(dtype=float).reshape(-1, HORIZON)
    found = {"set": "M4 Hourly", "runs": [run(train, targets, seed) for seed in options.seeds]}
    text = json.dumps(found, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
