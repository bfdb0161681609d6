"""What the classifier and the regressor share: settings, frames to arrays, the parameters of sktime's tests."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from ..config.forecast import Adapter, Training
from ..config.series import BRIEF, SeriesConfig, SeriesTask
from ..data.texts import Names, is_missing
from ..errors import DataError
from ..sources.tiny import TINY

SHARED_TAGS: dict[str, Any] = {
    "authors": "seqreprog maintainers",
    "maintainers": "seqreprog maintainers",
    "python_dependencies": ["torch", "transformers"],
    "X_inner_mtype": "df-list",
    "y_inner_mtype": "numpy1D",
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:missing_values": True,
    "capability:categorical_in_X": False,
    "capability:random_state": True,
    "property:randomness": "derandomized",
}
SMALL = Adapter(hidden=8, heads=1, head_width=4, n_prototypes=4)
QUICK = Training(mode="train", max_steps=2, batch_size=4, evaluate_every=2, threads=1, progress=False)


def arrays(X: Sequence[pd.DataFrame]) -> list[np.ndarray]:
    """Frames of one instance each as `[channel, time]`."""
    return [frame.to_numpy(dtype=np.float64).T for frame in X]


def checked_target(y: Any) -> Any:
    """What `fit` gets, lists as arrays; sktime's own check compares missing labels with others.

    Raises:
        DataError: some are missing.
    """
    cells = list(y) if isinstance(y, list | tuple) else np.ravel(y.to_numpy() if hasattr(y, "to_numpy") else y).tolist()
    if missing := [row for row, cell in enumerate(cells) if is_missing(cell)]:
        raise DataError(
            f"{len(missing)} of {len(cells)} targets are missing, NaN or None ({Names().some(missing)}). Drop these "
            "instances"
        )
    return np.array(y) if isinstance(y, list | tuple) else y


def channels_of(X: Sequence[pd.DataFrame]) -> tuple[str, ...]:
    """What their columns are called; nothing where these are numbered."""
    names = X[0].columns.tolist()
    return tuple(names) if all(isinstance(name, str) for name in names) else ()


def settings(estimator: Any, task: SeriesTask) -> SeriesConfig:
    """What the arguments of an estimator ask for; what is wrong with them is said here, in `fit`."""
    names = ("form", "mapping", "positions", "layers", "adapter", "training")
    given = {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}
    for name, usual in (("adapter", Adapter()), ("training", BRIEF)):
        given[name] = usual if given[name] is None else given[name]
    return SeriesConfig(task=task, backbone=str(estimator.backbone), seed=_seed(estimator.random_state), **given)


def test_params(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Settings for sktime's tests: each trains by gradient, on a random backbone that needs no network."""
    shared = {"backbone": TINY, "layers": 1, "positions": 8, "adapter": SMALL, "training": QUICK}
    return [{**shared, **change} for change in changes]


def _seed(random_state: Any) -> int:
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
