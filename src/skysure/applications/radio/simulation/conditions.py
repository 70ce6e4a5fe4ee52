"""How each image of a block is observed: beam, noise, sidelobes, place on the sky."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from ..classes import CLASSES
from .instruments import Instrument
from .noise import ROTATIONS
from .random import Random
from .rendering import FWHM


@dataclass(frozen=True, eq=False)
class Conditions:
    """How each image is observed, shape (object,), and which class its main source is to be of.

    Parameters
    ----------
    target : Tensor of int64
        Index in `classes.CLASSES`; -1: no main source.
    noise : Tensor
        RMS [Jy / beam].
    beam : Tensor, shape (object, 3)
        Standard deviations along the axes [arcsec], and the angle of the major axis from x to y [rad].
    rotation : Tensor of int64
        Orientation of the array.
    sidelobes : Tensor
        Largest sidelobe, as a fraction of the peak of its source.
    ra, dec : Tensor of float64
        Centre of the image [deg].
    """

    target: Tensor
    noise: Tensor
    beam: Tensor
    rotation: Tensor
    sidelobes: Tensor
    ra: Tensor
    dec: Tensor

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, selection: Tensor) -> Self:
        """Select images."""
        return type(self)(*(getattr(self, f.name)[selection] for f in fields(self)))


def draw_conditions(instrument: Instrument, random: Random) -> Conditions:
    """Draw how images are observed."""
    radio, survey = instrument.radio, instrument.survey
    shares = torch.tensor(survey.shares).cumsum(0)
    target = torch.searchsorted(shares / shares[-1], random.uniform()).clamp(max=len(CLASSES) - 1)
    axes = torch.tensor(radio.beam) / FWHM * random.normal(0, radio.beam_scatter).exp()[:, None]
    low, high = (math.sin(math.radians(limit)) for limit in instrument.declination)
    return Conditions(
        target=torch.where(random.chance(survey.empty), -1, target),
        noise=radio.noise * 1e-3 * random.normal(0, radio.noise_scatter).exp(),
        beam=torch.cat([axes, random.uniform(0, math.pi)[:, None]], 1),
        rotation=random.index(ROTATIONS), sidelobes=random.uniform(*radio.sidelobes),
        ra=random.uniform(0, 360).double(), dec=random.uniform(low, high).double().asin().rad2deg(),
    )  # fmt: skip
