"""Each method on a causal and on a masked model: shapes, gradients, frozen weights, and rows that stand alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqreprog.batches.symbols import SymbolDataset, symbol_batch
from seqreprog.build.sequence import build_sequence_model, room
from seqreprog.config.forecast import Adapter, Training
from seqreprog.config.sequence import SequenceConfig
from seqreprog.errors import BackboneError, ConfigError
from seqreprog.fit.gradient import fit
from seqreprog.fit.objectives import SymbolObjective
from seqreprog.model import SymbolReprogram
from seqreprog.sources.language import Backbone, load_backbone, with_peft

SIZE, LENGTH = 7, 12  # 5 symbols
ADAPTER = Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8, dropout=0.0)
TRAINING = Training(max_steps=6, batch_size=8, evaluate_every=3, learning_rate=0.02, progress=False)
METHODS = ("prototype", "dictionary", "dense", "soft_prompt", "perturbation", "rewriter")
OUTPUTS = ("head", "verbaliser", "words", "random", "frequency", "iterative")

every_method = pytest.mark.parametrize("method", METHODS)
each_family = pytest.mark.parametrize("family", ["gpt2", "bert"])


def config(method: str = "prototype", **options: Any) -> SequenceConfig:
    dense = {"method": "dictionary", "sparsity": None} if method == "dense" else {"method": method, "sparsity": 4}
    return SequenceConfig(
        **{"adapter": ADAPTER, "training": TRAINING, "source_words": 16, "vectors": 3, **dense, **options}
    )


def rows(count: int = 24) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(1, SIZE, rng.integers(1, LENGTH + 1)) for _ in range(count)]


def awake(model: SymbolReprogram) -> SymbolReprogram:
    """The model with no weight at 0, where heads start."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.output_map.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return model.eval()


@pytest.fixture(scope="module")
def load(make_backbone: Callable[[str], Path]) -> Callable[[str], Backbone]:
    kept: dict[str, Backbone] = {}

    def find(family: str) -> Backbone:
        if family not in kept:
            kept[family] = load_backbone(make_backbone(family))
        return kept[family]

    return find


@every_method
@each_family
@pytest.mark.parametrize("patch", [1, 3])
def test_a_row_is_the_same_alone_and_in_any_batch(
    load: Callable[[str], Backbone], ragged: Callable[..., Any], method: str, family: str, patch: int
) -> None:
    if method == "rewriter" and patch > 1:
        pytest.skip("the rewriter writes symbol by symbol")
    options = config(method, patch=patch, stride=min(patch, 2), prompt="the trend is")
    model = awake(build_sequence_model(options, load(family), size=SIZE, classes=3, length=LENGTH))
    given = ragged(rows(9))
    with torch.no_grad():
        together = model(symbol_batch(given, np.arange(9)))
        assert together.shape == (9, 3)
        for row in range(9):
            torch.testing.assert_close(model(symbol_batch(given, np.array([row])))[0], together[row], atol=2e-5, rtol=0)
    assert (together - together.mean(0)).abs().max() > 1e-3, "the answer must depend on the sequence"


@every_method
@each_family
def test_gradients_reach_all_of_theta_and_omega(
    load: Callable[[str], Backbone], ragged: Callable[..., Any], method: str, family: str
) -> None:
    model = awake(build_sequence_model(config(method), load(family), size=SIZE, classes=3, length=LENGTH))
    model(symbol_batch(ragged([np.arange(1, SIZE).repeat(2)]), np.array([0]))).square().sum().backward()
    assert [name for name, weight in model.trained() if not weight.grad.abs().sum() > 0] == []
    assert all(weight.grad is None for weight in model.backbone.parameters())


@every_method
@each_family
def test_a_fit_moves_theta_and_omega_and_no_byte_of_the_backbone(
    load: Callable[[str], Backbone], ragged: Callable[..., Any], method: str, family: str
) -> None:
    backbone = load(family)
    frozen, found = backbone.fingerprint(), []
    data = SymbolDataset(ragged(rows()), np.arange(24) % 2)
    for _ in range(2):
        model = build_sequence_model(config(method), backbone, size=SIZE, classes=2, length=LENGTH)
        before = {name: weight.clone() for name, weight in model.adapter_state().items()}
        options = {"objective": SymbolObjective("classify"), "training": TRAINING, "seed": 0, "device": "cpu"}
        log = fit(model, data, data, **options)
        assert log.steps == 6
        found.append(model.adapter_state())
    assert backbone.fingerprint() == frozen
    assert not any(name.startswith("backbone") for name in found[0])
    trained = {name for name, _ in model.trained()}
    assert [name for name in trained if torch.equal(before[name], found[0][name])] == []
    assert all(torch.equal(found[0][name], found[1][name]) for name in trained), "the same seed, the same bits"
    if method == "dictionary":
        assert int((model.input_map.theta != 0).sum(1).max()) == 4


