"""Fields of settings, and options of methods: a default, and the range or names that make sense."""

import dataclasses
import math
import numbers
from collections.abc import Collection, Mapping
from typing import Any, get_args

import numpy as np

from vidkd_jax.errors import InputError, suggest

_TYPES: Mapping[Any, Any] = {
    int: numbers.Integral,
    float: numbers.Real,
    bool: (bool, np.bool_),
    str: str,
    tuple[float, ...]: tuple,
}
_TESTS = {
    "at_least": (lambda value, bound: value >= bound, "at least"),
    "at_most": (lambda value, bound: value <= bound, "at most"),
    "more_than": (lambda value, bound: value > bound, "more than"),
    "less_than": (lambda value, bound: value < bound, "less than"),
}


def option(default: float | tuple[float, ...], **bounds: float) -> Any:
    """Returns a dataclass field for a number, or for several of one range.

    Args:
      default: its value.
      **bounds: `at_least`, `at_most`, `more_than`, `less_than`.
    """
    if unknown := bounds.keys() - _TESTS.keys():
        raise ValueError(f"no bound {min(unknown)}; there are {', '.join(_TESTS)}")
    return dataclasses.field(default=default, metadata=bounds)


def choice(default: str, known: Collection[str]) -> Any:
    """Returns a dataclass field for one of several names.

    Args:
      default: its value.
      known: all of them.
    """
    return dataclasses.field(default=default, metadata={"known": known})


def tuples(value: Any) -> Any:
    """Returns tuples for JSON's lists, nested ones, too."""
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def check_options(section: Any, name: str) -> None:
    """Checks the fields of a section of the settings against their bounds and names.

    Args:
      section: a dataclass.
      name: of the section, such as "method".

    Raises:
      InputError: names the field and the bounds, or the nearest name.
    """
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if not isinstance(value, _TYPES.get(field.type, object)) or (
            isinstance(value, bool) and field.type in (int, float)
        ):
            kind = getattr(field.type, "__name__", field.type)
            raise InputError(f"config.{name}.{field.name}: {value!r} is not of type {kind}")
        if value not in (known := field.metadata.get("known", (value,))):
            raise InputError(f"config.{name}.{field.name}: no '{value}'{suggest(value, known)}")
        bounds = {test: field.metadata[test] for test in _TESTS if test in field.metadata}
        several = isinstance(value, tuple) and get_args(field.type) == (float, ...)
        for number in value if several else (value,):
            if several and (isinstance(number, bool) or not isinstance(number, int | float)):
                raise InputError(f"config.{name}.{field.name}: {value}; use numbers")
            if isinstance(number, float) and not math.isfinite(number):
                raise InputError(f"config.{name}.{field.name}: {value}; use a finite number")
            if not all(_TESTS[test][0](number, bound) for test, bound in bounds.items()):
                use = ", ".join(f"{_TESTS[test][1]} {bound:g}" for test, bound in bounds.items())
                raise InputError(f"config.{name}.{field.name}: {value}; use {use}")
