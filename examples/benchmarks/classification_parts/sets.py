"""The UCR and UEA sets as arrays, and what was published for them."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

UCR = (
    "ArrowHead",
    "Beef",
    "BirdChicken",
    "CBF",
    "Chinatown",
    "Coffee",
    "DistalPhalanxTW",
    "ECG200",
    "GunPoint",
    "ItalyPowerDemand",
    "OliveOil",
    "SyntheticControl",
    "Trace",
    "TwoLeadECG",
)
UEA = ("BasicMotions", "JapaneseVowels")
PUBLISHED = ("FCN", "ResNet", "InceptionTime", "HC2")


@dataclass(frozen=True)
class Part:
    """Series `[channel, time]` and their classes, as text."""

    series: list[np.ndarray]
    labels: np.ndarray


def read_set(name: str, root: Path) -> tuple[Part, Part]:
    """The archive's own training and test part."""
    return _read(name, root, "TRAIN"), _read(name, root, "TEST")


def published(name: str, root: Path) -> dict[str, float]:
    """Accuracies by method, where the set's source names them."""
    said = (_folder(name, root) / "SOURCE.txt").read_text()
    line = next((each for each in said.splitlines() if each.startswith("published reference:")), "")
    found = {method: re.search(rf"\b{method} (\d\.\d+)", line) for method in PUBLISHED}
    return {method: float(match[1]) for method, match in found.items() if match}


def _folder(name: str, root: Path) -> Path:
    return root / "ts_classification" / f"{'UCR' if name in UCR else 'UEA'}_{name}"


def _read(name: str, root: Path, part: str) -> Part:
    folder = _folder(name, root)
    if name in UCR:
        table = np.loadtxt(folder / f"{name}_{part}.tsv", ndmin=2)
        return Part([row[None] for row in table[:, 1:]], table[:, 0].astype(int).astype(str))
    series, labels = [], []
    for line in (folder / f"{name}_{part}.ts").read_text().splitlines():
        if line.strip() and line[0] not in "#@":
            *channels, label = line.strip().split(":")
            series.append(np.array([[float(value) for value in channel.split(",")] for channel in channels]))
            labels.append(label)
    return Part(series, np.array(labels))
