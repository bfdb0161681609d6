"""The prompt without gradient is exact: keys and values computed beforehand give what one plain pass gives."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from seqreprog.baselines.ridge import RidgeForecaster
from seqreprog.batches.example import Example
from seqreprog.build.forecast import build_forecaster
from seqreprog.config.forecast import Adapter, ForecastConfig, Prompt, Reading
from seqreprog.data.windows import Panel, windows_between
from seqreprog.errors import BackboneError
from seqreprog.fit.artifact import backbone_record
from seqreprog.fit.fitted_forecast import framing
from seqreprog.model import SeriesReprogram
from seqreprog.outputs.losses import pinball_loss, point_loss
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.sources.memo import Memo
from seqreprog.types import Prefix, SoftTokens, TokenIds

pytestmark = pytest.mark.compat
CAUSAL = ("gpt2", "llama", "qwen2", "mistral", "gemma", "gptneox")
ENCODERS = ("bert", "roberta")
WIDTH, WINDOW = 32, 32  # WINDOW: how far mistral's layers read
DOMAIN = (
    "The electricity load of a region in megawatts, one value an hour; demand rises in the morning. Oil, sales, wind."
)

Load = Callable[[str], Backbone]


@pytest.fixture(scope="module")
def loaded(make_backbone: Callable[[str], Path]) -> Load:
    kept: dict[str, Backbone] = {}
    return lambda family: kept.setdefault(family, load_backbone(make_backbone(family)))


def soft(rows: int, length: int = 5) -> SoftTokens:
    embeds = torch.randn(rows, length, WIDTH, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mask = torch.ones(rows, length, dtype=torch.bool)
    mask[0, 1] = False
    return SoftTokens(embeds, mask)


def words(*lengths: int) -> TokenIds:
    longest = max(lengths)
    mask = torch.arange(longest) >= longest - torch.tensor(lengths)[:, None]
    return TokenIds(torch.randint(10, 100, mask.shape, generator=torch.Generator().manual_seed(1)) * mask, mask)


def static(length: int) -> list[int]:
    return torch.randint(10, 100, (length,), generator=torch.Generator().manual_seed(2)).tolist()


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).detach().abs().max() / expected.detach().abs().max())


def outcome(backbone: Backbone, tokens: SoftTokens, prompt: Prefix | SoftTokens | None) -> list[torch.Tensor]:
    """The states, and the gradient that a fixed weighting of them sends to the soft tokens."""
    hidden = backbone(tokens, prompt)
    towards = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(3))
    return [hidden, torch.autograd.grad((hidden * towards).sum(), tokens.embeds)[0]]


@pytest.mark.parametrize("family", CAUSAL + ENCODERS)
def test_the_prompt_stops_at_the_last_keys(loaded: Load, family: str) -> None:
    """Nobody reads what the last layer makes of the prompt, so its feed-forward sees the patches alone."""
    backbone = loaded(family)
    parts = [module for module in backbone.model.modules() if isinstance(module, torch.nn.ModuleList)]
    layers = max(parts, key=lambda part: sum(weight.numel() for weight in part.parameters()))
    seen: list[tuple[int, int]] = []

    def note(place: int) -> Callable[..., None]:
        return lambda module, inputs, output: seen.append((place, inputs[0].shape[1]))

    hooks = [
        next(each for name, each in layer.named_children() if name in ("mlp", "intermediate")).register_forward_hook(
            note(place)
        )
        for place, layer in enumerate(layers)
    ]
    backbone._static.clear()
    tokens = soft(2)
    backbone(tokens, backbone.prompt(static(7), words(4, 3), tokens, "prefix"))
    for hook in hooks:
        hook.remove()
    backbone._static.clear()
    assert seen == [(0, 7), (1, 7), (0, 4), (1, 4), (0, 5), (1, 5), (2, 5)]


# --- causal models ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", CAUSAL)
@pytest.mark.parametrize("reading", ["bidirectional", "prefix"])
@pytest.mark.parametrize("lengths", [(7, 7, 7), (2, 7, 11)])
@pytest.mark.parametrize("text", [0, 1, 9, 50])
def test_keys_and_values_are_one_plain_pass(
    loaded: Load, family: str, reading: Reading, lengths: tuple[int, ...], text: int
) -> None:
    """Also where mistral's window of 32 tokens is shorter than the text, and rows are padded unequally."""
    backbone, tokens, suffix = loaded(family), soft(3), words(*lengths)
    prompt = backbone.prompt(static(text), suffix, tokens, reading)
    assert isinstance(prompt, Prefix)
    plain = backbone.embed(backbone._joined(static(text), suffix, 3))
    for found, expected in zip(outcome(backbone, tokens, prompt), outcome(backbone, tokens, plain), strict=True):
        assert relative(found, expected) < 1e-5


