"""Objectives: what the loop asks of a task is the losses' own formula, for forecasts to the bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqreprog.batches.example import Example
from seqreprog.batches.symbols import SymbolDataset
from seqreprog.build.sequence import build_sequence_model
from seqreprog.config.forecast import Adapter
from seqreprog.config.sequence import SequenceConfig
from seqreprog.fit.objectives import ForecastObjective, SymbolObjective, word_counts
from seqreprog.outputs.labels import frequency_map
from seqreprog.outputs.losses import pinball_loss, point_loss
from seqreprog.sources.language import Backbone, load_backbone
from seqreprog.types import Forecast, SeriesBatch, SymbolBatch

ADAPTER = Adapter(hidden=8, heads=2, head_width=4, n_prototypes=8, dropout=0.0)


def forecast_case() -> tuple[Forecast, Example]:
    generator = torch.Generator().manual_seed(0)
    point, target = (torch.randn(4, 2, 5, generator=generator) for _ in range(2))
    weight = torch.rand(4, 2, 5, generator=generator) * (torch.rand(4, 2, 5, generator=generator) > 0.3)
    answer = Forecast(point, point[..., None] + torch.tensor([-1.0, 1.0]))
    batch = SeriesBatch(torch.zeros(4, 2, 6), torch.ones(4, 2, 6, dtype=torch.bool))
    return answer, Example(batch, target, weight)


@pytest.mark.parametrize("kind", ["mse", "mae"])
@pytest.mark.parametrize("levels", [(), (0.1, 0.9)])
def test_a_forecast_is_scored_by_the_losses_to_the_bit(kind: str, levels: tuple[float, ...]) -> None:
    forecast, sample = forecast_case()
    objective = ForecastObjective(kind, levels)
    expected = point_loss(forecast.point, sample.target, sample.weight, kind)
    if levels:
        seen = (sample.weight > 0).float()
        expected = expected + pinball_loss(forecast.quantiles, sample.target, seen, torch.tensor(levels))
    assert torch.equal(objective.loss(lambda _: forecast, sample), expected)
    error = forecast.point - sample.target
    error = sample.weight * (error.square() if kind == "mse" else error.abs())
    per_window = torch.stack([error.sum((1, 2)), (sample.weight > 0).float().sum((1, 2))], 1)
    assert torch.equal(objective.errors(lambda _: forecast, sample), per_window)


@dataclass
class Given:
    """A task with three examples, and what a model would answer."""

    answer: torch.Tensor
    sample: Example


def given(target: torch.Tensor, weight: torch.Tensor) -> Given:
    ids = torch.ones(3, 4, dtype=torch.long)
    answer = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    return Given(answer, Example(SymbolBatch(ids, ids > 0), target, weight))


def test_each_task_by_hand() -> None:
    case = given(torch.tensor([0, 1, 1]), torch.tensor([1.0, 2.0, 0.5]))
    found = SymbolObjective("classify").errors(lambda _: case.answer, case.sample)
    log = torch.log_softmax(case.answer, 1)
    expected = -torch.stack([log[0, 0], 2 * log[1, 1], 0.5 * log[2, 1]])
    torch.testing.assert_close(found, torch.stack([expected, torch.tensor([1.0, 2.0, 0.5])], 1))
    loss = SymbolObjective("classify").loss(lambda _: case.answer, case.sample)
    torch.testing.assert_close(loss, expected.mean())

    case = given(torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    found = SymbolObjective("regress").errors(lambda _: case.answer, case.sample)
    expected = (case.sample.weight * (case.answer - case.sample.target).square()).sum(1)
    torch.testing.assert_close(found, torch.stack([expected, torch.tensor([1.0, 2.0, 0.0])], 1))


@pytest.fixture(scope="module")
def backbone(make_backbone: Callable[[str], Path]) -> Backbone:
    return load_backbone(make_backbone("bert"))


@pytest.mark.parametrize(("output", "renewed"), [("random", []), ("frequency", [0]), ("iterative", [0, 1, 2])])
def test_label_maps_are_made_anew_when_their_paper_says(
    backbone: Backbone, ragged: Callable[..., Any], output: str, renewed: list[int]
) -> None:
    config = SequenceConfig(output=output, words_per_class=2, adapter=ADAPTER)
    model = build_sequence_model(config, backbone, size=6, classes=2, length=5, fresh=False)
    rng = np.random.default_rng(0)
    data = SymbolDataset(ragged([rng.integers(1, 5, 5) for _ in range(40)]), rng.integers(0, 2, 40))
    objective, found = SymbolObjective("classify", data), []
    for epoch in range(3):
        with torch.no_grad():
            model.input_map.output.weight.normal_(generator=torch.Generator().manual_seed(epoch))
        expected = frequency_map(word_counts(model, model.output_map, data), 2)
        before = model.output_map.assignment.clone()
        objective.start_epoch(model, epoch)
        after = model.output_map.assignment
        if not torch.equal(before, after):
            assert torch.equal(after, expected)
            found.append(epoch)
    assert found == renewed


def test_counts_are_probabilities_summed_by_class(backbone: Backbone, ragged: Callable[..., Any]) -> None:
    config = SequenceConfig(output="iterative", adapter=ADAPTER)
    model = build_sequence_model(config, backbone, size=6, classes=2, length=5, fresh=False).eval()
    rows, classes = [[1, 2], [3], [4, 4, 1]], np.array([0, 1, 0])
    data = SymbolDataset(ragged(rows), classes)
    counts = word_counts(model, model.output_map, data)
    torch.testing.assert_close(counts.sum(0), torch.tensor([2.0, 1.0]))
    with torch.no_grad():
        states = model.hidden(data[1].batch)
        torch.testing.assert_close(counts[:, 1], model.output_map.word_shares(states.embeds, states.mask)[0])
