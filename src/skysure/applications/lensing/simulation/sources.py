"""Star-forming galaxies as sources: shapes like those of COSMOS galaxies, second components, clumps."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .random import Random
from .scenes import Clumps, Galaxies

COSMOS_MEAN = (0.320, -0.811, -0.640)
COSMOS_CHOLESKY = ((0.559, 0.0, 0.0), (-0.053, 0.550, 0.0), (-0.143, -0.255, 1.234))
"""Mean and Cholesky factor of the covariance of ln n, ln(r_half / arcsec) and ln(g / (0.8 - g)); g = (1 - q) / (1 + q).

Of 276 Sersic fits to COSMOS galaxies in F814W (GalSim's list of 300); one Gaussian has the lowest BIC.
"""


def cosmos_shapes(random: Random) -> tuple[Tensor, Tensor, Tensor]:
    """Draw Sersic index, half-light radius [arcsec] and ellipticity (1 - q) / (1 + q) like those of COSMOS galaxies."""
    z = random.normal(0, 1, 3) @ torch.tensor(COSMOS_CHOLESKY).T + torch.tensor(COSMOS_MEAN)
    return z[:, 0].exp().clamp(0.5, 4.5), z[:, 1].exp().clamp(0.1, 1.5), 0.8 * z[:, 2].sigmoid()


def draw_sources(
    x: Tensor, y: Tensor, radius: Tensor, index: Tensor, e: Tensor, clumpy: float, random: Random
) -> tuple[Galaxies, Clumps]:
    """Draw galaxies: a Sersic profile, in part with a second one near its centre, in part with clumps.

    Parameters
    ----------
    x, y, radius, index, e : Tensor, shape (object,)
        Centre and half-light radius [arcsec], Sersic index and ellipticity (1 - q) / (1 + q) of the main profile, whose
        flux is 1.
    clumpy : float
        Fraction of galaxies with clumps; as many have a second profile.
    """
    phi = random.uniform(0, math.pi)
    owner = torch.arange(random.objects)
    main = Galaxies(owner, torch.ones_like(x), radius, index, e * (2 * phi).cos(), e * (2 * phi).sin(), x, y)
    e = (e + random.normal(0, 0.1)).clamp(0, 0.7)
    phi = phi + random.normal(0, 0.3)
    second = Galaxies(
        owner, random.log_uniform(0.1, 1.0), (radius * random.log_uniform(0.25, 1.6)).clamp(min=0.03),
        random.uniform(0.6, 3.0), e * (2 * phi).cos(), e * (2 * phi).sin(),
        x + radius * random.normal(0, 0.2), y + radius * random.normal(0, 0.2),
    )[random.chance(clumpy)]  # fmt: skip
    return Galaxies.concat(main, second), _clumps(main, clumpy, random)


CLUMPS = 5


def _clumps(main: Galaxies, clumpy: float, random: Random) -> Clumps:
    """Draw star-forming regions along the disc of a galaxy."""
    q = (1 - torch.hypot(main.e1, main.e2)) / (1 + torch.hypot(main.e1, main.e2))
    phi = 0.5 * torch.atan2(main.e2, main.e1)
    along = (main.radius / q.sqrt())[:, None] * random.normal(0, 0.8, CLUMPS)
    across = (main.radius * q.sqrt())[:, None] * random.normal(0, 0.8, CLUMPS)
    c, s = phi.cos()[:, None], phi.sin()[:, None]
    sigma = (main.radius[:, None] * random.log_uniform(0.05, 0.25, CLUMPS)).clamp(min=0.015)
    clumps = Clumps(
        main.owner[:, None].expand(-1, CLUMPS), random.log_uniform(0.01, 0.2, CLUMPS), sigma,
        main.x[:, None] + c * along - s * across, main.y[:, None] + s * along + c * across,
    )  # fmt: skip
    return clumps[random.chance(clumpy)[:, None] & random.chance(0.6, CLUMPS)]
