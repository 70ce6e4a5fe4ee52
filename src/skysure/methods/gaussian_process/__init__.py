"""The Gaussian process of infinitely wide networks (NNGP): kernels, evidence, regression and classification."""

from .class_regression import argmax_probability, class_targets
from .evidence import Hyperparameters, log_evidence
from .kernels import erf_kernel, relu_kernel
from .nngp import NNGP

__all__ = [
    "NNGP",
    "Hyperparameters",
    "argmax_probability",
    "class_targets",
    "erf_kernel",
    "log_evidence",
    "relu_kernel",
]
