"""Reads each public set into sequences, targets and groups, and says what is fitted and tested where.

Sequences that are copies of each other are in one group; molecules are spelled as RDKit spells them, those that it
cannot read are left out. No split takes a group apart, so nothing of the test part is seen in training.
"""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sequence_parts.rows import Row
from sklearn.model_selection import StratifiedShuffleSplit

from seqreprog.data.chem import canonical_smiles, scaffold_split, scaffolds
from seqreprog.data.groups import group_folds, split_groups

SMALL = 50  # labelled examples of a draw
TESTED = 0.2  # of a random split


@dataclass(frozen=True, eq=False)
class Sequences:
    """A set.

    Attributes:
        texts: the sequences.
        target: classes from 0, values, or 0, 1 and `NaN` for each label; for infilling a mask for each residue.
        groups: sequences that stay together.
        test: rows of the official test part, where there is one.
    """

    texts: list[str]
    target: np.ndarray
    groups: np.ndarray
    test: np.ndarray | None = None

    def pick(self, rows: np.ndarray) -> list[str]:
        return [self.texts[row] for row in rows]


class Place(NamedTuple):
    """One fit and its test: a fold, a draw, a split or a seed."""

    name: str
    seed: int
    train: np.ndarray
    test: np.ndarray


def places(row: Row, data: Sequences, seeds: list[int]) -> list[Place]:
    """Where a row is fitted and tested, in order; `seeds` are for sets whose split is fixed."""
    every = np.arange(len(data.texts))
    labels = data.target if row.task == "classify" else None

    def rest(test: np.ndarray) -> np.ndarray:
        return np.setdiff1d(every, test)

    if row.plan == "official" or row.plan == "scaffold":
        test = data.test if row.plan == "official" else scaffold_split(data.texts)[2]
        assert test is not None, f"{row.name} has no official split"
        return [Place(f"seed {seed}", seed, rest(test), test) for seed in seeds]
    if row.plan == "draws":
        return [_draw(data, draw) for draw in range(row.count)]
    if row.plan == "random":
        tests = [split_groups(data.groups, labels, TESTED, split)[1] for split in range(row.count)]
        return [Place(f"split {split}", 0, rest(test), test) for split, test in enumerate(tests)]
    folds = [
        (f"repeat {repeat}, fold {fold}" if row.repeats > 1 else f"fold {fold}", test)
        for repeat in range(row.repeats)
        for fold, test in enumerate(group_folds(data.groups, labels, row.count, repeat))
    ]
    return [Place(name, 0, rest(test), test) for name, test in folds]


def _draw(data: Sequences, draw: int) -> Place:
    """As many of each class as its share; of the rest those that are no copy of them are the test."""
    splitter = StratifiedShuffleSplit(1, train_size=SMALL, random_state=draw)
    train, test = next(splitter.split(data.target, data.target))
    test = test[~np.isin(data.groups[test], data.groups[train])]
    return Place(f"draw {draw}", draw, np.sort(train), np.sort(test))


# --- the sets ---------------------------------------------------------------------------------------------------------


@cache
def read_set(source: str, root: Path) -> Sequences:
    """The set of that name below `root`."""
    return READERS[source](root)


def _copies(texts: list[str]) -> np.ndarray:
    return np.unique(np.array(texts), return_inverse=True)[1]


def _fasta(path: Path) -> list[str]:
    return ["".join(entry.splitlines()[1:]) for entry in path.read_text().split(">")[1:]]


def _amp(root: Path) -> Sequences:
    """Train and tune are fitted on, the test part is tested once."""
    folder = root / "proteins" / "AMP_Veltri"
    parts = [(_fasta(folder / f"{name}.{part}.fa"), label, part == "te")
             for part in ("tr", "eval", "te") for name, label in (("AMP", 1), ("DECOY", 0))]  # fmt: skip
    texts = [text for found, _, _ in parts for text in found]
    labels = np.concatenate([np.full(len(found), label) for found, label, _ in parts])
    tested = np.concatenate([np.full(len(found), test) for found, _, test in parts])
    return Sequences(texts, labels, _copies(texts), np.flatnonzero(tested))


