"""Forecasts: toy series, and the fits whose answers are frozen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from case import LONG, TINY, Answers, Case, adapter, reported, training

from seqreprog import Forecaster, Prompt, forecast

PATCHES: dict[str, Any] = {"patch": 4, "stride": 4, "features": 4}
SMALL: dict[str, Any] = {"context": 8, "backbone": TINY, "layers": 1}
HORIZON = 2
PROMO, WIND, ABOUT = {"futr_cols": ["promo"]}, {"hist_cols": ["wind"]}, {"static": "about"}


def chaos(steps: int, start: float, rng: np.random.Generator) -> np.ndarray:
    """A logistic map: the next step is a parabola of the last, so a ridge misses what a language model may find."""
    values = np.empty(steps)
    values[0] = start
    for step in range(1, steps):
        values[step] = 3.8 * values[step - 1] * (1 - values[step - 1])
    return values + 0.02 * rng.standard_normal(steps)


def long_frame(lengths: tuple[int, ...] = (90, 70), *, holes: int = 0, effect: float = 0.2) -> pd.DataFrame:
    """Series `a`, `b` ... with a covariate that is known ahead, one that is not, and a sentence.

    Args:
        lengths: of each series.
        holes: missing values, anywhere.
        effect: of the first covariate on the target.
    """
    noise, rng, parts = np.random.default_rng(0), np.random.default_rng(1), []
    for place, length in enumerate(lengths):
        part = pd.DataFrame({"unique_id": "abcdef"[place], "ds": np.arange(length)})
        part["promo"] = rng.integers(0, 2, length).astype(float)
        part["wind"] = rng.random(length).round(3)
        part["y"] = (chaos(length, 0.3 + 0.1 * place, noise) + effect * part["promo"]).round(3)
        part["about"] = ("a loud shop", "a calm mill", "a far port")[place % 3]
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    frame.loc[rng.choice(len(frame), holes, replace=False), ["y", "wind"]] = np.nan
    return frame


def ending_blind(frame: pd.DataFrame) -> pd.DataFrame:
    """Nothing is known of the last steps of `b`: there is nothing to forecast it from."""
    return frame.assign(y=frame["y"].mask(frame["unique_id"].eq("b") & frame["ds"].ge(55)))


def dated(*, gaps: bool) -> pd.DataFrame:
    """A wide frame with dates as its index and a column for each series; with gaps, a long one that lacks rows."""
    days, frame = pd.date_range("2024-03-01", periods=70, freq="D", tz="Europe/Berlin"), long_frame((70, 70))
    if gaps:
        return frame.assign(ds=[*days, *days]).drop(index=[5, 20, 21, 100]).reset_index(drop=True)
    return pd.DataFrame({name: part["y"].to_numpy() for name, part in frame.groupby("unique_id")}, index=days)


def ahead(frame: pd.DataFrame) -> pd.DataFrame:
    """What is known of the steps behind the end of each series."""
    ends = frame.groupby("unique_id", as_index=False)["ds"].max()
    parts = [ends.assign(ds=ends["ds"] + step, promo=float(step % 2)) for step in range(1, HORIZON + 1)]
    return pd.concat(parts, ignore_index=True)


def numbers(frame: pd.DataFrame) -> np.ndarray:
    return frame.filter(regex="^seqreprog").to_numpy()


def forecaster(
    mode: str, frame: pd.DataFrame | None = None, *, beside: Any = None, size: Any = None, schedule: Any = None,
    **options: Any,
) -> Case:  # fmt: skip
    """A fit; `beside` are arguments of `fit`, `size` and `schedule` those of `Adapter` and `Training`."""
    data, roles = long_frame() if frame is None else frame, beside or {}

    def fit() -> Forecaster:
        parts: dict[str, Any] = {
            "adapter": adapter(**{**PATCHES, **(size or {})}),
            "training": training(mode, **(schedule or {})),
        }
        return Forecaster(HORIZON, **{**SMALL, **parts, **options}).fit(data, **roles)

    def answer(model: Forecaster) -> Answers:
        futr_df = ahead(data) if "futr_cols" in roles else None
        return {
            "forecast": numbers(model.predict(data, futr_df=futr_df)),
            "one step": numbers(model.predict(data, h=1, futr_df=futr_df)),
            "report": reported(model),
        }

    return Case(fit, answer, lambda: Forecaster)


def forecasters() -> dict[str, Case]:
    made = {**plain(), **covered(), **shaped(), **missing()}
    made |= {"cross-validation": cross_validation(), "pipe": pipe()}
    return {f"forecast-{name}": case for name, case in made.items()}


def plain() -> dict[str, Case]:
    """Both ways to fit with either base, the losses and the levels; the ridge alone where the weight is 0."""
    easy, levels = long_frame(effect=0), [50, 80, 95.5]
    return {
        "train": forecaster("train", easy, schedule=LONG),
        "probe": forecaster("probe", easy, size={"features": 12}),
        "train-none": forecaster("train", base="none"),
        "probe-none": forecaster("probe", base="none"),
        "ridge-alone": forecaster("train", long_frame((60, 50))),
        "levels-mae-train": forecaster("train", base="none", loss="mae", level=levels),
        "levels-mae-probe": forecaster("probe", base="none", loss="mae", level=levels),
        "no-levels": forecaster("train", base="none", level=()),
    }


def covered() -> dict[str, Case]:
    """What is read beside the target."""
    several = long_frame((50, 40, 45, 40, 50))
    holdout = {"holdout": "series", "validation": 0.3}
    return {
        "covariates-train": forecaster("train", base="none", beside={**PROMO, **WIND, **ABOUT}),
        "covariates-probe": forecaster("probe", base="none", beside={**PROMO, **WIND, **ABOUT}),
        "covariates-ridge": forecaster("probe", beside={**PROMO, **WIND}),
        "known-ahead": forecaster("train", base="none", beside=PROMO),
        "known-past": forecaster("probe", base="none", beside=WIND),
        "static-holdout": forecaster(
            "train", several, base="none", beside=ABOUT, layers="auto", schedule=holdout
        ),
        "static-probe": forecaster("probe", several, base="none", beside=ABOUT, schedule=holdout),
    }  # fmt: skip


def shaped() -> dict[str, Case]:
    """Forms of the prompt, the prototypes, the patches and the schedule."""
    words = {"prototypes": "words", "words": ("up", "down", "trend", "next")}
    units = Prompt(domain="a shop", statistics="units", reading="bidirectional")
    schedule = {"mirror": False, "average": 0.0, "accumulate": 2, "weight_decay": 0.0, "clip": 0.1}
    return {
        "bidirectional-units": forecaster("train", base="none", prompt=units),
        "bidirectional-probe": forecaster("probe", base="none", prompt=units),
        "no-prompt": forecaster("probe", base="none", prompt=Prompt(task=False, parts=())),
        "linear-prototypes": forecaster("train", base="none", size={"prototypes": "linear"}),
        "word-prototypes": forecaster("train", base="none", size=words),
        "overlapping-patches": forecaster("probe", base="none", size={"stride": 2}, layers=None, context=None),
        "plain-schedule": forecaster("train", base="none", seed=7, size={"dropout": 0.0}, schedule=schedule),
        "stopped": forecaster("train", base="none", schedule={"max_steps": 40, "patience": 1, "learning_rate": 0.2}),
        "unmirrored-probe": forecaster("probe", base="none", schedule={"mirror": False}),
        "half-precision": forecaster("train", base="none", schedule={"precision": "bf16"}),
    }


def missing() -> dict[str, Case]:
    """Missing values, unequal lengths, wide frames, dates, too little data."""
    holed, gaps = ending_blind(long_frame((90, 70, 40), holes=12)), {"fill_gaps": True}
    return {
        "missing-train": forecaster("train", holed, base="none"),
        "missing-probe": forecaster("probe", holed),
        "mostly-missing-probe": forecaster("probe", long_frame(holes=70), base="none"),
        "wide": forecaster("probe", dated(gaps=False), base="none"),
        "gaps": forecaster("train", dated(gaps=True), base="none", beside=gaps),
        "nothing-held-out-train": forecaster("train", long_frame((5, 5)), base="none", context=4),
        "nothing-held-out-probe": forecaster("probe", long_frame((5, 5)), context=4),
    }


def cross_validation() -> Case:
    """Backtests and their scores."""
    data, shape = long_frame(), {"n_windows": 2, "step_size": 3}

    def fit() -> Forecaster:
        return Forecaster(HORIZON, **SMALL, base="none", adapter=adapter(**PATCHES), training=training("probe"))

    def answer(model: Forecaster) -> Answers:
        scores = model.evaluate(data, n_windows=2)["models"].values()
        return {
            "refit": numbers(model.cross_validation(data, refit=True, **shape, **PROMO)),
            "once": numbers(model.cross_validation(data, **shape, **WIND)),
            "scores": [value for one in scores for value in one.values() if value is not None],
        }

    return Case(fit, answer)


def pipe() -> Case:
    """In one step of a pandas pipeline."""
    data = long_frame()
    options: dict[str, Any] = {**SMALL, "adapter": adapter(**PATCHES), "training": training("probe"), "base": "none"}
    return Case(
        lambda: data.pipe(forecast, HORIZON, futr_df=ahead(data), **PROMO, **options),
        lambda frame: {"forecast": numbers(frame)},
    )
