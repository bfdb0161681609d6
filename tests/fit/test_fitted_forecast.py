"""base + weight x adapter: what the weight means, and a forecast that does not depend on how it is cut up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import seqreprog.fit.fitted_forecast as blending
from seqreprog.baselines.ridge import RidgeForecaster
from seqreprog.build.forecast import build_forecaster
from seqreprog.config.forecast import Adapter, Base, ForecastConfig
from seqreprog.data.windows import Panel, Windows, last_windows, windows_between
from seqreprog.errors import CheckpointError
from seqreprog.fit.fitted_forecast import Blend, blend_state, restore_blend
from seqreprog.sources.language import load_backbone

HORIZON, CONTEXT = 3, 16
ADAPTER = Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4)


def make(path: Path, base: Base = "ridge", weight: float = 1.0) -> Blend:
    config = ForecastConfig(
        horizon=HORIZON, context=CONTEXT, backbone=str(path), base=base, adapter=ADAPTER, level=(50, 90)
    )
    backbone, rng = load_backbone(path), np.random.default_rng(0)
    model = build_forecaster(config, backbone).eval()
    torch.nn.init.normal_(model.output_map.point.weight, generator=torch.Generator().manual_seed(0))
    ridge = RidgeForecaster(rng.normal(size=(CONTEXT, HORIZON)) / 4, "mean", 0.1)
    return Blend(config, backbone, ridge, model, weight, 1 + rng.random((HORIZON, 4)), 1 + rng.random(HORIZON))


@pytest.fixture(scope="module")
def path(make_backbone: Callable[[str], Path]) -> Path:
    return make_backbone("bert")


@pytest.fixture(scope="module")
def windows() -> Windows:
    values = np.random.default_rng(1).normal(size=80).cumsum()
    values[20:24] = np.nan
    panel = Panel(values, np.array([0, 50, 80]))
    return windows_between(panel, CONTEXT, HORIZON, start=np.array([2, 2]), stop=panel.lengths)


def test_weight_zero_is_the_ridge_and_never_asks_the_language_model(
    path: Path, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    blend, scale = make(path, weight=0.0), windows.panel.scales()
    monkeypatch.setattr(type(blend.model), "forward", lambda *_: pytest.fail("the language model was asked"))
    point, quantiles = blend.forecast(windows, scale)
    np.testing.assert_array_equal(point, blend.ridge.forecast(windows.inputs(), scale[windows.series]))
    assert (np.diff(quantiles, axis=-1) >= 0).all()


def test_the_weight_is_the_adapters_share(path: Path, windows: Windows) -> None:
    scale, point = windows.panel.scales(), {}
    blend = make(path)
    for weight in (0.0, 0.25, 1.0):
        blend.weight = weight
        point[weight] = blend.forecast(windows, scale)[0]
    np.testing.assert_allclose(point[0.25], 0.75 * point[0.0] + 0.25 * point[1.0], atol=1e-9)
    parts = blend.parts(windows, scale)
    np.testing.assert_array_equal(point[0.0], parts.ridge)
    np.testing.assert_array_equal(point[1.0], parts.model)
    assert np.abs(parts.model - parts.ridge).max() > 0.1


def test_the_ridge_has_no_part_in_the_pure_form(path: Path, windows: Windows) -> None:
    blend, scale = make(path, base="none"), windows.panel.scales()
    before = blend.forecast(windows, scale)
    blend.ridge.weights[:] = 100.0
    for one, other in zip(before, blend.forecast(windows, scale), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_untrained_head_says_the_level_of_the_window(path: Path, windows: Windows) -> None:
    blend = make(path, base="none")
    torch.nn.init.zeros_(blend.model.output_map.point.weight)
    found = blend.parts(windows, windows.panel.scales()).model
    np.testing.assert_allclose(found, np.nanmean(windows.inputs(), 1)[:, None].repeat(HORIZON, 1), atol=1e-9)


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("base", ["ridge", "none"])
def test_the_chunks_do_not_matter(
    path: Path, windows: Windows, monkeypatch: pytest.MonkeyPatch, rows: int, base: Base
) -> None:
    blend, scale, told = make(path, base), windows.panel.scales(), []
    expected = blend.forecast(windows, scale)
    monkeypatch.setattr(blending, "INFERENCE_ROWS", rows)
    found = blend.forecast(windows, scale, progress=told.append)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
    assert sum(told) == len(windows)
    assert max(told) <= rows


def test_the_factors_stretch_each_side(path: Path, windows: Windows) -> None:
    for weight in (0.0, 1.0):
        blend = make(path, weight=weight)
        blend.factors = np.ones_like(blend.factors)
        point, narrow = blend.forecast(windows, windows.panel.scales())
        blend.factors = blend.factors * 3
        same, wide = blend.forecast(windows, windows.panel.scales())
        np.testing.assert_array_equal(point, same)
        np.testing.assert_allclose(wide - point[..., None], 3 * (narrow - point[..., None]), rtol=1e-9)


def test_a_window_without_one_observation_has_no_forecast(path: Path) -> None:
    values = np.concatenate([np.full(30, np.nan), np.arange(5.0), np.full(CONTEXT, np.nan), np.arange(5.0)])
    panel = Panel(values, np.array([0, 30, 30, 35 + CONTEXT, 40 + CONTEXT]))
    windows = last_windows(panel, CONTEXT, HORIZON)
    np.testing.assert_array_equal(windows.sighted(), [False, False, False, True])
    for base in ("ridge", "none"):
        for part in make(path, base).forecast(windows, panel.scales()):
            assert np.isnan(part[:3]).all()
            assert np.isfinite(part[3]).all()


def test_no_window_no_forecast(path: Path, windows: Windows) -> None:
    point, quantiles = make(path).forecast(windows.take(slice(0, 0)), windows.panel.scales())
    assert (point.shape, quantiles.shape) == ((0, HORIZON), (0, HORIZON, 4))


def test_state_and_back_is_the_same_forecast(path: Path, windows: Windows) -> None:
    blend, scale = make(path, weight=0.35), windows.panel.scales()
    again = restore_blend(blend.config, load_backbone(path), *blend_state(blend))
    for one, other in zip(blend.forecast(windows, scale), again.forecast(windows, scale), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.weight == 0.35


def test_state_of_another_shape_is_refused(path: Path) -> None:
    blend = make(path)
    tensors, document = blend_state(blend)
    tensors["calibration.shape"] = tensors["calibration.shape"][:-1]
    with pytest.raises(
        CheckpointError, match=r"'calibration.shape' should have shape \(3,\); the artifact holds \(2,\)"
    ):
        restore_blend(blend.config, blend.backbone, tensors, document)
