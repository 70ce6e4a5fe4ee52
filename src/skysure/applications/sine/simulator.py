"""Points on a sine or a line, with Gaussian noise."""

from __future__ import annotations

from functools import partial

import numpy as np

from skysure.data.simulated import SimulatedSource
from skysure.data.sources import InMemorySource, Source
from skysure.data.split import PARTS

from .functions import abscissae, truth
from .points import Points
from .settings import Schema, Settings

BLOCK = 4096
"""Points drawn at a time without end."""


def simulate(settings: Settings, n: int | None, seed: int) -> Source:
    """Draw n points with y = f(x) + N(0, sigma²); None: endless for training, fixed for the other parts."""
    if n is not None:
        points = draw_points(settings, n, np.random.default_rng([seed, 0]), seed)
        return InMemorySource(_schema(settings, points), [points])
    draw = partial(_draw_block, settings)
    sizes = {part: getattr(settings, part) for part in PARTS[1:]}
    return SimulatedSource(_schema(settings, draw(seed, 0, 0)), draw, None, seed, sizes)


def draw_points(settings: Settings, n: int, rng: np.random.Generator, seed: int, first: int = 0) -> Points:
    """Draw n points; ids are the seed and the number of the point, from `first` on."""
    x = abscissae(settings, n, rng)
    y = truth(settings.function, x) + settings.sigma * rng.standard_normal(n)
    return Points(np.char.add(f"{seed}-", np.arange(first, first + n).astype(str)), x, y)


def _draw_block(settings: Settings, seed: int, block: int, first: int) -> Points:
    return draw_points(settings, BLOCK, np.random.default_rng([seed, block]), seed, first)


def _schema(settings: Settings, points: Points) -> Schema:
    x, y = points.x, points.y
    low, high = (settings.low, settings.high) if settings.function == "sine" else (float(x.min()), float(x.max()))
    return Schema(low, high, float(y.mean()), float(y.std()))
