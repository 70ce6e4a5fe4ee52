"""Tables in memory, one row per observation or per object: columns with masks, nulls and units to our arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skysure.data.files.names import refuse_doubled
from skysure.data.files.values import texts
from skysure.errors import InputError, nearest

from .columns import find
from .conversion import HUGE
from .cures import SYSTEMS, ZERO_POINTS, named
from .fluxes import COUNTS, ZERO_POINT, flux_factor, zero_point_factor
from .memory_columns import (
    category_codes,
    column_names,
    column_unit,
    fill_missing,
    finite_numbers,
    object_values,
    one_per_object,
    to_arrow,
)  # fmt: skip
from .passbands import is_colour
from .per_object import rows_that_differ
from .reading import OBJECT_COLUMNS, Reading
from .times import APART, JULIAN, days_of_timestamps, far_apart, scale_name
from .units import error_factor, unit_factor

POINT_COLUMNS = ("id", "time", "band", "flux", "flux_error")
OPTIONAL = ("zero_point",)
"""Columns of points that only `columns` names."""


def arrays_of_table(
    table: Any, columns: Mapping[str, str] | None, objects: Any, zero_point: float | None, carry: Sequence[str]
) -> dict[str, Any]:
    """Return the fields of `LightCurves` for tables in memory; see `LightCurves.from_table`."""
    names = _find_columns(table, columns or {})
    points = {name: table[names[name]] for name in (*POINT_COLUMNS, *OPTIONAL) if name in names}
    if len({len(values) for values in points.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in points.items())
        raise InputError(
            f"columns of different lengths ({lengths})", "one row per observation", "columns of two tables"
        )
    units = {name: column_unit(table, own) for name, own in names.items()}
    time = _mjd(names["time"], points["time"], units["time"])
    flux, error = _fluxes(names, points, units, zero_point, named(column_names(table), ZERO_POINTS))
    (owner, ids), (band, bands) = (category_codes(points[n], n) for n in ("id", "band"))
    _check_rows(table, bands)
    order = np.lexsort((time, owner))
    _refuse_gaps(time, owner, order, ids)
    counts = np.bincount(owner, minlength=len(ids))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    constant = {name: names[name] for name in OBJECT_COLUMNS if name in names} | _carried(table, carry)
    columns_of_objects = {
        name: one_per_object(name, object_values(table[own], name, units.get(name, ""), own), order, offsets, ids)
        for name, own in constant.items()
    }
    if objects is not None:
        of_objects = _join(ids, objects)
        _refuse_other_labels(columns_of_objects, of_objects, ids)
        columns_of_objects = fill_missing(columns_of_objects, of_objects)
    return {
        "objects": {"id": ids} | columns_of_objects, "offsets": offsets, "time": time[order],
        "band": band[order].astype(np.int16), "flux": flux[order], "flux_error": error[order],
        "bands": tuple(bands.tolist()),
    }  # fmt: skip


def _refuse_other_labels(own: dict[str, np.ndarray], others: dict[str, np.ndarray], ids: np.ndarray) -> None:
    """Refuse an object that has one label among the observations and another one in `objects`."""
    if "label" not in own or "label" not in others:
        return
    for k in rows_that_differ("label", own["label"], others["label"])[:1]:
        labels = f"'{own['label'][k]}' in the table, and '{others['label'][k]}' in `objects`"
        raise InputError(f"object '{ids[k]}' has the label {labels}", "one label", "", "columns={'label': ''}")


def _find_columns(table: Any, columns: Mapping[str, str]) -> dict[str, str]:
    """Find the table's name of each of our columns: as given, our own, or a usual one; all missing ones in one error.

    >>> _find_columns({"ID": 0, "mjd": 0, "filter": 0, "flux": 0, "flux_err": 0, "photoz": 0}, {})["redshift"]
    'photoz'
    """
    names = column_names(table)
    refuse_doubled("the table", names)
    if unknown := [name for name in columns if name not in POINT_COLUMNS + OPTIONAL + OBJECT_COLUMNS]:
        close = nearest(unknown[0], POINT_COLUMNS + OPTIONAL + OBJECT_COLUMNS)
        raise InputError(f"columns={{'{unknown[0]}': ...}}", f"a column that we know ({close})", "a misspelt name")
    exact = {name: name for name in POINT_COLUMNS + OBJECT_COLUMNS if name in names}
    reading = Reading(columns=exact | dict(columns))
    name_of, missing = {}, []
    for name in POINT_COLUMNS + tuple(n for n in OPTIONAL if columns.get(n)) + OBJECT_COLUMNS:
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


def _check_rows(table: Any, bands: np.ndarray) -> None:
    """Refuse colours among the bands, and magnitude systems other than AB."""
    if colours := [name for name in bands.tolist() if is_colour(name)]:
        raise InputError(
            f"'{colours[0]}' among the bands looks like a colour", "names of bands",
            "a colour is a difference of two magnitudes, and no measurement in a band", "drop those rows",
        )  # fmt: skip
    for name in named(column_names(table), SYSTEMS):
        systems = texts(to_arrow(table[name], name))[1].tolist()
        if others := [system for system in systems if system and not system.lower().startswith("ab")]:
            raise InputError(
                f"column '{name}' has '{others[0]}'", "AB", "another magnitude system",
                "convert its rows to AB, or remove that column to read them as AB",
            )  # fmt: skip


def _carried(table: Any, carry: Sequence[str]) -> dict[str, str]:
    names = column_names(table)
    if missing := [name for name in carry if name not in names]:
        close = nearest(missing[0], names)
        raise InputError(f"carry: the table has no column {', '.join(map(repr, missing))}", close, "a misspelt name")
    return {name: name for name in carry}


def _mjd(name: str, values: Any, unit: str) -> np.ndarray:
    """Times as MJD: of astropy's Time, of timestamps, of a column with a unit of time, of plain numbers."""
    column = to_arrow(getattr(values, "mjd", values), "time")
    days = days_of_timestamps(column)
    if days is None:
        days = finite_numbers(column, "time") * unit_factor("the table", "time", name, unit)
    else:
        finite_numbers(days, "time")
    if (days > JULIAN).any():
        row = int(np.argmax(days > JULIAN))
        scale = {"unix": "seconds since 1970"}.get(scale_name(days[row]), "JD")
        median = float(np.median(days))
        which = f"time around {median:.1f}" if median > JULIAN else f"time: row {row} is {days[row]:.1f}"
        raise InputError(which, "MJD", f"the values look like {scale}", FIX_OF_SCALE.get(scale, ""))
    return days


