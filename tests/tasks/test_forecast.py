"""The fitted whole: the language model is admitted only where it proves itself, and the summary says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqreprog.config.forecast import Adapter, ForecastConfig, Prompt, Training
from seqreprog.data.windows import Panel, split_in_time, windows_between
from seqreprog.errors import DataError, Notice
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.tasks.forecast import _known_scales, fit_blend, fit_panel

HORIZON, CONTEXT = 4, 24
ADAPTER = Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4, dropout=0.0)
TRAINING = Training(
    max_steps=30, batch_size=16, evaluate_every=15, learning_rate=0.02, validation_windows=64, progress=False
)
CONFIG = ForecastConfig(horizon=HORIZON, context=CONTEXT, adapter=ADAPTER, training=TRAINING)


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> Backbone:
    return load_backbone(make_backbone("bert"))


def panel_of(*series: np.ndarray) -> Panel:
    return Panel(np.concatenate(series).astype(float), np.concatenate([[0], np.cumsum([len(s) for s in series])]))


def sine(length: int, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    return np.sin(np.arange(length) * np.pi / 6) + noise * np.random.default_rng(seed).normal(size=length)


def logistic(length: int, seed: int = 0) -> np.ndarray:
    """Chaos: the next value is a parabola of the last, so a linear forecaster knows nothing and another much."""
    values = np.empty(length)
    values[0] = 0.2 + 0.1 * np.random.default_rng(seed).random()
    for step in range(1, length):
        values[step] = 3.99 * values[step - 1] * (1 - values[step - 1])
    return values


# --- admission -------------------------------------------------------------------------------------------------------


def test_scales_know_nothing_of_the_validation() -> None:
    values = sine(100)
    panel, wild = panel_of(values, values), panel_of(values, np.where(np.arange(100) < 85, values, 1e6))
    first, second = (_known_scales(split_in_time(one, CONTEXT, HORIZON, 0.15)) for one in (panel, wild))
    np.testing.assert_array_equal(first, second)
    assert first[0] == pytest.approx(values[:85].std())


# --- the whole -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["mse", "mae"])
@pytest.mark.parametrize(
    "values", [sine(160), logistic(160), np.random.default_rng(0).normal(size=160).cumsum(), np.full(160, 3.0)]
)
def test_never_worse_than_the_ridge_on_validation(backbone: Backbone, values: np.ndarray, loss: str) -> None:
    config = replace(CONFIG, loss=loss, training=replace(TRAINING, max_steps=6, learning_rate=0.1))
    blend, summary = fit_panel(config, backbone, panel_of(values), ["a"])
    assert summary.errors["seqreprog"] <= summary.errors["ridge"]
    if blend.weight == 0:
        assert summary.errors["seqreprog"] == summary.errors["ridge"]
    if summary.errors["ridge"] > 0:
        assert ("the language model was not admitted" in str(summary)) == (blend.weight == 0)
    else:
        assert "the ridge makes no error" in str(summary)


def test_an_untrained_adapter_is_not_admitted_and_this_is_said(backbone: Backbone) -> None:
    config = replace(CONFIG, training=replace(TRAINING, max_steps=0))
    blend, summary = fit_panel(config, backbone, panel_of(sine(120)), ["a"])
    assert blend.weight == summary.weight == 0.0
    assert "the language model was not admitted" in summary.verdict
    assert summary.verdict in str(summary)
    assert summary.errors["language model"] > summary.errors["ridge"], "it says the level of each window"


def test_what_a_linear_forecaster_cannot_see_is_admitted_and_this_is_said(backbone: Backbone) -> None:
    """A parabola of the last value: the ridge stays at the variance, the adapter gets far below it."""
    config = replace(
        CONFIG,
        prompt=Prompt(task=False, parts=()),
        horizon=1,
        context=8,
        adapter=replace(ADAPTER, patch=1, stride=1, hidden=16, head_width=8, features=8),
        training=replace(TRAINING, max_steps=250, evaluate_every=50, batch_size=64, learning_rate=0.01),
    )
    blend, summary = fit_panel(config, backbone, panel_of(logistic(900)), ["a"])
    assert summary.errors["ridge"] > 0.7
    assert blend.weight > 0
    assert f"admitted with weight {blend.weight:.2f}" in str(summary)
    assert summary.errors["seqreprog"] < 0.8 * summary.errors["ridge"]


def test_the_pure_form_learns_a_noisy_sine(backbone: Backbone) -> None:
    """Against the last value repeated, the naive of a series without a trend: five times better."""
    config = replace(
        CONFIG,
        base="none",
        prompt=Prompt(task=False, parts=()),
        training=replace(TRAINING, max_steps=300, evaluate_every=50, batch_size=32, learning_rate=0.01),
    )
    values = sine(400, noise=0.05)
    panel, test = panel_of(values[:340]), panel_of(values)
    blend, summary = fit_panel(config, backbone, panel, ["a"])
    windows = windows_between(test, CONTEXT, HORIZON, start=np.array([340]), stop=np.array([400]))
    point, quantiles = blend.forecast(windows, panel.scales())
    targets = windows.targets()
    naive = np.mean((windows.inputs()[:, -1:] - targets) ** 2)
    assert np.mean((point - targets) ** 2) < naive / 5
    assert "the language model stands alone" in summary.verdict
    inside = (quantiles[..., 0] <= targets) & (targets <= quantiles[..., -1])
    assert 0.6 < inside.mean() <= 1.0


def test_weights_follow_the_data(backbone: Backbone) -> None:
    config = replace(CONFIG, training=replace(TRAINING, max_steps=3))
    first, second = (fit_panel(config, backbone, panel_of(sine(120, seed=seed)), ["a"])[0] for seed in (0, 1))
    one, other = first.model.adapter_state(), second.model.adapter_state()
    assert all(not np.array_equal(weight, other[name]) for name, weight in one.items())


def test_the_summary_counts(backbone: Backbone) -> None:
    split = split_in_time(panel_of(sine(120)), CONTEXT, HORIZON, 0.15)
    config = replace(CONFIG, training=replace(TRAINING, max_steps=2))
    blend, summary = fit_blend(config, backbone, split, np.ones(1))
    assert summary.trained == sum(weight.numel() for _, weight in blend.model.trained())
    assert summary.frozen == sum(weight.numel() for weight in backbone.parameters())
    assert (summary.train_windows, summary.validation_windows) == (len(split.train), len(split.validation))
    assert summary.steps == 2
    text = str(summary)
    for part in (f"{summary.trained:,} weights", f"{summary.frozen:,} weights frozen", "language model", "verdict"):
        assert part in text


def test_a_probe_is_not_said_to_have_trained_in_steps(backbone: Backbone) -> None:
    split = split_in_time(panel_of(sine(120)), CONTEXT, HORIZON, 0.15)
    _, summary = fit_blend(replace(CONFIG, training=replace(TRAINING, mode="probe")), backbone, split, np.ones(1))
    assert f"{summary.trained:,} weights solved on {len(split.train)} windows\n" in str(summary)


@pytest.mark.parametrize(("holdout", "held"), [("time", 64), ("series", 97)])
def test_the_held_out_part_is_the_end_of_each_series_or_whole_ones(backbone: Backbone, holdout: str, held: int) -> None:
    training = replace(TRAINING, max_steps=2, holdout=holdout)
    panel = panel_of(*(sine(100 + CONTEXT, seed=seed) for seed in range(4)))
    _, summary = fit_panel(replace(CONFIG, training=training), backbone, panel, list("abcd"))
    assert summary.validation_windows == held


def test_a_single_series_cannot_be_held_out_whole(backbone: Backbone) -> None:
    config = replace(CONFIG, training=replace(TRAINING, max_steps=2, holdout="series"))
    with pytest.warns(Notice, match="no two series"):
        _, summary = fit_panel(config, backbone, panel_of(sine(120)), ["a"])
    assert summary.validation_windows == 0


# --- short series ----------------------------------------------------------------------------------------------------


def test_a_series_too_short_is_named_and_still_forecast(backbone: Backbone) -> None:
    panel = panel_of(sine(90), sine(HORIZON + 1), sine(1))
    with pytest.warns(Notice, match=r"2 series with fewer than 6 rows take no part in training: 'tiny', 'dot'"):
        blend, summary = fit_panel(
            replace(CONFIG, training=replace(TRAINING, max_steps=2)), backbone, panel, ["a", "tiny", "dot"]
        )
    assert any("'tiny'" in notice for notice in summary.notices)
    assert "'tiny'" in str(summary)
    from seqreprog.data.windows import last_windows

    found = blend.forecast(last_windows(panel, CONTEXT, HORIZON), panel.scales())
    assert all(np.isfinite(part).all() for part in found)


def test_no_series_long_enough_is_an_error_with_its_numbers(backbone: Backbone) -> None:
    lengths = (3, 5, 4, 2, 1, 5, 3)
    panel = panel_of(*(sine(length) for length in lengths))
    with pytest.raises(DataError) as caught:
        fit_panel(CONFIG, backbone, panel, [f"T{place}" for place in range(7)])
    for text in (
        "horizon 4 needs 6 rows",
        "the longest is 'T1' with 5",
        "7 series",
        "'T4' and 2 more",
        "Shorten horizon",
    ):
        assert text in str(caught.value)


def test_nothing_held_out_is_said_and_the_base_stands_alone(backbone: Backbone) -> None:
    panel = panel_of(sine(2 * HORIZON + 1), sine(HORIZON + 2))
    with pytest.warns(Notice, match="no series has the 10 steps needed to hold out a horizon"):
        blend, summary = fit_panel(
            replace(CONFIG, training=replace(TRAINING, max_steps=2)), backbone, panel, ["a", "b"]
        )
    assert blend.weight == 0.0
    assert "nothing was held out" in str(summary)
    assert np.isfinite(blend.factors).all()


@pytest.mark.parametrize(
    ("length", "level", "told"), [(120, (80, 95), True), (120, (80,), False), (2000, (80, 95), False)]
)
def test_intervals_that_cannot_be_told_apart_are_named(
    backbone: Backbone, length: int, level: tuple[int, ...], told: bool
) -> None:
    config = replace(CONFIG, level=level, training=replace(TRAINING, max_steps=0))
    _, summary = fit_panel(config, backbone, panel_of(sine(length)), ["a"])
    assert any("cannot tell the 80 %, 95 % intervals apart" in notice for notice in summary.notices) == told


@pytest.mark.parametrize(("level", "need"), [((80,), 9), ((50,), 3), ((90, 80), 9)])
@pytest.mark.parametrize("length", [18, 30, 2000])
def test_one_interval_that_cannot_hold_what_it_states_is_said(
    backbone: Backbone, length: int, level: tuple[int, ...], need: int
) -> None:
    config = replace(CONFIG, level=level, training=replace(TRAINING, max_steps=0))
    blend, summary = fit_panel(config, backbone, panel_of(sine(length)), ["a"])
    told = [notice for notice in summary.notices if "cannot prove the" in notice]
    found = re.match(r"(\d+) held-out window", told[0]) if told else None
    assert bool(told) == (length < 2000)
    if found is not None:
        assert int(found[1]) < need
        assert f"{min(level)} % takes {need} windows. Hold out more" in told[0]
        np.testing.assert_array_equal(blend.factors, blend.factors[:, ::-1])
