"""Images in FITS files: found by their headers, and read a section at a time."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import IO, Any

import numpy as np
from astropy.io import fits

from skysure.data.files.damage import file_errors
from skysure.data.files.entries import Entry
from skysure.data.files.fits_headers import walk_headers
from skysure.errors import InputError, quote

from .roles import Part, part_of

MOST_EXTENSIONS = 2000
MOST_IN_TILE = 1 << 25
"""Pixels of one tile of a compressed image, which is unpacked as a whole."""


@dataclass(frozen=True)
class Window:
    """Rows and columns to read; those outside of an image are NaN."""

    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Frame:
    """An image in a FITS file.

    Parameters
    ----------
    hdu : HDU of astropy
    file : str
    index : int
        Number of its extension.
    primary : Header
        That of the first extension, which may say more of all of them.
    """

    hdu: Any
    file: str
    index: int
    primary: fits.Header

    @property
    def header(self) -> fits.Header:
        """Its header."""
        return self.hdu.header

    @property
    def name(self) -> str:
        """Name of its extension, or ""."""
        return "" if self.hdu.name == "PRIMARY" else str(self.hdu.name)

    @property
    def version(self) -> int:
        """Which of the extensions of that name."""
        return self.hdu.ver if isinstance(self.hdu.ver, int) else 1

    @cached_property
    def part(self) -> Part:
        """What it holds, by its name."""
        return part_of(self.name) if self.name else Part("", "")

    @property
    def shape(self) -> tuple[int, ...]:
        """Its axes, without leading ones of length one."""
        shape = tuple(self.hdu.shape)
        while len(shape) > 2 and shape[0] == 1:
            shape = shape[1:]
        return shape

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.shape[-2], self.shape[-1]

    @property
    def label(self) -> str:
        """Name in messages."""
        return f"{self.file}[{self.name or self.index}]"

    def read(self, window: Window | None = None, plane: int | None = None) -> np.ndarray:
        """Read pixels as float64, shape (row, column); NaN outside of the image and where it is blank.

        Raises
        ------
        InputError
            Where it is a cube and no plane is given, or it has no such plane.
        """
        self._check_plane(plane)
        rows, columns = self.size
        window = window or Window(0, 0, rows, columns)
        top, right = min(window.row + window.rows, rows), min(window.column + window.columns, columns)
        bottom, left = max(window.row, 0), max(window.column, 0)
        out = np.full((window.rows, window.columns), np.nan)
        if bottom >= top or left >= right:
            return out
        lead = [0] * (len(self.hdu.shape) - len(self.shape)) + ([plane or 0] if len(self.shape) > 2 else [])
        with file_errors(self.file), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            values = np.asarray(self.hdu.section[(*lead, slice(bottom, top), slice(left, right))])
            target = out[bottom - window.row : top - window.row, left - window.column : right - window.column]
            target[...] = values
        return out

    def _check_plane(self, plane: int | None) -> None:
        shape = self.shape
        if len(shape) == 2:
            return
        axes = " × ".join(map(str, shape))
        if len(shape) > 3:
            raise InputError(f"{self.label}: {axes} pixels", "an image of two axes", "a hypercube", "write one plane")
        if plane is None:
            colours = "an RGB image, or one of several bands" if shape[0] in (3, 4) else "a cube, or several bands"
            raise InputError(
                f"{self.label}: {axes} pixels", "an image of two axes", colours,
                f'[reading] plane = 0 (of {shape[0]}), or hdu = "SCI" for another extension',
            )  # fmt: skip
        if plane >= shape[0]:
            raise InputError(f"{self.label}: plane = {plane}", f"0 to {shape[0] - 1}", "planes are counted from 0")


@contextmanager
def open_frames(entry: Entry) -> Iterator[list[Frame]]:
    """Open the images of a FITS file; pixels are read only where they are asked for.

    A packed file is unpacked into memory, within the limits; one that lies on disk as it is, is not.

    Raises
    ------
    InputError
        Where it is no FITS file, is truncated, or claims more pixels than it has.
    """
    with file_errors(entry.name), _seekable(entry) as (stream, size):
        _check_sizes(stream, entry.name, size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(stream, memmap=False, lazy_load_hdus=True) as file:
                yield list(_frames(file, entry.name))


def _frames(file: fits.HDUList, name: str) -> Iterator[Frame]:
    for index in range(MOST_EXTENSIONS + 1):
        try:
            hdu = file[index]
        except IndexError:
            return
        if index == MOST_EXTENSIONS:
            raise InputError(f"{name}: more than {MOST_EXTENSIONS:,} extensions", "fewer", "a damaged or hostile file")
        if isinstance(hdu, (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)) and len(hdu.shape) >= 2:
            _check_axes(hdu, name)
            _check_tiles(hdu, name)
            if all(hdu.shape):
                yield Frame(hdu, name, index, file[0].header)


def _check_sizes(stream: IO[bytes], name: str, size: int) -> None:
    """Refuse headers that FITS does not allow, and images that are larger than their file; the file is rewound."""
    start = stream.tell()
    for header, promised in walk_headers(stream):
        if str(header.get("XTENSION", "IMAGE")).strip() == "IMAGE" and stream.tell() + promised > size:
            axes = " × ".join(str(header.get(f"NAXIS{k + 1}")) for k in range(header["NAXIS"]))
            raise InputError(
                f"{name}: its header promises {axes} pixels, {promised:,} bytes",
                f"at most {max(size - stream.tell(), 0):,} bytes, which follow in the file",
                "it is truncated, or its header was edited", "fetch it again",
            )  # fmt: skip
    stream.seek(start)


def _check_axes(hdu: Any, name: str) -> None:
    """Refuse an image whose header gives its size in words."""
    if not all(isinstance(n, int) for n in hdu.shape):
        axes = " × ".join(map(quote, hdu.shape))
        raise InputError(f"{name}: an image of {axes} pixels", "whole numbers", "a damaged header", "fetch it again")


def _check_tiles(hdu: Any, name: str) -> None:
    """Refuse a compressed image in tiles too large to be unpacked."""
    if isinstance(hdu, fits.CompImageHDU) and prod(hdu.tile_shape) > MOST_IN_TILE:
        raise InputError(
            f"{name}: a compressed image in tiles of {prod(hdu.tile_shape):,} pixels", f"at most {MOST_IN_TILE:,}",
            "an unusual way of packing, or a hostile file", "unpack it (funpack)",
        )  # fmt: skip


@contextmanager
def _seekable(entry: Entry) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file so that any place of it can be read, with its size."""
    if entry.plain:
        with entry.open() as stream:
            yield stream, os.fstat(stream.fileno()).st_size
        return
    content = entry.read()
    yield io.BytesIO(content), len(content)


