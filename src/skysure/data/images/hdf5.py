"""Many images in one HDF5 file: what `skysure simulate` writes, and `read` reads.

Every data set has the objects along its first axis; missing values are NaN, or "" in text.

| data set | shape | type | content |
|---|---|---|---|
| `image` | object, row, column | float32 | row 0 is the bottom, as in FITS |
| `noise` | object, row, column | float32 | standard deviation of each pixel |
| `mask` | object, row, column | bool | True where a pixel is to be ignored |
| `psf` | object, row, column | float32 | at the pixel scale of the image, of sum 1 |
| `id` | object | text | |
| `pixel_scale` | object | float64 | arcsec |
| `north`, `parity`, `flags` | object | float64, float64, text | orientation, what was assumed |
| `truth/NAME` | object | float64 | true parameters |
| `objects/NAME` | object | any | other columns |

The attribute `unit` of a data set is that of its values as `astropy.units` writes it. The file has the attributes
`format` = "skysure images" and `version` = 1. Only `image`, `id` and `pixel_scale` have to be there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from skysure.data.targets import check_target, os_errors, require_room, unfinished
from skysure.errors import InputError, reason_of
from skysure.extras import import_extra

SUFFIXES = (".h5", ".hdf5")
FORMAT, VERSION = "skysure images", 1
REQUIRED = ("image", "id", "pixel_scale")
MOST_BYTES = 1 << 24
"""Largest image that is read [byte]."""
CHUNK_BYTES = 1 << 20
"""Size of the pieces in which images are stored."""

Arrays = Mapping[str, np.ndarray]
"""Arrays by the names of the layout, such as "image" or "truth/theta_E"; objects are along the first axis."""


def is_image_file(path: Path) -> bool:
    """Whether the suffix is that of an HDF5 file."""
    return path.suffix.lower() in SUFFIXES


def require_h5py(path: Path) -> Any:
    """Import h5py; raises InputError where it is not installed."""
    return import_extra(
        "h5py", "lensing", f"{path} is an HDF5 file", "write a table of the truth: .parquet .fits .ecsv"
    )


class ImageWriter:
    """Write images to an HDF5 file, chunk by chunk; the file takes its name when all are written.

    Parameters
    ----------
    path : Path
    objects : int
        How many there will be.
    force : bool
        Replace an existing file.

    Raises
    ------
    InputError
        Where the file exists, or cannot be written, or the disk has no room for all objects.
    """

    def __init__(self, path: Path, objects: int, *, force: bool = False) -> None:
        self.path, self.objects, self.rows, self._file = path, objects, 0, None
        self._h5py = require_h5py(path)
        check_target(path, force=force)

    def __enter__(self) -> Self:
        return self

    def write(self, arrays: Arrays, units: Mapping[str, str] | None = None) -> None:
        """Add objects; the first call decides names, types and shapes."""
        arrays = {name: _storable(values) for name, values in arrays.items()}
        if self._file is None:
            self._create(arrays, units or {})
        count = len(arrays["id"])
        with os_errors(self.path):
            for name, values in arrays.items():
                self._file[name][self.rows : self.rows + count] = values
        self.rows += count

    def _create(self, arrays: Arrays, units: Mapping[str, str]) -> None:
        size = sum(_bytes_per_object(values) for values in arrays.values())
        temporary = unfinished(self.path)
        with os_errors(self.path):
            with temporary.open("wb") as file:  # HDF5 crashes where a disk is full
                require_room(file, self.objects * size + (1 << 20))
            self._file = self._h5py.File(temporary, "w")
        self._file.attrs.update({"format": FORMAT, "version": VERSION})
        for name, values in arrays.items():
            kind = self._h5py.string_dtype() if values.dtype.hasobject else values.dtype
            shape = (self.objects, *values.shape[1:])
            rows = max(1, min(self.objects, CHUNK_BYTES // max(1, _bytes_per_object(values))))
            data = self._file.create_dataset(name, shape, kind, chunks=(rows, *shape[1:]))
            if name in units:
                data.attrs["unit"] = units[name]

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        temporary = unfinished(self.path)
        try:
            if self._file is not None:
                self._file.close()
            if kind is None:
                self._publish(temporary)
        finally:
            temporary.unlink(missing_ok=True)

    def _publish(self, temporary: Path) -> None:
        if self.rows != self.objects:
            raise InputError(f"{self.rows} images for {self.path}", f"{self.objects}")
        with os_errors(self.path):
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, self.path)


class ImageReader:
    """Images of an open file; `len` is their number.

    Parameters
    ----------
    path : Path
    file : h5py.File

    Attributes
    ----------
    names : tuple of str
        The data sets of the layout.
    units : dict of str to str
    """

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self._sets = path, dict(_data_sets(path, file))
        missing = [name for name in REQUIRED if name not in self._sets]
        if missing or file.attrs.get("format") != FORMAT:
            raise InputError(
                f"{path} has no data set '{missing[0]}'" if missing else f"{path} is no file of {FORMAT}",
                f"an HDF5 file with {', '.join(REQUIRED)} and the attribute format = {FORMAT!r}",
                "it was written by another program", "write the images as FITS, or as docs/lensing.md lays out",
            )  # fmt: skip
        if file.attrs.get("version") != VERSION:
            raise InputError(
                f"{path} has the layout {file.attrs.get('version')}", f"{VERSION}",
                "a newer version of skysure wrote it", "pip install --upgrade skysure",
            )  # fmt: skip
        self.names = tuple(self._sets)
        self.units = {name: str(data.attrs["unit"]) for name, data in self._sets.items() if "unit" in data.attrs}
        for name, data in self._sets.items():
            if (size := data.dtype.itemsize * prod(data.shape[1:])) > MOST_BYTES:
                raise InputError(
                    f"{path}: {size:,} bytes of '{name}' for each object", f"at most {MOST_BYTES:,}",
                    "mosaics instead of cutouts, or a damaged file", "write cutouts",
                )  # fmt: skip
        lengths = {name: data.shape[0] for name, data in self._sets.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"{path}: the data sets have {lengths}", "one value for each object", "a damaged file")

    def __len__(self) -> int:
        return self._sets["id"].shape[0]

    def ids(self) -> np.ndarray:
        """All ids, shape (object,)."""
        return self.read(0, len(self), ("id",))["id"]

    def read(self, start: int, stop: int, names: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
        """Read objects from `start` up to `stop`, of all data sets or some; text comes as str."""
        try:
            return {name: _values(self._sets[name], start, stop) for name in names or self.names}
        except (OSError, RuntimeError, ValueError) as error:
            raise _damaged(self.path, error) from error


@contextmanager
def open_images(path: Path) -> Iterator[ImageReader]:
    """Open a file of images to be read in pieces.

    Raises
    ------
    InputError
        Where there is no such file, it is no HDF5, is damaged, or has another layout; where h5py is not installed.
    """
    h5py = require_h5py(path)
    try:
        file = h5py.File(path, "r", locking=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "an HDF5 file of images") from None
    except OSError as error:
        raise _damaged(path, error) from error
    with file:
        yield ImageReader(path, file)


def _data_sets(path: Path, file: Any) -> Iterator[tuple[str, Any]]:
    """Yield the data sets of the layout by name; those that point outside of the file are refused."""
    for name, item in _items(path, file):
        if name in ("truth", "objects") and hasattr(item, "items"):
            yield from ((f"{name}/{inner}", data) for inner, data in _items(path, item) if hasattr(data, "dtype"))
        elif hasattr(item, "dtype"):
            yield name, item


def _items(path: Path, group: Any) -> Iterator[tuple[str, Any]]:
    for name in group:
        if type(group.get(name, getlink=True)).__name__ != "HardLink":
            raise InputError(f"{path}: '{name}' is a link", "data within the file", "", "h5repack makes a whole file")
        item = group[name]
        if hasattr(item, "dtype") and (item.is_virtual or item.external or not item.shape):
            raise InputError(f"{path}: the data of '{name}' are in another file", "data within the file")
        yield name, item


def _values(data: Any, start: int, stop: int) -> np.ndarray:
    if data.dtype.hasobject:
        return np.array(data.asstr(errors="replace")[start:stop], str)
    return data[start:stop]


def _storable(values: np.ndarray) -> np.ndarray:
    """Give text as objects, which HDF5 stores in any length."""
    return values.astype(object) if values.dtype.kind == "U" else values


def _bytes_per_object(values: np.ndarray) -> int:
    size = 64 if values.dtype.hasobject else values.dtype.itemsize
    return size * int(np.prod(values.shape[1:]))


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} cannot be read: {reason_of(error)}", "an intact HDF5 file of images", "it is damaged or cut short",
        "write or fetch it again",
    )  # fmt: skip
