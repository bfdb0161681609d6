"""Label maps and verbalisers by hand."""

from __future__ import annotations

import torch

from seqreprog.outputs.labels import LabelMap, Verbaliser, frequency_map, random_map, read_state

VOCABULARY = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
HIDDEN = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1))
MASK = torch.tensor([[True] * 4, [True, True, False, False], [True, True, True, False]])


def test_the_largest_count_is_served_first() -> None:
    counts = torch.tensor([[9.0, 8.0], [7.0, 1.0], [6.0, 5.0], [0.0, 2.0], [3.0, 4.0]])
    # 9: word 0 to class 0. 8: word 0 is taken. 7: word 1 to class 0, which is full. 5: word 2 to class 1. 4: word 4.
    assert frequency_map(counts, 2).tolist() == [[0, 1], [2, 4]]
    assert frequency_map(counts, 1).tolist() == [[0], [2]]


def test_equal_counts_go_to_the_first_word_and_class() -> None:
    assert frequency_map(torch.zeros(5, 2), 2).tolist() == [[0, 1], [2, 3]]


def test_random_maps_share_no_word_and_repeat() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        found.append(random_map(12, 3, 4))
    assert torch.equal(*found)
    assert sorted(found[0].flatten().tolist()) == list(range(12))


def test_a_class_is_the_mean_probability_of_its_words() -> None:
    assignment = torch.tensor([[0, 3], [5, 7]])
    module = LabelMap(vocabulary=VOCABULARY, assignment=assignment, renewal="never", pooling="last")
    shares = module.word_shares(HIDDEN, MASK)
    torch.testing.assert_close(shares.sum(1), torch.ones(3))
    ends = torch.stack([HIDDEN[0, 3], HIDDEN[1, 1], HIDDEN[2, 2]])
    torch.testing.assert_close(shares, torch.softmax(ends @ VOCABULARY.T, 1))
    expected = torch.stack([shares[:, [0, 3]].sum(1), shares[:, [5, 7]].sum(1)], 1)
    found = torch.softmax(module(HIDDEN, MASK), 1)
    torch.testing.assert_close(found, expected / expected.sum(1, keepdim=True))


def test_a_map_is_saved_and_its_words_are_not() -> None:
    module = LabelMap(vocabulary=VOCABULARY, assignment=random_map(12, 2, 3), renewal="epoch", pooling="mean")
    assert sorted(module.state_dict()) == ["assignment", "log_scale"]
    counts = torch.rand(12, 2)
    module.assign(counts)
    assert torch.equal(module.assignment, frequency_map(counts, 3))


def test_verbaliser_is_the_equation() -> None:
    words = VOCABULARY[[2, 6]]
    frozen, trained = (Verbaliser(words, trains=trains, pooling="mean") for trains in (False, True))
    mean = torch.stack([HIDDEN[0].mean(0), HIDDEN[1, :2].mean(0), HIDDEN[2, :3].mean(0)])
    torch.testing.assert_close(read_state(HIDDEN, MASK, "mean"), mean)
    torch.testing.assert_close(frozen(HIDDEN, MASK), mean @ words.T)
    torch.testing.assert_close(trained(HIDDEN, MASK), mean @ words.T)
    assert [name for name, _ in frozen.named_parameters()] == ["log_scale"]
    assert [name for name, _ in trained.named_parameters()] == ["log_scale", "words"]
