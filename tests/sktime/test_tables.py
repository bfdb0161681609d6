"""sktime's tables with calendars of their own: the rule of the index is carried, not its alias."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas import offsets

from seqreprog import Adapter, Training
from seqreprog.errors import ConfigError, DataError
from seqreprog.sktime import ReprogForecaster

CALENDARS: list[Any] = [
    offsets.CustomBusinessDay(weekmask="Mon Tue Wed Thu Fri Sat"),
    offsets.CustomBusinessDay(weekmask="Sun Mon Tue Wed Thu", holidays=["2020-02-06"]),
    offsets.CustomBusinessMonthEnd(weekmask="Sun Mon Tue Wed Thu"),
    offsets.SemiMonthBegin(day_of_month=15),
    offsets.BusinessHour(),
    pd.DateOffset(months=1),
]


def forecaster() -> ReprogForecaster:
    return ReprogForecaster(
        horizon=5,
        context=12,
        backbone="tiny-random",
        adapter=Adapter(patch=4, stride=4),
        training=Training(mode="probe", progress=False),
    )


def index(offset: Any) -> pd.DatetimeIndex:
    start = "2020-01-15 09:00" if isinstance(offset, offsets.BusinessHour) else "2020-01-15"
    return pd.date_range(start, periods=70, freq=offset)


@pytest.mark.parametrize("offset", CALENDARS, ids=str)
def test_calendars_of_an_index(offset: Any) -> None:
    days = index(offset)
    y = pd.Series(np.sin(np.arange(60) / 3), index=days[:60])
    fitted = forecaster().fit(y)
    assert fitted.predict(fh=[1, 2, 5]).index.tolist() == days[[60, 61, 64]].tolist()
    with pytest.raises(ConfigError, match=r"fh holds dates.*no periods\. Pass fh as steps"):
        fitted.predict(fh=days[60:62])


@pytest.mark.parametrize("offset", CALENDARS[:2] + CALENDARS[-1:], ids=str)
def test_calendars_of_a_panel(offset: Any) -> None:
    days = index(offset)
    rows = pd.MultiIndex.from_product([["a", "b"], days[:60]], names=["shop", "day"])
    y = pd.DataFrame({"y": np.sin(np.arange(120) / 3)}, index=rows)
    found = forecaster().fit(y).predict(fh=[1, 2])
    assert found.index.get_level_values("day").tolist() == [*days[60:62]] * 2


LOCAL = pd.date_range("2024-01-10", periods=200, tz="Europe/Berlin").tz_convert("UTC").tz_localize(None)
WANDERING = pd.date_range("2024-01-10", periods=60) + pd.to_timedelta(
    np.random.default_rng(0).integers(0, 80_000, 60), "s"
)


@pytest.mark.parametrize("panel", [False, True])
@pytest.mark.parametrize(("times", "what"), [(LOCAL, "exported as UTC"), (WANDERING, "a period of its own")])
def test_clocks_are_named_with_code_for_y(times: pd.DatetimeIndex, what: str, panel: bool) -> None:
    y = pd.DataFrame({"y": np.sin(np.arange(len(times)) / 3)}, index=times)
    if panel:
        y = pd.concat({"a": y, "b": y}, names=["shop", "day"])
    with pytest.raises(DataError, match=what) as caught:
        forecaster().fit(y)
    code = re.search(r"y\.index = .*\)", str(caught.value).split(", with the zone")[0])
    assert code is not None, caught.value
    scope = {"y": y.copy(), "pd": pd}
    exec(code[0], scope)
    assert len(forecaster().fit(scope["y"]).predict(fh=[1, 2])) == (4 if panel else 2)


def test_days_that_are_never_worked_are_named_with_code_for_y() -> None:
    days = pd.date_range("2024-01-01", periods=60, freq=CALENDARS[0])
    y = pd.Series(np.sin(np.arange(60) / 3), index=pd.DatetimeIndex(days.tolist()))
    with pytest.raises(DataError, match=r"take y\.asfreq\(pd\.offsets\.CustomBusinessDay\(weekmask='Mon"):
        forecaster().fit(y)
    assert forecaster().fit(y.asfreq(CALENDARS[0])).predict(fh=[1]).index[0] == days[-1] + CALENDARS[0]
