"""Artifacts of models with a peft adapter: all that trained is in them, whatever peft would have left out.

peft 0.21.2 asks the base model's configuration whether its vocabulary was resized, to decide whether an adapter holds
the embeddings; where that configuration cannot be found it leaves them out with a warning. Ours never asks.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from seqreprog import Adapter, SequenceClassifier, SequenceInfiller, SequenceOptions, SequenceRegressor, Training
from seqreprog.fit.artifact import WEIGHTS
from seqreprog.sources.language import load_backbone

peft = pytest.importorskip("peft")
TRAINING = Training(
    mode="train", max_steps=4, batch_size=8, evaluate_every=2, learning_rate=0.05, average=0.0, threads=1,
    progress=False,
)  # fmt: skip
OPTIONS = SequenceOptions(
    prompt="[new1] a sequence [new3]", training=TRAINING,
    adapter=Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8),
)  # fmt: skip
TEXTS = [("WW" if place % 2 else "KK") + "ACDEF"[place % 5 :] + "ACD" for place in range(40)]
LABELS = [place % 2 for place in range(40)]
CONFIGS: dict[str, Callable[[], Any]] = {
    "lora": lambda: peft.LoraConfig(),
    "lora of the embeddings": lambda: peft.LoraConfig(target_modules=["word_embeddings", "query"]),
    "the embeddings themselves": lambda: peft.LoraConfig(target_modules=["query"], modules_to_save=["word_embeddings"]),
    "some of their rows": lambda: peft.LoraConfig(
        target_modules=["query"], trainable_token_indices={"word_embeddings": [2, 7]}
    ),
    "ia3": lambda: peft.IA3Config(target_modules=["key", "value"], feedforward_modules=[]),
}
INSIDE = {"lora of the embeddings", "the embeddings themselves", "some of their rows"}
pytestmark = pytest.mark.filterwarnings("ignore::seqreprog.Notice", "ignore:.*:UserWarning:peft")


@pytest.fixture(scope="module")
def resized(make_backbone: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with eight words more than its configuration on the hub, of which there is none, would tell."""
    import transformers

    origin, path = make_backbone("bert"), tmp_path_factory.mktemp("resized") / "base"
    tokenizer = transformers.AutoTokenizer.from_pretrained(origin)
    tokenizer.add_tokens([f"[new{number}]" for number in range(8)])
    model = transformers.AutoModelForMaskedLM.from_pretrained(origin)
    words = model.config.vocab_size
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    assert model.config.vocab_size == words + 8
    model.config._name_or_path = "nobody/nothing"
    tokenizer.save_pretrained(path)
    model.save_pretrained(path)
    return path


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """What peft has for saving and loading is called by nobody."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an artifact relies on what peft saves")

    for owner, names in (
        (peft, ("get_peft_model_state_dict", "set_peft_model_state_dict", "load_peft_weights")),
        (peft.PeftModel, ("save_pretrained", "from_pretrained", "load_adapter")),
        (peft.PeftConfig, ("save_pretrained", "from_pretrained")),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, refuse)


def fitted(backbone: Path, config: Any, kind: Any = SequenceClassifier) -> Any:
    model = kind(backbone=backbone, layers=2, base="none", peft=config, options=OPTIONS)
    if kind is SequenceInfiller:
        return model.fit(TEXTS)
    return model.fit(TEXTS, LABELS if kind is SequenceClassifier else [float(label) for label in LABELS])


def answers(model: Any) -> Any:
    if isinstance(model, SequenceInfiller):
        return model.sample("WW__FACD", n=20)
    return (model.predict_proba if hasattr(model, "predict_proba") else model.predict)(TEXTS).tolist()


@pytest.mark.parametrize("name", CONFIGS)
def test_all_that_trained_is_saved_and_restored_where_no_base_configuration_is_found(
    resized: Path, tmp_path: Path, forbidden: None, name: str
) -> None:
    """The base is moved away before the model is loaded, as on another machine."""
    base = shutil.copytree(resized, tmp_path / "base")
    model = fitted(base, CONFIGS[name]())
    model.save(tmp_path / "model")
    tuned = {key: weight for key, weight in model._fitted().model.trained() if key.startswith("backbone.")}
    assert sum(weight.numel() for weight in tuned.values()) == model.summary_.tuned > 0
    assert any("word_embeddings" in key for key in tuned) == (name in INSIDE)
    held = load_file(tmp_path / "model" / WEIGHTS)
    for key, weight in tuned.items():
        np.testing.assert_array_equal(held[key].numpy(), weight.detach().numpy())
    again = pickle.loads(pickle.dumps(model))
    assert answers(again) == answers(model)
    moved = shutil.move(base, tmp_path / "elsewhere")
    assert answers(SequenceClassifier.load(tmp_path / "model", backbone=moved)) == answers(model)


@pytest.mark.parametrize("kind", [SequenceClassifier, SequenceRegressor, SequenceInfiller])
def test_every_estimator_restores_trained_embeddings(resized: Path, tmp_path: Path, forbidden: None, kind: Any) -> None:
    model = fitted(resized, CONFIGS["the embeddings themselves"](), kind)
    model.save(tmp_path / "model")
    assert answers(kind.load(tmp_path / "model")) == answers(model)


def test_the_new_words_are_read_and_trained(resized: Path) -> None:
    """What the artifact restores above is no accident: the rows that were added count, and they have moved."""
    backbone = load_backbone(resized, 2)
    plain = SequenceClassifier(backbone=resized, layers=2, base="none", options=OPTIONS).fit(TEXTS, LABELS)
    static = plain._fitted().model.static
    added = {word for word in static if word >= len(backbone.vocabulary) - 8}
    assert len(added) == 2
    model = fitted(resized, CONFIGS["the embeddings themselves"]())
    change = (model._fitted().backbone.vocabulary - backbone.vocabulary).abs().sum(1)
    assert set(np.flatnonzero(change.numpy())) >= added
