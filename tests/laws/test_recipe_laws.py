"""Recipes in TOML and series in `.ts` files: what is read is what was written, to the bit, or a named error."""

from __future__ import annotations

import datetime
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqreprog.config.fields import read_toml
from seqreprog.config.forecast import Adapter, ForecastConfig, Prompt, Training, forecast_config, to_dict
from seqreprog.config.sequence import SequenceConfig, sequence_config
from seqreprog.config.series import SeriesConfig, series_config
from seqreprog.errors import ConfigError, DataError
from seqreprog.evaluation.protocol import Protocol, read_recipe

CASES = pytest.mark.parametrize("cases", [40, pytest.param(500, marks=pytest.mark.slow)])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
ODD = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.booleans()
    | TEXT
    | st.sampled_from([datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1, 5), datetime.time(3)])
)
ANYTHING = st.recursive(ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


def hold(cases: int, law: Callable[..., None], *strategies: st.SearchStrategy[Any]) -> None:
    """Tries a law on so many cases."""

    @settings(max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.tuples(*strategies))
    def tried(drawn: tuple[Any, ...]) -> None:
        law(*drawn)

    tried()


# --- TOML ------------------------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    plain = (char if 32 <= ord(char) < 127 and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(plain)}"'


def inline(value: Any) -> str:
    """A value as TOML writes it; `None` is left out, as TOML has none."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{quoted(key)} = {inline(each)}' for key, each in value.items() if each is not None)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float):
        return repr(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def written(path: Path, tables: dict[str, Any]) -> Path:
    path.write_text("".join(f"{quoted(name)} = {inline(value)}\n" for name, value in tables.items()), encoding="utf-8")
    return path


SHARE = st.floats(0.01, 0.99)
CONFIGS = st.builds(
    ForecastConfig,
    horizon=st.integers(1, 10**6),
    context=st.integers(64, 10**6),
    backbone=TEXT,
    layers=st.integers(1, 99),
    level=st.lists(st.integers(1, 99) | st.floats(1, 99.9), max_size=4).map(tuple),
    loss=st.sampled_from(["mse", "mae"]),
    base=st.sampled_from(["ridge", "none"]),
    seed=st.integers(0, 2**32 - 1),
    prompt=st.builds(
        Prompt, domain=TEXT, task=st.booleans(), parts=st.lists(st.sampled_from(["min", "max", "lags"])).map(tuple)
    ),
    adapter=st.builds(Adapter, patch=st.integers(32, 64), stride=st.integers(1, 32), dropout=SHARE),
    training=st.builds(
        Training,
        max_steps=st.integers(0, 10**9),
        learning_rate=st.floats(1e-300, 1e300),
        validation=SHARE,
        time_budget=st.none() | st.floats(1e-3, 1e9),
        threads=st.none() | st.integers(1, 64),
        progress=st.booleans(),
        mode=st.sampled_from(["auto", "train", "probe"]),
    ),
)
PROTOCOLS = st.builds(
    Protocol,
    kind=st.just("rolling"),
    windows=st.integers(1, 10**6),
    step=st.integers(1, 10**6),
    season=st.integers(1, 10**6),
    seeds=st.lists(st.integers(0, 2**62), min_size=1, max_size=3).map(tuple),
    id_col=st.none() | TEXT,
    target_col=st.none() | TEXT,
    fill_gaps=st.booleans(),
    duplicates=st.sampled_from(["error", "first", "last", "mean"]),
)


@CASES
def test_a_recipe_comes_back(tmp_path: Path, cases: int) -> None:
    def law(config: ForecastConfig, protocol: Protocol) -> None:
        path = written(tmp_path / "recipe.toml", {"forecaster": to_dict(config), "protocol": asdict(protocol)})
        assert read_recipe(read_toml(path)) == (config, protocol)
        assert forecast_config(to_dict(config)) == config

    hold(cases, law, CONFIGS, PROTOCOLS)


PLAIN = {"forecaster": to_dict(ForecastConfig(horizon=2)), "protocol": asdict(Protocol("rolling"))}
PLACES = [
    (table, *inner)
    for table, values in PLAIN.items()
    for inner in [
        (),
        *((name,) for name in values),
        *((name, each) for name, value in values.items() if isinstance(value, dict) for each in value),
    ]
]


def any_value_anywhere(cases: int, folder: Path) -> None:
    def law(place: tuple[str, ...], value: Any, other: str, replaced: bool) -> None:
        recipe = {table: {**values} for table, values in PLAIN.items()}
        target: Any = recipe
        for name in place[:-1]:
            target[name] = dict(target[name])
            target = target[name]
        target[place[-1] if replaced else other] = value
        try:
            config, protocol = read_recipe(read_toml(written(folder / "recipe.toml", recipe)))
        except ConfigError as error:
            assert str(error)
        else:
            assert forecast_config(to_dict(config)) == config
            assert read_recipe({"forecaster": to_dict(config), "protocol": read_back(protocol)}) == (config, protocol)

    hold(cases, law, st.sampled_from(PLACES), ANYTHING, TEXT, st.booleans())


def read_back(protocol: Protocol) -> dict[str, Any]:
    values = {name: value for name, value in asdict(protocol).items() if value is not None}
    return values | {name: list(values[name]) for name in ("borders", "seeds")}


def any_value_of_other_families(cases: int, folder: Path) -> None:
    families: list[tuple[Any, dict[str, Any]]] = [
        (sequence_config, asdict(SequenceConfig())), (series_config, asdict(SeriesConfig())),
    ]  # fmt: skip
    places = [
        (family, name, *inner)
        for family, (_, plain) in enumerate(families)
        for name, value in plain.items()
        for inner in [(), *([(each,) for each in value] if isinstance(value, dict) else [])]
    ]

    def law(place: tuple[Any, ...], value: Any) -> None:
        make, plain = families[place[0]]
        inner = {**plain[place[1]], place[2]: value} if len(place) == 3 else value
        try:
            config = make({**plain, place[1]: inner})
        except ConfigError as error:
            assert str(error)
        else:
            assert make(asdict(config)) == config

    hold(cases, law, st.sampled_from(places), ANYTHING)


SCRIPT = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("laws", sys.argv[1])
laws = importlib.util.module_from_spec(spec)
spec.loader.exec_module(laws)
getattr(laws, sys.argv[2])(int(sys.argv[3]), pathlib.Path(sys.argv[4]))
"""


@CASES
@pytest.mark.parametrize("law", ["any_value_anywhere", "any_value_of_other_families"])
def test_any_value_of_any_option_is_read_or_named(tmp_path: Path, law: str, cases: int) -> None:
    """In a process of its own: what checks types in the tests would be the first to refuse."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, __file__, law, str(cases), str(tmp_path)],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@CASES
def test_any_bytes_are_a_table_or_named(tmp_path: Path, cases: int) -> None:
    def law(content: bytes, cut: int) -> None:
        recipe = written(tmp_path / "recipe.toml", PLAIN).read_bytes()
        (tmp_path / "recipe.toml").write_bytes(recipe[: cut % len(recipe)] + content)
        try:
            read_recipe(read_toml(tmp_path / "recipe.toml"))
        except ConfigError as error:
            assert str(error)

    hold(cases, law, st.binary(max_size=20), st.integers(0, 10**6))


# --- .ts -------------------------------------------------------------------------------------------------------------

HEAD = "@problemName toy\n@timeStamps false\n@univariate {one}\n@classLabel {labels}\n@data\n"
NUMBERS = st.floats(-1e150, 1e150) | st.integers(-(2**53), 2**53).map(float) | st.just(math.nan)


@st.composite
def instances(draw: st.DrawFn) -> list[np.ndarray]:
    channels, found = draw(st.integers(1, 3)), []
    for _ in range(draw(st.integers(1, 4))):
        steps = draw(st.integers(1, 5))
        values = np.array(draw(st.lists(NUMBERS, min_size=channels * steps, max_size=channels * steps)))
        found.append(values.reshape(channels, steps))
    return found


def ts_text(series: list[np.ndarray], labels: list[str] | None) -> str:
    rows = []
    for place, one in enumerate(series):
        cells = [",".join("?" if math.isnan(each) else repr(float(each)) for each in channel) for channel in one]
        rows.append(":".join(cells + ([labels[place % len(labels)]] if labels else [])))
    head = HEAD.format(one=str(len(series[0]) == 1).lower(), labels=f"true {' '.join(labels)}" if labels else "false")
    return head + "\n".join(rows) + "\n"


@CASES
@pytest.mark.parametrize("labels", [None, ["up", "down"], ["1", "2"]])
def test_series_of_a_ts_file_come_back(tmp_path: Path, cases: int, labels: list[str] | None) -> None:
    pytest.importorskip("sktime")
    from seqreprog.sktime.ts_files import read_ts_file

    def law(series: list[np.ndarray]) -> None:
        path = tmp_path / "toy.ts"
        path.write_text(ts_text(series, labels))
        if any(np.isnan(one).all() for one in series):
            with pytest.raises(DataError, match="hold no observed value"):
                read_ts_file(path)
            return
        found = read_ts_file(path)
        assert found.lengths.tolist() == [one.shape[1] for one in series]
        np.testing.assert_array_equal(found.values, np.concatenate([one.T for one in series]))

    hold(cases, law, instances())


@CASES
def test_any_text_in_a_ts_file_is_read_or_named(tmp_path: Path, cases: int) -> None:
    pytest.importorskip("sktime")
    from seqreprog.sktime.ts_files import read_ts_file

    pieces = st.sampled_from([",", ":", "?", "\n", "@data\n", "@classLabel true a\n", "(", ")", "1e999", "-", "#", " "])

    def law(series: list[np.ndarray], put: str | bytes, place: int, cut: int) -> None:
        text = ts_text(series, ["up", "down"]).encode()
        place %= len(text)
        content = put if isinstance(put, bytes) else put.encode()
        (tmp_path / "toy.ts").write_bytes(text[:place] + content + text[place + cut :])
        try:
            found = read_ts_file(tmp_path / "toy.ts")
        except DataError as error:
            assert str(error)
        else:
            assert (found.lengths > 0).all()
            assert not np.isinf(found.values).any()

    hold(cases, law, instances(), pieces | TEXT | st.binary(max_size=4), st.integers(0, 10**4), st.integers(0, 3))
