"""All cases: toy data, the fits whose answers are frozen, and what is asked of each.

The data are drawn from seeds and rounded, so they are the same to the bit on every machine. The language model is
`tiny-random`, which needs no file.
"""

from __future__ import annotations

from case import Case
from forecast_cases import forecasters
from sequence_cases import classifiers, infillers, regressors
from series_cases import series, sktime_estimators


def cases() -> dict[str, Case]:
    """All of them by name."""
    return {**forecasters(), **classifiers(), **regressors(), **infillers(), **series(), **sktime_estimators()}
