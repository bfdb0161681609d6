"""Figures: what they show, what they say, and that they are written whole or not at all."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqreprog.data.frames import SeriesTable, future_frame, read_table
from seqreprog.errors import ConfigError, DependencyError, OutputError
from seqreprog.evaluation.plot import check_picture, plot_forecast, save_figure

pytest.importorskip("matplotlib")


def table_of(count: int = 2, times: Any = None, length: int = 60) -> SeriesTable:
    times = pd.date_range("2024-01-01", periods=length, freq="h") if times is None else times
    ids = np.repeat([f"zone {place}" for place in range(count)], len(times))
    values = 10.0 * (1 + np.repeat(np.arange(count), len(times))) + np.tile(np.arange(len(times)), count)
    frame = pd.DataFrame({"zone": ids, "hour": np.tile(np.arange(len(times)), count), "load": values})
    frame["hour"] = pd.Index(times).take(frame["hour"])
    return read_table(frame, id_col="zone", time_col="hour", target_col="load")


def forecast_of(table: SeriesTable, horizon: int = 5) -> pd.DataFrame:
    frame = future_frame(table, horizon)
    frame["seqreprog"] = np.arange(len(frame), dtype=float)
    for level, width in ((95, 4.0), (80, 2.0)):
        frame[f"seqreprog-lo-{level}"] = frame["seqreprog"] - width
        frame[f"seqreprog-hi-{level}"] = frame["seqreprog"] + width
    return frame


def lines(axis: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in axis.get_lines()}


def test_each_series_has_its_history_forecast_and_intervals() -> None:
    table = table_of()
    forecast = forecast_of(table)
    figure = plot_forecast(table, forecast, title="Load")
    axes = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title(loc="left") for axis in axes] == ["zone 0", "zone 1"]
    assert figure.get_suptitle() == "Load"
    for place, axis in enumerate(axes):
        drawn = lines(axis)
        assert set(drawn) == {"observed", "seqreprog"}
        ahead = forecast[forecast["zone"] == f"zone {place}"]
        np.testing.assert_array_equal(drawn["seqreprog"].get_ydata(), ahead["seqreprog"])
        np.testing.assert_array_equal(drawn["seqreprog"].get_xdata(), ahead["hour"].to_numpy())
        seen = drawn["observed"].get_ydata()
        assert len(seen) == 48  # four times the horizon, and twelve steps of it at least
        assert seen[-1] == 10 * (1 + place) + 59
        assert [band.get_label() for band in axis.collections] == ["95 %", "80 %"]  # the wide one below
        bounds = axis.collections[0].get_paths()[0].vertices[:, 1]
        assert (bounds.min(), bounds.max()) == (ahead["seqreprog"].min() - 4, ahead["seqreprog"].max() + 4)
    legend = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert legend == ["observed", "95 %", "80 %", "seqreprog"]


def test_what_came_is_drawn_beside_it() -> None:
    table = table_of(1)
    forecast = forecast_of(table)
    actual = forecast[["zone", "hour"]].assign(load=7.0)
    drawn = lines(plot_forecast(table, forecast, actual=actual).axes[0])
    np.testing.assert_array_equal(drawn["actual"].get_ydata(), np.full(5, 7.0))


def test_many_series_are_capped_and_the_figure_says_so() -> None:
    table = table_of(20)
    figure = plot_forecast(table, forecast_of(table), limit=3, title="Load")
    assert [axis.get_title(loc="left") for axis in figure.axes if axis.get_visible()] == ["zone 0", "zone 1", "zone 2"]
    assert figure.get_suptitle() == "Load (the first 3 of 20 series)"
    assert plot_forecast(table, forecast_of(table)).get_suptitle() == "(the first 6 of 20 series)"
    assert plot_forecast(table_of(1), forecast_of(table_of(1))).get_suptitle() == ""


def test_time_zones_show_the_local_clock() -> None:
    table = table_of(1, pd.date_range("2024-03-29", periods=60, freq="h", tz="Europe/Berlin"))
    drawn = lines(plot_forecast(table, forecast_of(table)).axes[0])
    assert drawn["seqreprog"].get_xdata()[0] == np.datetime64("2024-03-31T13:00")  # an hour was skipped in the night
    assert drawn["observed"].get_xdata()[-1] == np.datetime64("2024-03-31T12:00")


def test_integer_times_are_drawn_as_they_are() -> None:
    table = table_of(1, np.arange(100, 160))
    drawn = lines(plot_forecast(table, forecast_of(table)).axes[0])
    np.testing.assert_array_equal(drawn["seqreprog"].get_xdata(), np.arange(160, 165))


def test_periods_are_drawn_at_their_start() -> None:
    table = table_of(1, pd.period_range("2020-01", periods=30, freq="M"))
    drawn = lines(plot_forecast(table, forecast_of(table)).axes[0])
    assert drawn["seqreprog"].get_xdata()[0] == np.datetime64("2022-07-01")


def test_a_series_without_a_forecast_keeps_its_place() -> None:
    table = table_of(2)
    forecast = forecast_of(table)
    figure = plot_forecast(table, forecast[forecast["zone"] == "zone 0"])
    assert len(lines(figure.axes[1])["seqreprog"].get_ydata()) == 0
    assert len(lines(figure.axes[1])["observed"].get_ydata()) == 48


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")])
def test_a_picture_of_each_kind_is_written(tmp_path: Path, suffix: str, start: bytes) -> None:
    table = table_of(3, pd.date_range("2024-03-29", periods=60, freq="h", tz="Europe/Berlin"))
    path = tmp_path / f"load{suffix}"
    save_figure(plot_forecast(table, forecast_of(table), title="Load"), path)
    assert path.read_bytes().startswith(start)
    assert path.stat().st_size > 5000
    assert os.listdir(tmp_path) == [path.name]


def test_a_png_has_ink(tmp_path: Path) -> None:
    from matplotlib import image

    table = table_of(1)
    save_figure(plot_forecast(table, forecast_of(table)), tmp_path / "a.png")
    pixels = image.imread(tmp_path / "a.png")[..., :3]
    assert min(pixels.shape[:2]) > 300
    assert 0.001 < (pixels.min(axis=-1) < 0.9).mean() < 0.5


@pytest.mark.parametrize("name", ["load.jpg", "load", "load.csv"])
def test_an_unknown_ending_is_named(tmp_path: Path, name: str) -> None:
    for refuse in (check_picture, lambda path: save_figure(None, path)):
        with pytest.raises(ConfigError, match=rf"one of \['.png', '.svg', '.pdf'\]; got '.*{name}'"):
            refuse(tmp_path / name)
    assert not os.listdir(tmp_path)


def test_a_failed_picture_leaves_the_old_one(tmp_path: Path) -> None:
    class Broken:
        def savefig(self, place: Path, **options: Any) -> None:
            place.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"a\.png': No space left on device"):
        save_figure(Broken(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    table = table_of(1)
    with pytest.raises(OutputError, match="there is no folder"):
        save_figure(plot_forecast(table, forecast_of(table)), tmp_path / "gone" / "a.png")


def test_no_global_state_of_matplotlib_is_touched() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    table = table_of(1)
    plot_forecast(table, forecast_of(table))
    assert dict(matplotlib.rcParams) == before


def test_without_matplotlib_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def absent(name: str, *rest: Any, **options: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return usual(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DependencyError, match=r"pip install 'seqreprog\[plot\]'"):
        check_picture("a.png")
