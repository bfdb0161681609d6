"""Numbers whose squares are infinite are refused where they are read: no error or spread could be made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqreprog import Forecaster, SequenceRegressor, Training
from seqreprog.config.series import SeriesConfig
from seqreprog.data.magnitudes import LARGEST
from seqreprog.errors import DataError
from seqreprog.estimators.series import SeriesModel

COMMON: dict[str, Any] = {"backbone": "tiny-random", "layers": 1}


def frame(scale: float) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(60) / 2) + 0.1 * rng.normal(size=60)
    return pd.DataFrame({"ds": pd.date_range("2024", periods=60), "y": values * scale, "x": rng.normal(size=60)})


@pytest.mark.parametrize("size", [1e151, 1e155, -1e200, 1e308])
def test_what_cannot_be_squared_is_named(size: float) -> None:
    df, said = (
        frame(1.0),
        r"1 such values\)\. Values must be at most 1e\+150 in size.*Divide them all by a power of ten",
    )
    for column in ("y", "x"):
        large = df.assign(**{column: df[column].where(df.index != 7, size)})
        with pytest.raises(DataError, match=said) as caught:
            Forecaster(2, **COMMON).fit(large, hist_cols=["x"])
        assert f"is {size:g} " in str(caught.value)
        assert "2024-01-08" in str(caught.value)
    with pytest.raises(DataError, match=said):
        Forecaster(2, **COMMON).fit(df.assign(y=df["y"].where(df.index != 7, size)).set_index("ds")[["y", "x"]])
    X = np.random.default_rng(0).normal(size=(4, 1, 20))
    X[2, 0, 5] = size
    with pytest.raises(DataError, match=rf"^instance 2 holds .* \({said}"):
        SeriesModel.fit(SeriesConfig(**COMMON), X, [0, 1, 0, 1])
    with pytest.raises(DataError, match=r"^row 1 holds .*1 of 4 are such values.*must be at most 1e\+150"):
        SequenceRegressor(**COMMON).fit(["AC", "AD", "CD", "DD"], [1.0, size, 2.0, 3.0])


@pytest.mark.parametrize("scale", [LARGEST / 10, 1e100, 1e-100])
def test_what_can_be_squared_is_forecast_like_anything_else(scale: float) -> None:
    training = Training(mode="probe", progress=False)
    plain, large = (Forecaster(2, training=training, **COMMON).fit(frame(each)) for each in (1.0, scale))
    assert large.summary_.verdict == plain.summary_.verdict
    there = large.predict()[["seqreprog", "seqreprog-lo-80", "seqreprog-hi-80"]]
    np.testing.assert_allclose(there / scale, plain.predict()[there.columns], rtol=1e-6)
