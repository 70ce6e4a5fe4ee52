"""Uncertainty decomposition: aleatoric (noise in the data) and epistemic (uncertainty of the model).

For classes, in nat (Gal 2016, thesis, section 3.3; Depeweg et al. 2018, arXiv:1710.07283):

    H(mean_s p_s) = mean_s H(p_s) + mean_s KL(p_s || mean p)        predictive = aleatoric + epistemic

For values, by the law of total variance: the mean of the covariances, plus the covariance of the means (over T - 1).
All sums are centred and in float64: `mean(x^2) - mean(x)^2` loses the digits of magnitudes, Julian dates and large
fluxes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from skysure.errors import InputError
from skysure.methods.arguments import checked, numbers, variances
from skysure.methods.arguments import probabilities as rows_of_probabilities


@dataclass(frozen=True)
class ClassSplit:
    """Class probabilities and the parts of their entropy, in nat; NaN where a probability is NaN.

    Parameters
    ----------
    probability : Tensor, shape (object, class)
        Mean over the samples.
    probability_error : Tensor, shape (object, class)
        Standard deviation over the samples.
    predictive, aleatoric, epistemic : Tensor, shape (object,)
        Entropy of the mean, mean of the entropies, mutual information between class and weights.
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
    """Mean values and the parts of their covariance.

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


@checked(tensors=True, probabilities=rows_of_probabilities("sample object class", nan=True, empty=True))
def split_classes(probabilities: Float[Tensor, "sample object class"]) -> ClassSplit:
    """Decompose the entropy of class probabilities.

    The epistemic part is computed as the mean KL divergence, which is precise also where it is small. Its Monte-Carlo
    error is the standard error of that mean (KL(p_s || mean p) is the influence of a sample on the mutual information).

    Raises
    ------
    InputError
        For fewer than two samples, or if a row (of logits, per cent) is not of probabilities that sum to 1.

    Examples
    --------
    >>> import torch
    >>> samples_disagree = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> parts = split_classes(samples_disagree)
    >>> float(parts.aleatoric), round(float(parts.epistemic), 4)
    (0.0, 0.6931)
    """
    _check_samples(probabilities)
    p = probabilities.double()
    mean = p.mean(0)
    divergence = (torch.xlogy(p, p) - torch.xlogy(p, mean)).sum(-1)
    aleatoric, epistemic = torch.special.entr(p).sum(-1).mean(0), divergence.mean(0).clamp(min=0)
    error = divergence.std(0) / len(p) ** 0.5
    return ClassSplit(mean, p.std(0), aleatoric + epistemic, aleatoric, epistemic, error)


@checked(
    tensors=True,
    means=numbers("sample object value", nan=True, empty=True),
    variance=variances("sample object value"),
    covariance=variances("sample object value value"),
)
def split_values(
    means: Float[Tensor, "sample object value"],
    variance: Float[Tensor, "sample object value"] | None = None,
    covariance: Float[Tensor, "sample object value value"] | None = None,
) -> ValueSplit:
    """Decompose the covariance of predicted values.

    Parameters
    ----------
    means : Tensor
        Mean predicted by each sample. Pass float64 where float32 is not precise enough (Julian dates).
    variance, covariance : Tensor
        Noise predicted by each sample: exactly one of the two.

    Raises
    ------
    InputError
        For fewer than two samples, a negative variance, or unless exactly one of `variance` and `covariance` is given.

    Examples
    --------
    >>> import torch
    >>> parts = split_values(torch.tensor([[[1.0]], [[3.0]]]), variance=torch.tensor([[[0.5]], [[1.5]]]))
    >>> float(parts.mean), float(parts.aleatoric), float(parts.epistemic)
    (2.0, 1.0, 2.0)
    """
    if (variance is None) == (covariance is None):
        problem = "both variance and covariance" if variance is not None else "neither variance nor covariance"
        raise InputError(problem, "exactly one of them", "a full covariance contains the variances", "pass one of them")
    _check_samples(means)
    m = means.double()
    mean = m[0] + (m - m[0]).mean(0)
    centred = m - mean
    epistemic = torch.einsum("soi,soj->oij", centred, centred) / (len(m) - 1)
    noise = covariance if variance is None else torch.diag_embed(variance)
    aleatoric = noise.double().mean(0)
    diagonal = epistemic.diagonal(dim1=-2, dim2=-1)
    error = ((epistemic**2 + diagonal[..., :, None] * diagonal[..., None, :]) / (len(m) - 1)).sqrt()
    return ValueSplit(mean, aleatoric + epistemic, aleatoric, epistemic, error)


def _check_samples(samples: Float[Tensor, "sample ..."]) -> None:
    if len(samples) < 2:
        raise InputError(
            f"an uncertainty decomposition of {len(samples)} sample(s)",
            "at least 2",
            "samples = 1, which has no epistemic uncertainty",
            "draw more; 30 samples estimate an epistemic variance to 26 %",
        )