@pytest.mark.parametrize("family", CAUSAL)
def test_each_row_is_what_it_is_alone(loaded: Load, family: str) -> None:
    backbone, tokens, suffix = loaded(family), soft(3), words(2, 7, 11)
    together = backbone(tokens, backbone.prompt(static(50), suffix, tokens))
    for row, kept in enumerate(suffix.mask):
        alone = SoftTokens(tokens.embeds[row : row + 1], tokens.mask[row : row + 1])
        ids = torch.cat([torch.tensor(static(50)), suffix.ids[row, kept]])[None]
        plain = backbone.embed(TokenIds(ids, torch.ones_like(ids, dtype=torch.bool)))
        assert relative(together[row : row + 1], backbone(alone, plain)) < 1e-5


@pytest.mark.parametrize("family", CAUSAL)
def test_static_text_alone_and_no_prompt_at_all(loaded: Load, family: str) -> None:
    backbone, tokens = loaded(family), soft(3)
    plain = backbone.embed(backbone._joined(static(40), None, 3))
    prompt = backbone.prompt(static(40), None, tokens)
    for found, expected in zip(outcome(backbone, tokens, prompt), outcome(backbone, tokens, plain), strict=True):
        assert relative(found, expected) < 1e-5
    assert backbone.prompt([], None, tokens) is None


def case(backbone: Backbone, reading: Reading = "bidirectional") -> tuple[SeriesReprogram, Example]:
    """A whole forecaster with a long static text, and a batch whose statistics differ in length."""
    config = ForecastConfig(
        horizon=4,
        context=48,
        adapter=Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4, dropout=0.0),
        prompt=Prompt(domain=DOMAIN, parts=("min", "lags"), reading=reading),
    )
    model = build_forecaster(config, backbone, fresh=False).eval()
    with torch.no_grad():
        model.output_map.point.weight.normal_(generator=torch.Generator().manual_seed(4))
    rng = np.random.default_rng(0)
    steps = np.arange(60)
    values = np.concatenate([np.sin(steps / 2) + 0.1 * rng.normal(size=60), rng.normal(size=60).cumsum(), steps / 9.0])
    panel = Panel(values, np.array([0, 60, 120, 180]))
    windows = windows_between(panel, 48, 4, start=np.full(3, 54), stop=panel.lengths)
    frame = framing(config, backbone, RidgeForecaster(np.zeros((48, 4)), "instance", 1.0))
    return model, frame.sample(windows, panel.scales())


def gradients(model: SeriesReprogram, sample: Example) -> dict[str, torch.Tensor]:
    """The forecast and the gradient of every trained weight."""
    forecast = model(sample.batch)
    loss = point_loss(forecast.point, sample.target, sample.weight, "mse")
    loss = loss + pinball_loss(forecast.quantiles, sample.target, sample.weight, torch.tensor([0.1, 0.9]))
    names, weights = zip(*model.trained(), strict=True)
    found = dict(zip(names, torch.autograd.grad(loss, weights), strict=True))
    return {"point": forecast.point, "quantiles": forecast.quantiles, **found}


