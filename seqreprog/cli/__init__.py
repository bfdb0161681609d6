"""The command line: `seqreprog forecast | classify | regress | predict | evaluate | demo`."""

from __future__ import annotations

from .app import app

__all__ = ["app"]
