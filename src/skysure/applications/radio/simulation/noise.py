"""Noise and sidelobes of an interferometer: what its incomplete sampling of the Fourier plane leaves in an image."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from .instruments import Radio
from .random import Random
from .scenes import second_moments

ROTATIONS = 12
"""Orientations of the array that are computed; images take any of them."""
MARGIN = 28
"""Pixels around an image at least in which noise and sidelobes are computed too, so that edges do not meet."""
VLA_SPACING = 1.716
"""Antennas k = 1 to 9 of an arm of the VLA are at distances that grow as k^1.716 (Napier, Thompson & Ekers 1983)."""
SCATTERED = 30
"""Antennas of an array without arms."""


def padded_size(size: int) -> int:
    """Pixels along each side of the transforms: fast ones, as many on either side of the image."""
    padded = -(-(size + MARGIN) // 16) * 16
    return padded - size % 2


def crop(image: Tensor, size: int) -> Tensor:
    """Give the middle of images of the padded size."""
    margin = (image.shape[-1] - size) // 2
    return image[..., margin : margin + size, margin : margin + size]


def frequencies(n: int) -> tuple[Tensor, Tensor]:
    """Spatial frequencies u, v [1 / pixel] of a real transform, which broadcast to (row, column)."""
    return torch.fft.rfftfreq(n)[None, :], torch.fft.fftfreq(n)[:, None]


def beam_transform(beams: Tensor, scale: float, n: int) -> Tensor:
    """Fourier transforms of beams with a peak of 1, over that at frequency 0, shape (object, row, column).

    Parameters
    ----------
    beams : Tensor, shape (object, 3)
        Standard deviations along the axes [arcsec], and the angle of the major axis [rad].
    """
    u, v = frequencies(n)
    xx, yy, xy = (moment[:, None, None] / scale**2 for moment in second_moments(*beams.T))
    return (xx * (u * u) + yy * (v * v) + 2 * xy * (u * v)).mul_(-2 * math.pi**2).exp_()


@lru_cache(maxsize=8)
def coverage_excess(radio: Radio, scale: float, n: int) -> Tensor:
    """Density of the sampling of the Fourier plane over its mean at the same radius, minus 1.

    Shape (ROTATIONS, row, column). Multiplied with the transform of an image, it gives the sidelobes of its sources: a
    gap or a spoke in the sampling is a pattern in the image.
    """
    antennas = _antennas(radio.arms)
    separations = antennas[:, None] - antennas[None, :]
    baselines = separations[~torch.eye(len(antennas), dtype=torch.bool)]
    # the beam passes 5 % at the longest baselines
    longest = 0.39 * scale * 2.355 / math.sqrt(radio.beam[0] * radio.beam[1])
    baselines = baselines * (longest / torch.hypot(*baselines.T).max())
    turns = torch.linspace(-0.5, 0.5, max(1, round(radio.hours * 12))) * radio.hours * math.pi / 12
    return torch.stack([_excess(baselines, turns + k * math.pi / ROTATIONS, n) for k in range(ROTATIONS)])


def _antennas(arms: int) -> Tensor:
    """Positions of antennas, shape (antenna, 2), in any unit."""
    if arms:
        distance = (torch.arange(1, 10) / 9) ** VLA_SPACING
        angle = torch.arange(arms) * (2 * math.pi / arms)
        return torch.stack([torch.outer(f(angle), distance).flatten() for f in (torch.cos, torch.sin)], 1)
    random = Random(36, torch.arange(SCATTERED))
    return torch.stack([random.normal(), random.normal()], 1)


def _excess(baselines: Tensor, turns: Tensor, n: int) -> Tensor:
    """Count baselines in the cells of the Fourier plane while the array turns; compare with the mean of each ring."""
    x, y = baselines.T
    u, v = (torch.outer(turns.cos(), a) + sign * torch.outer(turns.sin(), b) for a, b, sign in ((x, y, -1), (y, x, 1)))
    column, row = ((k * n).round().long().flatten() for k in (u, v))
    inside = (column >= 0) & (column <= n // 2) & (row.abs() < n // 2)
    cells = (row[inside] % n) * (n // 2 + 1) + column[inside]
    count = torch.bincount(cells, minlength=n * (n // 2 + 1)).double().reshape(n, -1)
    ring = (torch.hypot(*frequencies(n)) * n).round().long()
    total = torch.zeros(int(ring.max()) + 1, dtype=torch.float64)
    mean = total.index_add(0, ring.flatten(), count.flatten()) / torch.bincount(ring.flatten()).double()
    excess = torch.where(mean[ring] > 0, count / mean[ring].clamp(min=1e-9) - 1, 0.0)
    excess[0, 0] = 0.0
    return excess.float()


def mean_over_plane(half: Tensor) -> Tensor:
    """Mean over all frequencies of something real and even, given on those of a real transform, shape (..., 1, 1)."""
    n = half.shape[-2]
    total = 2 * half.sum((-2, -1)) - half[..., 0].sum(-1)
    if n % 2 == 0:
        total = total - half[..., -1].sum(-1)
    return (total / n**2)[..., None, None]


def noise_transform(white: Tensor, beam: Tensor, excess: Tensor, share: float) -> Tensor:
    """Fourier transforms of noise of variance 1 with the correlation of the beam, and in part of sidelobes.

    Thermal noise samples the Fourier plane with the weights of the image, so that its autocorrelation is the beam; a
    `share` of the variance has that of the sidelobes of sources everywhere, the squared transform of the pattern.

    Parameters
    ----------
    white : Tensor, shape (object, row, column)
        White noise of variance 1.
    beam, excess : Tensor, shape (object, row, half of the columns + 1)
        Of `beam_transform` and `coverage_excess`.
    """
    power = beam * ((1 - share) / mean_over_plane(beam))
    if share:
        sidelobes = (beam * excess).square_()
        power += sidelobes * (share / mean_over_plane(sidelobes))
    return torch.fft.rfft2(white) * power.sqrt_()


def sidelobe_factor(beam: Tensor, excess: Tensor, amplitude: Tensor) -> Tensor:
    """Factor on the transform of a clean image for sidelobes whose largest is a fraction of the peak of a point source.

    Parameters
    ----------
    amplitude : Tensor, shape (object,)
    """
    n = beam.shape[-2]
    pattern = torch.fft.irfft2(beam * excess, s=(n, n)).abs().amax((1, 2))
    peak = mean_over_plane(beam)[:, 0, 0]
    return excess * (amplitude * peak / pattern.clamp(min=1e-20))[:, None, None]
