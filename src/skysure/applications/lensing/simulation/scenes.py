"""Scenes of a block of objects, and what an instrument records of them.

A pixel's light is the mean over 2 x 2 rays. Rays are traced through the centres of pixels and, to first order in the
offset from the centre, through the quarters: the error in the source plane is (pixel / 4)² / (2 theta_E).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from .instruments import Instrument
from .random import Random

CENTRE = 7
"""Pixels around the centre of a galaxy, where profiles peak: means over CENTRE_RAYS x CENTRE_RAYS points."""
CENTRE_RAYS = 6
RAYS = ((-0.25, -0.25), (-0.25, 0.25), (0.25, -0.25), (0.25, 0.25))
"""Offsets of rays from the centre of a pixel (row, column) [pixel]."""
SMALLEST = -60.0
"""Logarithm of the faintest light that is computed: denormal numbers are slow."""
MASKED_NOISE = 1e8
"""Noise of a masked pixel, as in the noise maps of SLACS."""


@dataclass(frozen=True, eq=False)
class Galaxies:
    """Sersic profiles, each belonging to an image, all of shape (galaxy,).

    Parameters
    ----------
    owner : Tensor of int
        The image.
    x, y : Tensor
        Centre [arcsec].
    q, phi : Tensor
        Axis ratio and direction of the major axis [rad].
    radius : Tensor
        Half-light radius, the geometric mean of both axes [arcsec].
    n : Tensor
        Sersic index.
    flux : Tensor
        Total flux.
    """

    owner: Tensor
    x: Tensor
    y: Tensor
    q: Tensor
    phi: Tensor
    radius: Tensor
    n: Tensor
    flux: Tensor

    def __len__(self) -> int:
        return len(self.owner)

    def __getitem__(self, selection: Tensor | slice) -> Galaxies:
        return Galaxies(*(getattr(self, f.name)[selection] for f in fields(self)))

    @classmethod
    def concat(cls, several: list[Galaxies]) -> Galaxies:
        """Join lists of galaxies."""
        return cls(*(torch.cat([getattr(g, f.name) for g in several]) for f in fields(cls)))


@dataclass(frozen=True, eq=False)
class Masks:
    """Discs of masked pixels, all of shape (disc,): the image, the centre and the radius [arcsec]."""

    owner: Tensor
    x: Tensor
    y: Tensor
    radius: Tensor

    def __getitem__(self, selection: Tensor) -> Masks:
        return Masks(*(getattr(self, f.name)[selection] for f in fields(self)))


@dataclass(frozen=True, eq=False)
class Tracks:
    """Cosmic rays, all of shape (track,).

    Parameters
    ----------
    owner : Tensor of int
        The image.
    row, column : Tensor
        Start [pixel].
    angle, length : Tensor
        Direction [rad] and length [pixel].
    charge : Tensor
        Electrons per pixel of the track.
    is_masked : Tensor of bool
    """

    owner: Tensor
    row: Tensor
    column: Tensor
    angle: Tensor
    length: Tensor
    charge: Tensor
    is_masked: Tensor


@dataclass(frozen=True, eq=False)
class Scene:
    """All that decides the images of a block but the noise; shapes are (object,) where nothing else is said.

    Parameters
    ----------
    mass : Tensor, shape (7, object)
        theta_E, e1, e2, x, y, gamma1, gamma2 in the conventions of `parameters`.
    light : Galaxies
        Lens galaxies and neighbours; fluxes in electrons per second.
    source : Galaxies
        In the source plane; relative fluxes.
    signal_to_noise : Tensor
        Of the lensed source over all pixels that are not masked: sqrt(sum of (flux / noise)²) with the noise of sky
        and lens light.
    psf : Tensor, shape (object, row, column)
    exposure, sky, background : Tensor
        Exposure time [s], sky [electron / s / pixel], what is left of it in the image [standard deviation of the sky].
    masks : Masks
    tracks : Tracks
    """

    mass: Tensor
    light: Galaxies
    source: Galaxies
    signal_to_noise: Tensor
    psf: Tensor
    exposure: Tensor
    sky: Tensor
    background: Tensor
    masks: Masks
    tracks: Tracks


@dataclass(frozen=True, eq=False)
class Images:
    """What is recorded of a scene: image, noise [unit of the image], mask (object, row, column), and mu (object,)."""

    image: Tensor
    noise: Tensor
    mask: Tensor
    mu: Tensor


def render(scene: Scene, instrument: Instrument, size: int, random: Random) -> Images:
    """Trace rays, convolve with the PSF, and add noise, cosmic rays and masks."""
    scale = instrument.pixel_scale
    arcs, mu = lensed_source(scene, size, scale)
    light = galaxy_images(scene.light, len(arcs), size, scale)
    light, arcs = convolve(torch.stack([light, arcs]), scene.psf).clamp(min=0).contiguous().unbind(0)
    mask = draw_masks(scene.masks, len(arcs), size, scale)
    exposure = scene.exposure[:, None, None]
    constant = scene.sky + instrument.dark + instrument.readouts * instrument.read_noise**2 / scene.exposure
    variance = (light + constant[:, None, None]) / exposure
    power = (arcs.square() / variance).masked_fill_(mask, 0).sum((1, 2))
    arcs *= (scene.signal_to_noise / power.clamp(min=1e-30).sqrt())[:, None, None]
    noise = (variance + arcs / exposure).sqrt_()
    image = (light + arcs).addcmul_(noise, correlated_noise(instrument.correlation, size, random))
    image += (scene.background * (constant / scene.exposure).sqrt())[:, None, None]
    add_cosmic_rays(image, mask, scene.tracks, scene.exposure)
    noise.masked_fill_(mask, MASKED_NOISE)
    return Images(image / instrument.gain, noise / instrument.gain, mask, mu)


def lensed_source(scene: Scene, size: int, scale: float) -> tuple[Tensor, Tensor]:
    """Images of the source before the PSF, and magnifications: flux in the field over the flux without the lens."""
    beta_x, beta_y = source_positions(scene.mass, size + 2, scale)
    arcs = 0.0
    for row, column in RAYS:
        x, y = (_at_quarter(beta, row, column) for beta in (beta_x, beta_y))
        light = _sersic_at(scene.source, x[scene.source.owner], y[scene.source.owner])
        arcs = arcs + torch.zeros_like(x).index_add_(0, scene.source.owner, light)
    arcs *= scale**2 / len(RAYS)
    unlensed = galaxy_images(scene.source, len(arcs), size, scale).sum((1, 2))
    return arcs, arcs.sum((1, 2)) / unlensed


def source_positions(mass: Tensor, size: int, scale: float) -> tuple[Tensor, Tensor]:
    """Where rays through the centres of pixels meet the source plane [arcsec], each (object, row, column)."""
    theta, e1, e2, x0, y0, g1, g2 = mass[..., None, None]
    axis = pixel_axis(size, scale)
    x, y = axis[None, None, :], axis[None, :, None]
    q = (1 - torch.hypot(e1, e2)) / (1 + torch.hypot(e1, e2))
    q = q.clamp(max=0.9999)
    phi = 0.5 * torch.atan2(e2, e1)
    c, s = phi.cos(), phi.sin()
    u, v = c * (x - x0) + s * (y - y0), c * (y - y0) - s * (x - x0)
    f = (1 - q**2).sqrt()
    r = (u.square() * q**2 + v.square()).sqrt_().clamp_(min=1e-9).reciprocal_()
    strength = theta * q.sqrt() / f
    au, av = (u * r).mul_(f).atan_().mul_(strength), (v * r).mul_(f).atanh_().mul_(strength)
    return x - (c * au - s * av + g1 * x + g2 * y), y - (s * au + c * av + g2 * x - g1 * y)


def pixel_axis(size: int, scale: float) -> Tensor:
    """Centres of pixels along an axis [arcsec]; 0 is the centre of the image."""
    return (torch.arange(size) - (size - 1) / 2) * scale


def _at_quarter(beta: Tensor, row: float, column: float) -> Tensor:
    """Positions of rays that are offset from the centres of pixels, by central differences; without the outer ring."""
    d_row = (beta[:, 2:, 1:-1] - beta[:, :-2, 1:-1]) * (row / 2)
    return (d_row + beta[:, 1:-1, 1:-1]).add_((beta[:, 1:-1, 2:] - beta[:, 1:-1, :-2]), alpha=column / 2)


def galaxy_images(galaxies: Galaxies, objects: int, size: int, scale: float) -> Tensor:
    """Light of galaxies in each pixel, shape (object, row, column): without a lens, before the PSF."""
    axis = pixel_axis(size, scale)
    light = _sersic_on_grid(galaxies, axis.expand(len(galaxies), -1), axis.expand(len(galaxies), -1)) * scale**2
    _refine_centres(light, galaxies, size, scale)
    return torch.zeros(objects, size, size).index_add_(0, galaxies.owner, light)


def _refine_centres(light: Tensor, galaxies: Galaxies, size: int, scale: float) -> None:
    """Replace the light of the pixels around each centre by the mean over finer points, in place."""
    offsets = torch.arange(CENTRE) - CENTRE // 2
    first = (size - 1) / 2
    columns = (galaxies.x / scale + first).round().long()[:, None] + offsets
    rows = (galaxies.y / scale + first).round().long()[:, None] + offsets
    fine = ((torch.arange(CENTRE_RAYS) + 0.5) / CENTRE_RAYS - 0.5) * scale
    x, y = (((p - first) * scale)[..., None] + fine for p in (columns, rows))
    patch = _sersic_on_grid(galaxies, x.flatten(1), y.flatten(1)) * scale**2
    patch = functional.avg_pool2d(patch, CENTRE_RAYS)
    k = torch.arange(len(galaxies))[:, None, None].expand_as(patch)
    rows, columns = rows[:, :, None].expand_as(patch), columns[:, None, :].expand_as(patch)
    inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
    light[k[inside], rows[inside], columns[inside]] = patch[inside]


def _quadratic(galaxies: Galaxies) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients of dx², dy² and dx dy in (elliptical radius / half-light radius)²."""
    c, s, q = galaxies.phi.cos(), galaxies.phi.sin(), galaxies.q
    area = galaxies.radius**2
    return (q * c**2 + s**2 / q) / area, (q * s**2 + c**2 / q) / area, 2 * (q - 1 / q) * c * s / area


