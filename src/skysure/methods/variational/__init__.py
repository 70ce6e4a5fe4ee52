"""Variational inference: KL terms of dropout, Bayesian linear regression in closed form, priors over functions."""

from .objective import bernoulli_entropy, dropout_kl, kl, member_kl
from .priors import prior_weights, sample_prior

__all__ = ["bernoulli_entropy", "dropout_kl", "kl", "member_kl", "prior_weights", "sample_prior"]
