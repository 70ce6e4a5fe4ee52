"""Figures of a supernova classifier: those that all classifiers share."""

from __future__ import annotations

from collections.abc import Iterator

from skysure import report
from skysure.predictions import Evaluation


def figures(evaluation: Evaluation) -> Iterator[report.Figure]:
    """Give the figures of an evaluation."""
    yield from report.standard_figures(evaluation.metrics)
