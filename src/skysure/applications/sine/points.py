"""Points (x, y): the chunks of `sine`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import QTable

from skysure.errors import InputError, nearest


@dataclass(frozen=True)
class Points:
    """Some points; y is NaN where it is unknown.

    Parameters
    ----------
    ids : ndarray of str, shape (point,)
    x, y : ndarray of float64, shape (point,)
    """

    ids: np.ndarray
    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, which: Any) -> Points:
        return Points(self.ids[which], self.x[which], self.y[which])

    def to_table(self) -> QTable:
        """Give the points as a table."""
        return QTable({"id": self.ids, "x": self.x, "y": self.y})


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


def joined(chunks: Any) -> Points:
    """Join chunks into one."""
    chunks = list(chunks)
    return Points(*(np.concatenate([getattr(c, name) for c in chunks]) for name in ("ids", "x", "y")))
