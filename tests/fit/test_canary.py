"""A saved model notices that it answers otherwise: a weight, an edit, a library that computes another function."""

from __future__ import annotations

import json
import math
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from seqreprog import Adapter, Forecaster, SequenceClassifier, SequenceInfiller, SequenceOptions, Training
from seqreprog.config.series import SeriesConfig
from seqreprog.errors import CheckpointError, Notice
from seqreprog.estimators.series import SeriesModel
from seqreprog.fit.artifact import CONFIG, WEIGHTS, sealed
from seqreprog.fit.canary import OTHER, SAME, library_versions
from seqreprog.sources.language import Backbone

pytestmark = pytest.mark.compat
SMALL: dict[str, Any] = {"hidden": 8, "heads": 2, "head_width": 4, "n_prototypes": 8}
SHORT: dict[str, Any] = {"max_steps": 3, "batch_size": 8, "validation_windows": 16, "progress": False}
FAMILIES = ("forecast", "sentence", "sequence", "infill", "series")
Fitted = Callable[..., Any]


def frame() -> pd.DataFrame:
    rng, steps = np.random.default_rng(0), np.arange(80)
    parts = [
        pd.DataFrame({"unique_id": name, "ds": steps, "y": np.sin(steps / 2) + 0.1 * rng.normal(size=80)})
        for name in ("a", "b")
    ]
    whole = pd.concat(parts, ignore_index=True)
    return whole.assign(promo=rng.normal(size=len(whole)), about=np.where(whole["unique_id"] == "a", "wind", "sun"))


def sequences() -> tuple[list[str], list[int]]:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIK"), size=rng.integers(6, 12))) for _ in range(40)]
    return texts, [int("A" in text) for text in texts]


@pytest.fixture(scope="module")
def fitted(make_backbone: Callable[[str], Path]) -> Fitted:
    """`fitted("sequence", "gemma", base="none")`: a fresh small model of the family."""

    def fit(family: str, backbone: str = "bert", **options: Any) -> Any:
        place: Any = make_backbone(backbone)
        if family in ("forecast", "sentence"):
            model = Forecaster(
                3, context=16, backbone=place, layers=2, adapter=Adapter(patch=8, stride=8, features=4, **SMALL),
                training=Training(**SHORT), **{"base": "none", **options},
            )  # fmt: skip
            beside: dict[str, Any] = {"futr_cols": ["promo"], "static": "about"} if family == "sentence" else {}
            return model.fit(frame(), **beside)
        if family == "series":
            config = SeriesConfig(
                backbone=str(place), layers=2, positions=4, adapter=Adapter(**SMALL),
                training=Training(**SHORT, mode="train"),
            )  # fmt: skip
            X = np.random.default_rng(0).normal(size=(24, 2, 20)) + np.arange(24)[:, None, None] % 2
            return SeriesModel.fit(config, X, np.arange(24) % 2)
        chosen = SequenceOptions(adapter=Adapter(**SMALL), training=Training(**SHORT, mode="train"))
        kind: Any = SequenceClassifier if family == "sequence" else SequenceInfiller
        model = kind(backbone=place, layers=2, options=chosen, **{"base": "none", **options})
        texts, labels = sequences()
        return model.fit(texts, labels) if family == "sequence" else model.fit(texts)

    return fit


def blend_of(model: Any) -> Any:
    return model.blend if isinstance(model, SeriesModel) else model._blend


def edit(saved: Path, *, tensors: Callable[[dict], None] | None = None, **changes: Any) -> None:
    """An artifact that is whole again, so that the canary alone can notice."""
    held, document = load_file(saved / WEIGHTS), json.loads((saved / CONFIG).read_text())
    if tensors is not None:
        tensors(held)
    save_file(held, saved / WEIGHTS)
    (saved / CONFIG).write_bytes(sealed({**document, **changes}, (saved / WEIGHTS).read_bytes()))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_holds_one_and_answers_it_to_the_bit(fitted: Fitted, tmp_path: Path, family: str) -> None:
    model = fitted(family)
    model.save(tmp_path / "m")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = type(model).load(tmp_path / "m")
    canary = blend_of(loaded).canary
    assert set(canary.answers) == {"model"}
    assert np.isfinite(canary.answers["model"]).all()
    assert canary.answers["model"].std() > 1e-3, "answers that are all alike notice nothing"
    found = blend_of(loaded).canary_answers(canary.inputs)
    np.testing.assert_array_equal(found["model"], canary.answers["model"])
    assert canary.libraries["transformers"] == library_versions()["transformers"]
    assert sum(part.nbytes for part in canary.inputs.values()) < 10_000


