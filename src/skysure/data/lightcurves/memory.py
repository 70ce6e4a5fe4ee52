"""Tables in memory, one row per observation or per object: columns with masks, nulls and units to our arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u

from skysure.errors import InputError, nearest

from .columns import find
from .fluxes import COUNTS, flux_factor, zero_point_factor
from .memory_columns import category_codes, column_names, fill_missing, finite_numbers, object_values, per_object
from .reading import OBJECT_COLUMNS, Reading

POINT_COLUMNS = ("id", "time", "band", "flux", "flux_error")


def arrays_of_table(
    table: Any, columns: Mapping[str, str] | None, objects: Any, zero_point: float | None, carry: Sequence[str]
) -> dict[str, Any]:
    """Return the fields of `LightCurves` for tables in memory; see `LightCurves.from_table`."""
    names = _find_columns(table, columns or {})
    points = {name: table[names[name]] for name in POINT_COLUMNS}
    if len({len(values) for values in points.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in points.items())
        raise InputError(
            f"columns of different lengths ({lengths})", "one row per observation", "columns of two tables"
        )
    time = _mjd(points["time"])
    flux, error = _fluxes(names["flux"], points["flux"], points["flux_error"], zero_point)
    (owner, ids), (band, bands) = (category_codes(points[n], n) for n in ("id", "band"))
    order = np.lexsort((time, owner))
    counts = np.bincount(owner, minlength=len(ids))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    constant = {name: names[name] for name in OBJECT_COLUMNS if name in names} | _carried(table, carry)
    columns_of_objects = {
        name: per_object(name, object_values(table[own], name), order, offsets, ids) for name, own in constant.items()
    }
    if objects is not None:
        columns_of_objects = fill_missing(columns_of_objects, _join(ids, objects))
    return {
        "objects": {"id": ids} | columns_of_objects, "offsets": offsets, "time": time[order],
        "band": band[order].astype(np.int16), "flux": flux[order], "flux_error": error[order],
        "bands": tuple(bands.tolist()),
    }  # fmt: skip


def _find_columns(table: Any, columns: Mapping[str, str]) -> dict[str, str]:
    """Find the table's name of each of our columns: as given, our own, or a usual one; all missing ones in one error.

    >>> _find_columns({"ID": 0, "mjd": 0, "filter": 0, "flux": 0, "flux_err": 0, "photoz": 0}, {})["redshift"]
    'photoz'
    """
    names = column_names(table)
    if unknown := [name for name in columns if name not in POINT_COLUMNS + OBJECT_COLUMNS]:
        close = nearest(unknown[0], POINT_COLUMNS + OBJECT_COLUMNS)
        raise InputError(f"columns={{'{unknown[0]}': ...}}", f"a column that we know ({close})", "a misspelt name")
    exact = {name: name for name in POINT_COLUMNS + OBJECT_COLUMNS if name in names}
    reading = Reading(columns=exact | dict(columns))
    name_of, missing = {}, []
    for name in POINT_COLUMNS + OBJECT_COLUMNS:
        own = _find_one(reading, names, name)
        if own:
            name_of[name] = own
        elif name in POINT_COLUMNS or columns.get(name):
            missing.append(name)
    if missing:
        unknown_names = {name: columns.get(name, name) for name in missing}
        raise InputError(
            f"the table has no column {', '.join(repr(a) for a in unknown_names.values())}",
            "; ".join(f"{name}: {nearest(own, names)}" for name, own in unknown_names.items()), "another name for it",
            f"columns={{{', '.join(repr(name) + ': ' + repr('...') for name in missing)}}}",
        )  # fmt: skip
    return name_of


def _find_one(reading: Reading, names: Sequence[str], column: str) -> str:
    try:
        return next(iter(find(reading, dict.fromkeys(names, ""), column)), "")
    except InputError as error:
        raise InputError(error.problem, error.expected, error.cause, f"columns={{'{column}': '...'}}") from None


def _carried(table: Any, carry: Sequence[str]) -> dict[str, str]:
    names = column_names(table)
    if missing := [name for name in carry if name not in names]:
        close = nearest(missing[0], names)
        raise InputError(f"carry: the table has no column {', '.join(map(repr, missing))}", close, "a misspelt name")
    return {name: name for name in carry}


def _mjd(values: Any) -> np.ndarray:
    """Times as MJD: of astropy's Time, of a column with a unit of time, of plain numbers."""
    unit = getattr(values, "unit", None)
    days = finite_numbers(getattr(values, "mjd", values), "time") * (u.Unit(unit).to(u.d) if unit else 1.0)
    if len(days) and np.median(days) > 1e6:
        raise InputError(
            f"time around {np.median(days):.1f}", "MJD", "the values look like JD", "subtract 2400000.5",
        )  # fmt: skip
    return days


