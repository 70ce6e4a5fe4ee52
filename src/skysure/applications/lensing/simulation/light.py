"""Surface brightness of galaxies: Sersic profiles and pixelated images.

Functions take positions from the centre of the galaxy [arcsec]; classes hold parameters of shape (object,) and take
positions from the centre of the image. Surface brightness is flux / arcsec^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from .ellipses import Parameter, Positions, align, squared_norm, stretch

FAINTEST = -60
"""Power of 2 of the faintest surface brightness: far below that of any image, far above the slow denormal numbers."""

SERSIC_B = (
    9.876541972e-3, 1.802926599e-3, 8.080231365e-5, -7.357735632e-5, -2.403394496e-5, 2.527899846e-5, -9.341180524e-6,
    1.935035566e-6, -2.196688036e-7, 1.010428199e-8, 9.687392631e-11,
)  # fmt: skip
"""Coefficients of powers of 1 / index in index (b - 2 index + 1/3)."""


def sersic(
    x: Positions, y: Positions, intensity: Parameter, radius: Parameter, index: Parameter, e1: Parameter,
    e2: Parameter, b: Parameter | None = None,
) -> Tensor:  # fmt: skip
    """Surface brightness I = intensity exp(-b ((R / radius)^(1 / index) - 1)) of a Sersic profile.

    R = sqrt(q x^2 + y^2 / q) along and across the major axis, so that `radius` is the geometric mean of the axes of the
    ellipse that holds half of the light; `b` is exact by default (lenstronomy takes 1.9992 index - 0.3271).
    """
    b = sersic_b(index) if b is None else b
    # In powers of 2, whose exponential is the fastest: (R / radius)^2 = |w|^2 / ((1 - e^2) radius^2).
    log_area = torch.log2(radius * radius * (1 - e1 * e1 - e2 * e2))
    slope = 0.5 / (index * math.log(2))
    offset = torch.log2(b / math.log(2)) - 0.5 * log_area / index
    exponent = torch.exp2(squared_norm(*stretch(x, y, e1, e2)).log() * slope + offset)
    return intensity * torch.exp2((b / math.log(2) - exponent).clamp_min(FAINTEST))


def sersic_b(index: Tensor) -> Tensor:
    """Give b for which the radius holds half of the light, P(2 index, b) = 1/2, for an index of 0.3 or more.

    The form of the asymptotic series of Ciotti & Bertin (1999, eq. 18), with coefficients fitted to the inverse of the
    incomplete gamma function: exact to 1e-9.
    """
    inverse = 1 / index
    correction = torch.zeros_like(index)
    for c in reversed(SERSIC_B):
        correction = correction * inverse + c
    return 2 * index - 1 / 3 + correction * inverse


def sersic_flux(intensity: Tensor, radius: Tensor, index: Tensor) -> Tensor:
    """Total flux, 2 pi intensity radius^2 index e^b b^(-2 index) Gamma(2 index) (Graham & Driver 2005, eq. 2)."""
    b = sersic_b(index)
    return 2 * math.pi * intensity * radius**2 * index * torch.exp(b - 2 * index * b.log() + torch.lgamma(2 * index))


def pixelated(x: Positions, y: Positions, image: Float[Tensor, "object row column"], scale: Parameter) -> Tensor:
    """Interpolate images bilinearly, zero outside; the flux stays sum(image) scale^2.

    Parameters
    ----------
    image : Tensor, shape (object, row, column)
        Surface brightness; x grows with the column, y with the row, the origin is the centre of the image.
    scale : Tensor
        Size of its pixels [arcsec].
    """
    rows, columns = image.shape[-2:]
    x, y = torch.broadcast_tensors(x, y)
    grid = torch.stack((x * (2 / columns) / scale, y * (2 / rows) / scale), -1)
    flat = grid.reshape(len(grid), 1, -1, 2) if grid.ndim < 5 else grid.flatten(1, -3)
    values = F.grid_sample(image[:, None], flat, mode="bilinear", padding_mode="zeros", align_corners=False)
    return values.reshape(x.shape)


class Light(Protocol):
    """What shines; x and y are positions from the centre of the image [arcsec], see `ellipses.Positions`."""

    def brightness(self, x: Positions, y: Positions) -> Tensor:
        """Surface brightness [flux / arcsec^2]."""
        ...

    @property
    def total_flux(self) -> Tensor:
        """Flux over the whole plane, shape (object,)."""
        ...


@dataclass(frozen=True)
class Sersic:
    """Elliptical Sersic profiles; each parameter has the shape (object,).

    Parameters
    ----------
    intensity : Tensor
        Surface brightness at the half-light radius [flux / arcsec^2].
    radius : Tensor
        Half-light radius, the geometric mean of the axes [arcsec].
    index : Tensor
        Sersic index: 1 is exponential, 4 de Vaucouleurs.
    e1, e2 : Tensor
        Ellipticity (1 - q) / (1 + q) times the cosine and sine of twice the direction of the major axis.
    x, y : Tensor
        Centre [arcsec].

    Examples
    --------
    >>> one = torch.ones(1)
    >>> galaxy = Sersic.of_flux(10 * one, 0.3 * one, 4 * one, 0 * one, 0 * one, 0 * one, 0 * one)
    >>> round(float(galaxy.total_flux), 4)
    10.0
    """

    intensity: Tensor
    radius: Tensor
    index: Tensor
    e1: Tensor
    e2: Tensor
    x: Tensor
    y: Tensor

    @classmethod
    def of_flux(cls, flux: Tensor, radius: Tensor, index: Tensor, e1: Tensor, e2: Tensor, x: Tensor, y: Tensor) -> Self:
        """Make profiles of a total flux."""
        return cls(flux / sersic_flux(torch.ones_like(flux), radius, index), radius, index, e1, e2, x, y)

    def brightness(self, x: Positions, y: Positions) -> Tensor:
        """Surface brightness [flux / arcsec^2]."""
        parameters = (self.intensity, self.radius, self.index, self.e1, self.e2, sersic_b(self.index))
        return sersic(x - align(self.x, x), y - align(self.y, y), *(align(p, x) for p in parameters))

    @property
    def total_flux(self) -> Tensor:
        """Flux over the whole plane, shape (object,)."""
        return sersic_flux(self.intensity, self.radius, self.index)


@dataclass(frozen=True)
class Pixelated:
    """Images of galaxies, interpolated bilinearly.

    Parameters
    ----------
    image : Tensor, shape (object, row, column)
        Surface brightness [flux / arcsec^2].
    scale : Tensor, shape (object,)
        Size of its pixels [arcsec].
    x, y : Tensor, shape (object,)
        Position of the centre of the image [arcsec].
    angle : Tensor, shape (object,)
        By which the image is turned, counter-clockwise [rad].
    """

    image: Tensor
    scale: Tensor
    x: Tensor
    y: Tensor
    angle: Tensor

    def brightness(self, x: Positions, y: Positions) -> Tensor:
        """Surface brightness [flux / arcsec^2]."""
        cos, sin = align(self.angle.cos(), x), align(self.angle.sin(), x)
        x, y = x - align(self.x, x), y - align(self.y, y)
        return pixelated(cos * x + sin * y, cos * y - sin * x, self.image, align(self.scale, x))

    @property
    def total_flux(self) -> Tensor:
        """Flux over the whole plane, shape (object,)."""
        return self.image.sum((-2, -1)) * self.scale**2
