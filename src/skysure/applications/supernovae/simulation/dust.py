"""Reddening by dust: Fitzpatrick (1999, PASP 111, 63)."""

from __future__ import annotations

from functools import cache

import numpy as np

_STEP = 10.0
_GRID = np.arange(900.0, 26_000.0, _STEP)


def extinction(wavelength: np.ndarray, r_v: float = 3.1) -> np.ndarray:
    """Give A(λ) / E(B−V) [mag/mag] of Fitzpatrick (1999).

    Above 2,700 Å a cubic spline through the points of Table 3 with their dependence on R_V, below it the formula of
    Fitzpatrick & Massa (1990). Tabulated every 10 Å between 900 and 26,000 Å.

    Parameters
    ----------
    wavelength : ndarray
        In the frame of the dust [Å].
    r_v : float
        A(V) / E(B−V).
    """
    index = (np.clip(wavelength, _GRID[0], _GRID[-1]) - _GRID[0]) / _STEP
    return _table(r_v)[np.rint(index).astype(np.intp)]


@cache
def _table(r_v: float) -> np.ndarray:
    x = 1e4 / _GRID
    knots = np.array([0.0, 0.377, 0.820, 1.667, 1.828, 2.141, 2.433, 3.704, 3.846])
    optical = [
        -0.422809 + 1.00270 * r_v + 2.13572e-4 * r_v**2,
        -5.13540e-2 + 1.00216 * r_v - 7.35778e-5 * r_v**2,
        0.700127 + 1.00184 * r_v - 3.32598e-5 * r_v**2,
        1.19456 + 1.01707 * r_v - 5.46959e-3 * r_v**2 + 7.97809e-4 * r_v**3 - 4.45636e-5 * r_v**4,
    ]
    infrared = [0.0, 0.26469 * r_v / 3.1, 0.82925 * r_v / 3.1]
    values = np.array([*infrared, *optical, *_ultraviolet(knots[-2:], r_v)])
    return np.where(x > 1e4 / 2700, _ultraviolet(x, r_v), _natural_spline(knots, values, np.minimum(x, 3.846)))


def _ultraviolet(x: np.ndarray, r_v: float) -> np.ndarray:
    c2 = -0.824 + 4.717 / r_v
    c1 = 2.030 - 3.007 * c2
    bump = x**2 / ((x**2 - 4.596**2) ** 2 + (x * 0.99) ** 2)
    far = np.maximum(x - 5.9, 0.0)
    return r_v + c1 + c2 * x + 3.23 * bump + 0.41 * (0.5392 * far**2 + 0.05644 * far**3)


def _natural_spline(knots: np.ndarray, values: np.ndarray, x: np.ndarray) -> np.ndarray:
    step, slope = np.diff(knots), np.diff(values) / np.diff(knots)
    matrix, right = np.eye(len(knots)), np.zeros(len(knots))
    for k in range(1, len(knots) - 1):
        matrix[k, k - 1 : k + 2] = step[k - 1], 2 * (step[k - 1] + step[k]), step[k]
        right[k] = 6 * (slope[k] - slope[k - 1])
    curvature = np.linalg.solve(matrix, right)
    k = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    h, a, b = step[k], knots[k + 1] - x, x - knots[k]
    cubic = (curvature[k] * a**3 + curvature[k + 1] * b**3) / (6 * h)
    return cubic + (values[k] / h - curvature[k] * h / 6) * a + (values[k + 1] / h - curvature[k + 1] * h / 6) * b
