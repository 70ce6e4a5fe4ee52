"""Elliptical coordinates without an angle, shared by mass and light.

For the complex position z = x + i y and the ellipticity e = e1 + i e2, lines of constant |z - e z*| are ellipses of
axis ratio q = (1 - |e|) / (1 + |e|) along the direction of e; nothing is singular at e = 0.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Positions = Float[Tensor, "..."]
"""Coordinates [arcsec]: the first axis is the object, or of length 1 where objects share them; the others are any."""
Parameter = Float[Tensor, "..."]
"""One value for each object, of a shape that broadcasts to that of the positions."""


def stretch(x: Positions, y: Positions, e1: Parameter, e2: Parameter) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of z - e z*."""
    return (1 - e1) * x - e2 * y, (1 + e1) * y - e2 * x


def squared_norm(x: Tensor, y: Tensor) -> Tensor:
    """Give x^2 + y^2, raised by next to nothing so that its powers and their gradients are finite at the origin."""
    softening = torch.full((), torch.finfo(x.dtype).tiny ** 0.5, dtype=x.dtype, device=x.device)
    return torch.addcmul(torch.addcmul(softening, x, x), y, y)


def align(parameter: Tensor, positions: Positions) -> Parameter:
    """Give a parameter of shape (object,) the trailing axes of the positions; a number stays one."""
    return parameter if parameter.ndim == 0 else parameter.reshape(-1, *[1] * (positions.ndim - 1))
