"""Kinds of explosions: rates, and distributions of brightness, time scale and temperature.

Core collapse: mean, three common axes and the residual scatter of each parameter of a cooling photosphere. They
summarise fits of that model to the core-collapse light curves of the supernova challenge (half of them, by even id; see
docs/figures/fit_simulator.py), with scatter increased by up to a half, since 45 templates are few. IIL, IIn and Ic-BL
are set by hand around their one to three templates. Rates and fractions are those of that simulation (Kessler et al.
2010, arXiv:1008.1024; Smartt et al. 2009). Rarer kinds are set by hand to typical published values, with increased
rates so that a survey contains some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .cosmology import events
from .spectra import COOLING, LOGARITHMIC

IA_DUST = 2.2
"""R_V of the colour of an Ia: blue light dims by R_V + 1 = 3.2 times the colour."""
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
        Largest redshift that is drawn.
    mean, scatter : mapping of str to float
        Of each parameter of `COOLING` (natural logarithms for those in `LOGARITHMIC`); empty for the Ia.
    axes : ndarray, shape (axis, parameter)
        Correlated changes, each multiplied by a standard normal number.
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
        """Give the expected number of events per observer's year, of the whole sky."""
        return events(self.rate, self.slope, nearest, self.farthest)

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw the parameters of `n` cooling photospheres."""
        mean = np.array([self.mean[name] for name in COOLING])
        scatter = np.array([self.scatter[name] for name in COOLING])
        x = mean + rng.standard_normal((n, len(self.axes))) @ self.axes
        x += scatter * rng.standard_normal(x.shape)
        parameters = {name: np.exp(x[:, k]) if name in LOGARITHMIC else x[:, k] for k, name in enumerate(COOLING)}
        return {name: np.clip(values, *_LIMITS.get(name, (-np.inf, np.inf))) for name, values in parameters.items()}


_LIMITS = {
    "rise": (0.2, 150.0), "power": (0.6, 5.0), "decline": (-0.08, 2.0), "bend": (1.0, 250.0), "tail": (0.0, 1.0),
    "drop": (-0.3, 3.0), "sharpness": (0.3, 40.0), "hot": (5000.0, 30_000.0), "cold": (2500.0, 30_000.0),
    "lines": (-1.5, 3.0), "cold_lines": (-1.2, 7.0), "far_lines": (0.0, 6.0), "cold_far_lines": (-1.0, 8.0),
}  # fmt: skip


def draw_ia(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw stretch, colour and scatter of Ia as in SALT2.

    x1 from a two-sided normal (−1.5, +0.9) in −5..2, colour c (−0.08, +0.14) in −0.4..0.6; brightness
    −0.11 x1 + 3.2 c with a scatter of 0.12 mag, all from the inputs of the supernova challenge; c acts as dust
    with R_V = 2.2, so that blue light dims by 3.2 c. Time stretches by 1 + 0.085 x1, 1.5 % more than in the fit of
    the surface: its mean curve smooths the early rise, and light curves would start too late.
    """
    x1 = two_sided(n, 1.5, 0.9, (-5.0, 2.0), rng)
    return {
        "stretch": 1.0 + 0.085 * x1,
        "reddening": two_sided(n, 0.08, 0.14, (-0.4, 0.6), rng),
        "offset": -0.11 * x1 + 0.12 * rng.standard_normal(n),
    }


