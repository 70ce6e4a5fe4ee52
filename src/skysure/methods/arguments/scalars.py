"""Checks of single numbers: levels and coverages, counts."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from skysure.errors import InputError


def require_fraction(name: str, value: Any, *, low: float = 0.0, high: float = 1.0) -> float:
    """Return a level or coverage as a float.

    Raises
    ------
    InputError
        If it is no number from `low` to `high`; a percentage is named as such.

    >>> require_fraction("coverage", 0.9)
    0.9
    """
    number = _as_real(name, value, f"a fraction between {low:g} and {high:g}")
    if not low <= number <= high:
        is_percentage = 1 < number <= 100
        cause = "a percentage" if is_percentage else ""
        fix = f"write {number / 100:g}" if is_percentage else f"{name} = 0.9, for instance"
        raise InputError(f"{name} {value}", f"a fraction between {low:g} and {high:g}", cause, fix)
    return float(number)


def require_count(name: str, value: Any, least: int = 1) -> int:
    """Return a count as an int; raises InputError if it is no whole number of at least `least`.

    >>> require_count("bins", 15.0)
    15
    """
    expected = f"a whole number of at least {least}"
    number = _as_real(name, value, expected)
    if not (number == number // 1 and number >= least):
        raise InputError(f"{name} = {value}", expected, "", f"{name} = {max(least, 10)}, for instance")
    return int(number)


def _as_real(name: str, value: Any, expected: str) -> float | int:
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):  # a scalar of NumPy or torch
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (Real, Integral)):
        raise InputError(f"{name} = {value!r}", expected, "text, or several values", f"{name} = a single number")
    return float(value) if not isinstance(value, Integral) else int(value)
