"""The prototypes: where they start, what trains, what is kept."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from seqreprog.inputs.patch import PatchEmbedding
from seqreprog.inputs.prototype import (
    DirectPrototypes,
    LinearPrototypes,
    PrototypeMap,
    WordPrototypes,
    kmeans_centres,
    word_vectors,
)
from seqreprog.types import SeriesBatch


def vocabulary(words: int = 40, width: int = 12) -> torch.Tensor:
    return torch.randn(words, width, generator=torch.Generator().manual_seed(3))


def make(prototypes: torch.nn.Module, words: torch.Tensor | None = None, reach: float = 1.0) -> PrototypeMap:
    torch.manual_seed(1)
    patches = PatchEmbedding(patch=4, stride=4, length=3, hidden=6)
    words = vocabulary() if words is None else words
    return PrototypeMap(patches=patches, prototypes=prototypes, heads=2, head_width=5, vocabulary=words, reach=reach)


def batch(rows: int = 2) -> SeriesBatch:
    values = torch.randn(rows, 1, 12, generator=torch.Generator().manual_seed(5))
    return SeriesBatch(values, torch.ones(rows, 1, 12, dtype=torch.bool))


def test_direct_prototypes_are_a_copy_that_trains() -> None:
    start = vocabulary(7)
    module = DirectPrototypes(start)
    torch.testing.assert_close(module(), start)
    with torch.no_grad():
        module.vectors.add_(1)
    torch.testing.assert_close(start, vocabulary(7), msg="the vocabulary itself must not move")
    assert module.vectors.requires_grad


def test_linear_prototypes_mix_the_vocabulary_and_never_save_it() -> None:
    module = LinearPrototypes(vocabulary(), 9)
    torch.testing.assert_close(module(), module.mixture @ vocabulary())
    assert list(module.state_dict()) == ["mixture"]
    assert [tuple(weight.shape) for weight in module.parameters()] == [(9, 40)]


def test_word_prototypes_are_means_of_tokens_and_stay() -> None:
    words = vocabulary()
    module = WordPrototypes(word_vectors(words, [[3], [4, 6]]))
    torch.testing.assert_close(module(), torch.stack([words[3], (words[4] + words[6]) / 2]))
    assert not list(module.parameters())
    assert list(module.state_dict()) == ["vectors"]


def test_kmeans_centres_are_the_known_clusters_and_repeat() -> None:
    middle = torch.tensor([[10.0, 0, 0], [0, 10, 0], [0, 0, 10]])
    words = (middle[:, None] + 0.01 * torch.randn(3, 50, 3)).flatten(0, 1)
    found = kmeans_centres(words, 3, seed=0)
    assert torch.cdist(middle, found).min(1).values.max() < 0.1
    assert torch.equal(found, kmeans_centres(words, 3, seed=0))


def test_reach_shrinks_scores_and_distance_and_makes_the_start_linear() -> None:
    """A map is affine where the token of a patch's mean is the mean of the tokens."""
    whole, less, least = (make(DirectPrototypes(vocabulary(30)), reach=reach) for reach in (1.0, 0.1, 0.001))
    for module, reach in ((less, 0.1), (least, 0.001)):
        for weight, ratio in ((module.query.weight, reach**0.5), (module.key.weight, reach**0.5)):
            expected = whole.query.weight if weight is module.query.weight else whole.key.weight
            torch.testing.assert_close(weight, ratio * expected)
    one = batch(50)
    other, middle = (
        SeriesBatch(each, one.observed) for each in (one.values.flip(0), (one.values + one.values.flip(0)) / 2)
    )
    bent = []
    with torch.no_grad():
        for module in (whole, less, least):
            first, second, between = (module(each).embeds for each in (one, other, middle))
            apart = (first - first.mean((0, 1))).norm(dim=-1).mean()
            bent.append(float((between - (first + second) / 2).norm(dim=-1).mean() / apart))
    words = vocabulary()
    distance = (words - words.mean(0)).norm(dim=-1).mean()
    torch.testing.assert_close(apart, 0.001 * distance, rtol=0.5, atol=0)
    assert bent[1] < 0.3 * bent[0]
    assert bent[2] < 0.01 * bent[0]


