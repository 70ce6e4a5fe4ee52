"""Shapes of radio galaxies: cores, jets that fade outward, lobes with hotspots, bent or straight.

A source has a core and two sides. Along each runs a path, straight or swept back, on which Gaussians sit: close to each
other they make a jet or a lobe, with a compact hotspot at the end where jets end in one. Fanaroff & Riley (1974): in
class I brightness fades with the distance from the core, in class II it rises to the edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from .random import Random
from .scenes import Gaussians

BLOBS = 9
"""Gaussians of the jet or lobe of a side."""


@dataclass(frozen=True, eq=False)
class RadioGalaxies:
    """Parameters of radio galaxies, shape (galaxy,); those of the two sides (galaxy, 2).

    Parameters
    ----------
    x, y : Tensor
        Core, from the centre of the image [arcsec].
    length : Tensor, shape (galaxy, 2)
        From the core to the end of each side, along the path [arcsec].
    direction : Tensor, shape (galaxy, 2)
        In which each jet leaves the core, from x towards y [rad].
    bend : Tensor, shape (galaxy, 2)
        By which the path has turned at its end [rad].
    core : Tensor
        Fraction of the flux in the core.
    balance : Tensor
        Fraction of the other flux that is on the first side.
    inner : Tensor, shape (galaxy, 2)
        Where the visible lobe begins, as a fraction of the length.
    rise : Tensor
        Brightness grows along the lobe as exp(rise t), with t from 0 to 1; negative for class I.
    hotspot : Tensor
        Fraction of the flux of a side in its hotspot.
    width, opening : Tensor
        Standard deviation across a lobe at its inner end and its growth to the outer one, as fractions of the length.
    """

    x: Tensor
    y: Tensor
    length: Tensor
    direction: Tensor
    bend: Tensor
    core: Tensor
    balance: Tensor
    inner: Tensor
    rise: Tensor
    hotspot: Tensor
    width: Tensor
    opening: Tensor

    def __getitem__(self, selection: Tensor) -> Self:
        """Select galaxies."""
        return type(self)(*(getattr(self, f.name)[selection] for f in fields(self)))


def path(galaxies: RadioGalaxies, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Positions x, y [arcsec] and directions [rad] at fractions t of the length, each of shape (galaxy, 2, point).

    An arc of a circle: at t it has turned by bend t, and the chord to it makes half of that angle.
    """
    half = 0.5 * galaxies.bend[..., None] * t
    chord = galaxies.length[..., None] * t * torch.sinc(half / math.pi)
    start = galaxies.direction[..., None]
    x = galaxies.x[:, None, None] + chord * (start + half).cos()
    y = galaxies.y[:, None, None] + chord * (start + half).sin()
    return x, y, start + 2 * half


def emission(galaxies: RadioGalaxies, random: Random) -> Gaussians:
    """Make the Gaussians of galaxies of unit flux: a core, and BLOBS and a hotspot on each side."""
    n = len(galaxies.x)
    lobes, share = _lobes(galaxies, random), torch.stack([galaxies.balance, 1 - galaxies.balance], 1)
    side = share * (1 - galaxies.core)[:, None]
    weight = side[..., None] * (1 - galaxies.hotspot)[:, None, None] * lobes.pop("weight")
    ends = _hotspots(galaxies, random)
    core = torch.zeros(n)
    columns = {
        "flux": [weight, side * galaxies.hotspot[:, None], galaxies.core],
        "x": [lobes["x"], ends["x"], galaxies.x], "y": [lobes["y"], ends["y"], galaxies.y],
        "major": [lobes["major"], ends["size"], core], "minor": [lobes["minor"], ends["size"], core],
        "angle": [lobes["angle"], torch.zeros(n, 2), core],
    }  # fmt: skip
    joined = {name: torch.cat([part.reshape(n, -1) for part in parts], 1) for name, parts in columns.items()}
    owner = torch.arange(n)[:, None].expand_as(joined["flux"])
    return Gaussians(owner.flatten(), *(column.flatten() for column in joined.values()))


def _lobes(galaxies: RadioGalaxies, random: Random) -> dict[str, Tensor]:
    """Gaussians along the paths, with irregular places and fluxes, each column of shape (galaxy, 2, blob)."""
    step = (torch.arange(BLOBS) + random.uniform(0, 1, 2, BLOBS)) / BLOBS
    inner = galaxies.inner[..., None]
    x, y, angle = path(galaxies, inner + (1 - inner) * step)
    length = galaxies.length[..., None]
    across = length * (galaxies.width[:, None, None] + galaxies.opening[:, None, None] * step)
    along = torch.maximum(length * (1 - inner) / BLOBS, 0.7 * across)
    wobble = across * random.normal(0, 0.4, 2, BLOBS)
    weight = (galaxies.rise[:, None, None] * step).exp() * random.normal(0, 0.6, 2, BLOBS).exp()
    return {
        "x": x - wobble * angle.sin(), "y": y + wobble * angle.cos(), "major": along, "minor": across, "angle": angle,
        "weight": weight / weight.sum(2, keepdim=True),
    }  # fmt: skip


def _hotspots(galaxies: RadioGalaxies, random: Random) -> dict[str, Tensor]:
    """Compact ends of the jets, each column of shape (galaxy, 2)."""
    x, y, _ = path(galaxies, random.uniform(0.9, 1.0, 2, 1))
    return {"x": x[..., 0], "y": y[..., 0], "size": galaxies.length * random.log_uniform(0.01, 0.06, 2)}
