"""Errors of the Einstein radius in bins of what they depend on, beside the predicted ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skysure.evaluation.posterior import resample

BINS = 6
"""Bins of equally many lenses."""
PREFIX = "by "
"""How the scores of a posterior name the columns that they are binned by."""


def errors_by(rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, list[dict[str, Any]]]:
    """Give relative errors of the first value in bins of each column, as fractions.

    Parameters
    ----------
    rows : sequence of mappings
        `PosteriorScores.rows`: "truth", "mean" and "std" of shape (object, value), and columns "by NAME".

    Returns
    -------
    dict of str to list of dict
        By column: `{"low", "high"}` the edges, `n`, `error` the median of the absolute relative error over 0.6745 (the
        standard deviation of a Gaussian), `error_low` and `error_high` its 68.3 % interval, and `predicted`, the median
        of the predicted standard deviations.
    """
    columns = [name for name in (rows[0] if rows else ()) if name.startswith(PREFIX)]
    if not columns:
        return {}
    joined = {name: np.concatenate([row[name] for row in rows]) for name in ("truth", "mean", "std", *columns)}
    truth, mean, std = (joined[name][:, 0] for name in ("truth", "mean", "std"))
    error, predicted = np.abs(mean / truth - 1), std / truth
    return {name.removeprefix(PREFIX): _bins(joined[name], error, predicted) for name in columns}


def _bins(column: np.ndarray, error: np.ndarray, predicted: np.ndarray) -> list[dict[str, Any]]:
    edges = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)))
    index = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, max(len(edges) - 2, 0))
    bins = []
    for k in np.unique(index):
        inside = index == k
        spread = resample(robust_spread, error[inside])
        bins.append({
            "low": float(edges[k]), "high": float(edges[min(k + 1, len(edges) - 1)]), "n": int(inside.sum()),
            "error": spread.value, "error_low": spread.low, "error_high": spread.high,
            "predicted": float(np.median(predicted[inside])),
        })  # fmt: skip
    return bins


def robust_spread(error: np.ndarray) -> float:
    """Standard deviation of a Gaussian with the median of these absolute errors."""
    return float(np.median(error) / 0.6745)
