"""Deflection of light by isothermal and power-law ellipsoids and external shear.

Functions take positions from the centre of the mass [arcsec] and parameters that broadcast to them; classes hold
parameters of shape (object,) and take positions from the centre of the image. Conventions: theta_E is on the
intermediate axis, e1, e2 = (1 - q) / (1 + q) (cos 2 phi, sin 2 phi), deflections are in arcsec. A deflection is the
sum of theta_E-sized terms and finite everywhere; at the centre, where that of a steep profile jumps, it is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .ellipses import Parameter, Positions, align, squared_norm, stretch
from .power_laws import angular_factor

NEARLY_ROUND = 0.01
"""Ellipticity below which the closed form of the SIE loses digits of its gradient, and the series is used."""


def sie_deflection(
    x: Positions, y: Positions, theta_E: Parameter, e1: Parameter, e2: Parameter
) -> tuple[Tensor, Tensor]:
    """Deflection of a singular isothermal ellipsoid.

    Along and across the major axis, with w = z - e z* (Kormann, Schneider & Bartelmann 1994, eq. 27a)

        alpha = theta_E sqrt(1 - e^2) / f (arctan(f x / |w|), artanh(f y / |w|)),    f = 2 sqrt(e).
    """
    e = torch.hypot(e1, e2)
    nearly_round = e < NEARLY_ROUND
    if not bool(nearly_round.any()):
        return _sie_closed_form(x, y, theta_E, e1, e2)
    closed = _sie_closed_form(x, y, theta_E, torch.where(nearly_round, NEARLY_ROUND, e1), e2)
    series = epl_deflection(x, y, theta_E, e1, e2, torch.full_like(theta_E, 2), max_e=NEARLY_ROUND)
    return torch.where(nearly_round, series[0], closed[0]), torch.where(nearly_round, series[1], closed[1])


def _sie_closed_form(
    x: Positions, y: Positions, theta_E: Parameter, e1: Parameter, e2: Parameter
) -> tuple[Tensor, Tensor]:
    e = torch.hypot(e1, e2)
    f, phi = 2 * e.sqrt(), 0.5 * torch.atan2(e2, e1)
    cos, sin = phi.cos(), phi.sin()
    w = squared_norm(*stretch(x, y, e1, e2)).sqrt()
    along = torch.atan2((f * cos) * x + (f * sin) * y, w)
    across = torch.atanh(((f * cos) * y - (f * sin) * x) / w)
    scale = theta_E * (1 - e * e).sqrt() / f
    return rotate(along, across, scale * cos, scale * sin)


def rotate(along: Tensor, across: Tensor, cos: Parameter, sin: Parameter) -> tuple[Tensor, Tensor]:
    """Turn a vector counter-clockwise by an angle of this cosine and sine."""
    return torch.addcmul(along * cos, across, sin, value=-1), torch.addcmul(along * sin, across, cos)


def epl_deflection(
    x: Positions, y: Positions, theta_E: Parameter, e1: Parameter, e2: Parameter, slope: Parameter,
    *, max_e: float | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Deflection of an elliptical power law (Tessore & Metcalf 2015, eq. 13).

    With t = slope - 1, w = z - e z*, rho = |w| / (theta_E sqrt(1 - e^2)) and u = w / |w|

        alpha = theta_E sqrt(1 - e^2) rho^(1 - t) u 2F1(1, t/2; 2 - t/2; -e* u^2).

    Parameters
    ----------
    slope : Tensor
        Slope of the density in three dimensions, between 1 and 3; 2 is isothermal.
    max_e : float, optional
        Largest ellipticity for which the deflection has to be exact; by default the largest of the objects.
    """
    scale = theta_E * (1 - e1 * e1 - e2 * e2).sqrt()
    wx, wy = stretch(x, y, e1, e2)
    norm = squared_norm(wx, wy)
    real, imaginary = angular_factor(wx, wy, norm, e1, e2, slope - 1, max_e=max_e)
    # theta_E sqrt(1 - e^2) rho^(1 - t) / |w|
    factor = scale ** (slope - 1) * norm ** (0.5 - 0.5 * slope)
    wx, wy = wx * factor, wy * factor
    return torch.addcmul(wx * real, wy, imaginary, value=-1), torch.addcmul(wx * imaginary, wy, real)


