"""seqreprog: reprogram a frozen language model for sequences it was never trained on.

    f_T(x) = h_omega( f_S( h_theta(x) ) )

f_S is frozen; only the input transformation theta and the output mapping omega are trained (Chen 2022, arXiv
2202.10629).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import Adapter, Prompt, Training
    from .errors import (
        BackboneError,
        CheckpointError,
        ConfigError,
        DataError,
        NotFittedError,
        Notice,
        SeqReprogError,
    )
    from .forecaster import Forecaster
    from .infiller import SequenceInfiller
    from .pipe import forecast
    from .sequence_config import SequenceOptions
    from .sequences import SequenceClassifier, SequenceRegressor

__version__ = "0.1.0"

_HOMES = {
    "Forecaster": "forecaster",
    "forecast": "pipe",
    "SequenceClassifier": "sequences",
    "SequenceInfiller": "infiller",
    "SequenceOptions": "sequence_config",
    "SequenceRegressor": "sequences",
    "Adapter": "config",
    "Prompt": "config",
    "Training": "config",
    "SeqReprogError": "errors",
    "DataError": "errors",
    "ConfigError": "errors",
    "BackboneError": "errors",
    "CheckpointError": "errors",
    "NotFittedError": "errors",
    "Notice": "errors",
}

__all__ = [
    "Adapter",
    "BackboneError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "Forecaster",
    "NotFittedError",
    "Notice",
    "Prompt",
    "SeqReprogError",
    "SequenceClassifier",
    "SequenceInfiller",
    "SequenceOptions",
    "SequenceRegressor",
    "Training",
    "forecast",
]


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used: `import seqreprog` itself needs neither torch nor transformers."""
    if name not in _HOMES:
        raise AttributeError(f"module 'seqreprog' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
