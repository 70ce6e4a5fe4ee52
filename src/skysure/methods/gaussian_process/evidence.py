"""Evidence of a Gaussian process: the marginal likelihood of the data, and the hyperparameters that maximise it.

Rasmussen & Williams 2006, section 5.4. With targets y (row, value) of common covariance C = a K + noise I,

    log p(y) = sum over values of  - y' C^-1 y / 2  -  log det C / 2  -  (rows / 2) log 2 pi
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, pi

import torch
from jaxtyping import Float
from torch import Tensor

from skysure.errors import InputError
from skysure.methods.lbfgs import minimise

from . import kernels

JITTERS = tuple(10.0**power for power in range(-10, -1))
_START = (2.0, 0.1, 1.0, 0.05)
_SPREAD = 2.0


@dataclass(frozen=True)
class Hyperparameters:
    """The kernel of a network and the noise of its targets, in units of their standard deviations.

    Parameters
    ----------
    depth : int
        Number of hidden layers.
    weight_variance, bias_variance : float or Tensor
        s_w² and s_b², of all layers.
    amplitude : float or Tensor
        Scale a of the kernel: the outputs of the network are multiplied by sqrt(a).
    noise : float or Tensor
        Variance of the noise.
    """

    depth: int
    weight_variance: float | Tensor
    bias_variance: float | Tensor
    amplitude: float | Tensor
    noise: float | Tensor


def log_evidence(covariance: Float[Tensor, "row row"], targets: Float[Tensor, "row value"]) -> Float[Tensor, ""]:
    """Log probability density of the targets, in nat; independent values with the same covariance, noise included.

    Raises
    ------
    InputError
        If the covariance is not positive definite, even with jitter.

    Examples
    --------
    >>> covariance, y = torch.eye(2, dtype=torch.float64), torch.zeros(2, 1, dtype=torch.float64)
    >>> round(float(log_evidence(covariance, y)), 4) == round(-log(2 * pi), 4)
    True
    """
    factor, _ = cholesky(lambda: covariance.clone())
    white = torch.linalg.solve_triangular(factor, targets, upper=False)
    rows, values = targets.shape
    return -0.5 * white.square().sum() - values * (factor.diagonal().log().sum() + 0.5 * rows * log(2 * pi))


def cholesky(covariance: Callable[[], Float[Tensor, "row row"]]) -> tuple[Float[Tensor, "row row"], float]:
    """Lower Cholesky factor of a covariance, and the jitter that was needed, relative to its mean variance.

    Tries no jitter first, then 1e-10 and increasing factors of ten, at most 0.01.

    Parameters
    ----------
    covariance : callable
        Computes the matrix (its lower triangle) for each attempt. It is overwritten if no gradient is needed and its
        columns are contiguous, so that a large matrix is in memory only once.

    Raises
    ------
    InputError
        If no jitter is sufficient.
    """
    for jitter in (0.0, *JITTERS):
        matrix = covariance()
        if jitter:
            matrix.diagonal().add_(jitter * matrix.detach().diagonal().mean())
        in_place = {} if matrix.requires_grad else {"out": (matrix, torch.empty_like(matrix[0, 0], dtype=torch.int32))}
        factor, info = torch.linalg.cholesky_ex(matrix, **in_place)
        if not info and torch.isfinite(factor.detach().diagonal()).all():
            return factor, jitter
    raise InputError(
        f"a covariance of {len(matrix)} rows without a Cholesky factor",
        f"a positive definite matrix, with a jitter of at most {JITTERS[-1]}",
        "inputs or hyperparameters that are not finite, or very large",
        "check the inputs; increase the noise floor",
    )


def fit_hyperparameters(
    x: Float[Tensor, "row feature"],
    y: Float[Tensor, "row value"],
    activation: str,
    depths: Sequence[int],
    noise_floor: float,
) -> Hyperparameters:
    """Find the hyperparameters of largest evidence, by L-BFGS for each depth.

    A prior worth about one object, log-normal around (2, 0.1, 1, 0.05) with a standard deviation of 2 in the log, keeps
    parameters finite in directions in which the evidence is flat.

    Parameters
    ----------
    x, y : Tensor, float64
        Normalised inputs; targets with mean zero and variance one.
    activation : str
        "relu" or "erf".
    depths : sequence of int
        Candidates.
    noise_floor : float
        Smallest standard deviation of the noise.
    """
    candidates = [_fit_depth(x, y, activation, depth, noise_floor) for depth in depths]
    return min(candidates, key=lambda pair: pair[0])[1]


def _fit_depth(x: Tensor, y: Tensor, activation: str, depth: int, noise_floor: float) -> tuple[float, Hyperparameters]:
    """Minimise the negative log posterior per target; returns the minimum and its hyperparameters."""
    start = torch.tensor(_START, dtype=x.dtype, device=x.device).log()
    logs = start.clone().requires_grad_()
    kernel = kernels.KERNELS[activation]

    def hyperparameters(values: Tensor) -> Hyperparameters:
        weight, bias, amplitude, excess = values.exp()
        return Hyperparameters(depth, weight, bias, amplitude, noise_floor**2 + excess)

    def objective() -> Tensor:
        h = hyperparameters(logs)
        covariance = h.amplitude * kernel(x, x, depth, h.weight_variance, h.bias_variance)
        covariance = covariance + h.noise * torch.eye(len(x), dtype=x.dtype, device=x.device)
        prior = ((logs - start) / _SPREAD).square().sum() / 2
        return (prior - log_evidence(covariance, y)) / y.numel()

    minimise(objective, [logs], steps=40, gradient=1e-7, change=1e-5)
    with torch.no_grad():
        return float(objective()), hyperparameters(logs.detach())
