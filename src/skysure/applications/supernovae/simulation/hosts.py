"""Photometric redshifts of host galaxies with errors, as a survey measures them."""

from __future__ import annotations

import numpy as np


def draw_photoz(redshift: np.ndarray, quality: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw host redshifts and their errors, NaN if missing.

    "good" is as optimistic as the supernova challenge: median error 0.0285, none missing, no outliers. "realistic":
    errors 0.03 (1 + z), one in six spectroscopic (0.001), 6 % of the others catastrophic outliers (another galaxy, or a
    failed fit) with ordinary errors, 12 % missing. "none": all missing.

    Parameters
    ----------
    redshift : ndarray, shape (object,)
        True redshifts.
    quality : {"good", "realistic", "none"}
    rng : numpy.random.Generator
    """
    n = len(redshift)
    noise, size = np.clip(rng.standard_normal(n), -2, 2), rng.standard_normal(n)
    kind, uniform = rng.random(n), rng.random(n)
    if quality == "none":
        return np.full(n, np.nan), np.full(n, np.nan)
    if quality == "good":
        error = 0.0285 * np.exp(0.43 * size)
        return np.maximum(redshift + error * noise, 0.005), error
    error = np.where(kind < 1 / 6, 0.001, 0.03 * (1 + redshift) * np.exp(0.4 * size))
    photoz = redshift + error * noise
    outlier = (kind > 1 / 6) & (kind < 1 / 6 + 0.06 * 5 / 6)
    photoz = np.where(outlier, 1.5 * uniform, photoz)
    missing = kind > 0.88
    return np.where(missing, np.nan, np.maximum(photoz, 0.005)), np.where(missing, np.nan, error)
