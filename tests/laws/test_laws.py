"""The laws of a forecaster, each on a tiny frozen model with the adapter at full weight, so that it can break them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqreprog import Adapter, Forecaster, Prompt, Training

HORIZON, CONTEXT = 6, 40
ADAPTER = Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=16, features=4, dropout=0.1)
TRAINING = Training(
    max_steps=10, batch_size=16, validation_windows=64, evaluate_every=5, learning_rate=0.03, progress=False
)
BASES = ("ridge", "none")
Make = Callable[[str], Path]


def frame(lengths: tuple[int, ...] = (150, 90, 120), *, scale: float = 1.0, shift: float = 0.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    parts = []
    for place, length in enumerate(lengths):
        steps = np.arange(length)
        values = np.sin(2 * np.pi * steps / 12 + place) ** 3 + 0.3 * rng.normal(size=length)
        times = pd.date_range("2024-01-01", periods=length, freq="h")
        parts.append(pd.DataFrame({"unique_id": f"s{place}", "ds": times, "y": values * scale + shift}))
    return pd.concat(parts, ignore_index=True)


def fitted(make_backbone: Make, df: pd.DataFrame, *, weight: float | None = 1.0, **options: Any) -> Forecaster:
    options = {"prompt": Prompt(domain="Load."), "adapter": ADAPTER, "training": TRAINING, "level": (50, 90)} | options
    model = Forecaster(HORIZON, context=CONTEXT, backbone=make_backbone("bert"), **options).fit(df)
    if weight is not None:
        model._blend.weight = weight  # whatever validation said: at 0 the language model could break no law
    return model


@pytest.fixture(scope="module", params=BASES)
def model(request: pytest.FixtureRequest, make_backbone: Make) -> Forecaster:
    return fitted(make_backbone, frame(), base=request.param)


def numbers(pred: pd.DataFrame) -> np.ndarray:
    return pred.filter(like="seqreprog").to_numpy()


def adapter_bits(model: Forecaster) -> dict[str, torch.Tensor]:
    return model._blend.model.adapter_state()


# --- scale and company -----------------------------------------------------------------------------------------------


def test_the_adapter_has_a_say(model: Forecaster) -> None:
    """Without this the other laws would be the ridge's alone."""
    blend, kept = model._blend, model._blend.weight
    full = numbers(model.predict())
    try:
        blend.weight = 0.0
        without = numbers(model.predict())
    finally:
        blend.weight = kept
    assert np.abs(full - without).max() > 0.01


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    ("scale", "shift", "tolerance"), [(1.0, 1e9, 1e-3), (1e-12, 0.0, 1e-3), (4.0, -32.0, 1e-4), (1e6, 3e6, 1e-3)]
)
def test_affine_equivariance(make_backbone: Make, base: str, scale: float, shift: float, tolerance: float) -> None:
    """fit on a x + b forecasts a y + b: the language model sees shape, never size."""
    plain = fitted(make_backbone, frame(), base=base, weight=None)
    moved = fitted(make_backbone, frame(scale=scale, shift=shift), base=base, weight=None)
    assert moved.summary_.weight == plain.summary_.weight
    plain._blend.weight = moved._blend.weight = 1.0
    expected, found = numbers(plain.predict()), (numbers(moved.predict()) - shift) / scale
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * expected.std())


def test_statistics_in_units_give_equivariance_up(make_backbone: Make) -> None:
    prompt = Prompt(statistics="units")
    plain = fitted(make_backbone, frame(), prompt=prompt)
    moved = fitted(make_backbone, frame(scale=4.0, shift=-32.0), prompt=prompt)
    assert np.abs((numbers(moved.predict()) + 32) / 4 - numbers(plain.predict())).max() > 1e-3


@pytest.mark.compat
def test_a_forecast_is_the_same_alone_or_in_any_batch(model: Forecaster) -> None:
    strangers = frame((300, 12, 41, 40, 7), scale=1e4, shift=5e5, seed=9).assign(
        unique_id=lambda df: "x" + df["unique_id"]
    )
    for name, own in frame().groupby("unique_id"):
        alone = model.predict(own)
        crowd = model.predict(pd.concat([strangers, own, frame(seed=3).assign(unique_id="z" + name[1:])][:2]))
        crowd = crowd[crowd["unique_id"] == name]
        np.testing.assert_allclose(numbers(alone), numbers(crowd), rtol=0, atol=1e-5)


def test_what_came_before_the_context_changes_nothing(model: Forecaster) -> None:
    df = frame((CONTEXT + 30,))
    np.testing.assert_allclose(
        numbers(model.predict(df)), numbers(model.predict(df.iloc[-CONTEXT:])), rtol=0, atol=1e-5
    )


