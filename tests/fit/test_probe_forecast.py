"""The probe: one pass over the data, a head in closed form, and an answer that beats the naive one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from seqreprog import Adapter, Forecaster, Prompt, Training
from seqreprog.batches.windows import Framing
from seqreprog.build import forecast as build
from seqreprog.build.forecast import build_forecaster
from seqreprog.config.forecast import Covariates, ForecastConfig
from seqreprog.data.windows import Panel, Windows, windows_between
from seqreprog.errors import CheckpointError, TrainingError
from seqreprog.fit import probe_forecast as probing
from seqreprog.fit.probe_forecast import _principal, _ridge, _solve, _States, widened
from seqreprog.outputs.heads import ForecastHead
from seqreprog.sources.language import Backbone, load_backbone

HORIZON, PERIOD, CONTEXT = 6, 12, 36
ADAPTER = Adapter(patch=6, stride=6, hidden=16, heads=2, head_width=8, n_prototypes=16, features=8)
WIDE = replace(ADAPTER, features=24)  # few windows get no wider head than was asked for
TRAINING = Training(validation_windows=16, validation=0.2, progress=False)


def frame(length: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    steps = np.arange(length)
    parts = [
        pd.DataFrame({"unique_id": name, "ds": steps, "y": level + size * np.sin(2 * np.pi * steps / PERIOD + phase)})
        for name, level, size, phase in (("a", 5.0, 1.0, 0.0), ("b", -200.0, 30.0, 1.0))
    ]
    df = pd.concat(parts, ignore_index=True)
    df["y"] += 0.3 * rng.normal(size=len(df)) * np.repeat([1.0, 30.0], length)
    return df


def probed(path: Path, df: pd.DataFrame | None = None, **options) -> Forecaster:
    given = {"context": CONTEXT, "base": "none", "adapter": ADAPTER, "training": TRAINING, "level": (80,), **options}
    return Forecaster(HORIZON, backbone=path, **given).fit(frame() if df is None else df, mode="probe")


@pytest.fixture(scope="module", params=["bert", "gpt2"])
def path(make_backbone: Callable[[str], Path], request: pytest.FixtureRequest) -> Path:
    return make_backbone(request.param)


@pytest.mark.compat
def test_a_noisy_sine_beats_the_naive_and_nears_the_noise(path: Path) -> None:
    df, after = frame(), frame(300 + HORIZON)
    model = probed(path, df, adapter=WIDE)
    point = model.predict()["seqreprog"].to_numpy().reshape(2, HORIZON)
    steps = np.arange(300, 300 + HORIZON)
    truth = np.stack([5 + np.sin(2 * np.pi * steps / PERIOD), -200 + 30 * np.sin(2 * np.pi * steps / PERIOD + 1)])
    naive = df.groupby("unique_id")["y"].last().to_numpy()[:, None]
    seasonal = np.stack([group.to_numpy()[-PERIOD:][:HORIZON] for _, group in df.groupby("unique_id")["y"]])
    unit = np.array([[1.0], [30.0]])
    error, last, season = (float(np.mean(((each - truth) / unit) ** 2)) for each in (point, naive, seasonal))
    assert error < 0.2 * last
    assert error < season
    assert len(after) == 2 * (300 + HORIZON)
    summary = model.summary_
    assert summary.errors["language model"] < 0.25, "the noise alone is 0.09 / 0.59 of a series' variance"
    assert summary.steps == 0
    assert "solved on" in summary.stopped
    assert "probe" in summary.seconds


def test_one_forward_pass_over_the_data_in_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "WINDOWS", 100)
    read = Backbone.forward
    rows: list[int] = []

    def counted(self: Backbone, soft, prompt=None) -> torch.Tensor:
        rows.append(len(soft.embeds))
        return read(self, soft, prompt)

    monkeypatch.setattr(Backbone, "forward", counted)
    model = probed(path)
    judged = min(4 * TRAINING.validation_windows, model.summary_.validation_windows)
    assert sum(rows) == 100 + judged
    assert "solved on 100 windows" in model.summary_.stopped


def test_same_seed_same_bits(path: Path) -> None:
    first, again, other = (probed(path, seed=seed).predict() for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert not np.array_equal(first["seqreprog"], other["seqreprog"])


def test_only_the_head_moves_and_nothing_random_of_the_caller(path: Path) -> None:
    state, fingerprint = torch.get_rng_state(), load_backbone(path, 2).fingerprint()
    model = probed(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert model._blend.backbone.fingerprint() == fingerprint
    drawn = build_forecaster(model._blend.config, model._blend.backbone)
    found, expected = (each.input_map.state_dict() for each in (model._blend.model, drawn))
    assert all(torch.equal(weight, found[name]) for name, weight in expected.items())


def test_save_and_load_is_the_same_to_the_bit(path: Path, tmp_path: Path) -> None:
    model, df = probed(path), frame(seed=3)
    model.save(tmp_path / "model")
    found = Forecaster.load(tmp_path / "model").predict(df)
    pd.testing.assert_frame_equal(found, model.predict(df), check_exact=True)
    assert sum(file.stat().st_size for file in (tmp_path / "model").iterdir()) < 10 * 2**20


def test_the_artifact_knows_the_size_of_the_head(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reseal: Callable[..., None]
) -> None:
    monkeypatch.setattr(probing, "EACH", 1)
    model = probed(path)
    size = model._blend.config.adapter.features
    assert size > ADAPTER.features == model.config.adapter.features, "a later fit by gradient has what was asked for"
    model.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model")
    assert again._blend.config.adapter.features == size
    assert again.config.adapter == ADAPTER
    reseal(tmp_path / "model", features=0)
    with pytest.raises(CheckpointError, match="size of the head cannot be read: features must be at least 1; got 0"):
        Forecaster.load(tmp_path / "model")


def test_what_a_line_forecasts_exactly_gets_through(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noiseless sines: the start that holds patches close loses less of the window than the one that training uses."""
    steps = np.arange(400)
    y = np.sin(2 * np.pi * steps / PERIOD) + np.sin(2 * np.pi * steps / 7 + 1) + 0.5 * np.sin(2 * np.pi * steps / 29)
    df = pd.DataFrame({"unique_id": "a", "ds": steps, "y": y})
    monkeypatch.setattr(probing, "EACH", 1)  # without noise a wide head has none to learn
    near = probed(path, df).summary_.errors["language model"]
    monkeypatch.setattr(build, "PROBE_REACH", 1.0)
    far = probed(path, df).summary_.errors["language model"]
    assert near < 0.05, "in units of the series' variance"
    assert near < 0.9 * far