def _fluxes(name: str, flux: Any, error: Any, zero_point: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Fluxes and their errors at zero point 27.5."""
    factor, error_factor = _flux_factors(name, flux, error, zero_point)
    fluxes, errors = finite_numbers(flux, "flux") * factor, finite_numbers(error, "flux_error") * error_factor
    if not (errors > 0).all():
        raise InputError(
            f"flux_error: row {int(np.argmin(errors > 0))} is not positive", "a standard error above zero",
            "a missing value written as 0 or -9", "drop those rows",
        )  # fmt: skip
    return fluxes, errors


def _flux_factors(name: str, flux: Any, error: Any, zero_point: float | None) -> tuple[float, float]:
    """Factors of flux and error to zero point 27.5, from their units where they have some."""
    units = (str(getattr(values, "unit", None) or "") for values in (flux, error))
    flux_unit, error_unit = ("" if unit.lower() in COUNTS else unit for unit in units)
    if not flux_unit and zero_point is None:
        raise InputError(
            f"the table: flux column '{name}'", "its unit or its zero point",
            "the column has no unit of flux density; a guess could be off by a factor of 36",
            "zero_point=27.5 (the AB magnitude of a flux of one; 31.4 for nJy), or a column with a unit",
        )  # fmt: skip
    if not flux_unit:
        factor = zero_point_factor(zero_point)  # type: ignore[arg-type]
        return factor, factor
    factor = flux_factor("the table", name, flux_unit)
    if zero_point is not None and abs(zero_point_factor(zero_point) / factor - 1) > 0.01:
        cause, fix = "each says what a flux of one means", "leave zero_point out, or remove the unit"
        raise InputError(f"flux in {flux_unit} and zero_point = {zero_point:g}", "two that agree", cause, fix)
    return factor, flux_factor("the table", "flux_error", error_unit or flux_unit)


def _join(ids: np.ndarray, objects: Any) -> dict[str, np.ndarray]:
    """Return the columns of a table of objects in the order of ids."""
    names = column_names(objects)
    exact = {name: name for name in ("id", *OBJECT_COLUMNS) if name in names}
    own = {name: _find_one(Reading(columns=exact), names, name) for name in ("id", *OBJECT_COLUMNS)}
    if not own["id"]:
        raise InputError("`objects` has no column 'id'", nearest("id", names), "another name for it", "rename it")
    place, keys = category_codes(objects[own["id"]], "id")
    if len(keys) < len(place):
        repeated = keys[np.argmax(np.bincount(place) > 1)]
        raise InputError(f"object '{repeated}' has several rows in `objects`", "one row per object")
    if len(missing := np.setdiff1d(ids, keys)):
        raise InputError(f"object '{missing[0]}' has no row in `objects`", "a row for every object")
    rows = np.argsort(place)[np.searchsorted(keys, ids)]
    under = {name: name for name in names} | {column: name for column, name in own.items() if name}
    return {
        column: object_values(objects[name], column)[rows]
        for column, name in under.items()
        if column != "id" and name != own["id"]
    }