@each_family
@pytest.mark.parametrize("output", OUTPUTS)
def test_each_output_answers_and_learns(
    load: Callable[[str], Backbone], ragged: Callable[..., Any], family: str, output: str
) -> None:
    """Whether a sequence opens with symbol 1 or 2."""
    words = ("yes", "no") if output == "words" else ()
    options = config(output=output, label_words=words, words_per_class=3)
    model = build_sequence_model(options, load(family), size=SIZE, classes=2, length=LENGTH)
    classes = np.arange(24) % 2
    data = SymbolDataset(ragged([np.append([1 + c], row) for c, row in zip(classes, rows(), strict=True)]), classes)
    data.limit = LENGTH
    training = Training(max_steps=80, batch_size=24, evaluate_every=20, learning_rate=0.02, progress=False)
    fit(model, data, data, objective=SymbolObjective("classify", data), training=training, seed=0, device="cpu")
    with torch.no_grad():
        answer = model(data.__getitems__(list(range(24))).batch)
    assert (answer.argmax(1).numpy() == classes).mean() >= 0.9


@every_method
@each_family
def test_infilling_answers_at_each_symbol(
    load: Callable[[str], Backbone], ragged: Callable[..., Any], method: str, family: str
) -> None:
    model = build_sequence_model(config(method, task="infill"), load(family), size=SIZE, classes=5, length=LENGTH)
    awake(model)
    given = ragged([[1, 2, 3, 4], [5, 1]])
    with torch.no_grad():
        together = model(symbol_batch(given, np.array([0, 1])))
        alone = model(symbol_batch(given, np.array([1])))
    assert together.shape == (2, 4, 5)
    torch.testing.assert_close(together[1:, :2], alone, atol=2e-5, rtol=0)


def test_the_same_seed_builds_the_same_model_and_leaves_the_callers_random_state(
    load: Callable[[str], Backbone],
) -> None:
    for method in METHODS:
        torch.manual_seed(5)
        state = torch.get_rng_state()
        built = [
            build_sequence_model(config(method, seed=seed), load("bert"), size=SIZE, classes=2, length=LENGTH)
            for seed in (0, 0, 1)
        ]
        assert torch.equal(state, torch.get_rng_state())
        first, same, other = (model.adapter_state() for model in built)
        assert all(torch.equal(first[name], same[name]) for name in first)
        assert any(not torch.equal(first[name], other[name]) for name in first)


@every_method
def test_room_is_what_can_be_built(load: Callable[[str], Backbone], method: str) -> None:
    backbone = load("bert")
    options = config(method, patch=1 if method == "rewriter" else 3, prompt="the trend")
    longest = room(options, backbone)
    build_sequence_model(options, backbone, size=SIZE, classes=2, length=longest)
    with pytest.raises(BackboneError, match="reads 256 positions; prompt and patches need 257"):
        build_sequence_model(options, backbone, size=SIZE, classes=2, length=longest + 1)
    assert room(config(method, limit=10), backbone) == 10


def test_words_that_do_not_fit_the_classes_are_named(load: Callable[[str], Backbone]) -> None:
    backbone = load("bert")
    options = config(output="words", label_words=("yes", "no"))
    with pytest.raises(ConfigError, match="got 2 for 3 classes"):
        build_sequence_model(options, backbone, size=SIZE, classes=3, length=LENGTH)
    options = config(output="random", words_per_class=100_000)
    with pytest.raises(ConfigError, match="2 classes of 100000 words each need 200000 words"):
        build_sequence_model(options, backbone, size=SIZE, classes=2, length=LENGTH)


def test_letters_are_read_as_their_own_words(load: Callable[[str], Backbone]) -> None:
    backbone = load("bert")
    model = build_sequence_model(config("soft_prompt"), backbone, size=4, classes=2, length=LENGTH, symbols=["a", "b"])
    vectors, words = model.input_map.symbols.vectors, backbone.vocabulary
    for place, text in enumerate(("a", "b"), 1):
        torch.testing.assert_close(vectors[place], words[backbone.tokenise([text])[0]].mean(0))
    torch.testing.assert_close(vectors[3], words[backbone.tokenizer.mask_token_id])


# --- beside fine-tuning ----------------------------------------------------------------------------------------------


