"""Whole series: laws of the input map and of the fit, and toy tasks against chance."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqreprog import Adapter, Training
from seqreprog.batches.series import instance_batch
from seqreprog.build.series import SPANS, build_series_model
from seqreprog.config.series import SeriesConfig, series_config, series_dict
from seqreprog.data.instances import Instances, read_instances
from seqreprog.errors import BackboneError, CheckpointError, ConfigError, DataError, InputTypeError
from seqreprog.estimators.series import SeriesModel
from seqreprog.sources.language import load_backbone

SMALL = Adapter(hidden=16, heads=4, head_width=8, n_prototypes=16)
QUICK = Training(mode="train", max_steps=4, batch_size=4, evaluate_every=2, threads=1, progress=False)


@pytest.fixture
def config(make_backbone: Callable[[str], Path]) -> Callable[..., SeriesConfig]:
    """`config(form="voice2series")`: tiny settings on a tiny random backbone."""
    shared = {"backbone": str(make_backbone("bert")), "layers": 1, "adapter": SMALL, "positions": 24}
    return lambda **changes: SeriesConfig(**{**shared, "training": Training(threads=1, progress=False), **changes})


def shapes(count: int, *, length: int = 60, seed: int = 0, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A rising or a falling saw tooth, at any place of the noise: means and spreads are the same."""
    draws = np.random.default_rng(seed)
    values, labels = 0.1 * draws.normal(size=(count, channels, length)), np.arange(count) % 2
    tooth = np.linspace(-1, 1, 12)
    for row, label in enumerate(labels):
        start = draws.integers(length - 12)
        values[row, 0, start : start + 12] += tooth if label else tooth[::-1]
    return values, labels


