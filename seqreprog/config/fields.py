"""What all options share: TOML in, and checks that name the option, the rule and the value found."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..errors import ConfigError


def read_toml(path: str | Path) -> dict[str, Any]:
    """A TOML file as a dict. Raises `ConfigError` for a missing or malformed file."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"config {str(path)!r} cannot be read: {error.strerror}") from error
    except ValueError as error:  # of its grammar, or no UTF-8
        raise ConfigError(f"config {str(path)!r} is not valid TOML: {error}") from error


def make_config(kind: type, values: dict[str, Any]) -> Any:
    """An options dataclass from plain values; unknown names raise `ConfigError`."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{kind.__name__} must be a table of options; got {values!r}")
    known = [item.name for item in fields(kind)]
    if unknown := sorted(set(values) - set(known)):
        raise ConfigError(f"{kind.__name__} has no option {unknown[0]!r}; it has {known}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def check_options(config: Any) -> None:
    """Refuses a value of another type than its option's, or outside its `Literal`."""
    for name, hint in get_type_hints(type(config)).items():
        value = getattr(config, name)
        if _fits(value, hint):
            continue
        inner = get_args(hint)[0] if get_origin(hint) is tuple else None
        if get_origin(inner) is Literal and isinstance(value, tuple):
            wrong = next(each for each in value if not _fits(each, inner))
            raise ConfigError(f"{name} may hold {list(get_args(inner))}; got {wrong!r}")
        raise ConfigError(f"{name} must be {_wanted(hint)}; got {value!r}")


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type that options have. Of numbers in a list their owner says more."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in inner)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is tuple:
        return isinstance(value, tuple) and (inner[0] is float or all(_fits(each, inner[0]) for each in value))
    if hint in (int, float):
        real = isinstance(value, int if hint is int else Real) and not isinstance(value, bool)
        return real and value == value
    return isinstance(value, hint) if hint in (bool, str, NoneType) else True


def _wanted(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {list(inner)}"
    if origin in (Union, UnionType):
        return " or ".join(_wanted(each) for each in inner if each is not NoneType)
    if origin is tuple:
        return f"a list, each {_wanted(inner[0])}"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[hint]


def check_kinds(config: Any, **kinds: type) -> None:
    """Refuses anything but the options dataclass that belongs there."""
    for name, kind in kinds.items():
        if not isinstance(value := getattr(config, name), kind):
            raise ConfigError(
                f"{name} must be made by {kind.__name__}(...); got {value!r}. Pass {name}={kind.__name__}(...)"
            )


def whole(value: Any) -> Any:
    """NumPy's whole numbers as Python's; everything else as it is."""
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


def at_least(config: Any, least: int, *names: str) -> None:
    """Refuses smaller numbers."""
    for name in names:
        if (value := getattr(config, name)) < least:
            raise ConfigError(f"{name} must be at least {least}; got {value}")


def check_seed(seed: int) -> None:
    """Refuses what scikit-learn takes for no seed."""
    if not 0 <= seed < 2**32:
        raise ConfigError(f"seed must be a whole number from 0 to {2**32 - 1}; got {seed}")
