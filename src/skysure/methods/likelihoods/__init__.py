"""Likelihoods of classes and values, and the output heads that map raw network outputs to them."""

from .densities import categorical_nll, correlated_nll, density_mixture_nll, gaussian_nll, mixture_nll
from .heads import Categorical, CorrelatedGaussian, Gaussian
from .mixtures import CorrelatedMixture, GaussianMixture

__all__ = [
    "Categorical",
    "CorrelatedGaussian",
    "CorrelatedMixture",
    "Gaussian",
    "GaussianMixture",
    "categorical_nll",
    "correlated_nll",
    "density_mixture_nll",
    "gaussian_nll",
    "mixture_nll",
]
