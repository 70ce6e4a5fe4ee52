"""How sure a network is of itself: dropout as a posterior, its samples, and the split of what they say."""

from .conversion import ActivationDropout, to_bayesian
from .dropout import Dropout
from .ensembles import Ensemble
from .evidence import Hyperparameters, log_evidence
from .heads import Categorical, CorrelatedGaussian, Gaussian, GaussianMixture
from .kernels import erf_kernel, relu_kernel
from .likelihoods import categorical_nll, correlated_nll, density_mixture_nll, gaussian_nll, mixture_nll
from .masks import Mask, hard_keep, masks, noise, rates, relaxed_keep
from .moments import Moments
from .nngp import NNGP
from .objective import dropout_kl, entropy_of_rate, kl, kl_of_members
from .priors import prior_weights, sample_prior
from .regressed_classes import class_targets, largest_probability
from .sampling import sample
from .split import ClassSplit, ValueSplit, split_classes, split_values
from .stopping import sample_until, split_classes_until, split_values_until
from .tied import TiedDropout

__all__ = [
    "NNGP",
    "ActivationDropout",
    "Categorical",
    "ClassSplit",
    "CorrelatedGaussian",
    "Dropout",
    "Ensemble",
    "Gaussian",
    "GaussianMixture",
    "Hyperparameters",
    "Mask",
    "Moments",
    "TiedDropout",
    "ValueSplit",
    "categorical_nll",
    "class_targets",
    "correlated_nll",
    "density_mixture_nll",
    "dropout_kl",
    "entropy_of_rate",
    "erf_kernel",
    "gaussian_nll",
    "hard_keep",
    "kl",
    "kl_of_members",
    "largest_probability",
    "log_evidence",
    "masks",
    "mixture_nll",
    "noise",
    "prior_weights",
    "rates",
    "relaxed_keep",
    "relu_kernel",
    "sample",
    "sample_prior",
    "sample_until",
    "split_classes",
    "split_classes_until",
    "split_values",
    "split_values_until",
    "to_bayesian",
]
