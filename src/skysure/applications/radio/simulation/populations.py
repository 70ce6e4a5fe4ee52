"""Populations: main sources that tend to a class, other sources of the field, infrared galaxies.

Classes are measured on the rendered image (`labels`), never set here: a main source is drawn from the prior of a class
until it comes out as one of it. The sizes of the priors are such that the angular extents of what comes out are like
those of the same class among the 11,836 Radio Galaxy Zoo sources of ClaRAN's catalogue (Wu et al. 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from . import counts
from .instruments import Instrument, Radio
from .morphology import RadioGalaxies, emission
from .random import Random
from .scenes import Gaussians, Sources


@dataclass(frozen=True)
class Prior:
    """Which main sources are likely to be of a class.

    Parameters
    ----------
    size : tuple of two floats
        Median, in FIRST [arcsec], and rms of the logarithm of the distance between the ends.
    core : tuple of two floats
        Range of the fraction of the flux in the core, uniform in the logarithm.
    inner : tuple of two floats
        Range of where the lobes begin, as a fraction of the length.
    uneven : float
        RMS of the logarithm of the ratio of the two lengths.
    joined : float
        Fraction of sources whose first side reaches back to the core.
    compact : float
        Fraction of sources that are a single small Gaussian.
    edge_darkened : float
        Factor on the fraction of class I that the survey asks for.
    brightness : float
        Factor on the smallest signal-to-noise ratio of the survey, below which the class hardly occurs.
    """

    size: tuple[float, float]
    core: tuple[float, float]
    inner: tuple[float, float]
    uneven: float = 0.15
    joined: float = 0.0
    compact: float = 0.0
    edge_darkened: float = 1.0
    brightness: float = 1.0


PRIORS = (
    Prior((8.0, 0.5), (0.02, 0.6), (0.0, 0.6), compact=0.5, edge_darkened=1.5),
    Prior((18.0, 0.3), (0.002, 0.03), (0.0, 0.45), uneven=0.25, edge_darkened=0.4, brightness=2.0),
    Prior((34.0, 0.32), (0.06, 0.22), (0.0, 0.35), edge_darkened=0.7, brightness=2.0),
    Prior((30.0, 0.45), (0.0005, 0.01), (0.55, 0.9), uneven=0.2, edge_darkened=0.4),
    Prior((42.0, 0.35), (0.05, 0.25), (0.5, 0.9), uneven=0.5, joined=0.95, edge_darkened=0.7, brightness=2.0),
    Prior((52.0, 0.35), (0.05, 0.35), (0.6, 0.92), uneven=0.2, edge_darkened=0.5, brightness=1.2),
)
"""In the order of `classes.CLASSES`."""


LARGEST = 120.0
"""Largest other sources of a field [arcsec]: those above are rare, and seen over many beams."""
DOUBLES = 0.6
"""Fraction of doubles among other sources of half a beam or more; the rest are single Gaussians."""


SIDELOBES = 10.0
"""Sidelobes of other sources are at most so high, in units of the noise."""


def draw_main(instrument: Instrument, size: int, prior: Tensor, random: Random) -> Sources:
    """Draw a main source of unit flux for each image, from the priors with these indices, shape (object,)."""
    survey, n = instrument.survey, random.objects
    reach = 2 * survey.offset * 0.5 * size * instrument.pixel_scale
    x, y = (random.uniform(-reach, reach) for _ in range(2))
    galaxies, is_compact = _radio_galaxies(instrument, prior, x, y, random)
    extended, compact = emission(galaxies, random), _compact(instrument, x, y, random)
    gaussians = Gaussians.concat(extended[~is_compact[extended.source]], compact[is_compact])
    host_x, host_y = (k + random.normal(0, 0.4) for k in (x, y))
    return Sources(torch.arange(n), host_x, host_y, _host_fluxes(instrument, random), gaussians)


def _radio_galaxies(
    instrument: Instrument, prior: Tensor, x: Tensor, y: Tensor, random: Random
) -> tuple[RadioGalaxies, Tensor]:
    """Draw the parameters of main sources, and which of them are compact instead."""
    survey, table = instrument.survey, _columns(prior)
    distance = table["size"][:, 0] * (table["size"][:, 1] * random.normal()).exp() * instrument.size_factor
    is_joined, uneven = random.uniform() < table["joined"], 0.5 * table["uneven"] * random.normal()
    ratio = torch.where(is_joined, -uneven.abs(), uneven).exp()  # the lobe that reaches the core is the closer one
    length = 0.5 * distance[:, None] * torch.stack([ratio, 1 / ratio], 1)
    fades = random.uniform() < survey.edge_darkened * table["edge_darkened"]
    direction, bend = _directions(survey.bent, random)
    inner = _between(table["inner"], random)[:, None].repeat(1, 2)
    inner[:, 0] = torch.where(is_joined, 0.05, inner[:, 0])
    log_core = table["core"].log()
    galaxies = RadioGalaxies(
        x=x, y=y, length=length, direction=direction, bend=bend, core=_between(log_core, random).exp(),
        balance=(0.5 + random.normal(0, 0.13)).clamp(0.1, 0.9),
        inner=torch.where(fades[:, None], 0.6 * inner, inner),
        rise=torch.where(fades, random.uniform(-3.0, -0.5), random.uniform(0.0, 3.0)),
        hotspot=torch.where(fades, random.uniform(0.0, 0.1), random.uniform(0.1, 0.6)),
        width=torch.where(fades, random.uniform(0.02, 0.06), random.uniform(0.05, 0.15)),
        opening=torch.where(fades, random.uniform(0.08, 0.25), random.uniform(-0.02, 0.08)),
    )  # fmt: skip
    return galaxies, random.uniform() < table["compact"]


def _columns(prior: Tensor) -> dict[str, Tensor]:
    """Values of each source's prior by their names."""
    return {f.name: torch.tensor([getattr(p, f.name) for p in PRIORS])[prior] for f in fields(Prior)}


