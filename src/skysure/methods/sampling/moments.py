"""Count, mean and covariance of samples that arrive in blocks and are not stored.

Blocks are merged with the formula of Chan, Golub and LeVeque 1983 (doi:10.1080/00031305.1983.10483115): centred and in
float64, so that small spreads around large values keep their digits.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor


class Moments(NamedTuple):
    """Moments of the samples of each object.

    Parameters
    ----------
    count : Tensor, shape (object,)
        Number of samples.
    mean : Tensor, shape (object, number)
    scatter : Tensor, shape (object, number, number)
        Sum over the samples of the products of deviations from the mean.
    """

    count: Int64[Tensor, " object"]
    mean: Float64[Tensor, "object number"]
    scatter: Float64[Tensor, "object number number"]

    @classmethod
    def of(cls, samples: Float[Tensor, "sample object number"]) -> Moments:
        """Compute the moments of samples."""
        x = samples.double()
        mean = x[0] + (x - x[0]).mean(0)
        count = torch.full(mean.shape[:1], len(x), device=x.device)
        return cls(count, mean, torch.einsum("soi,soj->oij", x - mean, x - mean))

    def take(self, objects: Int64[Tensor, " selected"]) -> Moments:
        """Select objects by index."""
        return Moments(*(moment[objects] for moment in self))

    def merge(self, other: Moments) -> Moments:
        """Compute the moments of these samples and others together."""
        count = self.count + other.count
        difference = other.mean - self.mean
        share = (other.count / count.double())[:, None]
        between = (self.count[:, None] * share * difference)[:, :, None] * difference[:, None, :]
        return Moments(count, self.mean + share * difference, self.scatter + other.scatter + between)

    @property
    def covariance(self) -> Float64[Tensor, "object number number"]:
        """Covariance of the samples, over count - 1."""
        return self.scatter / (self.count - 1)[:, None, None]

    @property
    def error(self) -> Float64[Tensor, "object number"]:
        """Standard error of the mean, from the finite number of samples."""
        return (self.covariance.diagonal(dim1=1, dim2=2) / self.count[:, None]).sqrt()
