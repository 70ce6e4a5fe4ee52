"""Output heads: distributions parametrised by the raw outputs of a network, all with the same methods.

    outputs             number of raw outputs of the network
    nll(raw, truth)     negative log-likelihood of each object (and sample), in nat: the training loss is its mean
    moments(raw)        mean and covariance predicted by each sample, for `split_values(mean, covariance=covariance)`
    draw(raw, ...)      one draw of the predictive distribution for each object and sample
    from_uniform(raw, u)    the same, of `uniforms` uniform numbers for each, which another source of randomness made

`Categorical` has `probability` in place of moments, for `split_classes(probability)`. Values should be standardised,
(y - offset) / scale, in float64 beforehand: magnitudes, Julian dates and large fluxes then fit into float32. Variances
are bounded, log variance = 30 tanh(raw / 30), about 1e-13 to 1e13, so that no raw output causes an overflow. Moments
and draws are in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float64, Int64
from torch import Generator, Tensor

from skysure.errors import InputError
from skysure.methods.arrays import Array, as_tensor

from .densities import categorical_nll, correlated_nll, gaussian_nll, whitening

LARGEST_LOG_VARIANCE = 30.0

Raw = Float[Array, "*sample object output"]
Uniform = Float[Tensor, "*sample object number"]
Truth = Float[Array, "object value"]
Nll = Float[Tensor, "*sample object"]
Values = Float64[Tensor, "*sample object value"]
Moments = tuple[Values, Float64[Tensor, "*sample object value value"]]


def outputs_of(raw: Raw, count: int) -> Float[Tensor, "*sample object output"]:
    """Return raw outputs as a tensor; raises InputError unless there are `count` for each object."""
    raw = as_tensor(raw, name="raw")
    if raw.shape[-1:] != (count,):
        cause = "outputs of a network for another head, or the head of another number of values"
        raise InputError(f"raw outputs of shape {tuple(raw.shape)}", f"(..., {count})", cause, f"{count} outputs")
    return raw


def bound_log_variance(raw: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Log variance 30 tanh(raw / 30): close to raw where small, within ±30, with a gradient for |raw| up to 200."""
    return LARGEST_LOG_VARIANCE * torch.tanh(raw / LARGEST_LOG_VARIANCE)


@dataclass(frozen=True)
class Categorical:
    """A categorical distribution over classes: raw outputs are logits.

    Parameters
    ----------
    classes : int
    """

    classes: int

    @property
    def outputs(self) -> int:
        """Number of raw outputs of the network."""
        return self.classes

    def nll(self, raw: Raw, truth: Any) -> Nll:
        """Return -log p(truth)."""
        return categorical_nll(outputs_of(raw, self.outputs), truth)

    def probability(self, raw: Raw) -> Float64[Tensor, "*sample object class"]:
        """Class probabilities of each sample."""
        return outputs_of(raw, self.outputs).double().softmax(-1)

    def draw(self, raw: Raw, generator: Generator) -> Int64[Tensor, "*sample object"]:
        """Draw a class."""
        return _draw_index(outputs_of(raw, self.outputs).double(), generator)


@dataclass(frozen=True)
class Gaussian:
    """Independent Gaussian noise: raw outputs are the means, then the log variances.

    Parameters
    ----------
    values : int
    """

    values: int

    @property
    def outputs(self) -> int:
        """Number of raw outputs of the network."""
        return 2 * self.values

    @property
    def uniforms(self) -> int:
        """Number of uniform numbers that a draw takes."""
        return self.values

    def parameters(self, raw: Raw) -> tuple[Tensor, Tensor]:
        """Mean and log variance, shape (*sample, object, value)."""
        mean, log_variance = outputs_of(raw, self.outputs).split(self.values, -1)
        return mean, bound_log_variance(log_variance)

    def nll(self, raw: Raw, truth: Truth) -> Nll:
        """Return -log N(truth; mean, variance)."""
        return gaussian_nll(*self.parameters(raw), truth)

    def moments(self, raw: Raw) -> Moments:
        """Mean and diagonal covariance."""
        mean, log_variance = self.parameters(as_tensor(raw).double())
        return mean, torch.diag_embed(log_variance.exp())

    def draw(self, raw: Raw, generator: Generator) -> Values:
        """Draw values."""
        return self.from_uniform(raw, uniform_numbers(raw, self.uniforms, generator))

    def from_uniform(self, raw: Raw, u: Uniform) -> Values:
        """Map uniform numbers to a draw."""
        mean, log_variance = self.parameters(as_tensor(raw).double())
        return mean + torch.exp(0.5 * log_variance) * to_normal(u)


