"""What an instrument records of a scene.

Fast approximations of `imaging.render`: a pixel's light is the mean over 2 x 2 rays, whose positions in the source
plane follow to first order from those of the centres of pixels: the error is pixel² / (32 theta_E), 0.1 mas for HST.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .imaging import keep_freed_memory
from .instruments import Instrument
from .light import sersic_b
from .mass import shear_deflection, sie_deflection
from .noise import add_cosmic_rays, constant_variance, correlated_noise, mask_of
from .scenes import Clumps, Galaxies, Scene

PIXELS_AT_ONCE = 150_000
"""Pixels rendered at a time: what they need fits the caches of a processor."""
LN2 = math.log(2)
FAINTEST = -60.0
"""Power of 2 of the faintest light that is computed: denormal numbers are slow."""
DIRECTIONS = 32
PATCH = 5
"""Pixels around the centre of a galaxy, where profiles peak: means over FINE x FINE points."""
FINE = 6
CUSP = 1.2
"""Distance in the source plane within which a pixel sees the centre of a galaxy [pixel]."""
MASKED_NOISE = 1e8
"""Noise of a masked pixel, as in the noise maps of SLACS."""


@dataclass(frozen=True, eq=False)
class Images:
    """What is recorded: image, noise and mask (object, row, column), and the magnification mu (object,)."""

    image: Tensor
    noise: Tensor
    mask: Tensor
    mu: Tensor


def render(scene: Scene, instrument: Instrument, size: int, generator: torch.Generator) -> Images:
    """Trace rays, convolve with the PSF, and add noise, cosmic rays and masks."""
    parts = (scene.of_images(*part) for part in batches(len(scene), size))
    columns = zip(*(_render(part, instrument, size, generator) for part in parts), strict=True)
    return Images(*map(torch.cat, columns))


def batches(objects: int, size: int) -> list[tuple[int, int]]:
    """Give the first and the last image (exclusive) of each part of a block that is rendered at a time."""
    keep_freed_memory()
    step = max(1, PIXELS_AT_ONCE // size**2)
    return [(k, min(k + step, objects)) for k in range(0, objects, step)]


def _render(
    scene: Scene, instrument: Instrument, size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    n, scale = len(scene), instrument.pixel_scale
    arcs, mu = lensed_source(scene, size, scale)
    light = galaxy_images(scene.light, n, size, scale)
    light, arcs = convolve(torch.stack([light, arcs]), scene.psf).clamp_(min=0).unbind(0)
    mask = mask_of(scene.discs, n, size, scale)
    sky = constant_variance(instrument, scene.sky, scene.exposure)
    rate = scene.exposure.reciprocal()[:, None, None]
    variance = light * rate + sky[:, None, None]
    power = (arcs.square() / variance).mul_(~mask).sum((1, 2))
    arcs = arcs * (scene.signal_to_noise / power.clamp(min=1e-30).sqrt())[:, None, None]
    variance.addcmul_(arcs, rate)
    noise = correlated_noise(instrument.correlation, n, size, generator).mul_(variance.sqrt())
    image = arcs.add_(light).add_(noise).add_((scene.background * sky.sqrt())[:, None, None])
    # Noise maps are made from the data: Poisson noise enters them too.
    recorded = torch.maximum(torch.addcmul(variance, noise, rate), variance.mul_(0.25)).sqrt_()
    add_cosmic_rays(image, mask, scene.tracks, scene.exposure)
    gain = instrument.gain
    return image / gain, torch.where(mask, MASKED_NOISE, recorded / gain), mask, mu


def lensed_source(scene: Scene, size: int, scale: float) -> tuple[Tensor, Tensor]:
    """Images of the sources before the PSF, and magnifications: flux in the field over that without the lens."""
    x, y = source_positions(scene.mass, size + 2, scale)
    x, y = SourcePlane(x), SourcePlane(y)
    if scene.stamp is not None:
        arcs = sum(_stamp_light(scene, *rays) for rays in zip(x.quarters(), y.quarters(), strict=True))
        unlensed = scene.stamp.total_flux
    else:
        arcs = torch.zeros(len(scene), size, size)
        profiles, owner = Profiles(scene.source), scene.source.owner
        for rays in zip(x.quarters(), y.quarters(), strict=True):
            arcs.index_add_(0, owner, profiles.brightness(*(ray.index_select(0, owner) for ray in rays)))
        _refine_cusps(arcs, profiles, owner, x, y, scale)
        arcs.index_add_(0, scene.clumps.owner, clump_light(scene.clumps, x, y), alpha=4)
        unlensed = torch.zeros(len(scene))
        unlensed.index_add_(0, scene.source.owner, flux_in_field(scene.source, size * scale / 2))
        unlensed.index_add_(0, scene.clumps.owner, scene.clumps.flux)
    arcs *= scale**2 / 4
    return arcs, arcs.sum((1, 2)) / unlensed


def source_positions(mass: Tensor, size: int, scale: float) -> tuple[Tensor, Tensor]:
    """Where rays through the centres of pixels meet the source plane [arcsec], each (object, row, column)."""
    theta_E, e1, e2, x0, y0, gamma1, gamma2 = mass.T[..., None, None]
    axis = pixel_axis(size, scale)
    x, y = axis[None, None, :], axis[None, :, None]
    ax, ay = sie_deflection(x - x0, y - y0, theta_E, e1, e2)
    bx, by = shear_deflection(x, y, gamma1, gamma2)
    return (x - bx) - ax, (y - by) - ay


def pixel_axis(size: int, scale: float) -> Tensor:
    """Centres of pixels along an axis [arcsec]; 0 is the centre of the image."""
    return (torch.arange(size) - (size - 1) / 2) * scale


class SourcePlane:
    """A coordinate of rays in the source plane [arcsec] and its derivatives, by central differences.

    Parameters
    ----------
    position : Tensor, shape (object, row + 2, column + 2)
        At the centres of pixels, with a ring of them around the image.
    """

    def __init__(self, position: Tensor) -> None:
        self.position = position[:, 1:-1, 1:-1]
        self.row = (position[:, 2:, 1:-1] - position[:, :-2, 1:-1]) * 0.5
        self.column = (position[:, 1:-1, 2:] - position[:, 1:-1, :-2]) * 0.5

    def quarters(self) -> tuple[Tensor, ...]:
        """Give the positions of rays through the centres of the quarters of each pixel."""
        sides = (self.position.add(self.row, alpha=sign / 4) for sign in (-1, 1))
        return tuple(side.add(self.column, alpha=sign / 4) for side in sides for sign in (-1, 1))

    def within(self, pixel: tuple[Tensor, Tensor, Tensor], rays: int) -> Tensor:
        """Give the positions of rays x rays rays in each of some pixels, shape (pixel, row, column)."""
        offset = (torch.arange(rays) + 0.5) / rays - 0.5
        position, row, column = (values[pixel][:, None, None] for values in (self.position, self.row, self.column))
        return position + row * offset[:, None] + column * offset


def clump_light(clumps: Clumps, x: SourcePlane, y: SourcePlane) -> Tensor:
    """Surface brightness of Gaussians, averaged over the pixels, shape (clump, row, column).

    A pixel's footprint in the source plane is taken for a Gaussian of the same covariance J J^T / 12, which adds to
    that of the clump.
    """
    owner, sigma2 = clumps.owner, (clumps.sigma**2)[:, None, None]
    xx, yy, xy = (torch.addcmul(a.row * b.row, a.column, b.column).div_(12)[owner] for a, b in ((x, x), (y, y), (x, y)))
    xx += sigma2
    yy += sigma2
    determinant = (xx * yy).addcmul_(xy, xy, value=-1).reciprocal_()
    dx, dy = x.position[owner] - clumps.x[:, None, None], y.position[owner] - clumps.y[:, None, None]
    exponent = (
        (yy * dx).addcmul_(xy, dy, value=-2).mul_(dx).addcmul_(xx.mul_(dy), dy).mul_(determinant).mul_(-0.5 / LN2)
    )
    height = determinant.sqrt_().mul_((clumps.flux / (2 * math.pi))[:, None, None])
    return exponent.clamp_(min=FAINTEST).exp2_().mul_(height)


class Profiles:
    """Sersic profiles as brightness = 2^(centre + b (xx dx² + yy dy² + xy dx dy)^power), all of shape (galaxy, 1, 1).

    The same as `light.sersic`, in powers of 2 and mostly in place, for speed.
    """

    def __init__(self, galaxies: Galaxies) -> None:
        index, b = galaxies.index, sersic_b(galaxies.index)
        norm = galaxies.flux.log() - (2 * math.pi * index * galaxies.radius**2).log()
        centre = norm + 2 * index * b.log() - torch.lgamma(2 * index)
        area = galaxies.radius**2 * (1 - galaxies.e1**2 - galaxies.e2**2)
        xx, yy = (((1 + sign * galaxies.e1) ** 2 + galaxies.e2**2) / area for sign in (-1, 1))
        columns = (galaxies.x, galaxies.y, xx, yy, -4 * galaxies.e2 / area, 0.5 / index, -b / LN2, centre / LN2)
        self._set(torch.stack(columns)[..., None, None])

    def _set(self, columns: Tensor) -> None:
        self.columns = columns
        self.x, self.y, self.xx, self.yy, self.xy, self.power, self.b, self.centre = columns

    def __getitem__(self, indices: Tensor) -> Profiles:
        """Select galaxies, each as often as it occurs."""
        selection = object.__new__(Profiles)
        selection._set(self.columns[:, indices])
        return selection

    def brightness(self, x: Tensor, y: Tensor) -> Tensor:
        """Surface brightness [flux / arcsec²] at positions that broadcast to (galaxy, row, column)."""
        dx, dy = x - self.x, y - self.y
        exponent = (dx.square().mul_(self.xx) + dy.square().mul_(self.yy)).addcmul_(dx.mul_(self.xy), dy)
        exponent.clamp_(min=1e-12).log2_().mul_(self.power).exp2_().mul_(self.b).add_(self.centre)
        return exponent.clamp_(min=FAINTEST).exp2_()


def flux_in_field(galaxies: Galaxies, half: float) -> Tensor:
    """Flux of galaxies within a square of side 2 half around the origin [arcsec], shape (galaxy,).

    Where its boundary is at the distance t from a centre within, in units of the half-light ellipse, flux P(2 n, b
    t^(1 / n)) is inside; the mean over directions, in which the ellipse is a circle, is the flux inside.
    """
    angle = (torch.arange(DIRECTIONS) + 0.5) * (2 * math.pi / DIRECTIONS)
    e = torch.hypot(galaxies.e1, galaxies.e2)[:, None]
    phi = 0.5 * torch.atan2(galaxies.e2, galaxies.e1)[:, None]
    along = galaxies.radius[:, None] * ((1 + e) / (1 - e)).sqrt() * angle.cos()
    across = galaxies.radius[:, None] * ((1 - e) / (1 + e)).sqrt() * angle.sin()
    steps = (phi.cos() * along - phi.sin() * across, phi.sin() * along + phi.cos() * across)
    centres = (galaxies.x[:, None], galaxies.y[:, None])
    reach = ((half - step.sign() * centre) / step.abs() for step, centre in zip(steps, centres, strict=True))
    distance = torch.minimum(*reach).clamp(min=0)
    index = galaxies.index[:, None]
    inside = torch.special.gammainc((2 * index).expand_as(distance), sersic_b(index) * distance ** (1 / index))
    return galaxies.flux * inside.mean(1)


def _stamp_light(scene: Scene, x: Tensor, y: Tensor) -> Tensor:
    return scene.stamp.brightness(x, y) if scene.stamp is not None else torch.zeros_like(x)


def _refine_cusps(
    arcs: Tensor, profiles: Profiles, owner: Tensor, x: SourcePlane, y: SourcePlane, scale: float
) -> None:
    """Replace the light of pixels that see the centre of a galaxy by the mean over finer rays, in place."""
    dx, dy = (plane.position.index_select(0, owner) for plane in (x, y))
    distance2 = dx.sub_(profiles.x).square_().addcmul_(dy.sub_(profiles.y), dy)
    k, row, column = (distance2 < (CUSP * scale) ** 2).nonzero(as_tuple=True)
    pixel, profiles = (owner[k], row, column), profiles[k]
    fine, coarse = (
        profiles.brightness(*(plane.within(pixel, rays) for plane in (x, y))).mean((1, 2)) for rays in (FINE, 2)
    )
    arcs.index_put_(pixel, (fine - coarse).mul_(4), accumulate=True)


def galaxy_images(galaxies: Galaxies, objects: int, size: int, scale: float) -> Tensor:
    """Light of galaxies in each pixel, shape (object, row, column): without a lens, before the PSF."""
    axis = pixel_axis(size, scale)
    profiles = Profiles(galaxies)
    light = profiles.brightness(axis[None, None, :], axis[None, :, None])
    _refine_centres(light, profiles, scale)
    return torch.zeros(objects, size, size).index_add_(0, galaxies.owner, light).mul_(scale**2)


def _refine_centres(light: Tensor, profiles: Profiles, scale: float) -> None:
    """Replace the brightness of the pixels around each centre by the mean over finer points, in place."""
    size = light.shape[-1]
    middle = (size - 1) / 2
    fine = ((torch.arange(FINE) + 0.5) / FINE - 0.5) * scale
    nearby = torch.arange(PATCH) - PATCH // 2
    columns, rows = ((centre[:, :, 0] / scale + middle).round().long() + nearby for centre in (profiles.x, profiles.y))
    x, y = ((((pixel - middle) * scale)[..., None] + fine).flatten(1) for pixel in (columns, rows))
    patch = functional.avg_pool2d(profiles.brightness(x[:, None, :], y[:, :, None]), FINE)
    k = torch.arange(len(light))[:, None, None].expand_as(patch)
    rows, columns = rows[:, :, None].expand_as(patch), columns[:, None, :].expand_as(patch)
    inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
    light[k[inside], rows[inside], columns[inside]] = patch[inside]


def convolve(images: Tensor, psf: Tensor) -> Tensor:
    """Convolve images (stack, object, row, column) with PSFs (object, row, column).

    Beyond the edge, an image goes on with its outermost values.
    """
    size, margin = images.shape[-1], psf.shape[-1] // 2
    padded = functional.pad(images, (margin,) * 4, mode="replicate")
    shape = [padded.shape[-1]] * 2
    product = torch.fft.rfft2(padded) * torch.fft.rfft2(psf, s=shape)
    inside = slice(2 * margin, 2 * margin + size)
    return torch.fft.irfft2(product, s=shape)[..., inside, inside].contiguous()
