"""Images of strong lenses: the chunks of `lensing`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from astropy.table import QTable

from skysure.data.images import noise as noises
from skysure.errors import InputError

from .parameters import NAMES, UNITS

PSF_SIZE = 25
"""Pixels along each side of the PSFs that are kept; larger ones are cropped, smaller ones padded with zeros."""


@dataclass(frozen=True, eq=False)
class LensImages:
    """Images of lenses, all of one size; or a single one, as a two-dimensional array.

    Parameters
    ----------
    image : ndarray, shape (object, row, column)
        Surface brightness in any unit; row 0 is the bottom, as in FITS.
    noise : ndarray, shape (object, row, column), optional
        Standard deviation of each pixel, in the unit of the image; estimated, and flagged, where it is NaN everywhere.
    mask : ndarray of bool, shape (object, row, column), optional
        True for pixels to ignore. Pixels that are not finite, and those of a noise that is not positive or not below
        1e7 times its median, are ignored too.
    psf : ndarray, shape (object, row, column) or (row, column), optional
        At the pixel scale of the image, centred, with an odd number of pixels.
    pixel_scale : float or ndarray, shape (object,)
        Arcsec per pixel.
    ids : sequence of str, optional
    north, parity : float or ndarray, shape (object,)
        Orientation on the sky, see `parameters.position_angle`; by default north is up and east left.
    objects : mapping of str to ndarray, shape (object,)
        Other columns: "z_lens", "z_source", "ra", "dec" [deg], "group", and what a result should repeat.
    truth : ndarray, shape (object, 8), optional
        True parameters in the order of `parameters.NAMES`; NaN where unknown.
    flags : sequence of str, optional
        What was assumed or changed for each image, in a few words.

    Raises
    ------
    InputError
        Where shapes do not fit, or the pixel scale is not positive.
    """

    image: np.ndarray
    noise: np.ndarray | None = None
    mask: np.ndarray | None = None
    psf: np.ndarray | None = None
    pixel_scale: Any = None
    ids: Any = None
    north: Any = 90.0
    parity: Any = 1.0
    objects: Mapping[str, np.ndarray] = field(default_factory=dict)
    truth: np.ndarray | None = None
    flags: Any = None

    def __post_init__(self) -> None:
        image = _stack("image", self.image)
        n = len(image)
        noise = np.full_like(image, np.nan) if self.noise is None else _stack("noise", self.noise)
        mask = np.zeros(image.shape, bool) if self.mask is None else _stack("mask", self.mask, bool)
        for name, values in (("noise", noise), ("mask", mask)):
            if values.shape != image.shape:
                raise InputError(
                    f"{name} of shape {values.shape} for images of shape {image.shape}", "the same shape",
                    "the noise of another cutout", "cut both alike",
                )  # fmt: skip
        values: dict[str, Any] = {
            "image": image,
            "noise": noise,
            "mask": mask,
            "psf": fit_psfs(self.psf, n),
            "pixel_scale": _pixel_scale(self.pixel_scale, n),
            "ids": np.arange(n).astype(str) if self.ids is None else np.atleast_1d(np.asarray(self.ids)).astype(str),
            "north": _each(self.north, n),
            "parity": _each(self.parity, n),
            "truth": np.full((n, len(NAMES)), np.nan) if self.truth is None else np.asarray(self.truth, np.float64),
            "flags": np.full(n, "") if self.flags is None else np.atleast_1d(np.asarray(self.flags)).astype(str),
            "objects": {name: np.atleast_1d(np.asarray(column)) for name, column in self.objects.items()},
        }
        for name, column in [*values.items(), *values["objects"].items()]:
            if name != "objects" and len(column) != n:
                raise InputError(f"{len(column)} values of {name} for {n} images", "one for each image")
        for name, value in (values | _with_noise(values)).items():
            object.__setattr__(self, name, value if name == "objects" else np.ascontiguousarray(value))

    def __len__(self) -> int:
        return len(self.image)

    def __repr__(self) -> str:
        rows, columns = self.image.shape[1:]
        return f"<LensImages: {len(self):,} of {rows} × {columns} pixels>"

    @property
    def groups(self) -> np.ndarray:
        """Group of each image (one lens seen several times), "" where it has none, shape (object,)."""
        return self.objects.get("group", np.full(len(self), ""))

    @property
    def carried(self) -> dict[str, np.ndarray]:
        """Columns that a result table repeats beside the prediction, each of shape (object,)."""
        return {name: values for name, values in self.objects.items() if name != "group"}

    def __getitem__(self, selection: Any) -> Self:
        """Select images: a slice, a mask, or indices, in their order."""
        arrays = {f.name: getattr(self, f.name)[selection] for f in fields(self) if f.name != "objects"}
        return type(self)(**arrays, objects={name: values[selection] for name, values in self.objects.items()})

    def cut(self, size: int) -> Self:
        """Crop or pad to `size` pixels along each side, around the centre; padded pixels are masked.

        Where `size` and the size of the images differ by an odd number, the centre moves by half a pixel: so do x and y
        of the true parameters.
        """
        if self.image.shape[1:] == (size, size):
            return self
        starts = [(n - size) // 2 for n in self.image.shape[1:]]
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        truth = self.truth.copy()
        for index, shift in zip((3, 4), shift_of_centre(self.image.shape[1:], size), strict=True):
            truth[:, index] -= shift * self.pixel_scale
        arrays |= {
            "image": _window(self.image, starts, size, 0), "noise": _window(self.noise, starts, size, np.nan),
            "mask": _window(self.mask, starts, size, True), "truth": truth,
        }  # fmt: skip
        return type(self)(**arrays)

    @classmethod
    def concat(cls, chunks: Iterable[Self]) -> Self:
        """Join chunks, one at least; columns that one of them lacks are left out."""
        several = list(chunks)
        names = [f.name for f in fields(cls) if f.name != "objects"]
        shared = [n for n in several[0].objects if all(n in chunk.objects for chunk in several)]
        return cls(
            **{name: np.concatenate([getattr(chunk, name) for chunk in several]) for name in names},
            objects={name: np.concatenate([chunk.objects[name] for chunk in several]) for name in shared},
        )

    def to_table(self) -> QTable:
        """Give a table with `id`, the other columns, and the true parameters."""
        table = QTable({"id": self.ids} | dict(self.objects))
        for k, name in enumerate(NAMES):
            table[name] = self.truth[:, k]
        return table

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Give all that is known by the names of `skysure.data.images.hdf5`."""
        names = ("image", "noise", "mask", "psf", "pixel_scale", "north", "parity", "flags")
        arrays = {"id": self.ids} | {name: getattr(self, name) for name in names}
        arrays |= {f"truth/{name}": self.truth[:, k] for k, name in enumerate(NAMES)}
        return arrays | {f"objects/{name}": values for name, values in self.objects.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Invert `to_arrays`; what is missing is left to its default."""
        n = len(arrays["id"])
        truth = np.column_stack([arrays.get(f"truth/{name}", np.full(n, np.nan)) for name in NAMES])
        names = ("image", "noise", "mask", "psf", "pixel_scale", "flags")
        values = {name: arrays[name] for name in names if name in arrays}
        values |= {name: arrays[name] for name in ("north", "parity") if name in arrays}
        objects = {name.partition("/")[2]: values for name, values in arrays.items() if name.startswith("objects/")}
        return cls(**values, ids=arrays["id"], truth=truth, objects=objects)

    @property
    def array_units(self) -> dict[str, str]:
        """Units of `to_arrays` where there are any; images are those of the simulator."""
        known = {"image": "electron / s", "noise": "electron / s", "objects/exposure": "s", "pixel_scale": "arcsec"}
        return (
            known | {"north": "deg"} | {f"truth/{name}": unit for name, unit in zip(NAMES, UNITS, strict=True) if unit}
        )


def _with_noise(values: Mapping[str, Any]) -> dict[str, Any]:
    """Estimate the noise of the images that have none, from their sky; it stays NaN where that has none either."""
    missing = np.flatnonzero(np.isnan(values["noise"]).all((1, 2)))
    noise, flags = values["noise"], values["flags"].astype(object)
    for k in missing:
        image = values["image"][k].astype(np.float64)
        estimate, what = noises.estimate(image, values["mask"][k] | ~np.isfinite(image), noises.Unit())
        if estimate is not None:
            noise[k] = estimate
            flags[k] = _joined(flags[k], "; ".join(what))
    return {"noise": noise, "flags": flags.astype(str)}


def _joined(flags: str, flag: str) -> str:
    return f"{flags}; {flag}" if flags else flag


def shift_of_centre(shape: tuple[int, ...], size: int) -> tuple[float, float]:
    """Where the centre of a `cut` of images of this shape is, from their centre: x and y, 0 or -1/2 [pixel].

    >>> shift_of_centre((201, 201), 96), shift_of_centre((64, 64), 96)
    ((-0.5, -0.5), (0.0, 0.0))
    """
    rows, columns = shape
    x, y = ((n - size) // 2 + (size - n) / 2 for n in (columns, rows))
    return x, y


def _window(values: np.ndarray, starts: list[int], size: int, fill: Any) -> np.ndarray:
    """Cut a window out of images, shape (object, row, column), with `fill` outside of them."""
    out = np.full((len(values), size, size), fill, values.dtype)
    inside = [slice(max(start, 0), min(start + size, n)) for start, n in zip(starts, values.shape[1:], strict=True)]
    target = [slice(s.start - start, s.stop - start) for s, start in zip(inside, starts, strict=True)]
    out[:, target[0], target[1]] = values[:, inside[0], inside[1]]
    return out


def _stack(name: str, values: Any, kind: type = np.float32) -> np.ndarray:
    array = np.asarray(values)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or 0 in array.shape[1:]:
        raise InputError(
            f"{name} of shape {array.shape}", "(row, column), or (object, row, column)",
            "an image of several bands" if array.ndim > 3 else "", f"one band: {name}[0]" if array.ndim > 3 else "",
        )  # fmt: skip
    return np.ascontiguousarray(array, kind)


def _each(values: Any, n: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(values, np.float64), (n,)).copy() if np.ndim(values) == 0 else np.asarray(values)


def _pixel_scale(values: Any, n: int) -> np.ndarray:
    if values is None:
        raise InputError("no pixel scale", "arcsec per pixel", "", "LensImages(image, pixel_scale=0.05)")
    scale = _each(values, n)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise InputError(f"pixel_scale = {scale.min():g}", "positive numbers [arcsec per pixel]")
    return scale


def fit_psfs(psf: Any, n: int) -> np.ndarray:
    """Give PSFs of PSF_SIZE pixels and a sum of 1, shape (object, row, column); NaN where there is none.

    Raises
    ------
    InputError
        Where a PSF has an even number of pixels.
    """
    if psf is None:
        return np.full((n, PSF_SIZE, PSF_SIZE), np.nan, np.float32)
    array = np.asarray(psf, np.float32)
    array = np.broadcast_to(array, (n, *array.shape)) if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[1] % 2 == 0 or array.shape[2] % 2 == 0:
        raise InputError(
            f"psf of shape {array.shape}", "an odd number of rows and columns, its peak in the middle",
            "an even number of pixels has no central one", "resample it, or cut a row and a column",
        )  # fmt: skip
    for axis in (1, 2):
        excess = array.shape[axis] - PSF_SIZE
        if excess > 0:
            array = np.take(array, range(excess // 2, excess // 2 + PSF_SIZE), axis)
        elif excess < 0:
            width = [(0, 0)] * 3
            width[axis] = (-excess // 2, -excess // 2)
            array = np.pad(array, width)
    with np.errstate(all="ignore"):
        total = array.sum((1, 2), keepdims=True)
        return np.where(total > 0, array / np.where(total > 0, total, 1), np.nan).astype(np.float32)
