"""One column of a table in memory: masks, nulls, units and text to NumPy arrays, per row or per object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from skysure.data.files.parquet import unit_of
from skysure.data.files.types import is_plain_scalar, plain_type
from skysure.data.files.values import arrow, numbers, texts
from skysure.errors import InputError

from .conversion import HUGE, mask_placeholders
from .identifiers import identifiers
from .per_object import first_values, rows_that_differ
from .reading import OBJECT_COLUMNS
from .units import unit_factor

TEXT = ("label", "group")
"""Columns of objects that are text; the others of a meaning of their own are numbers."""


def column_names(table: Any) -> list[str]:
    """Names of the columns of a table of any library."""
    return list(getattr(table, "column_names", None) or getattr(table, "colnames", None) or table.keys())


def column_unit(table: Any, name: str) -> str:
    """Unit of a column of a table of any library, "" where it has none.

    Those of astropy's columns and quantities, in the metadata of fields of Arrow ("unit"), in `attrs` of a pandas
    column ("unit" or "units") or table ("units", by name), and of columns of pint.
    """
    if hasattr(getattr(table, "schema", None), "field"):
        return unit_of(table.schema.field(name))
    values = table[name]
    attributes, whole = (getattr(x, "attrs", None) or {} for x in (values, table))
    of_table = whole.get("units")
    options = (
        getattr(values, "unit", None), attributes.get("unit"), attributes.get("units"),
        of_table.get(name) if isinstance(of_table, Mapping) else None,
        getattr(getattr(values, "dtype", None), "units", None),
    )  # fmt: skip
    return next((str(unit) for unit in options if unit is not None and str(unit)), "")


def to_arrow(values: Any, name: str) -> pa.Array:
    """Convert a column to Arrow; what is masked, None or NaN is null."""
    mask = getattr(values, "mask", None)
    masked = isinstance(mask, (np.ndarray, np.bool_)) and bool(np.any(mask))
    try:
        if isinstance(values, (pa.Array, pa.ChunkedArray)):
            return _decoded(arrow(values), name)
        if isinstance(values, (list, tuple)):
            return _decoded(arrow(pa.array(values, from_pandas=True)), name)
        plain = np.asarray(getattr(values, "unmasked", values))
        if not plain.dtype.isnative:
            plain = plain.astype(plain.dtype.newbyteorder("="))
        return _decoded(arrow(pa.array(plain, from_pandas=True, mask=np.asarray(mask) if masked else None)), name)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if "UTF8" in reason.replace("-", ""):
            fix = "decode the column before"
            raise InputError(f"{name}: bytes that are not UTF-8", "text", "text in another encoding", fix) from None
        raise InputError(f"{name}: {reason}", "one value per row, all of one type", "a column of mixed types") from None


def _decoded(column: pa.Array, name: str) -> pa.Array:
    """Bytes as text; bytes that are no text, which may look alike, and what is no single value are refused."""
    if not is_plain_scalar(plain_type(column.type)):
        raise InputError(f"{name}: values of the type {column.type}", "one number or text per row", "", "convert it")
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        return column
    try:
        return column.cast(pa.large_string())
    except pa.ArrowInvalid:
        fix = "decode the column before"
        raise InputError(f"{name}: bytes that are not UTF-8", "text", "text in another encoding", fix) from None


def finite_numbers(values: Any, name: str, factor: float = 1.0) -> np.ndarray:
    """Convert a column of which no value may be missing, times a factor; none may be too large for single precision."""
    floats, text = numbers(to_arrow(values, name))
    if text.any():
        row = int(np.argmax(text))
        fix = "give dates as astropy.time.Time" if name == "time" else "clean the column"
        raise InputError(f"{name}: row {row} is text", "numbers", "text in a column of numbers", fix)
    floats = floats * factor
    if not np.isfinite(floats).all():
        row = int(np.argmin(np.isfinite(floats)))
        raise InputError(f"{name}: row {row} is not finite", "finite numbers", "a missing value", "drop those rows")
    _refuse_huge(floats, name)
    return floats


def _refuse_huge(values: np.ndarray, name: str) -> None:
    with np.errstate(invalid="ignore"):
        huge = np.abs(values) >= HUGE
    if huge.any():
        row = int(np.argmax(huge))
        raise InputError(
            f"{name}: row {row} is {values[row]:g}", f"numbers below {HUGE:g}", "a wrong unit, or a missing value",
            "correct or drop those rows",
        )  # fmt: skip


def category_codes(values: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes into the sorted names of a column of which none may be missing; ids must differ in more than blanks."""
    column = to_arrow(values, name)
    if name == "id":
        names, written = identifiers("the table", name, column)
    else:
        codes, names = texts(column)
        names = written = names[codes]
    if (names == "").any():
        row = int(np.argmax(names == ""))
        raise InputError(f"{name}: row {row} is missing", "a value in every row", "a missing value", "drop those rows")
    unique, first, codes = np.unique(names, return_index=True, return_inverse=True)
    if (differs := written != written[first][codes]).any():
        one, other = written[np.argmax(differs)], written[first][codes][np.argmax(differs)]
        raise InputError(f"ids '{other}' and '{one}'", "ids that differ in more than blanks", "blanks at an end")
    return codes, unique


def object_values(values: Any, name: str, unit: str = "", own: str = "") -> np.ndarray:
    """Convert a column of objects: text with "" for what is missing, or numbers in our unit with NaN.

    `own` is its name in the table, for errors.
    """
    column = to_arrow(values, name)
    kind = column.type
    is_number = (
        pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)
    )
    if name in TEXT or (name not in OBJECT_COLUMNS and not is_number):
        codes, names = texts(column)
        return names[codes]
    floats, text = numbers(column)
    if text.any():
        row = int(np.argmax(text))
        raise InputError(f"{own or name}: row {row} is text", "numbers", "text in a column of numbers", "clean it")
    if name not in OBJECT_COLUMNS:
        return floats
    floats = floats * unit_factor("the table", name, own or name, unit)
    _refuse_huge(floats, own or name)
    return mask_placeholders(name, floats)


def one_per_object(
    name: str, values: np.ndarray, order: np.ndarray, offsets: np.ndarray, ids: np.ndarray
) -> np.ndarray:  # fmt: skip
    """Reduce a column of observations to the one value that it has in each object, missing where it has none.

    Parameters
    ----------
    name : str
    values : ndarray, shape (point,)
    order : ndarray, shape (point,)
        Indices that sort the points by object.
    offsets : ndarray, shape (object + 1,)
    ids : ndarray of str, shape (object,)

    Raises
    ------
    InputError
        Where the column varies within an object.
    """
    if len(ids) == 0:
        return values[:0]
    ranked = values[order]
    first = first_values(ranked, offsets[:-1])
    owner = np.repeat(np.arange(len(ids)), np.diff(offsets))
    if len(different := rows_that_differ(name, ranked, first[owner])):
        row = different[0]
        k = owner[row]
        raise InputError(
            f"column '{name}' varies within object '{ids[k]}' ({first[k]} and {ranked[row]})", "one value per object",
            "it belongs to the observations, or two objects share an id",
            f"columns={{'{name}': ''}} to leave it out, or give it in `objects`",
        )  # fmt: skip
    return first


def fill_missing(own: dict[str, np.ndarray], fallback: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fill what is missing in columns of objects from others, and add the columns that only the others have."""
    columns = own | {name: values for name, values in fallback.items() if name not in own}
    for name in own.keys() & fallback.keys():
        missing = own[name] == "" if own[name].dtype.kind in "UO" else np.isnan(own[name])
        columns[name] = np.where(missing, fallback[name], own[name])
    return columns
