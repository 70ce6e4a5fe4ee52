"""Noise per pixel: from what the files give, or measured in the image."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from scipy.ndimage import uniform_filter

from .background import clipped
from .reading import Reading
from .roles import INVERSE_VARIANCE, SIGMA, VARIANCE, WEIGHT

MASKED = 1e7
"""Multiple of the median noise from which a pixel counts as masked."""
LAG = 3
"""Pixels between those whose differences measure the noise: neighbours in resampled images have noise in common."""
SMOOTH = 9
"""Pixels over which an image is averaged to tell sky from light."""
FEWEST = 30
"""Pixels without which no noise is measured."""
FITTING = 2.0
"""Factor within which weights fit the measured noise as inverse variances."""
TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation of a Gaussian."""


@dataclass(frozen=True)
class Unit:
    """What a value of the image means.

    Parameters
    ----------
    text : str
        As the header has it.
    per_second : bool, optional
        Whether it is a rate; None where it is neither counts nor a rate of counts.
    exposure : float, optional
        Seconds.
    gain : float
        Electrons per count; 1 where it counts electrons.
    """

    text: str = ""
    per_second: bool | None = None
    exposure: float | None = None
    gain: float = 1.0

    @property
    def electrons(self) -> float | None:
        """Electrons that one unit stands for; None where that is not known."""
        if self.per_second is None or (self.per_second and not self.exposure):
            return None
        return self.gain * (self.exposure or 1.0) if self.per_second else self.gain


def unit_of(headers: tuple[fits.Header, ...], reading: Reading) -> Unit:
    """Read unit, exposure time and gain from headers (the first that has them), or from the reading.

    Parameters
    ----------
    headers : tuple of Header
        Of the image, and of the primary extension.
    """
    text = next((str(h["BUNIT"]).strip() for h in headers if isinstance(h.get("BUNIT"), str)), "") or reading.unit
    exposure = reading.exposure_time or _number(headers, ("EXPTIME", "TEXPTIME", "EXPOSURE"))
    plain = re.sub(r"[\s*()^]", "", text.lower())
    gain = reading.gain or _number(headers, ("CCDGAIN", "GAIN", "ATODGAIN"))
    is_electron = re.match(r"(electrons?|e-?|photo-?electrons?)(\W|s|$)", plain) is not None
    is_count = re.match(r"(counts?|cts?|dn|adu)(\W|s|$)", plain) is not None
    if not (is_electron or is_count):
        return Unit(text, None, exposure)
    per_second = re.search(r"/s(ec\w*)?$|s-1$|/second$|per(s|sec|second)$", plain) is not None
    if is_count and not gain:
        return Unit(text, per_second, None, 1.0) if per_second else Unit(text, None, exposure)
    return Unit(text, per_second, exposure, 1.0 if is_electron else float(gain or 1.0))


def is_per_beam(text: str) -> bool:
    """Whether a unit is a flux density per beam.

    >>> [is_per_beam(unit) for unit in ("Jy/beam", "JY/BEAM", "mJy beam-1", "electron/s")]
    [True, True, True, False]
    """
    return re.search(r"jy.*beam", text, re.IGNORECASE) is not None


def _number(headers: tuple[fits.Header, ...], names: tuple[str, ...]) -> float | None:
    for header in headers:
        for name in names:
            value = header.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e12:
                return float(value)
    return None


def sky_noise(image: np.ndarray, mask: np.ndarray) -> float:
    """Measure the noise of the sky: the median absolute difference of pixels three apart, in the darker half.

    NaN where too few pixels are left.
    """
    used = np.where(mask, np.nan, image)
    if np.isfinite(used).sum() < FEWEST:
        return np.nan
    dark = _is_dark(image, mask)
    differences = []
    for axis in (0, 1):
        if used.shape[axis] > LAG:
            a, b = (np.take(used, range(*ends), axis) for ends in _ends(used.shape[axis]))
            both = np.take(dark, range(*_ends(used.shape[axis])[0]), axis) & np.isfinite(a) & np.isfinite(b)
            differences.append(a[both] - b[both])
    values = np.concatenate(differences) if differences else np.zeros(0)
    return TO_SIGMA * float(np.median(np.abs(values))) / np.sqrt(2) if len(values) >= FEWEST / 2 else np.nan


