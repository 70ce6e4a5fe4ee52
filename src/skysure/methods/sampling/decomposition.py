"""The split of an uncertainty: aleatoric (noise in the data) and epistemic (ignorance of the model).

For classes, in nats (Gal 2016, thesis, section 3.3; Depeweg et al. 2018, arXiv:1710.07283):

    H(mean_s p_s) = mean_s H(p_s) + mean_s KL(p_s || mean p)        predictive = aleatoric + epistemic

For values, by the law of total variance: mean_s of the covariances, and the covariance of the means (over T - 1).
All sums are centred and in float64: `mean(x^2) - mean(x)^2` loses magnitudes, Julian dates and large fluxes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from skysure.errors import InputError


@dataclass(frozen=True)
class ClassSplit:
    """Probabilities and the parts of their entropy, in nats; NaN where a probability is.

    Parameters
    ----------
    probability : Tensor, shape (object, class)
        Mean over the samples.
    probability_error : Tensor, shape (object, class)
        Standard deviation over the samples.
    predictive, aleatoric, epistemic : Tensor, shape (object,)
        Entropy of the mean, mean entropy, mutual information between class and weights.
    monte_carlo_error : Tensor, shape (object,)
        Standard error of `epistemic` from the finite number of samples.
    """

    probability: Float64[Tensor, "object class"]
    probability_error: Float64[Tensor, "object class"]
    predictive: Float64[Tensor, " object"]
    aleatoric: Float64[Tensor, " object"]
    epistemic: Float64[Tensor, " object"]
    monte_carlo_error: Float64[Tensor, " object"]


@dataclass(frozen=True)
class ValueSplit:
    """Values and the parts of their covariance.

    Parameters
    ----------
    mean : Tensor, shape (object, value)
    predictive, aleatoric, epistemic : Tensor, shape (object, value, value)
    monte_carlo_error : Tensor, shape (object, value, value)
        Standard error of each element of `epistemic` from the finite number of samples, for Gaussian means.
    """

    mean: Float64[Tensor, "object value"]
    predictive: Float64[Tensor, "object value value"]
    aleatoric: Float64[Tensor, "object value value"]
    epistemic: Float64[Tensor, "object value value"]
    monte_carlo_error: Float64[Tensor, "object value value"]


def split_classes(probabilities: Float[Tensor, "sample object class"]) -> ClassSplit:
    """Split the entropy of class probabilities.

    The epistemic part is computed as the mean divergence, which keeps its digits where it is small. Its Monte-Carlo
    error is that of the mean of KL(p_s || mean p) (the influence of a sample on the mutual information).

    Raises
    ------
    Fault
        For fewer than two samples.

    Examples
    --------
    >>> import torch
    >>> sure_but_torn = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> parts = split_classes(sure_but_torn)
    >>> float(parts.aleatoric), round(float(parts.epistemic), 4)
    (0.0, 0.6931)
    """
    p = _several(probabilities).double()
    mean = p.mean(0)
    divergence = (torch.xlogy(p, p) - torch.xlogy(p, mean)).sum(-1)
    aleatoric, epistemic = torch.special.entr(p).sum(-1).mean(0), divergence.mean(0).clamp(min=0)
    error = divergence.std(0) / len(p) ** 0.5
    return ClassSplit(mean, p.std(0), aleatoric + epistemic, aleatoric, epistemic, error)


def split_values(
    means: Float[Tensor, "sample object value"],
    variance: Float[Tensor, "sample object value"] | None = None,
    covariance: Float[Tensor, "sample object value value"] | None = None,
) -> ValueSplit:
    """Split the covariance of predicted values.

    Parameters
    ----------
    means : Tensor
        The mean that each sample predicts. Give float64 where float32 cannot hold them (Julian dates).
    variance, covariance : Tensor
        The noise that each sample predicts: one of the two.

    Raises
    ------
    Fault
        For fewer than two samples, or unless one of `variance` and `covariance` is given.

    Examples
    --------
    >>> import torch
    >>> parts = split_values(torch.tensor([[[1.0]], [[3.0]]]), variance=torch.tensor([[[0.5]], [[1.5]]]))
    >>> float(parts.mean), float(parts.aleatoric), float(parts.epistemic)
    (2.0, 1.0, 2.0)
    """
    if (variance is None) == (covariance is None):
        raise InputError("a split of values", "either variance or covariance", "both or none was passed", "pass one")
    m = _several(means).double()
    mean = m[0] + (m - m[0]).mean(0)
    centred = m - mean
    epistemic = torch.einsum("soi,soj->oij", centred, centred) / (len(m) - 1)
    noise = covariance if variance is None else torch.diag_embed(variance)
    aleatoric = noise.double().mean(0)
    diagonal = epistemic.diagonal(dim1=-2, dim2=-1)
    error = ((epistemic**2 + diagonal[..., :, None] * diagonal[..., None, :]) / (len(m) - 1)).sqrt()
    return ValueSplit(mean, aleatoric + epistemic, aleatoric, epistemic, error)


def _several(samples: Float[Tensor, "sample ..."]) -> Float[Tensor, "sample ..."]:
    if len(samples) < 2:
        raise InputError(
            f"a split of {len(samples)} sample(s)",
            "at least 2",
            "samples = 1 asks for no uncertainty",
            "draw more; 30 give the epistemic variance to 26 %",
        )
    return samples
