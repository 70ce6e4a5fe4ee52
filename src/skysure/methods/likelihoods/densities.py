"""Negative log-likelihoods of objects, in nats, and that of a mixture of samples.

With their 1/2 and 2 pi, and one value for each object: the convention that `kl` goes with, once averaged. `heads`
makes their arguments from the raw outputs of a network, within bounds where nothing overflows.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from skysure.errors import InputError

LOG_2PI = math.log(2 * math.pi)


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

    Raises
    ------
    InputError
        Where the truth has another shape than the means of a sample.
    """
    _check(truth, mean.shape)
    scaled = (truth - mean) * torch.exp(-0.5 * log_variance)
    return 0.5 * (scaled.square() + log_variance + LOG_2PI).sum(-1)


def correlated_nll(
    mean: Float[Tensor, "*sample object value"],
    log_variance: Float[Tensor, "*sample object value"],
    coupling: Float[Tensor, "*sample object pair"],
    truth: Float[Tensor, "object value"],
) -> Float[Tensor, "*sample object"]:
    """-log N(truth; mean, C) of a full covariance, given by a factor of its inverse: `whitening`.

    0.5 |A (truth - mean)|^2 - log det A + (D / 2) log 2 pi,   C^-1 = A^T A

    Raises
    ------
    InputError
        As `gaussian_nll`.
    """
    _check(truth, mean.shape)
    residual = (truth - mean)[..., None]
    scaled = (whitening(log_variance, coupling) @ residual)[..., 0]
    return 0.5 * (scaled.square() + log_variance + LOG_2PI).sum(-1)


def whitening(
    log_variance: Float[Tensor, "*batch value"], coupling: Float[Tensor, "*batch pair"]
) -> Float[Tensor, "*batch value value"]:
    """Factor A of a precision matrix, C^-1 = A^T A (Williams 1996), lower triangular.

    A_ii = exp(-log_variance_i / 2),   A_ij = -exp(-log_variance_i / 2) coupling_ij   for j < i

    Value i is a sum of those before it, with weights `coupling` (row after row of the triangle), plus noise of
    variance exp(log_variance_i) (Pourahmadi 1999). Differs from Williams 1996 and Dorta et al. 2018 by these weights,
    which do not grow as the noise shrinks.
    """
    values = log_variance.shape[-1]
    row, column = torch.tril_indices(values, values, -1, device=coupling.device)
    unit = torch.eye(values, dtype=coupling.dtype, device=coupling.device).repeat(*coupling.shape[:-1], 1, 1)
    unit[..., row, column] = -coupling
    return torch.exp(-0.5 * log_variance)[..., None] * unit


def density_mixture_nll(
    logits: Float[Tensor, "*sample object component"],
    mean: Float[Tensor, "*sample object component value"],
    log_variance: Float[Tensor, "*sample object component value"],
    truth: Float[Tensor, "object value"],
) -> Float[Tensor, "*sample object"]:
    """-log sum_k softmax(logits)_k N(truth; mean_k, exp(log_variance_k)) (Bishop 1994).

    Differs from the paper by a width for each value, where it has one for each component.

    Raises
    ------
    InputError
        As `gaussian_nll`.
    """
    _check(truth, mean[..., 0, :].shape)
    scaled = (truth[..., None, :] - mean) * torch.exp(-0.5 * log_variance)
    each = 0.5 * (scaled.square() + log_variance + LOG_2PI).sum(-1)
    return -torch.logsumexp(logits.log_softmax(-1) - each, -1)


def _check(truth: Tensor, predicted: torch.Size) -> None:
    """Torch would else make a table of all differences from (object,) and (object, 1)."""
    if truth.ndim != 2 or truth.shape != predicted[-2:]:
        raise InputError(
            f"truth of shape {tuple(truth.shape)} for predictions of shape {tuple(predicted)}",
            f"(object, value): {tuple(predicted[-2:])}",
            "values without their axis",
            "truth[:, None]",
        )


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
