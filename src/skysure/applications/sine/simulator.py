"""Points on a sine with Gaussian noise."""

from __future__ import annotations

import numpy as np

from skysure.data.sources import Memory

from .points import Points
from .settings import Schema, Settings


def simulate(settings: Settings, n: int | None, seed: int) -> Memory:
    """Draw n points with x uniform in [low, high) and y = sin(x) + N(0, sigma²)."""
    n = settings.objects if n is None else n
    rng = np.random.default_rng([seed, 0])
    x = rng.uniform(settings.low, settings.high, n)
    y = np.sin(x) + settings.sigma * rng.standard_normal(n)
    ids = np.char.add(f"{seed}-", np.arange(n).astype(str))
    return Memory(Schema(settings.low, settings.high, float(y.mean()), float(y.std())), [Points(ids, x, y)])
