"""What is recorded of the scenes of a block: sky, sidelobes and noise in the radio; galaxies in the infrared."""

from __future__ import annotations

import torch
from torch import Tensor

from .conditions import Conditions
from .instruments import Instrument
from .noise import beam_transform, coverage_excess, crop, noise_transform, padded_size, sidelobe_factor
from .populations import draw_companions, draw_infrared, draw_main, draw_neighbours, signal_to_noise
from .random import Random
from .rendering import FWHM, render
from .scenes import Gaussians, Sources

CONDITIONS, NEIGHBOURS, NOISE, INFRARED, MAIN = range(5)
"""Streams of random numbers; each redrawing of main sources has one of its own, from MAIN on."""


class Sky:
    """Images of a block before their main sources are chosen: noise, other sources, and how sidelobes arise.

    Parameters
    ----------
    instrument : Instrument
    size : int
        Pixels along each side.
    seed : int
    numbers : Tensor of int64, shape (object,)
    conditions : Conditions
    """

    def __init__(self, instrument: Instrument, size: int, seed: int, numbers: Tensor, conditions: Conditions) -> None:
        self.instrument, self.size, self.conditions = instrument, size, conditions
        self.neighbours = draw_neighbours(instrument, size, Random(seed, numbers, NEIGHBOURS))
        self.padded = n = padded_size(size)
        self.radio = self._render(self.neighbours, conditions.beam)
        radio = instrument.radio
        beam = beam_transform(conditions.beam, instrument.pixel_scale, n)
        excess = coverage_excess(radio, instrument.pixel_scale, n)[conditions.rotation]
        white = Random(seed, numbers, NOISE).normal(0, 1, n, n)
        self.noise = noise_transform(white, beam, excess, radio.sidelobe_noise).mul_(conditions.noise[:, None, None])
        self.sidelobes = sidelobe_factor(beam, excess, conditions.sidelobes)

    def observe(self, images: Tensor, random: Random) -> tuple[Sources, Tensor]:
        """Draw main sources for some of the images; give all their sources, the main ones first, and the images."""
        conditions = self.conditions[images]
        prior = conditions.target.clamp(min=0)
        main = draw_main(self.instrument, self.size, prior, random)
        peak = self._render(main, conditions.beam).amax((1, 2)).clamp(min=1e-9)
        ratio = signal_to_noise(self.instrument, prior, random) * (conditions.target >= 0)
        main = main.scaled(ratio * conditions.noise / peak)
        flux = torch.zeros(len(images)).index_add_(0, main.gaussians.source, main.gaussians.flux)
        close = Sources.concat(main, draw_companions(self.instrument, main, flux, random))
        sky = self.radio[images] + self._render(close, conditions.beam)
        return Sources.concat(close, self.neighbours.of_images(images)), self._record(sky, images)

    def _render(self, sources: Sources, beam: Tensor) -> Tensor:
        return render(sources.gaussians, sources.gaussian_images, beam, self.padded, self.instrument.pixel_scale)

    def _record(self, sky: Tensor, images: Tensor) -> Tensor:
        """Add sidelobes and noise."""
        transform = torch.fft.rfft2(sky) * self.sidelobes[images] + self.noise[images]
        return crop(sky + torch.fft.irfft2(transform, s=sky.shape[-2:]), self.size)


def observe_infrared(instrument: Instrument, size: int, sources: Sources, random: Random) -> Tensor:
    """Images of host galaxies and of what else is in the field [Jy / beam], with noise; shape (object, row, column)."""
    band, scale, n = instrument.infrared, instrument.pixel_scale, padded_size(size)
    others, zero = draw_infrared(instrument, size, random), torch.zeros(len(sources))
    hosts = Gaussians(sources.image, sources.infrared, sources.x, sources.y, zero, zero, zero)
    galaxies = Gaussians.concat(hosts, others)
    psf = torch.tensor([[band.psf / FWHM, band.psf / FWHM, 0.0]]).expand(random.objects, 3)
    transfer = beam_transform(psf[:1], scale, n)
    noise = noise_transform(random.normal(0, band.noise * 1e-3, n, n), transfer, transfer, 0.0)
    image = render(galaxies, galaxies.source, psf, n, scale)
    return crop(image + torch.fft.irfft2(noise, s=(n, n)), size)