def _between(interval: Tensor, random: Random) -> Tensor:
    """Uniform numbers in intervals of shape (object, 2)."""
    return torch.lerp(interval[:, 0], interval[:, 1], random.uniform())


def _directions(bent: float, random: Random) -> tuple[Tensor, Tensor]:
    """Directions and bends of the two jets, each (object, 2): opposite, or swept back to the same side."""
    direction = random.uniform(0, 2 * math.pi)
    bend = torch.where(random.chance(bent), random.uniform(0.35, 1.3), random.normal(0, 0.08).abs())
    same_side = torch.where(random.chance(0.85), -1.0, 1.0)  # the others are S-shaped
    misaligned = random.normal(0, 0.06)
    return (
        torch.stack([direction, direction + math.pi + misaligned], 1),
        torch.stack([bend, same_side * bend], 1) * (1 + random.normal(0, 0.2, 2)),
    )


def _compact(instrument: Instrument, x: Tensor, y: Tensor, random: Random) -> Gaussians:
    """One Gaussian of unit flux for each image, up to 1.2 times the width of the beam."""
    major = random.log_uniform(0.05, 1.2) * instrument.radio.beam[0] / 2.355
    return Gaussians(
        torch.arange(random.objects), torch.ones(random.objects), x, y, major, major * random.uniform(0.3, 1.0),
        random.uniform(0, math.pi),
    )  # fmt: skip


def signal_to_noise(instrument: Instrument, prior: Tensor, random: Random) -> Tensor:
    """Draw peaks of main sources over the noise by a power law between two limits, shape (object,)."""
    (low, high), slope = instrument.survey.signal_to_noise, instrument.survey.slope
    least = (low * _columns(prior)["brightness"]).clamp(max=high)
    if slope == 0:
        return torch.lerp(least.log(), torch.tensor(high).log(), random.uniform()).exp()
    return least * (1 - random.uniform() * (1 - (least / high) ** slope)) ** (-1 / slope)


def _host_fluxes(instrument: Instrument, random: Random) -> Tensor:
    return counts.magnitudes_to_fluxes(random.normal(*instrument.infrared.hosts).clamp(8, 22), instrument.infrared)


