"""Simulated radio fields as a source: the verb simulate."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from skysure.data.simulated import SimulatedSource
from skysure.data.sources import Source
from skysure.data.split import PARTS

from .images import RadioImages
from .settings import Schema, Settings
from .simulation.conditions import Conditions
from .simulation.fields import Fields, draw_fields
from .simulation.instruments import Instrument, instrument
from .simulation.rendering import FWHM
from .truth import Truth

BLOCK = 128
"""Images drawn at a time."""
SECONDS_PER_DEGREE = 3600.0
CARD = 80
"""Characters of a line of a FITS header."""
HEADER = (
    ("WCSAXES", "2"), ("CTYPE1", "'RA---SIN'"), ("CTYPE2", "'DEC--SIN'"), ("CUNIT1", "'deg     '"),
    ("CUNIT2", "'deg     '"), ("CRPIX1", "{centre}"), ("CRPIX2", "{centre}"), ("CDELT1", "-{step}"),
    ("CDELT2", "{step}"), ("CRVAL1", "{ra}"), ("CRVAL2", "{dec}"), ("RADESYS", "'ICRS    '"),
)  # fmt: skip
"""Header of the images: orthographic, as interferometers project the sky; north up, east left."""


def simulate(settings: Settings, n: int | None, seed: int) -> Source:
    """Simulate n images of radio sources; None: endless for training, fixed for the other parts.

    Image k is the same whatever n is: it depends on the settings, the seed and k.
    """
    telescope = instrument(settings.instrument)
    draw = partial(draw_images, telescope, settings.size, settings.bands)
    sizes = {part: getattr(settings, part) for part in PARTS[1:]}
    return SimulatedSource(_schema(telescope), draw, n, seed, sizes)


def _schema(telescope: Instrument) -> Schema:
    major, minor = telescope.radio.beam
    scatter = 1 + 3 * telescope.radio.beam_scatter
    return Schema(pixel_scale=telescope.pixel_scale, beam=(minor / scatter, major * scatter), instrument=telescope.name)


def draw_images(
    instrument: Instrument, size: int, bands: tuple[str, ...], seed: int, block: int, first: int
) -> RadioImages:
    """Draw block number `block` of the stream `seed`; its first image has the number `first`.

    An image depends on the seed and its own number alone, not on the size of the block.
    """
    return images_of(instrument, size, bands, seed, torch.arange(first, first + BLOCK))


def images_of(instrument: Instrument, size: int, bands: tuple[str, ...], seed: int, numbers: Tensor) -> RadioImages:
    """Draw the images with these numbers of the stream `seed`.

    Parameters
    ----------
    instrument : Instrument
    size : int
        Pixels along each side.
    bands : tuple of str
        "radio", or "radio" and "infrared".
    numbers : Tensor of int64, shape (object,)
    """
    field = draw_fields(instrument, size, seed, numbers, infrared="infrared" in bands)
    conditions, n = field.conditions, len(numbers)
    image, noise, beam = [field.radio], [conditions.noise], [beams_on_sky(conditions.beam)]
    if field.infrared is not None:
        band = instrument.infrared
        image.append(field.infrared)
        noise.append(torch.full((n,), band.noise * 1e-3))
        beam.append(torch.tensor([band.psf, band.psf, 0.0]).expand(n, 3))
    return RadioImages(
        image=torch.stack(image, 1).numpy(), noise=torch.stack(noise, 1).numpy(), beam=torch.stack(beam, 1).numpy(),
        pixel_scale=instrument.pixel_scale, bands=bands, wcs=headers(conditions, size, instrument.pixel_scale),
        ids=[f"{seed}-{k}" for k in numbers.tolist()], truth=truth_of(field, n),
    )  # fmt: skip


def truth_of(field: Fields, images: int) -> Truth:
    """Sources that are seen, as labels."""
    columns = dict(field.seen)
    image, boxes, labels, hosts = (columns.pop(name) for name in ("image", "boxes", "labels", "hosts"))
    return Truth(np.bincount(image, minlength=images), boxes, labels, hosts=hosts, columns=columns)


def beams_on_sky(beam: Tensor) -> Tensor:
    """FWHM along the axes [arcsec] and position angle [deg] of beams, shape (object, 3); east is left."""
    width = beam[:, :2] * FWHM
    return torch.cat([width, ((beam[:, 2:].rad2deg() - 90) % 180)], 1)


def headers(conditions: Conditions, size: int, pixel_scale: float) -> list[str]:
    """FITS headers of the celestial coordinates of images, around their centres."""
    step, centre = pixel_scale / SECONDS_PER_DEGREE, (size + 1) / 2
    cards = [f"{name:<8}= {value}" for name, value in HEADER]
    places = zip(conditions.ra.tolist(), conditions.dec.tolist(), strict=True)
    return [
        "".join(card.format(centre=centre, step=step, ra=ra, dec=dec).ljust(CARD) for card in cards)
        for ra, dec in places
    ]