FIX_OF_SCALE = {"JD": "subtract 2400000.5", "seconds since 1970": 'astropy.time.Time(..., format="unix")'}


def _refuse_gaps(time: np.ndarray, owner: np.ndarray, order: np.ndarray, ids: np.ndarray) -> None:
    """Refuse an object whose times are of two scales."""
    if gaps := far_apart(time, owner, order):
        k, row = gaps[0]
        raise InputError(f"object '{ids[k]}': {APART}", "times of one scale", "MJD among others", f"look at row {row}")


def _fluxes(
    names: Mapping[str, str], points: Mapping[str, Any], units: Mapping[str, str], zero_point: float | None,
    beside: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Fluxes and their errors at zero point 27.5."""
    factor = _flux_factor(names, points, units, zero_point, beside)
    scale = error_factor("the table", names["flux_error"], units["flux"], units["flux_error"], factor)
    fluxes = finite_numbers(points["flux"], "flux", factor)
    errors = finite_numbers(points["flux_error"], "flux_error", factor * scale)
    if not (errors > 1 / HUGE).all():
        row = int(np.argmin(errors > 1 / HUGE))
        size = "as good as zero" if errors[row] > 0 else "not positive"
        raise InputError(
            f"flux_error: row {row} is {size}", "a standard error above zero", "a missing value written as 0 or -9",
            "drop those rows",
        )  # fmt: skip
    return fluxes, errors


def _flux_factor(
    names: Mapping[str, str], points: Mapping[str, Any], units: Mapping[str, str], zero_point: float | None,
    beside: Sequence[str],
) -> Any:  # fmt: skip
    """Factor of the flux to zero point 27.5: of all rows by its unit or `zero_point`, or of each by its own."""
    name, unit = names["flux"], units["flux"]
    if "zero_point" in names:
        if zero_point is not None or (unit and unit.lower() not in COUNTS):
            cause, fix = "each says what a flux of one means", "leave out columns={'zero_point': ...}, or the other"
            raise InputError("a column of zero points beside a unit or zero_point", "one of them", cause, fix)
        return 10 ** (0.4 * (ZERO_POINT - finite_numbers(points["zero_point"], "zero_point")))
    if unit and unit.lower() not in COUNTS:
        factor = flux_factor("the table", name, unit)
        if zero_point is not None and abs(zero_point_factor(zero_point) / factor - 1) > 0.01:
            cause, fix = "each says what a flux of one means", "leave zero_point out, or remove the unit"
            raise InputError(f"flux in {unit} and zero_point = {zero_point:g}", "two that agree", cause, fix)
        return factor
    if zero_point is None:
        column = f", or columns={{'zero_point': '{beside[0]}'}}" if beside else ""
        raise InputError(
            f"the table: flux column '{name}'", "its unit or its zero point",
            "the column has no unit of flux density; a guess could be off by a factor of 36",
            f"zero_point=... (the AB magnitude of a flux of one; 31.4 for nJy){column}, or a column with a unit",
        )  # fmt: skip
    return zero_point_factor(zero_point)


def _join(ids: np.ndarray, objects: Any) -> dict[str, np.ndarray]:
    """Return the columns of a table of objects in the order of ids."""
    names = column_names(objects)
    refuse_doubled("`objects`", names)
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
        column: object_values(objects[name], column, column_unit(objects, name), name)[rows]
        for column, name in under.items()
        if column != "id" and name != own["id"]
    }
