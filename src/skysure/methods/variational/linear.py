"""Bayesian linear regression: a network with a known posterior, and two variational approximations of it.

    y = X w + e,     e ~ N(0, σ²) for each of N objects,     w ~ N(0, 1/l²) for each of K weights

A distribution q(w) enters by its mean m, covariance C and entropy H(q) only. For every q

    ELBO = E_q log p(y | w) + E_q log p(w) + H(q) = log p(y) - KL(q || posterior) <= log p(y)
    E_q log p(y | w) = -N/2 log(2 pi σ²) - (|y - X m|² + tr X C X') / (2 σ²)
    E_q log p(w)     = -K/2 log(2 pi / l²) - l² (|m|² + tr C) / 2

With the precision A = X'X / σ² + l², three choices of q (Bishop 2006, "Pattern Recognition and Machine Learning"):

    exact       N(m, A⁻¹),  m = A⁻¹ X'y / σ²                          eq. 3.53, 3.54
    mean field  N(m_j, 1/A_jj) for each weight separately             eq. 10.12 to 10.15
    dropout     w_j = M_j z_j + N(0, width²),  z_j 1 or, with p, 0    Gal and Ghahramani 2016, arXiv:1506.02142
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from skysure.errors import InputError

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Regression:
    """Data of a linear regression, with known noise and prior.

    Parameters
    ----------
    x : Tensor, shape (object, weight)
        X, in float64. Use a constant column for a bias.
    y : Tensor, shape (object,)
        In float64.
    std : float
        Standard deviation σ of the noise, in the unit of y.
    length_scale : float
        l of the prior N(0, 1/l²) on each weight.

    Raises
    ------
    InputError
        If noise or length scale are not positive, or the shapes or types of x and y do not agree.
    """

    x: Float64[Tensor, "object weight"]
    y: Float64[Tensor, " object"]
    std: float
    length_scale: float

    def __post_init__(self) -> None:
        if not (self.std > 0 and self.length_scale > 0):
            raise InputError(
                f"std = {self.std}, length_scale = {self.length_scale}",
                "both above 0",
                "data without noise, or a flat prior, for which the evidence is undefined",
                "pass the known noise, and a small length scale for a nearly flat prior",
            )
        if self.x.ndim != 2 or self.y.shape != self.x.shape[:1] or not self.x.dtype == self.y.dtype == torch.float64:
            raise InputError(
                f"x {tuple(self.x.shape)} of {self.x.dtype}, y {tuple(self.y.shape)} of {self.y.dtype}",
                "x (object, weight) and y (object,), in float64",
                "a second axis of y, or float32 values",
                "y[:, 0], x.double()",
            )

    @property
    def precision(self) -> Float64[Tensor, "weight weight"]:
        """A = X'X / σ² + l²."""
        prior = self.length_scale**2 * torch.eye(self.x.shape[1], dtype=self.x.dtype, device=self.x.device)
        return self.x.T @ self.x / self.std**2 + prior


@dataclass(frozen=True)
class Weights:
    """A distribution q(w) of the weights: mean, covariance and entropy, which `elbo` and `predict` use.

    Parameters
    ----------
    mean : Tensor, shape (weight,)
    covariance : Tensor, shape (weight, weight)
    entropy : Tensor, shape ()
        H(q), in nat.
    """

    mean: Float64[Tensor, " weight"]
    covariance: Float64[Tensor, "weight weight"]
    entropy: Float64[Tensor, ""]


def exact(data: Regression) -> Weights:
    """Return the posterior, N(A⁻¹ X'y / σ², A⁻¹): its mean is that of ridge regression with penalty σ² l²."""
    factor = torch.linalg.cholesky(data.precision)
    mean = torch.cholesky_solve((data.x.T @ data.y)[:, None] / data.std**2, factor)[:, 0]
    return Weights(mean, torch.cholesky_inverse(factor), _gaussian_entropy(factor.diagonal().log()))


def mean_field(data: Regression) -> Weights:
    """Return the independent Gaussians that minimise KL(q || posterior): the same mean, variances 1/A_jj.

    1/A_jj is the variance of w_j conditional on all other weights, and at most the variance of the posterior.
    """
    precision = data.precision.diagonal()
    return Weights(exact(data).mean, torch.diag(1 / precision), _gaussian_entropy(precision.log() / 2))


def dropout_mean(data: Regression, rate: float) -> Float64[Tensor, " weight"]:
    """Return the weights W that minimise the objective of dropout at rate p: ridge regression scaled by the data.

    (X'X + p / (1 - p) diag(X'X) + σ² l² / (1 - p)) W = X'y

    The objective is N (expected `gaussian_nll` + `dropout_kl`). Srivastava et al. 2014 (JMLR 15, 1929), section
    9.1, without the prior.

    Raises
    ------
    InputError
        For a rate outside [0, 1).
    """
    if not 0 <= rate < 1:
        raise InputError(f"a dropout rate of {rate}", "0 <= rate < 1", "a percentage", "pass the probability to drop")
    squares, odds = data.x.T @ data.x, rate / (1 - rate)
    penalty = odds * squares.diagonal() + (data.std * data.length_scale) ** 2 / (1 - rate)
    return torch.linalg.solve(squares + torch.diag(penalty), data.x.T @ data.y)