def _sersic_on_grid(galaxies: Galaxies, x: Tensor, y: Tensor) -> Tensor:
    """Surface brightness [flux / arcsec²] on grids with the coordinates x, y (galaxy, column), (galaxy, row)."""
    dx, dy = x - galaxies.x[:, None], y - galaxies.y[:, None]
    xx, yy, xy = (k[:, None] for k in _quadratic(galaxies))
    r2 = (xx * dx**2)[:, None, :] + (yy * dy**2)[:, :, None]
    return _profile(galaxies, r2.addcmul_(dx[:, None, :], (xy * dy)[:, :, None]))


def _sersic_at(galaxies: Galaxies, x: Tensor, y: Tensor) -> Tensor:
    """Surface brightness [flux / arcsec²] at points of shape (galaxy, row, column)."""
    dx, dy = x - galaxies.x[:, None, None], y - galaxies.y[:, None, None]
    xx, yy, xy = (k[:, None, None] for k in _quadratic(galaxies))
    return _profile(galaxies, (dx.square() * xx).addcmul_(dy.square(), yy).addcmul_(dx.mul_(dy), xy))


def _profile(galaxies: Galaxies, r2: Tensor) -> Tensor:
    """Sersic profile [flux / arcsec²] of (radius / half-light radius)², which is overwritten."""
    n = galaxies.n
    b = 2 * n - 1 / 3 + 4 / (405 * n) + 46 / (25515 * n**2) + 131 / (1148175 * n**3)
    norm = galaxies.flux.log() - (2 * math.pi * n * galaxies.radius**2).log() + 2 * n * b.log() - torch.lgamma(2 * n)
    b, power, norm = (k[:, None, None] for k in (b, 0.5 / n, norm))
    exponent = r2.clamp_(min=1e-12).log_().mul_(power).exp_().mul_(-b).add_(norm)
    return exponent.clamp_(min=SMALLEST).exp_()


