"""Sentences: read once, alone, without gradient; a forecast that they decide; refusals with their values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqreprog import Adapter, BackboneError, DataError, Forecaster, Prompt, Training
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.sources.sentences import SentenceReader, sentence_tokens
from seqreprog.types import SentenceBatch

HORIZON, CONTEXT = 4, 16
ADAPTER = Adapter(patch=4, stride=4, hidden=8, heads=2, head_width=4, n_prototypes=16, features=4, dropout=0.0)
TRAINING = Training(
    max_steps=10, batch_size=16, validation_windows=64, evaluate_every=5, learning_rate=0.03, progress=False
)
UP, DOWN = "The demand rises.", "The load falls at night."
Make = Callable[[str], Path]


def frame(count: int = 8, length: int = 60, *, seed: int = 0, texts: tuple[str, str] = (UP, DOWN)) -> pd.DataFrame:
    """Noise that climbs or falls slowly, as only the sentence says at once."""
    rng, parts = np.random.default_rng(seed), []
    for place in range(count):
        steps = np.arange(length)
        values = 0.15 * (1 - 2 * (place % 2)) * steps + rng.normal(size=length)
        times = pd.date_range("2024-01-01", periods=length, freq="h")
        made = {"unique_id": f"s{place}", "ds": times, "y": values, "about": texts[place % 2]}
        parts.append(pd.DataFrame(made))
    return pd.concat(parts, ignore_index=True)


def make(make_backbone: Make, **options: Any) -> Forecaster:
    defaults = {"context": CONTEXT, "backbone": make_backbone("bert"), "adapter": ADAPTER, "training": TRAINING}
    return Forecaster(**{"horizon": HORIZON, "base": "none", **defaults, **options})


@pytest.fixture(scope="module")
def model(make_backbone: Make) -> Forecaster:
    return make(make_backbone).fit(frame(), static="about")


def numbers(pred: pd.DataFrame) -> np.ndarray:
    return pred.filter(like="seqreprog").to_numpy()


# --- the reader ------------------------------------------------------------------------------------------------------


def batch_of(backbone: Backbone, *texts: str) -> SentenceBatch:
    tokens = tuple(tuple(ids) for ids in sentence_tokens(backbone, texts))
    return SentenceBatch(tokens, torch.arange(len(texts)))


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_it_is_the_mean_state_of_the_sentence_alone(make_backbone: Make, family: str) -> None:
    backbone = load_backbone(make_backbone(family))
    found = SentenceReader(backbone)(batch_of(backbone, UP, DOWN))
    for text, state in zip((UP, DOWN), found, strict=True):
        ids = backbone.tokenizer([text], return_tensors="pt")["input_ids"]
        with torch.no_grad():
            alone = backbone.model(input_ids=ids).last_hidden_state[0].mean(0)
        torch.testing.assert_close(state, alone, rtol=0, atol=1e-5)
    assert not found.requires_grad


def test_what_is_read_beside_it_changes_no_bit(make_backbone: Make) -> None:
    backbone = load_backbone(make_backbone("bert"))
    found = SentenceReader(backbone)(batch_of(backbone, UP, DOWN, 20 * UP))
    alone = [SentenceReader(backbone)(batch_of(backbone, text))[0] for text in (UP, DOWN, 20 * UP)]
    torch.testing.assert_close(found, torch.stack(alone), rtol=0, atol=0)


def test_special_tokens_are_the_tokenisers_own(make_backbone: Make) -> None:
    backbone = load_backbone(make_backbone("bert"))
    ids = sentence_tokens(backbone, [UP])[0]
    assert (ids[0], ids[-1]) == (backbone.tokenizer.cls_token_id, backbone.tokenizer.sep_token_id)
    assert ids[1:-1] == backbone.tokenise([UP])[0]
    assert sentence_tokens(backbone, []) == []


def test_a_sentence_is_read_once(make_backbone: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = load_backbone(make_backbone("bert"))
    reader, asked = SentenceReader(backbone), []
    read = reader._state
    monkeypatch.setattr(reader, "_state", lambda tokens: asked.append(tokens) or read(tokens))
    first = reader(batch_of(backbone, UP, DOWN, UP))
    assert len(asked) == 2
    with torch.inference_mode():
        again = reader(batch_of(backbone, DOWN))
    torch.testing.assert_close(again[0], first[1], rtol=0, atol=0)
    assert len(asked) == 2
    with torch.no_grad():
        next(backbone.model.parameters()).add_(0.1)
    reader(batch_of(backbone, UP))
    assert len(asked) == 3, "a changed model reads again"


# --- the forecast ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [(), ("min",)])
def test_the_sentence_changes_the_forecast(make_backbone: Make, parts: tuple[str, ...]) -> None:
    prompt = Prompt(task=False, parts=parts)  # type: ignore[arg-type]
    model = make(make_backbone, prompt=prompt).fit(frame(), static="about")
    plain = numbers(model.predict())
    other = numbers(model.predict(frame(texts=(DOWN, UP))))
    assert np.abs(plain - other).max() > 1e-3


def test_it_stands_in_the_prompt_and_beside_the_patches(model: Forecaster) -> None:
    blend = model._blend
    windows_of = blend.framing
    from seqreprog.data.windows import last_windows

    panel = model._table.panel
    windows = last_windows(panel, CONTEXT, HORIZON)
    batch = windows_of.batch(windows.inputs(), np.ones(len(windows)), windows)[0]
    said = blend.backbone.tokenise([f" {UP}"])[0]
    row = batch.prompt.ids[0][batch.prompt.mask[0]].tolist()
    assert row[: len(said)] == said
    hidden = blend.model.hidden(batch)
    assert hidden.shape[1] == model.config.patches + 1 == model.config.slots
    torch.testing.assert_close(hidden[0, -1], hidden[2, -1], rtol=0, atol=0)
    assert not torch.allclose(hidden[0, -1], hidden[1, -1])


def test_a_forecast_is_the_same_alone_or_in_any_batch(model: Forecaster) -> None:
    df = frame()
    together = model.predict(df)
    for name, own in df.groupby("unique_id"):
        found = numbers(together[together["unique_id"] == name])
        np.testing.assert_allclose(numbers(model.predict(own)), found, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", ["train", "probe"])
def test_save_and_load_give_the_same_bits(make_backbone: Make, tmp_path: Path, mode: str) -> None:
    training = Training(max_steps=2, batch_size=16, validation_windows=32, progress=False, mode=mode)  # type: ignore[arg-type]
    df = frame().assign(wind=np.arange(8 * 60) % 7)
    more = {"s1": " It snows.", "s2": " A long winter is at hand, and then the spring."}
    df["about"] += df["unique_id"].map(more).fillna("")
    model = make(make_backbone, training=training).fit(df, static="about", hist_cols=["wind"])
    model.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    np.testing.assert_array_equal(numbers(loaded.predict(df)), numbers(model.predict(df)))
    assert "column 'about', 4 distinct sentences" in str(loaded.summary_)


def test_frozen_means_frozen(make_backbone: Make, model: Forecaster) -> None:
    assert model._backbone.fingerprint() == load_backbone(make_backbone("bert")).fingerprint()


@pytest.mark.parametrize("mode", ["probe", pytest.param("train", marks=pytest.mark.slow)])
def test_what_a_sentence_tells_is_learned(make_backbone: Make, mode: str) -> None:
    """Eight noisy steps hide which way the next sixteen go; the sentence does not."""
    schedule = {"max_steps": 120, "batch_size": 32, "learning_rate": 0.01, "evaluate_every": 30, "progress": False}
    training = Training(mode=mode, **schedule)  # type: ignore[arg-type]
    options, df = {"context": 8, "horizon": 16, "training": training}, frame(length=160)
    errors = [
        make(make_backbone, **options).fit(df, static=static).summary_.errors["language model"]
        for static in (None, "about")
    ]
    assert errors[1] < 0.6 * errors[0], errors


def test_the_probe_keeps_what_tells_sentences_apart(make_backbone: Make) -> None:
    """Its directions are those of all slots together, and enough of them: two sentences lie far apart there."""
    training = Training(validation_windows=32, progress=False, mode="probe")
    blend = make(make_backbone, training=training).fit(frame(), static="about")._blend
    states = SentenceReader(blend.backbone)(batch_of(blend.backbone, UP, DOWN))
    assert (blend.model.output_map.project.weight @ (states[0] - states[1])).norm() > 1


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_sentence_that_does_not_fit_is_named(make_backbone: Make, model: Forecaster) -> None:
    long = "rises and falls " * 100
    with pytest.raises(BackboneError, match=r"text 'rises and falls .*has \d+ tokens; .*room for \d+ of its 256"):
        model.predict(frame(texts=(UP, long)))
    with pytest.raises(BackboneError, match=r"\(1 such texts\). Shorten them"):
        make(make_backbone).fit(frame(texts=(UP, long)), static="about")


def test_a_sentence_that_is_missing_at_predict_is_named(model: Forecaster) -> None:
    with pytest.raises(DataError, match="df has no column 'about'"):
        model.predict(frame().drop(columns="about"))
    df = frame()
    with pytest.raises(DataError, match="1 series have no text in column 'about': 's3'"):
        model.predict(df.assign(about=df["about"].where(df["unique_id"] != "s3")))


def test_a_sentence_is_read_by_all_layers_unless_told_otherwise(make_backbone: Make, tmp_path: Path) -> None:
    model = make(make_backbone)
    depths = [model.fit(frame(), static=static).summary_.layers for static in (None, "about", None)]
    assert depths == [2, 3, 2], "and a second fit with other columns loads what it needs"
    assert make(make_backbone, layers=1).fit(frame(), static="about").summary_.layers == 1
    found = model.cross_validation(frame(), static="about")
    expected = make(make_backbone, layers=None).cross_validation(frame(), static="about")
    np.testing.assert_array_equal(numbers(found), numbers(expected))
    reader = make(make_backbone).fit(frame(), static="about")
    reader.save(tmp_path / "kept")
    again = Forecaster.load(tmp_path / "kept")
    np.testing.assert_array_equal(numbers(again.predict(frame())), numbers(reader.predict()))
