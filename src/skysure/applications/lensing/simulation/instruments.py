"""Instruments: what decides how a scene is recorded. Each is a TOML file; a user adds one of ten lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from skysure.errors import InputError, SettingsError, nearest
from skysure.settings import build, check_ranges, load_toml

from .surveys import Survey


@dataclass(frozen=True)
class PsfModel:
    """How the PSFs of an instrument are distributed.

    Parameters
    ----------
    kind : {"telescope", "moffat", "gaussian"}
        Diffraction by a pupil with aberrations; or a profile of a drawn width.
    fwhm : tuple of two floats
        Range of the widths of a Moffat profile or a Gaussian [arcsec].
    beta : tuple of two floats
        Range of the exponents of a Moffat profile.
    ellipticity : float
        RMS of e1 and of e2 of a Moffat profile or a Gaussian.
    diameter, obscuration : float
        Of the primary mirror [m], and of the secondary as a fraction of it.
    vanes : int
        Number of vanes that hold the secondary; `vane_width` is their width as a fraction of the diameter.
    wavelengths : tuple of float
        At which diffraction is computed [µm], with equal weights.
    aberrations : float
        RMS of each of focus, astigmatism, coma and spherical aberration [µm].
    jitter : tuple of two floats
        Range of the rms of a Gaussian blur: pointing, charge diffusion [arcsec].
    offset : float
        RMS of the offset of the PSF from the central pixel, in each direction [pixel].
    """

    kind: Literal["telescope", "moffat", "gaussian"] = "gaussian"
    fwhm: tuple[float, float] = (0.0, 0.0)
    beta: tuple[float, float] = (2.5, 4.5)
    ellipticity: float = 0.0
    diameter: float = 0.0
    obscuration: float = 0.0
    vanes: int = 4
    vane_width: float = 0.01
    wavelengths: tuple[float, ...] = ()
    aberrations: float = 0.0
    jitter: tuple[float, float] = (0.0, 0.0)
    offset: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, {"ellipticity": (0, 0.3), "obscuration": (0, 0.9), "vanes": (0, 12), "vane_width": (0, 0.2)})
        check_ranges(self, {"diameter": (0, 100), "aberrations": (0, 1), "offset": (0, 2)})
        _check_interval("fwhm", self.fwhm, 0, 30)
        _check_interval("beta", self.beta, 1.01, 100)
        _check_interval("jitter", self.jitter, 0, 5)
        if self.kind == "telescope" and not (self.diameter and self.wavelengths):
            raise SettingsError(
                f"psf: diameter = {self.diameter:g}, wavelengths = {list(self.wavelengths)}",
                "the diameter [m] and wavelengths [µm] of a telescope", "", 'or kind = "gaussian" with a fwhm',
            )  # fmt: skip
        if any(not 0.01 <= w <= 1000 for w in self.wavelengths):
            raise SettingsError(f"psf: wavelengths = {list(self.wavelengths)}", "micrometres from 0.01 to 1000")
        if self.kind != "telescope" and not self.fwhm[0] > 0:
            raise SettingsError(f"psf: fwhm = {list(self.fwhm)}", "the smallest and the largest width [arcsec]")


@dataclass(frozen=True)
class Instrument:
    """What decides how a scene is recorded; images are in electrons per second, divided by `gain`.

    Parameters
    ----------
    name, band : str
    pixel_scale : float
        Arcsec per pixel.
    zero_point : float
        AB magnitude of 1 electron per second.
    sky : float
        Background [electron / s / pixel]; it varies by `sky_scatter` in its logarithm.
    exposure : tuple of float
        Exposure times [s]; one of them is drawn for each image and varied by `exposure_scatter` in its logarithm.
    cosmic_rays : tuple of float
        Mean number of masked hits in 10,000 pixels, for each of the exposure times; one number for all of them.
    read_noise : float
        Standard deviation of one readout [electron]; there are `readouts` of them.
    dark : float
        Dark current [electron / s / pixel].
    gain : float
        Electrons per unit of the image.
    correlation : tuple of float
        Kernel along rows and columns by which resampling smooths the noise. It sums to 1, so that the noise map holds
        for the sum of many pixels; single pixels scatter less.
    psf : PsfModel
    survey : Survey
        The lenses that are found with it.
    """

    name: str
    pixel_scale: float
    zero_point: float
    sky: float
    exposure: tuple[float, ...]
    band: str = ""
    cosmic_rays: tuple[float, ...] = (0.0,)
    sky_scatter: float = 0.2
    exposure_scatter: float = 0.05
    read_noise: float = 0.0
    readouts: int = 1
    dark: float = 0.0
    gain: float = 1.0
    correlation: tuple[float, ...] = (1.0,)
    psf: PsfModel = field(default_factory=lambda: PsfModel(fwhm=(0.1, 0.1)))
    survey: Survey = field(default_factory=Survey)

    def __post_init__(self) -> None:
        check_ranges(self, {"pixel_scale": (1e-4, 10), "zero_point": (0, 50), "sky": (0, 1e6), "read_noise": (0, 1e3)})
        check_ranges(self, {"readouts": (0, 10**5), "dark": (0, 1e4), "gain": (1e-4, 1e6)})
        check_ranges(self, {"sky_scatter": (0, 2), "exposure_scatter": (0, 2)})
        if not self.exposure or any(not 1e-3 <= t <= 1e8 for t in self.exposure):
            raise SettingsError(f"exposure = {list(self.exposure)}", "times from 0.001 to 1e8 s")
        if len(self.cosmic_rays) == 1:
            object.__setattr__(self, "cosmic_rays", self.cosmic_rays * len(self.exposure))
        if len(self.cosmic_rays) != len(self.exposure) or not all(0 <= rate <= 100 for rate in self.cosmic_rays):
            raise SettingsError(
                f"cosmic_rays = {list(self.cosmic_rays)}", "a number from 0 to 100 for each of the exposure times"
            )
        if self.sky + self.dark + self.read_noise * self.readouts <= 0:
            raise SettingsError("sky = 0, dark = 0, read_noise = 0", "one above zero", "an image without noise")
        kernel = self.correlation
        if len(kernel) % 2 == 0 or len(kernel) > 15 or min(kernel) < 0 or abs(sum(kernel) - 1) > 1e-3:
            raise SettingsError(
                f"correlation = {list(kernel)}", "an odd number of weights, at most 15, whose sum is 1", "",
                "[0.1, 0.8, 0.1], or [1.0] for white noise",
            )  # fmt: skip


def names() -> tuple[str, ...]:
    """Names of the instruments that ship."""
    return tuple(sorted(f.name.removesuffix(".toml") for f in _folder().iterdir() if f.name.endswith(".toml")))


def instrument(name: str) -> Instrument:
    """Give an instrument that ships, or that of a TOML file.

    Raises
    ------
    InputError
        Where no instrument has that name, the file cannot be read, or a key is unknown or its value impossible.

    Examples
    --------
    >>> instrument("hst").pixel_scale
    0.05
    """
    path = Path(name)
    if path.suffix.lower() != ".toml":
        if name not in names():
            raise InputError(
                f"unknown instrument '{name}'", nearest(name, names()), "",
                "give one of these, or the path of a TOML file",
            )  # fmt: skip
        path = Path(str(_folder() / f"{name}.toml"))
    return build(Instrument, {"name": path.stem}, load_toml(path), where=f"instrument {name}")


def _folder() -> Traversable:
    return files(__package__ or "") / "instruments"


def _check_interval(name: str, interval: tuple[float, float], low: float, high: float) -> None:
    if not low <= interval[0] <= interval[1] <= high:
        raise SettingsError(f"psf: {name} = {list(interval)}", f"two numbers from {low:g} to {high:g}, rising")
