"""Which supernovae a survey finds, and which of those get a spectrum."""

from __future__ import annotations

import numpy as np

from .surveys import Survey


def detection_chance(snr: np.ndarray) -> np.ndarray:
    """Chance that a point is detected: 0.06 at S/N 3.9, 1 at 9.3, linear between; below it falls to 0 at 3.6.

    The two values are those of the simulation of the supernova challenge (Kessler et al. 2010, arXiv:1008.1024).
    """
    return np.interp(snr, [3.9 - 0.06 * 5.4 / 0.94, 3.9, 9.3], [0.0, 0.06, 1.0])


def is_detected(
    survey: Survey, snr: np.ndarray, owner: np.ndarray, time: np.ndarray, band: np.ndarray, n: int,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Whether a survey finds each of `n` objects: as `two_bands`, and detects it on as many nights as it asks for."""
    found = two_bands(snr, owner, band, n, len(survey.passbands.names))
    if survey.detections:
        found &= nights_detected(snr, owner, time, n, rng) >= survey.detections
    return found


def two_bands(snr: np.ndarray, owner: np.ndarray, band: np.ndarray, n: int, bands: int) -> np.ndarray:
    """Whether each of `n` objects has points with S/N > 5 in two bands at least, and five points."""
    high = snr > 5
    seen = np.zeros((n, bands), bool)
    seen[owner[high], band[high]] = True
    return (seen.sum(axis=1) >= 2) & (np.bincount(owner, minlength=n) >= 5)


def nights_detected(
    snr: np.ndarray, owner: np.ndarray, time: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Number of nights with a detection of each of `n` objects; points are sorted by object and time."""
    found = rng.random(len(snr)) < detection_chance(snr)
    owner, night = owner[found], np.floor(time[found] - 0.5)
    new = np.ones(len(owner), bool)
    new[1:] = (owner[1:] != owner[:-1]) | (night[1:] != night[:-1])
    return np.bincount(owner[new], minlength=n)


def spectrum_chance(peak_r: np.ndarray, peak_i: np.ndarray) -> np.ndarray:
    """Chance of a spectroscopic type, from the peak magnitudes in r and i.

    r: 0.30 (1 − x⁵), x = (m − 16) / 5.5; i: 0.30 (1 − x⁶), x = (m − 21.5) / 2, each within 0 ≤ x ≤ 1, and either
    suffices, as in the simulation of the supernova challenge: what is bright is typed, and mostly Ia.
    """
    x, y = (np.asarray(peak_r) - 16) / 5.5, (np.asarray(peak_i) - 21.5) / 2
    by_r = np.where((x >= 0) & (x <= 1), 0.30 * (1 - np.clip(x, 0, 1) ** 5), 0.0)
    by_i = np.where((y >= 0) & (y <= 1), 0.30 * (1 - np.clip(y, 0, 1) ** 6), 0.0)
    return 1 - (1 - by_r) * (1 - by_i)
