"""ReprogClassifier: a frozen language model, reprogrammed to classify whole series, with sktime's interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sktime.classification.base import BaseClassifier

from ..config.forecast import Adapter, Training
from ..config.series import Form, Mapping
from ..estimators.series import SeriesModel
from ..tasks.series_summary import SeriesSummary
from .kept import Kept
from .panels import SHARED_TAGS, arrays, channels_of, checked_target, settings, test_params


class ReprogClassifier(BaseClassifier):
    """Classifies series with a frozen language model that was reprogrammed for them.

    Only the input transformation theta and the output mapping omega are found from data; the language model f_S is
    frozen::

        f_T(x) = h_omega( f_S( h_theta(x) ) ),    p = softmax(f_T(x) / T)

    as in [1]_. With ``form="prototype"`` patches of several spans, of the series and of its differences, are read as
    mixtures of word prototypes [2]_; theta stays as it is drawn, and omega is solved in closed form on the states of
    every layer, its penalty chosen on series left out one by one. ``training=Training(mode="train")`` trains both by
    gradient. With ``form="voice2series"`` one perturbation is trained for all series, and the frozen model answers in
    its own words, many of which stand for a class [3]_. The temperature ``T`` is found on held-out series.

    Series may be multivariate, of unequal length, and have missing values.

    Parameters
    ----------
    form : "prototype" or "voice2series", optional (default="prototype")
        How series enter and classes leave the language model.
    mapping : "random", "frequency" or "iterative", optional (default="frequency")
        How words come to stand for classes, with ``form="voice2series"``.
    backbone : str or Path, optional (default="minilm")
        ``"minilm"``, a local directory, or any Hugging Face id of a language model.
    layers : int, optional (default=2)
        Keep only the first layers of the backbone. ``None`` keeps all.
    positions : int, optional (default=64)
        Patches that are read of a series at most, evenly spaced, in each view of it.
    class_weight : None, "balanced" or dict, optional (default=None)
        What an example of each class counts.
    adapter : seqreprog.Adapter, optional
        The size of theta.
    training : seqreprog.Training, optional
        How theta and omega are found: ``mode``; schedule, budget, threads.
    random_state : int, RandomState or None, optional (default=0)
        Seed of everything random. ``None`` draws one from numpy's global generator, which is not reseeded.

    Attributes
    ----------
    classes_ : array
        The classes in order.
    model_ : Kept
        ``model_.model`` is the fitted ``SeriesModel``. Pickles hold it without the frozen language model, which goes
        by its name.
    summary_ : SeriesSummary
        What the fit did, and how well it answers for series that were held out.

    References
    ----------
    .. [1] Chen, P.-Y. (2022). Model Reprogramming: Resource-Efficient Cross-Domain Machine Learning. arXiv 2202.10629.
    .. [2] Jin, M. et al. (2024). Time-LLM: Time Series Forecasting by Reprogramming Large Language Models. ICLR.
    .. [3] Yang, C.-H. H. et al. (2021). Voice2Series: Reprogramming Acoustic Models for Time Series Classification.
       ICML.

    Examples
    --------
    >>> from seqreprog.sktime import ReprogClassifier
    >>> from sktime.datasets import load_unit_test
    >>> X, y = load_unit_test(split="train")
    >>> classifier = ReprogClassifier(backbone="tiny-random", layers=1)  # random weights, to try the interface
    >>> classifier = classifier.fit(X, y)
    >>> classifier.predict_proba(X).shape
    (20, 2)
    """  # noqa: D416 - sktime's style

    _tags = {  # noqa: RUF012 - sktime's convention
        **SHARED_TAGS,
        "capability:predict_proba": True,
        "capability:class_weight": True,
    }

    model_: Kept[SeriesModel]
    summary_: SeriesSummary

    def __init__(
        self,
        form: Form = "prototype",
        mapping: Mapping = "frequency",
        backbone: str | Path = "minilm",
        layers: int | None = 2,
        positions: int = 64,
        class_weight: Any = None,
        adapter: Adapter | None = None,
        training: Training | None = None,
        random_state: object = 0,
    ) -> None:
        self.form = form
        self.mapping = mapping
        self.backbone = backbone
        self.layers = layers
        self.positions = positions
        self.class_weight = class_weight
        self.adapter = adapter
        self.training = training
        self.random_state = random_state
        super().__init__()

    def fit(self, X: Any, y: Any) -> ReprogClassifier:
        """As sktime's; targets that are missing are named."""
        return super().fit(X, checked_target(y))

    def _fit(self, X: list[pd.DataFrame], y: np.ndarray) -> ReprogClassifier:
        model = SeriesModel.fit(
            settings(self, "classify"), arrays(X), y, class_weight=self.class_weight, channels=channels_of(X)
        )
        self.model_, self.summary_ = Kept(model), model.summary
        return self

    def _predict_proba(self, X: list[pd.DataFrame]) -> np.ndarray:
        return self.model_.model.probabilities(arrays(X))

    def _predict(self, X: list[pd.DataFrame]) -> np.ndarray:
        return self.classes_[self._predict_proba(X).argmax(1)]

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Settings for sktime's tests: each trains by gradient, on a random backbone that needs no network."""
        return test_params({}, {"form": "voice2series", "mapping": "iterative", "class_weight": "balanced"})
