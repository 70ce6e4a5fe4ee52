"""Novelty: how unlike the training set an object is, and whether that is unlike enough to say so."""

from .distance import FeatureDistance
from .scores import auroc, energy, fpr_at_tpr
from .tail import Tail, together

__all__ = ["FeatureDistance", "Tail", "auroc", "energy", "fpr_at_tpr", "together"]
