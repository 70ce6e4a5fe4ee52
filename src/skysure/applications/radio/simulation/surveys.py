"""What a survey shows: which sources are at the centre of images, and what is around them."""

from __future__ import annotations

from dataclasses import dataclass

from skysure.errors import SettingsError
from skysure.settings import check_ranges

from ..classes import CLARAN_SHARES, CLASSES


@dataclass(frozen=True)
class Survey:
    """Images of radio sources of given classes, with whatever else is in the field.

    Parameters
    ----------
    shares : tuple of six floats
        Shares of the classes `classes.CLASSES` among the main sources; by default those of ClaRAN's training set.
    empty : float
        Fraction of the images without a main source; they may have others.
    signal_to_noise : tuple of two floats
        Smallest and largest peak of main sources over the noise.
    slope : float
        The number of main sources above a signal-to-noise ratio falls with this power of it.
    size_factor : float
        Factor on the sizes of main sources; 0: width of the beam over that of FIRST, 5.4 arcsec.
    offset : float
        Main sources are uniform in a square of this half-width, as a fraction of the image.
    edge_darkened : float
        Fraction of the extended sources whose jets fade outward (FR I); those of others end in hotspots (FR II).
    bent : float
        Fraction of the extended sources whose jets are swept back by 20° to 75°.
    neighbours : float
        Factor on the counts of other sources in the field.
    companions : float
        Fraction of main sources with an unrelated source within 40 arcsec, times the size factor.
    contour : float
        Lowest contour that bounds components, in units of the noise.
    detection : float
        Peak of a source that is labelled, in units of the noise.
    """

    shares: tuple[float, ...] = CLARAN_SHARES
    empty: float = 0.03
    signal_to_noise: tuple[float, float] = (10.0, 500.0)
    slope: float = 0.35
    size_factor: float = 0.0
    offset: float = 0.2
    edge_darkened: float = 0.35
    bent: float = 0.2
    neighbours: float = 1.0
    companions: float = 0.1
    contour: float = 4.0
    detection: float = 5.0

    def __post_init__(self) -> None:
        fractions = dict.fromkeys(("empty", "edge_darkened", "bent", "companions"), (0, 1))
        check_ranges(self, fractions | {"offset": (0, 0.5), "slope": (0, 5), "size_factor": (0, 100)})
        check_ranges(self, {"neighbours": (0, 10), "contour": (2, 20), "detection": (2, 100)})
        if len(self.shares) != len(CLASSES) or min(self.shares) < 0 or not sum(self.shares) > 0:
            raise SettingsError(f"survey: shares = {list(self.shares)}", f"a share of each of {', '.join(CLASSES)}")
        low, high = self.signal_to_noise
        if not 0 < low < high:
            raise SettingsError(f"survey: signal_to_noise = [{low:g}, {high:g}]", "two numbers above zero, rising")
        if self.detection < self.contour:
            raise SettingsError(
                f"survey: detection = {self.detection:g} below contour = {self.contour:g}", "a peak above the contour"
            )
