"""Long frames of whole series: what was written is read, in any order of rows, and refusals have names."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqreprog.data.instance_frames import read_instance_frame
from seqreprog.errors import ConfigError, DataError

PARTS = {"b": np.array([[1.0, 2, 3], [4, np.nan, 6]]), "a": np.array([[7.0], [8]]), "c": np.arange(10.0).reshape(2, 5)}


def frame(times: Any = None, **changes: Any) -> pd.DataFrame:
    made = [
        pd.DataFrame({"unique_id": name, "ds": np.arange(part.shape[1]), "x": part[0], "z": part[1]})
        for name, part in PARTS.items()
    ]
    return pd.concat(made, ignore_index=True).assign(**changes)


def values(table: Any) -> list[np.ndarray]:
    offsets = table.instances.offsets
    return [table.instances.values[start:stop].T for start, stop in pairwise(offsets)]


def test_series_of_any_length_with_missing_cells() -> None:
    table = read_instance_frame(frame())
    assert (table.ids.tolist(), table.channels, table.notices) == (["b", "a", "c"], ("x", "z"), ())
    for found, part in zip(values(table), PARTS.values(), strict=True):
        np.testing.assert_array_equal(found, part)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("dates", [False, True])
def test_rows_are_steps_in_the_order_of_their_times(seed: int, dates: bool) -> None:
    df = frame()
    if dates:  # an hour apart, then a year: only the order counts
        df["ds"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(df["ds"] ** 4, unit="h")
    table = read_instance_frame(df.sample(frac=1, random_state=seed))
    assert table.notices == ("rows were not in time order: sorted",)
    for name, found in zip(table.ids, values(table), strict=True):
        np.testing.assert_array_equal(found, PARTS[name])


def test_columns_go_by_any_name_and_channels_stand_in_the_order_asked_for() -> None:
    df = frame().rename(columns={"unique_id": "gesture", "ds": "step"}).assign(label="wave")
    table = read_instance_frame(df, id_col="gesture", time_col="step", value_cols=["z", "x"])
    np.testing.assert_array_equal(values(table)[0], PARTS["b"][::-1])


def test_the_columns_of_the_fit_are_found_by_name_in_any_order() -> None:
    df = frame(label=3.0)[["z", "label", "ds", "x", "unique_id"]]
    table = read_instance_frame(df, known=("x", "z"))
    assert table.channels == ("x", "z")
    np.testing.assert_array_equal(values(table)[0], PARTS["b"])
    assert read_instance_frame(df.drop(columns="label"), known=("dim_0", "dim_1")).channels == ("z", "x")
    assert read_instance_frame(df, known=("x", "z"), value_cols=["label"]).channels == ("label",)


@pytest.mark.parametrize(
    ("changes", "options", "error", "message"),
    [
        ({}, {"id_col": "gesture"}, DataError, r"no column 'gesture'; it has \['unique_id', .*Pass id_col="),
        ({}, {"time_col": "step"}, DataError, r"no column 'step'; .*Pass time_col="),
        ({}, {"value_cols": ["w"]}, DataError, r"no column 'w'; .*Pass value_cols=\[\.\.\.\]"),
        ({}, {"value_cols": ["x", "x"]}, ConfigError, "column 'x' is named more than once: ids 'unique_id'"),
        ({}, {"value_cols": ["ds"]}, ConfigError, "column 'ds' is named more than once"),
        ({}, {"id_col": "ds"}, ConfigError, "column 'ds' is named more than once"),
        ({"x": "one"}, {}, DataError, r"'x' must hold numbers; row 0 holds 'one' .*, or name .* value_cols=\["),
        ({"unique_id": [None] * 2 + ["b"] * 7}, {}, DataError, "'unique_id' has 2 missing ids .first in row 0."),
        ({"ds": ["soon"] * 9}, {}, DataError, "column 'ds' must hold times; row 0 holds 'soon'"),
        ({"ds": [None] + [1.0] * 8}, {}, DataError, "column 'ds' has 1 missing times"),
        ({"ds": [0, 1, 1, *range(6)]}, {}, DataError, r"series 'b' has more than one row at 1 \(1 dupl"),
        ({"z": [1.0] * 8 + [np.inf]}, {}, DataError, "series 'c' holds inf at step 4 of channel 'z'"),
        (dict.fromkeys("xz", [np.nan] * 3 + [1.0] * 6), {}, DataError, "1 series hold no observed value: 'b'"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_named(changes: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_instance_frame(frame(**changes), **options)


def test_a_frame_without_values_or_with_a_column_twice_is_named() -> None:
    with pytest.raises(DataError, match=r"df has no column of values; it has \['unique_id', 'ds'\]"):
        read_instance_frame(frame()[["unique_id", "ds"]])
    twice = pd.concat([frame(), frame()["x"]], axis=1)
    with pytest.raises(DataError, match="more than one column 'x'"):
        read_instance_frame(twice, value_cols=["x"])
