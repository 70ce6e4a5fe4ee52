"""Parameters of a lens: their order, units and conventions, and those that follow from them.

theta_E is on the intermediate axis; e1, e2 = (1 - q) / (1 + q) (cos 2 phi, sin 2 phi) with phi, the direction of the
major axis, counter-clockwise from +x; x, y is the centre of the mass from the centre of the image; gamma1, gamma2 are
the external shear; mu is the total magnification of the source.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

NAMES = ("theta_E", "e1", "e2", "x", "y", "gamma1", "gamma2", "mu")
UNITS = ("arcsec", "", "", "arcsec", "arcsec", "", "", "")
LOGARITHMIC = (0, 7)
"""Indices of the positive parameters, which a network predicts as logarithms."""
LENGTHS = (3, 4)
"""Indices of lengths that are not logarithmic."""

Parameters = Float[Tensor, "*object 8"]


def to_unbounded(parameters: Parameters, pixel_scale: Tensor | float = 1.0) -> Parameters:
    """Give the values that a network predicts: log theta_E, e1, e2, x, y, gamma1, gamma2, log mu.

    Lengths are divided by `pixel_scale`, a number or a tensor of shape (object, 1).
    """
    values = scale_lengths(parameters, 1 / pixel_scale)
    logarithms = values[..., list(LOGARITHMIC)].log()
    values[..., list(LOGARITHMIC)] = logarithms
    return values


def from_unbounded(values: Parameters, pixel_scale: Tensor | float = 1.0) -> Parameters:
    """Invert `to_unbounded`."""
    parameters = values.clone()
    parameters[..., list(LOGARITHMIC)] = values[..., list(LOGARITHMIC)].exp()
    return scale_lengths(parameters, pixel_scale)


def scale_lengths(parameters: Parameters, factor: Tensor | float) -> Parameters:
    """Multiply theta_E, x and y by a factor, in a copy."""
    scaled = parameters.clone()
    scaled[..., [0, *LENGTHS]] *= factor
    return scaled


def axis_ratio(e1: Tensor, e2: Tensor) -> Tensor:
    """Axis ratio q = (1 - e) / (1 + e), at least 0."""
    e = torch.hypot(e1, e2).clamp(max=1)
    return (1 - e) / (1 + e)


def major_axis(e1: Tensor, e2: Tensor) -> Tensor:
    """Direction of the major axis, counter-clockwise from +x [rad], between -pi/2 and pi/2."""
    return 0.5 * torch.atan2(e2, e1)


def position_angle(e1: Tensor, e2: Tensor, north: Tensor | float = 90.0, parity: Tensor | float = 1.0) -> Tensor:
    """Position angle of the major axis, east of north, between 0 and 180 [deg].

    Parameters
    ----------
    north : Tensor or float
        Direction of north, counter-clockwise from +x [deg].
    parity : Tensor or float
        +1 where east is 90 degrees counter-clockwise of north (east left where north is up), -1 in mirror images.
    """
    return torch.remainder(parity * (torch.rad2deg(major_axis(e1, e2)) - north), 180.0)


def ellipticity(axis_ratio: Tensor | float, angle: Tensor | float) -> tuple[Tensor, Tensor]:
    """Give e1, e2 of an axis ratio and the direction of the major axis [rad].

    >>> e1, e2 = ellipticity(0.5, math.pi / 2)
    >>> round(float(e1), 4), round(abs(float(e2)), 4)
    (-0.3333, 0.0)
    """
    q, phi = torch.as_tensor(axis_ratio), torch.as_tensor(angle)
    e = (1 - q) / (1 + q)
    return e * torch.cos(2 * phi), e * torch.sin(2 * phi)


def circular_moments(degrees: Tensor, period: float = 180.0) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of angles over the first axis [deg], by the resultant vector (Mardia & Jupp 2000).

    The standard deviation is sqrt(-2 ln R) in the units of the angle, at most a quarter of the period.
    """
    phase = degrees * (2 * math.pi / period)
    c, s = phase.cos().mean(0), phase.sin().mean(0)
    resultant = torch.hypot(c, s).clamp(1e-12, 1.0)
    mean = torch.remainder(torch.atan2(s, c) * period / (2 * math.pi), period)
    std = (-2 * resultant.log()).sqrt() * period / (2 * math.pi)
    return mean, std.clamp(max=period / 4)