def convolve(images: Tensor, psf: Tensor) -> Tensor:
    """Convolve images (stack, object, row, column) with PSFs (object, row, column).

    Beyond the edge, an image goes on with its outermost values.
    """
    size, margin = images.shape[-1], psf.shape[-1] // 2
    padded = functional.pad(images, (margin,) * 4, mode="replicate")
    shape = [padded.shape[-1]] * 2
    product = torch.fft.rfft2(padded) * torch.fft.rfft2(psf, s=shape)
    return torch.fft.irfft2(product, s=shape)[..., 2 * margin : 2 * margin + size, 2 * margin : 2 * margin + size]


def correlated_noise(kernel: tuple[float, ...], size: int, random: Random) -> Tensor:
    """White noise smoothed by a kernel along rows and along columns, shape (object, row, column)."""
    margin = len(kernel) - 1
    noise = random.normal(0, 1, size + margin, size + margin)
    if margin:
        noise = sum(w * noise[:, k : k + size] for k, w in enumerate(kernel))
        noise = sum(w * noise[:, :, k : k + size] for k, w in enumerate(kernel))
    return noise


def draw_masks(masks: Masks, objects: int, size: int, scale: float) -> Tensor:
    """Pixels within any of the discs of an image, shape (object, row, column)."""
    axis = pixel_axis(size, scale)
    dx2, dy2 = (axis - masks.x[:, None]) ** 2, (axis - masks.y[:, None]) ** 2
    inside = (dx2[:, None, :] + dy2[:, :, None] < masks.radius[:, None, None] ** 2).to(torch.uint8)
    return torch.zeros(objects, size, size, dtype=torch.uint8).index_add_(0, masks.owner, inside) > 0


def add_cosmic_rays(image: Tensor, mask: Tensor, tracks: Tracks, exposure: Tensor) -> None:
    """Add the charge of cosmic rays, in place, and mask those that are to be masked, 2 x 2 pixels at every step."""
    size, step = image.shape[-1], torch.arange(16)
    row = (tracks.row[:, None] + step * tracks.angle.sin()[:, None]).long()
    column = (tracks.column[:, None] + step * tracks.angle.cos()[:, None]).long()
    hit = (step < tracks.length[:, None]) & (row >= 0) & (row < size - 1) & (column >= 0) & (column < size - 1)
    pixel = ((tracks.owner[:, None] * size + row) * size + column)[hit]
    charge = (tracks.charge / exposure[tracks.owner])[:, None].expand_as(hit)[hit]
    image.view(-1).index_add_(0, pixel, charge)
    masked = pixel[tracks.is_masked[:, None].expand_as(hit)[hit]]
    for neighbour in (0, 1, size, size + 1):
        mask.view(-1)[masked + neighbour] = True
