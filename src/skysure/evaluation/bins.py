"""Accuracy and coverage in bins of any column, each with the band that chance explains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from skysure.methods.arguments import booleans, checked, fractions, numbers
from skysure.methods.calibration.bins import bin_index
from skysure.methods.calibration.coverage import Coverage, coverage_of

CONFIDENCE = 0.955
Size = Callable[[np.ndarray], int | None]


@checked(
    column=numbers("row", nan=True, empty=True),
    edges=numbers("edge", empty=True),
    correct=booleans("row", empty=True),
    confidence=fractions("row", empty=True),
    hits=booleans("row", empty=True),
)
def shares_by_bin(
    column: np.ndarray,
    edges: Float[np.ndarray, " edge"],
    *,
    correct: Bool[np.ndarray, " row"],
    confidence: Float[np.ndarray, " row"],
    hits: Bool[np.ndarray, " row"],
    nominal: float,
    scaled_on: Size = lambda rows: None,
    calibrated_on: Size = lambda rows: None,
) -> list[dict[str, Any]]:
    """Accuracy beside confidence, and coverage beside its nominal level, in bins of a column.

    A calibrated model lies inside the bands of all bins together with 95.5 % (Bonferroni).

    Parameters
    ----------
    column : ndarray, shape (row,)
        Rows where it is not finite are left out.
    edges : ndarray, shape (edge,)
        Interior edges; the outer bins are open.
    correct : ndarray of bool, shape (row,)
        Whether the most probable class is the true one.
    confidence : ndarray, shape (row,)
        Its probability.
    hits : ndarray of bool, shape (row,)
        Whether the prediction set or interval holds the truth.
    nominal : float
        The level of these sets or intervals.
    scaled_on, calibrated_on : callable
        How many calibration objects the probabilities and the sets of these rows (indices) were set on; None: as many
        as one likes.
    """
    index, ends = bin_index(column, edges), [None, *map(float, edges), None]
    per_bin = 1 - (1 - CONFIDENCE) / (len(edges) + 1)
    bins = []
    for k in np.unique(index[index >= 0]):
        rows = np.flatnonzero(index == k)
        accuracy = coverage_of(correct[rows], confidence[rows], confidence=per_bin, calibrated_on=scaled_on(rows))
        coverage = coverage_of(hits[rows], nominal, confidence=per_bin, calibrated_on=calibrated_on(rows))
        bins.append(
            {"low": ends[k], "high": ends[k + 1], "n": len(rows), "confidence": accuracy.nominal, "wanted": nominal}
            | _ends("accuracy", accuracy) | _ends("coverage", coverage)
        )  # fmt: skip
    return bins


def _ends(name: str, share: Coverage) -> dict[str, float]:
    ends = {f"{name}_{end}": getattr(share, end) for end in ("low", "high", "band_low", "band_high")}
    return {name: share.actual} | ends
