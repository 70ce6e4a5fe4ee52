"""Figures of a supernova classifier: those that all classifiers share, and objects one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skysure import report
from skysure.data.lightcurves import LightCurves
from skysure.evaluation import Evaluation

from .examples import record
from .networks import Classifier
from .settings import Query


def figures(evaluation: Evaluation) -> Iterator[report.Figure]:
    """Give the figures of an evaluation."""
    yield from report.standard_figures(evaluation.metrics)


def draw(model: Classifier, chunk: LightCurves, query: Query) -> Iterator[report.Figure]:
    """Draw light curves one by one, with their probabilities night by night, and their forecast where it is asked.

    They bear one name: a page numbers them through.
    """
    for k in range(len(chunk)):
        one = chunk[np.array([k])]
        yield report.probability_in_time(record("example", one, model, query, query if query.forecast else None))
