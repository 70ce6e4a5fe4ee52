"""Limits that keep a hostile or broken file from filling memory or disk; an environment variable sets each."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from .errors import InputError, SettingsError

PREFIX = "SKYSURE_MAX_"
MULTIPLES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
RATIO_FROM = 1 << 26
"""Bytes that may be unpacked whatever the ratio: small files of few different bytes pack very well."""


@dataclass(frozen=True)
class Limits:
    """What a file may ask for; `SKYSURE_MAX_` and the name in capitals is the environment variable of each.

    Parameters
    ----------
    unpacked_file : int
        Bytes of one packed file, or one file of an archive, that is held in memory as a whole.
    unpacked_archive : int
        Bytes unpacked from one archive.
    unpacked_total : int
        Bytes unpacked in one pass over everything that is given.
    unpacked_ratio : int
        Bytes unpacked from each packed byte, where more than 64 MiB are unpacked.
    header : int
        Bytes of text before the first row of a table, and of one line.
    settings_file : int
        Bytes of a TOML or JSON file.
    nesting : int
        Depth of lists and tables in TOML and JSON, and of folders.
    yaml_nodes : int
        Values in the YAML header of a table, those that its aliases repeat counted every time.
    text_length : int
        Characters of an id, label, group or other text of an object.
    """

    unpacked_file: int = 2 * 10**9
    unpacked_archive: int = 10**12
    unpacked_total: int = 10**13
    unpacked_ratio: int = 100
    header: int = 1 << 24
    settings_file: int = 1 << 26
    nesting: int = 64
    yaml_nodes: int = 1_000_000
    text_length: int = 1_000


def current() -> Limits:
    """Return the limits: the defaults, or what the environment sets.

    Raises
    ------
    SettingsError
        Where a variable is no number above zero.
    """
    texts = {field.name: os.environ.get(variable(field.name), "") for field in fields(Limits)}
    return Limits(**{name: parse_number(text, variable(name)) for name, text in texts.items() if text})


def variable(name: str) -> str:
    """Name of the environment variable of a limit.

    >>> variable("unpacked_file")
    'SKYSURE_MAX_UNPACKED_FILE'
    """
    return PREFIX + name.upper()


def parse_number(text: str, name: str) -> int:
    """Parse a number with or without a multiple: "500GB", "2e9", "100_000".

    >>> parse_number("500GB", "SKYSURE_MAX_UNPACKED_FILE")
    500000000000
    """
    plain = text.strip().lower().removesuffix("b")
    digits = plain.rstrip("kmgt")
    try:
        number = float(digits) * MULTIPLES[plain[len(digits) :]]
        whole = int(number)
    except (ValueError, KeyError, OverflowError):
        whole = 0
    if whole < 1:
        raise SettingsError(f"{name}={text}", "a number above zero, such as 500GB or 1000")
    return whole


def exceeded(name: str, what: str, limit: str, cause: str) -> InputError:
    """Make the error of a file that goes beyond a limit; `what` says by what, `limit` is the name of the limit."""
    most = getattr(current(), limit)
    return InputError(f"{name}: {what}", f"at most {most:,}", cause, f"where it is right, set {variable(limit)} higher")
