"""The loop: what it promises of steps, stops, weights and processes."""

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

from seqreprog import Forecaster, SequenceClassifier, SequenceInfiller, SequenceOptions
from seqreprog.baselines.ridge import RidgeForecaster
from seqreprog.batches.windows import WindowDataset
from seqreprog.build.forecast import build_forecaster
from seqreprog.config.forecast import Adapter, ForecastConfig, Prompt, Training
from seqreprog.config.series import SeriesConfig
from seqreprog.data.windows import Panel, split_in_time
from seqreprog.errors import ConfigError, TrainingError
from seqreprog.estimators.series import SeriesModel
from seqreprog.fit import gradient as loop
from seqreprog.fit import objectives
from seqreprog.fit.fitted_forecast import framing
from seqreprog.fit.gradient import FLOOR, TrainingLog, fit
from seqreprog.fit.objectives import ForecastObjective
from seqreprog.model import SeriesReprogram
from seqreprog.outputs.losses import pinball_loss, point_loss
from seqreprog.sources.language import Backbone, load_backbone

ADAPTER = Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4, dropout=0.0)
TRAINING = Training(max_steps=8, batch_size=8, evaluate_every=2, patience=9, learning_rate=0.02, progress=False)
CONFIG = ForecastConfig(
    horizon=3, context=16, base="none", adapter=ADAPTER, training=TRAINING, prompt=Prompt(task=False, parts=("trend",))
)


class Case:
    """A tiny model with windows of a noisy sine."""

    def __init__(self, backbone: Backbone, config: ForecastConfig = CONFIG, length: int = 80) -> None:
        rng = np.random.default_rng(0)
        values = np.sin(np.arange(length) / 2) + 0.1 * rng.normal(size=length)
        panel = Panel(values, np.array([0, length]))
        split = split_in_time(panel, config.context, config.horizon, 0.3)
        ridge = RidgeForecaster(np.zeros((config.context, config.horizon)), "instance", 1.0)
        frame = framing(config, backbone, ridge)
        self.config, self.model = config, build_forecaster(config, backbone, fresh=False)
        self.train, self.validation = (
            WindowDataset(part, panel.scales(), frame) for part in (split.train, split.validation)
        )

    def fit(self, *, validation: bool = True, loss: str = "mse", **options: Any) -> TrainingLog:
        training = replace(self.config.training, **options)
        held = self.validation if validation else None
        objective = ForecastObjective(loss, self.config.quantile_levels)
        return fit(self.model, self.train, held, objective=objective, training=training, seed=0, device="cpu")

    def error(self) -> float:
        with torch.no_grad():
            sample = self.validation.__getitems__(list(range(len(self.validation))))
            return float(point_loss(self.model(sample.batch).point, sample.target, sample.weight, "mse"))


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> Backbone:
    return load_backbone(make_backbone("bert"))


@pytest.fixture
def case(backbone: Backbone) -> Case:
    return Case(backbone)


def bits(model: SeriesReprogram) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.adapter_state().items()}


# --- steps and stops -------------------------------------------------------------------------------------------------


def test_every_trained_weight_moves_and_no_other(case: Case) -> None:
    before, frozen = bits(case.model), case.model.backbone.fingerprint()
    log = case.fit(validation=False)
    assert (log.steps, log.stopped, log.looks) == (8, "all steps done", [])
    after = bits(case.model)
    assert [name for name, weight in before.items() if torch.equal(weight, after[name])] == []
    assert case.model.backbone.fingerprint() == frozen
    assert not case.model.training


def test_the_best_weights_are_left_in_the_model(case: Case) -> None:
    log = case.fit(max_steps=60, learning_rate=5.0, patience=2)
    errors = {step: error for step, _, error in log.looks}
    assert list(errors) == list(range(2, log.steps + 1, 2))
    assert log.best_step == min(errors, key=errors.__getitem__)
    assert log.best_step < log.steps, "this rate must overshoot, or nothing needed restoring"
    assert case.error() == pytest.approx(errors[log.best_step], rel=1e-4)


