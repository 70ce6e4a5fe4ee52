"""Mixtures of Gaussians as output heads (Bishop 1994), for multimodal and skewed predictions.

Raw outputs are the logits of the components, then their parameters, component by component. The methods are those of
`heads`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Generator, Tensor

from skysure.methods.arrays import as_tensor

from .densities import correlated_nll, density_mixture_nll
from .heads import (
    CorrelatedGaussian,
    Moments,
    Nll,
    Raw,
    Truth,
    Uniform,
    Values,
    bound_log_variance,
    outputs_of,
    to_normal,
    uniform_numbers,
)


@dataclass(frozen=True)
class GaussianMixture:
    """A mixture density network (Bishop 1994), for multimodal predictions such as redshifts from few colours.

    Raw outputs are the logits of the components, then their means, then their log variances, component by component.
    Values are independent within a component; `CorrelatedMixture` has a full covariance in each.

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

    @property
    def uniforms(self) -> int:
        """Number of uniform numbers that a draw takes: one for the component, one for each value."""
        return 1 + self.values

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
        return _mixture_moments(logits, means, torch.diag_embed(log_variance.exp()))

    def draw(self, raw: Raw, generator: Generator) -> Values:
        """Draw values."""
        return self.from_uniform(raw, uniform_numbers(raw, self.uniforms, generator))

    def from_uniform(self, raw: Raw, u: Uniform) -> Values:
        """Map uniform numbers to a draw; the first of them decides on the component."""
        logits, means, log_variance = self.parameters(as_tensor(raw).double())
        component = _component(logits, u[..., :1])[..., None].expand(*logits.shape[:-1], 1, self.values)
        mean, log_variance = (x.gather(-2, component).squeeze(-2) for x in (means, log_variance))
        return mean + torch.exp(0.5 * log_variance) * to_normal(u[..., 1:])

    def marginals(self, raw: Raw) -> tuple[Tensor, Tensor, Tensor]:
        """Weight, mean and standard deviation of all components of all samples, (component, object, value).

        Arguments of `mixture_quantile`, `pit`, `crps` and `gaussian_mixture_nll`, the weights as `share`.
        """
        logits, mean, log_variance = self.parameters(as_tensor(raw).double())
        share = logits.softmax(-1)[..., None].expand_as(mean)
        share, mean, std = (x.movedim(-2, 0).flatten(0, -3) for x in (share, mean, torch.exp(0.5 * log_variance)))
        return share / (len(share) // self.components), mean, std


@dataclass(frozen=True)
class CorrelatedMixture:
    """A mixture of Gaussians with a full covariance each, for curved and multimodal posteriors of several values.

    Raw outputs are the logits of the components, then the raw outputs of a `CorrelatedGaussian` for each component.

    Parameters
    ----------
    values, components : int

    Examples
    --------
    >>> import torch
    >>> head = CorrelatedMixture(values=8, components=3)
    >>> head.outputs, head.nll(torch.zeros(5, head.outputs), torch.zeros(5, 8)).shape
    (135, torch.Size([5]))
    """

    values: int
    components: int

    @property
    def component(self) -> CorrelatedGaussian:
        """The distribution of a component."""
        return CorrelatedGaussian(self.values)

    @property
    def outputs(self) -> int:
        """Number of raw outputs of the network."""
        return self.components * (1 + self.component.outputs)

    @property
    def uniforms(self) -> int:
        """Number of uniform numbers that a draw takes: one for the component, one for each value."""
        return 1 + self.values

    def parameters(
        self, raw: Raw
    ) -> tuple[Float[Tensor, "*sample object component"], Float[Tensor, "*sample object component parameter"]]:
        """Logits of the components, and the raw outputs of each."""
        sizes = [self.components, self.components * self.component.outputs]
        logits, outputs = outputs_of(raw, self.outputs).split(sizes, -1)
        return logits, outputs.unflatten(-1, (self.components, -1))

    def nll(self, raw: Raw, truth: Truth) -> Nll:
        """Return -log of the mixture density at the truth."""
        logits, outputs = self.parameters(raw)
        # Components take the place of samples, which the likelihood of one Gaussian broadcasts over.
        nll = correlated_nll(*self.component.parameters(outputs.movedim(-2, 0)), as_tensor(truth))
        return -torch.logsumexp(logits.log_softmax(-1) - nll.movedim(0, -1), -1)

    def moments(self, raw: Raw) -> Moments:
        """Mean and covariance of the mixture, including the scatter between its components."""
        logits, outputs = self.parameters(as_tensor(raw).double())
        return _mixture_moments(logits, *self.component.moments(outputs))

    def draw(self, raw: Raw, generator: Generator) -> Values:
        """Draw values."""
        return self.from_uniform(raw, uniform_numbers(raw, self.uniforms, generator))

    def from_uniform(self, raw: Raw, u: Uniform) -> Values:
        """Map uniform numbers to a draw; the first of them decides on the component."""
        logits, outputs = self.parameters(as_tensor(raw).double())
        index = _component(logits, u[..., :1])[..., None].expand(*logits.shape[:-1], 1, outputs.shape[-1])
        return self.component.from_uniform(outputs.gather(-2, index).squeeze(-2), u[..., 1:])


def _component(logits: Float64[Tensor, "*batch component"], u: Float[Tensor, "*batch 1"]) -> Int64[Tensor, "*batch 1"]:
    """Index of the component whose interval of cumulated weights holds u."""
    below = (logits.softmax(-1).cumsum(-1) <= u).sum(-1, keepdim=True)
    return below.clamp(max=logits.shape[-1] - 1)


def _mixture_moments(
    logits: Float64[Tensor, "*sample object component"],
    means: Float64[Tensor, "*sample object component value"],
    covariances: Float64[Tensor, "*sample object component value value"],
) -> Moments:
    share = logits.softmax(-1)[..., None]
    mean = (share * means).sum(-2)
    deviation = means - mean[..., None, :]
    within = (share[..., None] * covariances).sum(-3)
    return mean, within + (share * deviation).mT @ deviation