@pytest.mark.parametrize(("far", "wide"), [(0.0, 1.0), (5.0, 0.1), (-2.0, 7.0)])
def test_soft_tokens_start_where_the_words_are(far: float, wide: float) -> None:
    """Around the mean word embedding, about as far from it as words are, and not one token for every patch."""
    words = far + wide * vocabulary(200)
    module = make(DirectPrototypes(words[:30]), words)
    with torch.no_grad():
        tokens = module(batch(100)).embeds.flatten(0, 1)
    centre, distance = words.mean(0), (words - words.mean(0)).norm(dim=-1).mean()
    assert (tokens.mean(0) - centre).norm() < 0.5 * distance
    assert (tokens - tokens.mean(0)).norm(dim=-1).mean() == pytest.approx(distance.item(), rel=0.5)


def test_attention_starts_neither_uniform_nor_on_one_word() -> None:
    words = 0.02 * vocabulary(200)  # as small as GPT-2's
    share = make(DirectPrototypes(words[:30]), words).attention(batch(100))
    entropy = -(share * share.clamp_min(1e-12).log()).sum(-1).mean()
    assert 0.3 * math.log(30) < entropy < 0.97 * math.log(30)


def test_keys_have_no_bias_for_softmax_does_not_see_it() -> None:
    module = make(DirectPrototypes(vocabulary()))
    assert module.key.bias is None
    assert sorted(name for name, _ in module.named_parameters() if "bias" in name) == [
        "output.bias",
        "query.bias",
        "value.bias",
    ]


def test_attention_is_a_distribution_over_prototypes() -> None:
    found = make(DirectPrototypes(vocabulary(11))).attention(batch())
    assert found.shape == (2, 2, 3, 11)
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 2, 3))


def test_gradients_reach_every_weight() -> None:
    module = make(LinearPrototypes(vocabulary(), 6))
    module(batch()).embeds.square().sum().backward()
    assert [name for name, weight in module.named_parameters() if not weight.grad.abs().sum() > 0] == []


# --- keys and values, once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["direct", "linear", "words"])
def test_keys_and_values_are_computed_once_until_a_weight_changes(kind: str) -> None:
    kinds = {"direct": DirectPrototypes, "words": WordPrototypes}
    prototypes = LinearPrototypes(vocabulary(), 5) if kind == "linear" else kinds[kind](vocabulary()[:5])
    module, given, calls = make(prototypes).eval(), batch(), []
    prototypes.register_forward_hook(lambda *_: calls.append(1))

    def kept(passes: int = 1) -> torch.Tensor:
        """What inference says; it must be the plain form, computed once."""
        calls.clear()
        with torch.inference_mode():
            found = [module(given).embeds for _ in range(passes)][-1].clone()
        assert calls == [1]
        with torch.no_grad():
            torch.testing.assert_close(module(given).embeds, found)
        assert calls == [1]
        torch.testing.assert_close(module(given).embeds.detach(), found)  # with gradient: the plain form
        return found

    before = kept(3)
    for fused in (True, False):  # in evaluation mode, as an unwary loop might
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, fused=fused)
        module(given).embeds.square().sum().backward()
        optimizer.step()
        after = kept()
        assert not torch.allclose(before, after)
        before = after
    for weight in module._sources():
        with torch.no_grad():
            weight.mul_(1.5)
        kept()
    assert copy.deepcopy(module)._kept._value == []


def test_a_fused_step_between_two_looks_is_noticed() -> None:
    """The fused optimisers change weights without a trace in their version counters."""
    module, given = make(DirectPrototypes(vocabulary()[:5])), batch()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, fused=True)
    loss = module(given).embeds.square().sum()
    with torch.no_grad():
        first = module.eval()(given).embeds
    module.train()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        second, same = module.eval()(given).embeds, module.train()(given).embeds
    assert not torch.allclose(first, second)
    torch.testing.assert_close(second, same)
