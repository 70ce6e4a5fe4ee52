"""Spectra of explosions in their rest frame, as absolute AB magnitudes at a phase and a wavelength.

Two models. A cooling photosphere serves all kinds but the Ia: its light curve at 5,500 Å is a line with rounded
corners in magnitudes (rise, decline, plateau's end, tail), its colours are those of a black body whose
temperature falls, dimmed by metal lines in the ultraviolet. The Ia, whose infrared has a second maximum, is a
surface over phase and wavelength, stretched in time and reddened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .ia_surface import PHASE, SURFACE, WAVELENGTH

_LOG_WAVELENGTH = np.log(WAVELENGTH).astype(np.float32)
_PHASE, _SURFACE = PHASE.astype(np.float32), SURFACE.astype(np.float32).ravel()
REFERENCE = 5500.0
"""Wavelength at which light curves of cooling photospheres are given [Å]."""
COOLING = (
    "magnitude", "rise", "power", "decline", "bend", "tail", "drop", "sharpness",
    "hot", "cold", "cooling", "lines", "cold_lines", "far_lines", "cold_far_lines",
)  # fmt: skip
"""Parameters of a cooling photosphere; those in `LOGARITHMIC` are drawn as natural logarithms."""
LOGARITHMIC = ("rise", "power", "bend", "sharpness", "hot", "cold", "cooling")
_HC_OVER_K = 1.438776877e8
_MAGNITUDE = 2.5 / math.log(10)


def black_body(wavelength: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """AB magnitude of a black body relative to that at 5,500 Å: −2.5 log10 of B_ν(λ, T) / B_ν(5500 Å, T)."""
    x, reference = _HC_OVER_K / (wavelength * temperature), _HC_OVER_K / (REFERENCE * temperature)
    planck = x + np.log(1 - np.exp(-x)) - reference - np.log(1 - np.exp(-reference))
    return _MAGNITUDE * planck + 7.5 * np.log10(wavelength / REFERENCE)


def softplus(x: np.ndarray) -> np.ndarray:
    """Smooth max(x, 0): log(1 + exp x)."""
    return np.maximum(x, 0) + np.log(1 + np.exp(-np.abs(x)))


def cooling_curve(phase: np.ndarray, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Absolute magnitude at 5,500 Å of a cooling photosphere.

    The flux is 1 − exp(−(phase / rise)^power), a fireball that saturates, times a decline that bends into a
    tail: a line with a rounded corner and a step in magnitudes.

    Parameters
    ----------
    phase : ndarray
        Rest-frame days since the explosion; infinitely faint before it.
    p : mapping of str to ndarray, broadcastable with `phase`
        magnitude [mag]: of the decline, extended back to the explosion; rise [d]; power; decline and tail:
        slopes [mag/d]; bend [d]: when one turns into the other; drop [mag]: the step there; sharpness [d]: of
        corner and step.
    """
    after = np.maximum(phase, 1e-2)
    late = (phase - p["bend"]) / p["sharpness"]
    turned = softplus(late)
    risen = 1 - np.exp(-np.exp(p["power"] * np.log(after / p["rise"])))
    magnitude = (
        p["magnitude"]
        + p["decline"] * phase
        + p["sharpness"] * (p["tail"] - p["decline"]) * turned
        + p["drop"] * np.exp(late - turned)
        - 2.5 * np.log10(np.maximum(risen, 1e-6))
    )
    return np.where(phase > 0, magnitude, np.inf)


def temperature(phase: np.ndarray, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Colour temperature [K]: cold + (hot − cold) exp(−phase / cooling)."""
    fall = np.exp(-np.maximum(phase, 0) / p["cooling"])
    return np.clip(p["cold"] + (p["hot"] - p["cold"]) * fall, 2500.0, 40_000.0)


def line_blanketing(wavelength: np.ndarray, kelvin: np.ndarray, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Dimming by metal lines [mag], below 4,200 Å and more below 3,000 Å.

    It deepens where the photosphere cools below 7,500 K; negative depths stand for an excess over a black body.
    """
    cold = 1 / (1 + np.exp((kelvin - 7500.0) / 1500.0))
    near = (p["lines"] + p["cold_lines"] * cold) * softplus((4200.0 - wavelength) / 300.0)
    far = (p["far_lines"] + p["cold_far_lines"] * cold) * softplus((3000.0 - wavelength) / 200.0)
    return 0.3 * (near + far)


def cooling_magnitude(phase: np.ndarray, wavelength: np.ndarray, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Absolute AB magnitude of a cooling photosphere at phases [d] and rest wavelengths [Å], broadcast."""
    kelvin = temperature(phase, p)
    shape = black_body(wavelength, kelvin) + line_blanketing(wavelength, kelvin, p)
    return cooling_curve(phase, p) + shape


def ia_magnitude(phase: np.ndarray, wavelength: np.ndarray) -> np.ndarray:
    """Absolute AB magnitude of the mean Ia at phases [d] and rest wavelengths [Å] of one shape, from a surface.

    The surface was fitted to the simulated Ia of the supernova challenge (half of those, by even id); phases are
    those of stretch one, counted from maximum. Before −20 d there is nothing; beyond the edges the slope in
    time goes on, and the colour stays.
    """
    row, time = _place(phase, _PHASE, len(PHASE) - 2)
    column, share = _place(np.log(wavelength), _LOG_WAVELENGTH, len(WAVELENGTH) - 2)
    share = np.clip(share, 0, 1)
    start = row * len(WAVELENGTH) + column
    early = _SURFACE[start] + share * (_SURFACE[start + 1] - _SURFACE[start])
    start = start + len(WAVELENGTH)
    late = _SURFACE[start] + share * (_SURFACE[start + 1] - _SURFACE[start])
    return np.where(phase < PHASE[0], np.inf, early + time * (late - early))


def _place(x: np.ndarray, knots: np.ndarray, last: int) -> tuple[np.ndarray, np.ndarray]:
    cell = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, last)
    return cell, (x - knots[cell]) / np.diff(knots)[cell]
