"""Units of flux: ours is a zero point of 27.5 (AB), into which every reader converts."""

from __future__ import annotations

from skysure.errors import InputError, nearest

ZERO_POINT = 27.5
"""AB magnitude of a flux of one: the FLUXCAL of SNANA."""

NANOJANSKY_PER_FLUX = 3630.780548e9 * 10 ** (-0.4 * ZERO_POINT)
"""A flux of one in nJy; AB magnitude zero is 3630.78 Jy."""


COUNTS = ("adu", "ct", "count", "counts", "electron")
"""Units that say nothing of a flux density: it follows from the zero point."""


def zero_point_factor(zero_point: float) -> float:
    """Factor from a flux of another AB zero point to ours.

    >>> round(zero_point_factor(25.0), 9)
    10.0
    """
    return 10 ** (0.4 * (ZERO_POINT - zero_point))


def flux_factor(file: str, column: str, unit: str) -> float:
    """Factor from a unit of flux density to AB zero point 27.5.

    Raises
    ------
    InputError
        Where `unit` is not a flux density; it names the file and the column.
    """
    from astropy import units as u

    if unit.lower().replace(" ", "") in ("nmgy", "nanomaggy", "nanomaggies"):
        return zero_point_factor(22.5)
    try:
        return float(u.Unit(unit).to(u.AB)) * 10 ** (0.4 * ZERO_POINT)
    except (ValueError, u.UnitConversionError):
        units = ("nJy", "uJy", "mJy", "Jy", "nanomaggy")
        raise InputError(
            f"{file}: flux column '{column}' in '{unit}'", f"a flux density ({nearest(unit, units)})",
            "a misspelt unit, or counts, which need a zero point",
            'add to [reading]: unit = "nJy", or zero_point = 27.5',
        ) from None  # fmt: skip
