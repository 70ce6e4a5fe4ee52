"""Points (x, y): the chunks of `sine`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skysure.data.chunks import Chunk
from skysure.errors import InputError, nearest


@dataclass(frozen=True)
class Points(Chunk):
    """Some points; y is NaN where it is unknown.

    Parameters
    ----------
    ids : ndarray of str, shape (point,)
    x, y : ndarray of float64, shape (point,)
    """

    x: np.ndarray
    y: np.ndarray


def from_table(table: Any, reading: Any = None) -> Points:
    """Make points of a table in memory with a column x and, where it is known, y; a column id names the points.

    Raises
    ------
    InputError
        Where there is no column x, or x is not finite.
    """
    names = list(getattr(table, "column_names", None) or getattr(table, "colnames", None) or table.keys())
    if "x" not in names:
        raise InputError("the table has no column 'x'", nearest("x", names), "", "rename the column")
    x = np.asarray(table["x"], np.float64)
    if not len(x) or not np.isfinite(x).all():
        raise InputError("x is empty or not finite", "finite numbers", "missing values", "drop those rows")
    y = np.asarray(table["y"], np.float64) if "y" in names else np.full(len(x), np.nan)
    return Points(np.asarray(table["id"] if "id" in names else np.arange(len(x))).astype(str), x, y)