@each_family
def test_a_peft_adapter_trains_beside_and_is_part_of_the_adapter(
    load: Callable[[str], Backbone], ragged: Callable[..., Any], family: str
) -> None:
    pytest.importorskip("peft")
    backbone = load(family)
    frozen, tuned = backbone.fingerprint(), with_peft(backbone)
    base = {n: w.clone() for n, w in tuned.named_parameters() if not w.requires_grad}
    data = SymbolDataset(ragged(rows()), np.arange(24) % 2)
    model = build_sequence_model(config(prompt="the trend"), tuned, size=SIZE, classes=2, length=LENGTH)
    before = {name: weight.clone() for name, weight in model.adapter_state().items()}
    assert any("lora_A" in name for name in before)
    fit(model, data, None, objective=SymbolObjective("classify"), training=TRAINING, seed=0, device="cpu")
    after = model.adapter_state()
    assert [name for name, _ in model.trained() if torch.equal(before[name], after[name])] == []
    assert all(torch.equal(weight, base[name]) for name, weight in tuned.named_parameters() if name in base)
    assert backbone.fingerprint() == tuned.fingerprint() == frozen
    assert not any(weight.requires_grad for weight in backbone.parameters())


def test_a_peft_config_goes_through_plain_values_and_a_wrong_one_is_named(load: Callable[[str], Backbone]) -> None:
    peft = pytest.importorskip("peft")
    tuned = with_peft(load("bert"), peft.LoraConfig(r=3, target_modules=["query"]), seed=1)
    again = with_peft(load("bert"), tuned.peft, seed=1)
    weights, same = ({n: w for n, w in each.named_parameters() if w.requires_grad} for each in (tuned, again))
    assert {tuple(w.shape) for n, w in weights.items() if "lora_A" in n} == {(3, 32)}
    assert weights.keys() == same.keys()
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    with pytest.raises(ConfigError, match="got PromptTuningConfig"):
        with_peft(load("bert"), peft.PromptTuningConfig(num_virtual_tokens=3))
    with pytest.raises(ConfigError, match=r"does not fit backbone .*nowhere"):
        with_peft(load("bert"), peft.LoraConfig(target_modules=["nowhere"]))


# --- the loop --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["prototype", "soft_prompt"])
def test_a_step_read_in_parts_is_the_whole_step(
    load: Callable[[str], Backbone], ragged: Callable[..., Any], method: str
) -> None:
    data, looks = SymbolDataset(ragged(rows()), np.arange(24) % 2), []
    for parts in (1, 3):
        training = replace(TRAINING, accumulate=parts, learning_rate=0.004)
        model = build_sequence_model(config(method), load("bert"), size=SIZE, classes=2, length=LENGTH)
        log = fit(model, data, data, objective=SymbolObjective("classify"), training=training, seed=0, device="cpu")
        looks.append([error for _, _, error in log.looks])
    np.testing.assert_allclose(looks[0], looks[1], rtol=1e-4)


def test_the_best_looks_label_map_is_left_in_the_model(
    load: Callable[[str], Backbone], ragged: Callable[..., Any]
) -> None:
    """Weights and map are those of the best look, though the map was made anew after it."""
    training = replace(TRAINING, max_steps=30, learning_rate=3.0, evaluate_every=2, patience=99, average=0.0)
    model = build_sequence_model(
        config(output="iterative", words_per_class=3), load("bert"), size=SIZE, classes=2, length=LENGTH
    )
    data = SymbolDataset(ragged(rows()), np.arange(24) % 2)
    objective = SymbolObjective("classify", data)
    log = fit(model, data, data, objective=objective, training=training, seed=0, device="cpu")
    assert log.best_step < log.steps, "this rate must overshoot, or nothing needed restoring"
    with torch.no_grad():
        sums = objective.errors(model, data.__getitems__(list(range(24)))).sum(0)
    assert float(sums[0] / sums[1]) == pytest.approx(min(error for _, _, error in log.looks), rel=1e-4)


def test_residues_start_from_what_is_known_of_them_and_other_symbols_do_not(make_backbone):
    backbone = load_backbone(make_backbone("bert"), 1)

    def weight(kind: str, size: int = 22, **more: object) -> torch.Tensor:
        model = build_sequence_model(config(kind=kind), backbone, size=size, classes=2, length=9, **more)
        return model.input_map.patches.weight.detach()[0]

    residues = tuple("ACDEFGHIKLMNPQRSTVWY")
    known, unknown = weight("protein", symbols=residues), weight("custom", symbols=residues)
    isoleucine, valine, aspartate = known[[1 + residues.index(letter) for letter in "IVD"]]
    assert (isoleucine - valine).norm() < 0.5 * (isoleucine - aspartate).norm()
    assert not known[-1].any(), "the mask is the mean residue"
    assert torch.equal(weight("protein"), unknown), "without the symbols' names nothing is known of them"
