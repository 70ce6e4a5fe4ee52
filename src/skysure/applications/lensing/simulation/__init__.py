"""Simulated images of strong lenses: mass, light, imaging."""

from .imaging import PixelGrid, convolve, ray_trace, render, total_magnification
from .light import Pixelated, Sersic
from .mass import EPL, SIE, Lens, Shear

__all__ = [
    "EPL", "SIE", "Lens", "PixelGrid", "Pixelated", "Sersic", "Shear", "convolve", "ray_trace", "render",
    "total_magnification",
]  # fmt: skip
