"""Negative log-likelihoods of objects, in nats, and that of a mixture of samples.

With their 1/2 and 2 pi, and one value for each object: the convention that `kl` goes with, once averaged.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def categorical_nll(
    logits: Float[Tensor, "*sample object class"], label: Int64[Tensor, " object"]
) -> Float[Tensor, "*sample object"]:
    """-log p(label), from logits (or log probabilities)."""
    chosen = label.expand(logits.shape[:-1])[..., None]
    return -logits.log_softmax(-1).gather(-1, chosen)[..., 0]


def gaussian_nll(
    mean: Float[Tensor, "*sample object value"],
    log_variance: Float[Tensor, "*sample object value"],
    truth: Float[Tensor, "object value"],
) -> Float[Tensor, "*sample object"]:
    """-log N(truth; mean, exp(log_variance)), summed over the values.

    The residual is scaled before it is squared, so that float32 holds log variances between -170 and 170.
    """
    scaled = (truth - mean) * torch.exp(-0.5 * log_variance)
    return 0.5 * (scaled.square() + log_variance + math.log(2 * math.pi)).sum(-1)


def mixture_nll(nll: Float[Tensor, "sample ..."]) -> Float[Tensor, "*object"]:
    """-log of the mean likelihood over samples: of the predictive distribution, as a score should be.

    log T - log sum_s exp(-nll_s), for each object (Gal and Ghahramani 2016, eq. 8). Not the mean over samples, which
    judges a network by its single draws.

    Examples
    --------
    >>> import torch
    >>> logits = torch.tensor([[[0.0, 0.0]], [[0.0, -100.0]]])
    >>> round(float(mixture_nll(categorical_nll(logits, torch.tensor([0]))).exp()), 4) == round(1 / 0.75, 4)
    True
    """
    return math.log(len(nll)) - torch.logsumexp(-nll, 0)
