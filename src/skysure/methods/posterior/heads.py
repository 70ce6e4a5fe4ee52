"""Posterior heads: from the features of an object to the posterior of its values, whatever its form.

A head is dense layers, with dropout or without, and a distribution parametrised by their outputs: a Gaussian, a
mixture, a flow. `nll` is its loss. Called, it gives one draw of the posterior for each object; `sample` calls it as
often as draws are wanted, with a set of dropout masks and random numbers for each, so that a draw contains noise and
epistemic uncertainty alike. Draws of an object depend on the seed and its row only, not on the objects beside it.

An object whose parameters or draws are not finite has NaN in all its values: to be flagged, never a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.dropout import Dropout, UniformNoise, masks
from skysure.methods.ensembles import Ensemble
from skysure.methods.likelihoods import mixture_nll
from skysure.methods.sampling import sample
from skysure.methods.sampling.posterior import split_model

Hidden = Any
"""What comes before the first random layer of a model, computed once for all draws."""
Draw = Float[Tensor, "object value"]
Nll = Float[Tensor, " object"]


@runtime_checkable
class Distribution(Protocol):
    """A distribution of several values, parametrised by raw outputs: those of `likelihoods`, and `SplineFlow`."""

    values: int

    @property
    def outputs(self) -> int:
        """Number of raw outputs that parametrise it."""
        ...

    @property
    def uniforms(self) -> int:
        """Number of uniform numbers that a draw takes."""
        ...

    def nll(self, raw: Any, truth: Any) -> Nll:
        """Return the negative log-likelihood of each object, in nat."""
        ...

    def from_uniform(self, raw: Any, u: Any) -> Draw:
        """Map uniform numbers to a draw for each object."""
        ...


class PosteriorHead(nn.Module):
    """Dense layers and the distribution that they parametrise.

    Parameters
    ----------
    features : int
        Number of features of an object.
    distribution : Distribution
        `Gaussian`, `CorrelatedGaussian`, `GaussianMixture`, `CorrelatedMixture` or `SplineFlow`, of values with mean 0
        and standard deviation 1 over the training objects.
    hidden : sequence of int
        Units of the layers between.
    dropout : mapping, optional
        Arguments of `Dropout` for every layer, such as `{"rate": 0.1, "learned": True}`; None: no dropout.

    Examples
    --------
    >>> from skysure.methods.likelihoods import CorrelatedMixture
    >>> head = PosteriorHead(32, CorrelatedMixture(8, components=3), hidden=(64,), dropout={"rate": 0.05})
    >>> head.nll(torch.randn(5, 32), torch.randn(5, 8)).shape
    torch.Size([5])
    >>> sample(head, torch.randn(5, 32), samples=100, seed=1).shape
    torch.Size([100, 5, 8])
    """

    def __init__(
        self,
        features: int,
        distribution: Distribution,
        hidden: Sequence[int] = (),
        dropout: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((features, *hidden, distribution.outputs)):
            dense = nn.Linear(inputs, outputs)
            layers += [nn.SiLU()] if layers else []
            layers += [dense if dropout is None else Dropout(dense, **dropout)]
        self.layers = nn.Sequential(*layers)
        self.distribution = distribution
        self.noise = UniformNoise(distribution.uniforms)

    def prefix(self, features: Float[Tensor, "object feature"]) -> Float[Tensor, "object hidden"]:
        """Compute what comes before the first dropout: without dropout, the raw outputs."""
        return split_model(self.layers)[0](features)

    def suffix(self, hidden: Float[Tensor, "object hidden"]) -> Draw:
        """Draw values of each object, inside `sample`."""
        raw = split_model(self.layers)[1](hidden)
        draw = self.distribution.from_uniform(raw, self.noise(len(raw)))
        valid = raw.isfinite().all(-1, keepdim=True) & draw.isfinite().all(-1, keepdim=True)
        return torch.where(valid, draw, torch.nan)

    def suffix_nll(self, hidden: Float[Tensor, "object hidden"], truth: Float[Tensor, "object value"]) -> Nll:
        """Negative log-likelihood of each object after `prefix`, in nat; NaN where the raw outputs are not finite."""
        raw = split_model(self.layers)[1](hidden)
        return torch.where(raw.isfinite().all(-1), self.distribution.nll(raw, truth), torch.nan)

    def nll(self, features: Float[Tensor, "object feature"], truth: Float[Tensor, "object value"]) -> Nll:
        """Negative log-likelihood of each object, in nat: its mean is the loss."""
        return self.suffix_nll(self.prefix(features), truth)

    def forward(self, features: Float[Tensor, "object feature"]) -> Draw:
        """Draw values of each object, inside `sample`."""
        return self.suffix(self.prefix(features))


class PosteriorNetwork(nn.Module):
    """A network that summarises inputs in features, and a head.

    An application's own network is as good where it has `prefix`, `suffix` and `suffix_nll`.

    Parameters
    ----------
    summary : nn.Module
        From inputs (a tensor, or a tuple or dict of them) to features (object, feature); dropout layers may be inside.
    head : PosteriorHead
    """

    def __init__(self, summary: nn.Module, head: PosteriorHead) -> None:
        super().__init__()
        self.summary, self.head = summary, head

    def prefix(self, inputs: Any) -> Hidden:
        """Compute what comes before the first dropout."""
        before, after = split_model(self.summary)
        return before(inputs) if self._summary_is_random() else self.head.prefix(after(before(inputs)))

    def suffix(self, hidden: Hidden) -> Draw:
        """Draw values of each object, inside `sample`."""
        return self.head.suffix(self._finish_summary(hidden))

    def suffix_nll(self, hidden: Hidden, truth: Float[Tensor, "object value"]) -> Nll:
        """Negative log-likelihood of each object after `prefix`, in nat."""
        return self.head.suffix_nll(self._finish_summary(hidden), truth)

    def nll(self, inputs: Any, truth: Float[Tensor, "object value"]) -> Nll:
        """Negative log-likelihood of each object, in nat: its mean is the loss."""
        return self.suffix_nll(self.prefix(inputs), truth)

    def forward(self, inputs: Any) -> Draw:
        """Draw values of each object, inside `sample`."""
        return self.suffix(self.prefix(inputs))

    def _summary_is_random(self) -> bool:
        return bool(masks(self.summary))

    def _finish_summary(self, hidden: Hidden) -> Hidden:
        return self.head.prefix(split_model(self.summary)[1](hidden)) if self._summary_is_random() else hidden


def posterior_nll(
    model: nn.Module, inputs: Any, truth: Float[Tensor, "object value"], samples: int, seed: int, **options: Any
) -> Nll:
    """Negative log-likelihood of the posterior-predictive mixture, in nat: the likelihood averaged over samples.

    Parameters
    ----------
    model : PosteriorHead, PosteriorNetwork, any network with `prefix` and `suffix_nll`, or an `Ensemble` of them
    inputs, samples, seed
        As in `sample`; without dropout one sample is exact.
    truth : Tensor
        In the units of the head.
    **options
        Of `sample`.
    """
    members = model.members() if isinstance(model, Ensemble) else [model]
    nlls = [sample(_Scored(member), (inputs, truth), samples, seed, **options) for member in members]
    return mixture_nll(torch.cat(nlls))


class _Scored(nn.Module):
    """A model whose inputs have the truth beside them and whose outputs are negative log-likelihoods."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def prefix(self, inputs: tuple[Any, Tensor]) -> tuple[Hidden, Tensor]:
        return self.model.prefix(inputs[0]), inputs[1]

    def suffix(self, hidden: tuple[Hidden, Tensor]) -> Nll:
        return self.model.suffix_nll(*hidden)
