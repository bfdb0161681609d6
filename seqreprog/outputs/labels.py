"""Answers in the language model's own words: verbalisers (WARP) and many-to-one label maps (Chen et al. 2023, ILM-VP).

The frozen decoder is the word embeddings, as in models that tie them to their head: a backbone is loaded without one.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from .pooled import last

Renewal = Literal["never", "start", "epoch"]
Reading = Literal["last", "mean"]


def read_state(
    hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"], pooling: Reading
) -> Float[Tensor, "batch width"]:
    """The state that is asked for a word: the last real token's, or the mean of all."""
    if pooling == "last":
        return last(hidden, mask)
    return (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


class Verbaliser(nn.Module):
    """Each class a vector in the space of the words (Hambardzumyan et al. 2021, equation 1).

        logit_c = s v_c . h

    `v_c` is `words[c]`, `s` is the exponential of `log_scale`, trained (hidden states are of any size). With
    `trains=False` the vectors stay the embeddings of words, and the answer is the frozen model's own.
    """

    def __init__(self, words: Float[Tensor, "class width"], *, trains: bool, pooling: Reading) -> None:
        super().__init__()
        self.pooling: Reading = pooling
        self.log_scale = nn.Parameter(torch.zeros(()))
        if trains:
            self.words = nn.Parameter(words.detach().float().clone())
        else:
            self.register_buffer("words", words.detach().float().clone())

    def forward(
        self, hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch class"]:
        return self.log_scale.exp() * read_state(hidden, mask, self.pooling) @ self.words.T


class LabelMap(nn.Module):
    """Each class several words of the frozen vocabulary: the model answers with a word, and the map reads it.

        p(c) ~ mean_{w in c} exp( s V_S[w] . h )

    `V_S` is `vocabulary`, the words of a class are `assignment[c]`, `s` is the exponential of `log_scale`, the one
    trained weight. `renewal` says when the training loop makes the map anew from counts: never (a random map), at the
    start (frequency), or before each epoch (iterative).

    Differs from the authors' code: with tens of thousands of words few are ever the likeliest, so a count is the sum of
    probabilities; the best epoch is chosen on validation, not on test.
    """

    vocabulary: Tensor
    assignment: Tensor

    def __init__(
        self,
        *,
        vocabulary: Float[Tensor, "word width"],
        assignment: Int[Tensor, "class many"],
        renewal: Renewal,
        pooling: Reading,
    ) -> None:
        super().__init__()
        self.renewal: Renewal = renewal
        self.pooling: Reading = pooling
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.register_buffer("assignment", assignment)
        self.register_buffer("vocabulary", vocabulary, persistent=False)  # the backbone's own, never saved

    def forward(
        self, hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch class"]:
        words = self.vocabulary[self.assignment].to(hidden.dtype)
        scores = torch.einsum("bw,cmw->bcm", read_state(hidden, mask, self.pooling), words)
        return torch.logsumexp(self.log_scale.exp() * scores, -1)

    def word_shares(
        self, hidden: Float[Tensor, "batch length width"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch word"]:
        """The frozen model's answer: a probability for each word of its vocabulary."""
        return torch.softmax(read_state(hidden, mask, self.pooling) @ self.vocabulary.to(hidden.dtype).T, -1)

    @torch.no_grad()
    def assign(self, counts: Float[Tensor, "word class"]) -> None:
        """Makes the map anew from how often each word was answered to examples of each class."""
        self.assignment.copy_(frequency_map(counts, self.assignment.shape[1]))


def random_map(words: int, classes: int, many: int) -> Int[Tensor, "class many"]:
    """Different words for each class, drawn at random."""
    return torch.randperm(words)[: classes * many].unflatten(0, (classes, many))


def frequency_map(counts: Float[Tensor, "word class"], many: int) -> Int[Tensor, "class many"]:
    """Largest count first: that word goes to that class, once; a class that has its `many` words takes no more.

    Source: Chen et al. 2023 (ILM-VP), section 3, frequency-based label mapping. Equal counts: the first word, then the
    first class.
    """
    classes = counts.shape[1]
    found: list[list[int]] = [[] for _ in range(classes)]
    taken: set[int] = set()
    for cell in counts.flatten().argsort(descending=True, stable=True).tolist():
        word, group = divmod(cell, classes)
        if word not in taken and len(found[group]) < many:
            found[group].append(word)
            taken.add(word)
            if len(taken) == classes * many:
                break
    return torch.tensor(found, device=counts.device)
