"""What each row of a file says of its own zero point and magnitude system."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skysure.data.files.values import numbers, texts
from skysure.errors import InputError

from .columns import Columns
from .cures import key
from .fluxes import ZERO_POINT

TOLERANCE = 0.01
"""Largest difference [mag] between the zero point of the reading and that of a row."""


def check_zero_points(columns: Columns, batch: Mapping[str, object], keep: np.ndarray) -> None:
    """Refuse a unit or zero point of the caller that the zero points of the rows contradict."""
    name = columns.zero_point_beside
    if name not in batch or not columns.scale:
        return
    zero_point = ZERO_POINT - 2.5 * np.log10(columns.scale)
    values = numbers(batch[name])[0][keep]
    values = values[np.isfinite(values)]
    if len(values) and np.abs(values - zero_point).max() > TOLERANCE:
        low, high = values.min(), values.max()
        raise InputError(
            f"{columns.file}: column '{name}' is {low:g} to {high:g}, and the reading says {zero_point:g}",
            "one zero point of each flux", "the column holds the AB magnitude of a flux of one in each row",
            f'in [reading]: columns.zero_point = "{name}" instead of zero_point or unit; '
            f'or columns.zero_point = "" beside it, where the column means something else',
        )  # fmt: skip


def note_systems(columns: Columns, batch: Mapping[str, object], keep: np.ndarray) -> None:
    """Report rows whose magnitudes or zero points are not AB, which they are read as."""
    name = columns.system
    if name not in batch:
        return
    codes, names = texts(batch[name])
    counts = np.bincount(codes[keep], minlength=len(names))
    for system, count in zip(names.tolist(), counts.tolist(), strict=True):
        if system and not system.lower().startswith("ab"):
            columns.notes(
                f"observations are in the magnitude system '{system}' (column '{name}') and were read as AB; "
                f'convert them, or leave them out with keep.{key(name)} = "ab"', count,
            )  # fmt: skip