def waves(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sines of one of two periods, at any phase."""
    draws = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    steps = np.arange(64) / np.where(labels, 6.0, 9.0)[:, None] + draws.random((count, 1))
    return np.sin(2 * np.pi * steps) + 0.3 * draws.normal(size=(count, 64)), labels


def sizes(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sines of any phase, and their amplitude."""
    draws = np.random.default_rng(seed)
    target = draws.uniform(1, 3, count)
    steps = np.arange(40) / 8 + draws.random((count, 1))
    return target[:, None] * np.sin(2 * np.pi * steps) + 0.1 * draws.normal(size=(count, 40)), target


# --- learning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [shapes, waves])
def test_it_tells_two_shapes_apart(task: Callable[..., Any], config: Callable[..., SeriesConfig]) -> None:
    model = SeriesModel.fit(config(), *task(60))
    X, y = task(60, seed=1)
    found = model.probabilities(X)
    assert (found.argmax(1) == y).mean() >= 0.8  # chance is 0.5, with a spread of 0.065
    assert -np.log(found[np.arange(60), y]).mean() < 0.9 * np.log(2)


def test_it_finds_an_amplitude(config: Callable[..., SeriesConfig]) -> None:
    model = SeriesModel.fit(config(task="regress"), *sizes(60))
    X, y = sizes(60, seed=1)
    assert np.square(model.values(X) - y).mean() < 0.3 * y.var()


@pytest.mark.compat
@pytest.mark.slow
@pytest.mark.parametrize("form", ["prototype", "voice2series"])
def test_training_by_gradient_learns(form: Any, config: Callable[..., SeriesConfig]) -> None:
    training = Training(
        mode="train", max_steps=60, batch_size=16, learning_rate=2e-2, evaluate_every=20, threads=1, progress=False
    )
    model = SeriesModel.fit(config(form=form, training=training), *waves(200))
    X, y = waves(100, seed=1)
    assert (model.probabilities(X).argmax(1) == y).mean() >= 0.7  # chance is 0.5, with a spread of 0.05


# --- laws -------------------------------------------------------------------------------------------------------------


def ragged(channels: int = 2) -> list[np.ndarray]:
    """Six series of 3 to 70 steps; values are missing in some."""
    draws = np.random.default_rng(3)
    found = [draws.normal(size=(channels, length)) for length in (70, 3, 41, 12, 25, 60)]
    found[0][0, 10:20] = np.nan
    found[2][:, 5] = np.nan
    found[3][1:] = np.nan
    return found


@pytest.mark.parametrize("form", ["prototype", "voice2series"])
def test_answers_are_the_same_alone_and_in_a_batch(form: Any, config: Callable[..., SeriesConfig]) -> None:
    X, y = ragged(), np.array([0, 1, 0, 1, 0, 1])
    model = SeriesModel.fit(config(form=form, training=QUICK), X, y)
    together = model.probabilities(X)
    alone = np.concatenate([model.probabilities([each]) for each in X])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_padding_changes_nothing(config: Callable[..., SeriesConfig]) -> None:
    instances = read_instances(ragged())
    model = build_series_model(config(), load_backbone(config().backbone, 1), channels=2, classes=2, length=40).eval()
    torch.nn.init.normal_(model.output_map.answer.weight)
    batch = instance_batch(instances, instances.scales(), np.arange(6))
    pad = torch.nn.functional.pad
    values, own = (pad(part, (0, 9), value=5.0) for part in (batch.values, batch.own))
    longer = type(batch)(values, own, pad(batch.observed, (0, 9)), batch.lengths)
    torch.testing.assert_close(model(batch), model(longer), rtol=1e-4, atol=1e-4)


def test_views_of_an_instance_know_its_scale_or_do_not(config: Callable[..., SeriesConfig]) -> None:
    """The law of the input map: views that scale each instance by itself see no affine change, the others do."""
    instances = read_instances(ragged(1))
    model = build_series_model(config(), load_backbone(config().backbone, 1), channels=1, classes=2, length=40).eval()
    scale = (np.zeros(1), np.ones(1))
    batch = instance_batch(instances, scale, np.arange(6))
    other = instance_batch(Instances(3 * instances.values + 2, instances.offsets), scale, np.arange(6))
    before, after = (model.input_map(each).embeds.unflatten(0, (6, -1)) for each in (batch, other))
    same = torch.isclose(before, after, atol=1e-4).flatten(2).all(2).all(0)
    assert same.tolist() == [span.own for span in SPANS]


@pytest.mark.compat
@pytest.mark.parametrize("form", ["prototype", "voice2series"])
@pytest.mark.parametrize("mode", ["auto", "train"])
def test_frozen_stays_frozen(form: Any, mode: Any, config: Callable[..., SeriesConfig], monkeypatch: Any) -> None:
    settings = config(form=form, training=QUICK if mode == "train" else Training(max_steps=2, progress=False))
    backbone = load_backbone(settings.backbone, 1)
    before = copy.deepcopy(backbone.model.state_dict())
    monkeypatch.setattr("seqreprog.estimators.series.load_backbone", lambda *_: backbone)
    model = SeriesModel.fit(settings, *shapes(12))
    assert all(torch.equal(weight, before[name]) for name, weight in backbone.model.state_dict().items())
    assert not any(name.startswith("backbone") for name in model.blend.model.adapter_state())


def test_training_moves_theta_and_the_probe_does_not(config: Callable[..., SeriesConfig]) -> None:
    X, y = shapes(12)
    start = build_series_model(config(), load_backbone(config().backbone, 1), channels=1, classes=2, length=60)
    for mode, moved in (("probe", False), ("train", True)):
        training = Training(mode=mode, max_steps=2, batch_size=4, evaluate_every=1, progress=False)
        found = SeriesModel.fit(config(training=training), X, y).blend.model.input_map.state_dict()
        assert moved != all(torch.equal(found[name], weight) for name, weight in start.input_map.state_dict().items())


@pytest.mark.compat
@pytest.mark.parametrize("form", ["prototype", "voice2series"])
def test_save_then_load_gives_the_same_bits(form: Any, config: Callable[..., SeriesConfig], tmp_path: Path) -> None:
    X, y = shapes(12)
    settings = config(form=form) if form == "prototype" else config(form=form, training=QUICK)
    model = SeriesModel.fit(settings, X, np.array(["down", "up"])[y])
    model.save(tmp_path / "model")
    loaded = SeriesModel.load(tmp_path / "model")
    assert (loaded.probabilities(X) == model.probabilities(X)).all()
    assert (loaded.classes == model.classes).all() and str(loaded.summary) == str(model.summary)


def test_classes_that_no_file_holds_are_refused_by_name(config: Callable[..., SeriesConfig], tmp_path: Path) -> None:
    X, y = shapes(12)
    days = np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]")
    model = SeriesModel.fit(config(), X, days[y])
    with pytest.raises(ConfigError, match=r"only classes of str, int, float or bool can be saved; got .*2024"):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_foreign_artifact_is_refused(config: Callable[..., SeriesConfig], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no seqreprog model"):
        SeriesModel.load(tmp_path)


def test_a_seed_decides_everything_and_global_state_stays(config: Callable[..., SeriesConfig]) -> None:
    X, y = shapes(12)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, again, other = (
        SeriesModel.fit(config(seed=seed, training=QUICK), X, y).probabilities(X) for seed in (0, 0, 1)
    )
    assert (first == again).all() and (first != other).any()
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()


def test_class_weights_move_the_answers(config: Callable[..., SeriesConfig]) -> None:
    X, y = shapes(40)
    usual = SeriesModel.fit(config(), X, y).probabilities(X)[:, 1].mean()
    assert SeriesModel.fit(config(), X, y, class_weight={1: 5.0}).probabilities(X)[:, 1].mean() > usual


def test_a_config_survives_its_dict(config: Callable[..., SeriesConfig]) -> None:
    assert series_config(series_dict(config())) == config()


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "error", "words"),
    [
        ([np.ones((1, 4)), np.ones((1, 0))], [0, 1], DataError, "1 instances hold no step at all: '1'"),
        ([np.ones((1, 4)), np.full((1, 4), np.nan)], [0, 1], DataError, "hold no observed value: '1'"),
        ([np.ones(4), np.array([1, np.inf, 2])], [0, 1], DataError, "instance 1 holds inf at step 1 of channel 0"),
        ([np.ones((1, 4)), np.ones((2, 4))], [0, 1], DataError, "the first, 1; instance 1 has 2"),
        ([np.ones(4), np.zeros(4)], [1, 1], DataError, "one class only: all 2 labels are '1'"),
        ([], [], DataError, "X holds no instance"),
        (np.ones(4), [0], InputTypeError, "got one of 1 axes"),
        ("words", [0], InputTypeError, "got a str"),
        ([["a", "b"]], [0], InputTypeError, "instance 0 cannot be read as numbers"),
    ],
)
def test_refusals_have_names(
    X: Any, y: Any, error: type[Exception], words: str, config: Callable[..., SeriesConfig]
) -> None:
    with pytest.raises(error, match=words):
        SeriesModel.fit(config(), X, y)


