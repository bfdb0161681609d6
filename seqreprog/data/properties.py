"""What is known of the twenty amino acids: ten published properties of each, brought to one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from .alphabets import OWN_SYMBOLS

# Each in the order of the one-letter codes, A C D E F G H I K L M N P Q R S T V W Y.
SCALES: dict[str, tuple[float, ...]] = {
    # Kyte and Doolittle 1982, J. Mol. Biol. 157, 105
    "hydropathy": (
        1.8, 2.5, -3.5, -3.5, 2.8, -0.4, -3.2, 4.5, -3.9, 3.8, 1.9, -3.5, -1.6, -3.5, -4.5, -0.8, -0.7, 4.2, -0.9, -1.3,
    ),
    # consensus scale of Eisenberg, Schwarz, Komaromy and Wall 1984, J. Mol. Biol. 179, 125
    "hydrophobicity": (
        0.62, 0.29, -0.90, -0.74, 1.19, 0.48, -0.40, 1.38, -1.50, 1.06,
        0.64, -0.78, 0.12, -0.85, -2.53, -0.18, -0.05, 1.08, 0.81, 0.26,
    ),
    # Grantham 1974, Science 185, 862
    "polarity": (
        8.1, 5.5, 13.0, 12.3, 5.2, 9.0, 10.4, 5.2, 11.3, 4.9, 5.7, 11.6, 8.0, 10.5, 10.5, 9.2, 8.6, 5.9, 5.4, 6.2,
    ),
    # of the side chain at pH 7, with pK 6.0 for histidine
    "charge": (0, 0, -1, -1, 0, 0, 0.1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0),
    # of the free amino acid: Zimmerman, Eliezer and Simha 1968, J. Theor. Biol. 21, 170
    "isoelectric point": (
        6.00, 5.05, 2.77, 3.22, 5.48, 5.97, 7.59, 6.02, 9.74, 5.98,
        5.74, 5.41, 6.30, 5.65, 10.76, 5.68, 5.66, 5.96, 5.89, 5.66,
    ),
    # in cubic angstroms: Zamyatnin 1972, Prog. Biophys. Mol. Biol. 24, 107
    "volume": (
        88.6, 108.5, 111.1, 138.4, 189.9, 60.1, 153.2, 166.7, 168.6, 166.7,
        162.9, 114.1, 112.7, 143.8, 173.4, 89.0, 116.1, 140.0, 227.8, 193.6,
    ),
    # has an aromatic ring: Taylor 1986, J. Theor. Biol. 119, 205
    "aromatic": (0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1),
    # conformational propensities: Chou and Fasman 1978, Annu. Rev. Biochem. 47, 251
    "helix": (
        1.42, 0.70, 1.01, 1.51, 1.13, 0.57, 1.00, 1.08, 1.16, 1.21,
        1.45, 0.67, 0.57, 1.11, 0.98, 0.77, 0.83, 1.06, 1.08, 0.69,
    ),
    "sheet": (
        0.83, 1.19, 0.54, 0.37, 1.38, 0.75, 0.87, 1.60, 0.74, 1.30,
        1.05, 0.89, 0.55, 1.10, 0.93, 0.75, 1.19, 1.70, 1.37, 1.47,
    ),
    "turn": (
        0.66, 1.19, 1.46, 0.74, 0.60, 1.56, 0.95, 0.47, 1.01, 0.59,
        0.60, 1.56, 1.52, 0.98, 0.95, 1.43, 0.96, 0.50, 0.96, 1.14,
    ),
}  # fmt: skip


def residue_properties(symbols: Sequence[str]) -> Float[np.ndarray, "symbol property"]:
    """The properties of each symbol, of mean 0 and spread 1 over the twenty; 0, the mean, for any other symbol.

    Args:
        symbols: one-letter codes.

    Example:
        >>> residue_properties(["R"]).round(1).tolist()
        [[-1.4, -2.6, 0.8, 2.2, 2.7, 0.8, -0.5, -0.1, -0.3, -0.1]]
    """
    table = np.array(list(SCALES.values())).T
    table = (table - table.mean(0)) / table.std(0)
    place = {letter: row for row, letter in enumerate(OWN_SYMBOLS["protein"])}
    found = np.zeros((len(symbols), table.shape[1]))
    for row, symbol in enumerate(symbols):
        if symbol in place:
            found[row] = table[place[symbol]]
    return found
