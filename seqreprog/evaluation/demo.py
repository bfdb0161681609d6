"""The demo: a real series that comes with sktime, so that nothing is fetched and nothing is shipped."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..config.forecast import Adapter, Prompt, Training
from ..errors import DependencyError

HORIZON, WINDOWS = 12, 4
SEASON = 12
LEVEL = (80,)


def airline() -> pd.DataFrame:
    """Monthly international airline passengers, in thousands, 1949 to 1960 (Box and Jenkins 1976), as a long frame."""
    try:
        from sktime.datasets import load_airline
    except ImportError as error:
        raise DependencyError(
            "the demo reads a series that comes with sktime: pip install 'seqreprog[sktime]'"
        ) from error
    series = load_airline()
    return pd.DataFrame(
        {"unique_id": "airline passengers", "ds": series.index.to_timestamp(), "y": series.to_numpy(dtype=float)}
    )


def options() -> dict[str, Any]:
    """What `Forecaster` is given for the demo: small patches for a short monthly series."""
    return {
        "horizon": HORIZON,
        "context": 48,
        "level": LEVEL,
        "layers": 2,
        "adapter": Adapter(patch=12, stride=6),
        "prompt": Prompt(domain="Monthly international airline passengers, in thousands."),
        "training": Training(max_steps=150, batch_size=16, evaluate_every=20, validation=0.25),
    }
