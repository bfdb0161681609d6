"""The probe of infilling: the head is solved at hidden symbols, held-out answers are honest, mates do not matter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqreprog.batches.symbols import InfillDataset, symbol_batch
from seqreprog.build.sequence import build_sequence_model
from seqreprog.config.forecast import Adapter, Training
from seqreprog.config.sequence import SequenceConfig
from seqreprog.data.alphabets import alphabet
from seqreprog.data.symbols import Symbols, read_sequences
from seqreprog.errors import ConfigError
from seqreprog.fit.probe_infill import hidden_states, probe_infill
from seqreprog.sources.language import load_backbone

LETTERS = alphabet("protein")
Make = Callable[[str], Path]


def made(path: Path, method: str = "prototype", mode: str = "probe") -> Any:
    config = SequenceConfig(
        task="infill", method=method, backbone=str(path), adapter=Adapter(n_prototypes=32),
        training=Training(mode=mode, progress=False, threads=1),
    )  # fmt: skip
    return build_sequence_model(
        config, load_backbone(path), size=LETTERS.size, classes=20, length=24, symbols=LETTERS.symbols,
        places=8 if method == "prototype" else 0,
    )  # fmt: skip


def loops(count: int) -> tuple[Symbols, np.ndarray]:
    """A loop of blanks in a frame: its letter is told by the place in the loop."""
    rng, texts, masks = np.random.default_rng(0), [], []
    for _ in range(count):
        ends, run = rng.integers(2, 8, 2), "DEFGH"[: rng.integers(2, 6)]
        texts.append("".join(rng.choice(list("KLMN"), ends[0])) + run + "".join(rng.choice(list("KLMN"), ends[1])))
        masks.append(np.arange(len(texts[-1])) - ends[0])
        masks[-1] = (masks[-1] >= 0) & (masks[-1] < len(run))
    return read_sequences(texts, LETTERS).symbols, np.concatenate(masks)


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5"])
def test_blanks_are_told_by_their_place_in_the_run_and_nothing_frozen_moves(make_backbone: Make, family: str) -> None:
    model, (symbols, hidden) = made(make_backbone(family)), loops(120)
    where = np.flatnonzero(hidden)
    owner, truth = symbols.owner[where], symbols.ids[where] - 1
    folds = [np.flatnonzero(owner % 4 == fold) for fold in range(4)]
    data = InfillDataset(symbols, hidden, blank=LETTERS.mask)
    frozen, theta = model.backbone.fingerprint(), {n: w.clone() for n, w in model.input_map.state_dict().items()}
    said = probe_infill(model, data, where, folds=folds)
    assert (said.argmax(1) == truth[np.concatenate(folds)]).mean() > 0.9
    assert model.backbone.fingerprint() == frozen
    assert all(torch.equal(weight, theta[name]) for name, weight in model.input_map.state_dict().items())
    with torch.no_grad():
        together = model(data.__getitems__(list(range(len(data)))).batch)
    asked = together[torch.from_numpy(owner), torch.from_numpy(where - symbols.offsets[owner])]
    assert (asked.argmax(1).numpy() == truth).mean() > 0.95, "the weights that it put in say what was solved"
    noise = Symbols(symbols.ids.copy(), symbols.offsets, LETTERS)
    noise.ids[where] = np.random.default_rng(1).permutation(noise.ids[where])
    said = probe_infill(model, InfillDataset(noise, hidden, blank=LETTERS.mask), where, folds=folds)
    most = np.bincount(truth).max() / len(truth)
    assert (said.argmax(1) == noise.ids[where][np.concatenate(folds)] - 1).mean() < most + 0.1


@pytest.mark.parametrize("method", ["prototype", "soft_prompt", "perturbation"])
def test_states_are_those_of_the_symbols_asked_for_alone_or_in_any_batch(make_backbone: Make, method: str) -> None:
    model, (symbols, hidden) = made(make_backbone("bert"), method), loops(10)
    data, where = InfillDataset(symbols, hidden, blank=LETTERS.mask), np.flatnonzero(hidden)[[7, 3, 3, 20]]
    found = hidden_states(model, data, where)
    for row, place in enumerate(where):
        owner = int(symbols.owner[place])
        batch = data.__getitems__([owner]).batch
        with torch.no_grad():
            alone = model.output_map.placed(model.hidden(batch).embeds)[0, place - symbols.offsets[owner]]
        np.testing.assert_allclose(found[row], alone.numpy(), atol=2e-5)


def test_a_blank_at_the_end_has_the_same_place_whatever_its_mates(make_backbone: Make) -> None:
    model = made(make_backbone("bert"), mode="train")
    symbols = read_sequences(["AC__", "ACDEFGHI_K"], LETTERS, blank="_").symbols
    with torch.no_grad():
        together = model.input_map(symbol_batch(symbols, np.array([0, 1]))).embeds[:1, :4]
        alone = model.input_map(symbol_batch(symbols, np.array([0]))).embeds
    torch.testing.assert_close(together, alone)


def test_another_head_is_refused(make_backbone: Make) -> None:
    symbols, hidden = loops(4)
    data = InfillDataset(symbols, hidden, blank=LETTERS.mask)
    with pytest.raises(ConfigError, match="needs a model with a StateMap"):
        probe_infill(made(make_backbone("bert"), mode="train"), data, np.flatnonzero(hidden), folds=[np.arange(3)])
