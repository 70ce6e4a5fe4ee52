"""Classification by regression: regression targets from labels, and class probabilities from Gaussians."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from skysure.errors import InputError


def class_targets(labels: Tensor, classes: int) -> Float64[Tensor, "row class"]:
    """Regression targets of labels: 1 - 1/classes for the class, -1/classes for the others, which sum to zero.

    For ten classes 0.9 and -0.1, as in the paper.

    Raises
    ------
    InputError
        If a label is not a class number.
    """
    integer = not (labels.is_floating_point() or labels.is_complex()) and labels.ndim == 1
    if not integer or (len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes):
        raise InputError(
            f"labels of shape {tuple(labels.shape)}",
            f"integers from 0 to {classes - 1}, (row,)",
            "values, one-hot vectors, or another number of classes",
            "pass integer labels, and the number of classes as classes=",
        )
    return nn.functional.one_hot(labels.long(), classes).double() - 1 / classes


def argmax_probability(
    mean: Float[Tensor, "object class"], variance: Float[Tensor, " object"]
) -> Float64[Tensor, "object class"]:
    """Probability that each of several independent Gaussians of equal variance is the largest.

    P_k = integral of n(z_k) prod_{j != k} Phi(z_j) dz,   z_j = z + (max m - m_j) / s

    by a sum over equal steps, which converges exponentially for such integrands.

    Examples
    --------
    >>> mean, variance = torch.tensor([[1.0, 0.0]]), torch.tensor([0.5])
    >>> p = argmax_probability(mean, variance)[0, 0]
    >>> round(float(p), 9) == round(float(torch.special.ndtr(torch.tensor(1.0, dtype=torch.float64))), 9)
    True
    """
    mean, deviation = mean.double(), variance.double().clamp(min=1e-300).sqrt()[:, None]
    below = (mean.amax(1, keepdim=True) - mean) / deviation
    p = torch.zeros_like(mean)
    for z in torch.linspace(-8.5, 8.5, 100, dtype=torch.float64).tolist():
        log_phi = torch.special.log_ndtr(below + z)
        p += (log_phi.sum(1, keepdim=True) - log_phi - 0.5 * (below + z).square()).exp()
    return p / p.sum(1, keepdim=True)
