"""Numeric instances of unequal length, end to end in one array: what is classified or regressed as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ..errors import DataError, InputTypeError, name_some
from .magnitudes import RULE, too_large


@dataclass(frozen=True, eq=False)
class Instances:
    """Many series with the same channels; `NaN` marks a missing value.

    Attributes:
        values: all steps, instance after instance, in time order.
        offsets: instance `i` is `values[offsets[i]:offsets[i + 1]]`.
    """

    values: Float[np.ndarray, "steps channel"]
    offsets: Int[np.ndarray, " instances_plus_one"]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int[np.ndarray, " instances"]:
        return np.diff(self.offsets)

    @property
    def channels(self) -> int:
        return self.values.shape[1]

    def take(self, order: Int[np.ndarray, " taken"]) -> Instances:
        """The instances at `order`, in that order."""
        lengths = self.lengths[order]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        where = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][order] - offsets[:-1], lengths)
        return Instances(self.values[where], offsets)

    def padded(
        self, index: Int[np.ndarray, " taken"]
    ) -> tuple[Float[np.ndarray, "taken channel time"], Bool[np.ndarray, "taken channel time"]]:
        """The instances at `index`, padded at their end to the longest: values, 0 where unobserved, and where not."""
        lengths = self.lengths[index]
        steps = np.arange(lengths.max(initial=0))
        inside = steps < lengths[:, None]
        values = np.full((*inside.shape, self.channels), np.nan)
        values[inside] = self.values[(self.offsets[:-1][index][:, None] + steps)[inside]]
        observed = np.isfinite(values)
        return np.where(observed, values, 0.0).swapaxes(1, 2), observed.swapaxes(1, 2)

    def scales(self) -> tuple[Float[np.ndarray, " channel"], Float[np.ndarray, " channel"]]:
        """Mean and standard deviation of each channel over all steps; 0 and 1 of one that is constant or unknown."""
        seen = np.isfinite(self.values)
        count = np.maximum(seen.sum(0), 1)
        mean = np.where(seen, self.values, 0.0).sum(0) / count
        spread = np.sqrt((np.where(seen, self.values - mean, 0.0) ** 2).sum(0) / count)
        return mean, np.where(spread > 1e-12 * np.abs(mean), spread, 1.0)


def read_instances(X: object) -> Instances:
    """Instances from an array `[instance, channel, time]` or `[instance, time]`, or a list of `[channel, time]`.

    Raises:
        InputTypeError: `X` cannot be read as numbers.
        DataError: no instance, an empty or wholly missing one, an infinite value, or other channels than the first has.
    """
    if isinstance(X, Instances):
        return X
    parts = [_matrix(row, each) for row, each in enumerate(_rows(X))]
    if not parts:
        raise DataError("X holds no instance. Pass one series at least")
    channels = parts[0].shape[0]
    if odd := [row for row, part in enumerate(parts) if part.shape[0] != channels]:
        raise DataError(
            f"every instance must have the channels of the first, {channels}; instance {odd[0]} has "
            f"{parts[odd[0]].shape[0]} ({len(odd)} such: {name_some(odd)})"
        )
    lengths = np.array([part.shape[1] for part in parts])
    values = np.concatenate(parts, axis=1).T
    instances = Instances(np.ascontiguousarray(values), np.concatenate([[0], np.cumsum(lengths)]))
    check_instances(instances)
    return instances


def _rows(X: object) -> Sequence[Any]:
    if isinstance(X, np.ndarray) and X.ndim not in (2, 3) and X.dtype != object:
        raise InputTypeError(
            f"X must be an array [instance, channel, time] or [instance, time], or a list of arrays [channel, time]; "
            f"got one of {X.ndim} axes"
        )
    if not isinstance(X, np.ndarray | list | tuple):
        raise InputTypeError(f"X must be an array or a list of arrays; got a {type(X).__name__}")
    return list(X)


def _matrix(row: int, each: Any) -> Float[np.ndarray, "channel time"]:
    try:
        found = np.asarray(each, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"instance {row} cannot be read as numbers: {error}") from error
    if found.ndim == 1:
        found = found[None]
    if found.ndim != 2:
        raise InputTypeError(f"instance {row} must be an array [channel, time] or [time]; got one of {found.ndim} axes")
    return found


def check_instances(
    instances: Instances, names: Sequence[str] | None = None, channels: Sequence[str] | None = None
) -> None:
    """Refuses what no model can read.

    Args:
        instances: to look at.
        names: of the series, for messages; their numbers by default.
        channels: of their channels, likewise.

    Raises:
        DataError: an empty or wholly missing instance, or an infinite value.
    """
    lengths = instances.lengths
    called: Any = np.arange(len(instances)) if names is None else np.array(names, dtype=object)
    several, one = ("instances", "instance") if names is None else ("series", "series")
    if not lengths.all():
        empty = np.flatnonzero(lengths == 0)
        raise DataError(f"{len(empty)} {several} hold no step at all: {name_some(called[empty])}. Drop them")
    owner = np.repeat(np.arange(len(instances)), lengths)
    infinite = np.isinf(instances.values).any(1)
    if infinite.any():
        step = int(infinite.argmax())
        row, channel = int(owner[step]), int(np.isinf(instances.values[step]).argmax())
        value = instances.values[step, channel]
        name = row if names is None else repr(names[row])
        place = channel if channels is None else repr(channels[channel])
        raise DataError(
            f"{one} {name} holds {value} at step {step - instances.offsets[row]} of channel {place}; values must "
            "be finite, or NaN where they are missing"
        )
    if (large := too_large(instances.values)).any():
        step, channel = (int(each) for each in np.unravel_index(large.argmax(), large.shape))
        name = int(owner[step]) if names is None else repr(names[int(owner[step])])
        raise DataError(
            f"{one} {name} holds {instances.values[step, channel]:g} ({large.sum()} such values). Values {RULE}"
        )
    seen = np.bincount(owner, weights=np.isfinite(instances.values).any(1), minlength=len(instances))
    if not seen.all():
        missing = np.flatnonzero(seen == 0)
        raise DataError(f"{len(missing)} {several} hold no observed value: {name_some(called[missing])}. Drop them")
