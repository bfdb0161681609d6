"""Forecast three series of different length, with missing values and intervals, save the model and use it again.

Run it: python examples/forecast_dataframe.py
"""

import tempfile

import numpy as np
import pandas as pd

from seqreprog import Adapter, Forecaster, Prompt, Training


def shops() -> pd.DataFrame:
    """Daily sales of three shops: a weekly pattern, noise, and a week when one till was broken."""
    random = np.random.default_rng(0)
    frames = []
    for shop, days in {"north": 400, "south": 300, "harbour": 120}.items():
        dates = pd.date_range("2024-01-01", periods=days, freq="D")
        sales = 100 + 30 * np.sin(2 * np.pi * dates.dayofweek / 7) + random.normal(0, 5, days)
        frames.append(pd.DataFrame({"shop": shop, "day": dates, "sales": sales}))
    frame = pd.concat(frames, ignore_index=True)
    frame.loc[50:56, "sales"] = np.nan
    return frame


def main() -> None:
    model = Forecaster(
        horizon=14,
        context=56,
        layers=1,
        level=(80,),
        adapter=Adapter(patch=7, stride=7),
        prompt=Prompt(domain="Daily sales of a shop that is busy at weekends."),
        training=Training(max_steps=60, batch_size=32, evaluate_every=20),
    )
    model.fit(shops(), id_col="shop", time_col="day", target_col="sales")
    print(model.summary_)
    print(model.predict().groupby("shop").head(2))
    with tempfile.TemporaryDirectory() as place:
        model.save(f"{place}/model")
        print(Forecaster.load(f"{place}/model").predict(shops().query("shop == 'harbour'"), h=3))


if __name__ == "__main__":
    main()
