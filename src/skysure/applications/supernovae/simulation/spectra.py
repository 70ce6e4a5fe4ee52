"""Spectra of explosions in their rest frame, as absolute AB magnitudes at a phase and a wavelength.

Two models. A cooling photosphere is used for all kinds but the Ia: its light curve at 5,500 Å is piecewise linear in
magnitudes with rounded corners (rise, decline, end of the plateau, tail), its colours are those of a black body of
decreasing temperature, dimmed by metal lines in the ultraviolet. The Ia, which has a second maximum in the infrared, is
a surface over phase and wavelength, stretched in time and reddened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .ia_surface import PHASE, SURFACE, WAVELENGTH

_LOG_WAVELENGTH = np.log(WAVELENGTH).astype(np.float32)
_PHASE, _SURFACE = PHASE.astype(np.float32), SURFACE.astype(np.float32).ravel()
REFERENCE = 5500.0
"""Wavelength of the light curves of cooling photospheres [Å]."""
COOLING = (
    "magnitude", "rise", "power", "decline", "bend", "tail", "drop", "sharpness",
    "hot", "cold", "cooling", "lines", "cold_lines", "far_lines", "cold_far_lines",
)  # fmt: skip
"""Parameters of a cooling photosphere; those in `LOGARITHMIC` are drawn as natural logarithms."""
LOGARITHMIC = ("rise", "power", "bend", "sharpness", "hot", "cold", "cooling")
_HC_OVER_K = 1.438776877e8
_MAGNITUDE = 2.5 / math.log(10)


def black_body(wavelength: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Give the AB magnitude of a black body relative to 5,500 Å: −2.5 log10 of B_ν(λ, T) / B_ν(5500 Å, T)."""
    x, reference = _HC_OVER_K / (wavelength * temperature), _HC_OVER_K / (REFERENCE * temperature)
    planck = x + np.log(1 - np.exp(-x)) - reference - np.log(1 - np.exp(-reference))
    return _MAGNITUDE * planck + 7.5 * np.log10(wavelength / REFERENCE)


def softplus(x: np.ndarray) -> np.ndarray:
    """Smooth max(x, 0): log(1 + exp x)."""
    return np.maximum(x, 0) + np.log(1 + np.exp(-np.abs(x)))


def cooling_curve(phase: np.ndarray, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Give the absolute magnitude at 5,500 Å of a cooling photosphere.

    The flux is 1 − exp(−(phase / rise)^power), a saturating fireball, times a decline that bends into a tail: in
    magnitudes two lines with a rounded corner and a step.

    Parameters
    ----------
    phase : ndarray
        Rest-frame days since the explosion; infinitely faint before it.
    p : mapping of str to ndarray, broadcastable with `phase`
        magnitude [mag]: of the decline, extended back to the explosion; rise [d]; power; decline and tail:
        slopes [mag/d]; bend [d]: time of the corner; drop [mag]: the step there; sharpness [d]: width of corner and
        step.
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
    """Give the colour temperature [K]: cold + (hot − cold) exp(−phase / cooling)."""
    fall = np.exp(-np.maximum(phase, 0) / p["cooling"])
    return np.clip(p["cold"] + (p["hot"] - p["cold"]) * fall, 2500.0, 40_000.0)


def line_blanketing(wavelength: np.ndarray, kelvin: np.ndarray, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Give the dimming by metal lines [mag], below 4,200 Å and more below 3,000 Å.

    It increases as the photosphere cools below 7,500 K; negative values are an excess over a black body.
    """
    cold = 1 / (1 + np.exp((kelvin - 7500.0) / 1500.0))
    near = (p["lines"] + p["cold_lines"] * cold) * softplus((4200.0 - wavelength) / 300.0)
    far = (p["far_lines"] + p["cold_far_lines"] * cold) * softplus((3000.0 - wavelength) / 200.0)
    return 0.3 * (near + far)


def cooling_magnitude(phase: np.ndarray, wavelength: np.ndarray, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Give the absolute AB magnitude of a cooling photosphere at phases [d] and rest wavelengths [Å], broadcast."""
    kelvin = temperature(phase, p)
    shape = black_body(wavelength, kelvin) + line_blanketing(wavelength, kelvin, p)
    return cooling_curve(phase, p) + shape


def ia_magnitude(phase: np.ndarray, wavelength: np.ndarray) -> np.ndarray:
    """Give the absolute AB magnitude of the mean Ia at phases [d] and rest wavelengths [Å] of equal shape.

    Phases are counted from maximum at stretch one. Before the first phase the flux is zero; after the last one the
    slope in time continues, and beyond the wavelengths the colour is constant.
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
