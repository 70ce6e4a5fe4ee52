"""Critical curves and caustics of singular isothermal ellipsoids with external shear, in closed form."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from .mass import SIE, Lens, Shear

Curve = tuple[Float[Tensor, "object point"], Float[Tensor, "object point"]]


def critical_curve(sie: SIE, shear: Shear, points: int = 180) -> Curve:
    """Positions in the image whose magnification is infinite, counter-clockwise, x and y of shape (object, point).

    The Jacobian of the lens equation is P - M(phi) / r, with P that of the shear and M / r that of the SIE, whose
    determinant is zero. That of the sum is zero at

        r(phi) = (P_xx M_yy + P_yy M_xx - 2 P_xy M_xy) / det P.
    """
    x, y, cos, sin = _circle(sie, points)
    m_xx, m_xy, m_yy = (sie.theta_E[:, None] * m for m in sie.jacobian(x, y))
    gamma1, gamma2 = shear.gamma1[:, None], shear.gamma2[:, None]
    p_xx, p_xy, p_yy = 1 - gamma1, -gamma2, 1 + gamma1
    r = (p_xx * m_yy + p_yy * m_xx - 2 * p_xy * m_xy) / (p_xx * p_yy - p_xy**2)
    return sie.x[:, None] + r * cos, sie.y[:, None] + r * sin


def caustic(sie: SIE, shear: Shear, points: int = 180) -> Curve:
    """Positions of a source whose images lie on the critical curve; inside it there are two more images."""
    return Lens((sie, shear)).trace(*critical_curve(sie, shear, points))


def cut(sie: SIE, shear: Shear, points: int = 180) -> Curve:
    """Positions of a source where an image appears at the centre of the mass; inside it there is one more image.

    A singular mass has this curve instead of a radial caustic: its deflection has a limit in every direction.
    """
    x, y, _, _ = _circle(sie, points)
    ax, ay = sie.deflection(x, y)
    bx, by = shear.deflection(sie.x[:, None], sie.y[:, None])
    return sie.x[:, None] - ax - bx, sie.y[:, None] - ay - by


def _circle(sie: SIE, points: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Points on a circle of the Einstein radius around the mass, and their directions."""
    phi = torch.linspace(0, 2 * math.pi, points, dtype=sie.theta_E.dtype)
    cos, sin = phi.cos()[None], phi.sin()[None]
    radius = sie.theta_E[:, None]
    return sie.x[:, None] + radius * cos, sie.y[:, None] + radius * sin, cos, sin