def dropout(mean: Float64[Tensor, " weight"], rate: float, width: float) -> Weights:
    """Return the q of dropout: each weight is M_j = W_j / (1 - p) or 0, plus a narrow Gaussian.

    The epistemic variance of a prediction is p / (1 - p) sum W² x² + width² |x|², independent of the number of objects.

    Points alone (width 0) have no density, and an infinite KL divergence from a Gaussian prior: the appendix of the
    paper (arXiv:1506.02157) uses narrow Gaussians and the entropy H(p) of each mask, as does `dropout_kl`. Here the
    exact entropy is used: the information I(w; z) <= H(p), which is lower where a weight is close to zero. Hence

    KL(q || prior) = N dropout_kl + K (l² width² - 1 - 2 log(l width)) / 2 + sum_j (H(p) - I_j)

    Parameters
    ----------
    mean : Tensor
        W, the weights of the network in `eval`.
    rate : float
        p.
    width : float
        Standard deviation of each Gaussian, above 0.

    Examples
    --------
    >>> q = dropout(torch.tensor([1.0, 2.0], dtype=torch.float64), rate=0.5, width=1e-6)
    >>> mean, epistemic = predict(q, torch.tensor([[3.0, 1.0]], dtype=torch.float64))
    >>> round(float(mean), 6), round(float(epistemic), 6)
    (5.0, 13.0)
    """
    if not (0 <= rate < 1 and width > 0):
        raise InputError(
            f"dropout at rate {rate} with width {width}",
            "0 <= rate < 1 and width > 0",
            "width 0, for which the divergence from the prior is infinite",
            "pass a width much smaller than the weights, such as 1e-3",
        )
    variance = rate / (1 - rate) * mean**2 + width**2
    information = _mask_information(mean / ((1 - rate) * width), rate).sum()
    gaussian = _gaussian_entropy(torch.full_like(mean, -math.log(width)))
    return Weights(mean, torch.diag(variance), gaussian + information)


def predict(
    q: Weights, x: Float64[Tensor, "object weight"]
) -> tuple[Float64[Tensor, " object"], Float64[Tensor, " object"]]:
    """Predict the mean and the epistemic variance x'Cx; the predictive variance adds the noise σ²."""
    return x @ q.mean, torch.einsum("oi,ij,oj->o", x, q.covariance, x)


def log_evidence(data: Regression) -> Float64[Tensor, ""]:
    """Return the log evidence log p(y), marginalised over the weights (Bishop 2006, eq. 3.86)."""
    m, root = exact(data).mean, torch.linalg.cholesky(data.precision)
    misfit = (data.y - data.x @ m).square().sum() / data.std**2 + data.length_scale**2 * m.square().sum()
    volume = len(m) * math.log(data.length_scale) - root.diagonal().log().sum()
    return volume - len(data.y) * (LOG_2PI / 2 + math.log(data.std)) - misfit / 2


def elbo(data: Regression, q: Weights) -> Float64[Tensor, ""]:
    """Return the evidence lower bound, `log_evidence` minus KL(q || posterior)."""
    n, k = data.x.shape
    mean, epistemic = predict(q, data.x)
    misfit = ((data.y - mean).square() + epistemic).sum() / data.std**2
    size = data.length_scale**2 * (q.mean.square().sum() + q.covariance.trace())
    log_likelihood = -n * (LOG_2PI / 2 + math.log(data.std)) - misfit / 2
    log_prior = -k * (LOG_2PI / 2 - math.log(data.length_scale)) - size / 2
    return log_likelihood + log_prior + q.entropy


def _gaussian_entropy(log_precision: Float64[Tensor, " weight"]) -> Float64[Tensor, ""]:
    """Sum 1/2 log(2 pi e) - log(1 / standard deviation) over independent directions."""
    return ((1 + LOG_2PI) / 2 - log_precision).sum()


def _mask_information(distance: Float64[Tensor, " weight"], rate: float) -> Float64[Tensor, " weight"]:
    """Mutual information I(w; z) of w = distance z + N(0, 1) and its mask z, in nat: from 0 to H(p) with the distance.

    By the trapezoidal rule, which is exact to rounding for such smooth and narrow integrands.
    """
    t = torch.linspace(-12, 12, 1201, dtype=distance.dtype, device=distance.device)
    weight = torch.exp(-t.square() / 2 - LOG_2PI / 2) * (t[1] - t[0])
    log_drop, log_keep = distance.new_tensor([rate, 1 - rate]).log()
    shift = distance.abs()[:, None]
    of_dropped = torch.logaddexp(log_drop, log_keep + shift * t - shift**2 / 2)
    of_kept = torch.logaddexp(log_keep, log_drop - shift * t - shift**2 / 2)
    return -(weight * (rate * of_dropped + (1 - rate) * of_kept)).sum(-1)
