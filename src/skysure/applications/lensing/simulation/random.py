"""Random numbers of a block of objects, from one seeded generator."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


class Random:
    """Draws for `objects` objects at a time; the same for the same seeds.

    Parameters
    ----------
    objects : int
    *seeds : int
        Together they give the stream: the seed of a simulation and the number of the block.

    Examples
    --------
    >>> Random(3, 0, 1).uniform(1.0, 2.0).shape
    torch.Size([3])
    """

    def __init__(self, objects: int, *seeds: int) -> None:
        self.objects = objects
        state = np.random.SeedSequence([abs(seed) for seed in seeds]).generate_state(1, np.uint64)[0]
        self.generator = torch.Generator().manual_seed(int(state >> 1))

    def times(self, number: int) -> Random:
        """Give draws for `number` times as many objects, from the same generator."""
        wider = object.__new__(Random)
        wider.objects, wider.generator = number * self.objects, self.generator
        return wider

    def uniform(self, low: float = 0.0, high: float = 1.0, *shape: int) -> Tensor:
        """Uniform numbers, shape (object, *shape)."""
        return low + (high - low) * torch.rand(self.objects, *shape, generator=self.generator)

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Numbers whose logarithms are uniform, shape (object, *shape)."""
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, mean: float = 0.0, std: float = 1.0, *shape: int) -> Tensor:
        """Gaussian numbers, shape (object, *shape)."""
        return mean + std * torch.randn(self.objects, *shape, generator=self.generator)

    def chance(self, probability: float, *shape: int) -> Tensor:
        """True with a probability, shape (object, *shape)."""
        return torch.rand(self.objects, *shape, generator=self.generator) < probability

    def poisson(self, mean: float) -> Tensor:
        """Poisson numbers, shape (object,)."""
        return torch.poisson(torch.full((self.objects,), float(mean)), generator=self.generator)

    def index(self, number: int) -> Tensor:
        """Whole numbers below `number`, shape (object,)."""
        return torch.randint(number, (self.objects,), generator=self.generator)

    def disc(self) -> tuple[Tensor, Tensor]:
        """Points uniform in the disc of radius 1, each of shape (object,)."""
        r, angle = self.uniform().sqrt(), self.uniform(0, 2 * math.pi)
        return r * angle.cos(), r * angle.sin()
