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
        return {
            name: np.clip(values, *_LIMITS.get(name, (-np.inf, np.inf))) for name, values in drawn.items()
        }


_LIMITS = {
    "rise": (0.04, 5.0), "rounding": (0.2, 60.0), "decline": (-0.12, 3.0), "tail": (0.0, 2.0),
    "drop": (-0.5, 4.0), "sharpness": (0.3, 40.0), "hot": (3500.0, 40_000.0), "cold": (2500.0, 30_000.0),
    "lines": (-1.0, 5.0), "cold_lines": (-1.0, 6.0),
}  # fmt: skip


def draw_ia(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw stretch, colour and scatter of Ia as SALT2 has them.

    x1 from a two-sided normal (−1.5, +0.9) in −5..2, colour c (−0.08, +0.14) in −0.4..0.6; brightness
    −0.11 x1 + 3.2 c with a scatter of 0.12 mag, all from the inputs of the supernova challenge; c acts as dust
    with R_V = 2.2, so that blue light dims by 3.2 c. Colour scatter as `spectral_scatter`.
    """
    x1 = two_sided(n, 1.5, 0.9, (-5.0, 2.0), rng)
    return {
        "stretch": 0.98 + 0.091 * x1,
        "reddening": two_sided(n, 0.08, 0.14, (-0.4, 0.6), rng),
        "offset": -0.11 * x1 + 0.12 * rng.standard_normal(n),
    }


def two_sided(
    n: int, below: float, above: float, limits: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
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


# columns: magnitude, rise, rounding, decline, bend, tail, drop, sharpness, hot, cold, cooling, lines, cold_lines
_IIP_AXES = np.array([
    [-0.317, -0.221, 0.322, -0.015, -0.357, 0.003, 0.281, 0.311, -0.051, -0.110, 0.222, 0.004, -0.831],
    [0.306, -0.288, 0.160, 0.004, 0.184, 0.004, -0.103, -0.280, -0.184, -0.134, 0.267, 0.047, -0.537],
    [-0.111, 0.064, -0.262, 0.000, 0.020, 0.006, 0.029, -0.064, 0.129, -0.098, 0.113, 0.392, 0.256],
])  # fmt: skip
_IBC_AXES = np.array([
    [0.290, -0.274, 0.271, 0.023, 0.157, -0.004, -0.302, 0.051, -0.344, -0.160, 0.361, -0.424, -0.494],
    [0.426, 0.022, -0.108, 0.004, 0.128, 0.007, -0.168, 0.113, 0.146, 0.058, 0.020, -0.234, 1.139],
    [-0.187, 0.081, -0.033, -0.019, -0.116, 0.007, 0.178, 0.070, -0.085, -0.110, 0.232, -0.283, -0.101],
])  # fmt: skip


def _core_collapse(label: str, subtype: str, share: float, *parameters: object) -> Kind:
    return Kind(label, subtype, CORE_COLLAPSE_RATE * share, CORE_COLLAPSE_SLOPE, 1.1, *parameters)


KINDS = (
    Kind("Ia", "Ia", IA_RATE, IA_SLOPE),
    _core_collapse(
        "II", "IIP", 0.59,
        _named(-17.71, -0.66, 0.51, 0.009, 4.22, 0.013, 0.83, 2.12, 9.46, 8.50, 3.03, -0.14, 2.36),
        _named(0.30, 0.33, 0.20, 0.012, 0.12, 0.006, 0.18, 0.22, 0.11, 0.14, 0.18, 0.25, 1.1), _IIP_AXES,
    ),
    _core_collapse(
        "II", "IIL", 0.08,
        _named(-17.4, -0.77, 0.10, 0.05, 3.9, 0.018, 0.3, 2.2, 9.3, 8.45, 3.0, 0.3, 1.6),
        _named(0.90, 0.30, 0.50, 0.02, 0.25, 0.006, 0.4, 0.3, 0.25, 0.15, 0.3, 0.4, 0.8),
    ),
    _core_collapse(
        "II", "IIn", 0.04,
        _named(-18.0, -1.30, 1.20, -0.005, 3.8, 0.020, 1.3, 2.4, 9.7, 8.55, 3.6, 0.25, 0.3),
        _named(0.70, 0.60, 0.70, 0.03, 0.3, 0.010, 0.5, 0.4, 0.25, 0.2, 0.4, 0.3, 0.8),
    ),
    _core_collapse(
        "Ibc", "Ibc", 0.29,
        _named(-17.77, -0.98, 0.90, 0.036, 3.33, 0.032, 0.68, 1.75, 9.24, 8.36, 2.47, 0.57, 1.06),
        _named(0.40, 0.23, 0.16, 0.025, 0.17, 0.008, 0.50, 0.10, 0.25, 0.11, 0.17, 0.59, 0.86), _IBC_AXES,
    ),
)  # fmt: skip
"""The kinds that a classifier tells apart, with natural rates."""

UNKNOWNS = (
    Kind(
        "SLSN", "SLSN", 4e-7, 3.0, 2.0,
        _named(-21.3, -2.5, 2.5, 0.025, 4.4, 0.015, 0.3, 2.3, 9.6, 8.7, 3.7, 0.5, 1.0),
        _named(0.6, 0.4, 0.4, 0.01, 0.3, 0.005, 0.3, 0.3, 0.15, 0.1, 0.3, 0.4, 0.5),
    ),
    Kind(
        "TDE", "TDE", 1.5e-6, 0.0, 1.1,
        _named(-19.3, -2.3, 2.2, 0.020, 4.5, 0.010, 0.2, 2.3, 9.95, 9.95, 4.0, 0.0, 0.0),
        _named(0.9, 0.4, 0.4, 0.008, 0.3, 0.003, 0.2, 0.3, 0.25, 0.1, 0.3, 0.1, 0.1),
    ),
    Kind(
        "KN", "KN", 6e-4, 1.0, 0.3,
        _named(-15.8, 0.7, -0.7, 0.9, 1.6, 0.4, 0.5, -0.2, 8.9, 7.9, 0.9, 1.0, 1.0),
        _named(0.8, 0.3, 0.3, 0.3, 0.3, 0.1, 0.3, 0.3, 0.2, 0.1, 0.4, 0.5, 0.5),
    ),
)  # fmt: skip
"""Kinds no classifier is trained on; their rates are raised so that each makes a few in a hundred."""


def spectral_scatter(wavelength: np.ndarray) -> np.ndarray:
    """Scatter of Ia magnitudes by rest wavelength [mag], large in the ultraviolet (SNLS, as in the challenge)."""
    knots = [2210.0, 3000.0, 4000.0, 5000.0, 6000.0, 7000.0, 8000.0]
    return np.interp(wavelength, knots, [0.70, 0.179, 0.038, 0.020, 0.021, 0.033, 0.060])
