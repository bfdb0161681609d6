"""ReprogRegressor: a frozen language model, reprogrammed to put a value to whole series, with sktime's interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sktime.regression.base import BaseRegressor

from ..config.forecast import Adapter, Training
from ..estimators.series import SeriesModel
from ..tasks.series_summary import SeriesSummary
from .kept import Kept
from .panels import SHARED_TAGS, arrays, channels_of, checked_target, settings, test_params


class ReprogRegressor(BaseRegressor):
    """Puts a value to each series with a frozen language model that was reprogrammed for them.

    Only the input transformation theta and the output mapping omega are found from data; the language model f_S is
    frozen::

        f_T(x) = h_omega( f_S( h_theta(x) ) )

    as in [1]_: patches of several spans, of the series and of its differences, are read as mixtures of word prototypes
    [2]_; theta stays as it is drawn, and omega is solved in closed form on the states of every layer, its penalty
    chosen on series left out one by one. ``training=Training(mode="train")`` trains both by gradient.

    Series may be multivariate, of unequal length, and have missing values.

    Parameters
    ----------
    backbone : str or Path, optional (default="minilm")
        ``"minilm"``, a local directory, or any Hugging Face id of a language model.
    layers : int, optional (default=2)
        Keep only the first layers of the backbone. ``None`` keeps all.
    positions : int, optional (default=64)
        Patches that are read of a series at most, evenly spaced, in each view of it.
    adapter : seqreprog.Adapter, optional
        The size of theta.
    training : seqreprog.Training, optional
        How theta and omega are found: ``mode``; schedule, budget, threads.
    random_state : int, RandomState or None, optional (default=0)
        Seed of everything random. ``None`` draws one from numpy's global generator, which is not reseeded.

    Attributes
    ----------
    model_ : Kept
        ``model_.model`` is the fitted ``SeriesModel``. Pickles hold it without the frozen language model, which goes
        by its name.
    summary_ : SeriesSummary
        What the fit did, and how well it answers for series that were held out.

    References
    ----------
    .. [1] Chen, P.-Y. (2022). Model Reprogramming: Resource-Efficient Cross-Domain Machine Learning. arXiv 2202.10629.
    .. [2] Jin, M. et al. (2024). Time-LLM: Time Series Forecasting by Reprogramming Large Language Models. ICLR.

    Examples
    --------
    >>> from seqreprog.sktime import ReprogRegressor
    >>> from sktime.datasets import load_unit_test
    >>> X, y = load_unit_test(split="train")
    >>> regressor = ReprogRegressor(backbone="tiny-random", layers=1)  # random weights, to try the interface
    >>> regressor = regressor.fit(X, y.astype(float))
    >>> regressor.predict(X).shape
    (20,)
    """  # noqa: D416 - sktime's style

    _tags = SHARED_TAGS

    model_: Kept[SeriesModel]
    summary_: SeriesSummary

    def __init__(
        self,
        backbone: str | Path = "minilm",
        layers: int | None = 2,
        positions: int = 64,
        adapter: Adapter | None = None,
        training: Training | None = None,
        random_state: object = 0,
    ) -> None:
        self.backbone = backbone
        self.layers = layers
        self.positions = positions
        self.adapter = adapter
        self.training = training
        self.random_state = random_state
        super().__init__()

    def fit(self, X: Any, y: Any) -> ReprogRegressor:
        """As sktime's; targets that are missing are named."""
        return super().fit(X, checked_target(y))

    def _fit(self, X: list[pd.DataFrame], y: np.ndarray) -> ReprogRegressor:
        model = SeriesModel.fit(settings(self, "regress"), arrays(X), y, channels=channels_of(X))
        self.model_, self.summary_ = Kept(model), model.summary
        return self

    def _predict(self, X: list[pd.DataFrame]) -> np.ndarray:
        return self.model_.model.values(arrays(X))

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Settings for sktime's tests: each trains by gradient, on a random backbone that needs no network."""
        return test_params({}, {"positions": 6, "random_state": 7})
