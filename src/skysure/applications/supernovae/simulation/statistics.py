"""Summary statistics of light curves, one number per object, to compare samples."""

from __future__ import annotations

import numpy as np

from skysure.data.lightcurves import LightCurves

from .explosions import ZERO_POINT


def summary(curves: LightCurves, reference: tuple[str, ...] = ("r", "i")) -> dict[str, np.ndarray]:
    """Summarise light curves, real or simulated.

    Parameters
    ----------
    curves : LightCurves
    reference : tuple of str
        Bands whose point of highest S/N defines the maximum.

    Returns
    -------
    dict of str to ndarray, shape (object,)
        points; redshift; for each band b peak_b [mag] of the brightest point with S/N > 3, and snr_b, the highest
        S/N; for neighbouring bands colour_b_c [mag] within four days of the maximum; rise and decline [d]: from the
        first point above half of the maximum, and to the last one, in the reference bands. NaN if unknown.
    """
    snr = curves.flux / curves.flux_error
    in_reference = np.isin(curves.band, [curves.bands.index(b) for b in reference if b in curves.bands])
    brightest = _largest(curves, np.where(in_reference, snr, -np.inf))
    away = curves.time - curves.time[brightest][curves.owner]
    numbers = {"points": curves.counts.astype(np.float64), "redshift": curves.column("redshift")}
    near = {}
    for k, band in enumerate(curves.bands):
        mask = curves.band == k
        numbers[f"snr_{band}"] = _highest(curves, np.where(mask, snr, -np.inf))
        numbers[f"peak_{band}"] = _magnitude(_highest(curves, np.where(mask & (snr > 3), curves.flux, -np.inf)))
        near[band] = _mean_flux(curves, mask & (np.abs(away) < 4))
    for blue, red in zip(curves.bands[:-1], curves.bands[1:], strict=True):
        numbers[f"colour_{blue}_{red}"] = near[blue] - near[red]
    half = in_reference & (snr > 3) & (curves.flux > 0.5 * curves.flux[brightest][curves.owner])
    numbers["rise"] = _highest(curves, np.where(half, -away, 0.0))
    numbers["decline"] = _highest(curves, np.where(half, away, 0.0))
    return numbers


def _largest(curves: LightCurves, values: np.ndarray) -> np.ndarray:
    """Give the index of the point of the largest value of each object."""
    order = np.lexsort((values, curves.owner))
    return order[curves.offsets[1:] - 1]


def _highest(curves: LightCurves, values: np.ndarray) -> np.ndarray:
    highest = np.maximum.reduceat(values, curves.offsets[:-1])
    return np.where(np.isfinite(highest), highest, np.nan)


def _mean_flux(curves: LightCurves, mask: np.ndarray) -> np.ndarray:
    """Give the magnitude of the mean flux of the points of a mask, NaN unless it exceeds three times its error."""
    weight = np.where(mask, curves.flux_error**-2.0, 0.0)
    total = np.add.reduceat(weight, curves.offsets[:-1])
    flux = np.add.reduceat(weight * curves.flux, curves.offsets[:-1])
    # mean > 3 errors, with mean = flux / total and error = 1 / sqrt(total)
    return _magnitude(np.where(flux > 3 * np.sqrt(total), flux / np.maximum(total, 1e-300), np.nan))


def _magnitude(flux: np.ndarray) -> np.ndarray:
    return ZERO_POINT - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))
