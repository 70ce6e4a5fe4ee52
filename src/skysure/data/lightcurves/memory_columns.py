"""One column of a table in memory: masks, nulls, units and text to NumPy arrays, per row or per object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from astropy import units as u

from skysure.data.files.values import arrow, numbers, texts
from skysure.errors import InputError

from .conversion import mask_placeholders

TOLERANCE = {"ra": 0.01, "dec": 0.01}
"""Largest difference within an object [deg]: surveys repeat the position of each detection."""


def column_names(table: Any) -> list[str]:
    """Names of the columns of a table of any library."""
    return list(getattr(table, "column_names", None) or getattr(table, "colnames", None) or table.keys())


def to_arrow(values: Any, name: str) -> pa.Array:
    """Convert a column to Arrow; what is masked, None or NaN is null."""
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
        raise InputError(f"{name}: {reason}", "one value per row, all of one type", "a column of mixed types") from None


def finite_numbers(values: Any, name: str) -> np.ndarray:
    """Convert a column of which no value may be missing."""
    floats, text = numbers(to_arrow(values, name))
    if text.any():
        row = int(np.argmax(text))
        raise InputError(f"{name}: row {row} is text", "numbers", "text in a column of numbers", "clean the column")
    if not np.isfinite(floats).all():
        row = int(np.argmin(np.isfinite(floats)))
        raise InputError(f"{name}: row {row} is not finite", "finite numbers", "a missing value", "drop those rows")
    return floats


def category_codes(values: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes into the sorted names of a column of which none may be missing."""
    codes, names = texts(to_arrow(values, name))
    if len(codes) and (names[codes] == "").any():
        row = int(np.argmax(names[codes] == ""))
        raise InputError(f"{name}: row {row} is missing", "a value in every row", "a missing value", "drop those rows")
    names, codes = np.unique(names[codes], return_inverse=True)
    return codes, names


def object_values(values: Any, name: str) -> np.ndarray:
    """Convert a column of objects: text with "" for what is missing, or numbers with NaN; positions to degrees."""
    column = to_arrow(values, name)
    kind = column.type
    if name in ("label", "group") or not (
        pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)
    ):
        codes, names = texts(column)
        return names[codes]
    unit = getattr(values, "unit", None) if name in TOLERANCE else None
    return mask_placeholders(name, numbers(column)[0] * (u.Unit(unit).to(u.deg) if unit else 1.0))


def per_object(
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
    categories = None
    if values.dtype.kind in "UO":
        categories, codes = np.unique(np.append(values, ""), return_inverse=True)  # the code of "" is 0
        numeric = np.where(codes[:-1] == 0, np.nan, codes[:-1].astype(float))
    else:
        numeric = values
    least, most = (f.reduceat(numeric[order], offsets[:-1]) for f in (np.fmin, np.fmax))
    if (varies := most - least > TOLERANCE.get(name, 0.0)).any():
        k = int(np.argmax(varies))
        first, second = (x[k] if categories is None else categories[int(x[k])] for x in (least, most))
        raise InputError(
            f"column '{name}' varies within object '{ids[k]}' ({first} and {second})", "one value per object",
            "it belongs to the observations, or two objects share an id",
            f"columns={{'{name}': ''}} to leave it out, or give it in `objects`",
        )  # fmt: skip
    return least if categories is None else categories[np.nan_to_num(least).astype(int)]


def fill_missing(own: dict[str, np.ndarray], fallback: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fill what is missing in columns of objects from others, and add the columns that only the others have."""
    columns = own | {name: values for name, values in fallback.items() if name not in own}
    for name in own.keys() & fallback.keys():
        missing = own[name] == "" if own[name].dtype.kind in "UO" else np.isnan(own[name])
        columns[name] = np.where(missing, fallback[name], own[name])
    return columns
