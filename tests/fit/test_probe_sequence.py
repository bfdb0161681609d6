"""The probe of sequences: the head is solved, held-out scores are honest, padding and mates do not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqreprog.batches.symbols import SymbolDataset
from seqreprog.build.sequence import build_sequence_model
from seqreprog.config.forecast import Training
from seqreprog.config.sequence import SequenceConfig
from seqreprog.data.alphabets import alphabet
from seqreprog.data.symbols import read_sequences
from seqreprog.errors import ConfigError
from seqreprog.fit import probe_sequence as symbol_probe
from seqreprog.fit.probe_sequence import probe_symbols
from seqreprog.sources.language import load_backbone

LETTERS = alphabet("protein")
QUIET = {"mode": "probe", "progress": False, "threads": 1}


def made(path, task="classify", classes=2, count=120):
    """Peptides, of which lysines tell the class; the model, not yet solved."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list(LETTERS.symbols), rng.integers(6, 20))) for _ in range(count)]
    counts = np.array([text.count("K") + text.count("R") for text in texts])
    config = SequenceConfig(task=task, backbone=str(path), training=Training(**QUIET))
    backbone = load_backbone(path)
    model = build_sequence_model(
        config, backbone, size=LETTERS.size, classes=classes, length=20, symbols=LETTERS.symbols
    )
    return model, read_sequences(texts, LETTERS).symbols, counts


def folds(count, parts=4):
    return [np.arange(part, count, parts) for part in range(parts)]


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_classes_are_told_apart_and_held_out_scores_are_honest(make_backbone, family):
    model, symbols, counts = made(make_backbone(family))
    data = SymbolDataset(symbols, (counts >= 2).astype(int))
    frozen = model.backbone.fingerprint()
    held = probe_symbols(model, data, "classify", folds=folds(len(data)))
    assert held.rows.tolist() == list(range(len(data)))
    assert np.mean(held.scores.argmax(1) == data.target) > 0.75
    answers = model(data.__getitems__(list(range(len(data)))).batch).argmax(1).numpy()
    assert np.mean(answers == data.target) >= np.mean(held.scores.argmax(1) == data.target)
    assert model.backbone.fingerprint() == frozen
    noise = np.random.default_rng(1).permutation(data.target)
    held = probe_symbols(model, SymbolDataset(symbols, noise), "classify", folds=folds(len(data)))
    assert np.mean(held.scores.argmax(1) == noise) < 0.75  # what is learned by heart does not count


def test_places_of_aligned_sequences_are_read_one_by_one(make_backbone):
    rng = np.random.default_rng(0)
    rows = rng.choice(list("ACDEFGHIKL"), (240, 9))
    target = (rows[:, 4] < "F").astype(int)  # of the residue in the middle, whatever else is there
    symbols = read_sequences(["".join(row) for row in rows], LETTERS).symbols
    data, right = SymbolDataset(symbols, target), {}
    for places in (0, 9):
        config = SequenceConfig(backbone="", training=Training(**QUIET))
        model = build_sequence_model(
            config, load_backbone(make_backbone("bert")), size=LETTERS.size, classes=2, length=20,
            symbols=LETTERS.symbols, places=places,
        )  # fmt: skip
        held = probe_symbols(model, data, "classify", folds=folds(len(data)))
        right[places] = np.mean(held.scores.argmax(1) == target)
    assert right[9] > max(0.9, right[0])
    together = model(data.__getitems__(list(range(len(data)))).batch)
    alone = torch.cat([model(data[row].batch) for row in range(len(data))])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-3)
    assert np.mean(together.argmax(1).numpy() == target) > 0.95
    other = read_sequences(["ACDEF", "ACDEFGHIKLMNP"], LETTERS).symbols
    found = model(SymbolDataset(other, np.zeros(2, int)).__getitems__([0, 1]).batch)
    assert torch.isfinite(found).all(), "another length is read as far as it goes"


