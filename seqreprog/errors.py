"""Named errors: what happened, the rule, the value found, the remedy, in one sentence.

Every error is also the built-in a caller would expect (`ValueError`, `TypeError`, `RuntimeError`, ...), so that code
which knows nothing of seqreprog can still catch it.
"""

from __future__ import annotations

from collections.abc import Iterable


class SeqReprogError(Exception):
    """The root of every error that seqreprog raises on purpose."""


class DataError(SeqReprogError, ValueError):
    """The records given break a rule (missing column, duplicate time, infinite value, ...)."""


class InputTypeError(SeqReprogError, TypeError):
    """An argument is of a type that seqreprog cannot read."""


class ConfigError(SeqReprogError, ValueError):
    """An option has a value outside its rule, or two options exclude each other."""


class InSampleError(ConfigError, NotImplementedError):
    """A forecast was asked for at a time that is not after the data."""


class BackboneError(SeqReprogError, ValueError):
    """The language model cannot be found, is too short or has too few layers."""


class DependencyError(SeqReprogError, ImportError):
    """An optional dependency is needed and absent."""


class NotFittedError(SeqReprogError, RuntimeError):
    """Something was asked of a model that has not been fitted, or that holds no series."""


class TrainingError(SeqReprogError, RuntimeError):
    """Training cannot go on (for instance the loss became NaN)."""


class CheckpointError(SeqReprogError, RuntimeError):
    """An artifact on disk is corrupt, truncated, foreign, or made for another backbone."""


class OutputError(SeqReprogError, OSError):
    """A result cannot be written where it was asked for."""


def name_some(names: Iterable[object], limit: int = 5) -> str:
    """At most `limit` names in quotes, then a count: `'a', 'b' and 3 more`."""
    listed = list(names)
    shown = ", ".join(repr(str(name)) for name in listed[:limit])
    return shown if len(listed) <= limit else f"{shown} and {len(listed) - limit} more"


class Notice(UserWarning):
    """Something was handled, and the caller may want to know (rows sorted, a series left out of training, ...)."""
