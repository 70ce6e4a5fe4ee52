"""PSFs as they are given, brought to an odd number of pixels, the middle, and a sum of one."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import shift, zoom

MOST = 1025
"""Pixels along each side of the largest PSF."""
CENTRED = 0.3
"""Pixels by which a PSF may be off its middle."""
FINER = 9
"""Factor of the grid on which the width is measured."""
WINDOW = 3
"""Pixels around the peak by which the centre is measured."""


def prepare(psf: np.ndarray) -> tuple[np.ndarray | None, list[str]]:
    """Bring a PSF to an odd number of pixels, its centre to the middle and its sum to 1.

    Parameters
    ----------
    psf : ndarray, shape (row, column)
        At the pixel scale of the image.

    Returns
    -------
    ndarray or None
        None where it cannot be used.
    list of str
        What was changed.
    """
    if psf.ndim != 2 or not 3 <= min(psf.shape) <= max(psf.shape) <= MOST:
        return None, ["PSF not usable"]
    psf = np.where(np.isfinite(psf), psf, 0.0).astype(np.float64)
    total = psf.sum()
    if not (0 < total < np.inf and psf.max() > 0):
        return None, ["PSF not usable"]
    flags = [] if abs(total - 1) < 0.01 else ["PSF normalised"]
    is_even = [n % 2 == 0 for n in psf.shape]
    psf = np.pad(psf / total, [(0, int(even)) for even in is_even])
    offset = _centre(psf) - (np.array(psf.shape) - 1) / 2
    if np.abs(offset).max() > CENTRED:
        flags.append("PSF of an even number of pixels resampled" if any(is_even) else "PSF moved to its middle")
        psf = np.maximum(shift(psf, -offset, order=3, mode="constant"), 0)
        if not psf.sum() > 0.5:
            return None, ["PSF not usable"]
        psf /= psf.sum()
    return psf.astype(np.float32), flags


def _centre(psf: np.ndarray) -> np.ndarray:
    """Centre of the light around the peak: row and column."""
    peak = np.array(np.unravel_index(np.argmax(psf), psf.shape))
    for _ in range(2):
        rows, columns = (np.arange(n) for n in psf.shape)
        near = (abs(rows[:, None] - peak[0]) <= WINDOW) & (abs(columns[None] - peak[1]) <= WINDOW)
        weight = np.where(near, np.maximum(psf, 0), 0)
        peak = np.array([(weight.sum(1) * rows).sum(), (weight.sum(0) * columns).sum()]) / max(weight.sum(), 1e-300)
    return peak


def width(psf: np.ndarray) -> float:
    """Full width at half maximum [pixel]: of a disc with the area above half the peak, on a finer grid."""
    fine = zoom(psf.astype(np.float64), FINER, order=3, grid_mode=True, mode="grid-constant")
    return 2 * float(np.sqrt((fine >= fine.max() / 2).sum() / np.pi)) / FINER
