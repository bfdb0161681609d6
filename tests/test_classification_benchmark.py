"""The benchmark of whole series on a miniature: sets in their real layout, a tiny language model."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqreprog.config.forecast import Adapter, Training
from seqreprog.config.series import SeriesConfig

FOLDER = Path(__file__).parents[1] / "examples" / "benchmarks"
SAID = "published reference: FCN 0.680, ResNet 0.753, MLP 0.713 (mean); HC2 0.833, InceptionTime 0.667\n"


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`part("page")`: a helper module of the script; `part("")`: the script."""
    monkeypatch.syspath_prepend(FOLDER)
    return lambda name: importlib.import_module(f"classification_parts.{name}" if name else "classification")


def miniature(root: Path) -> None:
    """Beef with two classes of slopes, and JapaneseVowels with two channels of unequal length."""
    draws = np.random.default_rng(0)
    for name, label in (("UCR_Beef", "Beef"), ("UEA_JapaneseVowels", "JapaneseVowels")):
        folder = root / "ts_classification" / name
        folder.mkdir(parents=True)
        (folder / "SOURCE.txt").write_text("name: it\n" + (SAID if label == "Beef" else ""))
        for which in ("TRAIN", "TEST"):
            lines = []
            for row in range(10):
                sign, length = 1 - 2 * (row % 2), 12 if label == "Beef" else 7 + row
                values = [sign * np.linspace(-1, 1, length) + 0.1 * draws.normal(size=length) for _ in range(2)]
                if label == "Beef":
                    lines.append("\t".join([str(row % 2 + 1), *(f"{value:.4f}" for value in values[0])]))
                else:
                    channels = [",".join(f"{value:.4f}" for value in channel) for channel in values]
                    lines.append(":".join([*channels, str(row % 2 + 1)]))
            head = "" if label == "Beef" else "#a comment\n@data\n"
            end = "tsv" if label == "Beef" else "ts"
            (folder / f"{label}_{which}.{end}").write_text(head + "\n".join(lines) + "\n")


def test_it_fits_what_is_missing_and_makes_the_page(
    part: Callable[[str], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make_backbone: Callable[[str], Path],
) -> None:
    miniature(tmp_path)
    run = part("run")

    def settings(form: str, seed: int = 0) -> SeriesConfig:
        training = Training(max_steps=2, batch_size=4, evaluate_every=1, threads=1, progress=False)
        shape: Any = "voice2series" if form.startswith("voice2series") else "prototype"
        return SeriesConfig(
            form=shape, backbone=str(make_backbone("bert")), layers=1, positions=8, seed=seed, training=training,
            adapter=Adapter(hidden=8, heads=1, head_width=4, n_prototypes=4),
        )  # fmt: skip

    monkeypatch.setattr(run, "settings", settings)
    store = tmp_path / "found.json"
    asked = ["classification.py", "--data", str(tmp_path), "--sets", "Beef", "JapaneseVowels", "--json", str(store)]
    monkeypatch.setattr(sys, "argv", [*asked, "--seeds", "0"])
    part("").main()
    first = capsys.readouterr().out
    assert first.count("seed 0") == 14
    records = json.loads(store.read_text())["records"]
    ours = {one["row"]: one["test"]["accuracy"] for one in records if one["form"] == "prototype"}
    assert min(ours.values()) >= 0.9
    part("").main()
    assert capsys.readouterr().out == ""
    page = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["classification.py", "--data", str(tmp_path), "--json", str(store),
                                      "--page", str(page)])  # fmt: skip
    monkeypatch.setattr(part("sets"), "UCR", ("Beef",))
    for name in ("", "page"):
        monkeypatch.setattr(part(name), "UCR", ("Beef",))
    monkeypatch.setattr(part(""), "UEA", ("JapaneseVowels",))
    part("").main()
    text = page.read_text()
    assert (
        "| Beef | 10 | 10 | 1 |" in text
        and text.count("Pretraining on language adds") == 2
        and "| HC2 | 0.8330 |" in text
    )
    monkeypatch.setattr(sys, "argv", [*asked, "--plan"])
    part("").main()
    assert capsys.readouterr().out.startswith("8 fits left")


def test_equal_accuracies_share_their_rank(part: Callable[[str], Any]) -> None:
    columns = {"a": {"x": 0.9, "y": 1.0}, "b": {"x": 0.9001, "y": 0.5}, "c": {"x": 0.8, "y": 1.0}}
    assert part("page").ranks(columns, ("x", "y")) == {"a": 1.5, "b": 2.25, "c": 2.25}
