"""Points from a table with columns x and y."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skysure.data.files.entries import walk
from skysure.data.files.kinds import TABLES, check_claim, kind_of
from skysure.data.files.tables import Table, open_table
from skysure.data.findings import Findings, TableFindings
from skysure.data.problems import Problems
from skysure.data.results.writer import read_table
from skysure.data.sources import InMemorySource
from skysure.errors import InputError, nearest

from .points import Points
from .settings import Schema

COLUMNS = {"id", "x", "y"}


def read(data: Sequence[str | Points], reading: Any) -> InMemorySource:
    """Open tables with a column x and, where it is known, y; a column id names the points. Or take points in memory.

    Raises
    ------
    InputError
        Where a file cannot be read, a column is missing, or x is not finite.
    """
    points = Points.concat(d if isinstance(d, Points) else _points(Path(d)) for d in data)
    y = points.y[np.isfinite(points.y)]
    mean, scale = (float(y.mean()), float(y.std()) or 1.0) if len(y) else (0.0, 1.0)
    return InMemorySource(Schema(float(points.x.min()), float(points.x.max()), mean, scale), [points])


def inspect(paths: Sequence[str | Path], reading: Any = None) -> Findings:
    """Say what is in tables of points; recognised are those with a column x and no others than id and y."""
    problems = Problems()
    tables: list[Table] = []
    facts: dict[str, Any] = {"paths": [str(p) for p in paths]}
    with problems.collect():
        for entry, head in walk(paths):
            kind = kind_of(head)
            check_claim(entry, kind, "a table as Parquet, FITS, VOTable, ECSV or CSV", TABLES)
            tables.append(open_table(entry, kind))
            _require_x(entry.name, list(tables[-1].schema))
    recognised = bool(tables) and all({"x"} <= set(t.schema) <= COLUMNS for t in tables)
    if recognised and not problems.errors:
        with problems.collect():
            facts |= _facts(Points.concat(_points(Path(p)) for p in paths))
    return Findings(
        "points", recognised, tuple(_table_findings(t) for t in tables), facts,
        problems=tuple(str(error) for error in problems.errors),
    )  # fmt: skip


def _facts(points: Points) -> dict[str, Any]:
    finite = np.isfinite(points.y)
    y = (float(points.y[finite].min()), float(points.y[finite].max())) if finite.any() else None
    x = (float(points.x.min()), float(points.x.max()))
    return {"objects": len(points), "labelled": int(finite.sum()), "x": x, "y": y}


def _table_findings(table: Table) -> TableFindings:
    columns = {name: {"type": str(table.schema[name]), "unit": table.units[name]} for name in table.schema}
    return TableFindings(table.entry.name, "points, one row per point", table.rows(), columns)


def _require_x(file: str, names: Sequence[str]) -> None:
    if "x" not in names:
        raise InputError(f"{file}: no column 'x'", f"a column x ({nearest('x', names)})", "", "rename the column")


def _points(path: Path) -> Points:
    table = read_table(path)
    _require_x(str(path), table.colnames)
    try:
        x = np.asarray(table["x"], np.float64)
        y = np.asarray(table["y"], np.float64) if "y" in table.colnames else np.full(len(x), np.nan)
    except ValueError as error:
        raise InputError(f"{path}: {error}", "numbers in x and y", "text in a column of numbers") from None
    if not len(x) or not np.isfinite(x).all():
        raise InputError(f"{path}: x is empty or not finite", "finite numbers", "missing values", "drop those rows")
    ids = table["id"] if "id" in table.colnames else np.arange(len(x))
    return Points(np.asarray(ids).astype(str), x, y)
