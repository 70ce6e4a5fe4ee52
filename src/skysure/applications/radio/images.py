"""Radio images, with or without infrared ones: the chunks of `radio`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from astropy.table import QTable

from skysure.errors import InputError

from .truth import Truth

if TYPE_CHECKING:
    from astropy.wcs import WCS

BANDS = ("radio", "infrared")


@dataclass(frozen=True, eq=False)
class RadioImages:
    """Images of the sky in one or more bands on the same pixels, all of one size.

    Parameters
    ----------
    image : ndarray, shape (object, band, row, column)
        Surface brightness [Jy / beam]; row 0 is the bottom, as in FITS. NaN where there are no data; a band that is
        missing is NaN everywhere. Two axes are one image of one band, three are one band of each object.
    noise : ndarray, shape (object, band) or (object, band, row, column), optional
        Standard deviation of the noise, in the unit of the image; NaN where unknown. Kept with four axes, the last two
        of length 1 where it does not vary.
    beam : ndarray, shape (object, band, 3), optional
        FWHM along the major and the minor axis [arcsec], and position angle of the major axis, east of north [deg];
        NaN where unknown.
    pixel_scale : float or ndarray, shape (object,)
        Arcsec per pixel.
    bands : sequence of str
    wcs : sequence of str, optional
        FITS header of the celestial coordinates of each image, as of `WCS.to_header_string`; "" where it has none.
    ids : sequence of str, optional
    truth : Truth, optional
        Labelled sources; None where the images are not labelled.
    objects : mapping of str to ndarray, shape (object,)
        Other columns, such as "group": what must not be divided between the parts of a training.
    flags : sequence of str, optional
        What was assumed or changed for each image, in a few words.

    Raises
    ------
    InputError
        Where shapes do not fit, or the pixel scale is not positive.
    """

    image: np.ndarray
    noise: Any = None
    beam: Any = None
    pixel_scale: Any = None
    bands: tuple[str, ...] = BANDS[:1]
    wcs: Any = None
    ids: Any = None
    truth: Truth | None = None
    objects: Mapping[str, np.ndarray] = field(default_factory=dict)
    flags: Any = None

    def __post_init__(self) -> None:
        image = _stack(self.image, tuple(self.bands))
        n, bands = image.shape[:2]
        values: dict[str, Any] = {
            "image": image,
            "noise": _noise(self.noise, image.shape),
            "beam": np.full((n, bands, 3), np.nan) if self.beam is None else np.asarray(self.beam, np.float64),
            "pixel_scale": _pixel_scale(self.pixel_scale, n),
            "wcs": _texts(self.wcs, [""] * n),
            "ids": _texts(self.ids, list(range(n))),
            "flags": _texts(self.flags, [""] * n),
        }
        objects = {name: np.atleast_1d(np.asarray(column)) for name, column in self.objects.items()}
        for name, column in [*values.items(), *objects.items()]:
            if len(column) != n:
                raise InputError(f"{len(column)} values of {name} for {n} images", "one for each image")
        if values["beam"].shape != (n, bands, 3):
            raise InputError(f"beam of shape {values['beam'].shape}", f"(object, band, 3) = {(n, bands, 3)}")
        if self.truth is not None and len(self.truth.counts) != n:
            raise InputError(f"the sources of {len(self.truth.counts)} images for {n} images", "those of each image")
        for name, value in (values | {"objects": objects, "bands": tuple(self.bands)}).items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.image)

    def __repr__(self) -> str:
        rows, columns = self.image.shape[2:]
        sources = "" if self.truth is None else f", {len(self.truth):,} sources"
        return f"<RadioImages: {len(self):,} of {rows} × {columns} pixels in {', '.join(self.bands)}{sources}>"

    @property
    def groups(self) -> np.ndarray:
        """Group of each image (the sky it shows), "" where it has none, shape (object,)."""
        return self.objects.get("group", np.full(len(self), ""))

    @property
    def carried(self) -> dict[str, np.ndarray]:
        """Columns that a result table repeats beside the prediction, each of shape (object,)."""
        return {name: values for name, values in self.objects.items() if name != "group"}

    @property
    def missing(self) -> np.ndarray:
        """Bands without a finite pixel, shape (object, band)."""
        return np.asarray(~np.isfinite(self.image).any((2, 3)))

    def band(self, name: str) -> np.ndarray:
        """Images in one band, shape (object, row, column).

        Raises
        ------
        InputError
            Where there is no such band.
        """
        if name not in self.bands:
            raise InputError(f"no band '{name}'", f"one of {', '.join(self.bands)}")
        return self.image[:, self.bands.index(name)]

    def wcs_of(self, k: int) -> WCS | None:
        """Celestial coordinates of image k; None where it has none."""
        if not self.wcs[k]:
            return None
        from astropy.io import fits
        from astropy.wcs import WCS

        return WCS(fits.Header.fromstring(self.wcs[k]))

    def __getitem__(self, selection: Any) -> Self:
        """Select images: a slice, a mask, or indices, in their order."""
        names = ("image", "noise", "beam", "pixel_scale", "wcs", "ids", "flags")
        return type(self)(
            **{name: getattr(self, name)[selection] for name in names}, bands=self.bands,
            truth=None if self.truth is None else self.truth.of_images(selection),
            objects={name: values[selection] for name, values in self.objects.items()},
        )  # fmt: skip

    @classmethod
    def concat(cls, chunks: Iterable[Self]) -> Self:
        """Join chunks of the same bands and size, one at least; columns that one of them lacks are left out.

        The truth is left out too where one of them has none.
        """
        several = list(chunks)
        if len({(chunk.bands, chunk.image.shape[1:]) for chunk in several}) > 1:
            raise InputError(
                f"images of {[f'{c.image.shape[2:]} pixels in {c.bands}' for c in several]}", "one size and its bands"
            )
        names = ("image", "beam", "pixel_scale", "wcs", "ids", "flags")
        maps = [chunk.noise for chunk in several]
        shape = np.broadcast_shapes(*(m.shape[2:] for m in maps))
        shared = [n for n in several[0].objects if all(n in chunk.objects for chunk in several)]
        truths = [chunk.truth for chunk in several if chunk.truth is not None]
        return cls(
            **{name: np.concatenate([getattr(chunk, name) for chunk in several]) for name in names},
            noise=np.concatenate([np.broadcast_to(m, (*m.shape[:2], *shape)) for m in maps]), bands=several[0].bands,
            truth=Truth.concat(truths) if len(truths) == len(several) else None,
            objects={name: np.concatenate([chunk.objects[name] for chunk in several]) for name in shared},
        )  # fmt: skip

    def to_table(self) -> QTable:
        """Give a table of the labelled sources: image, box, class, host, and the other columns."""
        truth = self.truth if self.truth is not None else Truth.empty(len(self))
        table = QTable({"id": self.ids[truth.image]})
        for name, column in zip(("x0", "y0", "x1", "y1"), truth.boxes.T, strict=True):
            table[name] = column
        table["class"] = np.array(truth.classes)[truth.labels]
        table["host_x"], table["host_y"] = truth.hosts.T
        for name, column in truth.columns.items():
            table[name] = column
        return table


def _stack(image: Any, bands: tuple[str, ...]) -> np.ndarray:
    array = np.asarray(image)
    array = array[None, None] if array.ndim == 2 else array[:, None] if array.ndim == 3 else array
    if array.ndim != 4 or 0 in array.shape[1:]:
        raise InputError(f"image of shape {np.shape(image)}", "(object, band, row, column)")
    if array.shape[1] != len(bands):
        raise InputError(
            f"{array.shape[1]} bands in the image, named {list(bands)}", "a name for each band", "",
            'RadioImages(image, bands=("radio", "infrared"))',
        )  # fmt: skip
    return np.ascontiguousarray(array, np.float32)


def _noise(noise: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.full(shape[:2], np.nan, np.float32) if noise is None else np.asarray(noise, np.float32)
    array = array[..., None, None] if array.ndim == 2 else array
    if array.ndim != 4 or array.shape[2:] not in ((1, 1), shape[2:]) or array.shape[:2] != shape[:2]:
        raise InputError(
            f"noise of shape {array.shape} for images of shape {shape}",
            f"(object, band) = {shape[:2]}, or the shape of the images",
        )  # fmt: skip
    return array


def _pixel_scale(values: Any, n: int) -> np.ndarray:
    if values is None:
        raise InputError("no pixel scale", "arcsec per pixel", "", "RadioImages(image, pixel_scale=1.8)")
    scale = np.asarray(values, np.float64)
    scale = np.full(n, scale) if scale.ndim == 0 else scale
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise InputError(f"pixel_scale = {scale.min():g}", "positive numbers [arcsec per pixel]")
    return scale


def _texts(values: Any, default: list[Any]) -> np.ndarray:
    return np.atleast_1d(np.asarray(default if values is None else values)).astype(str)
