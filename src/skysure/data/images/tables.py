"""Tables beside images: positions to cut out, true parameters and other columns, one row per object."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from astropy import units as u
from astropy.coordinates import Angle

from skysure.data.files.damage import file_errors
from skysure.data.files.entries import Entry, walk
from skysure.data.files.kinds import check_claim, kind_of
from skysure.data.files.tables import open_table
from skysure.data.files.values import numbers, texts
from skysure.errors import InputError, nearest

EXPECTED = "a table as Parquet, FITS, VOTable, ECSV or CSV"
USUAL = {
    "id": ("id", "name", "object", "objectid", "objname", "lens", "lensname", "lensid", "target", "sourceid"),
    "ra": ("ra", "radeg", "raj2000", "alphaj2000", "alpha", "rightascension"),
    "dec": ("dec", "decdeg", "decj2000", "dej2000", "deltaj2000", "delta", "declination"),
    "group": ("group",),
}
"""Usual names of columns, without case and punctuation."""
TEXTS = ("group", "class")
"""Columns that are text, also where they look like numbers."""
Usual = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class ObjectTable:
    """Columns of objects.

    Parameters
    ----------
    file : str
    ids : ndarray of str, shape (row,)
    columns : dict of str to ndarray, shape (row,)
        Numbers (NaN where missing) or text, by our names.
    ra, dec : ndarray or None
        [deg]; NaN where they cannot be read.
    """

    file: str
    ids: np.ndarray
    columns: Mapping[str, np.ndarray]
    ra: np.ndarray | None = None
    dec: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)


def read_objects(
    path: str, names: Usual, mapping: Mapping[str, str], carry: Sequence[str] = (), *, positions: bool = False
) -> ObjectTable:
    """Read a table of objects.

    Parameters
    ----------
    path : str
    names : mapping of str to tuple of str
        Our columns, of which any may be missing, with the usual names for them, without case and punctuation.
    mapping : mapping of str to str
        Our names to those of the table, where they are not the usual ones.
    carry : sequence of str
        Other columns to keep, under their own names.
    positions : bool
        Whether ra and dec have to be there; ids are then optional.

    Raises
    ------
    InputError
        Where it is no table, or a column is missing.
    """
    entry, values, units = _open(path)
    usual = USUAL | dict(names)
    named = {name: column for name in usual if (column := _find(values, name, usual[name], mapping))}
    wanted = ("ra", "dec") if positions else ("id",)
    if missing := [name for name in wanted if name not in named]:
        raise InputError(
            f"{entry.name}: no column {', '.join(map(repr, missing))}", nearest(missing[0], values),
            "another name for it", f'[reading] columns.{missing[0]} = "..."',
        )  # fmt: skip
    if unknown := [name for name in carry if name not in values]:
        raise InputError(
            f"{entry.name}: carry: no column '{unknown[0]}'", nearest(unknown[0], values), "a misspelt name"
        )
    rows = len(next(iter(values.values())))
    ids = _text(values[named["id"]]) if "id" in named else np.arange(rows).astype(str)
    columns = {name: _values(name, values[named[name]]) for name in ("group", *names) if name in named}
    columns |= {name: _values("", values[name]) for name in carry}
    if not positions:
        return ObjectTable(entry.name, ids, columns)
    ra, dec = (degrees(values[named[name]], units.get(named[name], ""), name) for name in ("ra", "dec"))
    return ObjectTable(entry.name, ids, {"ra": ra, "dec": dec} | columns, ra, dec)


def _open(path: str) -> tuple[Entry, dict[str, pa.Array], dict[str, str]]:
    entry, head = next(iter(walk([Path(path)])), (None, b""))
    if entry is None:
        raise InputError(f"{path}: empty", EXPECTED)
    kind = kind_of(head)
    check_claim(entry, kind, EXPECTED)
    table = open_table(entry, kind)
    plain = [name for name, kind in table.schema.items() if not pa.types.is_nested(kind)]
    with file_errors(entry.name):
        batches = list(table.batches(plain))
        whole = pa.Table.from_batches(batches) if batches else pa.table({})
    if not len(whole):
        raise InputError(f"{entry.name}: no rows", "one for each object", "an empty table")
    return entry, {name: whole[name].combine_chunks() for name in plain}, table.units


def _find(values: Mapping[str, object], name: str, usual: Sequence[str], mapping: Mapping[str, str]) -> str:
    if name in mapping:
        return mapping[name] if mapping[name] in values else ""
    if name in values:
        return name
    return next((column for column in values if _plain(column) in usual), "")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _text(values: pa.Array) -> np.ndarray:
    codes, unique = texts(values)
    return unique[codes]


def _values(name: str, values: pa.Array) -> np.ndarray:
    """Numbers where all that is there are numbers, else text."""
    if name in TEXTS:
        return _text(values)
    column, is_text = numbers(values)
    return _text(values) if is_text.any() and not name else np.where(is_text, np.nan, column)


def degrees(values: pa.Array, unit: str, name: str) -> np.ndarray:
    """Read coordinates: numbers in degrees (or the unit of the column), or sexagesimal, of ra in hours; NaN if neither.

    >>> degrees(pa.array(["10:30:00", "12.5", "north"]), "", "ra").round(9).tolist()
    [157.5, 12.5, nan]
    """
    column, is_text = numbers(values)
    factor = 1.0
    if unit:
        try:
            factor = u.Unit(unit).to(u.deg)
        except (ValueError, TypeError, u.UnitsError):
            factor = 1.0
    column = column * factor
    for row in np.flatnonzero(is_text):
        column[row] = _sexagesimal(str(values[int(row)].as_py()), u.hourangle if name == "ra" else u.deg)
    low, high = (-360.0, 360.0) if name == "ra" else (-90.0, 90.0)
    with np.errstate(invalid="ignore"):
        return np.where((column >= low) & (column <= high), column, np.nan)


def _sexagesimal(text: str, unit: u.UnitBase) -> float:
    if len(text) > 40 or not re.fullmatch(r"[\s0-9hdmsHDMS:.'\"°+\-−]+", text):
        return np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return float(Angle(text.strip().lower().replace("−", "-"), unit=unit).deg)
        except Exception:  # astropy's parser raises of every kind
            return np.nan
