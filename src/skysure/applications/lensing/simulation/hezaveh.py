"""The prior and the images of Hezaveh, Perreault Levasseur & Marshall 2017, from which the lens light was removed.

As their released generator draws them, with Sersic profiles and clumps for stamps of GREAT3 and Galaxy Zoo, a smoothing
kernel for their measured power spectrum of the noise, tracks for their maps of cosmic rays, and a shear, which the
generator sets to zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TypeVar

import torch
from torch import Tensor

from .instruments import Instrument
from .noise import add_cosmic_rays, correlated_noise, mask_of
from .psf import draw_psfs
from .random import Random
from .rendering import MASKED_NOISE, Images, Profiles, batches, convolve, lensed_source, source_positions
from .scenes import Discs, Galaxies, Owned, Scene, Tracks
from .sources import cosmos_shapes, draw_sources

CANDIDATES = 4
"""Lenses drawn for each image; the first that passes the selection is taken, or the most magnified one."""
COARSE = 48
"""Pixels along each side of the field where candidates are judged."""
LARGEST_DISCS = 29
LARGEST_TRACKS = 8

Things = TypeVar("Things", bound=Owned)


@dataclass(frozen=True)
class Hezaveh:
    """The prior of 2017; fluxes are in units of the brightest pixel.

    Parameters
    ----------
    theta_e : tuple of two floats
        Uniform [arcsec].
    ellipticity : tuple of two floats
        1 - q, uniform.
    offset : float
        Half of the side of the box in which the centre is uniform [arcsec].
    shear : float
        RMS of gamma1 and of gamma2; theirs is not published.
    magnification : float
        Smallest total magnification.
    noise : tuple of two floats
        RMS of the noise, uniform.
    """

    theta_e: tuple[float, float] = (0.1, 3.0)
    ellipticity: tuple[float, float] = (0.0, 0.9)
    offset: float = 0.25
    shear: float = 0.05
    magnification: float = 2.0
    noise: tuple[float, float] = (0.01, 0.1)


def draw_hezaveh(population: Hezaveh, instrument: Instrument, size: int, random: Random) -> Scene:
    """Draw the scenes of a block."""
    wide = random.times(CANDIDATES)
    mass, x, y = _lenses(population, wide)
    index, _, e = cosmos_shapes(wide)
    # A stamp spans 2" times 0.2 to 1, about eight half-light radii.
    radius = wide.uniform(0.05, 0.25)
    source, clumps = draw_sources(x, y, radius, index, e, 0.6, wide)
    choice = _select(population, mass, source, size * instrument.pixel_scale)
    none = torch.zeros(0)
    n = random.objects
    return Scene(
        mass=mass[choice],
        light=Galaxies(none.long(), *[none] * 7),
        source=_of_candidates(source, choice),
        clumps=_of_candidates(clumps, choice),
        signal_to_noise=torch.full((n,), math.nan),
        psf=draw_psfs(instrument.psf, instrument.pixel_scale, random),
        exposure=torch.ones(n), sky=torch.zeros(n), background=random.normal(0, 0.05),
        discs=_discs(size * instrument.pixel_scale / 2, random),
        tracks=_tracks(size, random),
    )  # fmt: skip


def _lenses(population: Hezaveh, random: Random) -> tuple[Tensor, Tensor, Tensor]:
    """Draw masses, and centres of sources: half around the tangential caustic, half within 0.7 of the cut."""
    theta, q = random.uniform(*population.theta_e), 1 - random.uniform(*population.ellipticity)
    phi = random.uniform(0, math.pi)
    e = (1 - q) / (1 + q)
    x, y = (random.uniform(-population.offset, population.offset) for _ in range(2))
    gamma1, gamma2 = (random.normal(0, population.shear) for _ in range(2))
    mass = torch.stack([theta, e * (2 * phi).cos(), e * (2 * phi).sin(), x, y, gamma1, gamma2], -1)
    u, v = _source_offsets(theta, q.clamp(max=0.9999), random)
    dx, dy = phi.cos() * u - phi.sin() * v, phi.sin() * u + phi.cos() * v
    shear_x, shear_y = gamma1 * x + gamma2 * y, gamma2 * x - gamma1 * y  # the centre is sheared too
    return mass, x + dx - shear_x, y + dy - shear_y


def _source_offsets(theta: Tensor, q: Tensor, random: Random) -> tuple[Tensor, Tensor]:
    """Draw positions of sources along and across the major axis [arcsec].

    The tangential caustic is taken for an astroid with the cusps of Kormann et al. 1994; the cut is where rays through
    the centre of the lens arrive.
    """
    f, angle = (1 - q**2).sqrt(), random.uniform(0, 2 * math.pi)
    c, s = angle.cos(), angle.sin()
    scale = theta * q.sqrt() / f
    cusps = (theta / q.sqrt() - scale * torch.acos(q)).abs(), (theta * q.sqrt() - scale * torch.atanh(f)).abs()
    along, across = ((k / cusp.clamp(min=1e-3)).abs() ** (2 / 3) for k, cusp in zip((c, s), cusps, strict=True))
    inner = random.uniform().sqrt() * ((along + across) ** -1.5 + 0.15)
    norm = torch.hypot(q * c, s)
    cut = scale * torch.atan(f * c / norm), scale * torch.atanh(f * s / norm)
    outer = 0.7 * random.normal(0, 0.5).abs().clamp(max=1)
    is_inner = random.chance(0.5)
    return torch.where(is_inner, inner * c, outer * cut[0]), torch.where(is_inner, inner * s, outer * cut[1])


def _select(population: Hezaveh, mass: Tensor, source: Galaxies, field: float) -> Tensor:
    """Give for each image the candidate that is magnified enough and has 99 % of its flux in the field."""
    main = source[: len(mass)]
    wide, scale = round(1.6 * COARSE), field / COARSE
    light = torch.cat([
        Profiles(main[k:end]).brightness(*source_positions(mass[k:end], wide, scale))
        for k, end in batches(len(mass), wide)
    ])  # fmt: skip
    edge = (wide - COARSE) // 2
    total = light.sum((1, 2))
    inside = light[:, edge:-edge, edge:-edge].sum((1, 2))
    magnification = total * scale**2
    passes = (magnification > population.magnification) & (inside > 0.99 * total)
    score = magnification.clamp(max=1e3) / 1e3 + passes * torch.tensor([4.0, 3.0, 2.0, 1.5]).repeat(len(mass) // 4)
    first = score.reshape(-1, CANDIDATES).argmax(1)
    return first + torch.arange(len(first)) * CANDIDATES


def _of_candidates(things: Things, choice: Tensor) -> Things:
    """Keep the things of the candidates that were chosen."""
    chosen = things[choice[things.owner // CANDIDATES] == things.owner]
    return type(things)(chosen.owner // CANDIDATES, *(getattr(chosen, f.name) for f in fields(chosen)[1:]))


def _discs(half: float, random: Random) -> Discs:
    """Draw discs of 0.2" for half of the images, 1 to 29 of them."""
    shape = (LARGEST_DISCS,)
    number = torch.where(random.chance(0.5), 1 + random.index(LARGEST_DISCS), 0)
    x, y = random.uniform(-half, half, *shape), random.uniform(-half, half, *shape)
    discs = Discs(torch.arange(random.objects)[:, None].expand_as(x), x, y, torch.full_like(x, 0.2))
    return discs[torch.arange(LARGEST_DISCS) < number[:, None]]


