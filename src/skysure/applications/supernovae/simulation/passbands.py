"""Box passbands, and the wavelengths at which spectra are evaluated to integrate over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

EDGES: dict[str, dict[str, tuple[float, float]]] = {
    "des": {"g": (4100.0, 5460.0), "r": (5650.0, 7060.0), "i": (7050.0, 8460.0), "z": (8540.0, 9920.0)},
    "lsst": {
        "u": (3390.0, 4000.0), "g": (4090.0, 5520.0), "r": (5520.0, 6920.0),
        "i": (6910.0, 8200.0), "z": (8180.0, 9230.0), "y": (9230.0, 10_100.0),
    },
}  # fmt: skip
"""Wavelengths of about half of the maximum transmission [Å]."""
_NODES = np.array([-0.7745966692414834, 0.0, 0.7745966692414834])
_WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18


class Passbands(NamedTuple):
    """Bands of a survey: names, and Gauss–Legendre wavelengths and weights for the mean over each box.

    Parameters
    ----------
    names : tuple of str
    wavelength : ndarray, shape (band, node)
        Nodes of each band [Å].
    weight : ndarray, shape (node,)
    """

    names: tuple[str, ...]
    wavelength: np.ndarray
    weight: np.ndarray


def passbands(survey: str) -> Passbands:
    """Give the bands of a survey, "des" or "lsst"; three nodes are exact for polynomials of degree five."""
    edges = np.array(list(EDGES[survey].values()))
    middle, half = edges.mean(axis=1, keepdims=True), np.diff(edges, axis=1) / 2
    return Passbands(tuple(EDGES[survey]), middle + half * _NODES, _WEIGHTS)
