"""All images that some paths hold, one cutout at a time: whole files, or positions on mosaics."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import wcs_to_celestial_frame

from skysure import limits
from skysure.data.files.damage import file_errors
from skysure.data.files.entries import Entry
from skysure.errors import InputError

from .cutouts import LARGEST, Cutout, OpenImage, open_image
from .hdf5 import Arrays, ImageReader, open_images
from .orientation import celestial_wcs
from .plan import ImageFiles, make_plan
from .reading import Reading
from .rejected import Rejected
from .tables import ObjectTable, Usual, read_objects

C = TypeVar("C")

MOSAIC_SIZE = 192
"""Pixels along each side of what is cut out of mosaics where the reading does not say."""
DUPLICATE = "duplicate id: an object of this id came before"


class ImageCollection:
    """Images in files, folders and archives, or cut out of mosaics at the positions of a table.

    Parameters
    ----------
    paths : sequence of str or Path
    reading : Reading
    names : mapping of str to tuple of str
        Columns that the tables beside the images may have, with their usual names.
    largest : int
        Pixels along each side of the largest image that is read; of a larger one the middle.

    Attributes
    ----------
    ids : ndarray of str, shape (object,)
        Of all objects, also those that turn out not to be usable.
    rejected : list of Rejected
        What the last iteration set aside.
    tables : tuple of ObjectTable
        The table of truth and that of positions, as far as there are any; the first has precedence.

    Raises
    ------
    InputError
        Where there is no image, or a table cannot be read.
    """

    def __init__(self, paths: Sequence[str | Path], reading: Reading, names: Usual, largest: int = LARGEST) -> None:
        self.reading, self._largest = reading, largest
        self.plan = make_plan(paths, reading)
        truth = read_objects(reading.truth, names, reading.columns, reading.carry) if reading.truth else None
        carry = () if reading.truth else reading.carry
        self.positions = (
            read_objects(reading.positions, names, reading.columns, carry, positions=True)
            if reading.positions
            else None
        )
        self.tables = tuple(table for table in (truth, self.positions) if table is not None)
        self.ids = self._ids() if self.positions is None else self.positions.ids
        self.begin()

    def begin(self) -> None:
        """Begin an iteration: nothing has been set aside or read."""
        self.rejected, self._errors = list(self.plan.rejected), []
        self.units, self._count = Counter(), 0

    def _ids(self) -> np.ndarray:
        ids = [np.array([image.id for image in self.plan.images], dtype=str)]
        for entry in self.plan.stored:
            with suppress(InputError), _open_stored(entry) as reader:  # an error is told when the images are read
                ids.append(reader.ids())
        return np.concatenate(ids)

    def row_of(self, name: str) -> Mapping[str, object]:
        """Give the columns of an object in the tables; empty where it is in none."""
        row: dict[str, object] = {}
        for table in reversed(self.tables):
            index = self._rows[id(table)].get(name)
            if index is not None:
                row |= {column: values[index] for column, values in table.columns.items()}
        return row

    @property
    def missing_values(self) -> dict[str, object]:
        """The columns of the tables, each with what stands for a missing value: NaN, or "" of text."""
        columns = {name: values for table in reversed(self.tables) for name, values in table.columns.items()}
        return {name: "" if values.dtype.kind == "U" else np.nan for name, values in columns.items()}

    @property
    def _rows(self) -> dict[int, dict[str, int]]:
        if "_row_cache" not in vars(self):
            self._row_cache = {
                id(table): {name: k for k, name in reversed(list(enumerate(table.ids.tolist())))}
                for table in self.tables
            }
        return self._row_cache

    def stored(self, ids: np.ndarray | None, at_once: int, build: Callable[[Arrays], C]) -> Iterator[C]:
        """Read images of HDF5 files, those with these ids only, and build chunks of arrays by the names of `hdf5`."""
        for entry in self.plan.stored:
            try:
                with _open_stored(entry) as reader:
                    for start in range(0, len(reader), at_once):
                        stop = min(start + at_once, len(reader))
                        rows = None if ids is None else np.isin(reader.read(start, stop, ("id",))["id"], ids)
                        if rows is None or rows.any():
                            arrays = reader.read(start, stop)
                            chunk = build(
                                arrays if rows is None else {name: values[rows] for name, values in arrays.items()}
                            )
                            self._count += 1
                            yield chunk
            except InputError as error:
                self._reject("", entry.name, 0, error)

    def cutouts(self, ids: np.ndarray | None = None) -> Iterator[Cutout]:
        """Read objects of FITS files one by one, those with these ids only, in the order of the files.

        Raises
        ------
        InputError
            The first one, where no object could be used since `begin`.
        """
        wanted = None if ids is None else set(ids.tolist())
        for cutout in self._whole(wanted) if self.positions is None else self._at_positions(wanted):
            self._count += 1
            self.units[cutout.unit or "unknown"] += 1
            yield cutout
        if not self._count and self._errors:
            raise self._errors[0]

    def _whole(self, wanted: set[str] | None) -> Iterator[Cutout]:
        seen: set[str] = set()
        for files in self.plan.images:
            if wanted is not None and files.id not in wanted:
                continue
            if reason := _reason_of_id(files.id, seen):
                self._reject(files.id, files.image.name, 0, InputError(reason))
                continue
            try:
                with open_image(files, self.reading, self._largest) as image:
                    cutout = image.cut(files.id, image.window())
            except InputError as error:
                self._reject(files.id, files.image.name, 0, error)
                continue
            yield cutout

    def _at_positions(self, wanted: set[str] | None) -> Iterator[Cutout]:
        table = self.positions
        assert table is not None
        mosaic_of, pixels = self._place(table)
        seen: set[str] = set()
        for row, name in enumerate(table.ids.tolist()):
            if (wanted is None or name in wanted) and (reason := self._reason_of_row(table, row, mosaic_of, seen)):
                self._reject(name, table.file, row + 1, InputError(reason))
                mosaic_of[row] = -1
        for index, files in enumerate(self.plan.images):
            rows = [r for r in np.flatnonzero(mosaic_of == index) if wanted is None or table.ids[r] in wanted]
            if rows:
                yield from self._cut_mosaic(files, table, rows, pixels)

    def _cut_mosaic(
        self, files: ImageFiles, table: ObjectTable, rows: Sequence[int], pixels: np.ndarray
    ) -> Iterator[Cutout]:
        try:
            with open_image(files, _sized(self.reading), self._largest) as image:
                for row in rows:
                    cutout = self._cut_one(image, str(table.ids[row]), pixels[row], files)
                    if cutout is not None:
                        yield cutout
        except InputError as error:
            for row in rows:
                self._reject(str(table.ids[row]), files.image.name, 0, error)

    def _cut_one(self, image: OpenImage, name: str, pixel: np.ndarray, files: ImageFiles) -> Cutout | None:
        try:
            return image.cut(name, image.window(*pixel))
        except InputError as error:
            self._reject(name, files.image.name, 0, error)
            return None

    def _place(self, table: ObjectTable) -> tuple[np.ndarray, np.ndarray]:
        """Find for each position the image that it lies in, farthest from the edge, and its pixel there.

        Returns
        -------
        ndarray of int, shape (row,)
            Index of the image; -1 where there is none.
        ndarray, shape (row, 2)
            x and y, the first pixel being 0.
        """
        assert table.ra is not None
        assert table.dec is not None
        best = np.full(len(table), -1)
        depth, pixels = np.full(len(table), -0.5), np.full((len(table), 2), np.nan)
        finite = np.isfinite(table.ra) & np.isfinite(table.dec)
        sky = SkyCoord(np.where(finite, table.ra, 0) * u.deg, np.where(finite, table.dec, 0) * u.deg)
        for index, files in enumerate(self.plan.images):
            try:
                with open_image(files, self.reading, self._largest) as image:
                    x, y = _pixels(image, sky)
                    rows, columns = image.frame.size
            except InputError as error:
                self._reject("", files.image.name, 0, error)
                continue
            with np.errstate(invalid="ignore"):
                inside = np.minimum.reduce([x + 0.5, columns - 0.5 - x, y + 0.5, rows - 0.5 - y])
                deeper = finite & (inside > np.maximum(depth, 0))
            best[deeper], depth[deeper] = index, inside[deeper]
            pixels[deeper] = np.column_stack([x, y])[deeper]
        return best, pixels

    def _reason_of_row(self, table: ObjectTable, row: int, mosaic_of: np.ndarray, seen: set[str]) -> str:
        assert table.ra is not None
        assert table.dec is not None
        if reason := _reason_of_id(str(table.ids[row]), seen):
            return reason
        if not (np.isfinite(table.ra[row]) and np.isfinite(table.dec[row])):
            return "ra or dec is missing or cannot be read (degrees, or 12:34:56.7 -01:23:45)"
        return "" if mosaic_of[row] >= 0 else "its position lies off the images"

    def _reject(self, name: str, file: str, row: int, error: InputError) -> None:
        reason = error.problem.removeprefix(f"{file}: ")
        extra = [f"({error.cause})" if error.cause else "", f"fix: {error.fix}" if error.fix else ""]
        self.rejected.append(Rejected(name, file, row, " ".join(filter(None, [reason, *extra]))))
        self._errors.append(error)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the images in the last iteration, a sentence each."""
        texts = []
        if len(self.units) > 1 or (self.units and "unknown" not in self.units):
            listed = ", ".join(f"{n:,} in {unit}" for unit, n in self.units.items())
            texts.append(f"units of the images: {listed}")
        if skipped := self.plan.skipped:
            names = ", ".join(skipped[:3]) + (" ..." if len(skipped) > 3 else "")
            texts.append(f"files of other kinds skipped ({len(skipped):,}): {names}")
        for table in self.tables:
            if missing := len(set(self.ids.tolist()) - set(table.ids.tolist())):
                texts.append(f"{missing:,} images have no row in {table.file}")
        return tuple(texts)


