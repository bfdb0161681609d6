"""Molecules through RDKit: one spelling per molecule, many spellings of one, scaffold splits, SELFIES. Extra `chem`.

Source: Weininger et al. 1989 (canonical SMILES), Bjerrum 2017 (randomised SMILES), Bemis and Murcko 1996 (scaffolds),
Wu et al. 2018 (MoleculeNet's scaffold split), Krenn et al. 2020 (SELFIES).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, NamedTuple
from zlib import crc32

import numpy as np
from jaxtyping import Int

from ..errors import ConfigError, DataError, DependencyError, Notice
from .smiles import read_smiles
from .texts import Names, Texts, read_texts


class Molecules(NamedTuple):
    """Strings of molecules, and the rows they came from.

    Attributes:
        texts: SMILES or SELFIES.
        rows: of each, the row in what was given, rising.
    """

    texts: list[str]
    rows: Int[np.ndarray, " molecule"]


def canonical_smiles(
    values: object, *, on_invalid: Literal["error", "skip"] = "error", ids: object = None
) -> Molecules:
    """The one spelling that RDKit gives each molecule, stereochemistry included.

    Args:
        values: SMILES in a list, a tuple, an array or a Series.
        on_invalid: of a SMILES that RDKit cannot read: `"error"`, or `"skip"` it (see `rows`).
        ids: names of the molecules, for messages.

    Raises:
        DataError: a SMILES cannot be read, is missing or empty, or none is left.
        DependencyError: RDKit is not installed.

    Example:
        >>> canonical_smiles(["OCC", "C(O)C"]).texts
        ['CCO', 'CCO']
    """
    if on_invalid not in ("error", "skip"):
        raise ConfigError(f"on_invalid must be 'error' or 'skip'; got {on_invalid!r}")
    chem = _library("rdkit.Chem")
    molecules, rows, _ = _read(values, ids, on_invalid)
    return Molecules([chem.MolToSmiles(molecule) for molecule in molecules], rows)


def readable_smiles(values: object, *, on_invalid: Literal["error", "skip", "mask"]) -> Int[np.ndarray, " molecule"]:
    """The rows of the SMILES that RDKit can read.

    Args:
        values: as for `canonical_smiles`.
        on_invalid: of the others: `"error"`, or leave them out; `"skip"` needs one that is left, `"mask"` none.

    Raises:
        DataError: as `canonical_smiles`.
        DependencyError: RDKit is not installed.
    """
    return _read(values, None, on_invalid)[1]


def randomised_smiles(values: object, count: int, seed: int) -> Molecules:
    """For each molecule up to `count` different spellings of it, each from another atom and by other branches.

    Small molecules have fewer: methane has one. The same seed gives the same spellings, whatever else is in `values`.

    Raises:
        ConfigError: `count` is below 1.
        DataError: a SMILES cannot be read, is missing or empty.
        DependencyError: RDKit is not installed.
    """
    if count < 1:
        raise ConfigError(f"count must be at least 1; got {count}")
    chem = _library("rdkit.Chem")
    molecules, _, _ = _read(values, None, "error")
    spelled: list[list[str]] = []
    for text, molecule in zip(read_smiles(values).values, molecules, strict=True):
        own = 1 + crc32(text.encode(), seed % 2**32) % (2**31 - 2)
        drawn = chem.MolToRandomSmilesVect(molecule, 2 * count, own)  # twice, because some come more than once
        spelled.append(list(dict.fromkeys(drawn))[:count])
    rows = np.repeat(np.arange(len(spelled)), [len(one) for one in spelled])
    return Molecules([text for one in spelled for text in one], rows)


def scaffolds(values: object) -> list[str]:
    """The Bemis-Murcko scaffold of each molecule (rings and what links them); `""` for one without rings.

    Raises:
        DataError: a SMILES cannot be read, is missing or empty.
        DependencyError: RDKit is not installed.

    Example:
        >>> scaffolds(["CCc1ccccc1", "CCO"])
        ['c1ccccc1', '']
    """
    murcko = _library("rdkit.Chem.Scaffolds.MurckoScaffold")
    molecules, _, _ = _read(values, None, "error")
    return [murcko.MurckoScaffoldSmiles(mol=molecule, includeChirality=False) for molecule in molecules]


def scaffold_split(
    values: object, fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " validation"], Int[np.ndarray, " test"]]:
    """Rows to train, validate and test on, no scaffold in two of them; nothing is drawn.

    Scaffolds go, the most frequent first, to training while they fit, then to validation, the rest to the test: rare
    scaffolds are what is tested. Of scaffolds as frequent, the one that appears first in `values` goes last, as in
    MoleculeNet.

    Raises:
        ConfigError: the fractions are negative or do not add up to 1.
        DataError: a SMILES cannot be read, is missing or empty.
        DependencyError: RDKit is not installed.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(f"fractions must be at least 0 and add up to 1; got {fractions}")
    _, first, group, size = np.unique(
        np.array(scaffolds(values)), return_index=True, return_inverse=True, return_counts=True
    )
    room = [fractions[0] * len(group), (fractions[0] + fractions[1]) * len(group)]
    sides: tuple[list[int], list[int], list[int]] = ([], [], [])
    taken = [0, 0, 0]
    for scaffold in np.lexsort((-first, -size)):
        grown = size[scaffold]
        tested = taken[0] + taken[1] + grown > room[1]
        side = 0 if taken[0] + grown <= room[0] else 1 + tested
        taken[side] += grown
        sides[side].append(scaffold)
    train, validation, test = (np.flatnonzero(np.isin(group, side)) for side in sides)
    return train, validation, test


