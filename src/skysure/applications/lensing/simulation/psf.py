"""Point spread functions: diffraction by a pupil with aberrations, Moffat profiles, Gaussians."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from ..images import PSF_SIZE
from .instruments import PsfModel
from .random import Random

Psfs = Float[Tensor, "object row column"]

OVERSAMPLING = 3
"""Samples of a PSF along each side of a pixel."""
BANK = 192
"""PSFs of a telescope that are computed; those of images are mixtures of two, blurred and shifted."""
PUPIL = 64
"""Samples across a pupil."""
GAUSSIAN_FWHM = math.sqrt(8 * math.log(2))


def draw_psfs(model: PsfModel, pixel_scale: float, random: Random, size: int = PSF_SIZE) -> Psfs:
    """Draw a PSF for each object, integrated over pixels; its sum is 1."""
    if model.kind == "telescope":
        bank = telescope_bank(model, pixel_scale, size)
        first, second = (random.uniform(0, len(bank)).long().clamp(max=len(bank) - 1) for _ in range(2))
        weight = random.uniform()[:, None, None]
        psf = torch.lerp(bank[second], bank[first], weight)
    else:
        psf = _profiles(model, pixel_scale, random, size)
    blur = random.uniform(*model.jitter) / pixel_scale
    dx, dy = random.normal(0, model.offset), random.normal(0, model.offset)
    return blur_and_shift(psf, blur, dx, dy)


def blur_and_shift(psf: Psfs, sigma: Tensor, dx: Tensor, dy: Tensor) -> Psfs:
    """Convolve PSFs with Gaussians of rms `sigma` and move them by dx, dy, all in pixels and of shape (object,)."""
    size = psf.shape[-1]
    padded = size + 8
    kx, ky = torch.fft.rfftfreq(padded)[None, None, :], torch.fft.fftfreq(padded)[None, :, None]
    sigma, dx, dy = (v[:, None, None] for v in (sigma, dx, dy))
    damping = (-2 * (math.pi * sigma) ** 2 * (kx**2 + ky**2)).exp()
    transfer = torch.polar(damping, -2 * math.pi * (kx * dx + ky * dy))
    blurred = torch.fft.irfft2(torch.fft.rfft2(psf, s=(padded, padded)) * transfer, s=(padded, padded))
    return normalise(blurred[..., :size, :size])


def normalise(psf: Psfs) -> Psfs:
    """Set negative values to zero and the sum to 1."""
    positive = psf.clamp(min=0)
    return positive / positive.sum((-2, -1), keepdim=True)


@lru_cache(maxsize=8)
def telescope_bank(model: PsfModel, pixel_scale: float, size: int = PSF_SIZE) -> Psfs:
    """PSFs of a telescope with random aberrations, shape (BANK, row, column).

    The field in the focal plane is the Fourier transform of the pupil (Goodman, Introduction to Fourier Optics,
    eq. 6-13); intensities of the wavelengths are averaged, and integrated over pixels.
    """
    coefficients = Random(BANK, 814).normal(0, model.aberrations, len(_ZERNIKE))
    x, y = _pupil_grid()
    amplitude = _aperture(model, x, y)
    modes = torch.stack([mode(x, y) for mode in _ZERNIKE])
    path = torch.einsum("bm,mij->bij", coefficients, modes)
    n = size * OVERSAMPLING
    angle = (torch.arange(n) - (n - 1) / 2) * pixel_scale / OVERSAMPLING / 206264.806  # rad
    total = torch.zeros(BANK, n, n)
    for wavelength in model.wavelengths:
        phase = torch.polar(amplitude.expand_as(path), 2 * math.pi * path / wavelength)
        position = torch.linspace(-0.5, 0.5, PUPIL) * model.diameter / (wavelength * 1e-6)
        kernel = torch.polar(torch.ones(n, PUPIL), -2 * math.pi * angle[:, None] * position[None, :])
        total += (kernel @ phase @ kernel.T).abs() ** 2 / wavelength**2
    return normalise(total.unfold(1, OVERSAMPLING, OVERSAMPLING).unfold(2, OVERSAMPLING, OVERSAMPLING).sum((-2, -1)))


def _pupil_grid() -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(torch.linspace(-1, 1, PUPIL), torch.linspace(-1, 1, PUPIL), indexing="ij")
    return x, y


def _aperture(model: PsfModel, x: Tensor, y: Tensor) -> Tensor:
    """1 where light passes, 0 behind the secondary, its vanes and outside the primary."""
    r = torch.hypot(x, y)
    open_ = ((r <= 1) & (r >= model.obscuration)).float()
    for k in range(model.vanes):
        angle = math.pi / 4 + 2 * math.pi * k / model.vanes
        along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        open_[(along > 0) & (across.abs() < model.vane_width)] = 0
    return open_


_ZERNIKE = (
    lambda x, y: math.sqrt(3) * (2 * (x**2 + y**2) - 1),
    lambda x, y: math.sqrt(6) * (x**2 - y**2),
    lambda x, y: math.sqrt(6) * 2 * x * y,
    lambda x, y: math.sqrt(8) * (3 * (x**2 + y**2) - 2) * x,
    lambda x, y: math.sqrt(8) * (3 * (x**2 + y**2) - 2) * y,
    lambda x, y: math.sqrt(5) * (6 * (x**2 + y**2) ** 2 - 6 * (x**2 + y**2) + 1),
)
"""Focus, astigmatism, coma and spherical aberration (Noll 1976, table I), with an rms of 1 over a full disc."""


def _profiles(model: PsfModel, pixel_scale: float, random: Random, size: int) -> Psfs:
    """Elliptical Moffat profiles or Gaussians, integrated over pixels."""
    fwhm = (random.uniform(*model.fwhm) / pixel_scale)[:, None, None]
    e1, e2 = (random.normal(0, model.ellipticity)[:, None, None] for _ in range(2))
    n = size * OVERSAMPLING
    axis = (torch.arange(n) - (n - 1) / 2) / OVERSAMPLING
    x, y = axis[None, None, :], axis[None, :, None]
    r2 = ((1 - 2 * e1) * x**2 + (1 + 2 * e1) * y**2 - 4 * e2 * x * y) / fwhm**2
    if model.kind == "gaussian":
        fine = (-4 * math.log(2) * r2).exp()
    else:
        beta = random.uniform(*model.beta)[:, None, None]
        fine = (1 + 4 * (2 ** (1 / beta) - 1) * r2) ** -beta
    return normalise(fine.unfold(1, OVERSAMPLING, OVERSAMPLING).unfold(2, OVERSAMPLING, OVERSAMPLING).sum((-2, -1)))
