"""Scenes: what a block of images shows, as flat lists of galaxies, clumps, masked discs and cosmic rays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor

from .light import Pixelated


@dataclass(frozen=True, eq=False)
class Owned:
    """A list of things that belong to images: fields of shape (thing,), of which `owner` is the index of the image."""

    owner: Tensor

    def __len__(self) -> int:
        return len(self.owner)

    def __getitem__(self, selection: Any) -> Self:
        """Select things by a mask or indices; fields with further axes, as (image, thing), become flat."""
        return type(self)(*(getattr(self, f.name)[selection] for f in fields(self)))

    def of_images(self, start: int, stop: int) -> Self:
        """Give those of some images, which are counted from `start` on."""
        inside = (self.owner >= start) & (self.owner < stop)
        columns = [getattr(self, f.name)[inside] for f in fields(self)]
        return type(self)(columns[0] - start, *columns[1:])

    @classmethod
    def concat(cls, *several: Self) -> Self:
        """Join lists."""
        return cls(*(torch.cat([getattr(one, f.name) for one in several]) for f in fields(cls)))


@dataclass(frozen=True, eq=False)
class Galaxies(Owned):
    """Sersic profiles: total flux, half-light radius [arcsec], index, ellipticity, and centre [arcsec]."""

    flux: Tensor
    radius: Tensor
    index: Tensor
    e1: Tensor
    e2: Tensor
    x: Tensor
    y: Tensor


@dataclass(frozen=True, eq=False)
class Clumps(Owned):
    """Round Gaussians: total flux, standard deviation [arcsec], and centre [arcsec]."""

    flux: Tensor
    sigma: Tensor
    x: Tensor
    y: Tensor


@dataclass(frozen=True, eq=False)
class Discs(Owned):
    """Discs of masked pixels: centre and radius [arcsec]."""

    x: Tensor
    y: Tensor
    radius: Tensor


@dataclass(frozen=True, eq=False)
class Tracks(Owned):
    """Cosmic rays: start [pixel], direction [rad], length [pixel], electrons per pixel, and whether they are masked."""

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
    mass : Tensor, shape (object, 7)
        theta_E, e1, e2, x, y, gamma1, gamma2 in the conventions of `parameters`.
    light : Galaxies
        Lens galaxies and neighbours; fluxes in electrons per second.
    source : Galaxies
        In the source plane; relative fluxes.
    clumps : Clumps
        Of the sources; fluxes on the scale of theirs.
    signal_to_noise : Tensor
        Of the lensed source over all pixels that are not masked: sqrt(sum of (flux / noise)²), with the noise of sky
        and lens light.
    psf : Tensor, shape (object, row, column)
    exposure : Tensor
        Exposure time [s].
    sky : Tensor
        Of which the noise is that of the background [electron / s / pixel].
    background : Tensor
        What is left of the sky in the image [standard deviation of the noise of the sky].
    discs : Discs
    tracks : Tracks
    stamp : Pixelated, optional
        Images of real galaxies as sources, in place of `source` and `clumps`.
    """

    mass: Tensor
    light: Galaxies
    source: Galaxies
    clumps: Clumps
    signal_to_noise: Tensor
    psf: Tensor
    exposure: Tensor
    sky: Tensor
    background: Tensor
    discs: Discs
    tracks: Tracks
    stamp: Pixelated | None = None

    def __len__(self) -> int:
        return len(self.mass)

    def of_images(self, start: int, stop: int) -> Scene:
        """Give the scene of some of the images."""
        columns = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Owned):
                value = value.of_images(start, stop)
            elif isinstance(value, Tensor):
                value = value[start:stop]
            elif value is not None:
                value = type(value)(*(getattr(value, g.name)[start:stop] for g in fields(value)))
            columns[f.name] = value
        return Scene(**columns)
