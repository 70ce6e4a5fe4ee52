"""Novelty: out-of-distribution scores of objects, and thresholds for them."""

from .distance import FeatureDistance
from .empirical_p_value import EmpiricalPValue, fisher_combined
from .largest_distance import LargestDistance
from .scores import auroc, energy, fpr_at_tpr

__all__ = ["EmpiricalPValue", "FeatureDistance", "LargestDistance", "auroc", "energy", "fisher_combined", "fpr_at_tpr"]
