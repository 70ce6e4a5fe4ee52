"""Populations of lenses: the priors from which scenes are drawn."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .instruments import Instrument
from .psf import draw_psfs
from .random import Random
from .scenes import Clumps, Discs, Galaxies, Scene, Tracks
from .sources import cosmos_shapes, draw_sources
from .surveys import Survey

FAINTEST, MASKED = 26.0, 24.0
"""AB magnitudes of the faintest neighbours, and of those that are masked."""


def theta_e_range(theta_e: tuple[float, float], instrument: Instrument, size: int) -> tuple[float, float]:
    """Give the smallest and the largest Einstein radius [arcsec]; by default as `Survey` says."""
    if theta_e[1] > 0:
        return theta_e
    return max(0.5, instrument.psf.fwhm[0]), min(3.0, 0.46 * size * instrument.pixel_scale)


def draw_survey(instrument: Instrument, size: int, random: Random) -> Scene:
    """Draw the scenes of a block: early-type galaxies that lens star-forming ones."""
    population = instrument.survey
    theta = random.log_uniform(*theta_e_range(population.theta_e, instrument, size))
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
    typical = flux_of(population.lens_magnitude, instrument)
    flux = typical * (theta / 1.17) ** 1.2 * random.normal(0, 0.6).exp()
    main = Galaxies(
        owner=torch.arange(random.objects), flux=flux,
        radius=population.lens_radius * theta * random.normal(0, 0.3).exp(),
        index=random.normal(4.7, 1.2).clamp(1.5, 8.0), e1=e1, e2=e2,
        x=x + random.normal(0, 0.01), y=y + random.normal(0, 0.01),
    )  # fmt: skip
    light = Galaxies.concat(main, _second_components(population, main, random), _wide_discs(population, main, random))
    return light, mass1 * shrink, mass2 * shrink


def _second_components(population: Survey, main: Galaxies, random: Random) -> Galaxies:
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


def _wide_discs(population: Survey, main: Galaxies, random: Random) -> Galaxies:
    """Draw exponential discs along the major axis, inclined at random: axis ratios uniform from 0.3 to 1."""
    ratio = random.uniform(0.3, 1.0)
    e = (1 - ratio) / (1 + ratio)
    phi = 0.5 * torch.atan2(main.e2, main.e1) + random.normal(0, 0.15)
    disc = Galaxies(
        main.owner, main.flux * random.log_uniform(0.2, 1.5), main.radius * random.log_uniform(0.7, 2.0),
        torch.ones_like(main.flux), e * (2 * phi).cos(), e * (2 * phi).sin(), main.x, main.y,
    )  # fmt: skip
    return disc[random.chance(population.discs)]


def flux_of(magnitude: float, instrument: Instrument) -> float:
    """Electrons per second of an AB magnitude."""
    return 10 ** (0.4 * (instrument.zero_point - magnitude))


def _sources(
    population: Survey, theta: Tensor, reach: Tensor, x: Tensor, y: Tensor, random: Random
) -> tuple[Galaxies, Clumps]:
    """Draw sources within `reach` of the lens [theta_E].

    COSMOS galaxies that were fitted are brighter than 23.5 mag; lensed sources are fainter and smaller, here by a
    factor of 0.2 to 1.
    """
    index, radius, e = cosmos_shapes(random)
    radius = radius * random.log_uniform(0.2, 1.0)
    dx, dy = random.disc()
    x = x + theta * (reach * dx + random.normal(0, 0.08))
    y = y + theta * (reach * dy + random.normal(0, 0.08))
    return draw_sources(x, y, radius, index, e, population.clumps, random)


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
        torch.arange(random.objects)[:, None].expand_as(flux), flux * flux_of(FAINTEST, instrument),
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
    chosen = (neighbours.flux > flux_of(MASKED, instrument)) & torch.tensor(population.masks > 0)
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
