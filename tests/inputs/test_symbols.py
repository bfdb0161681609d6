"""k-mer patches by hand, and an embedding that is the same alone or in a batch."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from seqreprog.errors import DataError
from seqreprog.inputs.symbols import SymbolEmbedding, SymbolVectors, kmers, patch_count, run_places
from seqreprog.types import SymbolBatch


def batch(*rows: list[int]) -> SymbolBatch:
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return SymbolBatch(ids, ids > 0)


def test_patches_by_hand_start_at_the_first_symbol() -> None:
    ids, known = kmers(batch([1, 2, 3, 4, 5], [6, 7]), patch=3, stride=2)
    assert ids.tolist() == [[[1, 2, 3], [3, 4, 5]], [[6, 7, 0], [0, 0, 0]]]
    assert known.tolist() == [[True, True], [True, False]]
    ids, known = kmers(batch([1, 2, 3, 4]), patch=3, stride=3)
    assert ids.tolist() == [[[1, 2, 3], [4, 0, 0]]]
    assert known.all()
    assert kmers(batch([1, 2]), patch=1, stride=1)[0].tolist() == [[[1], [2]]]


@pytest.mark.parametrize(("patch", "stride"), [(1, 1), (3, 3), (3, 1), (5, 2)])
def test_a_row_has_as_many_patches_as_alone(patch: int, stride: int) -> None:
    rows = [list(range(1, 1 + length)) for length in range(1, 14)]
    together = kmers(batch(*rows), patch, stride)
    for place, row in enumerate(rows):
        ids, known = kmers(batch(row), patch, stride)
        assert known.all()
        assert len(ids[0]) == patch_count(len(row), patch, stride) == together[1][place].sum()
        assert torch.equal(ids[0], together[0][place, : len(ids[0])])


def test_what_is_masked_is_padding_whatever_its_id() -> None:
    ids, mask = torch.tensor([[1, 2, 9]]), torch.tensor([[True, True, False]])
    assert kmers(SymbolBatch(ids, mask), 3, 3)[0].tolist() == [[[1, 2, 0]]]


def test_blanks_know_their_place_in_their_run_and_nothing_else_does() -> None:
    given = batch([5, 5, 1, 5], [1, 5], [2, 3, 5, 5, 5])
    left, right, blanks = run_places(given.ids, given.mask, 5)
    assert left[blanks].tolist() == [0, 1, 0, 0, 0, 1, 2]
    assert right[blanks].tolist() == [1, 0, 0, 0, 2, 1, 0]
    torch.manual_seed(0)
    module = SymbolEmbedding(size=6, patch=1, stride=1, length=5, hidden=4, runs=2)
    torch.manual_seed(0)
    plain = SymbolEmbedding(size=6, patch=1, stride=1, length=5, hidden=4)
    added = module(given)[0] - plain(given)[0]
    assert torch.equal(module.weight, plain.weight)
    assert not added[~blanks].any()
    torch.testing.assert_close(added[0, 0], module.left[0] + module.right[1])
    torch.testing.assert_close(added[2, 2], module.left[0] + module.right[1])  # two to the right are as one
    assert set(plain.state_dict()) == {"weight", "position"}, "of classes nothing new is saved"


def test_the_embedding_is_the_linear_map_of_joined_one_hot_vectors() -> None:
    torch.manual_seed(0)
    module = SymbolEmbedding(size=6, patch=3, stride=3, length=4, hidden=5)
    torch.nn.init.normal_(module.position)
    given = batch([1, 2, 3, 4, 5])
    one_hot = functional.one_hot(kmers(given, 3, 3)[0], 6).flatten(2).float()
    expected = one_hot @ module.weight.flatten(0, 1) + module.position[:2]
    torch.testing.assert_close(module(given)[0], expected)
    assert module.examples(7).shape == (7, 1, 5)


def test_too_long_a_sequence_is_named() -> None:
    module = SymbolEmbedding(size=6, patch=2, stride=2, length=2, hidden=5)
    with pytest.raises(DataError, match="5 symbols needs 3 patches; this model reads 2"):
        module(batch([1, 1, 1, 1, 1]))


def test_frozen_vectors_are_read_and_gates_keep_the_order() -> None:
    vectors = torch.randn(6, 4)
    plain = SymbolVectors(vectors, patch=1, stride=1)
    assert torch.equal(plain(batch([3, 5]))[0][0], vectors[[3, 5]])
    assert not list(plain.parameters())
    gated = SymbolVectors(vectors, patch=2, stride=2)
    torch.testing.assert_close(gated(batch([3, 5]))[0][0, 0], vectors[[3, 5]].mean(0))
    torch.nn.init.normal_(gated.gate)
    assert not torch.allclose(gated(batch([3, 5]))[0], gated(batch([5, 3]))[0])


def test_like_symbols_open_alike_and_the_same_ones_the_same() -> None:
    torch.manual_seed(0)
    known = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.1, 2.0], [-3.0, 0.0], [0.0, 0.0]])
    weight = SymbolEmbedding(size=6, patch=2, stride=1, length=4, hidden=64, start=known).weight
    assert torch.equal(weight[:, 1], weight[:, 2])
    assert (weight[:, 1] - weight[:, 3]).norm() < 0.1 * (weight[:, 1] - weight[:, 4]).norm()
    assert not weight[:, 5].any()
    assert weight[:, 0].any(), "padding says where a sequence ends"
    assert not torch.equal(weight[0, 1], weight[1, 1]), "each place of a patch has its own map"
    torch.manual_seed(0)
    plain = SymbolEmbedding(size=6, patch=2, stride=1, length=4, hidden=64).weight
    assert not torch.equal(plain[:, 1], plain[:, 2])
