"""The page that shows what a run is worth, and the figures that applications share."""

from .bins import by_column, forecasts
from .curves import confusion, coverage, prediction_sets, reliability, roc
from .early import known_early
from .examples import probability_in_time
from .figure import Figure, render, renderings
from .gallery import standard_figures
from .history import training_history
from .page import page
from .sentences import sentences

__all__ = [
    "Figure",
    "by_column",
    "confusion",
    "coverage",
    "forecasts",
    "known_early",
    "page",
    "prediction_sets",
    "probability_in_time",
    "reliability",
    "render",
    "renderings",
    "roc",
    "sentences",
    "standard_figures",
    "training_history",
]
