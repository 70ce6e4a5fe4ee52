"""How many sources there are, how bright and how large: published distributions."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from .instruments import Infrared

HOPKINS = (0.859, 0.508, 0.376, -0.049, -0.121, 0.057, -0.008)
"""Coefficients of lg(S^2.5 dN/dS / (Jy^1.5 / sr)) in powers of lg(S / mJy) at 1.4 GHz: Hopkins et al. 2003 (AJ 125,
465), eq. 5, fitted from 0.05 to 1000 mJy."""
SPECTRAL_INDEX = -0.7
"""Of S ∝ frequency^index, by which the counts at 1.4 GHz are carried to other frequencies."""
SQUARE_DEGREES_PER_STERADIAN = 3282.806
BRIGHTEST = 1.0
"""Flux at 1.4 GHz of the brightest other sources in a field [Jy]."""


@lru_cache(maxsize=16)
def cumulative_counts(faintest: float) -> tuple[Tensor, Tensor]:
    """Fluxes at 1.4 GHz [Jy], falling from `BRIGHTEST` to `faintest`, and the number of brighter ones [1 / deg²]."""
    flux = torch.logspace(0, torch.log10(torch.tensor(faintest / BRIGHTEST)).item(), 400, dtype=torch.float64)
    flux = flux * BRIGHTEST
    log_flux = (flux * 1e3).log10().clamp(min=-1.3)
    power = sum(a * log_flux**k for k, a in enumerate(HOPKINS))
    density = 10**power * flux**-2.5 / SQUARE_DEGREES_PER_STERADIAN
    steps = 0.5 * (density[1:] + density[:-1]) * (flux[:-1] - flux[1:])
    return flux, torch.cat([torch.zeros(1, dtype=torch.float64), steps.cumsum(0)])


def flux_at_1400_mhz(flux: float, frequency: float) -> float:
    """Flux at 1.4 GHz of a source of this flux at a frequency [GHz]."""
    return flux * (1.4 / frequency) ** SPECTRAL_INDEX


def radio_density(faintest: float, frequency: float) -> float:
    """Sources brighter than a flux [Jy] at a frequency [GHz], per square degree."""
    return cumulative_counts(flux_at_1400_mhz(faintest, frequency))[1][-1].item()


def radio_fluxes(u: Tensor, faintest: float, frequency: float) -> Tensor:
    """Fluxes [Jy] at a frequency [GHz] of sources brighter than `faintest`, from uniform numbers."""
    flux, number = cumulative_counts(flux_at_1400_mhz(faintest, frequency))
    rank = u.double() * number[-1]
    upper = torch.searchsorted(number, rank).clamp(1, len(number) - 1)
    share = (rank - number[upper - 1]) / (number[upper] - number[upper - 1])
    log_flux = flux.log()
    drawn = torch.lerp(log_flux[upper - 1], log_flux[upper], share).exp()
    return (drawn / flux_at_1400_mhz(1.0, frequency)).float()


def radio_sizes(u: Tensor, flux: Tensor, frequency: float) -> Tensor:
    """Largest angular sizes [arcsec] of sources of a flux [Jy] at a frequency [GHz], from uniform numbers.

    Of sources with S mJy at 1.4 GHz, the fraction 2^(-(size / m)^0.62) is larger than a size, with the median
    m = 2 arcsec S^0.3 (Windhorst, Mathis & Neuschaefer 1990).
    """
    median = 2.0 * (flux_at_1400_mhz(1.0, frequency) * flux * 1e3) ** 0.3
    return median * (-u.log2()) ** (1 / 0.62)


def infrared_fluxes(u: Tensor, band: Infrared) -> Tensor:
    """Fluxes [Jy] of field galaxies and stars from uniform numbers; N(< m) grows as 10^(slope m)."""
    return magnitudes_to_fluxes(band.faintest + u.log10() / band.slope, band)


def magnitudes_to_fluxes(magnitude: Tensor, band: Infrared) -> Tensor:
    """Flux [Jy] of a Vega magnitude."""
    return band.zero_point * 10 ** (-0.4 * magnitude)
