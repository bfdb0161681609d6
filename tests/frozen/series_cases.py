"""Whole series, and the estimators with sktime's interface: toy panels, and the fits whose answers are frozen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from case import TINY, Answers, Case, adapter, reported, series_names, training
from forecast_cases import HORIZON, PATCHES, SMALL, long_frame

VIEWS: dict[str, Any] = {"backbone": TINY, "layers": 1, "positions": 6}
Panel = tuple[list[np.ndarray], np.ndarray]


def panel(count: int = 40, channels: int = 2, *, ragged: bool = False) -> Panel:
    """Series that rise in the middle or do not, and whether they do; ragged ones have missing values too."""
    rng, series = np.random.default_rng(0), []
    rises = rng.integers(0, 2, count)
    for rise in rises:
        length = int(rng.integers(14, 25)) if ragged else 20
        values = rng.standard_normal((channels, length))
        values[0, length // 2 :] += 1.5 * rise
        if ragged:
            values[rng.random(values.shape) < 0.1] = np.nan
        series.append(values.round(3))
    return series, rises


def largest(series: list[np.ndarray]) -> np.ndarray:
    """A value for each."""
    return np.array([float(np.nanmax(one)) for one in series])


def whole(
    task: str, mode: str, data: Panel | None = None, *, target: Any = None, weight: Any = None, **chosen: Any
) -> Case:
    X, rises = panel() if data is None else data
    if target is None:
        target = rises if task == "classify" else largest(X)

    def fit() -> Any:
        model, config = series_names()
        parts = {"adapter": adapter(), "training": training(mode, validation=0.25)}
        return model.fit(config(task=task, **{**VIEWS, **parts, **chosen}), X, target, class_weight=weight)

    def answer(model: Any) -> Answers:
        found = model.probabilities(X[:12]) if task == "classify" else model.values(X[:12])
        return {"answers": found, "classes": [str(each) for each in model.classes], "report": reported(model)}

    return Case(fit, answer, lambda: series_names()[0])


def series() -> dict[str, Case]:
    ragged, flat, many = panel(ragged=True), panel(channels=1), panel(210, channels=1)
    names, three = np.array(["flat", "step"])[flat[1]], np.arange(40) % 3
    made = {
        "classify-probe": whole("classify", "probe"),
        "classify-train": whole("classify", "train"),
        "classify-ragged-probe": whole("classify", "probe", ragged, weight="balanced"),
        "classify-ragged-train": whole("classify", "train", ragged, weight={0: 1.0, 1: 2.0}),
        "classify-many-probe": whole("classify", "probe", many),
        "classify-many-train": whole("classify", "train", many),
        "classify-three": whole("classify", "probe", flat, target=three, layers=2, positions=3),
        "classify-names": whole("classify", "probe", flat, target=names, seed=5),
        "regress-probe": whole("regress", "probe"),
        "regress-train": whole("regress", "train"),
        "regress-ragged-probe": whole("regress", "probe", ragged),
        "regress-ragged-train": whole("regress", "train", ragged),
        "regress-many-train": whole("regress", "train", many),
    }
    for mapping in ("random", "frequency", "iterative"):
        made[f"voice2series-{mapping}"] = whole(
            "classify", "train", flat, form="voice2series", mapping=mapping, padding=3, words_per_class=4
        )
    return {f"series-{name}": case for name, case in made.items()}


# --- sktime's interface -----------------------------------------------------------------------------------------------


def estimator(name: str, data: Panel, mode: str, **arguments: Any) -> Case:
    """A classifier or a regressor of frames."""
    X = [pd.DataFrame(one.T, columns=[f"c{place}" for place in range(len(one))]) for one in data[0]]
    classifies = name == "ReprogClassifier"
    y = data[1].astype(str) if classifies else largest(data[0])

    def fit() -> Any:
        import seqreprog.sktime

        parts = {"adapter": adapter(), "training": training(mode)}
        return getattr(seqreprog.sktime, name)(**VIEWS, **parts, **arguments).fit(X, y)

    def answer(model: Any) -> Answers:
        found = model.predict_proba(X[:10]) if classifies else model.predict(X[:10])
        return {"answers": found, "report": reported(model)}

    return Case(fit, answer, pickled=True, needs=("sktime",))


def sktime_forecaster(mode: str, *, several: bool) -> Case:
    """A panel of two series, or one with what is known ahead."""
    data = long_frame((70, 70))
    y, X, coming = data.set_index(["unique_id", "ds"])[["y"]], None, None
    if not several:
        months = pd.period_range("2020-01", periods=70 + HORIZON, freq="M")
        first = data.iloc[:70].set_axis(months[:70])
        y, X = first["y"], first[["promo"]]
        coming = pd.DataFrame({"promo": [1.0, 0.0]}, index=months[70:])

    def fit() -> Any:
        from seqreprog.sktime import ReprogForecaster

        parts: dict[str, Any] = {"adapter": adapter(**PATCHES), "training": training(mode)}
        return ReprogForecaster(HORIZON, **SMALL, **parts, base="none").fit(y, X=X)

    def answer(model: Any) -> Answers:
        quantiles = model.predict_quantiles(fh=[1, 2], X=coming, alpha=[0.1, 0.5, 0.8])
        return {
            "forecast": model.predict(fh=[1, 2], X=coming).to_numpy(),
            "quantiles": quantiles.to_numpy(),
            "report": reported(model),
        }

    return Case(fit, answer, pickled=True, needs=("sktime", "skpro"))


def sktime_estimators() -> dict[str, Case]:
    made = {
        "classifier": estimator("ReprogClassifier", panel(30), "probe"),
        "voice2series": estimator("ReprogClassifier", panel(30, channels=1), "train", form="voice2series"),
        "regressor": estimator("ReprogRegressor", panel(30, ragged=True), "train", random_state=3),
        "forecaster": sktime_forecaster("train", several=False),
        "panel-forecaster": sktime_forecaster("probe", several=True),
    }
    return {f"sktime-{name}": case for name, case in made.items()}
