"""Tables in memory, one row a point or an object: columns with masks, nulls and units to ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from astropy import units as u

from skysure.data.files.values import arrow, numbers, texts
from skysure.errors import InputError, nearest

from .columns import flux_factor
from .conversion import measured
from .curves import ZERO_POINT, LightCurves

POINT = ("id", "time", "band", "flux", "flux_error")


def from_table(table: Any, columns: Mapping[str, str] | None, objects: Any, zero_point: float | None) -> LightCurves:
    """Build light curves from tables in memory; see `LightCurves.from_table`."""
    given = {name: _taken(table, (columns or {}).get(name, name), name) for name in POINT}
    if len({len(values) for values in given.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in given.items())
        raise InputError(f"columns of different lengths ({lengths})", "one row a point", "columns of two tables")
    time = _mjd(given["time"])
    scales = _scales(given["flux"], given["flux_error"], zero_point)
    flux, error = (_finite(given[n], n) * scale for n, scale in zip(("flux", "flux_error"), scales, strict=True))
    if not (error > 0).all():
        raise InputError(
            f"flux_error: row {int(np.argmin(error > 0))} is not positive", "a standard error above zero",
            "a missing value written as 0 or -9", "drop those rows",
        )  # fmt: skip
    (owner, ids), (band, bands) = (_named(given[n], n) for n in ("id", "band"))
    order = np.lexsort((time, owner))
    counts = np.bincount(owner, minlength=len(ids))
    return LightCurves(
        {"id": ids} | ({} if objects is None else _joined(ids, objects)),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        time[order], band[order].astype(np.int16), flux[order], error[order], tuple(bands.tolist()),
    )  # fmt: skip


def held(values: Any, name: str) -> pa.Array:
    """Give a column in memory as Arrow; what is masked, None or NaN is null."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return arrow(values)
    mask = getattr(values, "mask", None)
    masked = isinstance(mask, (np.ndarray, np.bool_)) and bool(np.any(mask))
    try:
        if isinstance(values, (list, tuple)):
            return arrow(pa.array(values, from_pandas=True))
        plain = np.asarray(getattr(values, "unmasked", values))
        if not plain.dtype.isnative:
            plain = plain.astype(plain.dtype.newbyteorder("="))
        return arrow(pa.array(plain, from_pandas=True, mask=np.asarray(mask) if masked else None))
    except (pa.ArrowException, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{name}: {reason}", "one value a row, all of one kind", "a column of mixed things") from None


def _names(table: Any) -> list[str]:
    return list(getattr(table, "column_names", None) or getattr(table, "colnames", None) or table.keys())


def _taken(table: Any, name: str, ours: str) -> Any:
    names = _names(table)
    if name not in names:
        raise InputError(
            f"the table has no column '{name}'", f"one of its columns ({nearest(name, names)})",
            "another name for the same thing", f"columns={{'{ours}': '...'}}",
        )  # fmt: skip
    return table[name]


def _finite(values: Any, name: str) -> np.ndarray:
    found, text = numbers(held(values, name))
    if text.any():
        row = int(np.argmax(text))
        raise InputError(
            f"{name}: row {row} is no number", "numbers", "text in a column of numbers", "clean the column"
        )
    if not np.isfinite(found).all():
        row = int(np.argmin(np.isfinite(found)))
        raise InputError(f"{name}: row {row} is not finite", "finite numbers", "a missing value", "drop those rows")
    return found


def _mjd(values: Any) -> np.ndarray:
    """Times as MJD: of astropy's Time, of a column with a unit of time, of plain numbers."""
    unit = getattr(values, "unit", None)
    days = _finite(getattr(values, "mjd", values), "time") * (u.Unit(unit).to(u.d) if unit else 1.0)
    if len(days) and np.median(days) > 1e6:
        raise InputError(
            f"time around {np.median(days):.1f}", "MJD", "the values look like JD", "subtract 2400000.5",
        )  # fmt: skip
    return days


def _scales(flux: Any, error: Any, zero_point: float | None) -> tuple[float, float]:
    """Factors of flux and error to zero point 27.5, from their units where they have some."""
    unit, unit_of_error = (getattr(values, "unit", None) for values in (flux, error))
    told = 10 ** (0.4 * (ZERO_POINT - (ZERO_POINT if zero_point is None else zero_point)))
    if unit is None:
        return told, told
    scale = flux_factor("table", "flux", str(unit))
    if zero_point is not None and abs(told / scale - 1) > 0.01:
        cause, cure = "each says what a flux of one means", "leave zero_point out, or take the unit off"
        raise InputError(f"flux in {unit} and zero_point = {zero_point:g}", "two that agree", cause, cure)
    return scale, flux_factor("table", "flux_error", str(unit_of_error or unit))


def _named(values: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes into the sorted names of a column of which none may be missing."""
    codes, names = texts(held(values, name))
    if len(codes) and (names[codes] == "").any():
        row = int(np.argmax(names[codes] == ""))
        raise InputError(f"{name}: row {row} is missing", "one in every row", "a missing value", "drop those rows")
    names, codes = np.unique(names[codes], return_inverse=True)
    return codes, names


def _joined(ids: np.ndarray, objects: Any) -> dict[str, np.ndarray]:
    """Columns of objects in the order of ids."""
    place, keys = _named(_taken(objects, "id", "id"), "id")
    if len(keys) < len(place):
        twice = keys[np.argmax(np.bincount(place) > 1)]
        raise InputError(f"object '{twice}' has several rows in `objects`", "one row for every object")
    if len(lacking := np.setdiff1d(ids, keys)):
        raise InputError(f"object '{lacking[0]}' has points but no row in `objects`", "a row for every object")
    rows = np.argsort(place)[np.searchsorted(keys, ids)]
    return {name: _column(objects[name], name)[rows] for name in _names(objects) if name != "id"}


def _column(values: Any, name: str) -> np.ndarray:
    """Texts with "" for what is missing, or numbers with NaN."""
    column = held(values, name)
    kind = column.type
    if name in ("label", "group") or not (
        pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)
    ):
        codes, names = texts(column)
        return names[codes]
    return measured(name, numbers(column)[0])