def test_directions_of_states_are_those_of_their_covariance_however_many_chunks(monkeypatch):
    states = np.random.default_rng(0).normal(size=(23, 3, 5)) * [9, 3, 5, 1, 2] + 100
    monkeypatch.setattr(symbol_probe, "CHUNK", 7)
    flat, basis = symbol_probe._directed(states)
    roots = np.linalg.eigvalsh(np.cov(states.reshape(-1, 5).T, bias=True))
    np.testing.assert_allclose((states.reshape(-1, 5) @ basis).var(0), roots[::-1])
    np.testing.assert_allclose(flat, (states @ basis).reshape(23, -1))


def test_an_answer_does_not_depend_on_its_batch_mates(make_backbone):
    model, symbols, counts = made(make_backbone("bert"))
    data = SymbolDataset(symbols, (counts >= 2).astype(int))
    probe_symbols(model, data, "classify", folds=folds(len(data)))
    together = model(data.__getitems__(list(range(len(data)))).batch)
    alone = torch.cat([model(data[row].batch) for row in range(len(data))])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-3)


def test_values_and_labels_with_missing_ones(make_backbone):
    model, symbols, counts = made(make_backbone("bert"), "regress", 1)
    held = probe_symbols(model, SymbolDataset(symbols, counts * 1.0), "regress", folds=folds(len(counts)))
    assert np.corrcoef(held.scores[:, 0], counts)[0, 1] > 0.7
    model, *_ = made(make_backbone("bert"), "multilabel", 2)
    target, weight = np.stack([counts >= 2, counts < 1], 1) * 1.0, np.ones((len(counts), 2))
    weight[::5, 1] = 0
    target[::5, 1] = np.nan
    held = probe_symbols(
        model, SymbolDataset(symbols, np.nan_to_num(target), weight), "multilabel", folds=folds(len(counts))
    )
    assert np.mean((held.scores[:, 0] > 0) == (counts >= 2)) > 0.75
    assert np.isfinite(held.scores).all()


def test_a_row_that_weighs_nothing_teaches_nothing(make_backbone):
    model, symbols, counts = made(make_backbone("bert"))
    target, weight = (counts >= 2).astype(int), np.ones(len(counts))
    weight[:20] = 0
    answers = []
    for first in (target, np.concatenate([1 - target[:20], target[20:]])):
        probe_symbols(model, SymbolDataset(symbols, first, weight), "classify", folds=folds(len(counts)))
        answers.append(model.output_map.answer.weight.detach().clone())
    torch.testing.assert_close(*answers, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("progress", [True, False])
def test_what_is_read_is_counted_where_that_is_asked_for(make_backbone, monkeypatch, capsys, progress):
    model, symbols, counts = made(make_backbone("bert"))
    bars = []

    class Terminal(symbol_probe.tqdm):
        def __init__(self, *args, **options):
            super().__init__(*args, **{**options, "disable": bool(options["disable"])})  # as on a terminal
            bars.append(self)

    monkeypatch.setattr(symbol_probe, "tqdm", Terminal)
    data = SymbolDataset(symbols, (counts >= 2).astype(int))
    probe_symbols(model, data, "classify", folds=folds(len(counts)), progress=progress)
    said = capsys.readouterr().err
    assert ("probing: 100%" in said and "120/120" in said and "sequence/s" in said) if progress else said == ""
    assert bars[0].n == (len(counts) if progress else 0)


def test_other_heads_are_refused(make_backbone):
    path = make_backbone("bert")
    model = build_sequence_model(SequenceConfig(), load_backbone(path), size=LETTERS.size, classes=2, length=20)
    _, symbols, counts = made(path)
    with pytest.raises(ConfigError, match="LayerHead"):
        probe_symbols(model, SymbolDataset(symbols, (counts >= 2).astype(int)), "classify", folds=folds(len(counts)))
    with pytest.raises(ConfigError, match="solves a head of its own"):
        SequenceConfig(output="verbaliser", training=Training(mode="probe"))
