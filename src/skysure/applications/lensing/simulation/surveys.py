"""What a survey finds: the prior of lenses, as far as its instrument has to say."""

from __future__ import annotations

from dataclasses import dataclass

from skysure.errors import SettingsError
from skysure.settings import check_ranges


@dataclass(frozen=True)
class Survey:
    """Early-type galaxies that lens star-forming ones, as surveys of galaxy-scale lenses find them.

    Parameters
    ----------
    theta_e : tuple of two floats
        Einstein radii, uniform in the logarithm [arcsec]; (0, 0): from the width of the PSF, at least 0.5, to 0.46 of
        the field, at most 3.
    signal_to_noise : tuple of two floats
        Of the lensed source, uniform in the logarithm.
    source_offset : float
        Source positions are uniform in a disc of this radius, blurred by 0.08 (rms), in units of theta_E; the disc is
        smaller where the outer image would leave the field.
    shear : float
        RMS of gamma1 and of gamma2.
    ellipticity : float
        RMS of e1 and of e2 of the lens light.
    offset : float
        RMS of x and of y of the lens [pixel].
    lens_light : bool
    lens_magnitude : float
        Typical AB magnitude of the light of a lens with theta_E = 1.17 arcsec; it brightens as theta_E^1.2 and scatters
        by 0.6 in the logarithm.
    lens_radius : float
        Typical half-light radius of the lens [theta_E]; it scatters by 0.3 in the logarithm.
    second_components : float
        Fraction of the lens galaxies with a second Sersic profile of another shape.
    discs : float
        Fraction of the lens galaxies with a wide exponential disc; of the lenses of SLACS a tenth are lenticulars,
        and a tenth spirals (Bolton et al. 2008, ApJ 682, 964).
    clumps : float
        Fraction of sources with star-forming clumps; as many have a bulge and a disc.
    neighbours : float
        Mean number of other galaxies in 25 arcsec², brighter than magnitude 26.
    stars : float
        Fraction of the neighbours that are stars.
    masks : float
        Mean number of masked discs beside those of bright neighbours.
    cosmic_rays : float
        Fraction of the images with cosmic rays that are not masked; 0: no masked ones either.
    """

    theta_e: tuple[float, float] = (0.0, 0.0)
    signal_to_noise: tuple[float, float] = (30.0, 300.0)
    source_offset: float = 0.55
    shear: float = 0.06
    ellipticity: float = 0.11
    offset: float = 1.0
    lens_light: bool = True
    lens_magnitude: float = 16.7
    lens_radius: float = 1.75
    second_components: float = 0.35
    discs: float = 0.15
    clumps: float = 0.4
    neighbours: float = 1.2
    stars: float = 0.12
    masks: float = 0.6
    cosmic_rays: float = 0.2

    def __post_init__(self) -> None:
        fractions = dict.fromkeys(("second_components", "discs", "clumps", "stars", "cosmic_rays"), (0, 1))
        rates = dict.fromkeys(("source_offset", "neighbours", "masks"), (0, 10))
        check_ranges(self, fractions | rates | {"shear": (0, 0.3), "ellipticity": (0, 0.4), "offset": (0, 20)})
        check_ranges(self, {"lens_magnitude": (0, 40), "lens_radius": (0.1, 10)})
        for name in ("theta_e", "signal_to_noise"):
            low, high = getattr(self, name)
            if not (0 < low < high or (low == high == 0 and name == "theta_e")):
                raise SettingsError(f"survey: {name} = [{low:g}, {high:g}]", "two numbers above zero, rising")
