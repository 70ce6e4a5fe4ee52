"""Noise, masks and cosmic rays of images."""

from __future__ import annotations

import torch
from torch import Tensor

from .instruments import Instrument
from .scenes import Discs, Tracks

TRACK = 16
"""Pixels of the longest cosmic ray."""


def constant_variance(instrument: Instrument, sky: Tensor, exposure: Tensor) -> Tensor:
    """Variance of a pixel without objects [(electron / s)²], shape (object,): sky, dark current and readout.

    (sky + dark) / t + readouts read_noise² / t²
    """
    return (sky + instrument.dark + instrument.readouts * instrument.read_noise**2 / exposure) / exposure


def correlated_noise(kernel: tuple[float, ...], objects: int, size: int, generator: torch.Generator) -> Tensor:
    """White noise of variance 1 smoothed by a kernel along rows and along columns, shape (object, row, column)."""
    padded = size + len(kernel) - 1
    noise = torch.randn(objects, padded, padded, generator=generator)
    if len(kernel) == 1:
        return noise
    for axis in (1, 2):
        first, *others = (noise.narrow(axis, k, size) for k in range(len(kernel)))
        smooth = first * kernel[0]
        for part, weight in zip(others, kernel[1:], strict=True):
            smooth.add_(part, alpha=weight)
        noise = smooth
    return noise


def mask_of(discs: Discs, objects: int, size: int, scale: float) -> Tensor:
    """Pixels within any of the discs of an image, shape (object, row, column)."""
    axis = (torch.arange(size) - (size - 1) / 2) * scale
    dx2, dy2 = (axis - discs.x[:, None]) ** 2, (axis - discs.y[:, None]) ** 2
    inside = (dx2[:, None, :] + dy2[:, :, None] < discs.radius[:, None, None] ** 2).to(torch.uint8)
    return torch.zeros(objects, size, size, dtype=torch.uint8).index_add_(0, discs.owner, inside) > 0


def add_cosmic_rays(image: Tensor, mask: Tensor, tracks: Tracks, exposure: Tensor) -> None:
    """Add the charge of cosmic rays, in place, and mask those that are to be masked, 2 x 2 pixels at every step."""
    size, step = image.shape[-1], torch.arange(TRACK)
    row = (tracks.row[:, None] + step * tracks.angle.sin()[:, None]).long()
    column = (tracks.column[:, None] + step * tracks.angle.cos()[:, None]).long()
    hit = (step < tracks.length[:, None]) & (row >= 0) & (row < size - 1) & (column >= 0) & (column < size - 1)
    pixel = ((tracks.owner[:, None] * size + row) * size + column)[hit]
    charge = (tracks.charge / exposure[tracks.owner])[:, None].expand_as(hit)[hit]
    image.view(-1).index_add_(0, pixel, charge)
    masked = pixel[tracks.is_masked[:, None].expand_as(hit)[hit]]
    for neighbour in (0, 1, size, size + 1):
        mask.view(-1)[masked + neighbour] = True
