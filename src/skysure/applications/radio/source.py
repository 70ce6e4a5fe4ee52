"""Radio images in files or in memory, as a source for the network: the verb read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from skysure.data.images.beam import beam_of
from skysure.data.images.collection import ImageCollection
from skysure.data.images.cutouts import MOSAIC, Cutout, open_image
from skysure.data.images.labels import Source as Label
from skysure.data.images.labels import read_labels
from skysure.data.images.orientation import coordinates, orientation
from skysure.data.images.reading import Reading
from skysure.data.images.rejected import Rejected
from skysure.data.images.sky_groups import sky_groups
from skysure.data.sources import Index, InMemorySource, Source
from skysure.errors import InputError

from .classes import CLASSES
from .images import RadioImages
from .settings import Schema
from .truth import Truth

AT_ONCE = 64
"""Images of a chunk."""
PIXELS_AT_ONCE = 1 << 22
"""Pixels of a chunk, and of the images that wait for others of their size."""
COLUMNS = {"group": ("group", "skygroup")}
"""Columns that the table of positions may have, with their usual names, without case and punctuation."""


def read(data: Sequence[str | RadioImages], reading: Reading | Mapping[str, Any] | None = None) -> Source:
    """Open radio images in FITS files, folders, globs and archives, with their labels, or images in memory.

    `truth` of the reading names the labels: COCO, VOC, or a table; see `skysure.data.images.labels`.

    Raises
    ------
    InputError
        Where there is no image, or the labels cannot be read or are those of other images.
    """
    chunks = [chunk for chunk in data if isinstance(chunk, RadioImages)]
    if chunks:
        return InMemorySource(schema_of(chunks), chunks)
    return RadioImageFiles(data, Reading.of(reading))


class RadioImageFiles(Source):
    """Radio images in files, in chunks of one size, in one band.

    Pixels without data are NaN. An image that is not among the labels is set aside where there are labels; one without
    a labelled source is an empty one. Images that show the same sky are of one group: by the labels or the table of
    positions, else by their places on the sky.

    Parameters
    ----------
    paths : sequence of str
    reading : Reading
    """

    def __init__(self, paths: Sequence[str], reading: Reading) -> None:
        self._labels = read_labels(reading.truth, reading.columns) if reading.truth else None
        self._collection = ImageCollection(paths, replace(reading, truth=""), COLUMNS, largest=MOSAIC)
        self.reading, self._rejected = reading, []
        self._groups: dict[str, str] | None = None
        self._schema: Schema | None = None
        if self._labels is not None and not set(self._labels.images) & set(self._collection.ids.tolist()):
            ours, theirs = self._collection.ids[0], next(iter(self._labels.images))
            raise InputError(
                f"{reading.truth}: labels of none of the images", f"images named as in the labels ({theirs}, ...)",
                f"labels of other images, or other names ({ours}, ...)", "rename the images, or give other labels",
            )  # fmt: skip

    @property
    def schema(self) -> Schema:  # type: ignore[override]
        """Classes, pixel scale and range of beams, from a walk through all images; it is kept."""
        if self._schema is None:
            self._schema = schema_of(self.chunks())
        return self._schema

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the labels: those iC_jP where one of them occurs, else all that occur."""
        classes = self._labels.classes if self._labels is not None else ()
        return CLASSES if not classes or set(classes) & set(CLASSES) else classes

    @property
    def rejected(self) -> Sequence[Rejected]:  # type: ignore[override]
        """Images and labelled sources that the last walk set aside."""
        return [*self._collection.rejected, *self._rejected]

    @property
    def notes(self) -> Sequence[str]:  # type: ignore[override]
        """What was done to the images in the last walk, a sentence each."""
        texts = [*self._collection.notes]
        if self._labels is not None:
            ids = set(self._collection.ids.tolist())
            if count := len(set(self._labels.images) - ids):
                texts.append(f"{count:,} labelled images are not among those given")
            if count := len(self._labels.clipped):
                texts.append(f"{count:,} boxes reach beyond their image and were cut at its rim")
        return texts

    def index(self, progress: Any = None) -> Index:
        """Return ids and groups, by labels and headers; no pixels are read."""
        ids = self._collection.ids
        groups = self._group_of_ids()
        return Index(ids, np.array([groups.get(name, "") for name in ids.tolist()], dtype=str))

    def expected(self, chunk: Any) -> int:
        """Return the number of images, those included that cannot be used."""
        return len(self._collection.ids)

    def chunks(self, part: str | None = None) -> Iterator[RadioImages]:
        """Read all images."""
        return self._chunks(None)

    def take(self, ids: np.ndarray) -> Iterator[RadioImages]:
        """Read the images with these ids only."""
        return self._chunks(ids)

    def _chunks(self, ids: np.ndarray | None) -> Iterator[RadioImages]:
        """Gather images of one size; of many sizes, the largest gathering is given out when too much waits."""
        self._collection.begin()
        self._begin_labels()
        waiting: dict[tuple[int, ...], list[tuple[Cutout, list[Label]]]] = {}
        for cutout in self._collection.cutouts(ids):
            sources = self._sources(cutout)
            if sources is None:
                continue
            waiting.setdefault(cutout.image.shape, []).append((cutout, sources))
            pixels = {shape: len(several) * shape[0] * shape[1] for shape, several in waiting.items()}
            full = cutout.image.shape
            if len(waiting[full]) < AT_ONCE:
                full = max(pixels, key=lambda shape: pixels[shape])
            if len(waiting[full]) == AT_ONCE or sum(pixels.values()) >= PIXELS_AT_ONCE:
                yield self._chunk(waiting.pop(full))
        for several in waiting.values():
            yield self._chunk(several)

    def _begin_labels(self) -> None:
        self._rejected: list[Rejected] = []
        if self._labels is not None:
            self._of_file = getattr(self, "_of_file", tuple(self._labels.rejected))
            self._labels.rejected[:] = self._of_file
            self._labels.clipped.clear()
            self._rejected = self._labels.rejected

    def _sources(self, cutout: Cutout) -> list[Label] | None:
        """Labelled sources of an image; None where it is set aside."""
        if self._labels is None:
            return []
        try:
            if cutout.id not in self._labels.images:
                raise InputError("it is not among the labels")
            rows, columns = cutout.image.shape
            return self._labels.of(cutout.id, (rows, columns), self.classes)
        except InputError as error:
            self._rejected.append(Rejected(cutout.id, cutout.file, 0, error.problem))
            return None

    def _chunk(self, several: Sequence[tuple[Cutout, list[Label]]]) -> RadioImages:
        cutouts = [cutout for cutout, _ in several]
        groups = self._group_of_ids()
        return RadioImages(
            image=np.stack([np.where(c.mask, np.nan, c.image) for c in cutouts]),
            noise=np.stack([_noise(c) for c in cutouts])[:, None],
            beam=np.stack([beam_of(*c.headers) for c in cutouts])[:, None],
            pixel_scale=np.array([c.orientation.pixel_scale for c in cutouts]), ids=[c.id for c in cutouts],
            wcs=[_coordinates(c) for c in cutouts], flags=["; ".join(_flags(c)) for c in cutouts],
            objects=self._columns(cutouts) | {"group": np.array([groups.get(c.id, "") for c in cutouts], dtype=str)},
            truth=None if self._labels is None else truth_of([sources for _, sources in several], self.classes),
        )  # fmt: skip

    def _columns(self, cutouts: Sequence[Cutout]) -> dict[str, np.ndarray]:
        """Columns of the table of positions, and the positions of the centres where they are known."""
        rows = [self._collection.row_of(cutout.id) for cutout in cutouts]
        columns = {
            name: np.array([row.get(name, empty) for row in rows], dtype=str if empty == "" else np.float64)
            for name, empty in self._collection.missing_values.items()
        }
        places = {"ra": [c.orientation.ra for c in cutouts], "dec": [c.orientation.dec for c in cutouts]}
        return {name: np.array(values) for name, values in places.items()} | columns

    def _group_of_ids(self) -> dict[str, str]:
        if self._groups is None:
            self._groups = self._groups_by_tables() or self._groups_by_sky()
        return self._groups

    def _groups_by_tables(self) -> dict[str, str]:
        """Groups that labels or positions name; empty where they name none."""
        by_labels = {} if self._labels is None else {name: image.group for name, image in self._labels.images.items()}
        ids = self._collection.ids.tolist()
        groups = {name: by_labels.get(name) or str(self._collection.row_of(name).get("group", "")) for name in ids}
        return groups if any(groups.values()) else {}

    def _groups_by_sky(self) -> dict[str, str]:
        """Groups of whole images by their headers."""
        names, places = [], []
        for files in self._collection.plan.images if self._collection.positions is None else ():
            with suppress(InputError), open_image(files, self.reading, MOSAIC) as image:
                rows, columns = image.frame.size
                place = orientation(image.frame.header, self.reading, (columns - 1) / 2, (rows - 1) / 2, files.id)
                names.append(files.id)
                places.append((place.ra, place.dec, 0.5 * place.pixel_scale * np.hypot(rows, columns)))
        ra, dec, radius = np.array(places, np.float64).reshape(-1, 3).T
        return dict(zip(names, sky_groups(ra, dec, radius).tolist(), strict=True))


