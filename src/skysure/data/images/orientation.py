"""Pixel scale and orientation on the sky, by the WCS of a header or by the reading."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from skysure.errors import InputError

from .reading import Reading

SQUARE = 0.02
"""Largest difference in scale, relative, of the two axes of pixels that count as square."""


MOST_AXES = 99
"""Axes of a WCS."""


@dataclass(frozen=True)
class Orientation:
    """How an image lies on the sky at one point.

    Parameters
    ----------
    pixel_scale : float
        Arcsec per pixel: the square root of the area of a pixel.
    north : float
        Direction of north, counter-clockwise from +x (columns) [deg].
    parity : float
        +1 where east is 90 degrees counter-clockwise of north, -1 in mirror images.
    flags : tuple of str
        What was assumed.
    ra, dec : float
        ICRS [deg]; NaN where unknown.
    """

    pixel_scale: float
    north: float = 90.0
    parity: float = 1.0
    flags: tuple[str, ...] = ()
    ra: float = np.nan
    dec: float = np.nan


def celestial_wcs(header: fits.Header) -> WCS | None:
    """Make the celestial WCS of a header, with its distortions; None where it has none that can be used.

    wcslib ends the process where a damaged header claims tens of thousands of axes.
    """
    axes = [value for keyword, value in header.items() if keyword.startswith("WCSAXES")]
    if not all(isinstance(value, int) and 0 < value <= MOST_AXES for value in axes):
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            wcs = WCS(header, naxis=2) if header.get("NAXIS", 2) == 2 else WCS(header).celestial
            return wcs if wcs.has_celestial and wcs.naxis == 2 else None
        except Exception:  # whatever a damaged header makes wcslib raise: there is no WCS then
            return None


def coordinates(header: fits.Header, row: int, column: int) -> str:
    """Give the celestial coordinates of a section that begins at this row and column, as the text of a FITS header.

    Empty where there are none that can be used.
    """
    wcs = celestial_wcs(header)
    if wcs is None:
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if row >= 0 and column >= 0:
            wcs = wcs.slice((slice(row, None), slice(column, None)))
        else:
            wcs = wcs.deepcopy()
            wcs.wcs.crpix -= np.array([column, row])
        return wcs.to_header_string(relax=True)


def orientation(header: fits.Header, reading: Reading, x: float, y: float, file: str) -> Orientation:
    """Give pixel scale and orientation at a pixel, the first being 0; the reading overrides the header.

    Raises
    ------
    InputError
        Where neither has a pixel scale.
    """
    by_wcs = _by_wcs(header, x, y)
    scale = reading.pixel_scale or (by_wcs.pixel_scale if by_wcs else _scale_keyword(header))
    if scale is None:
        raise InputError(
            f"{file}: no WCS that can be used, and no pixel scale", "arcsec per pixel",
            "the cutout was written without its header", "[reading] pixel_scale = 0.05",
        )  # fmt: skip
    ra, dec = (by_wcs.ra, by_wcs.dec) if by_wcs else (np.nan, np.nan)
    if reading.position_angle_of_y is not None:
        parity = -1.0 if reading.mirrored else 1.0
        return Orientation(scale, 90 - parity * reading.position_angle_of_y, parity, (), ra, dec)
    if by_wcs:
        return Orientation(scale, by_wcs.north, by_wcs.parity, by_wcs.flags, ra, dec)
    return Orientation(scale, flags=("orientation assumed: north up, east left",))


def _by_wcs(header: fits.Header, x: float, y: float) -> Orientation | None:
    """Differentiate the WCS at a pixel, by half a pixel to each side; None where it gives nothing finite."""
    wcs = celestial_wcs(header)
    if wcs is None:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            ra, dec = sky_of(wcs, x + np.array([0, 0.5, -0.5, 0, 0]), y + np.array([0, 0, 0, 0.5, -0.5]))
        except Exception:
            return None
        east, north = _offsets(ra, dec)
    jacobian = np.array([[east[1] - east[2], east[3] - east[4]], [north[1] - north[2], north[3] - north[4]]])
    area = float(np.linalg.det(jacobian)) if np.isfinite(jacobian).all() else 0.0
    if not 1e-12 < abs(area) < 1e12:
        return None
    direction = np.linalg.solve(jacobian, [0.0, 1.0])
    scales = np.hypot(*jacobian)
    skewed = abs(scales[0] - scales[1]) > SQUARE * scales.max() or scales.prod() > (1 + SQUARE) * abs(area)
    return Orientation(
        float(np.sqrt(abs(area))), float(np.degrees(np.arctan2(direction[1], direction[0]))),
        -float(np.sign(area)), ("pixels are not square",) if skewed else (),
        float(ra[0] % 360), float(dec[0]),
    )  # fmt: skip


def sky_of(wcs: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the ICRS positions of pixels, the first being 0: ra and dec [deg]."""
    is_icrs = wcs.wcs.radesys == "ICRS" or (wcs.wcs.radesys == "" and not wcs.wcs.equinox < 1984)
    if wcs.wcs.lngtyp == "RA" and is_icrs:
        longitude, latitude = wcs.all_pix2world(x, y, 0)
        return (longitude, latitude) if wcs.wcs.lng < wcs.wcs.lat else (latitude, longitude)
    sky = wcs.pixel_to_world(x, y).transform_to("icrs")
    return sky.ra.deg, sky.dec.deg


def _offsets(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of positions from the first one, projected on its tangent plane: east and north [arcsec]."""
    a, d = np.radians(ra), np.radians(dec)
    direction = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    east = np.array([-np.sin(a[0]), np.cos(a[0]), 0])
    north = np.array([-np.sin(d[0]) * np.cos(a[0]), -np.sin(d[0]) * np.sin(a[0]), np.cos(d[0])])
    step = np.degrees(direction - direction[:, :1]) * 3600
    return east @ step, north @ step


def _scale_keyword(header: fits.Header) -> float | None:
    scale = header.get("PIXSCALE")
    is_number = isinstance(scale, (int, float)) and not isinstance(scale, bool)
    return float(scale) if is_number and 1e-3 < scale < 100 else None