def draw_neighbours(instrument: Instrument, size: int, random: Random) -> Sources:
    """Draw the other sources of each field: by the counts, down to half of the flux of the faintest contour."""
    radio, half = instrument.radio, 0.55 * size * instrument.pixel_scale
    faintest = 0.5 * instrument.survey.contour * radio.noise * 1e-3
    mean = instrument.survey.neighbours * counts.radio_density(faintest, radio.frequency) * (2 * half / 3600) ** 2
    most = int(mean + 5 * mean**0.5 + 5) if mean > 0 else 0
    flux = counts.radio_fluxes(random.uniform(0, 1, most), faintest, radio.frequency)
    flux = flux.clamp(max=brightest(radio))
    x, y = random.uniform(-half, half, most), random.uniform(-half, half, most)
    image = torch.arange(random.objects)[:, None].expand_as(flux)
    is_present = torch.arange(most) < random.poisson(mean, most)[:, None]
    columns = tuple(column[is_present] for column in (image, x, y, flux))
    return _field_sources(instrument, columns, is_present, random)


def brightest(radio: Radio) -> float:
    """Flux [Jy] of the brightest other sources: sidelobes of brighter ones would cover the image with contours."""
    return SIDELOBES * radio.noise * 1e-3 / max(radio.sidelobes[1], 1e-3)


def draw_companions(instrument: Instrument, main: Sources, flux: Tensor, random: Random) -> Sources:
    """Draw an unrelated source close to part of the main sources, 0.05 to 1 times as bright, `flux` [Jy]."""
    reach = 40.0 * instrument.size_factor * random.uniform(0, 1).sqrt()
    angle = random.uniform(0, 2 * math.pi)
    is_present = random.chance(instrument.survey.companions)
    flux = flux * random.log_uniform(0.05, 1.0)
    columns = (main.image, main.x + reach * angle.cos(), main.y + reach * angle.sin(), flux)
    return _field_sources(instrument, tuple(c[is_present] for c in columns), is_present[:, None], random)


def _field_sources(instrument: Instrument, columns: tuple[Tensor, ...], is_present: Tensor, random: Random) -> Sources:
    """Give sources at positions x, y with a flux: doubles where they are large, else one Gaussian."""
    image, x, y, flux = columns
    n = is_present.shape[1]
    rank, angle, ratio, balance, kind = (
        random.uniform(low, high, n)[is_present] for low, high in ((0, 1), (0, math.pi), (0.2, 1), (0.3, 0.7), (0, 1))
    )
    size = counts.radio_sizes(rank, flux, instrument.radio.frequency).clamp(max=LARGEST)
    is_double = (kind < DOUBLES) & (size > 0.5 * instrument.radio.beam[1])
    major = torch.where(is_double, 0.12 * size, 0.4 * size)
    dx, dy = 0.4 * size * angle.cos(), 0.4 * size * angle.sin()
    owner = torch.arange(len(flux))
    sides = [
        Gaussians(owner, share * flux, x + sign * dx, y + sign * dy, major, ratio * major, angle)[chosen]
        for sign, share, chosen in ((1, balance, is_double), (-1, 1 - balance, is_double))
    ]
    single = Gaussians(owner, flux, x, y, major, ratio * major, angle)[~is_double]
    magnitude = random.normal(*instrument.infrared.hosts, n)[is_present].clamp(8, 22)
    infrared = counts.magnitudes_to_fluxes(magnitude, instrument.infrared)
    return Sources(image, x, y, infrared, Gaussians.concat(single, *sides))


def draw_infrared(instrument: Instrument, size: int, random: Random) -> Gaussians:
    """Draw the infrared galaxies and stars of each field that are no hosts, as points; `source` is the image."""
    band, half = instrument.infrared, 0.53 * size * instrument.pixel_scale
    mean = band.density * (2 * half / 3600) ** 2
    most = int(mean + 5 * mean**0.5 + 5)
    is_present = torch.arange(most) < random.poisson(mean, most)[:, None]
    flux = counts.infrared_fluxes(random.uniform(0, 1, most), band)[is_present]
    image = torch.arange(random.objects)[:, None].expand_as(is_present)[is_present]
    x, y = (random.uniform(-half, half, most)[is_present] for _ in range(2))
    zero = torch.zeros_like(x)
    return Gaussians(image, flux, x, y, zero, zero, zero)
