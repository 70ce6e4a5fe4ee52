"""Every common figure that an evaluation has the numbers for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from . import bins, curves, early, examples
from .figure import Figure

EXAMPLES_SHOWN = 6  # in each group


def standard_figures(metrics: dict[str, Any]) -> Iterator[Figure]:
    """Figures of confusion, ROC, early answers, reliability, coverage, forecasts, bins and examples, in their order.

    Parameters
    ----------
    metrics : dict
        The evaluation as `metrics.json` holds it; an array that is missing has no figure.
    """
    arrays = metrics.get("curves") or {}
    for key, draw in _COMMON.items():
        if arrays.get(key):
            yield draw(arrays[key])
    for position, (column, found) in enumerate((arrays.get("by") or {}).items()):
        if any(bin.get(panel) is not None for bin in found for panel in ("accuracy", "coverage")):
            yield bins.by_column(column, found, position)
    shown: Counter[str] = Counter()
    for example in metrics.get("examples") or ():
        group = example.get("group", "example")
        if shown[group] < EXAMPLES_SHOWN:
            yield examples.probability_in_time(example, shown[group])
            shown[group] += 1


_COMMON = {
    "confusion": curves.confusion,
    "roc": curves.roc,
    "early": early.known_early,
    "reliability": curves.reliability,
    "coverage": curves.coverage,
    "sets": curves.prediction_sets,
    "forecast": bins.forecasts,
}