def epl_convergence(
    x: Positions, y: Positions, theta_E: Parameter, e1: Parameter, e2: Parameter, slope: Parameter
) -> Tensor:
    """Convergence of an elliptical power law, kappa = (3 - slope) / 2 rho^(1 - slope)."""
    rho_squared = squared_norm(*stretch(x, y, e1, e2)) / (theta_E * theta_E * (1 - e1 * e1 - e2 * e2))
    return (1.5 - 0.5 * slope) * rho_squared ** (0.5 - 0.5 * slope)


def sie_convergence(x: Positions, y: Positions, theta_E: Parameter, e1: Parameter, e2: Parameter) -> Tensor:
    """Convergence of a singular isothermal ellipsoid, kappa = theta_E sqrt(1 - e^2) / (2 |w|)."""
    return 0.5 * theta_E * (1 - e1 * e1 - e2 * e2).sqrt() * squared_norm(*stretch(x, y, e1, e2)).rsqrt()


def power_law_jacobian(
    x: Positions, y: Positions, kappa: Tensor, alpha: tuple[Tensor, Tensor], slope: Parameter | float
) -> tuple[Tensor, Tensor, Tensor]:
    """Derivatives of a deflection that scales as r^(2 - slope): d alpha_x / dx, d alpha_x / dy, d alpha_y / dy.

    The shear follows from the convergence (Tessore & Metcalf 2015, eq. 17): z* gamma = (2 - slope) alpha - z kappa.
    """
    ax, ay = ((2 - slope) * a for a in alpha)
    real, imaginary = ax - x * kappa, ay - y * kappa
    norm = squared_norm(x, y)
    gamma1 = (x * real - y * imaginary) / norm
    gamma2 = (x * imaginary + y * real) / norm
    return kappa + gamma1, gamma2, kappa - gamma1


def shear_deflection(x: Positions, y: Positions, gamma1: Parameter, gamma2: Parameter) -> tuple[Tensor, Tensor]:
    """Deflection by external shear, of the potential gamma1 (x^2 - y^2) / 2 + gamma2 x y."""
    return gamma1 * x + gamma2 * y, gamma2 * x - gamma1 * y


class Mass(Protocol):
    """What deflects light; x and y are positions from the centre of the image [arcsec], see `ellipses.Positions`."""

    def deflection(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor]:
        """Components along x and y [arcsec]."""
        ...

    def convergence(self, x: Positions, y: Positions) -> Tensor:
        """Surface density over the critical one."""
        ...

    def jacobian(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor, Tensor]:
        """Derivatives of the deflection: d alpha_x / dx, d alpha_x / dy (equal to d alpha_y / dx), d alpha_y / dy."""
        ...


@dataclass(frozen=True)
class SIE:
    """Singular isothermal ellipsoids; each parameter has the shape (object,).

    Parameters
    ----------
    theta_E : Tensor
        Einstein radius on the intermediate axis [arcsec].
    e1, e2 : Tensor
        Ellipticity (1 - q) / (1 + q) times the cosine and sine of twice the direction of the major axis.
    x, y : Tensor
        Centre [arcsec].
    """

    theta_E: Tensor
    e1: Tensor
    e2: Tensor
    x: Tensor
    y: Tensor

    def deflection(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor]:
        """Components along x and y [arcsec]."""
        return sie_deflection(*self._arguments(x, y))

    def convergence(self, x: Positions, y: Positions) -> Tensor:
        """Surface density over the critical one."""
        return sie_convergence(*self._arguments(x, y))

    def jacobian(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor, Tensor]:
        """Derivatives of the deflection: d alpha_x / dx, d alpha_x / dy, d alpha_y / dy."""
        arguments = self._arguments(x, y)
        kappa = sie_convergence(*arguments)
        return power_law_jacobian(*arguments[:2], kappa, (torch.zeros_like(kappa), torch.zeros_like(kappa)), 2)

    def _arguments(self, x: Positions, y: Positions) -> tuple[Tensor, ...]:
        return x - align(self.x, x), y - align(self.y, y), *(align(p, x) for p in (self.theta_E, self.e1, self.e2))


