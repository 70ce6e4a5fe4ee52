"""The rows of a prediction: joined from chunks, and the leading columns of every result table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from astropy.table import QTable

P = TypeVar("P")


def concat(predictions: Sequence[P], *, row_axis: dict[str, int] | None = None) -> P:
    """Join predictions of one type along their rows; what one of them lacks (None) the whole lacks.

    Parameters
    ----------
    predictions : sequence of Classes, of Values or of Actions
    row_axis : dict of str to int, optional
        The axis of rows of an array where it is not the first ("samples" has it second).
    """
    axis = {"samples": 1} | (row_axis or {})
    joined: dict[str, Any] = {}
    for field in fields(predictions[0]):  # type: ignore[arg-type]
        parts = [getattr(p, field.name) for p in predictions]
        if isinstance(parts[0], dict):
            joined[field.name] = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
        elif isinstance(parts[0], np.ndarray):
            joined[field.name] = np.concatenate(parts, axis=axis.get(field.name, 0))
    return replace(predictions[0], **joined)  # type: ignore[type-var]


def leading(rows: dict[str, Any]) -> QTable:
    """Start a result table with the columns that say what each row speaks of."""
    return QTable(dict(rows), copy=False)
