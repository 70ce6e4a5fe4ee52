"""What is in files of images of lenses: pixel scale, orientation, PSF, noise; what is missing and how to give it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skysure.data.findings import Findings, TableFindings
from skysure.data.images.collection import ImageCollection
from skysure.data.images.cutouts import Cutout
from skysure.data.images.plan import Plan, holds_images
from skysure.data.images.psf import width
from skysure.data.images.reading import Reading
from skysure.data.problems import Problems
from skysure.errors import InputError

from .images import LensImages
from .source import AT_ONCE, COLUMNS

LISTED = 3
"""Images described one by one."""
PIXEL_SCALE = "arcsec per pixel; 0.05 for drizzled HST/ACS images, 0.2 for LSST, 0.1 for Euclid VIS"
POSITION_ANGLE = "of the upward direction of the image, east of north [deg]; 0 where north is up"
NOISE = '"noise.fits": standard deviation of each pixel, or of an extension ERR, RMS, WHT, IVAR'
PSF_HINT = '"psf.fits": PSF at the pixel scale of the image, in the middle of an odd number of pixels'
TRUTH = "table of id and theta_E, q, position_angle (or e1, e2), z_lens, z_source; columns.theta_E = ..."


def inspect(paths: Sequence[str], reading: Reading | Mapping[str, Any] | None = None) -> Findings:
    """Say what is in files of images, how they would be read, what is missing and how to give it.

    Returns
    -------
    Findings
        Facts: "paths", "objects", "pixels", "unit", "mirrored" (how many), "flags", "rejected", "reasons", "notes",
        "missing"; and "pixel_scale" [arcsec], "position_angle_of_y" [deg], "psf_fwhm" [arcsec], "noise" (median of
        each image), "masked" (fraction), of several images the lowest, median and highest.
    """
    facts: dict[str, Any] = {"paths": [str(path) for path in paths]}
    problems = Problems()
    tables: list[TableFindings] = []
    hints: dict[str, str] = {}
    if not holds_images(paths):
        return Findings("images", False, facts=facts)
    parsed = Reading.of(reading)
    with problems.collect():
        collection = ImageCollection(paths, parsed, COLUMNS)
        hints = _hints_of_plan(collection.plan, parsed)
        facts["objects"] = len(collection.ids)
        summary = Summary()
        try:
            for images in collection.stored(None, AT_ONCE, LensImages.from_arrays):
                summary.add_stored(images)
            for cutout in collection.cutouts():
                summary.add(cutout)
                if len(tables) < LISTED:
                    tables.append(_table(cutout))
        except InputError as error:
            problems.add(error)
        facts |= summary.facts() | {
            "rejected": len(collection.rejected),
            "reasons": dict(Counter(rejected.reason for rejected in collection.rejected).most_common(10)),
            "notes": list(collection.notes),
        }
        hints |= _hints(summary, problems)
    facts["missing"] = list(hints)
    return Findings(
        "images", True, tuple(tables), facts, parsed.to_toml(), {}, hints, tuple(map(str, problems.errors))
    )  # fmt: skip


class Summary:
    """Numbers of many images."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}
        self.flags: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.sizes: Counter[str] = Counter()
        self.mirrored = 0

    def add(self, cutout: Cutout) -> None:
        """Add those of an image."""
        place = cutout.orientation
        numbers = {
            "pixel_scale": place.pixel_scale, "position_angle_of_y": _signed(place.parity * (90 - place.north)),
            "noise": float(np.median(cutout.noise[~cutout.mask])), "masked": float(cutout.mask.mean()),
        }  # fmt: skip
        if cutout.psf is not None:
            numbers["psf_fwhm"] = width(cutout.psf) * place.pixel_scale
        for name, value in numbers.items():
            self.values.setdefault(name, []).append(value)
        self.mirrored += place.parity < 0
        self.flags.update(cutout.flags)
        self.units[cutout.unit or "unknown"] += 1
        self.sizes[" × ".join(map(str, reversed(cutout.image.shape)))] += 1

    def add_stored(self, images: LensImages) -> None:
        """Add images of an HDF5 file."""
        count = len(images)
        self.sizes[" × ".join(map(str, images.image.shape[:0:-1]))] += count
        self.units["unknown"] += count
        places = {
            "pixel_scale": images.pixel_scale, "position_angle_of_y": _signed(images.parity * (90 - images.north)),
            "noise": np.nanmedian(images.noise, axis=(1, 2)), "masked": images.mask.mean((1, 2)),
        }  # fmt: skip
        if np.isfinite(images.psf).all():
            places["psf_fwhm"] = images.pixel_scale * [width(psf) for psf in images.psf]
        for name, values in places.items():
            self.values.setdefault(name, []).extend(values.tolist())

    def facts(self) -> dict[str, Any]:
        """Give the numbers: one where all are alike, else lowest, median and highest."""
        out: dict[str, Any] = {"pixels": _counted(self.sizes)} if self.sizes else {}
        out |= {name: _range(values) for name, values in self.values.items()}
        if not self.units:
            return out
        return out | {"mirrored": self.mirrored, "unit": _counted(self.units), "flags": dict(self.flags)}


def _hints_of_plan(plan: Plan, reading: Reading) -> dict[str, str]:
    if reading.truth or not plan.tables:
        return {}
    return {"truth": f'"{plan.tables[0]}"? {TRUTH}'}


def _hints(summary: Summary, problems: Problems) -> dict[str, str]:
    """Say what to write for what the images lack."""
    text = "\n".join(map(str, problems.errors))
    flags = summary.flags
    count = max((len(values) for values in summary.values.values()), default=0)
    wanted = {
        "pixel_scale": (PIXEL_SCALE, "no pixel scale" in text),
        "position_angle_of_y": (
            POSITION_ANGLE, "orientation assumed: north up, east left" in flags or "no pixel scale" in text,
        ),
        "noise": (NOISE, "noise estimated" in flags),
        "psf": (PSF_HINT, len(summary.values.get("psf_fwhm", ())) < count),
    }  # fmt: skip
    return {name: hint for name, (hint, applies) in wanted.items() if applies}


def _table(cutout: Cutout) -> TableFindings:
    rows, columns = cutout.image.shape
    return TableFindings(cutout.file, f"image of {columns} × {rows} pixels: {cutout.id}")


def _counted(counts: Counter[str]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{text} ({n:,})" for text, n in counts.most_common(5))


def _signed(angle: Any) -> Any:
    """Give an angle between -180 and 180 degrees."""
    return np.round((angle + 180) % 360 - 180, 3)


def _range(values: Sequence[float]) -> Any:
    low, middle, high = (float(f"{v:.4g}") for v in np.quantile(values, [0, 0.5, 1]))
    return low if low == high else (low, middle, high)
