"""Beam of a radio image by its header: keywords, or the history that AIPS writes."""

from __future__ import annotations

import re

import numpy as np
from astropy.io import fits

AIPS = re.compile(r"BMAJ=\s*([-+.\dEe]+)\s+BMIN=\s*([-+.\dEe]+)\s+BPA=\s*([-+.\dEe]+)")
ARCSEC = 3600.0


def beam_of(*headers: fits.Header) -> np.ndarray:
    """FWHM along the major and minor axis [arcsec], and position angle east of north [deg]; NaN where unknown.

    Parameters
    ----------
    *headers : Header
        The first that has a beam counts. BMAJ, BMIN [deg] and BPA [deg] of a header go before its HISTORY, of which the
        last entry counts.

    Examples
    --------
    >>> beam_of(fits.Header({"BMAJ": 0.0015, "BMIN": 0.001, "BPA": 30.0})).round(6).tolist()
    [5.4, 3.6, 30.0]
    """
    for header in headers:
        for values in (_by_keywords(header), *_by_history(header)):
            major, minor, angle = values
            if np.isfinite(values[:2]).all() and 0 < minor <= major < 180:
                return np.array([major * ARCSEC, minor * ARCSEC, angle if np.isfinite(angle) else 0.0])
    return np.full(3, np.nan)


def _by_keywords(header: fits.Header) -> tuple[float, float, float]:
    return _number(header.get("BMAJ")), _number(header.get("BMIN", header.get("BMAJ"))), _number(header.get("BPA"))


def _by_history(header: fits.Header) -> list[tuple[float, float, float]]:
    text = " ".join(str(line) for line in header.get("HISTORY", []))
    matches = AIPS.findall(text)
    return [(_number(a), _number(b), _number(c)) for a, b, c in reversed(matches)]


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")
