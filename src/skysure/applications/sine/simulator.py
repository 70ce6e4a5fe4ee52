"""Points on a sine or a line, with Gaussian noise."""

from __future__ import annotations

import numpy as np

from skysure.data.sources import InMemorySource

from .functions import abscissae, truth
from .points import Points
from .settings import Schema, Settings


def simulate(settings: Settings, n: int | None, seed: int) -> InMemorySource:
    """Draw n points with y = f(x) + N(0, sigma²)."""
    n = settings.objects if n is None else n
    rng = np.random.default_rng([seed, 0])
    x = abscissae(settings, n, rng)
    y = truth(settings.function, x) + settings.sigma * rng.standard_normal(n)
    ids = np.char.add(f"{seed}-", np.arange(n).astype(str))
    low, high = (settings.low, settings.high) if settings.function == "sine" else (float(x.min()), float(x.max()))
    return InMemorySource(Schema(low, high, float(y.mean()), float(y.std())), [Points(ids, x, y)])
