"""Selection: which supernovae a survey detects, and which of those get a spectrum."""

from __future__ import annotations

import numpy as np

from .surveys import Survey


def detection_chance(snr: np.ndarray) -> np.ndarray:
    """Give the detection probability of a point: 0.06 at S/N 3.9, 1 at 9.3, linear between; below it falls to 0 at 3.6.

    The two values are those of the simulation of the supernova challenge (Kessler et al. 2010, arXiv:1008.1024).
    """
    return np.interp(snr, [3.9 - 0.06 * 5.4 / 0.94, 3.9, 9.3], [0.0, 0.06, 1.0])


def is_detected(
    survey: Survey, snr: np.ndarray, owner: np.ndarray, time: np.ndarray, band: np.ndarray, n: int,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Whether a survey detects each of `n` objects: by `two_bands`, and on at least `survey.detections` nights."""
    detected = two_bands(snr, owner, band, n, len(survey.passbands.names))
    if survey.detections:
        detected &= nights_detected(snr, owner, time, n, rng) >= survey.detections
    return detected


def two_bands(snr: np.ndarray, owner: np.ndarray, band: np.ndarray, n: int, bands: int) -> np.ndarray:
    """Whether each of `n` objects has points with S/N > 5 in at least two bands, and at least five points."""
    high = snr > 5
    detected = np.zeros((n, bands), bool)
    detected[owner[high], band[high]] = True
    return (detected.sum(axis=1) >= 2) & (np.bincount(owner, minlength=n) >= 5)


def nights_detected(
    snr: np.ndarray, owner: np.ndarray, time: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Count the nights with a detection of each of `n` objects; points are sorted by object and time."""
    detected = rng.random(len(snr)) < detection_chance(snr)
    owner, night = owner[detected], np.floor(time[detected] - 0.5)
    new = np.ones(len(owner), bool)
    new[1:] = (owner[1:] != owner[:-1]) | (night[1:] != night[:-1])
    return np.bincount(owner[new], minlength=n)


def spectrum_chance(peak_r: np.ndarray, peak_i: np.ndarray) -> np.ndarray:
    """Give the probability of a spectroscopic type from the peak magnitudes in r and i.

    r: 0.30 (1 − x⁵), x = (m − 16) / 5.5; i: 0.30 (1 − x⁶), x = (m − 21.5) / 2, each within 0 ≤ x ≤ 1; either
    suffices, as in the simulation of the supernova challenge. Bright objects are typed, mostly Ia.
    """
    x, y = (np.asarray(peak_r) - 16) / 5.5, (np.asarray(peak_i) - 21.5) / 2
    by_r = np.where((x >= 0) & (x <= 1), 0.30 * (1 - np.clip(x, 0, 1) ** 5), 0.0)
    by_i = np.where((y >= 0) & (y <= 1), 0.30 * (1 - np.clip(y, 0, 1) ** 6), 0.0)
    return 1 - (1 - by_r) * (1 - by_i)
