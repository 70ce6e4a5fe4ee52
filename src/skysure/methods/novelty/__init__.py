"""Novelty: how unlike the training set an object is, and whether that is unlike enough to say so."""

from .distance import FeatureDistance
from .scores import auroc, energy, fpr_at_tpr

__all__ = ["FeatureDistance", "auroc", "energy", "fpr_at_tpr"]
