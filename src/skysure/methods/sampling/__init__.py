"""Posterior samples of a network's predictions, and their decomposition into aleatoric and epistemic uncertainty."""

from .adaptive_sampling import sample_until, split_classes_until, split_values_until
from .decomposition import ClassSplit, ValueSplit, split_classes, split_values
from .moments import Moments
from .posterior import sample

__all__ = [
    "ClassSplit",
    "Moments",
    "ValueSplit",
    "sample",
    "sample_until",
    "split_classes",
    "split_classes_until",
    "split_values",
    "split_values_until",
]