def to_selfies(values: object) -> list[str]:
    """SMILES as SELFIES, in which every string of symbols is a molecule.

    Raises:
        DataError: one has no SELFIES, is missing or empty.
        DependencyError: selfies is not installed.
    """
    return _converted(values, _library("selfies").encoder, "SMILES")


def from_selfies(values: object) -> list[str]:
    """SELFIES as SMILES.

    Raises:
        DataError: one holds a symbol that is none of SELFIES, is missing or empty.
        DependencyError: selfies is not installed.
    """
    return _converted(values, _library("selfies").decoder, "SELFIES")


def _converted(values: object, convert: Callable[[str], str], what: str) -> list[str]:
    texts, names, _ = read_smiles(values) if what == "SMILES" else read_texts(values, what=what)
    selfies, done = _library("selfies"), []
    failed: dict[int, str] = {}
    for row, text in enumerate(texts):
        try:
            done.append(convert(text))
        except (selfies.EncoderError, selfies.DecoderError) as error:
            failed[row] = str(error).strip().splitlines()[0]
    if failed:
        row = next(iter(failed))
        raise _invalid(what, "cannot be converted", failed, len(texts), names, f"{texts[row]!r:.60}: {failed[row]}")
    return done


def _read(values: object, ids: object, on_invalid: str) -> tuple[list[Any], Int[np.ndarray, " molecule"], Names]:
    """The molecules that RDKit can read; its own words go to no log."""
    chem, base = _library("rdkit.Chem"), _library("rdkit.rdBase")
    texts, names, notices = read_smiles(values, ids=ids)
    for notice in () if isinstance(values, Texts) else notices:  # who read them has told it
        warnings.warn(notice, Notice, stacklevel=4)
    with base.BlockLogs():
        molecules = [chem.MolFromSmiles(text) for text in texts]
    # a string of white space or of nothing but hydrogens that RDKit drops would be a molecule without atoms
    bad = {row: "" for row, molecule in enumerate(molecules) if molecule is None or not molecule.GetNumAtoms()}
    if bad and (on_invalid == "error" or (on_invalid == "skip" and len(bad) == len(texts))):
        first = next(iter(bad))
        raise _invalid("SMILES", "cannot be read by RDKit", bad, len(texts), names, f"{texts[first]!r:.60}")
    rows = np.array([row for row in range(len(texts)) if row not in bad], dtype=np.int64)
    return [molecules[row] for row in rows], rows, names


def _invalid(what: str, rule: str, bad: dict[int, str], count: int, names: Names, shown: str) -> DataError:
    return DataError(
        f"{len(bad)} of {count} {what} {rule} ({names.some(bad)}); the first is {shown}. Correct or remove them"
    )


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise DependencyError(f"molecules need {name.split('.')[0]}: pip install 'seqreprog[chem]'") from error
