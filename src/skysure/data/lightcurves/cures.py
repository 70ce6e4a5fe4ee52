"""What an error may offer: columns whose names say what they are; the rest stays open."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import lru_cache

from skysure.errors import InputError, nearest

from .reading import FILE_NAME, Reading

ZERO_POINTS = ("zp", "zpt", "zeropt", "zeropoint", "magzp", "zpmag", "magzeropoint", "zpab", "zeropointab")
"""Names, without case and punctuation, of the AB magnitude of a flux of one in each row."""
SYSTEMS = ("zpsys", "magsys", "zpsystem", "magsystem", "magnitudesystem", "photsystem")
"""Names of the magnitude system of each row."""
LIMITS = ("limit", "limitingmag", "limmag", "maglim", "maglimit", "diffmaglim", "upperlimit", "depth", "islimit")
"""Names of limits of observations, which say nothing of the object."""
PLAIN_ERRORS = ("error", "err", "uncertainty", "unc", "sigma")
"""Names of the error of the one measurement that a table has."""
WHERE_TO_LOOK = "as the documentation of the photometry says (27.5 for the FLUXCAL of SNANA, 31.4 for nJy)"


@lru_cache(1 << 16)
def plain(name: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def named(names: Collection[str], wanted: Collection[str]) -> tuple[str, ...]:
    """Those of some names that are among wanted ones, whatever their case and punctuation."""
    return tuple(name for name in names if plain(name) in wanted)


def quoted(name: str) -> str:
    """Return a text as a TOML value or as a key that needs quotes."""
    return json.dumps(name, ensure_ascii=False)


def key(name: str) -> str:
    """Return a name as a TOML key.

    >>> key("band"), key("g-r filter")
    ('band', '"g-r filter"')
    """
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


class MissingColumn(InputError):
    """A column that a file lacks."""


def missing_column(
    file: str, reading: Reading, available: Mapping[str, str], column: str, offered: str
) -> MissingColumn:  # fmt: skip
    """Return the error for a column that a file lacks; a name that is only spelt alike is told, but not offered.

    Parameters
    ----------
    file : str
    reading : Reading
    available : dict of str to str
        The file's columns and their units.
    column : str
        Our name of the one that is missing.
    offered : str
        The column of the file that by its name is the one; "" where none is known.
    """
    name = next((n for n in reading.names_of(column) if n), column)
    alike = ", ".join(map(quoted, get_close_matches(name, sorted(set(available) - {offered}), n=2, cutoff=0.6)))
    perhaps = f" (perhaps {alike})" if alike and not offered else ""
    fix = f"add to [reading.columns]: {column} = {quoted(offered or '...')}{perhaps}"
    if column == "id":
        fix += f', or "{FILE_NAME}" where every file holds one object'
    if column == "flux" and offered and not available[offered]:
        fix += f", and its zero point: {zero_point_fix(available)}"
    return MissingColumn(
        f"{file}: no column '{name}'", f"a column that is the {column} ({nearest(name, available)})", "another name",
        fix,
    )  # fmt: skip


def zero_point_fix(available: Mapping[str, str]) -> str:
    """Say how to give the zero point: by the column that holds it, else it stays open."""
    columns = named(available, ZERO_POINTS)
    if len(columns) == 1:
        return f"zero_point = {quoted(columns[0])} in [reading.columns], where it is the AB magnitude of a flux of one"
    if columns:
        return f'zero_point = "..." in [reading.columns], one of {", ".join(map(quoted, columns))}'
    return f'zero_point = ..., or unit = "...", in [reading], {WHERE_TO_LOOK}'


class UnstatedFlux(InputError):
    """A flux that has neither unit nor zero point."""


def no_unit(file: str, column: str, available: Mapping[str, str], dialect: str = "") -> UnstatedFlux:
    """Return the error for a flux without unit and zero point, of a survey format whose zero point is of others."""
    other = f'; the zero point of the survey format "{dialect}" is that of another column' if dialect else ""
    return UnstatedFlux(
        f"{file}: flux column '{column}' without unit", "its unit or its zero point",
        f"neither the file nor the reading says it{other}; a guess could be off by 36",
        f"add {zero_point_fix(available)}",
    )  # fmt: skip
