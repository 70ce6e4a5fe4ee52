"""What follows from an Einstein radius where the redshifts of lens and source are known.

The cosmology is flat LCDM with the Hubble constant and matter density of `COSMOLOGY`. Within theta_E (of an SIE: within
the ellipse of that area) the mean convergence is 1, so that the mass inside it needs no profile.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from astropy import constants
from astropy import units as u

COSMOLOGY = {"name": "FlatLambdaCDM", "H0": 70.0, "Om0": 0.3}
"""Name in astropy, Hubble constant [km/s/Mpc], and matter density today."""
ARCSEC = math.pi / 180 / 3600
"""Radians in an arcsecond."""
LIGHT = constants.c.to_value(u.km / u.s)
"""Speed of light [km/s]."""
LENSING_MASS = (constants.c**2 / (4 * constants.G)).to_value(u.Msun / u.Mpc)
"""c^2 / (4 G) [solar mass / Mpc]."""


def velocity_dispersion(theta_E: Any, z_lens: Any, z_source: Any) -> Any:
    """Velocity dispersion of the isothermal sphere with an Einstein radius, sigma_SIE [km/s].

    sigma = c sqrt(theta_E D_s / (4 pi D_ls)) (e.g. Schneider, Kochanek & Wambsganss 2006, B 24).

    Parameters
    ----------
    theta_E : ndarray, shape (..., object)
        Einstein radius on the intermediate axis [arcsec]; not positive: NaN.
    z_lens, z_source : ndarray, shape (object,)
        Redshifts; NaN where unknown, or where the source is not behind the lens.

    Examples
    --------
    >>> round(float(velocity_dispersion(1.0, 0.2, 0.6)))
    235
    """
    _, d_source, d_between = distances(z_lens, z_source)
    return LIGHT * np.sqrt(_positive(theta_E) * ARCSEC * d_source / (4 * math.pi * d_between))


def mass(theta_E: Any, z_lens: Any, z_source: Any) -> Any:
    """Projected mass inside the Einstein radius [solar mass], of the same arguments as `velocity_dispersion`.

    M = c^2 theta_E^2 D_l D_s / (4 G D_ls).

    >>> f"{mass(1.0, 0.2, 0.6):.3g}"
    '1.33e+11'
    """
    d_lens, d_source, d_between = distances(z_lens, z_source)
    return LENSING_MASS * (_positive(theta_E) * ARCSEC) ** 2 * d_lens * d_source / d_between


def distances(z_lens: Any, z_source: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angular diameter distances to the lens, to the source, and between them [Mpc]; NaN where they do not exist."""
    lens, source = np.broadcast_arrays(np.asarray(z_lens, np.float64), np.asarray(z_source, np.float64))
    valid = (lens > 0) & (source > lens) & np.isfinite(source)
    z = np.where(valid, [lens, source], 1.0)
    to_lens, to_source = np.where(valid, cosmology().comoving_transverse_distance(z).to_value(u.Mpc), np.nan)
    return to_lens / (1 + lens), to_source / (1 + source), (to_source - to_lens) / (1 + source)


@lru_cache(maxsize=1)
def cosmology() -> Any:
    """The cosmology, an astropy `FlatLambdaCDM`."""
    from astropy.cosmology import FlatLambdaCDM

    return FlatLambdaCDM(H0=COSMOLOGY["H0"], Om0=COSMOLOGY["Om0"])


def _positive(theta_E: Any) -> np.ndarray:
    theta = np.asarray(theta_E, np.float64)
    return np.where(theta > 0, theta, np.nan)
