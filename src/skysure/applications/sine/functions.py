"""The functions to learn, and the distribution of their points."""

from __future__ import annotations

import numpy as np

from .settings import Settings


def truth(function: str, x: np.ndarray) -> np.ndarray:
    """Compute y without noise: sin(x), or the line 2x + 8 of Gal, Hron and Kendall 2017, section 4.1."""
    return np.sin(x) if function == "sine" else 2 * x + 8


def abscissae(settings: Settings, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n values of x: uniform in [low, high) for the sine, N(0, 1) for the line, as published."""
    return rng.uniform(settings.low, settings.high, n) if settings.function == "sine" else rng.standard_normal(n)
