"""Units of the columns of light curves: each is converted to ours, or refused."""

from __future__ import annotations

import math

from skysure.errors import InputError

from .fluxes import flux_factor, parse_unit

UNITS = {
    "mag": "mag", "mag_error": "mag", "zero_point": "mag", "mwebv": "mag", "redshift": "", "redshift_error": "",
    "sign": "", "ra": "deg", "dec": "deg",
}  # fmt: skip
"""Our units of the columns that have one and the same in every file; flux and time depend on the reading."""
TIME_UNITS = {
    "unix": "s", "unix_tai": "s", "gps": "s", "cxcsec": "s", "galexsec": "s", "tai_seconds": "s", "stardate": "",
    "decimalyear": "yr", "jyear": "yr", "byear": "yr",
}  # fmt: skip
"""Unit of the numbers of a time format of astropy, where it is not the day."""
SAME = {
    "d": ("mjd", "jd", "bjd", "hjd", "mjd_tai", "mjd_tdb", "mjd_utc"), "mag": ("ab mag", "mag ab", "mag_ab"),
    "": ("redshift",),
}  # fmt: skip
"""Other names that files give to our units: of dates that count days, of AB magnitudes, of redshifts."""
EXPECTED = {"d": "a unit of time (d, h, s)", "deg": "a unit of angle", "mag": "magnitudes (AB)", "": "no unit"}


def unit_factor(file: str, column: str, name: str, unit: str, time_format: str = "mjd") -> float:
    """Factor from the unit of a column of a file to ours; one where it has no unit or the column has no number.

    Parameters
    ----------
    file, name : str
        What an error names: the file and its column.
    column : str
        Our name of the column.
    unit : str
        As the file has it; "" where it has none.
    time_format : str
        Of times: days are the unit of mjd and jd, others have their own.

    Raises
    ------
    InputError
        Where the unit is not one of that quantity, such as metres of a time, or has an offset.
    """
    ours = TIME_UNITS.get(time_format, "d") if column == "time" else UNITS.get(column)
    if not unit or ours is None or unit.lower() in SAME.get(ours, ()):
        return 1.0
    factor = _factor(unit, ours, column)
    if factor is None:
        leave_out = f'{column} = "" in [reading.columns] leaves it out' if column not in ("time", "mag") else ""
        raise InputError(
            f"{file}: column '{name}' in '{unit}'", f"{EXPECTED.get(ours, ours)} for the {column}",
            "another quantity, a misspelt unit, or one with an offset", leave_out or f"write it in {ours}",
        )  # fmt: skip
    return factor


def _factor(unit: str, ours: str, column: str) -> float | None:
    """Factor between two units of one quantity, None where there is none."""
    from astropy import units as u

    parsed = parse_unit(unit)
    if parsed is None:
        return None
    if isinstance(parsed, u.function.FunctionUnitBase):
        return 1.0 if ours == "mag" and parsed == u.ABmag else None
    if column == "mwebv" and parsed == u.dimensionless_unscaled:
        return 1.0
    try:
        factor = float(parsed.to(u.Unit(ours)))
    except u.UnitConversionError:
        return None
    return factor if math.isfinite(factor) and factor > 0 else None


def error_factor(file: str, error: str, flux_unit: str, error_unit: str, flux_scale: float | None) -> float:
    """Factor from the error of a flux to the unit of that flux, which it has where it says nothing else.

    Raises
    ------
    InputError
        Where the error is not a flux density, or has a unit while every flux has a zero point of its own.
    """
    if not error_unit or error_unit == flux_unit:
        return 1.0
    factor = flux_factor(file, error, error_unit)
    if flux_scale is None:
        raise InputError(
            f"{file}: column '{error}' in '{error_unit}'", "the unit of the flux",
            "the zero point of every point gives the unit of the flux, which is then that of its error",
            "give flux and error the same unit, or leave zero_point out",
        )  # fmt: skip
    return factor / flux_scale
