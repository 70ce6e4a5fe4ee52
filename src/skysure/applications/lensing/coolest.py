"""Files of COOLEST, the exchange format of lens models, with the posterior (Galan et al. 2023, JOSS 8, 5567).

One lens is one `lens.json`; several are `lens-ID.json` each. Beside each lie its image, noise and PSF (`.image.fits`,
...), without which coolest and lenstronomy do not read a model, and its posterior samples (`.samples.csv`). An SIE is a
`PEMD` of fixed slope 2: the class `SIE` of COOLEST has the same parameters, but its package cannot compute it. COOLEST
measures angles counter-clockwise from +y of the image, from -90 to 90 degrees; its Einstein radius is on the
intermediate axis, like ours.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import numpy as np
from astropy.io import fits

from skysure.data.targets import check_target
from skysure.errors import InputError
from skysure.extras import import_extra
from skysure.predictions import Values
from skysure.predictions.writers import Answer, Form, Task

from .derived import COSMOLOGY
from .images import LensImages
from .parameters import NAMES

MASS, SHEAR = "0-galaxy-mass-0-PEMD-", "1-massfield-mass-0-ExternalShear-"
"""How COOLEST begins the names of the parameters of the lens and of the shear."""
SLOPE = f"{MASS}gamma"


class CoolestWriter:
    """Write each lens to a file of COOLEST: the first under the name given if it stays the only one.

    Raises InputError where the package coolest is not installed, a prediction has no samples, or two lenses have the
    same id.
    """

    is_full = False

    def __init__(self, paths: Sequence[Path], task: Task) -> None:
        assert task.publication is not None, "files of lenses are published together with the others"
        import_extra("coolest.template.standard", "lensing", f"{paths[0]} is a file of COOLEST", "write a table")
        self.paths, self._task, self._publication = tuple(paths), task, task.publication
        self._first: tuple[str, Document] | None = None
        self._ids: set[str] = set()

    @property
    def rows(self) -> int:
        """Number of lenses."""
        return self._publication.rows if self._publication.is_complete else len(self._ids)

    @property
    def notes(self) -> tuple[str, ...]:
        """Names of the files where there are several."""
        several = len(self._ids) > 1
        return tuple(f"one file a lens: {_of_lens(path, '*')}" for path in self.paths) if several else ()

    def has(self, key: str) -> bool:
        """Lenses of an interrupted prediction are written again."""
        return self._publication.is_complete

    def write(self, answer: Answer) -> None:
        """Write the lenses of an answer; the first waits until there is a second."""
        assert isinstance(answer.prediction, Values)
        for name, document in documents(answer.chunk, answer.prediction, self._task):
            if name in self._ids:
                raise InputError(f"two lenses with the id {name}", "an id for each file", "", "name one of them anew")
            self._ids.add(name)
            if len(self._ids) == 1:
                self._first = name, document
                continue
            if self._first:
                self._write(*self._first)
                self._first = None
            self._write(name, document)

    def _write(self, name: str, document: Document) -> None:
        for path in self.paths:
            self._write_as(_of_lens(path, quote(name, safe=" +,@")), document)

    def _write_as(self, path: Path, document: Document) -> None:
        for suffix, content in document.files(path.stem).items():
            file = path.with_name(path.stem + suffix)
            check_target(file, force=self._task.force)
            with self._publication.file(file) as stream:
                stream.write(content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._first and not self._publication.is_complete:
            for path in self.paths:
                self._write_as(path, self._first[1])


def _of_lens(path: Path, name: str) -> Path:
    return path.with_name(f"{path.stem}-{name}{path.suffix}")


class Document:
    """A lens model of COOLEST with posterior samples.

    Parameters
    ----------
    parameters : ndarray, shape (sample, 8)
        Samples in the order of `parameters.NAMES`; those that are not finite are left out.
    images : mapping of str to ndarray, shape (row, column)
        "image", and where they are known "noise" and "psf".
    pixel_scale : float
        Arcsec per pixel.
    redshifts : tuple of float
        Of lens and source; NaN where unknown.
    origin : tuple of float
        Right ascension and declination of the centre of the image [deg]; NaN where unknown.
    meta : mapping
        What else the file should say.
    """

    def __init__(
        self, parameters: np.ndarray, images: Mapping[str, np.ndarray], pixel_scale: float,
        redshifts: tuple[float, float], origin: tuple[float, float], meta: Mapping[str, Any],
    ) -> None:  # fmt: skip
        finite = parameters[np.isfinite(parameters).all(1)]
        self.samples = coolest_parameters(finite)
        point = coolest_parameters(finite.mean(0)) if len(finite) else {}
        self.point = {name: float(value) for name, value in point.items()}
        self.images, self.pixel_scale, self.redshifts, self.origin = images, pixel_scale, redshifts, origin
        self.meta = dict(meta)

    def files(self, stem: str) -> dict[str, bytes]:
        """Give the contents of the files by their suffixes; their names begin with `stem`."""
        contents = {".json": self.to_json(stem).encode(), ".samples.csv": self.to_csv().encode()}
        for name, image in self.images.items():
            stream = io.BytesIO()
            fits.PrimaryHDU(image).writeto(stream)
            contents[f".{name}.fits"] = stream.getvalue()
        return contents

    def to_json(self, stem: str) -> str:
        """Give the text of the file, which names the others."""
        from coolest.template import lazy
        from coolest.template.standard import COOLEST

        z_lens, z_source = (None if np.isnan(z) else float(z) for z in self.redshifts)
        entities = lazy.LensingEntityList(
            lazy.Galaxy("lens galaxy", z_lens, mass_model=lazy.MassModel("PEMD")),
            lazy.MassField("external shear", z_lens, mass_model=lazy.MassModel("ExternalShear")),
            lazy.Galaxy("source galaxy", z_source),
        )
        for name, value in self.point.items():
            parameter = entities.get_parameter_from_id(name)
            parameter.set_point_estimate(value)
            posterior = statistics(self.samples[name], is_angle="phi" in name)
            parameter.set_posterior(lazy.PosteriorStatistics(**posterior))
        slope = entities.get_parameter_from_id(SLOPE)
        slope.set_point_estimate(2.0)
        slope.fix()
        pixels = {name: self._grid(lazy, f"{stem}.{name}.fits", image) for name, image in self.images.items()}
        noise = lazy.NoiseMap(pixels["noise"]) if "noise" in pixels else None
        psf = lazy.PixelatedPSF(pixels["psf"]) if "psf" in pixels else None
        origin = (0.0, 0.0) if np.isnan(self.origin).any() else self.origin
        model = COOLEST(
            "MAP", lazy.CoordinatesOrigin(*(f"{angle:.9f}d" for angle in origin)), entities,
            lazy.Observation(pixels["image"], noise=noise), lazy.Instrument(self.pixel_scale, psf=psf),
            cosmology=lazy.Cosmology(COSMOLOGY["H0"], COSMOLOGY["Om0"], COSMOLOGY["name"]),
            metadata=self.meta | {"chain_file_name": f"{stem}.samples.csv"},
        )  # fmt: skip
        return f"{model.to_JSON(exclude_keys=model.exclude_keys)}\n"

    def _grid(self, lazy: Any, path: str, image: np.ndarray) -> Any:
        rows, columns = image.shape
        x, y = columns * self.pixel_scale / 2, rows * self.pixel_scale / 2
        return lazy.PixelatedRegularGrid(path, (-x, x), (-y, y), columns, rows, check_fits_file=False)

    def to_csv(self) -> str:
        """Give the samples as coolest reads them: a column for each parameter by its name in COOLEST, and weights."""
        n = len(self.samples[f"{MASS}theta_E"])
        columns = self.samples | {SLOPE: np.full(n, 2.0), "probability_weights": np.full(n, 1 / max(n, 1))}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([f"{value:.8g}" for value in row] for row in zip(*columns.values(), strict=True))
        return text.getvalue()


def documents(images: LensImages, prediction: Values, task: Task) -> Iterator[tuple[str, Document]]:
    """Give the id and the model of each lens."""
    if prediction.samples is None:
        raise InputError("the prediction has no posterior samples", "samples of each lens", "", "write a table")
    index = [prediction.names.index(name) for name in NAMES]
    columns = {name: images.objects.get(name, np.full(len(images), np.nan)) for name in COLUMNS}
    for k, name in enumerate(images.ids):
        z_lens, z_source, ra, dec = (float(columns[column][k]) for column in COLUMNS)
        meta = dict(task.metadata) | {"id": str(name), "frame": FRAME} | orientation(images, k)
        if np.isnan([ra, dec]).any():
            meta["coordinates_origin"] = "unknown"
        yield str(name), Document(
            prediction.samples[:, k][:, index].astype(np.float64), images_of(images, k), float(images.pixel_scale[k]),
            (z_lens, z_source), (ra, dec), meta,
        )  # fmt: skip


def images_of(images: LensImages, k: int) -> dict[str, np.ndarray]:
    """Give image, noise (1e8 where masked) and PSF of a lens, if there are any."""
    arrays = {"image": images.image[k], "noise": images.noise[k], "psf": images.psf[k]}
    pixels = {name: array for name, array in arrays.items() if name == "image" or np.isfinite(array).any()}
    if "noise" in pixels:
        pixels["noise"] = np.where(images.mask[k] | ~np.isfinite(pixels["noise"]), np.float32(1e8), pixels["noise"])
    return pixels


COLUMNS = ("z_lens", "z_source", "ra", "dec")
FRAME = "x along the rows and y along the columns of the image, from its centre; angles counter-clockwise from +y"


def orientation(images: LensImages, k: int) -> dict[str, Any]:
    """Say how an image lies on the sky: what has to be added to an angle of COOLEST to make it a position angle."""
    north, parity = float(images.north[k]), float(images.parity[k])
    return {"north_from_y_deg": north - 90, "east_from_north": "counter-clockwise" if parity > 0 else "clockwise"}


def coolest_parameters(parameters: np.ndarray) -> dict[str, np.ndarray]:
    """Convert parameters in the order of `parameters.NAMES`, shape (..., 8), to those of COOLEST, by their names.

    The angle from +y is that from +x less 90 degrees. The magnification has no place in COOLEST.
    """
    theta_E, e1, e2, x, y, gamma1, gamma2, _ = np.moveaxis(np.asarray(parameters), -1, 0)
    e = np.hypot(e1, e2).clip(max=1)
    return {
        f"{MASS}theta_E": theta_E,
        f"{MASS}q": (1 - e) / (1 + e),
        f"{MASS}phi": from_y(e1, e2),
        f"{MASS}center_x": x,
        f"{MASS}center_y": y,
        f"{SHEAR}gamma_ext": np.hypot(gamma1, gamma2),
        f"{SHEAR}phi_ext": from_y(gamma1, gamma2),
    }


def from_y(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Direction of a spin-2 quantity, counter-clockwise from +y, in (-90, 90] [deg]."""
    angle = np.degrees(0.5 * np.arctan2(second, first)) - 90
    return np.where(angle <= -90, angle + 180, angle)


def statistics(samples: np.ndarray, *, is_angle: bool) -> dict[str, float]:
    """Mean, median and percentiles of samples; of angles within 90 degrees of their mean direction.

    >>> [round(v) for v in statistics(np.array([80.0, 85.0, 90.0, -85.0, -80.0]), is_angle=True).values()]
    [90, 90, 83, 97]
    """
    if is_angle:
        phase = np.radians(2 * samples)
        mean = np.degrees(0.5 * np.arctan2(np.sin(phase).mean(), np.cos(phase).mean()))
        samples = mean + np.remainder(samples - mean + 90, 180) - 90
    low, median, high = np.percentile(samples, (16, 50, 84))
    return {
        "mean": float(samples.mean()), "median": float(median), "percentile_16th": float(low),
        "percentile_84th": float(high),
    }  # fmt: skip


FORMS = (Form("lens model", (".json",), CoolestWriter, (Values,)),)