def _tracks(size: int, random: Random) -> Tracks:
    """Draw cosmic rays for four in five images, of up to half of the brightest pixel."""
    shape = (LARGEST_TRACKS,)
    number = torch.where(random.chance(0.8), random.poisson(3.0), 0)
    row, column = random.uniform(0, size, *shape), random.uniform(0, size, *shape)
    tracks = Tracks(
        torch.arange(random.objects)[:, None].expand_as(row), row, column, random.uniform(0, 2 * math.pi, *shape),
        random.log_uniform(1, 16, *shape), random.uniform(0, 0.5, *shape), torch.zeros_like(row, dtype=torch.bool),
    )  # fmt: skip
    return tracks[torch.arange(LARGEST_TRACKS) < number[:, None]]


def render_hezaveh(population: Hezaveh, scene: Scene, instrument: Instrument, size: int, random: Random) -> Images:
    """Trace rays, convolve with the PSF, set the brightest pixel to 1, and add noise, cosmic rays and masks."""
    draws = (
        random.uniform(*population.noise), random.chance(0.75), random.chance(0.8), random.uniform(50, 1000),
        random.normal(1, 0.01),
    )  # fmt: skip
    parts = []
    for k, end in batches(len(scene), size):
        columns = (column[k:end, None, None] for column in draws)
        parts.append(_render(scene.of_images(k, end), instrument, size, random.generator, *columns))
    return Images(*map(torch.cat, zip(*parts, strict=True)))


def _render(
    scene: Scene, instrument: Instrument, size: int, generator: torch.Generator,
    rms: Tensor, is_coloured: Tensor, is_poisson: Tensor, counts: Tensor, gain: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    arcs, mu = lensed_source(scene, size, instrument.pixel_scale)
    arcs = convolve(arcs[None], scene.psf)[0].clamp_(min=0)
    arcs /= arcs.amax((1, 2), keepdim=True)
    mask = mask_of(scene.discs, len(scene), size, instrument.pixel_scale)
    mask &= (arcs * ~mask).sum((1, 2), keepdim=True) > 0.75 * arcs.sum((1, 2), keepdim=True)
    noise = (rms**2 + is_poisson * arcs / counts).sqrt()
    white, coloured = (
        correlated_noise(kernel, len(scene), size, generator) for kernel in ((1.0,), instrument.correlation)
    )
    coloured /= sum(weight**2 for weight in instrument.correlation)
    image = gain * (arcs + noise * torch.where(is_coloured, coloured, white)) + scene.background[:, None, None]
    add_cosmic_rays(image, mask, scene.tracks, scene.exposure)
    return image, torch.where(mask, MASKED_NOISE, noise), mask, mu
