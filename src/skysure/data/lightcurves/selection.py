"""Which points of a file a reading keeps: `keep`, `drop` and `reject_bits`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skysure.data.files.values import numbers, texts

from .passbands import code
from .reading import Reading

LARGEST = 2**53
"""Integers below it are exact in double precision."""


def points_to_keep(
    reading: Reading, columns: Mapping[str, object], n: int, notes: Callable[[str, int], None] = lambda text, n: None
) -> np.ndarray:
    """Mask of the points that a reading keeps.

    Parameters
    ----------
    reading : Reading
    columns : dict of str to array, shape (n,)
        Columns of the file; those that the reading asks for and that are not here have no effect.
    n : int
        Number of points.
    notes : callable, optional
        Called with how many points `keep` and `reject_bits` leave out, and by which column.
    """
    mask = dropped_by_value(reading, columns, n)
    np.logical_not(mask, out=mask)
    for name, values in reading.keep.items():
        if name in columns:
            wanted = _has_value(columns[name], values)
            notes(f"points left out by the values of '{name}' (keep)", int((mask & ~wanted).sum()))
            mask &= wanted
    for name, bits in reading.reject_bits.items():
        if name in columns:
            good = (np.nan_to_num(numbers(columns[name])[0]).astype(np.int64) & bits) == 0
            notes(f"points left out by the bits of '{name}' (reject_bits)", int((mask & ~good).sum()))
            mask &= good
    return mask


def dropped_by_value(reading: Reading, columns: Mapping[str, object], n: int) -> np.ndarray:
    """Mask of the points that `drop` of a reading drops, such as the rows that separate objects in SNANA tables."""
    mask = np.zeros(n, bool)
    for name, values in reading.drop.items():
        if name in columns:
            mask |= _has_value(columns[name], values)
    return mask


def _has_value(column: object, values: Any) -> np.ndarray:
    """Whether a column has one of some values; of text, case does not count, and 1.0 is 1."""
    wanted = list(values) if isinstance(values, (list, tuple)) else [values]
    exact = [v for v in wanted if isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < LARGEST]
    texts_wanted = {code(str(v)).lower() for v in wanted if v not in exact}
    mask = np.isin(numbers(column)[0], exact) if exact else False
    if texts_wanted:
        codes, names = texts(column)
        mask = mask | np.array([code(name).lower() in texts_wanted for name in names.tolist()])[codes]
    return mask
