"""How files of light curves are read: their columns, units, bands and labels; kept in `run.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

from skysure.errors import SettingsError, nearest, quote, shorten

from . import reading_schema as schema
from .column_names import without_prefix

POINT_COLUMNS = ("id", "time", "band", "flux", "flux_error", "mag", "mag_error", "zero_point", "sign")
OBJECT_COLUMNS = ("label", "redshift", "redshift_error", "ra", "dec", "mwebv", "group")
DIALECTS = (
    "snana", "plasticc", "rubin", "ztf", "ztf_forced", "atlas", "asassn", "gaia", "salt2", "sncosmo", "osc", "des",
    "spcc",
)  # fmt: skip
ERROR_OF = {"flux_error": "flux", "mag_error": "mag", "redshift_error": "redshift"}
DROPPABLE = ("nan", "error")
FILE_NAME = "<file>"
"""As column of the id: every file holds one object, named as the file."""


@dataclass(frozen=True)
class Reading:
    """Names and units of the columns, bands and labels of a file; the `[reading]` table of a settings file.

    Parameters
    ----------
    dialect : str
        Survey format, one of DIALECTS. Other fields override it.
        Empty: recognised from the columns where they leave no doubt; "plain": none.
    columns : dict of str to str or list of str
        Our name to the file's; of several, the first that exists (for columns of objects: the first that
        has a value). "" where there is none. Our names: id, time, band, flux, flux_error (or mag, mag_error),
        zero_point (of every point), sign (of magnitudes of difference images), label, redshift,
        redshift_error (of the host, as known before the object is classified), ra, dec [deg], mwebv [mag],
        group.
    unit : str
        Unit of the flux, as astropy writes it: nJy, uJy, Jy (AB).
    zero_point : float, optional
        AB magnitude of a flux of one, where the flux has no unit.
    time_format : str
        mjd (default), jd, or any format of astropy.time.
    bands : dict of str to str
        The file's name of a band to ours, such as lsst_g = "g".
    labels : dict of str to str
        The file's value of a label to the class, such as 90 = "Ia"; others are taken as unknown.
    constants : dict of str to str or float
        Value of a column of objects where the file has none, such as label = "Ia".
    keep : dict of str to value or list of values
        Keep only points where that column of the file has (one of) these values.
    drop : dict of str to value or list of values
        Drop points where that column of the file has (one of) these values.
    reject_bits : dict of str to int
        Drop points where that column of the file has any of these bits set.
    drop_points : tuple of str
        Flaws for which only the point is dropped, not its object: "nan" (no number), "error" (error not above zero).
    carry : tuple of str
        Columns of objects repeated in result tables under the file's name; never an input of a network.
    nested : str
        The column that holds the light curve, where a file has several nested columns.
    """

    dialect: str = ""
    columns: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    unit: str = ""
    zero_point: float | None = None
    time_format: str = ""
    bands: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str | float] = field(default_factory=dict)
    keep: Mapping[str, Any] = field(default_factory=dict)
    drop: Mapping[str, Any] = field(default_factory=dict)
    reject_bits: Mapping[str, int] = field(default_factory=dict)
    drop_points: tuple[str, ...] = ()
    carry: tuple[str, ...] = ()
    nested: str = ""

    def __post_init__(self) -> None:
        for name, check in SCHEMA.items():
            object.__setattr__(self, name, check(f"[reading] {name}", getattr(self, name)))
        if self.dialect not in ("", "plain", *DIALECTS):
            raise SettingsError(
                f"[reading] dialect = {quote(self.dialect)}", f"a known survey format ({', '.join(DIALECTS)})",
                "a misspelt name, or an unknown survey", "write columns, unit and bands instead",
            )  # fmt: skip
        for table, valid in (
            ("columns", POINT_COLUMNS + OBJECT_COLUMNS),
            ("constants", OBJECT_COLUMNS),
        ):
            for name in getattr(self, table):
                _check_known(f"[reading.{table}] {name}", name, valid)
        for name in self.drop_points:
            _check_known(f'[reading] drop_points: "{name}"', name, DROPPABLE)
        for name in self.columns:
            if name != "id" and FILE_NAME in self.names_of(name):
                raise SettingsError(
                    f'[reading.columns] {name} = "{FILE_NAME}"', "a column", "only an id is a file's name"
                )
        if self.unit and self.zero_point is not None:
            raise SettingsError(
                f'[reading] unit = "{self.unit}" and zero_point = {self.zero_point}', "one of them",
                "both say what a flux of one means", "remove one",
            )  # fmt: skip

    @classmethod
    def from_toml(cls, table: Mapping[str, Any]) -> Reading:
        """Build a reading from a TOML table: `[reading]` itself, or a document that holds one.

        Raises
        ------
        SettingsError
            For an unknown field, or one of a wrong type.
        """
        table = table.get("reading", table)
        if not isinstance(table, Mapping):
            raise SettingsError(f"[reading] is {quote(table)}", "a table", "", "write [reading] and its lines")
        for name in table:
            _check_known(f"[reading] {name}", name, tuple(SCHEMA))
        return cls(**table)

    @classmethod
    def of(cls, reading: Reading | Mapping[str, Any] | None) -> Reading:
        """Take a reading as it is, or build it from a TOML table; none is the empty one."""
        return reading if isinstance(reading, Reading) else cls.from_toml(reading or {})

    def to_toml(self) -> dict[str, Any]:
        """Return what differs from the defaults as plain TOML values, which `from_toml` reads."""
        plain = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Mapping):
                value = {k: list(v) if isinstance(v, tuple) else v for k, v in value.items()}
            elif isinstance(value, tuple):
                value = list(value)
            if value not in (None, "", {}, []):
                plain[f.name] = value
        return plain

    def with_dialect(self) -> Reading:
        """Fill in fields that are not set here from the survey format.

        >>> Reading(dialect="rubin").with_dialect().unit
        'nJy'
        """
        if self.dialect in ("", "plain"):
            return self
        survey = load_dialect(self.dialect)[0]
        if set(filter(None, self.names_of("flux"))) - set(survey.names_of("flux")):
            survey = replace(survey, zero_point=None)  # it is that of the survey's own column alone
        return _over(self, survey)

    def names_of(self, column: str) -> tuple[str, ...]:
        """Names under which a file may have one of our columns, best first; empty where none is set."""
        names = self.columns.get(column, ())
        return (names,) if isinstance(names, str) else tuple(names)


@cache
def load_dialect(name: str) -> tuple[Reading, tuple[frozenset[str], ...]]:
    """Load a survey format: its reading, and the sets of columns by which it is recognised."""
    table = tomllib.loads((files("skysure.data.lightcurves") / "dialects" / f"{name}.toml").read_text(encoding="utf-8"))
    signatures = tuple(frozenset(columns) for columns in table.pop("signatures", []))
    parent = table.pop("extends", "")
    reading = Reading.from_toml(table)
    if parent:
        reading = _over(reading, load_dialect(parent)[0])
    return replace(reading, dialect=name), signatures


def survey_of_zero_point(dialect: str) -> str:
    """Return a survey format if it gives a zero point to its fluxes, else ""."""
    return dialect if dialect in DIALECTS and load_dialect(dialect)[0].zero_point is not None else ""


def recognise(columns: set[str]) -> str:
    """Name the survey format whose columns are among these; "" where there is none or more than one."""
    columns = columns | {without_prefix(name) for name in columns}
    sizes = {name: max((len(s) for s in load_dialect(name)[1] if s <= columns), default=0) for name in DIALECTS}
    best = max(sizes.values())
    names = [name for name, size in sizes.items() if size == best > 0]
    return names[0] if len(names) == 1 else ""


def _over(own: Reading, under: Reading) -> Reading:
    """Override one reading by another; an error never keeps the column of a value that is overridden."""
    beneath = dict(under.columns)
    for error, value in ERROR_OF.items():
        if value in own.columns and error not in own.columns:
            beneath.pop(error, None)
    given_flux = own.unit or own.zero_point is not None
    return Reading(
        dialect=own.dialect or under.dialect,
        columns={**beneath, **own.columns},
        unit=own.unit if given_flux else under.unit,
        zero_point=own.zero_point if given_flux else under.zero_point,
        time_format=own.time_format or under.time_format,
        bands={**under.bands, **own.bands},
        labels={**under.labels, **own.labels},
        constants={**under.constants, **own.constants},
        keep={**under.keep, **own.keep},
        drop={**under.drop, **own.drop},
        reject_bits={**under.reject_bits, **own.reject_bits},
        drop_points=own.drop_points or under.drop_points,
        carry=tuple(dict.fromkeys(under.carry + own.carry)),
        nested=own.nested or under.nested,
    )


def _check_known(text: str, name: str, allowed: tuple[str, ...]) -> None:
    if name not in allowed:
        raise SettingsError(shorten(text), f"a known name ({nearest(name, allowed)})", "a misspelt name")


SCHEMA: dict[str, schema.Check] = {
    "dialect": schema.text, "columns": schema.table(schema.one_or_more), "unit": schema.text,
    "zero_point": schema.optional(schema.number(*schema.ZERO_POINTS)), "time_format": schema.time_format,
    "bands": schema.table(schema.name), "labels": schema.table(schema.text),
    "constants": schema.table(schema.constant, "texts and numbers"), "keep": schema.table(schema.values, "values"),
    "drop": schema.table(schema.values, "values"),
    "reject_bits": schema.table(schema.bits, "whole numbers"), "drop_points": schema.texts, "carry": schema.texts,
    "nested": schema.text,
}  # fmt: skip
"""What each field of a `[reading]` table may hold."""
