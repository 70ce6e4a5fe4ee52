"""How files of images are read: extensions, pixel scale, orientation, tables beside them; kept in `run.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from skysure.errors import SettingsError
from skysure.settings import build, check_ranges

FILES = ("noise", "psf", "mask", "positions", "truth")
"""Fields of a reading that name files."""


@dataclass(frozen=True)
class Reading:
    """What the files do not say of themselves; the `[reading]` table of a settings file.

    Parameters
    ----------
    hdu : str or int, optional
        Extension of the image, by name or number.
    plane : int, optional
        Which plane of a cube; 0 is the first.
    pixel_scale : float, optional
        Arcsec per pixel, instead of that of the WCS.
    position_angle_of_y : float, optional
        Position angle of the direction in which rows grow (up), east of north [deg], instead of that of the WCS.
    mirrored : bool
        Whether east is on the right where north is up; counts with `position_angle_of_y`.
    center : tuple of two floats, optional
        x and y of the object [pixel], the first pixel being 0; by default the centre of the image.
    size : int
        Pixels along each side that are cut out; 0: the whole image, and 192 with `positions`.
    noise, psf, mask : str
        Files for all images that have none of their own.
    noise_kind : {"sigma", "variance", "inverse variance", "weight"}
        What the noise files and extensions hold; by default as their names say.
    mask_bits : int, optional
        Mask the pixels where the mask has any of these bits set; by default where it is not zero.
    unit : str
        Unit of the images where the header does not say, such as "electron/s".
    exposure_time : float, optional
        Seconds, where the header does not say.
    gain : float, optional
        Electrons per count, where the header does not say.
    positions : str
        Table of ra and dec of the objects: each is cut out of the images.
    truth : str
        Table of true parameters, redshifts and other columns, joined by id.
    columns : dict of str to str
        Our name of a column to that in the tables, or to a header keyword.
    carry : tuple of str
        Columns of the tables that results repeat.
    """

    hdu: int | str | None = None
    plane: int | None = None
    pixel_scale: float | None = None
    position_angle_of_y: float | None = None
    mirrored: bool = False
    center: tuple[float, float] | None = None
    size: int = 0
    noise: str = ""
    psf: str = ""
    mask: str = ""
    noise_kind: Literal["", "sigma", "variance", "inverse variance", "weight"] = ""
    mask_bits: int | None = None
    unit: str = ""
    exposure_time: float | None = None
    gain: float | None = None
    positions: str = ""
    truth: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    carry: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ranges = {
            "pixel_scale": (1e-6, 1e6), "position_angle_of_y": (-360, 360), "exposure_time": (1e-9, 1e12),
            "gain": (1e-9, 1e9), "plane": (0, 1e9), "mask_bits": (0, 2**63 - 1),
        }  # fmt: skip
        check_ranges(self, {n: r for n, r in ranges.items() if getattr(self, n) is not None} | {"size": (0, 4096)})
        if self.size and self.size < 8:
            raise SettingsError(f"[reading] size = {self.size}", "8 pixels or more, or 0: whole images")
        if self.center is not None and not all(abs(c) < 1e9 for c in self.center):
            raise SettingsError(f"[reading] center = {list(self.center)}", "x and y in pixels")
        if self.positions and self.center is not None:
            raise SettingsError(
                "[reading] positions and center", "one of them", "both say where the object is", "remove one"
            )

    @classmethod
    def of(cls, reading: Reading | Mapping[str, Any] | None) -> Reading:
        """Take a reading as it is, or build it from a TOML table; none is the empty one."""
        return reading if isinstance(reading, Reading) else build(cls, dict(reading or {}), where="[reading]")

    def to_toml(self) -> dict[str, Any]:
        """Return what differs from the defaults as plain TOML values, which `of` reads."""
        empty = Reading()
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        plain = {n: list(v) if isinstance(v, tuple) else v for n, v in values.items() if v != getattr(empty, n)}
        return {n: dict(v) if isinstance(v, Mapping) else v for n, v in plain.items()}
