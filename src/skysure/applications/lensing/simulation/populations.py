"""Populations of lenses: the priors from which scenes are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .instruments import Instrument
from .psf import draw_psfs
from .random import Random
from .scenes import Clumps, Discs, Galaxies, Scene, Tracks

HST_ZERO_POINT = 25.94
"""AB magnitude of 1 electron per second in the images whose lens fluxes are quoted below."""


@dataclass(frozen=True)
class Survey:
    """Early-type galaxies that lens star-forming ones, as surveys of galaxy-scale lenses find them.

    Parameters
    ----------
    theta_e : tuple of two floats
        Einstein radii, uniform in the logarithm [arcsec]; (0, 0): from the width of the PSF, at least 0.5, to 0.46 of
        the field, at most 3.
    signal_to_noise : tuple of two floats
        Of the lensed source, uniform in the logarithm.
    source_offset : float
        Source positions are uniform in a disc of this radius, blurred by 0.08 (rms), in units of theta_E; the disc is
        smaller where the outer image would leave the field.
    shear : float
        RMS of gamma1 and of gamma2.
    ellipticity : float
        RMS of e1 and of e2 of the lens light.
    offset : float
        RMS of x and of y of the lens [pixel].
    lens_light : bool
    second_components : float
        Fraction of the lens galaxies with a second Sersic profile of another shape.
    clumps : float
        Fraction of sources with star-forming clumps; as many have a bulge and a disc.
    neighbours : float
        Mean number of other galaxies in 25 arcsec² with more than 1 electron / s at the zero point of HST.
    stars : float
        Fraction of the neighbours that are stars.
    masks : float
        Mean number of masked discs beside those of bright neighbours.
    cosmic_rays : float
        Fraction of the images with cosmic rays that are not masked; 0: no masked ones either.
    """

    theta_e: tuple[float, float] = (0.0, 0.0)
    signal_to_noise: tuple[float, float] = (25.0, 250.0)
    source_offset: float = 0.55
    shear: float = 0.06
    ellipticity: float = 0.11
    offset: float = 1.0
    lens_light: bool = True
    second_components: float = 0.35
    clumps: float = 0.4
    neighbours: float = 1.2
    stars: float = 0.12
    masks: float = 0.6
    cosmic_rays: float = 0.2


def theta_e_range(population: Survey, instrument: Instrument, size: int) -> tuple[float, float]:
    """Give the smallest and the largest Einstein radius [arcsec]."""
    low, high = population.theta_e
    if high > 0:
        return low, high
    return max(0.5, instrument.psf.fwhm[0]), min(3.0, 0.46 * size * instrument.pixel_scale)


def draw_survey(population: Survey, instrument: Instrument, size: int, random: Random) -> Scene:
    """Draw the scenes of a block."""
    theta = random.log_uniform(*theta_e_range(population, instrument, size))
    scale = instrument.pixel_scale
    x, y = (random.normal(0, population.offset * scale) for _ in range(2))
    lens, e1, e2 = _lens_galaxies(population, instrument, theta, x, y, random)
    reach = (0.54 * size * scale / theta - 1).clamp(max=population.source_offset)
    gamma1, gamma2 = (random.normal(0, population.shear) for _ in range(2))
    neighbours = _neighbours(population, instrument, size, random)
    light = Galaxies.concat(lens, neighbours) if population.lens_light else neighbours
    exposure = random.index(len(instrument.exposure))
    source, clumps = _sources(population, theta, reach, x, y, random)
    return Scene(
        mass=torch.stack([theta, e1, e2, x, y, gamma1, gamma2], -1),
        light=light,
        source=source,
        clumps=clumps,
        signal_to_noise=random.log_uniform(*population.signal_to_noise),
        psf=draw_psfs(instrument.psf, scale, random),
        exposure=torch.tensor(instrument.exposure)[exposure] * random.normal(0, instrument.exposure_scatter).exp(),
        sky=instrument.sky * random.normal(0, instrument.sky_scatter).exp(),
        background=random.normal(0, 0.15),
        discs=_discs(population, instrument, size, theta, neighbours, random),
        tracks=_tracks(population, instrument, size, exposure, random),
    )


def _lens_galaxies(
    population: Survey, instrument: Instrument, theta: Tensor, x: Tensor, y: Tensor, random: Random
) -> tuple[Galaxies, Tensor, Tensor]:
    """Give the light of the lenses, and e1, e2 of their mass, which is like that of the light."""
    e1, e2 = (random.normal(0, population.ellipticity) for _ in range(2))
    shrink = 0.6 / torch.hypot(e1, e2).clamp(min=0.6)
    e1, e2 = e1 * shrink, e2 * shrink
    turn = random.normal(0, 1) * torch.where(random.chance(0.1), 0.8, 0.15)
    factor = random.normal(1.0, 0.25).clamp(min=0.2)
    mass1 = factor * (e1 * turn.cos() - e2 * turn.sin()) + random.normal(0, 0.04)
    mass2 = factor * (e1 * turn.sin() + e2 * turn.cos()) + random.normal(0, 0.04)
    shrink = 0.6 / torch.hypot(mass1, mass2).clamp(min=0.6)
    flux = 5000 * (theta / 1.17) ** 1.2 * random.normal(0, 0.6).exp() * zero_point_factor(instrument)
    main = Galaxies(
        owner=torch.arange(random.objects), flux=flux, radius=1.75 * theta * random.normal(0, 0.3).exp(),
        index=random.normal(4.7, 1.2).clamp(1.5, 8.0), e1=e1, e2=e2,
        x=x + random.normal(0, 0.01), y=y + random.normal(0, 0.01),
    )  # fmt: skip
    return Galaxies.concat(main, _discs_within(population, main, random)), mass1 * shrink, mass2 * shrink


def _discs_within(population: Survey, main: Galaxies, random: Random) -> Galaxies:
    """Draw a second component for part of the lenses, so that their isophotes are no ellipses of one shape."""
    factor = random.uniform(0.0, 1.8)
    e1 = factor * main.e1 + random.normal(0, 0.05)
    e2 = factor * main.e2 + random.normal(0, 0.05)
    shrink = 0.6 / torch.hypot(e1, e2).clamp(min=0.6)
    second = Galaxies(
        main.owner, main.flux * random.log_uniform(0.05, 0.4), main.radius * random.log_uniform(0.2, 1.5),
        random.log_uniform(0.6, 2.5), e1 * shrink, e2 * shrink, main.x, main.y,
    )  # fmt: skip
    return second[random.chance(population.second_components)]


def zero_point_factor(instrument: Instrument) -> float:
    """Electrons per second of the instrument for 1 of HST; colours are left out."""
    return 10 ** (0.4 * (instrument.zero_point - HST_ZERO_POINT))


COSMOS_MEAN = (0.320, -0.811, -0.640)
COSMOS_CHOLESKY = ((0.559, 0.0, 0.0), (-0.053, 0.550, 0.0), (-0.143, -0.255, 1.234))
"""Mean and Cholesky factor of the covariance of ln n, ln(r_half / arcsec) and ln(g / (0.8 - g)); g = (1 - q) / (1 + q).

