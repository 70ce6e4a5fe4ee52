"""A conditional normalising flow: neural splines on the whitened residuals of a Gaussian.

    z = f(A (y − μ); c),   −log p(y) = ½ |z|² + (D/2) log 2π − log |det ∂f| − log det A

μ and A are those of a `CorrelatedGaussian` and c is a context, all of them outputs of the network; f is an
autoregressive or coupling flow of rational-quadratic splines (Durkan et al. 2019, arXiv:1906.04032), which zuko
implements. At the start of a training f is the identity: the flow begins as a Gaussian and learns what differs from it.
Without the Gaussian, splines would have to resolve posteriors a hundred times narrower than their range of ±5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.distributions import Distribution as TorchDistribution

from skysure.errors import InputError
from skysure.methods.likelihoods import CorrelatedGaussian
from skysure.methods.likelihoods.densities import LOG_2PI, check_truth, whitening
from skysure.methods.likelihoods.heads import correlate, outputs_of, to_normal


class SplineFlow(nn.Module):
    """A neural spline flow as the distribution of a `PosteriorHead`, with weights of its own.

    Parameters
    ----------
    values : int
    context : int
        Number of outputs of the network that the splines see.
    transforms : int
        Number of layers of splines.
    hidden : sequence of int
        Units of the layers of the networks that set the splines.
    bins : int
        Bins of a spline.
    passes : int, optional
        Passes of a draw through each layer: 2 (coupling, the default), or `values` for a fully autoregressive flow,
        which is more flexible and slower to draw from.

    Raises
    ------
    InputError
        Where the package zuko is not installed.
    """

    def __init__(
        self,
        values: int,
        context: int = 32,
        transforms: int = 4,
        hidden: Sequence[int] = (64, 64),
        bins: int = 8,
        passes: int = 2,
    ) -> None:
        super().__init__()
        self.values, self.context = values, context
        self.gaussian = CorrelatedGaussian(values)
        self.flow = _spline_flow()(
            values, context, bins=bins, transforms=transforms, hidden_features=tuple(hidden), passes=min(passes, values)
        )
        for transform in self.flow.transform.transforms:  # splines of zeros are the identity
            last = list(transform.hyper)[-1]
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    @property
    def outputs(self) -> int:
        """Number of raw outputs of the network."""
        return self.gaussian.outputs + self.context

    @property
    def uniforms(self) -> int:
        """Number of uniform numbers that a draw takes."""
        return self.values

    def nll(
        self, raw: Float[Tensor, "*sample object output"], truth: Float[Tensor, "object value"]
    ) -> Float[Tensor, "*sample object"]:
        """Return −log p(truth)."""
        mean, log_variance, coupling, context = self._split(raw)
        check_truth(truth, mean.shape, log_variance.shape)
        residual = (whitening(log_variance, coupling) @ (truth - mean)[..., None])[..., 0]
        z, log_slope = self.flow.transform(context).call_and_ladj(residual)
        return 0.5 * (z.square() + log_variance + LOG_2PI).sum(-1) - log_slope

    def from_uniform(
        self, raw: Float[Tensor, "*sample object output"], u: Float[Tensor, "*sample object value"]
    ) -> Float64[Tensor, "*sample object value"]:
        """Map uniform numbers to a draw."""
        mean, log_variance, coupling, context = self._split(raw)
        residual = self.flow.transform(context).inv(to_normal(u).to(raw))
        return mean.double() + correlate(torch.exp(0.5 * log_variance) * residual, coupling).double()

    def _split(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean, log variance and coupling of the Gaussian, and the context."""
        raw, context = outputs_of(raw, self.outputs).split([self.gaussian.outputs, self.context], -1)
        return *self.gaussian.parameters(raw), context


def _spline_flow() -> Any:
    """Import zuko, which switches the checks of torch's distributions off for the whole process; switch them back."""
    before: dict[str, Any] = {name: getattr(TorchDistribution, name) for name in ("_validate_args", "arg_constraints")}
    try:
        from zuko.flows import NSF
    except ImportError:
        raise InputError(
            "a normalising flow without the package zuko", "zuko, which implements the splines",
            "skysure installed without the extra lensing", "pip install 'skysure[lensing]'",
        ) from None  # fmt: skip
    for name, value in before.items():
        setattr(TorchDistribution, name, value)
    return NSF
