"""sktime's tables <-> the long frame that `Forecaster` reads: a panel's series are its instances' variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from sktime.forecasting.base import ForecastingHorizon

from ..data import clocks
from ..data.calendars import read_offset, shown
from ..data.rows import DROP, DROP_LATER, INSERT
from ..data.steps import Fit, infer_grid
from ..errors import ConfigError, DataError, name_some

ID, TIME, TARGET = "unique_id", "ds", "y"

# What `Forecaster` advises, and what is to be done about it here.
ADVICE = {
    INSERT: "Insert them as missing values, for instance with y.asfreq(...)",
    "Pass fill_gaps=True to insert missing values": "Insert them as missing values, for instance with y.asfreq(...)",
    "Resample them, leave them out or pass freq=...": "Resample them or leave them out",
    "Resample df or change freq": "Resample y",
    "Resample df": "Resample y",
    ", or pass freq=...": "",
    DROP: "Drop or aggregate them",
    DROP_LATER: "Drop or aggregate them",
}
_PASTED = re.compile(rf"df\['{TIME}'\] = pd\.to_datetime\(df\['{TIME}'\](?:, utc=True)?\)\.dt\.")


@dataclass(frozen=True)
class Series:
    """The series of a table: number = instance * variables + variable.

    Attributes:
        instances: a row of labels for each, or `None` for a table without instances.
        variables: the columns.
        time_name: name of the index level of times.
        ends: the last time of each instance.
    """

    instances: pd.Index | None
    variables: pd.Index
    time_name: object
    ends: pd.Index

    @property
    def names(self) -> list[str]:
        """What messages call each series; all different."""
        own = [""] if self.instances is None else [_label(instance) for instance in self.instances]
        several = len(self.variables) > 1 or self.instances is None
        names = [
            "/".join(part for part in (name, str(variable) if several else "") if part)
            for name in own
            for variable in self.variables
        ]
        return names if len(set(names)) == len(names) else [f"{name} (no. {k})" for k, name in enumerate(names)]


def read_series(y: pd.DataFrame, beside: pd.DataFrame | None = None) -> tuple[pd.DataFrame, Series]:
    """A table of sktime as a long frame, in the order of its instances and variables.

    Args:
        y: a row for each instance and time, a column for each variable.
        beside: covariates of the same rows; each variable gets them all.
    """
    times, count = y.index, len(y.columns)
    if y.index.nlevels > 1:
        times = y.index.get_level_values(-1)
        codes, instances = pd.factorize(_instances(y))
        instances = instances.set_names(y.index.names[:-1])
    else:
        codes, instances = np.zeros(len(y), dtype=np.int64), None
    last = np.flatnonzero(np.diff(codes, append=-1))
    series = Series(instances, y.columns, y.index.names[-1], times[last])
    number = (codes[:, None] * count + np.arange(count)).ravel()
    names = np.array(series.names, dtype=object)
    frame = pd.DataFrame(
        {ID: names[number], TIME: times.repeat(count), TARGET: y.to_numpy(dtype=np.float64, na_value=np.nan).ravel()}
    )
    if beside is not None:
        rows = beside.iloc[np.arange(len(y)).repeat(count)].reset_index(drop=True)
        frame = pd.concat([frame, rows], axis=1)
    return frame, series


def write_index(series: Series, times: pd.Index) -> pd.Index:
    """The index of a forecast: `times` holds those of one instance after the other."""
    if series.instances is None:
        return times.rename(series.time_name)
    count = len(times) // len(series.instances)
    levels = [series.instances.get_level_values(level).repeat(count) for level in range(series.instances.nlevels)]
    return pd.MultiIndex.from_arrays([*levels, times], names=[*series.instances.names, series.time_name])


def write_values(series: Series, values: Float[np.ndarray, "series step kind"]) -> Float[np.ndarray, "row column"]:
    """A row per instance and step, a column per variable and kind."""
    steps, kinds = values.shape[1:]
    count = len(series.variables)
    return values.reshape(-1, count, steps, kinds).transpose(0, 2, 1, 3).reshape(-1, count * kinds)


# --- time -------------------------------------------------------------------------------------------------------------


def freq_of(y: pd.DataFrame) -> Any:
    """The frequency of a table's times, as an offset where there are dates; `None` for periods, which know their own.

    Raises:
        DataError: the times have no regular step.
    """
    times = y.index.get_level_values(-1)
    if isinstance(times, pd.PeriodIndex):
        return None
    codes = pd.factorize(_instances(y))[0] if y.index.nlevels > 1 else np.zeros(len(y), dtype=np.int64)
    longest = times[codes == np.bincount(codes).argmax()]
    if not isinstance(times, pd.DatetimeIndex):
        if not pd.api.types.is_integer_dtype(longest.dtype):
            raise DataError(
                f"the times of y are a {type(longest).__name__} ({longest.dtype}). Pass dates, periods or integers"
            )
        jump = np.flatnonzero(np.diff(longest.to_numpy()) != 1)
        if len(jump):
            raise DataError(
                f"y has whole numbers as its index, and they must rise by 1; {longest[jump[0]]} is followed by "
                f"{longest[jump[0] + 1]}. Number the rows anew, or insert the missing ones with y.reindex(...)"
            )
        return 1
    level: Any = y.index.levels[-1] if isinstance(y.index, pd.MultiIndex) else y.index
    if level.freq is not None:
        return level.freq
    fit = infer_grid(longest, np.array([0, len(longest)]))
    if fit is None or fit.other.any():
        remedy = _clock_advice(longest, y.index.nlevels > 1) if fit is not None else ""
        raise DataError(
            f"the index of y has no regular frequency: {_irregular(longest, fit)}. "
            f"{remedy or 'Make it regular with y.asfreq(...) or y.resample(...), or set the frequency that it has'}"
        )
    return read_offset(fit.grid.freq)  # of missing rows `read_table` speaks


def _clock_advice(times: pd.DatetimeIndex, panel: bool) -> str:
    """What clocks have to do with it, as code for y; empty if nothing."""
    said = clocks.local_days(times, TIME, True) or clocks.spans(times, np.array([0, len(times)]), TIME, True)
    said = said.removesuffix(", or pass freq=...")
    if panel:
        said = re.sub(
            r"df\.index = (pd\.to_datetime\()df\.index(.*?\)\.\w+\(.*?\))",
            r"y.index = y.index.set_levels(\1y.index.levels[-1]\2, level=-1)",
            said,
        )
    return said.replace("df.index", "y.index")


def _irregular(times: pd.DatetimeIndex, fit: Fit | None) -> str:
    if fit is None:
        return f"the longest series has {len(times)} rows, too few to tell"
    odd = max(int((fit.off | (fit.missing > 0)).argmax()), 1)
    return f"{shown(fit.grid.freq)}, its most usual step, does not lead from {times[odd - 1]} to {times[odd]}"


def horizon_of(fh: ForecastingHorizon, y: pd.DataFrame, freq: Any) -> int:
    """The steps after the end of the series that ends first which `fh` reaches."""
    first = read_series(y)[1].ends.min()
    cutoff = pd.DatetimeIndex([first], freq=freq) if isinstance(first, pd.Timestamp) else pd.Index([first])
    with counted(cutoff):
        return int(fh.to_relative(cutoff).to_numpy().max())


def steps_of(
    fh: ForecastingHorizon, cutoff: pd.Index, series: Series, times: pd.Index, horizon: int
) -> Int[np.ndarray, "instance step"]:
    """Which of the `horizon` steps after each instance's end `fh` asks for, from 1 on.

    Args:
        fh: relative to the end of each instance, or times.
        cutoff: the latest of these ends, with its frequency.
        series: the instances.
        times: what follows the end of each instance, one instance after the other.
        horizon: how many times of each.

    Raises:
        ConfigError: a time is none of them.
    """
    count = len(times) // horizon
    if fh.is_relative and not isinstance(fh.to_pandas(), pd.TimedeltaIndex):
        steps = fh.to_numpy().astype(np.int64)
        check_steps(steps, horizon)
        return np.broadcast_to(steps, (count, len(steps)))
    labels = fh.to_absolute_index(cutoff)
    codes, found = pd.factorize(times)
    wanted = found.get_indexer(labels)
    ahead = codes.reshape(count, horizon)
    steps = np.stack([np.where(hit.any(1), hit.argmax(1) + 1, 0) for hit in (ahead == code for code in wanted)], axis=1)
    if not steps.all():
        instance, place = np.argwhere(steps == 0)[0]
        whose = "y" if series.instances is None else f"instance {_label(series.instances[instance])!r}"
        raise ConfigError(
            f"fh asks for {labels[place]}; {whose} ends at {series.ends[instance]} and the model forecasts "
            f"{horizon} steps, up to {times[(instance + 1) * horizon - 1]}. Ask for times in between, or fit with a "
            "longer horizon"
        )
    return steps


def fh_index(fh: Any) -> pd.Index:
    """What an `fh` of any form holds."""
    return _horizon_object(fh).to_pandas()


def first_step(fh: Any, cutoff: pd.Index) -> int:
    """The earliest step that an `fh` of any form asks for, counted from `cutoff`."""
    absolute = _horizon_object(fh).to_absolute(cutoff)  # durations become steps by way of times
    return int(absolute.to_relative(cutoff).to_numpy().min())


@contextmanager
def counted(cutoff: Any) -> Iterator[None]:
    """Refuses dates where sktime cannot count: it does so by way of pandas' periods, which few calendars have."""
    try:
        yield
    except (ValueError, AttributeError) as error:
        if "period" not in str(error) or isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"fh holds dates, and sktime cannot count them in steps of {getattr(cutoff, 'freq', None)!r}, a calendar "
            "that has no periods. Pass fh as steps from 1 on"
        ) from error