@pytest.mark.parametrize(("mirror", "turned"), [(True, 50), (False, 0)])
def test_half_of_the_windows_are_read_upside_down(
    path: Path, monkeypatch: pytest.MonkeyPatch, mirror: bool, turned: int
) -> None:
    monkeypatch.setattr(probing, "WINDOWS", 100)
    cut = Framing.sample
    signs: list[np.ndarray] = []

    def noted(self: Framing, windows: Windows, series_scale: np.ndarray, sign=1.0):
        signs.append(np.broadcast_to(sign, (len(windows), 1)))
        return cut(self, windows, series_scale, sign)

    monkeypatch.setattr(Framing, "sample", noted)
    probed(path, training=replace(TRAINING, mirror=mirror))
    assert abs(int((np.concatenate(signs) < 0).sum()) - turned) <= 15 * mirror


def test_how_many_directions_the_head_reads() -> None:
    """As many as fit into 2048 features of a window, at most the model's width, and never fewer than asked for."""
    config = ForecastConfig(96, context=512, adapter=Adapter(patch=48, stride=48, features=64))
    values = np.random.default_rng(0).normal(size=20_000)
    whole = _all_windows(values)
    assert config.patches == 11
    assert widened(config, 384, whole).adapter.features == 2048 // 11
    assert widened(config, 100, whole).adapter.features == 100
    assert widened(replace(config, adapter=replace(config.adapter, features=300)), 384, whole).adapter.features == 300
    gaps = np.where(np.arange(20_000) % 50 == 0, np.nan, values)
    assert widened(config, 384, _all_windows(gaps)) is config, "each step then has least squares of its own"


def _all_windows(values: np.ndarray, context: int = 512, horizon: int = 96) -> Windows:
    panel = Panel(values, np.array([0, len(values)]))
    return windows_between(panel, context, horizon, start=np.array([context]), stop=panel.lengths)


def test_states_on_disk_are_states_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = probed(path).predict()
    monkeypatch.setattr(probing, "IN_MEMORY", 0)
    monkeypatch.setattr(probing, "CHUNK", 7)
    spaces: list[np.ndarray] = []
    make = probing._space
    monkeypatch.setattr(probing, "_space", lambda shape: spaces.append(make(shape)) or spaces[-1])
    found = probed(path).predict()
    assert all(isinstance(space, np.memmap) for space in spaces)
    np.testing.assert_allclose(found["seqreprog"], expected["seqreprog"], rtol=1e-3)


def test_the_mode_is_an_option_too_and_fit_without_it_trains(path: Path) -> None:
    named = probed(path)
    options = {"context": CONTEXT, "backbone": path, "base": "none", "adapter": ADAPTER}
    training = replace(TRAINING, mode="probe", max_steps=20)
    model = Forecaster(HORIZON, training=training, **options).fit(frame())
    pd.testing.assert_frame_equal(model.predict(), named.predict(), check_exact=True)
    model.fit(frame(), mode="train")
    assert "training" in model.summary_.seconds
    assert model.fit(frame()).summary_.steps == 0, "the choice of `Training` holds again"


@pytest.mark.parametrize("base", ["none", "ridge"])
@pytest.mark.parametrize("share", [0.02, 0.3])
def test_missing_values_and_short_series(path: Path, base: str, share: float) -> None:
    df = frame(120)
    df["y"] = df["y"].where(np.random.default_rng(0).random(len(df)) > share)
    model = probed(path, df, base=base)
    assert np.isfinite(model.predict().iloc[:, 2:].to_numpy()).all()
    with pytest.warns(UserWarning, match="nothing was validated"):
        short = probed(path, frame(13), base=base)
    assert np.isfinite(short.predict().iloc[:, 2:].to_numpy()).all()


