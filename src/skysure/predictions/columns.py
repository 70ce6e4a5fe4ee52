"""Columns of a result table: values with a unit, a description and a UCD.

UCDs (Unified Content Descriptors) are the words of the IVOA for what a column is, from the controlled vocabulary
UCD1+ (IVOA Recommendation, version 1.5). Entropies are in nats, which has no unit string: their descriptions say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import QTable

from skysure.errors import InputError


@dataclass(frozen=True)
class Label:
    """What a column of rows or a value is: its description, its UCD, and its unit as astropy writes it."""

    description: str
    ucd: str = ""
    unit: str = ""

    @staticmethod
    def known(name: str) -> Label | None:
        """Give the label of a column that means the same in every application ("id", "mjd", "ra", ...)."""
        return KNOWN.get(name)


class Column(NamedTuple):
    """One scalar column of a table."""

    name: str
    values: np.ndarray
    description: str = ""
    ucd: str = ""
    unit: str = ""


KNOWN = {
    "id": Label("Identifier of the object", "meta.id;meta.main"),
    "mjd": Label("Modified Julian date", "time.epoch", "d"),
    "ra": Label("Right ascension", "pos.eq.ra", "deg"),
    "dec": Label("Declination", "pos.eq.dec", "deg"),
    "redshift": Label("Redshift given with the data", "src.redshift"),
    "redshift_error": Label("Standard error of the redshift given with the data", "stat.error;src.redshift"),
    "label": Label("Class given with the data; empty where unknown", "meta.code.class"),
    "group": Label("Group of related objects, given with the data", "meta.id.parent"),
    "band": Label("Photometric band", "instr.bandpass"),
}
"""Columns of rows that mean the same in every application."""


def row_columns(rows: Mapping[str, Any], labels: Mapping[str, Label]) -> Iterable[Column]:
    """Give the leading columns of a table, which say what each row is about."""
    for name, values in rows.items():
        label = labels.get(name) or Label.known(name) or Label("")
        is_number = np.asarray(values).dtype.kind in "iuf"
        yield Column(name, values, label.description, label.ucd, label.unit if is_number else "")


def table_of(columns: Iterable[Column]) -> QTable:
    """Build a table; description and UCD stand in `table[name].info.description` and `.info.meta["ucd"]`.

    Raises
    ------
    InputError
        Where two columns have the same name.
    """
    table = QTable()
    for name, values, description, ucd, unit in columns:
        if name in table.colnames:
            cause = "rows, values or actions named as another column"
            raise InputError(f"two columns named {name}", "names that differ", cause, "rename one of them")
        table[name] = np.asarray(values) << u.Unit(unit) if unit else values
        column: Any = table[name]
        info = column.info
        info.description = description or None
        if ucd:
            info.meta = {"ucd": ucd}
    return table


def product(a: str, b: str) -> str:
    """Multiply two units; "" where one is logarithmic (AB magnitudes), whose products have no unit.

    >>> product("arcsec", "nJy"), product("arcsec", ""), product("mag(AB)", "arcsec")
    ('arcsec nJy', 'arcsec', '')
    """
    units = [u.Unit(unit) for unit in (a, b)]
    if any(isinstance(unit, u.function.FunctionUnitBase) for unit in units):
        return ""
    return (units[0] * units[1]).to_string()