def truth_of(images: Sequence[Sequence[Label]], classes: tuple[str, ...]) -> Truth:
    """Make the truth of images from their labelled sources."""
    sources = [source for several in images for source in several]
    return Truth(
        counts=[len(several) for several in images], boxes=[source.box for source in sources],
        labels=[classes.index(source.name) for source in sources], hosts=[source.host for source in sources],
        columns={"consensus": np.array([source.consensus for source in sources], np.float64)}, classes=classes,
    )  # fmt: skip


def _noise(cutout: Cutout) -> np.ndarray:
    """Noise of each pixel; NaN where the image has no data."""
    return np.where(cutout.mask, np.nan, cutout.noise).astype(np.float32)


def _coordinates(cutout: Cutout) -> str:
    assert cutout.window is not None
    return coordinates(cutout.headers[0], cutout.window.row, cutout.window.column)


def _flags(cutout: Cutout) -> tuple[str, ...]:
    without_beam = not np.isfinite(beam_of(*cutout.headers)).all()
    return (*cutout.flags, "no beam in the header") if without_beam else cutout.flags


def schema_of(chunks: Iterable[RadioImages]) -> Schema:
    """Classes, median pixel scale and range of the beams of images."""
    classes, scales, beams = CLASSES, [np.zeros(0)], [np.zeros((0, 2))]
    for chunk in chunks:
        classes = classes if chunk.truth is None else chunk.truth.classes
        scales.append(chunk.pixel_scale)
        beams.append(chunk.beam[:, 0, :2])
    scale, widths = np.concatenate(scales), np.concatenate(beams)
    widths = widths[np.isfinite(widths).all(1)]
    beam = (float(widths[:, 1].min()), float(widths[:, 0].max())) if len(widths) else (0.0, float("inf"))
    return Schema(classes, float(np.median(scale)) if len(scale) else 1.0, beam)
