"""Negative log-likelihood of each object, in nat, and that of a mixture of samples.

Complete with the factors 1/2 and 2 pi; `kl` is to be added to their mean over objects. `heads` computes the arguments
from the raw outputs of a network, within bounds that prevent overflow.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from skysure.errors import InputError
from skysure.methods.arguments import labels
from skysure.methods.arrays import Array, as_tensor, as_tensors

LOG_2PI = math.log(2 * math.pi)


def categorical_nll(logits: Float[Array, "*sample object class"], label: Any) -> Float[Tensor, "*sample object"]:
    """-log p(label), from logits (or log probabilities); labels are class numbers, shape (object,).

    Raises
    ------
    InputError
        If there is not one label for each object, or a label is not a class. (On a GPU labels out of range are an
        error of the device: to look at them would slow every step of a training.)
    """
    logits = as_tensor(logits, name="logits")
    if type(label) is not Tensor or label.dtype != torch.int64 or label.shape != logits.shape[-2:-1]:
        label = _class_numbers(logits, label)
    try:
        return -logits.log_softmax(-1).gather(-1, label.expand(logits.shape[:-1])[..., None])[..., 0]
    except RuntimeError:
        _class_numbers(logits, label)
        raise


def _class_numbers(logits: Tensor, label: Any) -> Tensor:
    sizes = {"object": (logits.shape[-2], "logits"), "class": (logits.shape[-1], "logits")} if logits.ndim > 1 else {}
    return labels("object", empty=True)("label", as_tensor(label, logits.device, "label"), sizes).long()


def gaussian_nll(
    mean: Float[Array, "*sample object value"],
    log_variance: Float[Array, "*sample object value"],
    truth: Float[Array, "object value"],
) -> Float[Tensor, "*sample object"]:
    """-log N(truth; mean, exp(log_variance)), summed over the values.

    The residual is scaled before it is squared, so that float32 allows log variances between -170 and 170.

    Raises
    ------
    InputError
        If the truth does not have the shape of the means of one sample.
    """
    mean, log_variance, truth = as_tensors(mean, log_variance, truth)
    check_truth(truth, mean.shape, log_variance.shape)
    scaled = (truth - mean) * torch.exp(-0.5 * log_variance)
    return 0.5 * (scaled.square() + log_variance + LOG_2PI).sum(-1)


def correlated_nll(
    mean: Float[Array, "*sample object value"],
    log_variance: Float[Array, "*sample object value"],
    coupling: Float[Array, "*sample object pair"],
    truth: Float[Array, "object value"],
) -> Float[Tensor, "*sample object"]:
    """-log N(truth; mean, C) with a full covariance, parametrised by a factor of its inverse (`whitening`).

    0.5 |A (truth - mean)|^2 - log det A + (D / 2) log 2 pi,   C^-1 = A^T A

    Raises
    ------
    InputError
        As `gaussian_nll`.
    """
    mean, log_variance, coupling, truth = as_tensors(mean, log_variance, coupling, truth)
    check_truth(truth, mean.shape, log_variance.shape)
    residual = (truth - mean)[..., None]
    scaled = (whitening(log_variance, coupling) @ residual)[..., 0]
    return 0.5 * (scaled.square() + log_variance + LOG_2PI).sum(-1)


def whitening(
    log_variance: Float[Tensor, "*batch value"], coupling: Float[Tensor, "*batch pair"]
) -> Float[Tensor, "*batch value value"]:
    """Factor A of a precision matrix, C^-1 = A^T A (Williams 1996), lower triangular.

    A_ii = exp(-log_variance_i / 2),   A_ij = -exp(-log_variance_i / 2) coupling_ij   for j < i

    Value i is a linear combination of the previous values, with weights `coupling` (row by row of the triangle), plus
    noise of variance exp(log_variance_i) (Pourahmadi 1999). Differs from Williams 1996 and Dorta et al. 2018 by this
    parametrisation, in which the weights do not grow as the noise decreases.
    """
    values = log_variance.shape[-1]
    row, column = torch.tril_indices(values, values, -1, device=coupling.device)
    pair = torch.zeros(values, values, dtype=torch.int64, device=coupling.device)
    pair[row, column] = torch.arange(1, len(row) + 1, device=coupling.device)
    # Indexed, not assigned, as torch.vmap over the members of an ensemble allows no assignment.
    weights = torch.cat([coupling.new_zeros((*coupling.shape[:-1], 1)), coupling], -1)[..., pair]
    unit = torch.eye(values, dtype=coupling.dtype, device=coupling.device) - weights
    return torch.exp(-0.5 * log_variance)[..., None] * unit


def density_mixture_nll(
    logits: Float[Array, "*sample object component"],
    mean: Float[Array, "*sample object component value"],
    log_variance: Float[Array, "*sample object component value"],
    truth: Float[Array, "object value"],
) -> Float[Tensor, "*sample object"]:
    """-log sum_k softmax(logits)_k N(truth; mean_k, exp(log_variance_k)) (Bishop 1994).

    Differs from the paper by a variance for each value, in place of one for each component.

    Raises
    ------
    InputError
        As `gaussian_nll`.
    """
    logits, mean, log_variance, truth = as_tensors(logits, mean, log_variance, truth)
    check_truth(truth, mean[..., 0, :].shape, log_variance[..., 0, :].shape)
    scaled = (truth[..., None, :] - mean) * torch.exp(-0.5 * log_variance)
    component_nll = 0.5 * (scaled.square() + log_variance + LOG_2PI).sum(-1)
    return -torch.logsumexp(logits.log_softmax(-1) - component_nll, -1)


def check_truth(truth: Tensor, predicted: torch.Size, log_variance: torch.Size) -> None:
    """Raise unless truth, means and log variances agree in shape.

    torch would broadcast (object,) and (object, 1) to a table of all differences.
    """
    if log_variance != predicted:
        raise InputError(
            f"log variances of shape {tuple(log_variance)} for means of shape {tuple(predicted)}", "the same shape",
            "one variance for several values", "log_variance.expand_as(mean)",
        )  # fmt: skip
    if truth.ndim != 2 or truth.shape != predicted[-2:]:
        raise InputError(
            f"truth of shape {tuple(truth.shape)} for predictions of shape {tuple(predicted)}",
            f"(object, value): {tuple(predicted[-2:])}",
            "true values without the axis of values",
            "truth[:, None]",
        )


def mixture_nll(nll: Float[Array, "sample ..."]) -> Float[Tensor, "*object"]:
    """-log of the mean likelihood over samples, which is the likelihood of the predictive distribution.

    log T - log sum_s exp(-nll_s), for each object (Gal and Ghahramani 2016, eq. 8). The mean over samples of the NLL
    would score single samples instead.

    Examples
    --------
    >>> import torch
    >>> logits = torch.tensor([[[0.0, 0.0]], [[0.0, -100.0]]])
    >>> round(float(mixture_nll(categorical_nll(logits, torch.tensor([0]))).exp()), 4) == round(1 / 0.75, 4)
    True
    """
    nll = as_tensor(nll, name="nll")
    if not nll.ndim or not len(nll):
        problem = f"negative log-likelihoods of shape {tuple(nll.shape)}"
        raise InputError(problem, "(sample, object), at least one sample", "a mean instead of each", "pass each")
    return math.log(len(nll)) - torch.logsumexp(-nll, 0)
