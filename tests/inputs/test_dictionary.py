"""The dictionary: a start that is exact where it can be, rows that stay sparse, a vocabulary that is never saved."""

from __future__ import annotations

import pytest
import torch

from seqreprog.inputs.dictionary import DictionaryMap, least_squares, matching_pursuit, random_start
from seqreprog.types import SymbolBatch


def vocabulary(words: int = 60, width: int = 24) -> torch.Tensor:
    return torch.randn(words, width, generator=torch.Generator().manual_seed(3))


def make(sparsity: int | None, patch: int = 1) -> DictionaryMap:
    torch.manual_seed(0)
    start = random_start(vocabulary(), 5 * patch, patch)
    return DictionaryMap(vocabulary=vocabulary(), start=start, patch=patch, stride=patch, sparsity=sparsity)


def test_pursuit_finds_the_words_that_a_vector_is_made_of() -> None:
    theta = torch.zeros(3, 60)
    theta[0, [4, 17]] = torch.tensor([2.0, -1.0])
    theta[1, [0, 31, 59]] = torch.tensor([1.0, 0.7, -0.9])
    theta[2, [8]] = 3.0
    torch.testing.assert_close(matching_pursuit(theta @ vocabulary(), vocabulary(), 3), theta, atol=1e-4, rtol=0)


def test_pursuit_of_more_words_is_never_farther() -> None:
    targets = random_start(vocabulary(), 6, 1)
    errors = [(matching_pursuit(targets, vocabulary(), k) @ vocabulary() - targets).norm().item() for k in (1, 4, 12)]
    assert errors[0] > errors[1] > errors[2]


def test_the_dense_start_is_exact_and_the_shortest() -> None:
    targets = random_start(vocabulary(), 4, 1)
    theta = least_squares(targets, vocabulary())
    torch.testing.assert_close(theta @ vocabulary(), targets, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(theta, targets @ torch.linalg.pinv(vocabulary()), atol=1e-4, rtol=1e-4)
    module = make(None)
    torch.manual_seed(0)
    torch.testing.assert_close(module.symbols(), random_start(vocabulary(), 5, 1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sparsity", [3, None])
def test_soft_tokens_are_the_equation(sparsity: int | None) -> None:
    module = make(sparsity, patch=2)
    table = module.scale * module.theta @ vocabulary()
    soft = module(SymbolBatch(torch.tensor([[1, 4, 2]]), torch.ones(1, 3, dtype=torch.bool)))
    torch.testing.assert_close(soft.embeds[0, 0], table[1] + table[5 + 4])
    torch.testing.assert_close(soft.embeds[0, 1], table[2] + table[5 + 0])


def test_rows_stay_sparse_after_steps_and_keep_the_largest() -> None:
    module = make(3)
    assert (module.theta != 0).sum(1).tolist() == [3] * 5
    optimizer = torch.optim.Adam(module.parameters(), lr=0.5)
    for _ in range(3):
        module.symbols().square().sum().backward()
        optimizer.step()
        before = module.theta.detach().clone()
        assert ((before != 0).sum(1) > 3).all(), "the step must leave the set, or there is nothing to project"
        module.project()
        kept = module.theta != 0
        assert kept.sum(1).tolist() == [3] * 5
        assert torch.equal(module.theta[kept], before[kept])
        assert (before.abs().masked_fill(~kept, torch.inf).amin(1) >= before.abs().masked_fill(kept, 0).amax(1)).all()


def test_the_dense_form_projects_nothing() -> None:
    module = make(None)
    before = module.theta.clone()
    module.project()
    assert torch.equal(module.theta, before)


def test_the_vocabulary_is_never_saved() -> None:
    assert list(make(3).state_dict()) == ["theta"]