def test_intervals_cover_what_they_say(path: Path) -> None:
    """On windows after the fit."""
    many = replace(TRAINING, validation=0.4, validation_windows=200)  # with few windows intervals err on the wide side
    model, df = probed(path, frame(600), level=(50, 90), training=many), frame(900)
    found = []
    for end in range(620, 890, 7):
        seen, truth = df[df["ds"] < end], df[(df["ds"] >= end) & (df["ds"] < end + HORIZON)]
        pred = model.predict(seen).merge(truth, on=["unique_id", "ds"])
        found.append([pred["y"].between(pred[f"seqreprog-lo-{p}"], pred[f"seqreprog-hi-{p}"]).mean() for p in (50, 90)])
    fifty, ninety = np.mean(found, axis=0)
    assert 0.35 < fifty < 0.65
    assert 0.8 < ninety < 0.98


def test_states_that_are_not_finite_are_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Backbone.forward
    monkeypatch.setattr(Backbone, "forward", lambda *given: read(*given) * float("nan"))
    with pytest.raises(TrainingError, match=f"{path}.*infinite or missing"):
        probed(path)


def test_fewer_windows_where_each_has_many_tokens_or_gaps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "FEW_WINDOWS", 50)
    monkeypatch.setattr(probing, "TOKENS", 120 * CONTEXT // ADAPTER.patch)
    assert "solved on 120 windows" in probed(path, prompt=Prompt(task=False, parts=())).summary_.stopped
    assert "solved on 50 windows" in probed(path, prompt=Prompt(domain="load " * 30)).summary_.stopped
    df = frame()
    df["y"] = df["y"].where(np.arange(len(df)) % 5 > 0)
    assert "solved on 50 windows" in probed(path, df, prompt=Prompt(task=False, parts=())).summary_.stopped


# --- least squares ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [0.0, 0.05, 0.6])
def test_ridge_is_the_plain_solution_of_each_step(missing: float) -> None:
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.normal(size=(60, 4)), np.ones((60, 1))], 1)
    y = rng.normal(size=(60, 3)) + z[:, :1]
    weight = rng.uniform(0.5, 2, size=(60, 1)) * (rng.random((60, 3)) >= missing)
    found = _ridge(*map(torch.from_numpy, (z, np.where(weight > 0, y, 0), weight)), (1e-9, 1.0))
    whole = (weight > 0).all(1)
    rows = whole if 2 * whole.sum() >= len(whole) else np.ones(60, dtype=bool)
    for place, penalty in enumerate((1e-9, 1.0)):
        for step in range(3):
            v = weight[rows, step : step + 1]
            gram = z[rows].T @ (v * z[rows])
            mean = gram.diagonal()[:-1].mean()
            matrix = gram + penalty * mean * np.diag([1, 1, 1, 1, 0])
            expected = np.linalg.solve(matrix, z[rows].T @ (v[:, 0] * y[rows, step]))
            np.testing.assert_allclose(found[place, :, step], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("power", [1.0, probing.GRADED])
def test_the_head_gives_the_solution_though_slots_lie_far_apart(power: float) -> None:
    """A linear function of the states, whose slots differ a thousand times as much as windows do within one."""
    rng = np.random.default_rng(0)
    level = torch.from_numpy(100 * rng.normal(size=(3, 8)).astype(np.float32))
    states = torch.from_numpy(0.1 * rng.normal(size=(500, 3, 8)).astype(np.float32))
    target = torch.einsum("nlw,lwh->nh", states, torch.from_numpy(rng.normal(size=(3, 8, 4)).astype(np.float32))) + 5
    parts = [
        _States((level + states[rows]).numpy(), target[rows], torch.ones_like(target[rows]))
        for rows in (slice(0, 400), slice(400, 500))
    ]
    head = ForecastHead(width=8, length=3, horizon=4, quantiles=(), features=8, dropout=0.0)
    with torch.no_grad():
        middle = _principal(head, parts[0], power)
        _, error = _solve(head, middle, parts[0].features(head, middle), *parts, "mse")
        found = head(torch.from_numpy(parts[1].hidden), 1).point[:, 0]
    assert error < 1e-6
    torch.testing.assert_close(found, parts[1].target, rtol=0, atol=0.02)


def test_the_head_is_no_wider_than_its_windows_can_fill() -> None:
    """A wide head learns noise from few windows: eight whole windows for each of its inputs, or the size asked for."""
    config = ForecastConfig(horizon=24, context=96)  # 4 patches
    rng = np.random.default_rng(0)

    def features(count: int, gap: bool = False) -> int:
        values = rng.normal(size=count + 96 + 23)
        if gap:
            values[150] = np.nan  # in the targets of 24 windows
        return widened(config, 384, _all_windows(values, 96, 24)).adapter.features

    assert features(100) == config.adapter.features
    assert features(3200) == 100
    assert features(3200, gap=True) == 99
    config = replace(config, covariates=Covariates(static="about"))
    assert features(100) == 384, "what tells sentences apart lies in many directions"
