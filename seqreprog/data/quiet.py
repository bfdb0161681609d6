"""Warnings of other libraries that are left out. The filters belong to the whole process, so one thread at a time."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_FILTERS = threading.RLock()


@contextmanager
def without_warnings(category: type[Warning], message: str = "") -> Iterator[None]:
    """Leaves out warnings of a category that begin with `message`.

    Two threads that change the filters by turns would each give back what the other had set.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message, category)
        yield