@dataclass(frozen=True)
class CorrelatedGaussian:
    """Gaussian noise with a full covariance: raw outputs are means, log variances, and D (D - 1) / 2 couplings.

    They parametrise a factor of the *inverse* covariance (Williams 1996; Dorta et al. 2018): the likelihood and its
    gradients then need no linear solve, and are polynomials in means and couplings. See `densities.whitening`.

    Parameters
    ----------
    values : int

    Examples
    --------
    >>> import torch
    >>> head = CorrelatedGaussian(2)
    >>> mean, covariance = head.moments(torch.tensor([[5.0, 6.0, 0.0, 0.0, 2.0]]))  # y = 6 + 2 (x - 5) + noise
    >>> head.outputs, covariance[0].tolist()
    (5, [[1.0, 2.0], [2.0, 5.0]])
    """

    values: int

    @property
    def outputs(self) -> int:
        """Number of raw outputs of the network."""
        return 2 * self.values + self.values * (self.values - 1) // 2

    @property
    def uniforms(self) -> int:
        """Number of uniform numbers that a draw takes."""
        return self.values

    def parameters(self, raw: Raw) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, log variance conditional on the previous values, and couplings to these."""
        sizes = [self.values, self.values, self.outputs - 2 * self.values]
        mean, log_variance, coupling = outputs_of(raw, self.outputs).split(sizes, -1)
        return mean, bound_log_variance(log_variance), coupling

    def nll(self, raw: Raw, truth: Truth) -> Nll:
        """Return -log N(truth; mean, covariance)."""
        return correlated_nll(*self.parameters(raw), truth)

    def moments(self, raw: Raw) -> Moments:
        """Mean and covariance."""
        mean, root = self._covariance_root(raw)
        return mean, root @ root.mT

    def draw(self, raw: Raw, generator: Generator) -> Values:
        """Draw values."""
        return self.from_uniform(raw, uniform_numbers(raw, self.uniforms, generator))

    def from_uniform(self, raw: Raw, u: Uniform) -> Values:
        """Map uniform numbers to a draw, value by value given the previous ones."""
        mean, log_variance, coupling = self.parameters(as_tensor(raw).double())
        return mean + correlate(torch.exp(0.5 * log_variance) * to_normal(u), coupling)

    def _covariance_root(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance, coupling = self.parameters(as_tensor(raw).double())
        factor = whitening(log_variance, coupling)
        identity = torch.eye(self.values, dtype=factor.dtype, device=factor.device)
        return mean, torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)


def correlate(
    noise: Float[Tensor, "*batch value"], coupling: Float[Tensor, "*batch pair"]
) -> Float[Tensor, "*batch value"]:
    """Deviations d_i = noise_i + sum_j coupling_ij d_j over j < i: the solution of `densities.whitening` for d."""
    deviations: list[Tensor] = []
    for i, own in enumerate(noise.unbind(-1)):
        pairs = coupling[..., i * (i - 1) // 2 : i * (i + 1) // 2]
        deviations.append(own + (pairs * torch.stack(deviations, -1)).sum(-1) if i else own)
    return torch.stack(deviations, -1)


def uniform_numbers(raw: Raw, count: int, generator: Generator) -> Uniform:
    """Draw uniform numbers for `from_uniform`, `count` for each object and sample."""
    raw = as_tensor(raw)
    return torch.rand((*raw.shape[:-1], count), generator=generator, dtype=torch.float64, device=raw.device)


def to_normal(u: Float[Tensor, "*any"]) -> Float64[Tensor, "*any"]:
    """Map uniform numbers to standard normal ones, Φ⁻¹(u)."""
    return torch.special.ndtri(u.double().clamp(1e-16, 1 - 1e-16))


def _draw_index(logits: Float[Tensor, "*batch option"], generator: Generator) -> Int64[Tensor, "*batch"]:
    # Gumbel-max trick: the argmax of logits plus Gumbel noise is a draw of their softmax.
    u = torch.rand(logits.shape, generator=generator, dtype=logits.dtype, device=logits.device)
    return (logits - torch.log(-torch.log(u.clamp(min=1e-300)))).argmax(-1)