def test_it_stops_when_nothing_gets_better(case: Case) -> None:
    log = case.fit(max_steps=60, learning_rate=5.0, patience=2)
    assert log.stopped == "no better for 2 looks"
    assert log.steps == log.best_step + 2 * 2
    assert log.steps < 60


def test_the_last_step_is_always_looked_at(case: Case) -> None:
    assert [step for step, _, _ in case.fit(max_steps=5).looks] == [2, 4, 5]


def test_no_step_changes_nothing(case: Case) -> None:
    before = bits(case.model)
    assert case.fit(max_steps=0).steps == 0
    assert all(torch.equal(weight, bits(case.model)[name]) for name, weight in before.items())


def test_the_clock_stops_it(case: Case) -> None:
    log = case.fit(time_budget=1e-9)
    assert (log.steps, log.stopped) == (0, "time budget of 1e-09 s")
    log = case.fit(time_budget=0.2, max_steps=100_000)
    assert 0 < log.steps < 100_000
    assert log.seconds < 5


def test_fewer_windows_than_a_batch_still_train(backbone: Backbone) -> None:
    case = Case(backbone, length=24)
    assert 0 < len(case.train) < 64
    before = bits(case.model)
    assert case.fit(batch_size=64, max_steps=2).steps == 2
    assert not torch.equal(before["output_map.point.weight"], bits(case.model)["output_map.point.weight"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_and_names_the_step(
    case: Case, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    calls = []

    def broken(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        return point_loss(*arguments) * (value if len(calls) == 3 else 1)

    monkeypatch.setattr(objectives, "point_loss", broken)
    with pytest.raises(TrainingError, match=rf"the loss is {value} at step 3;.*Lower learning_rate"):
        case.fit()


def test_threads_are_given_back_even_after_an_error(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    before, seen = torch.get_num_threads(), []

    def broken(*arguments: Any) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return point_loss(*arguments) * float("nan")

    monkeypatch.setattr(objectives, "point_loss", broken)
    with pytest.raises(TrainingError, match="step 1"):
        case.fit(threads=before + 1)
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_named(case: Case, device: str) -> None:
    if (device == "cuda" and torch.cuda.is_available()) or (device == "mps" and torch.backends.mps.is_available()):
        pytest.skip(f"there is a {device} here")
    with pytest.raises(ConfigError, match=f"'{device}'"):
        objective = ForecastObjective("mse", ())
        fit(case.model, case.train, None, objective=objective, training=TRAINING, seed=0, device=device)


@pytest.mark.parametrize("mode", ["train", "probe"])
@pytest.mark.parametrize("family", ["forecast", "classify", "infill", "series"])
def test_a_precision_that_the_device_has_not_is_refused(family: str, mode: Any) -> None:
    """Accelerate trains in float32 without a word."""
    training, common = Training(precision="fp16", mode=mode), {"backbone": "tiny-random"}
    words, options = ["ACD", "CDA", "DDD", "AAC"], SequenceOptions(training=training, device="cpu")
    with pytest.raises(ConfigError, match=r"^precision='fp16' needs a GPU.*got device='cpu'. Pass precision='bf16'"):
        if family == "forecast":
            df = pd.DataFrame({"ds": range(60), "y": np.arange(60.0)})
            Forecaster(2, training=training, device="cpu", **common).fit(df)
        elif family == "classify":
            SequenceClassifier(options=options, layers=1, **common).fit(words, list("abab"))
        elif family == "infill":
            SequenceInfiller(options=options, layers=1, **common).fit(words)
        else:
            config = SeriesConfig(training=training, device="cpu", layers=1, **common)
            SeriesModel.fit(config, np.random.default_rng(0).normal(size=(6, 1, 20)), np.arange(6) % 2)


def test_a_model_trained_in_reduced_precision_answers_as_its_saved_self(tmp_path: Path) -> None:
    words = ["".join(np.random.default_rng(seed).choice(list("ACDEF"), 6)) for seed in range(20)]
    training = replace(TRAINING, precision="bf16", mode="train", max_steps=3)
    model = SequenceClassifier(
        backbone="tiny-random", layers=1, base="none", options=SequenceOptions(training=training)
    )
    model.fit(words, list("ab") * 10)
    model.save(tmp_path / "model")
    again = SequenceClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(words), model.predict_proba(words))


# --- schedule and loss -----------------------------------------------------------------------------------------------


def test_schedule_warms_up_then_falls_to_its_floor() -> None:
    assert loop._schedule(0.0, 0.1) == 0.01
    assert loop._schedule(0.05, 0.1) == pytest.approx(0.5)
    assert loop._schedule(0.1, 0.1) == pytest.approx(1.0)
    assert loop._schedule(0.55, 0.1) == pytest.approx((1 + FLOOR) / 2)
    assert loop._schedule(1.0, 0.1) == pytest.approx(FLOOR)
    assert loop._schedule(3.0, 0.1) == pytest.approx(FLOOR)
    assert loop._schedule(0.0, 0.0) == pytest.approx(1.0)
    assert np.isfinite(loop._schedule(1.0, 1.0))


@pytest.mark.compat
def test_the_known_answer_is_learned(backbone: Backbone) -> None:
    """A clean alternation: the next value is minus the last. The naive error is 4, the mean's 1."""
    config = replace(CONFIG, horizon=1, training=replace(TRAINING, max_steps=150, evaluate_every=50))
    case = Case(backbone, config)
    values = np.where(np.arange(120) % 2 == 0, 1.0, -1.0)
    split = split_in_time(Panel(values, np.array([0, 120])), 16, 1, 0.3)
    case.train, case.validation = (
        WindowDataset(part, np.ones(1), case.train.framing) for part in (split.train, split.validation)
    )
    case.fit()
    assert case.error() < 0.1


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_an_unobserved_target_weighs_nothing_and_is_finite(backbone: Backbone, loss: str) -> None:
    case = Case(backbone, replace(CONFIG, loss=loss))
    case.train.windows.panel.values[30:34] = np.nan
    sample = case.train.__getitems__(list(range(len(case.train))))
    missing = torch.from_numpy(np.isnan(case.train.windows.targets()))[:, None]
    assert missing.any()
    assert torch.equal(sample.weight == 0, missing)
    assert torch.isfinite(sample.target).all()
    case.fit(loss=loss, max_steps=4)
    assert all(torch.isfinite(weight).all() for weight in bits(case.model).values())


class PlainObjective:
    """The forecaster's loss and validation error, written out as the loop had them before it took objectives."""

    def __init__(self, loss: str, levels: tuple[float, ...]) -> None:
        self.kind, self.levels = loss, torch.tensor(levels)

    def loss(self, model: Any, sample: Any) -> torch.Tensor:
        forecast = model(sample.batch)
        seen = (sample.weight > 0).float()
        loss = point_loss(forecast.point, sample.target, sample.weight, self.kind)
        return loss + pinball_loss(forecast.quantiles, sample.target, seen, self.levels)

    def errors(self, model: Any, sample: Any) -> torch.Tensor:
        error = model(sample.batch).point - sample.target
        error = sample.weight * (error.square() if self.kind == "mse" else error.abs())
        return torch.stack([error.sum((1, 2)), (sample.weight > 0).float().sum((1, 2))], 1)

    def start_epoch(self, model: Any, epoch: int) -> None:
        pass


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_a_forecaster_trains_to_the_same_bits_as_by_its_formulas(backbone: Backbone, loss: str) -> None:
    found = []
    for kind in (ForecastObjective, PlainObjective):
        case = Case(backbone, replace(CONFIG, loss=loss, adapter=replace(ADAPTER, dropout=0.2)))
        objective = kind(loss, case.config.quantile_levels)
        log = fit(case.model, case.train, case.validation, objective=objective, training=TRAINING, seed=0, device="cpu")
        found.append((bits(case.model), [error for _, _, error in log.looks]))
    assert found[0][1] == found[1][1]
    assert all(torch.equal(weight, found[1][0][name]) for name, weight in found[0][0].items())


# --- processes -------------------------------------------------------------------------------------------------------

SCRIPT = """
import importlib.util, os, sys
import torch
from accelerate import debug_launcher
spec = importlib.util.spec_from_file_location("case", sys.argv[1])
case = importlib.util.module_from_spec(spec)
sys.modules["case"] = case
spec.loader.exec_module(case)
from safetensors.torch import save_file

def train(place):
    torch.set_num_threads(1)
    one = case.Case(case.load_backbone(sys.argv[2]))
    log = one.fit(learning_rate=0.004)  # Adam blows up the rounding of near-zero gradients in steps of this size
    if int(os.environ.get("RANK", 0)) == 0:
        state = {name: weight.contiguous() for name, weight in one.model.adapter_state().items()}
        looks = repr([error for _, _, error in log.looks])
        save_file(state, place, {"world": os.environ.get("WORLD_SIZE", "1"), "looks": looks})

if __name__ == "__main__":
    debug_launcher(train, args=(sys.argv[3] + "/two",), num_processes=2)
    train(sys.argv[3] + "/one")
"""


@pytest.mark.compat
def test_two_processes_train_what_one_trains(make_backbone: Callable[[str], Path], tmp_path: Path) -> None:
    from safetensors import safe_open

    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), __file__, str(make_backbone("bert")), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with safe_open(tmp_path / "one", "pt") as one, safe_open(tmp_path / "two", "pt") as two:
        assert (one.metadata()["world"], two.metadata()["world"]) == ("1", "2")
        looks = [eval(found.metadata()["looks"]) for found in (one, two)]
        np.testing.assert_allclose(*looks, rtol=1e-4)
        for name in one.keys():  # noqa: SIM118
            # The projection's bias has no gradient at first (the head starts at 0): Adam amplifies its rounding.
            torch.testing.assert_close(one.get_tensor(name), two.get_tensor(name), rtol=0, atol=5e-5, msg=name)


# --- accumulation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prototypes", ["direct", "linear", "words"])
@pytest.mark.parametrize("accumulate", [3, 8, 99])
def test_accumulated_steps_are_whole_steps_and_make_the_prototypes_once(
    backbone: Backbone, prototypes: str, accumulate: int
) -> None:
    words = ("peak", "drop") if prototypes == "words" else ()
    config = replace(CONFIG, adapter=replace(ADAPTER, prototypes=prototypes, words=words), prompt=Prompt())
    found: list[dict[str, torch.Tensor]] = []
    for parts in (1, accumulate):
        case = Case(backbone, config)
        sample = case.train.__getitems__([5, 1, 9, 20, 3, 13, 2, 30])
        options = replace(TRAINING, accumulate=parts, clip=1e9)
        with loop.accelerated("cpu") as accelerator:
            run = loop._Loop(case.model, ForecastObjective("mse", (0.1, 0.9)), options, 0, accelerator)
            run.optimizer.zero_grad = lambda: None
            calls: list[int] = []
            case.model.input_map.prototypes.register_forward_hook(lambda *_, calls=calls: calls.append(1))
            with torch.no_grad():
                case.model.output_map.point.weight.normal_(generator=torch.Generator().manual_seed(0))
            run._step(sample, 0.5)
        assert len(calls) == 1
        found.append({name: weight.grad for name, weight in case.model.trained()})
    assert set(found[0]) == set(found[1])
    for name, gradient in found[0].items():
        assert (gradient - found[1][name]).abs().max() <= 1e-5 * gradient.abs().max(), name


def test_accumulation_trains_what_whole_batches_train(case: Case, backbone: Backbone) -> None:
    other = Case(backbone)
    looks = [each.fit(max_steps=6, accumulate=parts).looks for each, parts in ((case, 1), (other, 3))]
    np.testing.assert_allclose([look[2] for look in looks[1]], [look[2] for look in looks[0]], rtol=1e-4)