def _peptides(folder: str) -> Callable[[Path], Sequences]:
    def read(root: Path) -> Sequences:
        place = root / "proteins" / folder
        texts, labels = _fasta(place / "seqs.fasta"), np.array((place / "classes.txt").read_text().split(), dtype=int)
        return Sequences(texts, labels, _copies(texts))

    return read


def _dna(*path: str) -> Callable[[Path], Sequences]:
    def read(root: Path) -> Sequences:
        lines = root.joinpath("dna", *path).read_text().splitlines()
        cells = [[cell.strip() for cell in line.split(",")] for line in lines if line.strip()]
        texts = [cell[2].upper() for cell in cells]
        labels = np.unique([cell[0] for cell in cells], return_inverse=True)[1]
        return Sequences(texts, labels, _copies(texts))

    return read


def _gb1(split: str) -> Callable[[Path], Sequences]:
    """The rows marked for validation are fitted on too: every fit holds out its own."""

    def read(root: Path) -> Sequences:
        with zipfile.ZipFile(root / "proteins" / "FLIP_gb1" / "splits.zip") as archive:
            rows = list(csv.DictReader(io.StringIO(archive.read(f"splits/{split}.csv").decode())))
        texts, values = [row["sequence"] for row in rows], np.array([float(row["target"]) for row in rows])
        return Sequences(texts, values, _copies(texts), np.flatnonzero([row["set"] == "test" for row in rows]))

    return read


def _molecules(folder: str, file: str, target: str | None, scaffold: bool = False) -> Callable[[Path], Sequences]:
    """`target=None`: every column but the two of the molecule is a label."""

    def read(root: Path) -> Sequences:
        with (root / "molecules" / folder / file).open(newline="") as lines:
            table = list(csv.DictReader(lines))
        names = [name for name in table[0] if name not in ("mol_id", "smiles")] if target is None else [target]
        texts, kept = canonical_smiles([row["smiles"].strip() for row in table], on_invalid="skip")
        values = np.array([[float(table[row][name] or "nan") for name in names] for row in kept])
        if target is not None:
            values = values[:, 0].astype(int) if scaffold else values[:, 0]
        return Sequences(texts, values, _copies(scaffolds(texts) if scaffold else texts))

    return read


def _h3(root: Path) -> Sequences:
    """The third loop of the heavy chain is masked; antibodies with the same loop stay together."""
    with gzip.open(root / "proteins" / "antibody_hcdr3" / "hcdr3_val_data.jsonl.gz", "rt") as lines:
        found = [json.loads(line) for line in lines]
    texts = [one["seq"] for one in found]
    loops = ["".join(c for c, cdr in zip(one["seq"], one["cdr"], strict=True) if cdr == "3") for one in found]
    masks = np.empty(len(found), dtype=object)
    for row, one in enumerate(found):
        masks[row] = np.array(list(one["cdr"])) == "3"
    return Sequences(texts, masks, _copies(loops))


READERS: dict[str, Callable[[Path], Sequences]] = {
    "amp": _amp,
    "hemopi": _peptides("pep_hem_hemopi"),
    "cpp": _peptides("pep_cpp_mlcpp"),
    "acp": _peptides("pep_acp_mlacp"),
    "avp": _peptides("pep_avp_amppred"),
    "aip": _peptides("pep_aip_antiinflam"),
    "splice": _dna("splice_junction", "splice.data"),
    "promoters": _dna("promoters_ecoli", "promoters.data"),
    "gb1-two": _gb1("two_vs_rest"),
    "gb1-three": _gb1("three_vs_rest"),
    "esol": _molecules("ESOL", "ESOL_delaney-processed.csv", "measured log solubility in mols per litre"),
    "bbbp": _molecules("BBBP", "BBBP.csv", "p_np", scaffold=True),
    "bace": _molecules("BACE", "bace.csv", "Class", scaffold=True),
    "tox21": _molecules("Tox21", "tox21.csv", None),
    "h3": _h3,
}
