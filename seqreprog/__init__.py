"""seqreprog: reprogram a frozen language model for sequences it was never trained on.

    f_T(x) = h_omega( f_S( h_theta(x) ) )

f_S is frozen; only the input transformation theta and the output mapping omega are trained (Chen 2022, arXiv
2202.10629).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _moved

if TYPE_CHECKING:
    from .config.forecast import Adapter, Prompt, Training
    from .config.sequence import SequenceOptions
    from .errors import (
        BackboneError,
        CheckpointError,
        ConfigError,
        DataError,
        NotFittedError,
        Notice,
        SeqReprogError,
    )
    from .estimators.forecaster import Forecaster
    from .estimators.infiller import SequenceInfiller
    from .estimators.pipe import forecast
    from .estimators.sequences import SequenceClassifier, SequenceRegressor

__version__ = "0.1.0"

_HOMES = {
    "Forecaster": "estimators.forecaster",
    "forecast": "estimators.pipe",
    "SequenceClassifier": "estimators.sequences",
    "SequenceInfiller": "estimators.infiller",
    "SequenceOptions": "config.sequence",
    "SequenceRegressor": "estimators.sequences",
    "Adapter": "config.forecast",
    "Prompt": "config.forecast",
    "Training": "config.forecast",
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


_moved.install()


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used: `import seqreprog` itself needs neither torch nor transformers."""
    if name not in _HOMES:
        raise AttributeError(f"module 'seqreprog' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
