"""Spectra of explosions in their rest frame, as absolute AB magnitudes at a phase and a wavelength.

Two models. A cooling photosphere serves all kinds but the Ia: its light curve at 5,500 Å is a line with rounded
corners in magnitudes (rise, decline, plateau's end, tail), its colours are those of a black body whose
temperature falls, dimmed by metal lines in the ultraviolet. The Ia, whose infrared has a second maximum, is a
surface over phase and wavelength, stretched in time and reddened.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .ia_surface import PHASE, SURFACE, WAVELENGTH

_LOG_WAVELENGTH = np.log(WAVELENGTH)
REFERENCE = 5500.0
"""Wavelength at which light curves of cooling photospheres are given [Å]."""
COOLING = (
    "magnitude", "rise", "rounding", "decline", "bend", "tail", "drop", "sharpness",
    "hot", "cold", "cooling", "lines", "cold_lines",
)  # fmt: skip
"""Parameters of a cooling photosphere; those in `LOGARITHMIC` are drawn as natural logarithms."""
LOGARITHMIC = ("rise", "rounding", "bend", "sharpness", "hot", "cold", "cooling")
_HC_OVER_K = 1.438776877e8


def black_body(wavelength: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """AB magnitude of a black body relative to that at 5,500 Å: −2.5 log10 of B_ν(λ, T) / B_ν(5500 Å, T)."""
    x, reference = _HC_OVER_K / (wavelength * temperature), _HC_OVER_K / (REFERENCE * temperature)
    return 2.5 * np.log10(np.expm1(x) / np.expm1(reference)) + 7.5 * np.log10(wavelength / REFERENCE)


def softplus(x: np.ndarray) -> np.ndarray:
    """Smooth max(x, 0): log(1 + exp x)."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def cooling_curve(phase: np.ndarray, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Absolute magnitude at 5,500 Å of a cooling photosphere.

    Parameters
    ----------
    phase : ndarray
        Rest-frame days from the end of the rise.
    p : mapping of str to ndarray, broadcastable with `phase`
        magnitude [mag] where rise and decline, extended, would meet; rise, decline and tail: slopes [mag/d];
        rounding [d] of the maximum; bend [d]: when decline turns to tail; drop [mag]: how far the light falls
        there, within `sharpness` [d].
    """
    early = p["rounding"]
    late = (phase - p["bend"]) / p["sharpness"]
    # softplus(−x) = softplus(x) − x saves a third of the logarithms
    after = softplus(phase / early)
    turned = softplus(late)
    return (
        p["magnitude"]
        + early * (p["rise"] * (after - phase / early) + p["decline"] * after)
        + p["sharpness"] * (p["tail"] - p["decline"]) * turned
        + p["drop"] * np.exp(late - turned)
    )


def temperature(phase: np.ndarray, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Colour temperature [K]: cold + (hot − cold) exp(−phase / cooling), the same before −10 d as then."""
    fall = np.exp(-np.maximum(phase, -10.0) / p["cooling"])
    return np.clip(p["cold"] + (p["hot"] - p["cold"]) * fall, 2500.0, 40_000.0)


def line_blanketing(wavelength: np.ndarray, kelvin: np.ndarray, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Dimming below 4,200 Å by metal lines [mag], more of them once the photosphere is cooler than 7,500 K."""
    depth = p["lines"] + p["cold_lines"] / (1 + np.exp((kelvin - 7500.0) / 1500.0))
    return 0.3 * depth * softplus((4200.0 - wavelength) / 300.0)


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
    row, time = _place(phase, PHASE, len(PHASE) - 2)
    column, share = _place(np.log(wavelength), _LOG_WAVELENGTH, len(WAVELENGTH) - 2)
    share = np.clip(share, 0.0, 1.0)
    start = row * len(WAVELENGTH) + column
    flat = SURFACE.ravel()
    early = flat[start] + share * (flat[start + 1] - flat[start])
    start = start + len(WAVELENGTH)
    late = flat[start] + share * (flat[start + 1] - flat[start])
    return np.where(phase < PHASE[0], np.inf, early + time * (late - early))


def _place(x: np.ndarray, knots: np.ndarray, last: int) -> tuple[np.ndarray, np.ndarray]:
    cell = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, last)
    return cell, (x - knots[cell]) / np.diff(knots)[cell]
