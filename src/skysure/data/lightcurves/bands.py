"""Names of bands: ours, those of surveys, and those that occur in a table."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa

from skysure.data.files.tables import Table
from skysure.data.files.values import texts
from skysure.errors import InputError, nearest

from .reading import Reading

BANDS = ("u", "U", "B", "g", "c", "V", "r", "R", "o", "i", "I", "z", "y", "Y", "J", "H", "K", "w")
"""Names of bands that need no mapping, in order of wavelength."""


def band_names(reading: Reading) -> tuple[str, ...]:
    """Our names of the bands that may occur, in order of wavelength, then as mapped."""
    return tuple(dict.fromkeys((*BANDS, *reading.bands.values())))


def guess_band(name: str) -> str:
    """Guess the band from a survey's name of it, such as lsst_g, ztfr, g-DES, i.ztf; "" where unclear.

    >>> guess_band("lsst_g"), guess_band("ztfr"), guess_band("clear")
    ('g', 'r', '')
    """
    letters = "".join(BANDS)
    for pattern in (
        rf".*[^A-Za-z0-9]([{letters}])$", rf"^([{letters}])[^A-Za-z0-9].*", rf"^[a-zA-Z0-9]*(?:lsst|ztf|sdss|des|decam|"
        rf"ps1|hsc|atlas|skymapper|megacam|bessell|lsstcam)([{letters}])$", rf"^([{letters}])$",
    ):  # fmt: skip
        if match := re.match(pattern, name):
            return match[1]
    return ""


def check_bands(file: str, names: Iterable[str], reading: Reading) -> None:
    """Refuse bands that are neither ours nor mapped by the reading, all of them in one InputError."""
    allowed = band_names(reading)
    unknown = [name for name in sorted(set(names)) if name and reading.bands.get(name, name) not in allowed]
    if not unknown:
        return
    close = nearest(unknown[0], (*reading.bands, *BANDS))
    quoted = ", ".join(f"band '{name}'" for name in unknown)
    lines = ", ".join(f'"{name}" = "{guess_band(name) or "..."}"' for name in unknown)
    raise InputError(
        f"{file}: {quoted}", f"known bands ({close})",
        "the survey's own names of its bands", f"add to [reading.bands]: {lines}",
    )  # fmt: skip


def band_names_in(table: Table, name: str, nested: str | None = None, rows: int | None = None) -> set[str]:
    """Return the names of bands in a table, in a column of its own or in a nested one.

    Parameters
    ----------
    table : Table
    name : str
        The column of bands.
    nested : str, optional
        The nested column that it is a field of; "" where the column itself holds lists.
    rows : int, optional
        Number of rows after which to stop.
    """
    names: set[str] = set()
    read = 0
    for batch in table.batches([nested or name]):
        values = batch.column(0)
        if nested:
            values = values.flatten() if not pa.types.is_struct(values.type) else values
            values = values.flatten()[[field.name for field in values.type].index(name)]
        while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
            values = values.flatten()
        names |= set(texts(values)[1].tolist())
        read += batch.num_rows
        if rows is not None and read >= rows:
            break
    return names - {""}
