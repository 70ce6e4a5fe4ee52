"""Random numbers of images that depend on the seed and the number of the image alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from skysure.methods.dropout import counter_rng


class Random:
    """Draws for each of some images; every call gives new numbers, the same ones for the same image.

    Parameters
    ----------
    seed : int
    numbers : Tensor of int64, shape (object,)
        Numbers of the images.
    stream : int
        Draws of different streams are independent.

    Examples
    --------
    >>> a, b = Random(7, torch.arange(4)), Random(7, torch.tensor([3]))
    >>> torch.equal(a.uniform(1.0, 2.0, 5)[3:], b.uniform(1.0, 2.0, 5))
    True
    """

    def __init__(self, seed: int, numbers: Tensor, stream: int = 0) -> None:
        self.objects = len(numbers)
        self._keys = counter_rng.keys(seed, torch.tensor([stream]), numbers)
        self._calls = 0

    def uniform(self, low: float = 0.0, high: float = 1.0, *shape: int) -> Tensor:
        """Uniform numbers, shape (object, *shape)."""
        self._calls += 1
        unit = counter_rng.uniform(self._keys, self._calls, math.prod(shape))[0]
        return unit.reshape(self.objects, *shape) * (high - low) + low

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Numbers whose logarithms are uniform, shape (object, *shape)."""
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, mean: float = 0.0, std: float = 1.0, *shape: int) -> Tensor:
        """Gaussian numbers, shape (object, *shape), by the method of Box and Muller (1958)."""
        n = math.prod(shape)
        half = (n + 1) // 2
        u = self.uniform(0, 1, 2 * half)
        radius = u[:, :half].log().mul_(-2).sqrt_()
        angle = u[:, half:] * (2 * math.pi)
        z = torch.cat([radius * angle.cos(), radius * angle.sin()], 1)[:, :n]
        return z.reshape(self.objects, *shape) * std + mean

    def chance(self, probability: float, *shape: int) -> Tensor:
        """True with a probability, shape (object, *shape)."""
        return self.uniform(0, 1, *shape) < probability

    def index(self, number: int) -> Tensor:
        """Whole numbers below `number`, shape (object,)."""
        return self.uniform(0, number).long().clamp(max=number - 1)

    def poisson(self, mean: float, most: int) -> Tensor:
        """Poisson numbers up to `most`, shape (object,), by inversion."""
        k = torch.arange(most, dtype=torch.float64)
        log_mean = math.log(mean) if mean > 0 else -math.inf
        terms = torch.where(k > 0, k * log_mean, 0.0) - mean - torch.lgamma(k + 1)
        return (self.uniform()[:, None] > terms.exp().cumsum(0)).sum(1)