def select(frames: list[Frame], hdu: int | str | None, name: str) -> Frame:
    """Select the image among the frames of a file: the one that is asked for, or that its name tells, or the only one.

    Raises
    ------
    InputError
        Where there is none, or more than one could be meant.
    """
    if not frames:
        raise InputError(
            f"{name}: no image", "a FITS image", "it holds tables only, or nothing", "give the file with the image"
        )
    if hdu is not None:
        matches = [f for f in frames if _is(f, hdu)]
        return _only(matches, frames, name, f"no image in hdu = {quote(hdu)}")
    named = [f for f in frames if f.part.role == "image"]
    unnamed = [f for f in frames if not f.part.role]
    return _only(named or unnamed, frames, name, "no image among its extensions")


def _only(matches: list[Frame], frames: list[Frame], name: str, problem: str) -> Frame:
    if len(matches) == 1:
        return matches[0]
    if matches:
        problem = "several images"
    listed = ", ".join(
        f"{f.index}: {f.name or 'no name'}{f',{f.version}' if f.version > 1 else ''}" for f in frames[:20]
    )
    wanted = matches[0] if matches else frames[0]
    raise InputError(
        f"{name}: {problem}", f"one of its extensions ({listed})", "several bands or detectors in one file",
        f"[reading] hdu = {wanted.index}",
    )  # fmt: skip


def _is(frame: Frame, hdu: int | str) -> bool:
    if isinstance(hdu, int):
        return frame.index == hdu
    name, _, version = hdu.partition(",")
    return frame.name.upper() == name.strip().upper() and (not version or version.strip() == str(frame.version))


def companion(frames: list[Frame], image: Frame, roles: tuple[str, ...]) -> Frame | None:
    """Find the extension of one of these roles that belongs to an image: of the same version and object, if it has."""
    for role in roles:
        matches = [f for f in frames if f.part.role == role and f.index != image.index]
        own = [f for f in matches if f.part.object == image.part.object and f.version == image.version]
        if own or len(matches) == 1:
            return (own or matches)[0]
    return None
