"""ReprogForecaster: `seqreprog.Forecaster` with sktime's interface, and the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sktime.datatypes import update_data
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from ..config.forecast import Adapter, Base, Covariates, Layers, Loss, Prompt, Training
from ..data.frames import SeriesTable, future_frame, read_table
from ..errors import ConfigError, DataError, InSampleError, name_some
from ..estimators.forecaster import NAME, Forecaster
from ..sources.tiny import TINY
from ..tasks.forecast import FitSummary
from .exogenous import ahead_of, beside, plainly, restated, roles_of, spread_out
from .kept import Kept
from .quantiles import quantiles_at
from .tables import (
    TIME,
    Series,
    advised,
    check_columns,
    check_instances,
    check_steps,
    counted,
    fh_index,
    first_step,
    freq_of,
    horizon_of,
    read_series,
    steps_of,
    write_index,
    write_values,
)

LEVEL = (50, 90)  # what sktime asks for by default: 90 % intervals, and 50 % for a variance
UNKNOWN_HORIZON = (
    "horizon is None and fh was not passed: nothing says how far to forecast. Pass horizon=... to the forecaster, or "
    "fh=[...] to fit"
)
MTYPES = ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"]


class ReprogForecaster(BaseForecaster):
    """Forecasts with a frozen language model that was reprogrammed for the series.

    Only the input transformation theta and the output mapping omega are trained; the language model f_S is frozen::

        f_T(x) = h_omega( f_S( h_theta(x) ) ),    forecast = ridge(x) + weight * (f_T(x) - ridge(x))

    as in [1]_ and [2]_. ``weight`` is what held-out windows prove the language model to be worth; ``summary_`` tells.

    One model is trained on all series: those of a panel or a hierarchy, and each variable of a multivariate ``y``.
    The 50 % and 90 % intervals are calibrated on held-out windows and the point forecast is the median; any other
    quantile is linear between these in the standard-normal score of its level. ``predict_proba`` is a normal
    distribution around the point forecast with the interquartile range of the quantiles, as in sktime by default.

    ``update(update_params=False)`` moves the context on and keeps the weights, ``update(update_params=True)`` fits anew
    on all data seen. After ``pretrain`` the weights stay: ``fit`` and ``update`` only take the series as context; a
    second ``pretrain`` trains anew on its panel alone.

    Parameters
    ----------
    horizon : int, optional (default=None)
        Steps to forecast at most. By default the largest step of the ``fh`` that is passed to ``fit``.
    context : int, optional (default=None)
        Steps read. By default a third of the longest series, at most 512.
    backbone : str or Path, optional (default="minilm")
        ``"minilm"``, a local directory, or any Hugging Face id of a language model.
    layers : int, None or "auto", optional (default="auto")
        Keep only the first layers of the backbone. ``None`` keeps all, ``"auto"`` two, and all where ``static`` names a
        text to read.
    loss : "mse" or "mae", optional (default="mse")
        Loss of the point forecast.
    base : "ridge" or "none", optional (default="ridge")
        ``"ridge"`` adds the language model to a closed-form linear forecaster where it proves itself on held-out
        windows. ``"none"`` is the pure form of the papers.
    prompt : seqreprog.Prompt, optional
        The text before the patches.
    adapter : seqreprog.Adapter, optional
        The size of theta and omega.
    training : seqreprog.Training, optional
        Schedule, budget, threads; or ``mode="probe"``, which trains nothing by gradient.
    static : str, optional (default=None)
        The column of ``X`` that holds text: one sentence for each series, the same in all of its rows. The ``X`` of
        ``predict`` may say something new, or leave the column out; what ``update`` is told replaces the sentence.
    hist_cols : sequence of str, optional (default=())
        Columns of ``X`` that are known of the past alone. All others are known ahead: ``predict`` asks for them, from
        the first step after the data to the last of ``fh``; a step in between that ``fh`` does not ask for may be
        absent, and is unknown to the model. One effect is learned for all series, each in units of its own spread.
    random_state : int, RandomState or None, optional (default=0)
        Seed of everything random. ``None`` draws one from numpy's global generator, which is not reseeded.

    Attributes
    ----------
    model_ : Kept
        ``model_.model`` is the fitted ``seqreprog.Forecaster``. Pickles hold it without the frozen language model,
        which goes by its name.
    summary_ : FitSummary
        What the fit did, and what each part contributes on held-out windows.

    References
    ----------
    .. [1] Chen, P.-Y. (2022). Model Reprogramming: Resource-Efficient Cross-Domain Machine Learning. arXiv 2202.10629.
    .. [2] Jin, M. et al. (2024). Time-LLM: Time Series Forecasting by Reprogramming Large Language Models. ICLR.

    Examples
    --------
    >>> from seqreprog import Adapter, Training
    >>> from seqreprog.sktime import ReprogForecaster
    >>> from sktime.datasets import load_airline
    >>> y = load_airline()
    >>> forecaster = ReprogForecaster(
    ...     horizon=12,
    ...     context=36,
    ...     backbone="tiny-random",  # random weights, to try the interface; "minilm" is a language model
    ...     adapter=Adapter(patch=12, stride=12),
    ...     training=Training(max_steps=2, batch_size=4, progress=False),
    ... )
    >>> forecaster = forecaster.fit(y)
    >>> y_pred = forecaster.predict(fh=[1, 6, 12])
    >>> y_pred.shape
    (3,)
    """  # noqa: D416 - sktime's style

    _tags = {  # noqa: RUF012 - sktime's convention
        "authors": "seqreprog maintainers",
        "maintainers": "seqreprog maintainers",
        "python_dependencies": ["torch", "transformers"],
        "y_inner_mtype": MTYPES,
        "X_inner_mtype": MTYPES,
        "requires-fh-in-fit": True,
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:non_contiguous_X": True,
        "capability:categorical_in_X": True,  # a sentence for each series
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:missing_values": True,
        "capability:unequal_length": True,
        "capability:update": True,
        "capability:pretrain": True,
        "pretrain:fitted_params": ["model_", "summary_"],
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }
    _config = {"remember_data": False}  # noqa: RUF012 - the data that is needed is kept as `_cur_y`

    _cutoff: Any
    model_: Kept[Forecaster]
    summary_: FitSummary

    def __init__(
        self,
        horizon: int | None = None,
        context: int | None = None,
        backbone: str | Path = "minilm",
        layers: Layers = "auto",
        loss: Loss = "mse",
        base: Base = "ridge",
        prompt: Prompt | None = None,
        adapter: Adapter | None = None,
        training: Training | None = None,
        static: str | None = None,
        hist_cols: Sequence[str] = (),
        random_state: object = 0,
    ) -> None:
        self.horizon = horizon
        self.context = context
        self.backbone = backbone
        self.layers = layers
        self.loss = loss
        self.base = base
        self.prompt = prompt
        self.adapter = adapter
        self.training = training
        self.static = static
        self.hist_cols = hist_cols
        self.random_state = random_state
        super().__init__()

    def __post_init__(self) -> None:
        """A horizon of its own needs no `fh` to be fitted."""
        self._y = self._X = None  # for who sets sktime's `remember_data`
        self.set_tags(**{"requires-fh-in-fit": self.horizon is None})

    # --- learning -----------------------------------------------------------------------------------------------------

    def _fit(self, y: pd.DataFrame, X: pd.DataFrame | None = None, fh: ForecastingHorizon | None = None) -> Any:
        self._cur_y, self._cur_X = y, X
        if self._pretrained():
            self._check_X_roles(X)
            self._read()
        else:
            self._learn(y, X, self._horizon(y, fh))
        if fh is not None and fh.is_relative:
            check_steps(fh.to_relative(self.cutoff).to_numpy(), self.model_.model.config.horizon)
        return self

    def _pretrain(self, y: pd.DataFrame, X: pd.DataFrame | None = None, fh: ForecastingHorizon | None = None) -> Any:
        known = self.model_.model.config.horizon if self._pretrained() and fh is None else None
        self._learn(y, X, known or self._horizon(y, fh))
        return self

    def _update(self, y: pd.DataFrame, X: pd.DataFrame | None = None, update_params: bool = True) -> Any:
        self._check_X_known(X)
        before = self._cur_y
        if len(before.columns) == len(y.columns) == 1:  # a Series may come by another name, or by none
            before = before.set_axis(y.columns, axis=1)
        check_columns(y, before, "y")
        if X is not None and self._cur_X is not None:
            check_columns(X, self._cur_X, "X")
            past = update_data(self._cur_X, X)
            # the latest sentence counts
            self._cur_X = past if self.static is None else restated(past, X, str(self.static), whole=False)
        self._cur_y = update_data(before, y)
        if update_params and not self._pretrained():
            self._learn(self._cur_y, self._cur_X, self.model_.model.config.horizon)
        return self

    def _learn(self, y: pd.DataFrame, X: pd.DataFrame | None, horizon: int) -> None:
        """One model of all series."""
        roles = roles_of(X, self.static, self.hist_cols)
        frame, _ = read_series(y, beside(X, y))
        model = Forecaster(
            horizon,
            context=self.context,
            backbone=self.backbone,
            layers=self.layers,
            level=LEVEL,
            loss=self.loss,
            base=self.base,
            seed=self._seed(),
            prompt=self.prompt,
            adapter=self.adapter,
            training=self.training,
        )
        with advised():
            model.fit(frame, freq=freq_of(y), **roles)
        self.model_, self.summary_ = Kept(model), model.summary_

    def _horizon(self, y: pd.DataFrame, fh: ForecastingHorizon | None) -> int:
        if self.horizon is not None:
            return self.horizon
        if fh is None:
            raise ConfigError(UNKNOWN_HORIZON)
        return horizon_of(fh, y, freq_of(y))

    def _pretrained(self) -> bool:
        return "model_" in getattr(self, "_pretrained_attrs", [])

    def _seed(self) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    # --- forecasting --------------------------------------------------------------------------------------------------

    def _predict(self, fh: ForecastingHorizon, X: pd.DataFrame | None = None) -> pd.DataFrame:
        index, columns, values = self._forecast(fh, X, None)
        return pd.DataFrame(values, index=index, columns=columns)

    def _predict_quantiles(
        self, fh: ForecastingHorizon, X: pd.DataFrame | None = None, alpha: Sequence[float] = ()
    ) -> pd.DataFrame:
        index, _, values = self._forecast(fh, X, alpha)
        return pd.DataFrame(values, index=index, columns=self._get_columns("predict_quantiles", alpha=alpha))

    def _forecast(
        self, fh: ForecastingHorizon, X: pd.DataFrame | None, alpha: Sequence[float] | None
    ) -> tuple[pd.Index, pd.Index, np.ndarray]:
        """Rows, variables, and the point forecast or the quantiles at `alpha`."""
        self._check_X_known(X)
        model = self.model_.model
        horizon, levels = model.config.horizon, model.config.quantile_levels
        frame, series, table = self._read(X)
        count = len(series.variables)
        rows = np.arange(len(table.ids) * horizon).reshape(-1, horizon)[::count]  # an instance's variables share times
        ahead = pd.Index(future_frame(table, horizon)[TIME])[rows.ravel()]
        steps = steps_of(fh, self.cutoff, series, ahead, horizon)
        first = np.arange(len(steps))[:, None] * horizon
        times = ahead[(first + steps - 1).ravel()]
        index, last = write_index(series, times), int(steps.max())
        futr_df = None
        if model.config.covariates.futr_cols and X is not None:
            needed = write_index(series, ahead[(first + np.arange(last)).ravel()])
            futr_df = ahead_of(spread_out(X, needed, index), series)
        with advised():
            found = model.predict(frame, h=last, futr_df=futr_df)
        numbers = found.iloc[:, found.columns.get_loc(NAME) :].to_numpy().reshape(len(table.ids), -1, 1 + len(levels))
        numbers = np.take_along_axis(numbers, np.repeat(steps - 1, count, axis=0)[..., None], axis=1)
        point, quantiles = numbers[..., 0], numbers[..., 1:]
        values = point[..., None] if alpha is None else quantiles_at(alpha, levels, point, quantiles)
        return index, series.variables, write_values(series, values)

    def _read(self, X: pd.DataFrame | None = None) -> tuple[pd.DataFrame, Series, SeriesTable]:
        """The data so far as a long frame, what its series are, and the arrays of it; X may say anew what is ahead."""
        past, static = self._cur_X, self.model_.model.config.covariates.static
        if past is not None and X is not None and static is not None and static in plainly(X).columns:
            later = X[~X.index.isin(self._cur_y.index)]
            past = restated(past, later if len(later) else X, static, whole=True)
        frame, series = read_series(self._cur_y, beside(past, self._cur_y))
        with advised():
            return frame, series, read_table(frame, like=self.model_.model.columns)

    def _check_X_roles(self, X: pd.DataFrame | None) -> None:
        """Refuses in `fit` what has other columns than the X of `pretrain`."""
        roles, known = roles_of(X, self.static, self.hist_cols), self.model_.model.config.covariates
        found = Covariates.of(**roles) if roles else Covariates()
        if set(found.names) != set(known.names):
            raise DataError(
                f"X has the columns {sorted(found.names)}, and that of pretrain {sorted(known.names)}. Pass the same"
            )

    def _check_X_known(self, X: pd.DataFrame | None) -> None:
        if X is not None and self._cur_X is None:
            raise ConfigError(f"X was passed, with {list(X.columns)}, but fit had none. Leave it out, or fit with X")

    # --- what sktime asks on the way ----------------------------------------------------------------------------------

    def _check_X_y(self, X: Any = None, y: Any = None, **options: Any) -> Any:
        check_instances(y)
        return super()._check_X_y(X=X, y=y, **options)

    def _set_cutoff_from_y(self, y: pd.DataFrame) -> None:
        """The last time, with the frequency of the series: absolute times are counted from it."""
        before = self._cutoff
        super()._set_cutoff_from_y(y)
        cutoff = self._cutoff
        if isinstance(cutoff, pd.DatetimeIndex) and cutoff.freq is None:
            known = getattr(before, "freq", None) if self.is_fitted else None
            self._cutoff = pd.DatetimeIndex(cutoff, freq=known if known is not None else freq_of(y))

    def _check_fh(self, fh: Any, pred_int: bool = False) -> ForecastingHorizon | None:
        if fh is None and self.horizon is None and not self.is_fitted:
            raise ConfigError(UNKNOWN_HORIZON)
        try:
            with counted(self._cutoff):
                return super()._check_fh(fh, pred_int=pred_int)
        except AssertionError as error:  # sktime's, without a word
            raise ConfigError(
                f"fh holds {type(fh_index(fh)).__name__}, and the index of y is a {type(self.cutoff).__name__}. "
                "Convert fh, or pass steps from 1 on"
            ) from error
        except ConfigError:
            raise
        except ValueError as error:
            if self.horizon is not None or not self.is_fitted or fh is None or not len(fh_index(fh)):
                raise
            if (step := first_step(fh, self.cutoff)) < 1:
                raise self._past(step) from error
            raise ConfigError(
                f"fh asks for {name_some(fh_index(fh))}, and fit was told {name_some(fh_index(self._fh))}: without a "
                f"horizon of its own {type(self).__name__} answers the same fh alone. Pass "
                f"{type(self).__name__}(horizon=...), which answers any fh up to it, or fit anew"
            ) from error
        except NotImplementedError as error:
            raise self._past(first_step(self._fh, self.cutoff)) from error

    def _past(self, step: int) -> InSampleError:
        return InSampleError(
            f"{type(self).__name__} can not perform in-sample prediction: fh asks for step {step}, and step 1 is the "
            f"first after the data, which ends at {self.cutoff[0]}. Pass steps from 1 on"
        )

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Settings for sktime's tests: each trains by gradient, on a random backbone that needs no network."""
        small = Adapter(patch=4, stride=4, hidden=8, heads=1, head_width=4, n_prototypes=4, features=2)
        quick = Training(
            mode="train", max_steps=2, batch_size=4, evaluate_every=2, validation_windows=4, threads=1, progress=False
        )
        shared = {"backbone": TINY, "layers": 1, "context": 8, "adapter": small, "training": quick}
        return [
            {**shared, "prompt": Prompt(task=False, parts=())},
            {**shared, "horizon": 5, "base": "none", "loss": "mae", "prompt": Prompt(task=False, parts=("trend",))},
        ]