@pytest.mark.parametrize("family", FAMILIES)
def test_another_weight_of_the_adapter_is_noticed(fitted: Fitted, tmp_path: Path, family: str) -> None:
    """Also where the files were sealed again around it, so that no digest could."""
    model = fitted(family)
    model.save(tmp_path / "m")

    def change(tensors: dict[str, torch.Tensor]) -> None:
        name = max((name for name in tensors if name.startswith("output_map.")), key=lambda name: tensors[name].numel())
        tensors[name] *= 1.01

    edit(tmp_path / "m", tensors=change)
    with pytest.raises(CheckpointError, match=r"answers otherwise than when it was saved: its model differs by .*e-"):
        type(model).load(tmp_path / "m")
    type(model).load(tmp_path / "m", verify=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_another_weight_of_the_backbone_is_noticed(
    fitted: Fitted, tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its fingerprint; and by the canary where nothing else looks."""
    model = fitted(family)
    model.save(tmp_path / "m")
    init = Backbone.__init__

    def changed(self: Backbone, **options: Any) -> None:
        init(self, **options)
        with torch.no_grad():
            next(weight for name, weight in self.model.named_parameters() if "query" in name)[0, 0] += 5.0

    monkeypatch.setattr(Backbone, "__init__", changed)
    with pytest.raises(CheckpointError, match="checkpoint was trained on backbone"):
        type(model).load(tmp_path / "m")
    record = json.loads((tmp_path / "m" / CONFIG).read_text())["backbone"]
    monkeypatch.setattr(Backbone, "fingerprint", lambda self: record["fingerprint"])
    with pytest.raises(CheckpointError, match=r"its model differs by .* of the spread"):
        type(model).load(tmp_path / "m")


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_that_a_release_scales_are_noticed(
    fitted: Fitted, tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Gemma's were inside the model up to transformers 5.3 and are not from 5.4 on: the fingerprint is the same."""
    import transformers

    model = fitted(family, "gemma")
    model.save(tmp_path / "m")
    kind = transformers.GemmaModel
    forward = kind.forward

    def scaled(self: Any, *args: Any, inputs_embeds: Any = None, **options: Any) -> Any:
        if inputs_embeds is not None:
            inputs_embeds = inputs_embeds * math.sqrt(self.config.hidden_size)
        return forward(self, *args, inputs_embeds=inputs_embeds, **options)

    monkeypatch.setattr(kind, "forward", scaled)
    here = library_versions()["transformers"]
    edit(tmp_path / "m", **_saved_with(tmp_path / "m", transformers="5.3.0"))
    with pytest.raises(CheckpointError) as caught:
        type(model).load(tmp_path / "m")
    assert f"saved with transformers 5.3.0; here are transformers {here}. Install" in str(caught.value)
    assert "verify=False" in str(caught.value)
    type(model).load(tmp_path / "m", verify=False)


def _saved_with(saved: Path, **versions: str) -> dict[str, Any]:
    canary = json.loads((saved / CONFIG).read_text())["canary"]
    return {"canary": {**canary, "libraries": {**canary["libraries"], **versions}}}


@pytest.mark.parametrize("family", ["forecast", "sequence", "infill"])
def test_with_weight_0_the_baseline_alone_is_asked(
    fitted: Fitted, tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fitted(family, base="ridge" if family == "forecast" else "linear")
    blend_of(model).weight, blend_of(model).canary = 0.0, None

    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("the language model was asked")

    with monkeypatch.context() as patch:
        patch.setattr(Backbone, "forward", asked)
        model.save(tmp_path / "m")
        loaded = type(model).load(tmp_path / "m")
    assert set(blend_of(loaded).canary.answers) == {"baseline"}
    assert blend_of(loaded).canary.device == "numpy"
    name = {"forecast": "ridge.weights", "sequence": "ngram.coef", "infill": "runs.coef"}[family]
    held = load_file(tmp_path / "m" / WEIGHTS)
    name = name if name in held else next(each for each in held if each.startswith(name.split(".")[0] + "."))

    def change(tensors: dict[str, torch.Tensor]) -> None:
        for each in tensors:
            if each.split(".")[0] == name.split(".")[0] and tensors[each].is_floating_point():
                tensors[each] *= 1.01

    edit(tmp_path / "m", tensors=change)
    with pytest.raises(CheckpointError, match="its baseline differs by"):
        type(model).load(tmp_path / "m")


def test_between_0_and_1_both_parts_are_asked(fitted: Fitted, tmp_path: Path) -> None:
    model = fitted("forecast", base="ridge")
    model._blend.weight, model._blend.canary = 0.5, None
    model.save(tmp_path / "m")
    assert set(Forecaster.load(tmp_path / "m")._blend.canary.answers) == {"baseline", "model"}


def test_another_kind_of_device_may_differ_more_and_is_said(fitted: Fitted, tmp_path: Path) -> None:
    model = fitted("forecast")
    model.save(tmp_path / "m")
    device = json.loads((tmp_path / "m" / CONFIG).read_text())["canary"]["device"]
    assert device.startswith("cpu float32")

    def move(by: float, device: str) -> None:
        document = json.loads((tmp_path / "m" / CONFIG).read_text())["canary"]
        answer = model._blend.canary.answers["model"] + by
        edit(
            tmp_path / "m",
            tensors=lambda held: held.update({"canary.answer.model": torch.from_numpy(answer)}),
            canary={**document, "device": device},
        )

    size = max(np.abs(model._blend.canary.answers["model"]).max(), 1)
    move(20 * SAME * size, device)
    with pytest.raises(CheckpointError, match=r"2\.0e-04 of the spread, and 1e-05 is the most that rounding may do"):
        Forecaster.load(tmp_path / "m")
    move(20 * SAME * size, "cuda float32")
    with pytest.warns(Notice, match=r"saved on cuda float32 and answers on cpu float32 .*: its model differs by 2"):
        Forecaster.load(tmp_path / "m")
    move(0, "cpu bfloat16 AVX2")
    with pytest.warns(Notice, match="saved on cpu bfloat16 AVX2 and answers on cpu float32"):
        Forecaster.load(tmp_path / "m")
    move(2 * OTHER * size, "cuda float32")
    with pytest.raises(CheckpointError, match=r"1e-03 is the most"):
        Forecaster.load(tmp_path / "m")
    move(0, "cpu float32 DEFAULT")  # another CPU that rounds the same way is nobody's concern
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Forecaster.load(tmp_path / "m")


def test_a_loaded_model_keeps_the_canary_it_came_with(fitted: Fitted, tmp_path: Path) -> None:
    """Or one that was loaded in spite of another library would pass for sound once it is saved again."""
    model = fitted("forecast")
    model.save(tmp_path / "m")
    edit(tmp_path / "m", **_saved_with(tmp_path / "m", transformers="5.3.0"))
    loaded = Forecaster.load(tmp_path / "m", verify=False)
    loaded.save(tmp_path / "again")
    document = json.loads((tmp_path / "again" / CONFIG).read_text())
    assert document["canary"]["libraries"]["transformers"] == "5.3.0"
    loaded.fit(frame())
    loaded.save(tmp_path / "anew")
    document = json.loads((tmp_path / "anew" / CONFIG).read_text())
    assert document["canary"]["libraries"]["transformers"] == library_versions()["transformers"]


def test_pickles_hold_one_too(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("sequence")
    sent = pickle.dumps(model)
    assert pickle.loads(sent)._blend.canary is not None
    forward = Backbone.forward
    monkeypatch.setattr(Backbone, "forward", lambda *args, **options: forward(*args, **options).roll(1, -1))
    with pytest.raises(CheckpointError, match="answers otherwise"):
        pickle.loads(sent)


def test_sktime_pickles_hold_one_too(make_backbone: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from seqreprog.sktime import ReprogForecaster

    y = frame().query("unique_id == 'a'").set_index("ds")["y"]
    model = ReprogForecaster(
        horizon=3, context=16, backbone=make_backbone("bert"), base="none",
        adapter=Adapter(patch=8, stride=8, features=4, **SMALL), training=Training(**SHORT),
    ).fit(y)  # fmt: skip
    sent = pickle.dumps(model)
    pickle.loads(sent).predict(fh=[1])
    forward = Backbone.forward
    monkeypatch.setattr(Backbone, "forward", lambda *args, **options: forward(*args, **options).roll(1, -1))
    with pytest.raises(CheckpointError, match="answers otherwise"):
        pickle.loads(sent).predict(fh=[1])


# --- the reading of the prompt ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backbone", "used"), [("bert", "prefix"), ("gpt2", "prefix"), ("t5", "bidirectional")])
def test_the_reading_that_was_used_is_recorded(fitted: Fitted, tmp_path: Path, backbone: str, used: str) -> None:
    fitted("forecast", backbone).save(tmp_path / "m")
    assert json.loads((tmp_path / "m" / CONFIG).read_text())["reading"] == used
    assert Forecaster.load(tmp_path / "m")._blend.model.reading == used


def test_a_reading_that_cannot_be_had_is_refused_by_name(
    fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release of transformers that renames the argument once more must not change a forecast without a word."""
    import seqreprog.sources.capabilities as capabilities

    fitted("forecast").save(tmp_path / "m")
    monkeypatch.setattr(capabilities, "CACHE_NAMES", ("keys_and_values",))
    for verify in (True, False):
        with pytest.raises(CheckpointError, match=r"read its prompt as a prefix; transformers .* takes no keys"):
            Forecaster.load(tmp_path / "m", verify=verify)


@pytest.mark.parametrize("value", ["sideways", 3])
def test_a_reading_that_is_none_is_named(fitted: Fitted, tmp_path: Path, value: Any) -> None:
    fitted("forecast").save(tmp_path / "m")
    edit(tmp_path / "m", reading=value)
    with pytest.raises(CheckpointError, match=f"reading of the prompt must be one of.*got {value!r}"):
        Forecaster.load(tmp_path / "m")


def test_one_missing_answer_does_not_hide_another_difference() -> None:
    from seqreprog.fit.canary import _difference

    expected = np.array([1.0, np.nan, 3.0])
    assert _difference(expected, expected) == 0
    assert _difference(np.array([101.0, np.nan, 3.0]), expected) > 1
    assert _difference(np.array([1.0, 2.0, 3.0]), expected) == np.inf
