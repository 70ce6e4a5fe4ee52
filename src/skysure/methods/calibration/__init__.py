"""Calibration of probabilities and intervals, and the tests of it.

Fitted and stored with the model (torch): `scaling`, `quantiles`, `conformal`, `binned_conformal` and, for draws of
several values, `posterior_scaling`. Evaluation
(NumPy): `coverage`, `ranks`, `scores`, `ranking` and `intervals`.
"""

from .binned_conformal import BinnedConformal, NestedBinnedConformal
from .conformal import ConformalIntervals, ConformalSets, credible_sets, level_index, quantile_table
from .coverage import (
    LEVELS,
    Bin,
    Coverage,
    calibrated_band,
    coverage_by,
    coverage_curve,
    coverage_of,
    effective_size,
    pit,
    pit_hits,
    reliability_curve,
    uniformity,
    wilson_interval,
)
from .cross_fitting import cross_fit
from .intervals import Interval, calibrated_resample, score_by, with_interval
from .joint_scaling import JointScaling
from .posterior_scaling import PosteriorScaling
from .quantiles import QuantileScaling, mixture_quantile
from .rank_map import RankMap
from .ranking import (
    auc,
    aurc,
    best_threshold,
    completeness,
    confusion,
    excess_aurc,
    figure_of_merit,
    macro_auc,
    purity,
    risk_coverage,
    roc,
)
from .ranks import expected_coverage, pit_from_ranks, rank_histogram, ranks, reference_points, tarp
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
    crps_of_each,
    ece,
    gaussian_mixture_nll,
    interval_score,
    nll,
)

__all__ = [
    "LEVELS",
    "Bin",
    "BinnedConformal",
    "ConformalIntervals",
    "ConformalSets",
    "Coverage",
    "Interval",
    "JointScaling",
    "NestedBinnedConformal",
    "PosteriorScaling",
    "QuantileScaling",
    "RankMap",
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
    "cross_fit",
    "crps",
    "crps_of_each",
    "ece",
    "effective_size",
    "excess_aurc",
    "expected_coverage",
    "figure_of_merit",
    "gaussian_mixture_nll",
    "interval_score",
    "level_index",
    "macro_auc",
    "mixture_quantile",
    "nll",
    "pit",
    "pit_from_ranks",
    "pit_hits",
    "predictive_nll",
    "purity",
    "quantile_table",
    "rank_histogram",
    "ranks",
    "reference_points",
    "reliability_curve",
    "risk_coverage",
    "roc",
    "score_by",
    "tarp",
    "uniformity",
    "wilson_interval",
    "with_interval",
]
