"""Columns of objects that are repeated in several rows: the value of each object, and the rows that say another."""

from __future__ import annotations

import numpy as np

from .reading import OBJECT_COLUMNS

TOLERANCE = {"ra": 0.01, "dec": 0.01}
"""Largest difference within an object [deg]: surveys repeat the position of each detection."""
NAMES = {"ra": "position", "dec": "position", "mwebv": "reddening", "redshift_error": "redshift error"}


def is_missing(values: np.ndarray) -> np.ndarray:
    """Whether values are missing: NaN of numbers, "" of text."""
    return values == "" if values.dtype.kind in "UO" else np.isnan(values.astype(float))


def missing(like: np.ndarray, n: int) -> np.ndarray:
    """Give n missing values of the kind of an array: NaN for numbers, "" for text."""
    return np.full(n, np.nan) if like.dtype.kind in "fiub" else np.full(n, "", like.dtype)


def first_values(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """First value that is not missing of each object, whose rows begin at `starts`; missing where it has none.

    >>> first_values(np.array([np.nan, 0.3, 0.3, 0.7]), np.array([0, 3])).tolist()
    [0.3, 0.7]
    """
    present = np.flatnonzero(~is_missing(values))
    if len(present) == len(values) or len(present) == 0:
        return values[starts]
    place = np.searchsorted(present, starts)
    first = present[np.minimum(place, len(present) - 1)]
    inside = (place < len(present)) & (first < np.append(starts[1:], len(values)))
    return values[np.where(inside, first, starts)]


def rows_that_differ(column: str, values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Indices of values that are not the other one of their row; a missing value differs from none.

    >>> rows_that_differ("ra", np.array([359.999, 10.0, np.nan]), np.array([0.001, 11.0, 5.0])).tolist()
    [1]
    """
    if values.dtype.kind in "UO":
        return np.flatnonzero((values != others) & (values != "") & (others != ""))
    difference = np.abs(values - others)
    if column == "ra":
        difference = np.minimum(difference % 360, -difference % 360)
    return np.flatnonzero(difference > TOLERANCE.get(column, 0.0))


def reduce_rows(
    objects: dict[str, np.ndarray], starts: np.ndarray, n: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:  # fmt: skip
    """Reduce columns of `n` rows to one value per object.

    Parameters
    ----------
    objects : dict of str to ndarray, shape (row,)
    starts : ndarray of int, shape (object,)
        First row of each object.

    Returns
    -------
    dict of str to ndarray, shape (object,)
        The first value that is not missing.
    dict of str to ndarray of int
        By column, the rows that have another value than their object.
    """
    owner = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, n)))
    values = {name: first_values(column, starts) for name, column in objects.items()}
    return values, {name: rows_that_differ(name, column, values[name][owner]) for name, column in objects.items()}


def changes(differing: dict[str, np.ndarray]) -> dict[int, str]:
    """Give by row why its object cannot be used: a column of objects that must be constant is not."""
    out: dict[int, str] = {}
    for column in (c for c in OBJECT_COLUMNS if c in differing):
        for row in differing[column].tolist():
            out.setdefault(row, f"the {NAMES.get(column, column)} changes within the object")
    return out
