"""Which column of a table is what, and in which unit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from skysure.data.problems import Problems
from skysure.errors import InputError, nearest

from .column_names import NAMED_UNITS, locate, time_format_in, unit_in, without_unit
from .cures import PLAIN_ERRORS, SYSTEMS, ZERO_POINTS, missing_column, named, no_unit, plain, quoted
from .fluxes import COUNTS, flux_factor, parse_unit, stated_factor, zero_point_factor
from .reading import ERROR_OF, FILE_NAME, OBJECT_COLUMNS, Reading, survey_of_zero_point
from .units import error_factor, unit_factor

ALIASES = {
    "id": "objectid id snid cid oid diaobjectid sourceid objid name object",
    "time": "mjd time jd hjd bjd obsmjd mjdobs midpointmjdtai expmidptmjd date epoch t",
    "band": "band filter passband flt fid filt bandpass",
    "flux": "flux fluxcal psfflux psfdiffflux forcediffimflux fnu",
    "mag": "mag magnitude magpsf psfmag",
    "label": "label class type target sntype classification truth",
    "redshift": "redshift hostphotoz photoz hostgalphotoz zphot hostz hostredshift",
    "ra": "ra radeg raj2000",
    "dec": "dec decl decdeg dej2000",
    "mwebv": "mwebv ebv ebvmw",
    "group": "group host template",
}
ERRORS = ("{}error", "{}err", "e{}", "sigma{}", "{}sigma", "{}unc", "{}uncertainty", "d{}", "err{}", "{}e")


@dataclass
class Columns:
    """The columns of one table, resolved: our names to the file's, and what its numbers mean.

    `system` is the file's column of magnitude systems (AB, Vega) of each row; `zero_point_beside` one of zero points
    that the unit or zero point given by the caller must not contradict; "" where there is none.
    `factors` holds by the file's name what numbers are multiplied by, for columns whose unit is not ours.
    """

    file: str
    reading: Reading
    of: dict[str, tuple[str, ...]]
    scale: float | None = None
    error_scale: float = 1.0
    factors: dict[str, float] = field(default_factory=dict)
    time_format: str = "mjd"
    available: tuple[str, ...] = ()
    system: str = ""
    zero_point_beside: str = ""
    notes: Callable[[str, int], None] = lambda text, n: None

    @property
    def to_read(self) -> list[str]:
        """Columns of the file that have to be read."""
        r = self.reading
        extra = (*r.keep, *r.drop, *r.reject_bits, *r.carry, self.system, self.zero_point_beside)
        names = [n for names in self.of.values() for n in names] + [n for n in extra if n and n in self.available]
        return list(dict.fromkeys(n for n in names if n != FILE_NAME))


def find(reading: Reading, available: Mapping[str, str], column: str, file: str = "") -> tuple[str, ...]:
    """Columns of a table that hold one of ours: those the reading names, else by their usual names."""
    if column in reading.columns:
        return tuple(place for n in reading.names_of(column) if (place := locate(n, (*available, FILE_NAME))))
    alike: dict[str, list[str]] = {}
    for name in available:
        alike.setdefault(plain(without_unit(name)), []).append(name)
    if column in ERROR_OF:
        value = find(reading, available, ERROR_OF[column], file)
        keys = [key for v in value for e in ERRORS if (key := e.format(plain(without_unit(v)))) in alike]
        if column == "mag_error" and not keys and "sigmapsf" in alike:
            keys = ["sigmapsf"]
    else:
        keys = [alias for alias in ALIASES.get(column, "").split() if alias in alike]
    if column not in ("flux", "mag", "label", "redshift"):
        keys = keys[:1]
    names = [name for key in keys for name in alike[key]]
    if len(names) > 1:
        where = f"{file}: " if file else ""
        raise InputError(
            f"{where}columns {', '.join(names)}", f"one that is the {column}", "each may be meant",
            f'add to [reading.columns]: {column} = "...", one of {", ".join(map(quoted, names))}',
        )  # fmt: skip
    return tuple(names[:1])


def meant(column: str, available: Mapping[str, str]) -> str:
    """Column of a file that by its name is one of ours; "" where there is none, or more than one.

    >>> meant("flux", {"FLUX": "", "FLX": ""}), meant("flux", {"flx": ""}), meant("zero_point", {"ZPT": ""})
    ('FLUX', '', 'ZPT')
    >>> meant("mag_error", {"mag": "", "error": ""}), meant("redshift", {"photoz": "", "hostz": ""})
    ('error', '')
    """
    names = named(available, ZERO_POINTS) if column == "zero_point" else ()
    try:
        names = names or find(Reading(), available, column)
        if not names and column in ERROR_OF and find(Reading(), available, ERROR_OF[column]):
            names = named(available, PLAIN_ERRORS)
    except InputError:
        return ""
    return names[0] if len(names) == 1 else ""


def resolve_points(
    file: str, reading: Reading, user: Reading, units: Mapping[str, str], whole: bool = False
) -> Columns:
    """Find the columns of points in a table and what its flux and time mean.

    Raises
    ------
    InputError
        Where time, band, flux or an error is missing, two columns could be meant, or the flux has neither unit nor
        zero point: all of it in one.
    """
    problems = Problems()
    units = {name: unit or _unit_of_name(name) for name, unit in units.items()}
    of = _point_columns(file, reading, units, problems)
    required = _required(of, whole) if not problems.errors else ("time", "band", *(() if whole else ("id",)))
    missing = [c for c in required if not of.get(c)]
    missing += [n for n in (*user.keep, *user.drop, *user.reject_bits) if n not in units]
    for column in dict.fromkeys(missing):
        with problems.collect():
            raise missing_column(file, reading, units, column, meant(column, units))
    for column in OBJECT_COLUMNS:
        with problems.collect():
            if names := find(reading, units, column, file):
                of[column] = names
    columns = Columns(file, reading, of, available=tuple(units))
    columns.system = next(iter(named(units, SYSTEMS)), "")
    columns.time_format = _time_format(columns)
    if of.get("flux"):
        with problems.collect():
            _set_scales(columns, user, units)
    set_factors(columns, units, problems)
    problems.raise_all()
    return columns


def _unit_of_name(name: str) -> str:
    """Unit in brackets in the name of a column; "" where what is in brackets is none, such as an aperture."""
    unit = unit_in(name)
    return unit if unit and (parse_unit(unit) is not None or plain(unit) in NAMED_UNITS) else ""


def _time_format(columns: Columns) -> str:
    name = next(iter(columns.of.get("time", ())), "")
    return columns.reading.time_format or time_format_in(name)


def set_factors(columns: Columns, units: Mapping[str, str], problems: Problems) -> None:
    """Set the factors of all columns but the flux to our units; units of other quantities become problems."""
    for column, names in columns.of.items():
        for name in names:
            with problems.collect():
                factor = unit_factor(columns.file, column, name, units.get(name, ""), columns.time_format)
                if factor != 1:
                    columns.factors[name] = factor


def _point_columns(
    file: str, reading: Reading, units: Mapping[str, str], problems: Problems
) -> dict[str, tuple[str, ...]]:  # fmt: skip
    """Find the columns of observations: of flux and magnitude the flux where both are there."""
    of: dict[str, tuple[str, ...]] = {}
    for column in ("id", "time", "band", "zero_point", "sign"):
        if names := find(reading, units, column, file)[:1]:
            of[column] = names
    for value, error in (("flux", "flux_error"), ("mag", "mag_error")):
        with problems.collect():
            if "flux" not in of and (names := find(reading, units, value, file)[:1]):
                of |= {value: names, error: find(reading, units, error, file)[:1]}
    return of


def _required(of: Mapping[str, tuple[str, ...]], whole: bool) -> tuple[str, ...]:
    value = ("mag", "mag_error") if "mag" in of else ("flux", "flux_error")
    return ("time", "band", *value) + (() if whole else ("id",))


def _set_scales(columns: Columns, user: Reading, units: Mapping[str, str]) -> None:
    """Set the factors of flux and error to zero point 27.5."""
    file, flux, error = columns.file, columns.of["flux"][0], next(iter(columns.of["flux_error"]), "")
    columns.zero_point_beside = _zero_point_beside(columns.reading, user, units)
    by_point, unit = "zero_point" in columns.of, units.get(flux, "")
    columns.scale = flux_scale(file, flux, user, columns.reading, unit, by_point, units)
    columns.error_scale = error_factor(file, error, unit, units.get(error, ""), columns.scale)


def _zero_point_beside(reading: Reading, user: Reading, units: Mapping[str, str]) -> str:
    """Column of zero points beside a unit or zero point that the caller gives; "" where the caller dismisses it."""
    if not (user.unit or user.zero_point is not None) or reading.dialect not in ("", "plain"):
        return ""
    return next(iter(reading.names_of("zero_point")), meant("zero_point", units))


def flux_scale(
    file: str, column: str, user: Reading, reading: Reading, unit: str, by_point: bool, units: Mapping[str, str]
) -> float | None:
    """Factor from the flux of a file to zero point 27.5; None where every point has its own zero point."""
    if user.unit or user.zero_point is not None:
        return stated_factor(file, column, unit, _factor_of_reading(file, column, user))
    if unit and unit.lower() not in COUNTS:
        return flux_factor(file, column, unit)
    if reading.unit or reading.zero_point is not None:
        return _factor_of_reading(file, column, reading)
    if by_point:
        return None
    raise no_unit(file, column, units, survey_of_zero_point(reading.dialect))


def _factor_of_reading(file: str, column: str, reading: Reading) -> float:
    """Factor of the unit or the zero point that a reading gives."""
    if reading.unit:
        return flux_factor(file, column, reading.unit)
    return zero_point_factor(reading.zero_point)  # type: ignore[arg-type]


def check_named(files: str, user: Reading, available: Collection[str]) -> None:
    """Refuse columns of objects that the user names and no file has, all in one InputError; a label may be missing."""
    problems = Problems()
    for name in user.carry:
        if name not in available:
            with problems.collect():
                raise InputError(
                    f"{files}: no column '{name}' to carry", f"a column of the files ({nearest(name, available)})",
                    "a misspelt name", "correct in [reading]: carry = [...]",
                )  # fmt: skip
    for column in OBJECT_COLUMNS:
        names = [n for n in user.names_of(column) if n]
        if names and column != "label" and not set(available) & set(names):
            with problems.collect():
                raise InputError(
                    f"{files}: no column '{names[0]}'",
                    f"a column that is the {column} ({nearest(names[0], available)})",
                    "another name for it, or a table of objects that was not given",
                    f'correct in [reading.columns]: {column} = "..." ("" where there is none)',
                )
    problems.raise_all()
