"""Prototype attention against the paper's equations, written out in numpy on copied weights.

Time-LLM (Jin et al. 2024), section 3.1: Z_k = softmax(Q_k K_k^T / sqrt(d_k)) V_k per head k, with Q_k = X W_k^Q,
K_k = E' W_k^K, V_k = E' W_k^V; the heads joined and mapped to the width of the language model.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqreprog.inputs.patch import PatchEmbedding
from seqreprog.inputs.prototype import DirectPrototypes, LinearPrototypes, PrototypeMap
from seqreprog.types import SeriesBatch

HEADS, HEAD, HIDDEN, WIDTH, PATCH, LENGTH = 3, 4, 6, 10, 5, 4


def written_out(weights: dict[str, np.ndarray], values: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """One row: [time] -> [length, width], one patch, head and prototype at a time."""
    reference = weights["prototypes"]
    rows = []
    for index in range(LENGTH):
        steps = slice(index * PATCH, (index + 1) * PATCH)
        joined = np.concatenate([values[steps], observed[steps]])
        patch = weights["patches.weight.weight"] @ joined + weights["patches.position"][index]
        heads = []
        for head in range(HEADS):
            part = slice(head * HEAD, (head + 1) * HEAD)
            query = weights["query.weight"][part] @ patch + weights["query.bias"][part]
            keys = [weights["key.weight"][part] @ word for word in reference]
            valued = [weights["value.weight"][part] @ word + weights["value.bias"][part] for word in reference]
            score = np.array([query @ key for key in keys]) / np.sqrt(HEAD)
            share = np.exp(score) / np.exp(score).sum()
            heads.append(sum(share[word] * valued[word] for word in range(len(reference))))
        rows.append(weights["output.weight"] @ np.concatenate(heads) + weights["output.bias"])
    return np.stack(rows)


@pytest.mark.parametrize("kind", ["direct", "linear"])
def test_prototype_attention_is_the_papers_equation(kind: str) -> None:
    torch.manual_seed(0)
    vocabulary = torch.randn(20, WIDTH)
    prototypes = DirectPrototypes(vocabulary[:7]) if kind == "direct" else LinearPrototypes(vocabulary, 7)
    patches = PatchEmbedding(patch=PATCH, stride=PATCH, length=LENGTH, hidden=HIDDEN)
    sizes = {"heads": HEADS, "head_width": HEAD}
    module = PrototypeMap(patches=patches, prototypes=prototypes, vocabulary=vocabulary, **sizes).double()
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    module.prototypes.double()
    batch = SeriesBatch(torch.randn(2, 2, LENGTH * PATCH).double(), torch.rand(2, 2, LENGTH * PATCH) > 0.2)
    weights = {name: weight.detach().numpy() for name, weight in module.named_parameters()}
    mixture = weights.get("prototypes.mixture")
    direct = weights.get("prototypes.vectors")
    weights["prototypes"] = direct if mixture is None else mixture @ vocabulary.double().numpy()

    found = module(batch).embeds.detach().numpy()

    rows = zip(batch.values.flatten(0, 1).numpy(), batch.observed.flatten(0, 1).numpy(), strict=True)
    expected = np.stack([written_out(weights, values, observed.astype(float)) for values, observed in rows])
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
