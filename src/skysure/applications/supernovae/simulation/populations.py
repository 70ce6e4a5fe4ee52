"""Kinds of explosions: how often, how bright, how fast, how hot; drawn per object.

Core collapse: mean, three common axes and the remaining scatter of each parameter of a cooling photosphere. They
summarise fits of that model to the core-collapse curves of the supernova challenge (half of them, by even id),
widened; rates and mix from its simulation (Kessler et al. 2010, arXiv:1008.1024; Smartt et al. 2009). Rarer kinds
are set by hand to typical published values, and their numbers raised so that a survey holds some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .cosmology import events
from .spectra import COOLING, LOGARITHMIC

IA_DUST = 2.2
"""R_V with which the colour of an Ia reddens: blue light dims by R_V + 1 = 3.2 times the colour."""
IA_RATE, IA_SLOPE = 2.6e-5, 1.5
CORE_COLLAPSE_RATE, CORE_COLLAPSE_SLOPE = 6.8e-5, 3.6
"""Events per Mpc³ and year at redshift 0, and the power of (1 + z)."""


@dataclass(frozen=True)
class Kind:
    """One kind of explosion.

    Parameters
    ----------
    label, subtype : str
    rate, slope : float
        Events per Mpc³ and year at redshift 0, and the power of (1 + z).
    farthest : float
        Redshift beyond which none is drawn.
    mean, scatter : mapping of str to float
        Of each parameter of `COOLING` (natural logarithms where so listed); none for the Ia.
    axes : ndarray, shape (axis, parameter)
        Changes that come together, for a standard normal number each.
    """

    label: str
    subtype: str
    rate: float
    slope: float
    farthest: float = 1.1
    mean: Mapping[str, float] = field(default_factory=dict)
    scatter: Mapping[str, float] = field(default_factory=dict)
    axes: np.ndarray = field(default_factory=lambda: np.zeros((0, len(COOLING))))

    def expected(self, nearest: float) -> float:
        """Events of the whole sky in an observer's year."""
        return events(self.rate, self.slope, nearest, self.farthest)

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw the parameters of `n` cooling photospheres."""
        mean = np.array([self.mean[name] for name in COOLING])
        scatter = np.array([self.scatter[name] for name in COOLING])
        x = mean + rng.standard_normal((n, len(self.axes))) @ self.axes
        x += scatter * rng.standard_normal(x.shape)
        drawn = {name: np.exp(x[:, k]) if name in LOGARITHMIC else x[:, k] for k, name in enumerate(COOLING)}
        return {name: np.clip(values, *_LIMITS.get(name, (-np.inf, np.inf))) for name, values in drawn.items()}


_LIMITS = {
    "rise": (0.2, 150.0), "power": (0.6, 5.0), "decline": (-0.08, 2.0), "bend": (1.0, 250.0), "tail": (0.0, 1.0),
    "drop": (-0.3, 3.0), "sharpness": (0.3, 40.0), "hot": (5000.0, 30_000.0), "cold": (2500.0, 30_000.0),
    "lines": (-1.2, 3.0), "cold_lines": (-0.5, 7.0), "far_lines": (-0.5, 6.0), "cold_far_lines": (-1.0, 8.0),
}  # fmt: skip


def draw_ia(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw stretch, colour and scatter of Ia as SALT2 has them.

    x1 from a two-sided normal (−1.5, +0.9) in −5..2, colour c (−0.08, +0.14) in −0.4..0.6; brightness
    −0.11 x1 + 3.2 c with a scatter of 0.12 mag, all from the inputs of the supernova challenge; c acts as dust
    with R_V = 2.2, so that blue light dims by 3.2 c. Colour scatter as `spectral_scatter`.
    """
    x1 = two_sided(n, 1.5, 0.9, (-5.0, 2.0), rng)
    return {
        "stretch": 0.985 + 0.085 * x1,
        "reddening": two_sided(n, 0.08, 0.14, (-0.4, 0.6), rng),
        "offset": -0.11 * x1 + 0.12 * rng.standard_normal(n),
    }


