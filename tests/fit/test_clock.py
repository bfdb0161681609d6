"""Laps of a fit: named in order, each begins where the last ended."""

from __future__ import annotations

import pytest

from seqreprog.fit import clock


def test_laps_are_named_in_order_and_leave_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 12.5, 13.0])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(times))
    one = clock.Clock()
    one.lap("first")
    one.lap("second")
    assert list(one.seconds.items()) == [("first", 2.5), ("second", 0.5)]
