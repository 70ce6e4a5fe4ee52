"""Calibration: scaling and counting that make probabilities and intervals true, and the proof that they are.

Fitted and kept with the model (torch): `scaling`, `quantiles`, `conformal` and `conformal_by_bin`. The proof (NumPy):
`coverage`, `ranks`, `scores`, `ranking` and `intervals`.
"""

from .conformal import ConformalIntervals, ConformalSets, credible_sets, thousandths, thresholds
from .conformal_by_bin import ConformalByBin
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
from .intervals import Interval, calibrated_resample, score_by, with_interval
from .quantiles import QuantileScaling, mixture_quantile
from .ranking import (
    auc,
    aurc,
    best_threshold,
    completeness,
    confusion,
    excess_aurc,
    figure_of_merit,
    purity,
    risk_coverage,
    roc,
)
from .ranks import expected_coverage, placed, rank_histogram, ranks, reference_points, tarp
from .scaling import TemperatureScaling, VarianceScaling, VectorScaling, predictive_nll
from .scores import (
    accuracy,
    adaptive_ece,
    balanced_nll,
    binary_brier,
    binary_ece,
    brier,
    classwise_ece,
    crps,
    ece,
    gaussian_mixture_nll,
    interval_score,
    nll,
)

__all__ = [
    "LEVELS",
    "Bin",
    "ConformalByBin",
    "ConformalIntervals",
    "ConformalSets",
    "Coverage",
    "Interval",
    "QuantileScaling",
    "TemperatureScaling",
    "VarianceScaling",
    "VectorScaling",
    "accuracy",
    "adaptive_ece",
    "auc",
    "aurc",
    "balanced_nll",
    "best_threshold",
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
    "excess_aurc",
    "expected_coverage",
    "figure_of_merit",
    "gaussian_mixture_nll",
    "held_out",
    "interval_score",
    "mixture_quantile",
    "nll",
    "pit",
    "pit_hits",
    "placed",
    "predictive_nll",
    "purity",
    "rank_histogram",
    "ranks",
    "reference_points",
    "reliability_curve",
    "risk_coverage",
    "roc",
    "score_by",
    "tarp",
    "thousandths",
    "thresholds",
    "uniformity",
    "wilson_interval",
    "with_interval",
]
