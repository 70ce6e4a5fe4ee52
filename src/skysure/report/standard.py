"""The figures of all applications that an evaluation has the numbers for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import bins, curves, posterior
from .figure import Figure


def standard_figures(metrics: dict[str, Any]) -> Iterator[Figure]:
    """Figures of confusion, ROC, reliability, coverage, prediction sets, posteriors and bins, in this order.

    Parameters
    ----------
    metrics : dict
        The evaluation as `metrics.json` holds it; a curve that is missing has no figure.
    """
    arrays = metrics.get("curves") or {}
    for name, draw in _STANDARD.items():
        if arrays.get(name):
            yield draw(arrays[name])
    for position, (column, rows) in enumerate((arrays.get("by") or {}).items()):
        if any(row.get(panel) is not None for row in rows for panel in bins.PANELS):
            yield bins.by_column(column, rows, position)


_STANDARD = {
    "confusion": curves.confusion,
    "roc": curves.roc,
    "reliability": curves.reliability,
    "coverage": curves.coverage,
    "sets": curves.prediction_sets,
    "predicted": posterior.predicted,
    "posterior_coverage": posterior.posterior_coverage,
    "joint_coverage": posterior.joint_coverage,
    "posterior_ranks": posterior.posterior_ranks,
}
