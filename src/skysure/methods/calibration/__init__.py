"""Calibration: scaling and counting that make probabilities and intervals true, and the proof that they are.

Fitted and kept with the model: `scaling` and `conformal` (torch). The proof: `coverage`, `scores`, `ranking`
and `intervals` (NumPy).
"""

from .conformal import ConformalIntervals, ConformalSets, credible_sets, thousandths, thresholds
from .coverage import (
    LEVELS,
    Bin,
    Coverage,
    calibrated_band,
    coverage_by,
    coverage_curve,
    coverage_of,
    pit,
    pit_hits,
    reliability_curve,
    uniformity,
    wilson_interval,
)
from .crossfit import held_out
from .intervals import Interval, calibrated_resample, with_interval
from .ranking import auc, completeness, confusion, figure_of_merit, purity, roc
from .scaling import TemperatureScaling, VarianceScaling, VectorScaling, predictive_nll
from .scores import (
    accuracy,
    adaptive_ece,
    binary_brier,
    binary_ece,
    brier,
    classwise_ece,
    crps,
    ece,
    gaussian_mixture_nll,
    nll,
)

__all__ = [
    "LEVELS",
    "Bin",
    "ConformalIntervals",
    "ConformalSets",
    "Coverage",
    "Interval",
    "TemperatureScaling",
    "VarianceScaling",
    "VectorScaling",
    "accuracy",
    "adaptive_ece",
    "auc",
    "binary_brier",
    "binary_ece",
    "brier",
    "calibrated_band",
    "calibrated_resample",
    "classwise_ece",
    "completeness",
    "confusion",
    "coverage_by",
    "coverage_curve",
    "coverage_of",
    "credible_sets",
    "crps",
    "ece",
    "figure_of_merit",
    "gaussian_mixture_nll",
    "held_out",
    "nll",
    "pit",
    "pit_hits",
    "predictive_nll",
    "purity",
    "reliability_curve",
    "roc",
    "thousandths",
    "thresholds",
    "uniformity",
    "wilson_interval",
    "with_interval",
]
