"""Output heads: distributions parametrised by the raw outputs of a network, all with the same methods.

    outputs             number of raw outputs of the network
    nll(raw, truth)     negative log-likelihood of each object (and sample), in nat: the training loss is its mean
    moments(raw)        mean and covariance predicted by each sample, for `split_values(mean, covariance=covariance)`
    draw(raw, ...)      one draw of the predictive distribution for each object and sample

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

from .densities import categorical_nll, correlated_nll, density_mixture_nll, gaussian_nll, whitening

LARGEST_LOG_VARIANCE = 30.0

Raw = Float[Array, "*sample object output"]
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
        mean, log_variance = self.parameters(as_tensor(raw).double())
        return mean + torch.exp(0.5 * log_variance) * _normal(mean, generator)


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
        mean, root = self._covariance_root(raw)
        return mean + (root @ _normal(mean, generator)[..., None])[..., 0]

    def _covariance_root(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance, coupling = self.parameters(as_tensor(raw).double())
        factor = whitening(log_variance, coupling)
        identity = torch.eye(self.values, dtype=factor.dtype, device=factor.device)
        return mean, torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)


@dataclass(frozen=True)
class GaussianMixture:
    """A mixture density network (Bishop 1994), for multimodal predictions such as redshifts from few colours.

    Raw outputs are the logits of the components, then their means, then their log variances, component by component.
    Values are independent within a component.

    Parameters
    ----------
    values, components : int
    """

    values: int
    components: int

    @property
    def outputs(self) -> int:
        """Number of raw outputs of the network."""
        return self.components * (1 + 2 * self.values)

    def parameters(self, raw: Raw) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (*sample, object, component); mean and log variance (*sample, object, component, value)."""
        size = self.components * self.values
        logits, mean, log_variance = outputs_of(raw, self.outputs).split([self.components, size, size], -1)
        shape = (self.components, self.values)
        return logits, mean.unflatten(-1, shape), bound_log_variance(log_variance).unflatten(-1, shape)

    def nll(self, raw: Raw, truth: Truth) -> Nll:
        """Return -log of the mixture density at the truth."""
        return density_mixture_nll(*self.parameters(raw), truth)

    def moments(self, raw: Raw) -> Moments:
        """Mean and covariance of the mixture, including the scatter between its components."""
        logits, means, log_variance = self.parameters(as_tensor(raw).double())
        share = logits.softmax(-1)[..., None]
        mean = (share * means).sum(-2)
        deviation = means - mean[..., None, :]
        within = torch.diag_embed((share * log_variance.exp()).sum(-2))
        return mean, within + (share * deviation).mT @ deviation

    def draw(self, raw: Raw, generator: Generator) -> Values:
        """Draw values."""
        logits, means, log_variance = self.parameters(as_tensor(raw).double())
        component = _draw_index(logits, generator)[..., None, None].expand(*logits.shape[:-1], 1, self.values)
        mean, log_variance = (x.gather(-2, component).squeeze(-2) for x in (means, log_variance))
        return mean + torch.exp(0.5 * log_variance) * _normal(mean, generator)

    def marginals(self, raw: Raw) -> tuple[Tensor, Tensor, Tensor]:
        """Weight, mean and standard deviation of all components of all samples, (component, object, value).

        Arguments of `mixture_quantile`, `pit`, `crps` and `gaussian_mixture_nll`, the weights as `share`.
        """
        logits, mean, log_variance = self.parameters(as_tensor(raw).double())
        share = logits.softmax(-1)[..., None].expand_as(mean)
        share, mean, std = (x.movedim(-2, 0).flatten(0, -3) for x in (share, mean, torch.exp(0.5 * log_variance)))
        return share / (len(share) // self.components), mean, std


def _normal(like: Tensor, generator: Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def _draw_index(logits: Float[Tensor, "*batch option"], generator: Generator) -> Int64[Tensor, "*batch"]:
    # Gumbel-max trick: the argmax of logits plus Gumbel noise is a draw of their softmax.
    u = torch.rand(logits.shape, generator=generator, dtype=logits.dtype, device=logits.device)
    return (logits - torch.log(-torch.log(u.clamp(min=1e-300)))).argmax(-1)
