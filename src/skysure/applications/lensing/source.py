"""Images of lenses in files or in memory, as a source for the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from skysure.data.images.collection import ImageCollection
from skysure.data.images.cutouts import Cutout
from skysure.data.images.reading import Reading
from skysure.data.images.rejected import Rejected
from skysure.data.sources import Index, InMemorySource, Source
from skysure.errors import InputError, nearest

from .images import PSF_SIZE, LensImages, fit_psfs
from .parameters import NAMES
from .settings import Schema

AT_ONCE = 64
"""Images of a chunk."""
PIXELS_AT_ONCE = 1 << 22
"""Pixels of a chunk, and of the images that wait for others of their size."""
DERIVED = ("q", "position_angle", "phi")
"""True values from which e1 and e2 follow: position angle east of north, or phi counter-clockwise from +x [deg]."""
COLUMNS = {
    **{name: (name.lower().replace("_", ""),) for name in NAMES},
    "theta_E": ("thetae", "einsteinradius", "thetaein", "rein"), "q": ("q", "axisratio"),
    "position_angle": ("positionangle", "pa"), "phi": ("phi",), "z_lens": ("zlens", "zl", "redshiftlens"),
    "z_source": ("zsource", "zs", "zsrc", "redshiftsource"),
}  # fmt: skip
"""Columns that tables of lenses may have, with their usual names, without case and punctuation."""


def read(data: Sequence[str | LensImages], reading: Reading | Mapping[str, Any] | None = None) -> Source:
    """Open images in FITS files, folders, globs and archives, simulated ones in HDF5, or images in memory.

    Raises
    ------
    InputError
        Where there is no image, or a table of the reading cannot be read.
    """
    chunks = [d for d in data if isinstance(d, LensImages)]
    if chunks:
        return InMemorySource(schema_of(chunks), chunks)
    return LensImageFiles(data, Reading.of(reading))


def from_table(table: Any, reading: Reading | Mapping[str, Any] | None = None) -> LensImages:
    """Make images of a table or a dict of arrays: image, and where there are noise, mask, psf, pixel_scale, id, ...

    Raises
    ------
    InputError
        Where there is no image or no pixel scale, or shapes do not fit.
    """
    reading = Reading.of(reading)
    names = list(getattr(table, "column_names", None) or getattr(table, "colnames", None) or table.keys())
    if "image" not in names:
        raise InputError("the table has no column 'image'", nearest("image", names), "", "rename the column")
    values = {name: np.asarray(table[name]) for name in names}
    image = values.pop("image")
    images = image[None] if image.ndim == 2 else image
    scale = values.pop("pixel_scale", reading.pixel_scale)
    ids = values.pop("id", values.pop("ids", np.arange(len(images)))).astype(str)
    arrays = {name: values.pop(name, None) for name in ("noise", "mask", "psf", "flags")}
    north, parity = values.pop("north", 90.0), values.pop("parity", 1.0)
    lenses = LensImages(image, **arrays, pixel_scale=scale, ids=ids, north=north, parity=parity)
    rows = [{name: values[name].reshape(len(images))[k] for name in values} for k in range(len(images))]
    truth = [truth_of(row, n, p) for row, n, p in zip(rows, lenses.north, lenses.parity, strict=True)]
    objects = {name: column for name, column in values.items() if name not in (*NAMES, *DERIVED)}
    return LensImages(**(vars(lenses) | {"truth": np.array(truth), "objects": objects}))


class LensImageFiles(Source):
    """Images of lenses in files, in chunks of one size.

    Parameters
    ----------
    paths : sequence of str
    reading : Reading
    """

    def __init__(self, paths: Sequence[str], reading: Reading) -> None:
        self._collection = ImageCollection(paths, reading, COLUMNS)
        self.reading = reading
        self._schema: Schema | None = None

    @property
    def schema(self) -> Schema:  # type: ignore[override]
        """Size, pixel scale and range of Einstein radii, from a walk through all images; it is kept."""
        if self._schema is None:
            self._schema = schema_of(list(self.chunks()))
        return self._schema

    @property
    def rejected(self) -> Sequence[Rejected]:  # type: ignore[override]
        """Images that the last walk set aside."""
        return self._collection.rejected

    @property
    def notes(self) -> Sequence[str]:  # type: ignore[override]
        """What was done to the images in the last walk, a sentence each."""
        return self._collection.notes

    def index(self, progress: Any = None) -> Index:
        """Return ids and groups, by the names of the files and the tables alone."""
        ids = self._collection.ids
        return Index(ids, np.array([str(self._collection.row_of(i).get("group", "")) for i in ids.tolist()], dtype=str))

    def expected(self, chunk: Any) -> int:
        """Return the number of images, those included that cannot be used."""
        return len(self._collection.ids)

    def chunks(self, part: str | None = None) -> Iterator[LensImages]:
        """Read all images."""
        return self._chunks(None)

    def take(self, ids: np.ndarray) -> Iterator[LensImages]:
        """Read the images with these ids only."""
        return self._chunks(ids)

    def _chunks(self, ids: np.ndarray | None) -> Iterator[LensImages]:
        """Gather images of one size; of many sizes, the largest gathering is given out when too much waits."""
        self._collection.begin()
        yield from self._collection.stored(ids, AT_ONCE, LensImages.from_arrays)
        waiting: dict[tuple[int, ...], list[Cutout]] = {}
        for cutout in self._collection.cutouts(ids):
            waiting.setdefault(cutout.image.shape, []).append(cutout)
            sizes = {shape: len(several) * shape[0] * shape[1] for shape, several in waiting.items()}
            largest = max(sizes, key=lambda shape: sizes[shape])
            full = cutout.image.shape if len(waiting[cutout.image.shape]) == AT_ONCE else largest
            if len(waiting[full]) == AT_ONCE or sum(sizes.values()) >= PIXELS_AT_ONCE:
                yield self._chunk(waiting.pop(full))
        for several in waiting.values():
            yield self._chunk(several)

    def _chunk(self, cutouts: Sequence[Cutout]) -> LensImages:
        rows = [self._row(cutout) for cutout in cutouts]
        places = [cutout.orientation for cutout in cutouts]
        empty = np.full((PSF_SIZE, PSF_SIZE), np.nan, np.float32)
        return LensImages(
            image=np.stack([c.image for c in cutouts]), noise=np.stack([c.noise for c in cutouts]),
            mask=np.stack([c.mask for c in cutouts]),
            psf=np.stack([empty if c.psf is None else fit_psfs(c.psf, 1)[0] for c in cutouts]),
            pixel_scale=np.array([p.pixel_scale for p in places]), ids=[c.id for c in cutouts],
            north=np.array([p.north for p in places]), parity=np.array([p.parity for p in places]),
            objects=self._objects(rows, places), flags=["; ".join(c.flags) for c in cutouts],
            truth=np.array([truth_of(row, p.north, p.parity) for row, p in zip(rows, places, strict=True)]),
        )  # fmt: skip

    def _row(self, cutout: Cutout) -> dict[str, Any]:
        """Columns of an object: of the tables, else of the header keywords that the reading names."""
        by_header = {name: _number(value) for name, value in cutout.header.items() if name in COLUMNS}
        return by_header | dict(self._collection.row_of(cutout.id))

    def _objects(self, rows: Sequence[Mapping[str, Any]], places: Sequence[Any]) -> dict[str, np.ndarray]:
        """Columns of the tables and of header keywords, the same ones for every chunk, and positions where known."""
        keywords = dict.fromkeys((name for name in self.reading.columns if name in COLUMNS), np.nan)
        missing = keywords | self._collection.missing_values
        columns = {
            name: np.array([row.get(name, empty) for row in rows], dtype=str if empty == "" else np.float64)
            for name, empty in missing.items()
            if name not in (*NAMES, *DERIVED)
        }
        sky = {"ra": np.array([p.ra for p in places]), "dec": np.array([p.dec for p in places])}
        sky = {name: values for name, values in sky.items() if np.isfinite(values).any() and name not in columns}
        return sky | columns


def truth_of(row: Mapping[str, Any], north: float, parity: float) -> np.ndarray:
    """Give true parameters of a lens, shape (8,), NaN where unknown; e1 and e2 also from q and an angle [deg]."""
    values = {name: _number(row.get(name)) for name in (*NAMES, *DERIVED)}
    phi = values["phi"] if np.isfinite(values["phi"]) else north + parity * values["position_angle"]
    e = (1 - values["q"]) / (1 + values["q"])
    derived = {"e1": e * np.cos(np.radians(2 * phi)), "e2": e * np.sin(np.radians(2 * phi))}
    return np.array([values[n] if np.isfinite(values[n]) else derived.get(n, np.nan) for n in NAMES])


def schema_of(chunks: Sequence[LensImages]) -> Schema:
    """Say what a network has to know about images: size, pixel scale, range of Einstein radii."""
    if not chunks:
        return Schema()
    theta_e = np.concatenate([chunk.truth[:, 0] for chunk in chunks])
    theta_e = theta_e[np.isfinite(theta_e)]
    scale = float(np.median(np.concatenate([chunk.pixel_scale for chunk in chunks])))
    limits = (float(theta_e.min()), float(theta_e.max())) if len(theta_e) else (0.0, float("inf"))
    return Schema(min(chunks[0].image.shape[1:]), scale, theta_e=limits)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