@pytest.mark.parametrize("family", CAUSAL)
def test_every_trained_gradient_is_that_of_one_plain_pass(
    loaded: Load, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = loaded(family)
    model, sample = case(backbone)
    assert len(model.static) > WINDOW
    assert not sample.batch.prompt.mask.all(), "rows of one length test no padding"
    found = gradients(model, sample)

    def plain(static: list[int], suffix: TokenIds, tokens: SoftTokens, reading: Reading) -> SoftTokens:
        return backbone.embed(backbone._joined(static, suffix, len(tokens.mask)))

    monkeypatch.setattr(backbone, "prompt", plain)
    expected = gradients(model, sample)
    assert len(found) > 10
    for name, gradient in expected.items():
        assert relative(found[name], gradient) < 1e-5, name


# --- bidirectional models --------------------------------------------------------------------------------------------


def one_pass(backbone: Backbone, texts: list[int], suffix: TokenIds | None, tokens: SoftTokens) -> torch.Tensor:
    """The prefix-LM as one pass under a 4-D float mask: static text, statistics, patches; each sees back and itself."""
    rows, length = tokens.mask.shape
    parts = [torch.ones(rows, len(texts), dtype=torch.bool), *([suffix.mask] if suffix else []), tokens.mask]
    real = torch.cat(parts, 1)
    block = torch.cat([torch.full((part.shape[1],), place) for place, part in enumerate(parts)])
    sees = (block[:, None] >= block[None, :]) & real[:, None, :]
    mask = torch.zeros(rows, 1, *sees.shape[1:]).masked_fill(~sees[:, None], torch.finfo(torch.float32).min)
    spoken = real[:, :-length]
    places = torch.cat([(spoken.cumsum(1) - 1).clamp_min(0), spoken.sum(1, keepdim=True) + torch.arange(length)], 1)
    ids = torch.tensor([texts]).expand(rows, -1)
    words = backbone.model.get_input_embeddings()(torch.cat([ids, suffix.ids], 1) if suffix else ids)
    hidden = backbone.model(
        inputs_embeds=torch.cat([words, tokens.embeds], 1),
        attention_mask=mask,
        position_ids=places + backbone._first_position,
    ).last_hidden_state
    return hidden[:, -length:] * tokens.mask[..., None]


@pytest.mark.parametrize("family", ENCODERS)
@pytest.mark.parametrize("lengths", [None, (7, 7, 7), (2, 7, 11)])
def test_the_prefix_reading_is_a_prefix_lm(loaded: Load, family: str, lengths: tuple[int, ...] | None) -> None:
    backbone, tokens = loaded(family), soft(3)
    suffix = words(*lengths) if lengths else None
    found = outcome(backbone, tokens, backbone.prompt(static(20), suffix, tokens, "prefix"))
    expected = one_pass(backbone, static(20), suffix, tokens)
    towards = torch.randn(expected.shape, generator=torch.Generator().manual_seed(3))
    gradient = torch.autograd.grad((expected * towards).sum(), tokens.embeds)[0]
    assert relative(found[0], expected) < 1e-5
    assert relative(found[1], gradient) < 1e-5


@pytest.mark.parametrize("family", ENCODERS)
def test_the_two_readings_are_two_functions(loaded: Load, family: str) -> None:
    backbone, tokens, suffix = loaded(family), soft(3), words(2, 7, 11)
    plain = backbone.prompt(static(20), suffix, tokens, "bidirectional")
    assert isinstance(plain, SoftTokens)
    prefix = backbone.prompt(static(20), suffix, tokens, "prefix")
    assert isinstance(prefix, Prefix)
    assert relative(backbone(tokens, prefix), backbone(tokens, plain)) > 1e-3


def test_who_looks_ahead(loaded: Load) -> None:
    assert all(loaded(family).causal for family in CAUSAL)
    assert not any(loaded(family).causal for family in (*ENCODERS, "t5"))


def test_t5_keeps_no_keys(loaded: Load) -> None:
    backbone, tokens = loaded("t5"), soft(3)
    assert isinstance(backbone.prompt(static(9), words(2, 3, 4), tokens), SoftTokens)
    with pytest.raises(BackboneError, match=r"cannot read its prompt as a prefix: a T5Stack.*reading='auto'"):
        case(backbone, "prefix")


@pytest.mark.parametrize("family", [*CAUSAL, *ENCODERS, "t5"])
def test_the_usual_reading_is_the_cheapest_that_the_model_can(loaded: Load, family: str) -> None:
    backbone, tokens = loaded(family), soft(2)
    prompt = backbone.prompt(static(4), words(3, 2), tokens)
    assert isinstance(prompt, SoftTokens if family == "t5" else Prefix)
    other = backbone.prompt(static(4), words(3, 2), tokens, "bidirectional" if family == "t5" else "prefix")
    assert torch.equal(backbone(tokens, prompt), backbone(tokens, other))


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_gradient_checkpointing_is_refused(make_backbone: Callable[[str], Path], family: str) -> None:
    backbone = load_backbone(make_backbone(family))
    name = "activation" if hasattr(backbone.model, "activation_checkpointing_enable") else "gradient"
    getattr(backbone.model, f"{name}_checkpointing_enable")()
    with pytest.raises(BackboneError, match=rf"gradient checkpointing.*{name}_checkpointing_disable"):
        backbone.prompt(static(9), None, soft(2), "prefix")
    getattr(backbone.model, f"{name}_checkpointing_disable")()
    assert isinstance(backbone.prompt(static(9), None, soft(2), "prefix"), Prefix)


# --- what is kept, and for how long ----------------------------------------------------------------------------------


class Count:
    """Counts the passes of a language model, and the rows of each."""

    def __init__(self, backbone: Backbone) -> None:
        self.rows: list[int] = []
        backbone.model.register_forward_pre_hook(self.note, with_kwargs=True)

    def note(self, module: torch.nn.Module, arguments: tuple, options: dict) -> None:
        given = options.get("input_ids")
        self.rows.append(len(options["inputs_embeds"] if given is None else given))


def test_static_text_is_read_once_until_a_weight_changes(make_backbone: Callable[[str], Path]) -> None:
    backbone, tokens = load_backbone(make_backbone("gpt2")), soft(3)
    assert backbone.causal
    count = Count(backbone)
    first = backbone(tokens, backbone.prompt(static(9), None, tokens))
    with torch.inference_mode():
        backbone(tokens, backbone.prompt(static(9), None, tokens))
    assert count.rows == [1, 3, 3]
    with torch.no_grad():
        backbone.model.wpe.weight[0, :5] += 0.5  # the place of the text's first token
    second = backbone(tokens, backbone.prompt(static(9), None, tokens))
    assert count.rows[3:] == [1, 3]
    assert relative(second, first) > 1e-4
    backbone.prompt(static(8), None, tokens)
    assert count.rows[5:] == [1], "another text is another prefix"
    backbone.double()
    prompt = backbone.prompt(static(8), None, tokens)
    assert prompt.cache.layers[0].keys.dtype == torch.float64


def test_keys_made_in_inference_serve_a_training_step(make_backbone: Callable[[str], Path]) -> None:
    backbone, tokens = load_backbone(make_backbone("gpt2")), soft(3)
    with torch.inference_mode():
        backbone(tokens, backbone.prompt(static(9), None, tokens))
    backbone(tokens, backbone.prompt(static(9), None, tokens)).sum().backward()
    assert tokens.embeds.grad is not None


def test_a_prefix_can_be_read_twice(loaded: Load) -> None:
    backbone, tokens = loaded("mistral"), soft(3)
    prompt = backbone.prompt(static(40), words(3, 3, 3), tokens)
    first, again = backbone(tokens, prompt), backbone(tokens, prompt)
    assert torch.equal(first, again)
    storage = {
        layer.keys.untyped_storage().data_ptr() for layer in backbone.prompt(static(40), None, tokens).cache.layers
    }
    shared = backbone._static._value[0].cache.layers
    assert storage == {layer.keys.untyped_storage().data_ptr() for layer in shared}, "expanded views, no copy"


def test_no_key_is_saved_or_copied(make_backbone: Callable[[str], Path]) -> None:
    backbone, tokens = load_backbone(make_backbone("gpt2")), soft(2)
    names, record = set(backbone.state_dict()), backbone_record(backbone)
    backbone.prompt(static(9), None, tokens)
    assert backbone._static._value
    assert set(backbone.state_dict()) == names
    assert backbone_record(backbone) == record
    twin = copy.deepcopy(backbone)
    assert not twin._static._value
    file = io.BytesIO()
    torch.save(backbone, file)
    file.seek(0)
    assert not torch.load(file, weights_only=False)._static._value


def test_memo() -> None:
    memo, weight, made = Memo[int](), torch.zeros(2), []

    def make() -> int:
        made.append(1)
        assert not torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        return len(made)

    with torch.inference_mode():
        assert memo.get(make, [weight]) == 1
    assert memo.get(make, [weight]) == 1
    assert memo.get(make, [weight], "more") == 2
    weight.add_(1)
    assert memo.get(make, [weight], "more") == 3
    assert memo.get(make, [weight.clone()], "more") == 4
    memo.clear()
    assert memo.get(make, [weight], "more") == 5


# --- memory ----------------------------------------------------------------------------------------------------------


def saved(backbone: Backbone, tokens: SoftTokens, prompt: Prefix | SoftTokens | None) -> tuple[int, list[torch.Size]]:
    """Bytes that the forward pass keeps for the backward pass, weights apart, and the shapes."""
    weights = {weight.untyped_storage().data_ptr() for weight in backbone.model.parameters()}
    kept: dict[int, int] = {}
    shapes: list[torch.Size] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if (place := tensor.untyped_storage().data_ptr()) not in weights:
            kept[place] = tensor.untyped_storage().nbytes()
            shapes.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        hidden = backbone(tokens, prompt)
    assert hidden.requires_grad
    return sum(kept.values()), shapes


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
def test_of_the_prompt_only_keys_and_values_are_kept_for_backward(loaded: Load, family: str) -> None:
    """A patch's gradient needs the keys and values that the patch attended to, and nothing else of the prompt."""
    backbone, tokens, spoken = loaded(family), soft(4, 6), 40
    prompt = backbone.prompt(static(30), words(10, 10, 10, 10), tokens, "prefix")
    alone, _ = saved(backbone, tokens, None)
    bare, shapes = saved(backbone, tokens, prompt)
    plain, _ = saved(backbone, tokens, backbone.embed(backbone._joined(static(30), words(10, 10, 10, 10), 4)))
    keys = 2 * backbone.layers * 4 * spoken * WIDTH * 4  # keys and values; rows, words, width, bytes
    mask = 2 * backbone.layers * 4 * 4 * 6 * (spoken + 6) * 4  # one per head at most
    assert bare - alone <= keys + mask
    assert bare < 0.5 * plain
    assert not [shape for shape in shapes if len(shape) == 3 and shape[1] in (spoken, spoken + 6)]