def _is_dark(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Whether a pixel lies in the darker half of the smoothed image: its own noise hardly decides."""
    smooth = uniform_filter(np.where(mask, np.median(image[~mask]), image), SMOOTH, mode="nearest")
    return ~mask & (smooth <= np.median(smooth[~mask]))


def _ends(length: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (0, length - LAG), (LAG, length)


def estimate(image: np.ndarray, mask: np.ndarray, unit: Unit) -> tuple[np.ndarray | None, list[str]]:
    """Estimate the noise from the image: that of its sky, and the photon noise of its light where the unit tells.

    An image in a unit per beam is that of an interferometer: it has no photon noise, and neighbours within a beam have
    their noise in common, so that it is measured by the clipped MAD of the pixels.

    Returns
    -------
    ndarray or None
        Standard deviation per pixel; None where it cannot be measured.
    list of str
        What was done.
    """
    per_beam = is_per_beam(unit.text)
    sky = clipped(image[~mask])[1] if per_beam else sky_noise(image, mask)
    if not 0 < sky < np.inf:
        return None, []
    if per_beam:
        return np.full(image.shape, sky), ["noise estimated"]
    if unit.electrons is None:
        return np.full(image.shape, sky), ["noise estimated", "photon noise not known"]
    background = float(np.median(image[_is_dark(image, mask)]))
    light = np.clip(np.where(mask, 0.0, image) - background, 0, None)
    return np.sqrt(sky**2 + light / unit.electrons), ["noise estimated"]


def to_sigma(
    values: np.ndarray, role: str, image: np.ndarray, mask: np.ndarray, unit: Unit
) -> tuple[np.ndarray, list[str]]:
    """Convert what is given to the standard deviation of each pixel; NaN where it has no meaning.

    A weight is the inverse of the variance where that fits the noise measured in the image. Else it is taken as
    proportional to it (exposure time), scaled to the measured noise, with the photon noise of the light added.
    """
    with np.errstate(all="ignore"):
        if role == SIGMA:
            return np.where(values > 0, values, np.nan), []
        if role == VARIANCE:
            return np.sqrt(np.where(values > 0, values, np.nan)), []
        sigma = 1 / np.sqrt(np.where(values > 0, values, np.nan))
        if role == INVERSE_VARIANCE:
            return sigma, []
    assert role == WEIGHT
    sky = sky_noise(image, mask)
    typical = _median(sigma[~mask])
    if not (0 < sky < np.inf and 0 < typical < np.inf) or 1 / FITTING < typical / sky < FITTING:
        return sigma, []
    scaled = sigma * (sky / typical)
    flags = ["noise scaled from weights"]
    if unit.electrons is not None:
        light = np.clip(np.where(mask, 0.0, image) - _median(image[_is_dark(image, mask)]), 0, None)
        return np.sqrt(scaled**2 + light / unit.electrons), flags
    return scaled, [*flags, "photon noise not known"]


def convert(sigma: np.ndarray, own: Unit, unit: Unit) -> tuple[np.ndarray, list[str]]:
    """Convert noise to the unit of the image where one is in counts and the other in counts per second."""
    if own.per_second is None or unit.per_second is None or own.per_second == unit.per_second or not unit.exposure:
        return sigma, []
    factor = 1 / unit.exposure if unit.per_second else unit.exposure
    return sigma * factor, ["noise converted between counts and counts per second"]


def is_bad(noise: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Whether the noise of a pixel is not finite, not positive, or 1e7 times its median or more."""
    bad = ~np.isfinite(noise) | (noise <= 0)
    typical = _median(noise[~bad & ~mask]) if (~bad & ~mask).any() else _median(noise[~bad])
    with np.errstate(all="ignore"):
        return bad | (noise >= MASKED * typical)


def _median(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else np.nan
