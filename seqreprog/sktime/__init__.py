"""The estimators of seqreprog with sktime's interface. Importing this loads nothing: names arrive on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .classifier import ReprogClassifier
    from .forecaster import ReprogForecaster
    from .regressor import ReprogRegressor

_HOMES = {
    "ReprogClassifier": "classifier",
    "ReprogForecaster": "forecaster",
    "ReprogRegressor": "regressor",
}

__all__ = ["ReprogClassifier", "ReprogForecaster", "ReprogRegressor"]


def __getattr__(name: str) -> Any:
    """The estimator of that name.

    Raises:
        DependencyError: sktime is not installed.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'seqreprog.sktime' has no attribute {name!r}")
    try:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    except ModuleNotFoundError as error:
        absent = str(error.name).split(".")[0]
        if absent not in ("sktime", "skbase", "skpro"):
            raise
        from ..errors import DependencyError

        raise DependencyError(
            f"{name} needs the package {absent}. Install it with pip install 'seqreprog[sktime]'"
        ) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
