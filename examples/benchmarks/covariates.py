"""What covariates and a sentence are worth where the truth is known: probed models on generated series.

Run it: python examples/benchmarks/covariates.py

`promotion`: y = season + 3 * promotion + noise (variance 0.09), where nothing but the column tells when one comes.
`sentence`: noise of variance 1 hides whether a series climbs or falls; the test series have sentences never seen, and
`swapped` gives each the other kind's. Mean squared errors of the test steps, in the series' own units.
"""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd

from seqreprog import Adapter, Forecaster, Training

STEPS = 12
CLIMBS = ("Ice cream sold in summer.", "Sales of ice cream in the hot season.", "An ice cream shop.",
          "Ice cream, sold on warm days.", "Summer sales of ice cream.", "A shop for ice cream.")  # fmt: skip
FALLS = ("Umbrellas sold in the rain.", "Sales of umbrellas in the wet season.", "An umbrella shop.",
         "Umbrellas, sold on rainy days.", "Rainy sales of umbrellas.", "A shop for umbrellas.")  # fmt: skip
OTHER = dict(zip((*CLIMBS, *FALLS), (*FALLS, *CLIMBS), strict=True))


def main() -> None:
    warnings.simplefilter("ignore")
    print(json.dumps({"promotion": promotion(), "sentence": sentence()}, indent=2))


def promotion() -> dict[str, float]:
    rng, parts = np.random.default_rng(0), []
    for place, length in enumerate((300, 260, 280)):
        steps = np.arange(length + STEPS)
        promo = (rng.random(len(steps)) < 0.3).astype(float)
        wave = 10 * place + 2 * np.sin(2 * np.pi * steps / 12 + place)
        values = wave + 3 * promo + 0.3 * rng.normal(size=len(steps))
        parts.append(_series(f"s{place}", values, promo=promo))
    df = pd.concat(parts, ignore_index=True)
    past, ahead = df[~df["later"]], df[df["later"]]
    found = {}
    for base in ("ridge", "none"):
        for columns in ([], ["promo"]):
            model = _model(48, base=base, adapter=Adapter(patch=12, stride=12)).fit(past, futr_cols=columns)
            answer = model.predict(futr_df=ahead if columns else None)
            found[f"base {base}, {'with' if columns else 'without'}"] = _error(answer, ahead)
    return found


def sentence() -> dict[str, float]:
    train, test = _climbers(16, 120, 0, slice(0, 4)), _climbers(40, 28, 1, slice(4, 6))
    past, ahead = test[~test["later"]], test[test["later"]]
    plain, told = (_model(12, base="none", adapter=Adapter(patch=6, stride=6)).fit(train, static=static)
                   for static in (None, "about"))  # fmt: skip
    swapped = past.assign(about=past["about"].map(OTHER))
    answers = {"without": plain.predict(past), "with": told.predict(past), "swapped": told.predict(swapped)}
    return {name: _error(answer, ahead) for name, answer in answers.items()}


def _climbers(count: int, length: int, seed: int, texts: slice) -> pd.DataFrame:
    rng, parts = np.random.default_rng(seed), []
    for place in range(count):
        said = (CLIMBS, FALLS)[place % 2][texts]
        values = 0.15 * (1 - 2 * (place % 2)) * np.arange(length) + rng.normal(size=length)
        parts.append(_series(f"s{place}", values, about=said[place // 2 % len(said)]))
    return pd.concat(parts, ignore_index=True)


def _series(name: str, values: np.ndarray, **columns: object) -> pd.DataFrame:
    times = pd.date_range("2024-01-01", periods=len(values), freq="h")
    later = np.arange(len(values)) >= len(values) - STEPS
    return pd.DataFrame({"unique_id": name, "ds": times, "y": values, **columns, "later": later})


def _model(context: int, **options: object) -> Forecaster:
    return Forecaster(STEPS, context=context, training=Training(mode="probe", progress=False), **options)


def _error(answer: pd.DataFrame, ahead: pd.DataFrame) -> float:
    return round(float(np.mean((answer["seqreprog"].to_numpy() - ahead["y"].to_numpy()) ** 2)), 3)


if __name__ == "__main__":
    main()
