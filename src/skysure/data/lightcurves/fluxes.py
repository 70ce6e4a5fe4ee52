"""Units of flux: ours is a zero point of 27.5 (AB), into which every reader converts."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

from skysure.errors import InputError

ZERO_POINT = 27.5
"""AB magnitude of a flux of one: the FLUXCAL of SNANA."""
LARGEST_ZERO_POINT = 100
"""Magnitude; with larger ones fluxes would be no numbers."""

NANOJANSKY_PER_FLUX = 3630.780548e9 * 10 ** (-0.4 * ZERO_POINT)
"""A flux of one in nJy; AB magnitude zero is 3630.78 Jy."""


COUNTS = ("adu", "ct", "count", "counts", "electron")
"""Units that say nothing of a flux density: it follows from the zero point."""
MAGGIES = {"nmgy": 22.5, "nanomaggy": 22.5, "nanomaggies": 22.5, "mgy": 0.0, "maggy": 0.0, "maggies": 0.0}
"""AB magnitude of the units of flux of the SDSS."""


def zero_point_factor(zero_point: float) -> float:
    """Factor from a flux of another AB zero point to ours.

    Raises
    ------
    InputError
        Where the zero point is no magnitude that a flux can have.

    >>> round(zero_point_factor(25.0), 9)
    10.0
    """
    if not abs(zero_point) <= LARGEST_ZERO_POINT:
        expected = f"an AB magnitude from {-LARGEST_ZERO_POINT} to {LARGEST_ZERO_POINT}"
        raise InputError(f"zero_point = {zero_point:g}", expected, "another quantity", "27.5 for FLUXCAL, 31.4 for nJy")
    return 10 ** (0.4 * (ZERO_POINT - zero_point))


def parse_unit(text: str) -> Any:
    """Parse a unit as astropy, VOTable and FITS write it, or as a plural or in capitals; None where it is none.

    >>> str(parse_unit("Days")), str(parse_unit("uJy")), parse_unit("BJD - 2454833, days")
    ('d', 'uJy', None)
    """
    from astropy import units as u

    lower = text.strip().lower()
    spellings = [text.strip(), lower, lower.removesuffix("s")]
    spellings.append(re.sub(r"^(sec|magnitude)$", lambda m: {"sec": "s"}.get(m[1], "mag"), spellings[-1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated spellings are units all the same
        for spelling in spellings:
            try:
                unit = u.Unit(spelling)
            except (ValueError, TypeError):
                continue
            return None if isinstance(unit, u.StructuredUnit) else unit
    return None


def flux_factor(file: str, column: str, unit: str) -> float:
    """Factor from a unit of flux density to AB zero point 27.5.

    Raises
    ------
    InputError
        Where `unit` is not a flux density, such as a magnitude or a logarithm; it names the file and the column.
    """
    from astropy import units as u

    if (zero_point := MAGGIES.get(unit.lower().replace(" ", ""))) is not None:
        return zero_point_factor(zero_point)
    try:
        parsed = u.Unit(unit)
        if isinstance(parsed, u.function.FunctionUnitBase):
            raise ValueError("a logarithm is not proportional to the flux")
        factor = float(parsed.to(u.AB)) * 10 ** (0.4 * ZERO_POINT)
        if not (math.isfinite(factor) and factor > 0):
            raise ValueError("a unit of nothing")
    except (ValueError, TypeError, u.UnitConversionError):
        raise _no_flux_density(file, column, unit) from None
    return factor


def stated_factor(file: str, column: str, unit: str, stated: float) -> float:
    """Factor that a caller states for a flux; the unit of the file must agree, where it is a flux density.

    Raises
    ------
    InputError
        Where file and caller differ by more than a hundredth, or the file's unit is another quantity.
    """
    if not unit or _says_nothing(unit):
        return stated
    own = flux_factor(file, column, unit)
    if abs(own / stated - 1) > 0.01:
        raise InputError(
            f"{file}: flux column '{column}' in '{unit}'", "the unit or zero point that is given",
            f"a flux of one is AB magnitude {ZERO_POINT - 2.5 * math.log10(own):.4g} by its unit, and "
            f"{ZERO_POINT - 2.5 * math.log10(stated):.4g} by what is given",
            "leave unit and zero_point out of [reading], or correct the unit of the column",
        )  # fmt: skip
    return stated


def _says_nothing(unit: str) -> bool:
    """Whether a unit is none that astropy knows, or one of counts, so that a zero point has to say more."""
    from astropy import units as u

    if unit.lower().replace(" ", "") in MAGGIES:
        return False
    parsed = parse_unit(unit)
    if parsed is None or unit.lower() in COUNTS:
        return True
    counts = [c / per for c in (u.ct, u.adu, u.electron, u.ph, u.one) for per in (u.one, u.s)]
    return any(parsed.is_equivalent(count) for count in counts)


def _no_flux_density(file: str, column: str, unit: str) -> InputError:
    return InputError(
        f"{file}: flux column '{column}' in '{unit}'", "a flux density, as nJy, uJy (microjansky), mJy, Jy, nanomaggy",
        "a magnitude, a misspelt unit, or counts, which need a zero point",
        'add to [reading]: unit = "...", or zero_point = ... for counts; magnitudes: columns.mag = "..."',
    )  # fmt: skip
