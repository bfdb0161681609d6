"""Where the time of a fit went: seconds of each part, by name."""

from __future__ import annotations

import time


class Clock:
    """Laps of a stopwatch that runs from its making on.

    Attributes:
        seconds: of each lap, by name, in the order in which they ended.
    """

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Ends a lap, which began where the one before it ended."""
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now