Of 276 Sersic fits to COSMOS galaxies in F814W (GalSim's list of 300); one Gaussian has the lowest BIC.
"""


def cosmos_shapes(random: Random) -> tuple[Tensor, Tensor, Tensor]:
    """Draw Sersic index, half-light radius [arcsec] and ellipticity (1 - q) / (1 + q) like those of COSMOS galaxies."""
    z = random.normal(0, 1, 3) @ torch.tensor(COSMOS_CHOLESKY).T + torch.tensor(COSMOS_MEAN)
    return z[:, 0].exp().clamp(0.5, 4.5), z[:, 1].exp().clamp(0.1, 1.5), 0.8 * z[:, 2].sigmoid()


def _sources(
    population: Survey, theta: Tensor, reach: Tensor, x: Tensor, y: Tensor, random: Random
) -> tuple[Galaxies, Clumps]:
    """Draw sources: a Sersic profile, in part with a second one near its centre, in part with clumps.

    COSMOS galaxies that were fitted are brighter than 23.5 mag; lensed sources are fainter and smaller, here by a
    factor of 0.2 to 1.
    """
    index, radius, e = cosmos_shapes(random)
    radius = radius * random.log_uniform(0.2, 1.0)
    phi = random.uniform(0, math.pi)
    dx, dy = random.disc()
    x = x + theta * (reach * dx + random.normal(0, 0.08))
    y = y + theta * (reach * dy + random.normal(0, 0.08))
    owner = torch.arange(random.objects)
    main = Galaxies(owner, torch.ones_like(x), radius, index, e * (2 * phi).cos(), e * (2 * phi).sin(), x, y)
    e = (e + random.normal(0, 0.1)).clamp(0, 0.7)
    phi = phi + random.normal(0, 0.3)
    second = Galaxies(
        owner, random.log_uniform(0.1, 1.0), (radius * random.log_uniform(0.25, 1.6)).clamp(min=0.03),
        random.uniform(0.6, 3.0), e * (2 * phi).cos(), e * (2 * phi).sin(),
        x + radius * random.normal(0, 0.2), y + radius * random.normal(0, 0.2),
    )[random.chance(population.clumps)]  # fmt: skip
    return Galaxies.concat(main, second), _clumps(population, main, random)


CLUMPS = 5


def _clumps(population: Survey, main: Galaxies, random: Random) -> Clumps:
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
    return clumps[random.chance(population.clumps)[:, None] & random.chance(0.6, CLUMPS)]


NEIGHBOURS = 6
SLOPE = 0.825
"""Counts of galaxies N(> flux) fall with this power of the flux (0.33 per magnitude)."""


def _neighbours(population: Survey, instrument: Instrument, size: int, random: Random) -> Galaxies:
    """Draw galaxies and stars in and around the field."""
    half = 0.55 * size * instrument.pixel_scale
    number = random.poisson(population.neighbours * (2 * half) ** 2 / 25).clamp(max=NEIGHBOURS)
    shape = (NEIGHBOURS,)
    flux = random.uniform(0, 1, *shape).clamp(min=1e-3) ** (-1 / SLOPE)
    is_star = random.chance(population.stars, *shape)
    radius = 0.2 * flux**0.2 * random.normal(0, 0.35, *shape).exp()
    e, phi = random.uniform(0, 0.5, *shape), random.uniform(0, math.pi, *shape)
    e = torch.where(is_star, 0, e)
    galaxies = Galaxies(
        torch.arange(random.objects)[:, None].expand_as(flux), flux * zero_point_factor(instrument),
        torch.where(is_star, 0.4 * instrument.pixel_scale, radius),
        torch.where(is_star, 0.5, random.log_uniform(0.7, 4.5, *shape)), e * (2 * phi).cos(), e * (2 * phi).sin(),
        random.uniform(-half, half, *shape), random.uniform(-half, half, *shape),
    )  # fmt: skip
    return galaxies[torch.arange(NEIGHBOURS) < number[:, None]]


MASKED_DISCS = 4


def _discs(
    population: Survey, instrument: Instrument, size: int, theta: Tensor, neighbours: Galaxies, random: Random
) -> Discs:
    """Draw masked discs: around most of the bright neighbours, anywhere, and at an edge; few reach the arcs."""
    scale = instrument.pixel_scale
    half = 0.5 * size * scale
    cover = (2.5 * neighbours.radius + 2 * scale).clamp(max=0.25 * half)
    chosen = (neighbours.flux > 6 * zero_point_factor(instrument)) & torch.tensor(population.masks > 0)
    x, y = random.uniform(-half, half, MASKED_DISCS), random.uniform(-half, half, MASKED_DISCS)
    radius = random.log_uniform(2 * scale, 12 * scale, MASKED_DISCS)
    number = random.poisson(population.masks).clamp(max=MASKED_DISCS)
    owner = torch.arange(random.objects)[:, None].expand_as(x)
    anywhere = torch.arange(MASKED_DISCS) < number[:, None]
    edge = random.chance(0.05) & torch.tensor(population.masks > 0)
    angle, distance = random.uniform(0, 2 * math.pi), half * random.uniform(1.3, 2.5)
    large = (distance * angle.cos(), distance * angle.sin(), distance - half * random.uniform(0.7, 1.05))
    columns = zip(
        (neighbours.owner[chosen], neighbours.x[chosen], neighbours.y[chosen], cover[chosen]),
        (owner[anywhere], x[anywhere], y[anywhere], radius[anywhere]),
        (torch.arange(random.objects)[edge], *(column[edge] for column in large)),
        strict=True,
    )
    discs = Discs(*map(torch.cat, columns))
    gap = torch.hypot(discs.x, discs.y) - discs.radius
    return discs[(gap > 1.2 * theta[discs.owner]) | (random.uniform()[discs.owner] < 0.15)]


TRACKS = 8
HITS = 64


def _tracks(population: Survey, instrument: Instrument, size: int, exposure: Tensor, random: Random) -> Tracks:
    """Draw cosmic rays: those that were masked, as many as the exposures let through, and a few that were not."""
    area = size**2 / 1e4 if population.cosmic_rays > 0 else 0.0
    masked = torch.poisson(area * torch.tensor(instrument.cosmic_rays)[exposure], generator=random.generator)
    left = torch.where(random.chance(population.cosmic_rays), 1 + random.poisson(1.5), 0)
    chosen = torch.cat([torch.arange(HITS) < masked[:, None], torch.arange(TRACKS) < left[:, None]], 1)
    number = HITS + TRACKS
    is_masked = (torch.arange(number) < HITS).expand_as(chosen)
    long, short = random.log_uniform(1, 16, TRACKS), random.log_uniform(1, 6, HITS)
    columns = (
        torch.arange(random.objects)[:, None].expand_as(chosen), random.uniform(0, size, number),
        random.uniform(0, size, number), random.uniform(0, 2 * math.pi, number), torch.cat([short, long], 1),
        random.log_uniform(80, 3000, number), is_masked,
    )  # fmt: skip
    return Tracks(*(column[chosen] for column in columns))
