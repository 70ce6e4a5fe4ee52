"""Points (x, y): the chunks of `sine`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import QTable


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


def joined(chunks: Any) -> Points:
    """Join chunks into one."""
    chunks = list(chunks)
    return Points(*(np.concatenate([getattr(c, name) for c in chunks]) for name in ("ids", "x", "y")))