def _horizon_object(fh: Any) -> ForecastingHorizon:
    return fh if isinstance(fh, ForecastingHorizon) else ForecastingHorizon(fh)


def check_steps(steps: Int[np.ndarray, " step"], horizon: int) -> None:
    """Raises `ConfigError` where a step is beyond the horizon."""
    if (last := int(steps.max(initial=0))) > horizon:
        raise ConfigError(
            f"fh asks for step {last}, and this model was fitted for a horizon of {horizon}. Pass fh up to {horizon}, "
            f"or fit with horizon={last}"
        )


# --- refusals ---------------------------------------------------------------------------------------------------------


def check_instances(y: object) -> None:
    """Raises `DataError` where there is nothing, or a list of frames holds an empty one: sktime would drop it."""
    if isinstance(y, pd.Series | pd.DataFrame | np.ndarray) and not len(y):
        raise DataError("y has no rows: there is nothing to learn from. Pass the series that were observed")
    if isinstance(y, list) and (empty := [k for k, each in enumerate(y) if not len(each)]):
        raise DataError(f"{len(empty)} instances of y have no rows: {name_some(empty)}. Leave them out")


def check_columns(new: pd.DataFrame, known: pd.DataFrame, what: str) -> None:
    """Raises `DataError` where `update` gets other columns than `fit` had."""
    if set(new.columns) != set(known.columns):
        raise DataError(
            f"{what} has the columns {list(new.columns)}, and that of fit {list(known.columns)}. Pass the same"
        )


@contextmanager
def advised() -> Iterator[None]:
    """Errors of `Forecaster` with the remedies that sktime's interface has."""
    try:
        yield
    except DataError as error:
        said = str(error).replace("futr_df=...", "X").replace("futr_df", "X").replace("futr_cols=", "the columns of X ")
        for theirs, ours in ADVICE.items():
            if said.endswith(theirs):
                said = said.removesuffix(theirs) + ours
        said = _PASTED.sub(r"y.index = y.index.", said).replace("pass freq=pd.offsets", "take y.asfreq(pd.offsets")
        said = said.replace("'), else fill_gaps=True", "')), which keeps them out, else y.asfreq('D')")
        said = said.replace(f", '{ID}', '{TIME}']", "]").replace(f"['{ID}', '{TIME}']", "[]")  # X came without them
        raise DataError(said) from error


def _instances(y: pd.DataFrame) -> pd.Index:
    index: Any = y.index
    return index.droplevel(-1)


def _label(instance: object) -> str:
    return "/".join(map(str, instance)) if isinstance(instance, tuple) else str(instance)
