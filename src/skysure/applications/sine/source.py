"""Points from a table with columns x and y."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from skysure.data.lightcurves.reading import Reading
from skysure.data.results.writer import read_table
from skysure.data.sources import InMemorySource
from skysure.errors import InputError, nearest

from .points import Points, joined
from .settings import Schema


def read(data: Sequence[str | Points], reading: Reading) -> InMemorySource:
    """Open tables with a column x and, where it is known, y; a column id names the points. Or take points in memory.

    Raises
    ------
    Fault
        Where a file cannot be read, a column is missing, or x is not finite.
    """
    points = joined(d if isinstance(d, Points) else _points(Path(d)) for d in data)
    known = points.y[np.isfinite(points.y)]
    mean, scale = (float(known.mean()), float(known.std()) or 1.0) if len(known) else (0.0, 1.0)
    return InMemorySource(Schema(float(points.x.min()), float(points.x.max()), mean, scale), [points])


def _points(path: Path) -> Points:
    table = read_table(path)
    if "x" not in table.colnames:
        raise InputError(f"{path} has no column 'x'", nearest("x", table.colnames), "", "rename the column")
    try:
        x = np.asarray(table["x"], np.float64)
        y = np.asarray(table["y"], np.float64) if "y" in table.colnames else np.full(len(x), np.nan)
    except ValueError as error:
        raise InputError(f"{path}: {error}", "numbers in x and y", "text in a column of numbers") from None
    if not len(x) or not np.isfinite(x).all():
        raise InputError(f"{path}: x is empty or not finite", "finite numbers", "missing values", "drop those rows")
    ids = table["id"] if "id" in table.colnames else np.arange(len(x))
    return Points(np.asarray(ids).astype(str), x, y)
