"""Images, PSFs and WCS of which all is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

Write = Callable[..., Path]
SIZE = 48
SKY = 0.01


def tangent(size: int = SIZE, scale: float = 0.05, angle: float = 0.0, mirrored: bool = False) -> WCS:
    """WCS of a tangential projection around ra 150, dec 2; `angle` is the position angle of +y."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [150.0, 2.0], [(size + 1) / 2] * 2
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    east = 1 if mirrored else -1
    # columns: where +x and +y point, as (east, north)
    wcs.wcs.cd = np.array([[east * cos, sin], [-east * sin, cos]]) * scale / 3600
    return wcs


def galaxy(size: int = SIZE, seed: int = 1, noise: float = SKY) -> np.ndarray:
    """A round galaxy in the middle, with noise."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return 2 * np.exp(-np.hypot(x, y) / 3) + np.random.default_rng(seed).normal(0, noise, (size, size))


def gaussian_psf(size: int = 15, sigma: float = 1.0, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
    """A Gaussian of sum 1, off the middle by dx, dy."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    psf = np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / (2 * sigma**2))
    return psf / psf.sum()


def write_image(
    folder: Path, name: str, image: np.ndarray | None = None, *, wcs: WCS | None = None, bare: bool = False,
    cards: dict[str, Any] | None = None, **extensions: np.ndarray,
) -> Path:  # fmt: skip
    """Write a FITS file: an image (a galaxy), its WCS unless it is bare, header cards, and extensions by name."""
    primary = fits.PrimaryHDU(galaxy() if image is None else image)
    if not bare:
        primary.header.update((tangent() if wcs is None else wcs).to_header(relax=True))
    primary.header.update(cards or {})
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    hdus = [primary, *(fits.ImageHDU(values, name=key) for key, values in extensions.items())]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path