def test_other_channels_than_in_fit_are_refused(config: Callable[..., SeriesConfig]) -> None:
    model = SeriesModel.fit(config(), *shapes(8))
    with pytest.raises(DataError, match="series of 1 channels; got 2"):
        model.probabilities(shapes(2, channels=2)[0])


def test_more_positions_than_the_backbone_has_are_refused(config: Callable[..., SeriesConfig]) -> None:
    with pytest.raises(BackboneError, match="reads 256 positions; prompt and patches need 300"):
        SeriesModel.fit(config(positions=300), *shapes(8))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"form": "voice2series", "task": "regress"}, "regression needs form='prototype'"),
        ({"form": "voice2series", "training": Training(mode="probe")}, "pass training.mode='train'"),
        ({"adapter": Adapter(patch=8, stride=8)}, "adapter.patch is for forecasting; got 8"),
        ({"positions": 0}, "positions must be at least 1; got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SeriesConfig(**changes)


def test_too_few_words_for_the_label_map_are_refused(config: Callable[..., SeriesConfig]) -> None:
    with pytest.raises(ConfigError, match="2 classes of 9999 words each need 19998 words"):
        SeriesModel.fit(config(form="voice2series", words_per_class=9999), *shapes(8))


def test_a_shape_is_seen_at_any_level_and_beside_any_other_series(config: Callable[..., SeriesConfig]) -> None:
    X, y = shapes(40)
    usual = SeriesModel.fit(config(), X, y).summary.scores["accuracy"]
    levels = X + 1e9 * np.random.default_rng(0).normal(size=(40, 1, 1))
    wild = X.copy()
    wild[0, 0, 3] = 1e9  # as where a missing value was written as a number
    assert usual > 0.85
    assert SeriesModel.fit(config(), levels, y).summary.scores["accuracy"] > 0.85
    assert SeriesModel.fit(config(), wild, y).summary.scores["accuracy"] > 0.8