def two_sided(n: int, below: float, above: float, limits: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Draw from two half normals joined at zero; what falls outside the limits is drawn anew, twice at most."""
    drawn = _half_normals(n, below, above, rng)
    for _ in range(2):
        again = _half_normals(n, below, above, rng)
        drawn = np.where((drawn < limits[0]) | (drawn > limits[1]), again, drawn)
    return np.clip(drawn, *limits)


def _half_normals(n: int, below: float, above: float, rng: np.random.Generator) -> np.ndarray:
    size = np.abs(rng.standard_normal(n))
    return np.where(rng.random(n) < below / (below + above), -below, above) * size


def _named(*values: float) -> dict[str, float]:
    return dict(zip(COOLING, values, strict=True))


# columns: magnitude, rise, power, decline, bend, tail, drop, sharpness,
#          hot, cold, cooling, lines, cold_lines, far_lines, cold_far_lines
_IIP_AXES = np.array([
    [0.246, -0.188, 0.080, 0.0110, 0.251, -0.0049, -0.220, -0.274,
     0.027, 0.146, -0.179, 0.109, 0.937, -0.517, -0.262],
    [0.194, 0.089, -0.035, 0.0028, 0.066, 0.0036, -0.143, -0.131,
     -0.196, -0.182, 0.308, 0.291, -0.866, -0.655, 0.193],
    [0.083, -0.158, -0.237, -0.0024, 0.031, 0.0005, 0.067, -0.041,
     -0.052, 0.017, -0.042, -0.060, -0.301, 0.300, -1.400],
])  # fmt: skip
_IBC_AXES = np.array([
    [0.312, -0.001, -0.061, 0.0207, 0.146, -0.0005, -0.267, 0.017,
     -0.179, 0.006, 0.162, 0.133, 0.768, -1.010, -1.140],
    [0.015, -0.243, -0.058, -0.0005, -0.080, 0.0020, 0.103, -0.083,
     0.112, 0.184, -0.322, 0.538, 1.030, -0.101, -0.516],
    [0.048, -0.050, 0.077, -0.0013, 0.050, 0.0068, -0.257, 0.147,
     0.089, 0.047, -0.048, -0.288, 1.060, 0.352, 0.109],
])  # fmt: skip


def _core_collapse(
    label: str, subtype: str, share: float, mean: dict[str, float], scatter: dict[str, float], *axes: np.ndarray
) -> Kind:
    return Kind(label, subtype, CORE_COLLAPSE_RATE * share, CORE_COLLAPSE_SLOPE, 1.1, mean, scatter, *axes)


KINDS = (
    Kind("Ia", "Ia", IA_RATE, IA_SLOPE),
    _core_collapse(
        "II", "IIP", 0.59,
        _named(-17.9, 2.27, 1.03, 0.010, 4.31, 0.0146, 0.57, 2.06, 9.66, 8.47, 3.09, -0.66, 2.97, 1.84, 1.87),
        _named(0.45, 0.30, 0.15, 0.010, 0.16, 0.006, 0.20, 0.16, 0.14, 0.14, 0.18, 0.40, 1.36, 1.5, 1.25), _IIP_AXES,
    ),
    _core_collapse(
        "II", "IIL", 0.08,
        _named(-18.3, 2.40, 1.45, 0.085, 3.90, 0.0165, 0.0, 2.7, 9.54, 8.42, 3.01, 0.3, 1.8, 1.8, 1.5),
        _named(0.90, 0.20, 0.25, 0.020, 0.20, 0.006, 0.20, 0.40, 0.20, 0.12, 0.20, 0.4, 0.8, 1.0, 1.0),
    ),
    _core_collapse(
        "II", "IIn", 0.04,
        _named(-18.1, 2.60, 0.80, -0.010, 3.97, 0.0250, 1.1, 2.3, 9.90, 8.50, 3.70, -0.3, 0.8, 2.0, 1.0),
        _named(0.70, 0.70, 0.40, 0.025, 0.25, 0.015, 0.35, 0.35, 0.22, 0.15, 0.30, 0.4, 0.9, 1.8, 1.2),
    ),
    _core_collapse(
        "Ibc", "Ibc", 0.265,
        _named(-17.9, 2.56, 1.01, 0.020, 3.58, 0.0321, 1.04, 1.80, 9.73, 8.35, 2.54, 0.32, 1.30, 1.21, 1.39),
        _named(0.65, 0.20, 0.10, 0.013, 0.20, 0.010, 0.25, 0.12, 0.25, 0.12, 0.15, 0.79, 0.94, 0.6, 0.64), _IBC_AXES,
    ),
    _core_collapse(
        "Ibc", "Ic-BL", 0.025,
        _named(-18.8, 2.57, 1.10, -0.020, 3.48, 0.0250, 1.6, 1.75, 9.85, 8.30, 2.45, 0.3, 0.3, 2.2, 2.5),
        _named(0.50, 0.25, 0.15, 0.020, 0.20, 0.010, 0.5, 0.20, 0.22, 0.15, 0.25, 0.7, 1.2, 1.3, 1.8),
    ),
)  # fmt: skip
"""The kinds that a classifier tells apart, with natural rates."""

UNKNOWNS = (
    Kind(
        "SLSN", "SLSN", 2.5e-7, 3.0, 2.0,
        _named(-22.2, 3.4, 0.6, 0.030, 4.6, 0.015, 0.3, 2.3, 9.8, 8.9, 3.9, 0.1, 0.5, 0.3, 0.3),
        _named(0.6, 0.3, 0.15, 0.008, 0.2, 0.004, 0.2, 0.3, 0.15, 0.1, 0.3, 0.3, 0.4, 0.5, 0.4),
    ),
    Kind(
        "TDE", "TDE", 2.5e-6, 0.0, 1.1,
        _named(-19.9, 3.1, 0.6, 0.022, 4.7, 0.010, 0.1, 2.3, 10.05, 10.05, 4.0, 0.0, 0.0, 0.0, 0.0),
        _named(0.9, 0.3, 0.15, 0.008, 0.2, 0.003, 0.1, 0.3, 0.25, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1),
    ),
    Kind(
        "KN", "KN", 6e-4, 1.0, 0.3,
        _named(-16.4, 0.0, 0.3, 0.60, 1.9, 0.35, 0.3, -0.2, 9.0, 7.9, 0.8, 0.5, 1.5, 0.5, 0.5),
        _named(0.8, 0.3, 0.15, 0.15, 0.2, 0.08, 0.2, 0.3, 0.2, 0.1, 0.4, 0.4, 0.5, 0.4, 0.4),
    ),
)  # fmt: skip
"""Kinds no classifier is trained on; their rates are raised so that each makes a few in a hundred."""


def spectral_scatter(wavelength: np.ndarray) -> np.ndarray:
    """Scatter of Ia magnitudes by rest wavelength [mag], large in the ultraviolet (SNLS, as in the challenge)."""
    knots = [2210.0, 3000.0, 4000.0, 5000.0, 6000.0, 7000.0, 8000.0]
    return np.interp(wavelength, knots, [0.70, 0.179, 0.038, 0.020, 0.021, 0.033, 0.060])
