"""What the name of a column says beside its meaning: a broker's prefix (`i:jd`), a unit (`Flux (uJy)`)."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

IN_BRACKETS = re.compile(r"^(.*\S)\s*[\[(]\s*([^()\[\],]+?)\s*[\])]$")
JULIAN = ("jd", "hjd", "bjd", "cjd", "juliandate", "julianday")
LONG_UNITS = {
    "microjy": "uJy",
    "millijy": "mJy",
    "nanojy": "nJy",
    "ujy": "uJy",
    "mjy": "mJy",
    "njy": "nJy",
    "jy": "Jy",
    "day": "d",
    "days": "d",
    "ab": "AB mag",
}
NAMED_UNITS = ("mjd", "jd", "bjd", "hjd", "abmag", "magab", "vega", "vegamag")
"""What in brackets is told as a unit, though it is none of astropy's, without case and punctuation."""


def without_prefix(name: str) -> str:
    """Remove the letter and colon that Fink puts before the columns of an alert (`i:`) and its own (`d:`).

    >>> without_prefix("i:magpsf"), without_prefix("mag:psf")
    ('magpsf', 'mag:psf')
    """
    return re.sub(r"^[a-z]:(?=[A-Za-z])", "", name)


def locate(name: str, available: Collection[str]) -> str:
    """Return the column of that name, be it with a prefix; "" where there is none."""
    if not name or name in available:
        return name
    return next((column for column in available if without_prefix(column) == name), "")


@lru_cache(1 << 16)
def without_unit(name: str) -> str:
    """Remove a unit in brackets at the end of a name.

    >>> without_unit("Flux (uJy)"), without_unit("flux[mJy]"), without_unit("flux")
    ('Flux', 'flux', 'flux')
    """
    match = IN_BRACKETS.match(name)
    return match[1] if match else name


def unit_in(name: str) -> str:
    """Return the unit in brackets at the end of a name, "" where there is none.

    >>> unit_in("Flux (uJy)"), unit_in("flux (microJy)"), unit_in("flux")
    ('uJy', 'uJy', '')
    """
    match = IN_BRACKETS.match(name)
    return LONG_UNITS.get(match[2].lower().replace(" ", ""), match[2]) if match else ""


def time_format_in(name: str) -> str:
    """Return the format of times that a name says: "jd" for Julian dates, else "mjd".

    >>> time_format_in("HJD"), time_format_in("Time (BJD)"), time_format_in("i:jd"), time_format_in("time")
    ('jd', 'jd', 'jd', 'mjd')
    """
    words = (without_unit(without_prefix(name)), unit_in(name))
    return "jd" if any(re.sub(r"[^a-z]", "", word.lower()) in JULIAN for word in words) else "mjd"
