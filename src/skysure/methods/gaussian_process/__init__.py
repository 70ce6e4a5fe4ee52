"""The Gaussian process of infinitely wide networks (NNGP): kernels, evidence, regression and classification."""

from .evidence import Hyperparameters, log_evidence
from .kernels import erf_kernel, relu_kernel
from .nngp import NNGP
from .regressed_classes import class_targets, largest_probability

__all__ = [
    "NNGP",
    "Hyperparameters",
    "class_targets",
    "erf_kernel",
    "largest_probability",
    "log_evidence",
    "relu_kernel",
]