def two_sided(n: int, below: float, above: float, limits: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Draw from two half normals joined at zero; values outside the limits are redrawn up to twice, then clipped."""
    values = _half_normals(n, below, above, rng)
    for _ in range(2):
        redraws = _half_normals(n, below, above, rng)
        values = np.where((values < limits[0]) | (values > limits[1]), redraws, values)
    return np.clip(values, *limits)


def _half_normals(n: int, below: float, above: float, rng: np.random.Generator) -> np.ndarray:
    size = np.abs(rng.standard_normal(n))
    return np.where(rng.random(n) < below / (below + above), -below, above) * size


def _values(*values: float) -> dict[str, float]:
    return dict(zip(COOLING, values, strict=True))


# columns: magnitude, rise, power, decline, bend, tail, drop, sharpness,
#          hot, cold, cooling, lines, cold_lines, far_lines, cold_far_lines
_IIP_AXES = np.array([
    [-0.072, 0.054, -0.071, 0.005, 0.219, 0.0, 0.219, -0.059, -0.101, -0.166, 0.252, 0.375, -1.809, -0.298, 0.358],
    [-0.541, 0.172, 0.005, -0.001, -0.072, 0.0, 0.049, 0.098, 0.087, -0.058, 0.092, -0.111, -0.174, 0.951, -0.124],
    [-0.128, 0.302, 0.165, 0.003, 0.002, 0.0, -0.114, -0.044, 0.078, -0.036, 0.028, 0.480, -0.445, -0.435, 0.032],
])  # fmt: skip
_IBC_AXES = np.array([
    [-0.220, 0.037, 0.064, -0.007, -0.218, 0.004, 0.112, -0.072, 0.253, 0.058, -0.208, -0.171, -0.895, 0.577, 0.208],
    [0.384, -0.185, -0.137, -0.001, -0.144, 0.003, 0.205, -0.100, -0.029, 0.099, -0.070, 0.452, 0.054, -0.287, -0.209],
    [-0.542, -0.099, 0.028, 0.008, 0.058, -0.005, 0.109, 0.017, -0.019, 0.098, -0.133, 0.295, 0.440, 0.072, 0.069],
])  # fmt: skip


def _core_collapse(
    label: str, subtype: str, share: float, mean: dict[str, float], scatter: dict[str, float], *axes: np.ndarray
) -> Kind:
    return Kind(label, subtype, CORE_COLLAPSE_RATE * share, CORE_COLLAPSE_SLOPE, 1.1, mean, scatter, *axes)


KINDS = (
    Kind("Ia", "Ia", IA_RATE, IA_SLOPE),
    _core_collapse(
        "II", "IIP", 0.59,
        _values(-18.08, 2.33, 1.05, 0.017, 4.29, 0.015, 0.45, 1.87, 9.53, 8.48, 3.24, -1.10, 3.90, 2.12, 1.27),
        _values(0.45, 0.31, 0.19, 0.010, 0.16, 0.005, 0.25, 0.20, 0.14, 0.12, 0.23, 0.35, 1.40, 0.8, 1.2), _IIP_AXES,
    ),
    _core_collapse(
        "II", "IIL", 0.08,
        _values(-18.3, 2.40, 1.45, 0.085, 3.90, 0.0165, 0.0, 2.7, 9.54, 8.42, 3.01, 0.3, 1.8, 1.8, 1.5),
        _values(0.90, 0.20, 0.25, 0.020, 0.20, 0.006, 0.20, 0.40, 0.20, 0.12, 0.20, 0.4, 0.8, 1.0, 1.0),
    ),
    _core_collapse(
        "II", "IIn", 0.04,
        _values(-18.1, 2.60, 0.80, -0.010, 3.97, 0.0250, 1.1, 2.3, 9.90, 8.50, 3.70, -0.3, 0.8, 2.0, 1.0),
        _values(0.70, 0.70, 0.40, 0.025, 0.25, 0.015, 0.35, 0.35, 0.22, 0.15, 0.30, 0.4, 0.9, 1.8, 1.2),
    ),
    _core_collapse(
        "Ibc", "Ibc", 0.265,
        _values(-18.38, 2.63, 0.97, 0.042, 3.75, 0.023, 0.90, 1.87, 9.71, 8.33, 2.62, 0.37, 1.05, 0.72, 0.82),
        _values(0.65, 0.20, 0.12, 0.015, 0.20, 0.010, 0.40, 0.15, 0.27, 0.16, 0.20, 0.85, 1.40, 1.2, 1.2), _IBC_AXES,
    ),
    _core_collapse(
        "Ibc", "Ic-BL", 0.025,
        _values(-19.70, 2.70, 1.10, 0.035, 3.55, 0.020, 1.2, 1.70, 9.85, 8.28, 2.40, 0.7, -0.2, 1.5, 2.0),
        _values(0.55, 0.20, 0.15, 0.015, 0.20, 0.008, 0.4, 0.20, 0.25, 0.15, 0.25, 0.8, 1.2, 1.2, 1.5),
    ),
)  # fmt: skip
"""Kinds of the classes of a classifier, at natural rates."""

UNKNOWNS = (
    Kind(
        "SLSN", "SLSN", 2.5e-7, 3.0, 2.0,
        _values(-22.2, 3.4, 0.6, 0.030, 4.6, 0.015, 0.3, 2.3, 9.8, 8.9, 3.9, 0.1, 0.5, 0.3, 0.3),
        _values(0.6, 0.3, 0.15, 0.008, 0.2, 0.004, 0.2, 0.3, 0.15, 0.1, 0.3, 0.3, 0.4, 0.5, 0.4),
    ),
    Kind(
        "TDE", "TDE", 2.5e-6, 0.0, 1.1,
        _values(-19.9, 3.1, 0.6, 0.022, 4.7, 0.010, 0.1, 2.3, 10.05, 10.05, 4.0, 0.0, 0.0, 0.0, 0.0),
        _values(0.9, 0.3, 0.15, 0.008, 0.2, 0.003, 0.1, 0.3, 0.25, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1),
    ),
    Kind(
        "KN", "KN", 6e-4, 1.0, 0.3,
        _values(-16.4, 0.0, 0.3, 0.60, 1.9, 0.35, 0.3, -0.2, 9.0, 7.9, 0.8, 0.5, 1.5, 0.5, 0.5),
        _values(0.8, 0.3, 0.15, 0.15, 0.2, 0.08, 0.2, 0.3, 0.2, 0.1, 0.4, 0.4, 0.5, 0.4, 0.4),
    ),
)  # fmt: skip
"""Kinds outside the classes; their rates are increased so that each makes up a few per cent."""


def spectral_scatter(wavelength: np.ndarray) -> np.ndarray:
    """Give the scatter of Ia magnitudes by rest wavelength [mag], large in the ultraviolet (SNLS)."""
    knots = [2210.0, 3000.0, 4000.0, 5000.0, 6000.0, 7000.0, 8000.0]
    return np.interp(wavelength, knots, [0.70, 0.179, 0.038, 0.020, 0.021, 0.033, 0.060])
