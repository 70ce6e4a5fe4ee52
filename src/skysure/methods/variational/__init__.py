"""Variational inference: the KL terms of dropout, Bayesian linear regression in closed form, priors over functions."""

from .objective import dropout_kl, entropy_of_rate, kl, kl_of_members
from .priors import prior_weights, sample_prior

__all__ = ["dropout_kl", "entropy_of_rate", "kl", "kl_of_members", "prior_weights", "sample_prior"]