def test_row_order_does_not_matter_to_predict(model: Forecaster) -> None:
    df = frame()
    shuffled = model.predict(df.sample(frac=1, random_state=1)).sort_values(["unique_id", "ds"])
    np.testing.assert_allclose(numbers(shuffled), numbers(model.predict(df)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("base", BASES)
def test_row_order_does_not_matter_to_fit(make_backbone: Make, base: str) -> None:
    df = frame()
    plain = fitted(make_backbone, df, base=base).predict()
    shuffled = fitted(make_backbone, df.sample(frac=1, random_state=1), base=base).predict()
    assert set(shuffled["unique_id"].unique()) == set(df["unique_id"])
    ordered = shuffled.sort_values(["unique_id", "ds"])
    np.testing.assert_allclose(numbers(ordered), numbers(plain), rtol=0, atol=1e-4)


# --- intervals -------------------------------------------------------------------------------------------------------


def test_quantiles_rise_around_the_point(model: Forecaster) -> None:
    pred = model.predict(frame((200, 41, 9, 3), seed=5))
    columns = ["lo-90", "lo-50", "", "hi-50", "hi-90"]
    found = pred[["-".join(filter(None, ("seqreprog", column))) for column in columns]].to_numpy()
    assert (np.diff(found, axis=1) >= 0).all()
    assert (found[:, -1] > found[:, 0]).all()


@pytest.mark.parametrize("base", BASES)
def test_the_point_does_not_depend_on_the_levels(make_backbone: Make, base: str) -> None:
    found = [fitted(make_backbone, frame(), base=base, level=level).predict() for level in ((), (80,), (50, 80, 99))]
    assert [len(pred.columns) for pred in found] == [3, 5, 9]
    for pred in found[1:]:
        np.testing.assert_allclose(pred["seqreprog"], found[0]["seqreprog"], rtol=0, atol=1e-5)


# --- randomness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
def test_same_seed_same_bits_other_seed_other_bits(make_backbone: Make, base: str) -> None:
    first, again, other = (fitted(make_backbone, frame(), base=base, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first.predict(), again.predict(), check_exact=True)
    assert all(torch.equal(w, adapter_bits(again)[name]) for name, w in adapter_bits(first).items())
    assert not all(torch.equal(w, adapter_bits(other)[name]) for name, w in adapter_bits(first).items())
    assert not np.array_equal(numbers(first.predict()), numbers(other.predict()))


def test_the_callers_random_state_and_threads_are_untouched(make_backbone: Make) -> None:
    """Python's own generator is not looked at: the run-time type checker of these tests draws from it."""

    def state() -> tuple[bytes, str, int, bool]:
        threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        numpy_state = str(np.random.get_state())
        return torch.get_rng_state().numpy().tobytes(), numpy_state, threads, deterministic

    before = state()
    model = fitted(make_backbone, frame(), training=replace(TRAINING, threads=2, max_steps=4))
    assert state() == before
    model.predict()
    assert state() == before


def test_the_callers_random_state_does_not_matter(make_backbone: Make) -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(fitted(make_backbone, frame()).predict())
    pd.testing.assert_frame_equal(*found, check_exact=True)


def test_two_instances_share_no_weight(make_backbone: Make) -> None:
    adapter = replace(ADAPTER, prototypes="words", words=("peak", "drop", "trend"))
    for options in ({}, {"adapter": adapter}):
        first, second = (fitted(make_backbone, frame(), **options) for _ in range(2))
        before = second.predict()
        with torch.no_grad():
            for weight in adapter_bits(first).values():
                weight.add_(1.0)
            for weight in first._blend.backbone.parameters():
                weight.add_(1.0)
        first._blend.ridge.weights[:] = 0
        pd.testing.assert_frame_equal(second.predict(), before, check_exact=True)


def test_a_second_fit_starts_anew(make_backbone: Make) -> None:
    model = fitted(make_backbone, frame(seed=4))
    model.fit(frame())
    model._blend.weight = 1.0
    pd.testing.assert_frame_equal(model.predict(), fitted(make_backbone, frame()).predict(), check_exact=True)


# --- on disk ---------------------------------------------------------------------------------------------------------

SCRIPT = """
import sys
import pandas as pd
from seqreprog import Forecaster
frame = pd.read_pickle(sys.argv[1])
for path in sys.argv[2:]:
    Forecaster.load(path, device="cpu").predict(frame).to_pickle(path + ".pkl")
"""


@pytest.mark.compat
def test_save_and_load_is_the_same_to_the_bit_also_in_a_new_process(make_backbone: Make, tmp_path: Path) -> None:
    df, expected = frame(seed=7), {}
    df.to_pickle(tmp_path / "frame.pkl")
    for base in BASES:
        model = fitted(make_backbone, frame(), base=base)
        expected[base] = model.predict(df)
        model.save(tmp_path / base)
        pd.testing.assert_frame_equal(Forecaster.load(tmp_path / base).predict(df), expected[base], check_exact=True)
    paths = [str(tmp_path / name) for name in ("frame.pkl", *BASES)]
    subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT, *paths], check=True)
    for base in BASES:
        pd.testing.assert_frame_equal(pd.read_pickle(tmp_path / f"{base}.pkl"), expected[base], check_exact=True)


# --- missing values --------------------------------------------------------------------------------------------------


def test_missing_is_not_the_mean_and_not_the_last_value(make_backbone: Make) -> None:
    """The adapter reads the mask: a hole is told apart from the values that scaling would turn into zeros."""
    model = fitted(make_backbone, frame(), base="none", prompt=Prompt(task=False, parts=()))
    df = frame((CONTEXT,))
    holes = df.assign(y=df["y"].where((df.index < 8) | (df.index >= 16)))
    filled = holes.assign(
        y=holes["y"].fillna(model._blend.framing.batch(holes["y"].to_numpy()[None], np.ones(1))[1].loc[0])
    )
    assert np.abs(numbers(model.predict(holes)) - numbers(model.predict(filled))).max() > 1e-4
    assert np.isfinite(numbers(model.predict(holes))).all()


@pytest.mark.parametrize("base", BASES)
def test_missing_values_are_no_obstacle_anywhere(make_backbone: Make, base: str) -> None:
    df = frame()
    rng = np.random.default_rng(0)
    df["y"] = df["y"].where(rng.random(len(df)) > 0.3)
    model = fitted(make_backbone, df, base=base)
    assert np.isfinite(numbers(model.predict())).all()
    assert np.isfinite(list(model.summary_.errors.values())).all()