@dataclass(frozen=True)
class EPL:
    """Elliptical power laws; each parameter has the shape (object,).

    Parameters
    ----------
    theta_E, e1, e2, x, y : Tensor
        As in `SIE`.
    slope : Tensor
        Slope of the density in three dimensions, between 1 and 3; 2 is isothermal.
    """

    theta_E: Tensor
    e1: Tensor
    e2: Tensor
    x: Tensor
    y: Tensor
    slope: Tensor

    def deflection(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor]:
        """Components along x and y [arcsec]."""
        return epl_deflection(*self._arguments(x, y))

    def convergence(self, x: Positions, y: Positions) -> Tensor:
        """Surface density over the critical one."""
        return epl_convergence(*self._arguments(x, y))

    def jacobian(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor, Tensor]:
        """Derivatives of the deflection: d alpha_x / dx, d alpha_x / dy, d alpha_y / dy."""
        arguments = self._arguments(x, y)
        return power_law_jacobian(
            *arguments[:2], epl_convergence(*arguments), epl_deflection(*arguments), arguments[-1]
        )

    def _arguments(self, x: Positions, y: Positions) -> tuple[Tensor, ...]:
        parameters = (align(p, x) for p in (self.theta_E, self.e1, self.e2, self.slope))
        return x - align(self.x, x), y - align(self.y, y), *parameters


@dataclass(frozen=True)
class Shear:
    """External shear; each component has the shape (object,). The centre of the image is not deflected."""

    gamma1: Tensor
    gamma2: Tensor

    def deflection(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor]:
        """Components along x and y [arcsec]."""
        return shear_deflection(x, y, align(self.gamma1, x), align(self.gamma2, x))

    def convergence(self, x: Positions, y: Positions) -> Tensor:
        """Surface density over the critical one: zero."""
        return torch.zeros_like(x * align(self.gamma1, x) + y)

    def jacobian(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor, Tensor]:
        """Derivatives of the deflection: d alpha_x / dx, d alpha_x / dy, d alpha_y / dy."""
        zero = self.convergence(x, y)
        gamma1, gamma2 = align(self.gamma1, x), align(self.gamma2, x)
        return zero + gamma1, zero + gamma2, zero - gamma1


@dataclass(frozen=True)
class Lens:
    """Sum of masses in one plane.

    Examples
    --------
    >>> one = torch.ones(1)
    >>> lens = Lens((SIE(1.2 * one, 0.1 * one, 0 * one, 0 * one, 0 * one), Shear(0.05 * one, 0 * one)))
    >>> lens.deflection(one, one)[0].shape
    torch.Size([1])
    """

    masses: tuple[Mass, ...]

    def deflection(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor]:
        """Components along x and y [arcsec]."""
        ax, ay = zip(*(mass.deflection(x, y) for mass in self.masses), strict=True)
        return sum(ax[1:], ax[0]), sum(ay[1:], ay[0])

    def convergence(self, x: Positions, y: Positions) -> Tensor:
        """Surface density over the critical one."""
        first, *others = (mass.convergence(x, y) for mass in self.masses)
        return sum(others, first)

    def jacobian(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor, Tensor]:
        """Derivatives of the deflection: d alpha_x / dx, d alpha_x / dy, d alpha_y / dy."""
        xx, xy, yy = zip(*(mass.jacobian(x, y) for mass in self.masses), strict=True)
        return sum(xx[1:], xx[0]), sum(xy[1:], xy[0]), sum(yy[1:], yy[0])

    def determinant(self, x: Positions, y: Positions) -> Tensor:
        """Determinant of the derivatives of the source position, zero on critical curves."""
        xx, xy, yy = self.jacobian(x, y)
        return (1 - xx) * (1 - yy) - xy * xy

    def magnification(self, x: Positions, y: Positions) -> Tensor:
        """Signed magnification of a point, negative where the image is mirrored."""
        return 1 / self.determinant(x, y)

    def trace(self, x: Positions, y: Positions) -> tuple[Tensor, Tensor]:
        """Positions in the source plane of rays at x, y in the image [arcsec]."""
        ax, ay = self.deflection(x, y)
        return x - ax, y - ay
