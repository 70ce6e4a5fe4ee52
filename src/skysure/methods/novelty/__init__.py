"""Novelty: how unlike the training set an object is, and whether that is unlike enough to say so."""

from .distance import FeatureDistance
from .empirical_p_value import EmpiricalPValue, fisher_combined
from .scores import auroc, energy, fpr_at_tpr

__all__ = ["EmpiricalPValue", "FeatureDistance", "auroc", "energy", "fisher_combined", "fpr_at_tpr"]
