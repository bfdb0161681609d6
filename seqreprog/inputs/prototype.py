"""Text-prototype attention (Time-LLM, Jin et al. 2024, section 3.1, "patch reprogramming", equation 1)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..data.quiet import without_warnings
from ..sources.memo import Memo
from ..types import InstanceBatch, SeriesBatch, SoftTokens, SymbolBatch
from .patch import PatchEmbedding
from .symbols import SymbolEmbedding
from .views import Views

START_PATCHES = 256  # synthetic patches that set the start


class DirectPrototypes(nn.Module):
    """S free vectors, started at k-means centres of the word embeddings: E' in R^{S x D}, all of it trained."""

    def __init__(self, start: Float[Tensor, "prototype width"]) -> None:
        super().__init__()
        self.vectors = nn.Parameter(start.detach().float().clone())

    def forward(self) -> Float[Tensor, "prototype width"]:
        return self.vectors


class LinearPrototypes(nn.Module):
    """The paper's form: E' = M E, M in R^{S x V} trained, E the frozen word embeddings."""

    vocabulary: Tensor

    def __init__(self, vocabulary: Float[Tensor, "word width"], count: int) -> None:
        super().__init__()
        words = vocabulary.shape[0]
        self.mixture = nn.Parameter(torch.empty(count, words).uniform_(-1, 1) / math.sqrt(words))
        self.register_buffer("vocabulary", vocabulary, persistent=False)  # the backbone's own, never saved

    def forward(self) -> Float[Tensor, "prototype width"]:
        return self.mixture @ self.vocabulary.to(self.mixture.dtype)


class WordPrototypes(nn.Module):
    """The embeddings of words that the user named; they stay as they are, so attention to them can be read."""

    vectors: Tensor

    def __init__(self, vectors: Float[Tensor, "prototype width"]) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors.clone())

    def forward(self) -> Float[Tensor, "prototype width"]:
        return self.vectors


