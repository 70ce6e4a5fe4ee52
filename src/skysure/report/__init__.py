"""The report of a run, and the figures that applications share."""

from .bins import by_column
from .curves import confusion, coverage, prediction_sets, reliability, roc
from .figure import Figure, render, renderings
from .history import training_history
from .page import page
from .sentences import sentences
from .standard import standard_figures

__all__ = [
    "Figure",
    "by_column",
    "confusion",
    "coverage",
    "page",
    "prediction_sets",
    "reliability",
    "render",
    "renderings",
    "roc",
    "sentences",
    "standard_figures",
    "training_history",
]
