"""Simulated light curves as columns, and columns with wrong names, types, values, units and shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from .vocabulary import NAMES, NUMBERS, TEXTS, UNITS

OBJECTS, POINTS = 5, 8
CLASSES = ("Ia", "II", "Ibc")


@dataclass
class Columns:
    """Columns of a table in their order, with units; names may occur twice."""

    names: list[str]
    values: list[np.ndarray]
    units: list[str]
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.values[0]) if self.values else 0

    def take(self, index: Any) -> Columns:
        """Select rows."""
        return Columns(list(self.names), [v[index] for v in self.values], list(self.units), self.metadata)

    def drop(self, *names: str) -> Columns:
        """Leave columns out."""
        keep = [k for k, name in enumerate(self.names) if name not in names]
        return Columns(*([part[k] for k in keep] for part in (self.names, self.values, self.units)), self.metadata)


def light_curves(random: Random, objects: int = OBJECTS) -> Columns:
    """Light curves that rise and fall, one row per observation."""
    rows = []
    for k in range(objects):
        label, redshift = random.choice(CLASSES), round(random.uniform(0.05, 0.9), 4)
        for j in range(random.randint(3, POINTS)):
            flux = 300 * math.exp(-(((j - 3) / 2) ** 2)) + random.gauss(0, 4)
            mjd = 59000 + 3.0 * j + random.random()
            rows.append((f"sn{k}", mjd, random.choice("griz"), round(flux, 3), 4.0 + j, label, redshift))
    names = ["id", "mjd", "band", "flux", "flux_error", "label", "redshift"]
    values = [np.array(column) for column in zip(*rows, strict=True)]
    return Columns(names, values, ["", "d", "", "nJy", "nJy", "", ""])


def objects(random: Random, count: int = OBJECTS) -> Columns:
    """One row per object."""
    values = [
        np.array([f"sn{k}" for k in range(count)]), np.array([random.uniform(0.05, 0.9) for _ in range(count)]),
        np.array([random.choice(CLASSES) for _ in range(count)]), np.linspace(10.0, 40.0, count),
    ]  # fmt: skip
    return Columns(["id", "redshift", "label", "ra"], values, ["", "", "", "deg"])


def predictions(random: Random, rows: int = 6) -> Columns:
    """A table of results."""
    p = np.array([random.random() for _ in range(rows)])
    values = [
        np.array([f"sn{k}" for k in range(rows)]), 59000.0 + np.arange(rows), p, 1 - p, p > 0.5,
        np.array(["Ia" if q > 0.5 else "b; 'II'" for q in p]), np.arange(rows),
    ]  # fmt: skip
    names = ["id", "mjd", "p_Ia", "p_II", "is_ood", "predicted_class", "n"]
    return Columns(names, values, ["", "d", "", "", "", "", ""])


def mutate(columns: Columns, random: Random) -> Columns:
    """Damage columns, as a copy."""
    columns = columns.take(slice(None))
    columns.metadata = dict(columns.metadata)
    mutators = (rename, rename, drop, double, change_type, change_type, edit_values, edit_values, edit_units, edit_rows)
    random.choice(mutators)(columns, random)
    while random.random() < 0.4:
        random.choice(mutators)(columns, random)
    return columns


def rename(columns: Columns, random: Random) -> None:
    if columns.names:
        columns.names[random.randrange(len(columns.names))] = random.choice((*NAMES, *columns.names))


def drop(columns: Columns, random: Random) -> None:
    if columns.names:
        k = random.randrange(len(columns.names))
        for part in (columns.names, columns.values, columns.units):
            del part[k]


def double(columns: Columns, random: Random) -> None:
    if columns.names:
        k = random.randrange(len(columns.names))
        columns.names.insert(0, columns.names[k] if random.random() < 0.5 else random.choice(NAMES))
        columns.values.insert(0, columns.values[k])
        columns.units.insert(0, columns.units[k])


def edit_units(columns: Columns, random: Random) -> None:
    if columns.units:
        columns.units[random.randrange(len(columns.units))] = random.choice(UNITS)


def edit_rows(columns: Columns, random: Random) -> None:
    n = columns.rows
    index: Any = random.choice((
        slice(0), slice(1), slice(None, None, -1), random.sample(range(n), n), [0] * n, list(range(n)) * 2,
        [random.randrange(n) for _ in range(n)] if n else [],
    ))  # fmt: skip
    if n:
        columns.values[:] = [values[index] for values in columns.values]


def edit_values(columns: Columns, random: Random) -> None:
    """Put values at the edge into some rows of a column."""
    if not columns.rows:
        return
    k = random.randrange(len(columns.values))
    values = columns.values[k].copy()
    rows = random.choice(([0], [len(values) - 1], range(len(values)), range(0, len(values), 3)))
    if values.dtype.kind in "US":
        values = values.astype(object)
        for row in rows:
            values[row] = random.choice(TEXTS)
        values = np.array([str(v).replace("\udcff", "?") for v in values.ravel()[: len(values)]])
    elif values.dtype.kind in "iuf" and values.ndim == 1:
        values = values.astype(float)
        number = random.choice(NUMBERS)
        for row in rows:
            values[row] = number
    columns.values[k] = values


def change_type(columns: Columns, random: Random) -> None:
    """Give a column another type."""
    if columns.values:
        k = random.randrange(len(columns.values))
        with np.errstate(all="ignore"):
            columns.values[k] = random.choice(TYPES)(columns.values[k], random)


def _numbers(values: np.ndarray) -> np.ndarray:
    """Numbers instead of text, where it is no number already."""
    values = values.reshape(len(values), -1)[:, 0] if values.size else np.zeros(len(values))
    if values.dtype.kind in "iufb":
        return np.nan_to_num(values.astype(float), posinf=1e9, neginf=-1e9)
    return np.unique(values, return_inverse=True)[1].astype(float)


TYPES = (
    lambda v, r: np.clip(_numbers(v), -1e9, 1e9).astype(np.int64),
    lambda v, r: np.clip(_numbers(v), 0, 1e9).astype(np.uint64) + np.uint64(2**63),
    lambda v, r: np.clip(_numbers(v), -1e9, 1e9).astype(np.int8),
    lambda v, r: _numbers(v).astype(np.float32),
    lambda v, r: _numbers(v).astype(np.float16),
    lambda v, r: _numbers(v).astype(">f8"),
    lambda v, r: _numbers(v).astype(complex) + 1j,
    lambda v, r: _numbers(v) > 1,
    lambda v, r: np.array([str(x) for x in v.tolist()]),
    lambda v, r: np.array([str(x).encode("utf-8", "replace") for x in v.tolist()]),
    lambda v, r: np.array([r.choice(TEXTS).encode("utf-8", "replace").decode() for _ in v]),
    lambda v, r: np.array([f"2021-01-{1 + k % 28:02d}" for k in range(len(v))]),
    lambda v, r: np.array([f"{x:.3f}".replace(".", ",") for x in _numbers(v)]),
    lambda v, r: np.full(len(v), np.nan),
    lambda v, r: np.full(len(v), ""),
    lambda v, r: np.stack([_numbers(v)] * r.choice((1, 2, 3)), 1),
    lambda v, r: np.zeros((len(v), 0)),
    lambda v, r: np.full(len(v), r.choice(NUMBERS), float),
)  # fmt: skip
