"""The report of a run, and the figures that applications share."""

from .bins import by_column
from .curves import confusion, coverage, prediction_sets, reliability, roc
from .figure import Figure, render, renderings
from .history import training_history
from .page import page
from .posterior import joint_coverage, posterior_coverage, posterior_ranks, predicted
from .sentences import sentences
from .standard import standard_figures

__all__ = [
    "Figure",
    "by_column",
    "confusion",
    "coverage",
    "joint_coverage",
    "page",
    "posterior_coverage",
    "posterior_ranks",
    "predicted",
    "prediction_sets",
    "reliability",
    "render",
    "renderings",
    "roc",
    "sentences",
    "standard_figures",
    "training_history",
]
