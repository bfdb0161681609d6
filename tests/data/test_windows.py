"""Windows: every index by hand against a slow loop, no target over a border in time, memory that is the data's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqreprog.data.windows import (
    MIN_CONTEXT,
    Panel,
    Windows,
    borders_in_time,
    last_windows,
    rolling_windows,
    split_by_series,
    split_in_time,
    windows_between,
)
from seqreprog.errors import ConfigError


def panel_of(*series: list[float] | np.ndarray) -> Panel:
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in series])]).astype(np.int64)
    return Panel(np.concatenate([np.asarray(one, dtype=float) for one in series]), offsets)


def counting(*lengths: int) -> Panel:
    """Series i counts 100 * i, 100 * i + 1, ...: a value names its series and step."""
    return panel_of(*(100.0 * place + np.arange(length) for place, length in enumerate(lengths)))


def target_steps(windows: Windows) -> list[tuple[int, int]]:
    """(series, first target step) of each window."""
    begin = windows.origins - windows.panel.offsets[windows.series]
    return list(zip(windows.series.tolist(), begin.tolist(), strict=True))


# --- the panel -------------------------------------------------------------------------------------------------------


def test_scales_are_the_standard_deviation_of_what_was_observed() -> None:
    panel = panel_of([1, 2, 3, np.nan], [5, 5, 5], [np.nan, np.nan], [10, 30], [0.0, 0.0])
    np.testing.assert_allclose(panel.scales(), [np.std([1, 2, 3]), 1.0, 1.0, 10.0, 1.0])


@pytest.mark.parametrize(("shift", "scale"), [(1e9, 1.0), (0.0, 1e-12), (-1e9, 10.0)])
def test_scales_keep_the_shape_of_a_far_or_tiny_series(shift: float, scale: float) -> None:
    values = np.random.default_rng(0).normal(size=500)
    found = panel_of(shift + scale * values).scales()[0]
    assert found == pytest.approx(scale * values.std(), rel=1e-6)


def test_rounding_noise_of_a_level_is_no_spread() -> None:
    assert panel_of(np.full(50, 0.1) * 3e9).scales()[0] == 1.0


def test_tail_and_until_cut_each_series_by_its_own_steps() -> None:
    panel = counting(5, 2)
    assert panel.tail(3).values.tolist() == [2, 3, 4, 100, 101]
    assert panel.tail(3).lengths.tolist() == [3, 2]
    assert panel.until(np.array([1, 2])).values.tolist() == [0, 100, 101]
    assert panel.until(np.array([-4, 9])).lengths.tolist() == [0, 2]


def test_an_empty_series_has_no_window_and_a_scale() -> None:
    panel = counting(4, 0)
    assert panel.scales()[1] == 1.0
    found = last_windows(panel, 3, 2)
    assert np.isnan(found.inputs()[1]).all()
    assert target_steps(windows_between(panel, 2, 1, start=np.array([0, 0]), stop=panel.lengths)) == [(0, 2), (0, 3)]


# --- cutting ---------------------------------------------------------------------------------------------------------


def test_windows_by_hand() -> None:
    panel = panel_of([0, 1, 2, 3, np.nan, 5], [100, 101, 102])
    windows = Windows(panel, np.array([0, 1, 0]), np.array([3, 8, 6]), context=4, horizon=2)
    nan = np.nan
    np.testing.assert_array_equal(windows.inputs(), [[nan, 0, 1, 2], [nan, nan, 100, 101], [2, 3, nan, 5]])
    np.testing.assert_array_equal(windows.targets(), [[3, nan], [102, nan], [nan, nan]])
    np.testing.assert_array_equal(np.isfinite(windows.targets()), [[True, False], [True, False], [False, False]])
    assert windows.informative().origins.tolist() == windows.origins[:2].tolist()


def test_last_windows_end_where_their_series_ends() -> None:
    windows = last_windows(counting(5, 2, 3), context=3, horizon=4)
    np.testing.assert_array_equal(windows.inputs(), [[2, 3, 4], [np.nan, 100, 101], [200, 201, 202]])
    assert np.isnan(windows.targets()).all()


@given(
    lengths=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    context=st.integers(MIN_CONTEXT, 7),
    horizon=st.integers(1, 4),
    data=st.data(),
)
def test_windows_between_are_those_of_a_slow_loop(lengths, context, horizon, data) -> None:
    panel = counting(*lengths)
    start = np.array([data.draw(st.integers(0, 12)) for _ in lengths])
    stop = np.array([data.draw(st.integers(0, 14)) for _ in lengths])
    expected = [
        (series, first)
        for series, length in enumerate(lengths)
        for first in range(max(start[series], MIN_CONTEXT), min(stop[series], length) - horizon + 1)
    ]
    windows = windows_between(panel, context, horizon, start=start, stop=stop)
    assert target_steps(windows) == expected
    for (series, first), inputs, targets in zip(expected, windows.inputs(), windows.targets(), strict=True):
        assert targets.tolist() == [100 * series + first + step for step in range(horizon)]
        seen = inputs[np.isfinite(inputs)]
        assert seen.tolist() == [100 * series + step for step in range(max(0, first - context), first)]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.integers(1, 5), st.integers(1, 6), st.integers(1, 7))
def test_rolling_windows_are_those_of_a_slow_loop(lengths, horizon, count, step) -> None:
    expected = [
        (series, length - horizon - back * step)
        for series, length in enumerate(lengths)
        for back in range(count - 1, -1, -1)
        if length - horizon - back * step >= MIN_CONTEXT
    ]
    assert target_steps(rolling_windows(counting(*lengths), 4, horizon, count=count, step=step)) == expected


@pytest.mark.parametrize(("context", "horizon"), [(1, 3), (5, 0)])
def test_impossible_sizes_are_named(context: int, horizon: int) -> None:
    with pytest.raises(ConfigError, match=rf"got context={context}, horizon={horizon}"):
        windows_between(counting(9), context, horizon, start=np.array([0]), stop=np.array([9]))


def test_thin_draws_one_window_from_each_stretch_always_the_same() -> None:
    windows = windows_between(counting(30), 2, 1, start=np.array([2]), stop=np.array([30]))
    assert len(windows.thin(None)) == len(windows.thin(28)) == 28
    kept = windows.thin(4).origins - windows.origins[0]
    assert (kept // 7).tolist() == [0, 1, 2, 3]
    assert (windows.thin(4).origins == windows.thin(4).origins).all()


def test_thin_sees_every_phase_of_a_season() -> None:
    windows = windows_between(counting(24 * 200), 2, 1, start=np.array([2]), stop=np.array([24 * 200]))
    assert set(windows.thin(200).origins % 24) == set(range(24))


def test_chunks_cover_everything_in_order() -> None:
    windows = windows_between(counting(20, 9), 2, 1, start=np.array([2, 2]), stop=np.array([20, 9]))
    joined = np.concatenate([part.targets() for part in windows.chunks(7)])
    np.testing.assert_array_equal(joined, windows.targets())


def test_windows_are_positions_and_hold_no_copies() -> None:
    panel = counting(20_000)
    windows = windows_between(panel, 512, 96, start=np.array([2]), stop=np.array([20_000]))
    assert len(windows) > 19_000
    assert windows.panel is panel
    assert windows.series.nbytes + windows.origins.nbytes <= 2 * 8 * len(windows)


# --- no leakage ------------------------------------------------------------------------------------------------------


@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=4),
    context=st.integers(MIN_CONTEXT, 20),
    horizon=st.integers(1, 8),
    fraction=st.floats(0.01, 0.9),
)
def test_no_training_target_at_or_after_the_border(lengths, context, horizon, fraction) -> None:
    panel = counting(*lengths)
    split = split_in_time(panel, context, horizon, fraction)
    for series, length in enumerate(lengths):
        train = split.train.targets()[split.train.series == series]
        held = split.validation.targets()[split.validation.series == series]
        assert np.isfinite(train).all()
        assert np.isfinite(held).all()
        assert bool(len(train)) == (length >= horizon + MIN_CONTEXT), "whoever can train must"
        assert bool(len(held)) == (length >= 2 * horizon + MIN_CONTEXT), "whoever can validate must"
        if len(held):
            assert train.max() < held.min()
            assert held.max() == 100 * series + length - 1, "the validation reaches the end"


def test_the_validation_share_is_what_was_asked_for() -> None:
    split = split_in_time(counting(99), 10, 3, 0.2)
    assert split.validation.targets().min() == 99 - 20
    assert split.train.targets().max() == 99 - 20 - 1
    assert split.train.targets().min() == 10, "full contexts only, where the series offers them"


def test_borders_of_the_long_horizon_protocol() -> None:
    split, test = borders_in_time(counting(100), 10, 4, (60, 80, 100))
    assert (split.train.targets().min(), split.train.targets().max()) == (10, 59)
    assert (split.validation.targets().min(), split.validation.targets().max()) == (60, 79)
    assert (test.targets().min(), test.targets().max()) == (80, 99)
    assert [len(part) for part in (split.train, split.validation, test)] == [47, 17, 17]
    assert test.inputs()[0].tolist() == list(range(70, 80)), "contexts reach back over a border"


def test_windows_cut_at_once_are_those_cut_one_by_one() -> None:
    """Whole ones are copied as rows, the others step by step: both must be the plain definition, to the bit."""
    rng = np.random.default_rng(0)
    values = np.where(rng.random(70) < 0.1, np.nan, 1e9 + rng.normal(size=70))
    panel = Panel(values, np.array([0, 30, 30, 33, 70]))
    every = [
        (series, origin)
        for series in (0, 2, 3)
        for origin in range(panel.offsets[series], panel.offsets[series + 1] + 1)
    ]
    series, origins = map(np.array, zip(*every, strict=True))
    for context, horizon in ((5, 3), (1, 1), (40, 9)):
        windows = Windows(panel, series, origins, context, horizon)
        for found, first, count in ((windows.inputs(), -context, context), (windows.targets(), 0, horizon)):
            expected = np.full((len(every), count), np.nan)
            for row, (owner, origin) in enumerate(every):
                for step in range(count):
                    if panel.offsets[owner] <= origin + first + step < panel.offsets[owner + 1]:
                        expected[row, step] = values[origin + first + step]
            np.testing.assert_array_equal(found, expected)
            assert not np.shares_memory(found, values), "a copy, never a view"
    whole = Windows(panel, np.array([0, 3]), np.array([10, 50]), 5, 3)
    assert not np.shares_memory(whole.inputs(), values)
    assert Windows(panel, series[:0], origins[:0], 5, 3).inputs().shape == (0, 5)
    assert np.isnan(Windows(Panel(values[:0], np.array([0, 0])), np.array([0]), np.array([0]), 5, 3).inputs()).all()


# --- whole series held out -------------------------------------------------------------------------------------------


def test_whole_series_validate_and_none_is_on_both_sides() -> None:
    panel = counting(*[20] * 10)
    split = split_by_series(panel, 8, 4, 0.3, seed=0)
    held, kept = set(split.validation.series.tolist()), set(split.train.series.tolist())
    assert len(held) == 3
    assert held | kept == set(range(10))
    assert not held & kept
    assert target_steps(split.train)[:9] == [(min(kept), step) for step in range(8, 17)], "whole contexts alone"
    again, other = (split_by_series(panel, 8, 4, 0.3, seed=seed) for seed in (0, 1))
    assert set(again.validation.series.tolist()) == held
    assert set(other.validation.series.tolist()) != held


def test_a_series_of_context_and_horizon_gives_one_window_and_a_shorter_one_is_padded() -> None:
    split = split_by_series(counting(12, 7, 12), 8, 4, 0.1, seed=1)
    every = sorted(target_steps(split.train) + target_steps(split.validation))
    assert every == [(0, 8), (1, 2), (1, 3), (2, 8)]


def test_series_with_one_sentence_stay_on_one_side_whatever_their_order() -> None:
    texts, topics = ("closed", "open", "sale"), np.array([0, 1, 2, 0, 1, 2, 0])
    panel = replace(counting(*[20] * 7), texts=texts, topics=topics)
    split = split_by_series(panel, 8, 4, 0.3, seed=0)
    held = {texts[topics[series]] for series in split.validation.series}
    assert len(held) == 1
    assert not held & {texts[topics[series]] for series in split.train.series}
    turned = replace(panel, texts=texts[::-1], topics=2 - topics)
    assert {texts[topics[series]] for series in split_by_series(turned, 8, 4, 0.3, seed=0).validation.series} == held


def test_one_series_alone_or_one_sentence_holds_nothing_out() -> None:
    assert len(split_by_series(counting(30), 8, 4, 0.3, seed=0).validation) == 0
    told = replace(counting(30, 30), texts=("open",), topics=np.zeros(2, dtype=np.int64))
    assert len(split_by_series(told, 8, 4, 0.3, seed=0).validation) == 0


@pytest.mark.parametrize("seed", range(5))
def test_what_is_too_short_for_a_window_is_not_the_one_that_is_held_out_or_trains(seed: int) -> None:
    split = split_by_series(counting(20, 3, 20, 1), 8, 4, 0.5, seed=seed)
    assert {*split.train.series.tolist(), *split.validation.series.tolist()} == {0, 2}
    assert len(split.train) == len(split.validation) > 0
    alone = split_by_series(counting(20, 3), 8, 4, 0.5, seed=seed)
    assert (len(alone.train), len(alone.validation)) == (9, 0)
