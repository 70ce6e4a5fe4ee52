"""Instruments: what decides how a field is recorded. Each is a TOML file; a user adds one of ten lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from skysure.errors import InputError, SettingsError, nearest
from skysure.settings import build, check_ranges, load_toml

from .surveys import Survey


@dataclass(frozen=True)
class Radio:
    """How the radio band is recorded.

    Parameters
    ----------
    frequency : float
        GHz.
    beam : tuple of two floats
        FWHM along the major and the minor axis [arcsec]; an elongated beam has any position angle.
    beam_scatter : float
        RMS of the logarithm of the size of the beam.
    noise : float
        RMS [mJy / beam]; it varies from image to image by `noise_scatter` in its logarithm.
    sidelobe_noise : float
        Fraction of the variance of the noise that is sidelobes of sources far away.
    sidelobes : tuple of two floats
        Range of the largest sidelobe that is left by cleaning, as a fraction of the peak of its source.
    arms : int
        Arms of the array, as the three of the VLA; 0: antennas scattered around its centre.
    hours : float
        Duration of an observation, in which the Earth turns the array.
    """

    frequency: float
    beam: tuple[float, float]
    noise: float
    beam_scatter: float = 0.0
    noise_scatter: float = 0.1
    sidelobe_noise: float = 0.1
    sidelobes: tuple[float, float] = (0.001, 0.01)
    arms: int = 0
    hours: float = 8.0

    def __post_init__(self) -> None:
        check_ranges(self, {"frequency": (0.01, 100), "noise": (1e-6, 1e3), "beam_scatter": (0, 0.5)})
        check_ranges(self, {"noise_scatter": (0, 1), "sidelobe_noise": (0, 1), "arms": (0, 12), "hours": (0, 24)})
        minor, major = self.beam[1], self.beam[0]
        if not 0 < minor <= major:
            raise SettingsError(f"radio: beam = [{major:g}, {minor:g}]", "major and minor FWHM [arcsec], above zero")
        low, high = self.sidelobes
        if not 0 <= low <= high <= 0.5:
            raise SettingsError(f"radio: sidelobes = [{low:g}, {high:g}]", "two numbers from 0 to 0.5, rising")


@dataclass(frozen=True)
class Infrared:
    """How the infrared band is recorded; magnitudes are of the Vega system.

    Parameters
    ----------
    psf : float
        FWHM [arcsec].
    noise : float
        RMS, for a point source [mJy].
    zero_point : float
        Flux of magnitude 0 [Jy].
    density : float
        Galaxies and stars brighter than `faintest` [1 / deg²].
    slope : float
        Their number grows as 10^(slope magnitude).
    faintest : float
    hosts : tuple of two floats
        Mean and rms of the magnitudes of host galaxies.
    """

    psf: float = 6.1
    noise: float = 0.0108
    zero_point: float = 309.54
    density: float = 18000.0
    slope: float = 0.3
    faintest: float = 17.5
    hosts: tuple[float, float] = (15.3, 1.2)

    def __post_init__(self) -> None:
        check_ranges(self, {"psf": (0.01, 120), "noise": (1e-6, 1e3), "zero_point": (1e-3, 1e6)})
        check_ranges(self, {"density": (0, 1e6), "slope": (0.05, 1), "faintest": (0, 40)})


@dataclass(frozen=True)
class Instrument:
    """What decides how a field is recorded; images are in Jy / beam.

    Parameters
    ----------
    name : str
    pixel_scale : float
        Arcsec per pixel.
    declination : tuple of two floats
        Range of the sky that is observed [deg].
    radio : Radio
    infrared : Infrared
    survey : Survey
    """

    name: str
    pixel_scale: float
    radio: Radio
    declination: tuple[float, float] = (-90.0, 90.0)
    infrared: Infrared = field(default_factory=Infrared)
    survey: Survey = field(default_factory=Survey)

    def __post_init__(self) -> None:
        check_ranges(self, {"pixel_scale": (1e-4, 60)})
        low, high = self.declination
        if not -90 <= low < high <= 90:
            raise SettingsError(f"declination = [{low:g}, {high:g}]", "two numbers from -90 to 90, rising [deg]")
        if self.radio.beam[1] < 1.5 * self.pixel_scale:
            raise SettingsError(
                f"radio: beam = {list(self.radio.beam)} with pixel_scale = {self.pixel_scale:g}",
                "a beam of 1.5 pixels or more", "the FWHM in pixels or degrees", "give it in arcsec",
            )  # fmt: skip

    @property
    def size_factor(self) -> float:
        """Factor on the sizes that main sources have in FIRST."""
        major, minor = self.radio.beam
        return self.survey.size_factor or (major * minor) ** 0.5 / 5.4


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
    >>> instrument("first").radio.beam
    (5.4, 5.4)
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
