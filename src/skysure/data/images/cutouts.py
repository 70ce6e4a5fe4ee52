"""One object out of its files: pixels, noise, mask, PSF, orientation, and what was assumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits

from skysure.data.files.entries import Entry
from skysure.errors import InputError

from . import noise as noises
from . import psf as psfs
from .frames import Frame, Window, companion, open_frames, select
from .orientation import Orientation, orientation
from .plan import ImageFiles
from .reading import Reading
from .roles import MASK, NOISE, PSF, SIGMA

LARGEST = 512
"""Pixels along each side of the largest image that is read; of a larger one the middle."""
MOSAIC = 3000
"""Pixels along a side from which an image is a mosaic, whose middle is no object of interest."""
LEAST_USABLE = 0.1
"""Fraction of pixels that must not be masked."""
CENTRE = 0.05
"""Half the side of the central region of an image, relative to its side."""
LSST_BITS = ("MP_BAD", "MP_SAT", "MP_CR", "MP_NO_DATA", "MP_UNMASKEDNAN")
"""Header keywords of the bits of an LSST mask that make a pixel useless; others say what was detected in it."""


@dataclass(frozen=True)
class Cutout:
    """An image of an object, ready to be used.

    Parameters
    ----------
    id, file : str
    image, noise : ndarray of float32, shape (row, column)
        Finite; 0 and the median noise where masked.
    mask : ndarray of bool, shape (row, column)
        True where a pixel is not to be used.
    psf : ndarray, optional
        Normalised, centred, of an odd number of pixels.
    orientation : Orientation
    unit : str
    header : dict of str to value
        The header keywords that the reading names as columns, by our names.
    flags : tuple of str
        What was assumed or changed.
    headers : tuple of Header
        Of the image and of its file, the one that counts first.
    window : Window, optional
        The pixels of the file that it is.
    """

    id: str
    file: str
    image: np.ndarray
    noise: np.ndarray
    mask: np.ndarray
    psf: np.ndarray | None
    orientation: Orientation
    unit: str = ""
    header: dict[str, object] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    headers: tuple[fits.Header, ...] = ()
    window: Window | None = None


@dataclass(frozen=True)
class OpenImage:
    """An image whose files are open, with the frames that belong to it.

    Parameters
    ----------
    id : str
    frame : Frame
    companions : dict of str to Frame
        By role.
    reading : Reading
    largest : int
        Pixels along each side of the largest image that is read; of a larger one the middle.
    """

    id: str
    frame: Frame
    companions: dict[str, Frame]
    reading: Reading
    largest: int = LARGEST

    @property
    def headers(self) -> tuple[fits.Header, ...]:
        """Headers of the image and of its file, the one that counts first."""
        return (self.frame.header, self.frame.primary)

    def window(self, x: float | None = None, y: float | None = None) -> Window:
        """Choose the pixels to read: around a point, or around the centre of the reading, or of the image."""
        rows, columns = self.frame.size
        size = self.reading.size
        if x is None and self.reading.center is not None:
            x, y = self.reading.center
        if x is None or y is None:
            if not size and max(rows, columns) >= MOSAIC:
                raise InputError(
                    f"{self.frame.label}: {columns:,} × {rows:,} pixels", "a cutout with the object in its middle",
                    "a mosaic", '--positions objects.csv (columns id, ra, dec), or [reading] center = [x, y]',
                )  # fmt: skip
            height, wide = (size, size) if size else (min(rows, self.largest), min(columns, self.largest))
            return Window((rows - height) // 2, (columns - wide) // 2, height, wide)
        size = size or min(max(rows, columns), self.largest)
        corner = [int(np.floor(c - (size - 1) / 2 + 0.5)) for c in (y, x)]
        return Window(corner[0], corner[1], size, size)

    def cut(self, name: str, window: Window) -> Cutout:
        """Read the pixels of a window, and what belongs to them.

        Raises
        ------
        InputError
            Where they cannot be used.
        """
        reading, label, flags = self.reading, self.frame.label, []
        centre = window.column + (window.columns - 1) / 2, window.row + (window.rows - 1) / 2
        place = orientation(self.frame.header, reading, *centre, label)
        image = self.frame.read(window, reading.plane)
        with np.errstate(all="ignore"):
            image = np.where(np.abs(image) < np.finfo(np.float32).max, image, np.nan)
        mask = ~np.isfinite(image)
        mask |= self._mask(window)
        _check_pixels(image, mask, label)
        unit = noises.unit_of(self.headers, reading)
        noise, what = self._noise(window, image, mask, unit)
        flags += what
        with np.errstate(all="ignore"):
            noise = noise.astype(np.float32).astype(np.float64)  # 0 or infinite where it is beyond single precision
        mask |= noises.is_bad(noise, mask)
        _check_usable(mask, label)
        flags += ["the centre is masked"] if mask[_central(mask.shape)].all() else []
        psf, what = self._psf()
        typical = float(np.median(noise[~mask]))
        return Cutout(
            name, self.frame.file, np.where(mask, 0, image).astype(np.float32),
            np.where(mask, typical, noise).astype(np.float32), mask, psf, place, unit.text,
            self._keywords(),
            (*flags, *what, *place.flags), self.headers, window,
        )  # fmt: skip

    def _keywords(self) -> dict[str, object]:
        values = {
            name: next((header[key] for header in self.headers if key in header), None)
            for name, key in self.reading.columns.items()
        }
        return {name: value for name, value in values.items() if isinstance(value, (str, int, float))}

    def _companion(self, role: str, window: Window) -> np.ndarray:
        frame = self.companions[role]
        if frame.size != self.frame.size:
            ours, theirs = (" × ".join(map(str, f.size)) for f in (self.frame, frame))
            raise InputError(
                f"{frame.label}: {role} of {theirs} pixels for an image of {ours}", "as many pixels",
                "that of another cutout", "cut both alike",
            )  # fmt: skip
        return frame.read(window, self.reading.plane if len(frame.shape) > 2 else None)

    def _mask(self, window: Window) -> np.ndarray:
        """Pixels that the mask marks as bad; those outside of the image are so already."""
        if MASK not in self.companions:
            return np.zeros((window.rows, window.columns), bool)
        values = self._companion(MASK, window)
        header = self.companions[MASK].header
        bits = self.reading.mask_bits
        planes = [header[key] for key in LSST_BITS if isinstance(header.get(key), int)]
        if bits is None and planes:
            bits = sum(1 << plane for plane in planes if 0 <= plane < 63)
        if bits is None:
            return np.isfinite(values) & (values != 0)
        with np.errstate(all="ignore"):
            whole = np.where(np.abs(values) < 2**62, np.nan_to_num(values), 0).astype(np.int64)
        return (whole & bits) != 0

    def _noise(
        self, window: Window, image: np.ndarray, mask: np.ndarray, unit: noises.Unit
    ) -> tuple[np.ndarray, list[str]]:
        """Noise of each pixel: of the best companion that says it, or estimated."""
        role = next((role for role in NOISE if role in self.companions), None)
        if role is None:
            noise, flags = noises.estimate(image, mask, unit)
            if noise is None:
                raise InputError(
                    f"{self.frame.label}: no noise, and none that can be measured",
                    "a noise map, or an image with noise", "the image has no sky, or no noise",
                    '[reading] noise = "noise.fits"',
                )  # fmt: skip
            return noise, flags
        values = self._companion(role, window)
        kind = self.reading.noise_kind or role
        noise, flags = noises.to_sigma(values, kind, image, mask, unit)
        if kind == SIGMA:
            own = noises.unit_of((self.companions[role].header, fits.Header()), Reading())
            noise, what = noises.convert(noise, own, unit)
            flags += what
        usable = noises.is_bad(noise, mask)[~mask]
        if usable.mean() > 0.9:
            raise InputError(
                f"{self.companions[role].label}: {role} without a meaning in {usable.mean():.0%} of the pixels",
                "positive numbers", "negative or zero noise, or another quantity",
                '[reading] noise_kind = "variance", or leave the file out: the noise is then estimated',
            )  # fmt: skip
        return noise, flags + _disagreement(image, mask | noises.is_bad(noise, mask), noise)

    def _psf(self) -> tuple[np.ndarray | None, list[str]]:
        if PSF not in self.companions:
            return None, []
        frame = self.companions[PSF]
        if len(frame.shape) > 2 or max(frame.size) > psfs.MOST:
            return None, ["PSF not usable"]
        return psfs.prepare(frame.read())


@contextmanager
def open_image(files: ImageFiles, reading: Reading, largest: int = LARGEST) -> Iterator[OpenImage]:
    """Open an image with what belongs to it: extensions of its own file, files beside it, files of the reading."""
    with ExitStack() as stack:
        frames = stack.enter_context(open_frames(files.image))
        frame = select(frames, reading.hdu, files.image.name)
        companions: dict[str, Frame] = {}
        for role in (*NOISE, MASK, PSF):
            if (own := companion(frames, frame, (role,))) is not None:
                companions[role] = own
        named = {SIGMA: reading.noise, MASK: reading.mask, PSF: reading.psf}
        others = {role: Entry(Path(path), explicit=True) for role, path in named.items() if path} | files.companions
        for role, entry in others.items():
            if role in NOISE:
                companions = {r: f for r, f in companions.items() if r not in NOISE}
            beside = stack.enter_context(open_frames(entry))
            companions[role] = companion(beside, frame, (role,)) or select(beside, None, entry.name)
        yield OpenImage(files.id, frame, companions, reading, largest)


def _check_pixels(image: np.ndarray, mask: np.ndarray, label: str) -> None:
    if mask.all():
        cause = "all of them are NaN or blank" if not np.isfinite(image).any() else "all of them are masked"
        raise InputError(f"{label}: no pixel that can be used", "an image", cause)
    values = image[~mask]
    if values.min() == values.max():
        raise InputError(f"{label}: every pixel is {values[0]:g}", "an image", "outside of the exposed area, or empty")


def _check_usable(mask: np.ndarray, label: str) -> None:
    if (~mask).mean() < LEAST_USABLE:
        raise InputError(
            f"{label}: {1 - (~mask).mean():.0%} of the pixels are masked or without noise",
            f"at most {1 - LEAST_USABLE:.0%}", "the edge of an exposure, or bits of a mask that mean no harm",
            "[reading] mask_bits = ..., or another cutout",
        )  # fmt: skip


def _central(shape: tuple[int, ...]) -> tuple[slice, slice]:
    rows, columns = (slice(int(n * (0.5 - CENTRE)), max(int(n * (0.5 + CENTRE)), n // 2 + 1)) for n in shape)
    return rows, columns


def _disagreement(image: np.ndarray, mask: np.ndarray, noise: np.ndarray) -> list[str]:
    """Say where the noise that is given is far from that of the image: another unit (counts, counts per second)."""
    sky, typical = noises.sky_noise(image, mask), float(np.median(noise[~mask])) if (~mask).any() else np.nan
    if not (0 < sky < np.inf and 0 < typical < np.inf) or 1 / 5 < typical / sky < 5:
        return []
    return ["noise far larger than that of the image" if typical > sky else "noise far smaller than that of the image"]
