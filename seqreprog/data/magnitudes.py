"""How large a number may be: from here on a square, which every error and spread is made of, is infinite."""

from __future__ import annotations

import numpy as np

LARGEST = 1e150
RULE = f"must be at most {LARGEST:g} in size, as squares of larger ones are infinite. Divide them all by a power of ten"


def too_large(values: np.ndarray) -> np.ndarray:
    """Which of them are finite and larger than `LARGEST`."""
    return np.isfinite(values) & (np.abs(values) > LARGEST)
