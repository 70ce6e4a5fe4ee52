"""What each field of a `[reading]` table may hold: types and ranges, checked where a value enters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from skysure.errors import SettingsError, nearest, quote

Check = Callable[[str, Any], Any]
"""Takes the name of a field and a value; returns the value as it is kept, or raises SettingsError."""
ZERO_POINTS = (-100.0, 100.0)
"""AB magnitudes of a flux of one: -56 for W/m2/Hz, 8.9 for Jy, 54 for nJy/1e9."""
RANGES = {
    "redshift": (-0.1, 100.0), "redshift_error": (0.0, 100.0), "ra": (-360.0, 360.0), "dec": (-90.0, 90.0),
    "mwebv": (-1.0, 100.0),
}  # fmt: skip
NOT_FROM_FILES = ("datetime", "datetime64", "ymdhms", "astropy_time")
"""Formats of astropy.time that no column of a file has."""


def text(where: str, value: Any) -> str:
    """Check for a text."""
    if not isinstance(value, str):
        raise _wrong(where, value, "a text")
    return value


def name(where: str, value: Any) -> str:
    """Check for a text that is not empty."""
    if not text(where, value).strip():
        raise _wrong(where, value, "a text that is not empty")
    return value


def number(low: float, high: float) -> Check:
    """Make the check for a number in a range, which includes its ends."""

    def check(where: str, value: Any) -> float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not low <= value <= high or not math.isfinite(value):
            raise _wrong(where, value, f"a number from {low:g} to {high:g}")
        return float(value)

    return check


def bits(where: str, value: Any) -> int:
    """Check for a whole number of at most 63 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise _wrong(where, value, "a whole number from 0 to 2^63 - 1")
    return value


def texts(where: str, value: Any) -> tuple[str, ...]:
    """Check for a list of texts."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise _wrong(where, value, "a list of texts")
    return tuple(value)


def one_or_more(where: str, value: Any) -> str | tuple[str, ...]:
    """Check for a text or a list of texts."""
    return value if isinstance(value, str) else texts(where, value)


def values(where: str, value: Any) -> Any:
    """Check for a text, a number or a truth value, or a list of these."""
    items = value if isinstance(value, (list, tuple)) else [value]
    if not items or not all(isinstance(item, (str, int, float)) for item in items):
        raise _wrong(where, value, "a text or number, or a list of these")
    return tuple(value) if isinstance(value, (list, tuple)) else value


def table(check: Check, what: str = "texts") -> Check:
    """Make the check for a table of which every value passes a check."""

    def check_table(where: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(where, value, f"a table of {what}")
        return {str(key): check(f"[reading.{where.split()[-1]}] {key}", item) for key, item in value.items()}

    return check_table


def constant(where: str, value: Any) -> str | float:
    """Check for the constant value of a column of objects: a number in its range, a text of labels and groups."""
    column = where.split()[-1]
    if column in RANGES:
        return number(*RANGES[column])(where, value)
    return name(where, quote(value) if isinstance(value, (int, float)) else value)


def time_format(where: str, value: Any) -> str:
    """Check for a format of times that astropy.time knows, in its spelling."""
    if text(where, value) in ("", "mjd", "jd"):
        return value
    from astropy.time import Time

    formats = sorted(set(Time.FORMATS) - set(NOT_FROM_FILES))
    if value not in formats:
        raise SettingsError(
            f"{where} = {quote(value)}", f"a format of astropy.time ({nearest(value, formats)})", "a misspelt name"
        )
    return value


def optional(check: Check) -> Check:
    """Make the check that lets None pass."""
    return lambda where, value: None if value is None else check(where, value)


def _wrong(where: str, value: Any, expected: str) -> SettingsError:
    return SettingsError(f"{where} = {quote(value)}", expected, "a value of another type or out of range")
