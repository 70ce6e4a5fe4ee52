"""Distances and volumes in a flat universe with matter and a cosmological constant."""

from __future__ import annotations

from functools import cache

import numpy as np

SPEED_OF_LIGHT = 299792.458
"""[km/s]"""
HUBBLE = 70.0
"""[km/s/Mpc]"""
MATTER = 0.3
_GRID = np.linspace(0.0, 4.0, 8001)


@cache
def _comoving_grid() -> np.ndarray:
    middle = (_GRID[1:] + _GRID[:-1]) / 2
    inverse = 1 / np.sqrt(MATTER * (1 + middle) ** 3 + 1 - MATTER)
    return np.concatenate([[0.0], np.cumsum(inverse) * _GRID[1]]) * SPEED_OF_LIGHT / HUBBLE


def comoving_distance(redshift: np.ndarray) -> np.ndarray:
    """Give the line-of-sight comoving distance [Mpc], for redshifts up to 4: c/H0 ∫ dz / sqrt(Ω(1+z)³ + 1 − Ω)."""
    return np.interp(redshift, _GRID, _comoving_grid())


def distance_modulus(redshift: np.ndarray) -> np.ndarray:
    """Give the distance modulus 5 log10(d_L / 10 pc) [mag]."""
    redshift = np.asarray(redshift, np.float64)
    return 5 * np.log10(comoving_distance(redshift) * (1 + redshift) * 1e5)


def volume_element(redshift: np.ndarray) -> np.ndarray:
    """Give the comoving volume of the whole sky per unit redshift [Mpc³]: 4π c/H d_C²."""
    redshift = np.asarray(redshift, np.float64)
    hubble = HUBBLE * np.sqrt(MATTER * (1 + redshift) ** 3 + 1 - MATTER)
    return 4 * np.pi * SPEED_OF_LIGHT / hubble * comoving_distance(redshift) ** 2


def events(rate: float, slope: float, low: float, high: float) -> float:
    """Give the events of the whole sky per observer's year between two redshifts, at rate (1+z)^slope [1/Mpc³/yr]."""
    return float(_cumulative(rate, slope, low, high)[1][-1])


def draw_redshift(uniform: np.ndarray, slope: float, low: float, high: float) -> np.ndarray:
    """Transform uniform numbers in 0..1 into redshifts distributed as (1+z)^(slope − 1) dV/dz."""
    grid, total = _cumulative(1.0, slope, low, high)
    return np.interp(uniform, total / total[-1], grid)


def _cumulative(rate: float, slope: float, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    grid = np.linspace(low, high, 2001)
    middle = (grid[1:] + grid[:-1]) / 2
    # time dilation: the observed rate is lower by 1 + z
    density = rate * (1 + middle) ** (slope - 1) * volume_element(middle)
    return grid, np.concatenate([[0.0], np.cumsum(density) * (grid[1] - grid[0])])
