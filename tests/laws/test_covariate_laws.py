"""The laws of covariates, each on a tiny frozen model with the adapter at full weight, so that it can break them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqreprog import Adapter, ConfigError, DataError, Forecaster, Notice, Training
from seqreprog.config.forecast import Base

HORIZON, CONTEXT = 6, 40
ADAPTER = Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=16, features=4, dropout=0.1)
TRAINING = Training(
    max_steps=10, batch_size=16, validation_windows=64, evaluate_every=5, learning_rate=0.03, progress=False
)
BASES = ("ridge", "none")
BESIDE = {"futr_cols": ["promo"], "hist_cols": ["wind"]}
Make = Callable[[str], Path]


def frame(lengths: tuple[int, ...] = (150, 90, 120), *, seed: int = 0, names: str = "s") -> pd.DataFrame:
    """Waves with a promotion on some days and a wind that is felt a step later; `HORIZON` steps more than `lengths`."""
    rng, parts = np.random.default_rng(seed), []
    for place, length in enumerate(lengths):
        steps = np.arange(length + HORIZON)
        promo, wind = (rng.random(len(steps)) < 0.3).astype(float), rng.normal(size=len(steps))
        values = (
            np.sin(2 * np.pi * steps / 12 + place) + promo + 0.5 * np.roll(wind, 1) + 0.1 * rng.normal(size=len(steps))
        )
        times = pd.date_range("2024-01-01", periods=len(steps), freq="h")
        made = {"unique_id": f"{names}{place}", "ds": times, "y": values, "promo": promo, "wind": wind}
        parts.append(pd.DataFrame(made).assign(later=steps >= length))
    return pd.concat(parts, ignore_index=True)


def past(df: pd.DataFrame) -> pd.DataFrame:
    return df[~df["later"]]


def ahead(df: pd.DataFrame) -> pd.DataFrame:
    return df.loc[df["later"], ["unique_id", "ds", "promo"]]


def fitted(
    make_backbone: Make, df: pd.DataFrame, *, beside: dict[str, Any] | None = None, **options: Any
) -> Forecaster:
    options = {"adapter": ADAPTER, "training": TRAINING, "level": (50, 90), "base": "ridge"} | options
    model = Forecaster(HORIZON, context=CONTEXT, backbone=make_backbone("bert"), **options)
    model.fit(past(df), **(BESIDE if beside is None else beside))
    model._blend.weight = 0.5 if options["base"] == "ridge" else 1.0
    return model


@pytest.fixture(scope="module", params=BASES)
def model(request: pytest.FixtureRequest, make_backbone: Make) -> Forecaster:
    return fitted(make_backbone, frame(), base=request.param)


def forecast(model: Forecaster, df: pd.DataFrame, **options: Any) -> np.ndarray:
    return numbers(model.predict(past(df), futr_df=ahead(df), **options))


def numbers(pred: pd.DataFrame) -> np.ndarray:
    return pred.filter(like="seqreprog").to_numpy()


# --- what counts -----------------------------------------------------------------------------------------------------


def test_covariates_change_the_forecast(model: Forecaster) -> None:
    df = frame()
    plain = forecast(model, df)
    for change in (
        df.assign(promo=np.where(df["later"], 1 - df["promo"], df["promo"])),
        df.assign(promo=np.where(df["later"], df["promo"], 1 - df["promo"])),
        df.assign(wind=-df["wind"]),
        df.assign(promo=df["promo"].where(~df["later"])),
    ):
        assert np.abs(forecast(model, change) - plain).max() > 1e-3


def test_what_stands_beyond_the_horizon_or_in_other_series_changes_nothing(model: Forecaster) -> None:
    df = frame()
    plain = forecast(model, df)
    end = ahead(df).groupby("unique_id")["ds"].max()
    later = pd.DataFrame({"unique_id": end.index, "ds": end.to_numpy() + np.timedelta64(1, "h"), "promo": 9.0})
    more = pd.concat([ahead(df), later])
    np.testing.assert_array_equal(numbers(model.predict(past(df), futr_df=more)), plain)
    other = df.assign(promo=np.where(df["unique_id"] == "s1", 1 - df["promo"], df["promo"]))
    np.testing.assert_allclose(forecast(model, other)[:HORIZON], plain[:HORIZON], rtol=0, atol=1e-5)
    wind = df.assign(wind=np.where(df["later"], 99.0, df["wind"]))
    np.testing.assert_array_equal(forecast(model, wind), plain)


def test_a_forecast_is_the_same_alone_or_in_any_batch(model: Forecaster) -> None:
    df = frame()
    crowd = pd.concat([frame((300, 12, 41, 7), seed=9, names="x"), df])
    together = model.predict(past(crowd), futr_df=ahead(crowd))
    for name, own in df.groupby("unique_id"):
        found = numbers(together[together["unique_id"] == name])
        np.testing.assert_allclose(forecast(model, own), found, rtol=0, atol=1e-5)


def test_fewer_steps_are_the_first_of_all(model: Forecaster) -> None:
    df = frame()
    whole = forecast(model, df).reshape(3, HORIZON, -1)
    some = forecast(model, df, h=3).reshape(3, 3, -1)
    np.testing.assert_array_equal(some, whole[:, :3])
    known = ahead(df).groupby("unique_id").head(3)
    masked = ahead(df).assign(promo=ahead(df)["promo"].where(ahead(df).groupby("unique_id").cumcount() < 3))
    np.testing.assert_array_equal(
        numbers(model.predict(past(df), futr_df=known, h=3)), numbers(model.predict(past(df), futr_df=masked, h=3))
    )


def test_the_order_of_rows_does_not_matter(model: Forecaster) -> None:
    df = frame()
    shuffled = model.predict(
        past(df).sample(frac=1, random_state=1), futr_df=ahead(df).sample(frac=1, random_state=2)
    ).sort_values(["unique_id", "ds"])
    np.testing.assert_allclose(numbers(shuffled), forecast(model, df), rtol=0, atol=1e-5)


@pytest.mark.parametrize("base", BASES)
def test_the_unit_of_a_covariate_does_not_matter(make_backbone: Make, base: Base) -> None:
    df = frame()
    moved = df.assign(promo=1000 * df["promo"] + 5, wind=-400 + 1000 * df["wind"])
    plain, found = (forecast(fitted(make_backbone, each, base=base), each) for each in (df, moved))
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-4)


def test_a_known_column_may_be_past_only_too(make_backbone: Make) -> None:
    """The same column, told apart only by whether it is known ahead: knowing more changes the forecast."""
    model = fitted(make_backbone, frame(), beside={"hist_cols": ["promo", "wind"]})
    df = frame()
    found = numbers(model.predict(past(df)))
    assert np.isfinite(found).all()
    assert model.config.patches == 5
    changed = numbers(model.predict(past(df).assign(promo=1 - past(df)["promo"])))
    assert np.abs(changed - found).max() > 1e-3


def test_gaps_are_forecast_from(model: Forecaster) -> None:
    df = frame()
    gone = df.assign(promo=df["promo"].where(df.index % 5 > 0), wind=np.nan)
    assert np.isfinite(forecast(model, gone)).all()


# --- frozen, saved, same ---------------------------------------------------------------------------------------------


def test_frozen_means_frozen(make_backbone: Make) -> None:
    from seqreprog.sources.language import load_backbone

    model = fitted(make_backbone, frame())
    assert model._backbone.fingerprint() == load_backbone(make_backbone("bert"), 2).fingerprint()
    assert not any(name.startswith("backbone.") for name in model._blend.model.adapter_state())


@pytest.mark.parametrize("mode", ["train", "probe"])
@pytest.mark.parametrize("beside", [BESIDE, {"hist_cols": ["wind"]}, {"futr_cols": ["promo", "wind"]}])
def test_save_and_load_give_the_same_bits(
    make_backbone: Make, tmp_path: Path, mode: str, beside: dict[str, Any]
) -> None:
    df = frame()
    training = Training(max_steps=2, batch_size=16, validation_windows=32, progress=False, mode=mode)  # type: ignore[arg-type]
    model = fitted(make_backbone, df, beside=beside, training=training)
    model.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    future = df[df["later"]] if "futr_cols" in beside else None
    np.testing.assert_array_equal(
        numbers(loaded.predict(past(df), futr_df=future)), numbers(model.predict(past(df), futr_df=future))
    )
    assert loaded.config.covariates == model.config.covariates
    assert str(loaded.summary_) == str(model.summary_)


def test_the_same_seed_gives_the_same_weights(make_backbone: Make) -> None:
    first, second = (fitted(make_backbone, frame())._blend.model.adapter_state() for _ in range(2))
    assert all(torch.equal(weight, second[name]) for name, weight in first.items())


def test_a_fit_without_covariates_forgets_them(make_backbone: Make) -> None:
    model = fitted(make_backbone, frame())
    plain = fitted(make_backbone, frame(), beside={})
    model.fit(past(frame()))
    model._blend.weight = 0.5
    np.testing.assert_array_equal(numbers(model.predict()), numbers(plain.predict()))


# --- doors -----------------------------------------------------------------------------------------------------------


def test_a_backtest_reads_the_future_from_the_frame(make_backbone: Make) -> None:
    df = frame()
    found, blind = (
        Forecaster(HORIZON, context=CONTEXT, backbone=make_backbone("bert"), adapter=ADAPTER, training=TRAINING)
        .evaluate(df, n_windows=3, **beside)["models"]["ridge"]["MSE"]
        for beside in (BESIDE, {})
    )  # fmt: skip
    assert found < 0.85 * blind
    model = Forecaster(HORIZON, context=CONTEXT, backbone=make_backbone("bert"), adapter=ADAPTER, training=TRAINING)
    crossed = model.cross_validation(df, n_windows=1, **BESIDE)
    model.fit(past(df), **BESIDE)
    np.testing.assert_allclose(numbers(crossed), forecast(model, df), rtol=0, atol=1e-4)


def test_predict_needs_no_frame_after_fit(model: Forecaster) -> None:
    df = frame()
    np.testing.assert_array_equal(numbers(model.predict(futr_df=ahead(df))), forecast(model, df))


def test_the_summary_says_what_is_read(model: Forecaster) -> None:
    said = str(model.summary_)
    assert "known ahead: promo; known of the past: wind; the ridge reads their last" in said
    assert "the forecast step" in said


def test_a_picture_is_drawn_with_the_future(model: Forecaster) -> None:
    pytest.importorskip("matplotlib")
    assert model.plot(past(frame()), futr_df=ahead(frame())).axes


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_missing_future_is_named(model: Forecaster) -> None:
    with pytest.raises(DataError, match=r"futr_cols=\['promo'\], so it needs them for the 4 steps after .*futr_df="):
        model.predict(h=4)
    with pytest.raises(
        DataError, match=r"no row of series 's0' at 2024-01-07 10:00:00 \(8 of 12 rows .* 'a|'s0', 's1'"
    ):
        model.predict(h=4, futr_df=ahead(frame()).groupby("unique_id").head(2))
    with pytest.raises(DataError, match="df has no column 'wind'"):
        model.predict(past(frame()).drop(columns="wind"), futr_df=ahead(frame()))


def test_a_future_that_nobody_reads_is_refused(make_backbone: Make) -> None:
    model = fitted(make_backbone, frame(), beside={"hist_cols": ["wind"]})
    with pytest.raises(ConfigError, match="futr_df was given, but the model was fitted without futr_cols"):
        model.predict(futr_df=ahead(frame()))


def test_columns_are_named_once(make_backbone: Make) -> None:
    model = Forecaster(HORIZON, context=CONTEXT, backbone=make_backbone("bert"), adapter=ADAPTER, training=TRAINING)
    with pytest.raises(ConfigError, match="column 'promo' is named more than once"):
        model.fit(past(frame()), futr_cols=["promo"], hist_cols=["promo"])
    with pytest.raises(ConfigError, match="column 'y' holds the target"):
        model.fit(past(frame()), hist_cols=["y"])


def test_a_blind_series_is_still_a_notice(model: Forecaster) -> None:
    df = frame()
    values = df["y"].where((df["unique_id"] != "s1") | (df.groupby("unique_id").cumcount() < 20))
    with pytest.warns(Notice, match="'s1' has no observed value in its last 40 steps"):
        found = model.predict(past(df.assign(y=values)), futr_df=ahead(df))
    assert found["seqreprog"].isna().sum() == HORIZON


# --- learning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["probe", pytest.param("train", marks=pytest.mark.slow)])
def test_what_is_known_ahead_halves_the_error_of_the_model_alone(make_backbone: Make, mode: str) -> None:
    """y = season + 3 promo + noise, where nothing but the column tells when a promotion comes."""
    rng, parts = np.random.default_rng(0), []
    for place in range(3):
        steps = np.arange(300 + HORIZON)
        promo = (rng.random(len(steps)) < 0.3).astype(float)
        values = 10 * place + 2 * np.sin(2 * np.pi * steps / 12) + 3 * promo + 0.3 * rng.normal(size=len(steps))
        times = pd.date_range("2024-01-01", periods=len(steps), freq="h")
        made = pd.DataFrame({"unique_id": f"s{place}", "ds": times, "y": values, "promo": promo})
        parts.append(made.assign(later=steps >= 300))
    df = pd.concat(parts, ignore_index=True)
    adapter = Adapter(patch=6, stride=6, hidden=32, heads=4, head_width=8, n_prototypes=32, features=32, dropout=0.0)
    schedule = {"max_steps": 150, "batch_size": 32, "learning_rate": 0.01, "evaluate_every": 50, "progress": False}
    for base in BASES:
        errors = []
        for columns in ([], ["promo"]):
            model = Forecaster(
                HORIZON, context=24, backbone=make_backbone("bert"), adapter=adapter, base=base,
                training=Training(mode=mode, **schedule),  # type: ignore[arg-type]
            )  # fmt: skip
            model.fit(past(df), futr_cols=columns)
            errors.append(model.summary_.errors["seqreprog" if base == "ridge" else "language model"])
        assert errors[1] < 0.5 * errors[0], (base, errors)