@contextmanager
def _open_stored(entry: Entry) -> Iterator[ImageReader]:
    """Open an HDF5 file; whatever goes wrong while it is read is an InputError."""
    if not entry.plain:
        raise InputError(f"{entry.name}: HDF5 in an archive or packed", "an HDF5 file as it is", "", "unpack it")
    with file_errors(entry.name), open_images(entry.path) as reader:
        yield reader


def _sized(reading: Reading) -> Reading:
    return reading if reading.size else replace(reading, size=MOSAIC_SIZE)


def _reason_of_id(name: str, seen: set[str]) -> str:
    """Why an id cannot be used, "" where it can; it is remembered."""
    most = limits.current().text_length
    if not name.strip():
        return "it has no id"
    if len(name) > most:
        return f"id of more than {most:,} characters"
    if name in seen:
        return DUPLICATE
    seen.add(name)
    return ""


def _pixels(image: OpenImage, sky: SkyCoord) -> tuple[np.ndarray, np.ndarray]:
    """Give the pixels of positions, the first being 0; NaN where the WCS has none."""
    wcs = celestial_wcs(image.frame.header)
    if wcs is None:
        raise InputError(
            f"{image.frame.label}: no WCS that can be used", "a celestial WCS, to find positions",
            "the image was written without it", "give the image with its WCS, or [reading] center = [x, y]",
        )  # fmt: skip
    nothing = np.full(len(sky), np.nan)
    with warnings.catch_warnings(), np.errstate(all="ignore"), suppress(Exception):
        warnings.simplefilter("ignore")
        own = sky.transform_to(wcs_to_celestial_frame(wcs)).spherical
        order = (own.lon.deg, own.lat.deg) if wcs.wcs.lng < wcs.wcs.lat else (own.lat.deg, own.lon.deg)
        x, y = wcs.all_world2pix(*order, 0, quiet=True)
        back = wcs.all_pix2world(x, y, 0)
        near = np.hypot(np.remainder(back[0] - order[0] + 180, 360) - 180, back[1] - order[1]) < 0.1
        return np.where(near, x, np.nan), np.where(near, y, np.nan)
    return nothing, nothing