class PrototypeMap(nn.Module):
    """Patches to soft tokens by multi-head attention over text prototypes.

        Z = softmax(Q K^T / sqrt(d)) V,   Q = X W_Q,   K = E' W_K,   V = E' W_V,   soft tokens = Z W_O

    `X` is `self.patches` (of numbers, of symbols, or several views of a series), `E'` is `self.prototypes()`,
    `W_Q W_K W_V W_O` are `query key value output`.

    Differs from the authors' code: the keys have no bias (softmax does not see it), and the start is set so that
    attention tells patches apart (scores of unit variance; the usual start is nearly uniform, and every patch the same
    token) and that soft tokens lie where words do: around the mean word embedding, about as far from it. `reach`
    shrinks both, scores and distance: near 0 softmax and language model act almost linearly on what a patch holds.
    """

    def __init__(
        self,
        *,
        patches: PatchEmbedding | SymbolEmbedding | Views,
        prototypes: nn.Module,
        heads: int,
        head_width: int,
        vocabulary: Float[Tensor, "word width"],
        reach: float = 1.0,
    ) -> None:
        super().__init__()
        self.patches, self.prototypes, self.heads = patches, prototypes, heads
        width = prototypes().shape[-1]
        self.query = nn.Linear(patches.hidden, heads * head_width)
        self.key = nn.Linear(width, heads * head_width, bias=False)
        self.value = nn.Linear(width, heads * head_width)
        self.output = nn.Linear(heads * head_width, width)
        self._kept: Memo[tuple[Tensor, Tensor]] = Memo()
        self._held: Tensor | None = None
        self._start(vocabulary.float(), reach)

    def forward(self, batch: SeriesBatch | SymbolBatch | InstanceBatch) -> SoftTokens:
        patches, known = self.patches(batch)
        query = self._split(self.query(patches))
        key, value = self._kept_reference()
        shape = (query.shape[0], -1, -1, -1)
        mixed = functional.scaled_dot_product_attention(query, key.expand(shape), value.expand(shape))
        return SoftTokens(self.output(mixed.transpose(1, 2).flatten(2)), known)

    @contextmanager
    def once(self) -> Iterator[None]:
        """Within, E' is computed once for several passes; on leaving, the sum of their gradients goes back through it.

        The map is linear in that sum, so its weights get the gradient that they would get pass by pass.
        """
        reference = self.prototypes()
        self._held = reference.detach().requires_grad_(reference.requires_grad)
        held = self._held
        try:
            yield
        finally:
            self._held = None
        if held.grad is not None:
            reference.backward(held.grad)

    def train(self, mode: bool = True) -> PrototypeMap:
        self._kept.clear()
        return super().train(mode)

    def attention(self, batch: SeriesBatch | SymbolBatch | InstanceBatch) -> Float[Tensor, "row head length prototype"]:
        """How much each patch attends to each prototype."""
        query, key = self._split(self.query(self.patches(batch)[0])), self._split(self.key(self.prototypes())[None])
        return torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]), dim=-1)

    def _reference(self) -> tuple[Float[Tensor, "1 head prototype part"], Float[Tensor, "1 head prototype part"]]:
        """Keys and values of the prototypes: the same for every patch."""
        reference = self.prototypes() if self._held is None else self._held
        return self._split(self.key(reference)[None]), self._split(self.value(reference)[None])

    def _kept_reference(self) -> tuple[Float[Tensor, "1 head prototype part"], Float[Tensor, "1 head prototype part"]]:
        """The same, computed once where nothing trains."""
        if self.training or torch.is_grad_enabled():
            self._kept.clear()  # a step may follow, and the fused optimisers leave no trace in the version counters
            return self._reference()
        return self._kept.get(self._reference, self._sources())

    def _sources(self) -> Iterator[Tensor]:
        yield from (self.key.weight, self.value.weight, self.value.bias)
        yield from self.prototypes.parameters()
        yield from self.prototypes.buffers()

    def _split(self, flat: Float[Tensor, "row length joined"]) -> Float[Tensor, "row head length part"]:
        return flat.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    @torch.no_grad()
    def _start(self, vocabulary: Float[Tensor, "word width"], reach: float) -> None:
        examples = self.patches.examples(START_PATCHES)
        query, key = self._split(self.query(examples)), self._split(self.key(self.prototypes())[None])
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        spread = (scores - scores.mean(-1, keepdim=True)).std().clamp_min(1e-6) / reach
        for weight in (self.query.weight, self.query.bias, self.key.weight):
            weight.div_(spread.sqrt())
        value = self._split(self.value(self.prototypes())[None])
        mixed = torch.softmax(scores / spread, -1) @ value
        tokens = self.output(mixed.transpose(1, 2).flatten(2))[:, 0]
        distance = (tokens - tokens.mean(0)).norm(dim=-1).mean().clamp_min(1e-6)
        words = reach * (vocabulary - vocabulary.mean(0)).norm(dim=-1).mean()
        self.output.weight.mul_(words / distance)
        tokens = (tokens - self.output.bias) * (words / distance)
        self.output.bias.copy_(vocabulary.mean(0) - tokens.mean(0))


def kmeans_centres(vocabulary: Float[Tensor, "word width"], count: int, seed: int) -> Float[Tensor, "prototype width"]:
    """Centres of the word embeddings: a summary of the vocabulary that needs no S x V map."""
    from sklearn.cluster import KMeans

    words = vocabulary.detach().float().cpu().numpy()
    with without_warnings(UserWarning):  # words that share their vector are fewer centres
        model = KMeans(count, init="random", random_state=seed, n_init=1, max_iter=10).fit(words)
    return torch.from_numpy(model.cluster_centers_.astype(np.float32))


def word_vectors(
    vocabulary: Float[Tensor, "word width"], tokens: Sequence[Sequence[int]]
) -> Float[Tensor, "prototype width"]:
    """One vector per word: the mean of its tokens' embeddings."""
    return torch.stack([vocabulary[list(ids)].float().mean(0) for ids in tokens])
