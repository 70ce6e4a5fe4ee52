"""Explosions on the sky: their parameters, and their fluxes at a time in a band."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .cosmology import distance_modulus, draw_redshift
from .dust import extinction
from .populations import IA_DUST, KINDS, UNKNOWNS, Kind, draw_ia, spectral_scatter
from .spectra import COOLING, cooling_curve, cooling_magnitude, ia_magnitude
from .surveys import Survey

ZERO_POINT = 27.5
BAND_SCATTER = 0.05
"""Scatter of every object's magnitude in each band [mag]."""
HOST_DUST = 0.04
"""Mean E(B−V) of the exponential distribution of dust in hosts of other kinds than Ia [mag]."""


@dataclass(frozen=True)
class Explosions:
    """Explosions and their parameters; row k of every array is object k.

    Parameters
    ----------
    kind : ndarray of int64, shape (object,)
        Index into `kinds`.
    redshift, mwebv, origin : ndarray, shape (object,)
        True redshift, Milky Way E(B−V) [mag], and the time of phase zero [MJD].
    stretch : ndarray, shape (object,)
        Stretch of time of Ia; one for other kinds.
    shape : ndarray of float32, shape (object, parameter)
        Parameters of cooling photospheres, in the order of `COOLING`; unused for Ia.
    wavelength : ndarray of float32, shape (object, band, node)
        Rest-frame wavelengths [Å].
    dimming : ndarray of float32, shape (object, band, node)
        Time-independent terms of the magnitude: distance, dust, scatter [mag].
    weight : ndarray, shape (node,)
        Weights of the nodes.
    kinds : tuple of Kind
    """

    kind: np.ndarray
    redshift: np.ndarray
    mwebv: np.ndarray
    origin: np.ndarray
    stretch: np.ndarray
    shape: np.ndarray
    wavelength: np.ndarray
    dimming: np.ndarray
    weight: np.ndarray
    kinds: tuple[Kind, ...]

    def __getitem__(self, selection: np.ndarray) -> Explosions:
        return Explosions(
            self.kind[selection], self.redshift[selection], self.mwebv[selection], self.origin[selection],
            self.stretch[selection], self.shape[selection], self.wavelength[selection], self.dimming[selection],
            self.weight, self.kinds,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def is_ia(self) -> np.ndarray:
        """Whether each object follows the Ia surface, shape (object,)."""
        return np.array([not kind.mean for kind in self.kinds])[self.kind]

    def at_middle(self) -> Explosions:
        """Give the same with spectra evaluated only at the middle of each band: to 10 %, three times as fast."""
        wavelength, dimming = self.wavelength[..., 1:2], self.dimming[..., 1:2]
        return replace(self, wavelength=wavelength, dimming=dimming, weight=np.ones(1, np.float32))

    def flux(self, owner: np.ndarray, time: np.ndarray, band: np.ndarray) -> np.ndarray:
        """Give the flux (zero point 27.5) of objects `owner` at times [MJD] in bands, all of shape (point,).

        f_ν = (1 + z) L_ν(λ / (1 + z)) / 4π d_L², averaged over the band; phases are in the rest frame.
        """
        phase = (time - self.origin[owner]) / ((1 + self.redshift) * self.stretch)[owner]
        phase = phase.astype(np.float32)[:, None]
        wavelength = self.wavelength[owner, band]
        magnitude = np.empty_like(wavelength)
        ia = self.is_ia[owner]
        magnitude[ia] = ia_magnitude(phase[ia], wavelength[ia])
        core_collapse = ~ia
        shape = _as_dict(self.shape[owner[core_collapse]])
        magnitude[core_collapse] = cooling_magnitude(phase[core_collapse], wavelength[core_collapse], shape)
        magnitude += self.dimming[owner, band]
        return (np.exp((ZERO_POINT - magnitude) * (0.4 * math.log(10))) @ self.weight).astype(np.float64)

    def peak_time(self) -> np.ndarray:
        """Give the time of maximum at rest-frame 5,500 Å [MJD], to about a day, shape (object,)."""
        phase = np.arange(1, 121, 3, dtype=np.float32)
        curve = cooling_curve(phase, _as_dict(self.shape))
        peak = np.where(self.is_ia, 0.0, phase[curve.argmin(axis=1)])
        return self.origin + peak * (1 + self.redshift)


def _as_dict(shape: np.ndarray) -> dict[str, np.ndarray]:
    return {name: shape[:, k, None] for k, name in enumerate(COOLING)}


def draw_explosions(
    survey: Survey,
    start: np.ndarray,
    end: np.ndarray,
    unknowns: bool,
    rng: np.random.Generator,
) -> Explosions:
    """Draw one explosion for each season with first and last night `start` and `end` [MJD], from the whole volume."""
    n = len(start)
    kinds = KINDS + (UNKNOWNS if unknowns else ())
    expected = np.array([kind.expected(survey.nearest) for kind in kinds])
    kind = np.searchsorted(np.cumsum(expected / expected.sum()), rng.random(n)).clip(max=len(kinds) - 1)
    redshift, shape = _draw_shapes(kinds, kind, survey.nearest, rng)
    mwebv = np.minimum(survey.dust * np.exp(0.7 * rng.standard_normal(n)), 0.3)
    bands = survey.passbands
    wavelength = bands.wavelength / (1 + redshift)[:, None, None]
    dimming = distance_modulus(redshift) - 2.5 * np.log10(1 + redshift) + shape.pop("offset")
    dimming = dimming[:, None, None] + _dust_and_scatter(wavelength, shape.pop("reddening"), kind == 0, rng)
    # dust maps of the Milky Way have errors of 16 %
    true_dust = mwebv * np.maximum(1 + 0.16 * rng.standard_normal(n), 0)
    dimming += true_dust[:, None, None] * extinction(bands.wavelength)
    origin = rng.uniform(start - 40, end)
    return Explosions(
        kind, redshift, mwebv, origin, shape["stretch"],
        np.stack([shape[name] for name in COOLING], axis=1).astype(np.float32),
        wavelength.astype(np.float32), dimming.astype(np.float32), bands.weight.astype(np.float32), kinds,
    )  # fmt: skip


def _draw_shapes(
    kinds: tuple[Kind, ...], kind: np.ndarray, nearest: float, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    redshift = np.empty(len(kind))
    # cooling parameters of Ia are unused; ones keep the arithmetic finite
    shape = {name: np.ones(len(kind)) for name in (*COOLING, "stretch")}
    shape |= {"offset": np.zeros(len(kind)), "reddening": rng.exponential(HOST_DUST, len(kind))}
    for k, population in enumerate(kinds):
        rows = np.flatnonzero(kind == k)
        redshift[rows] = draw_redshift(rng.random(len(rows)), population.slope, nearest, population.farthest)
        parameters = population.draw(len(rows), rng) if population.mean else draw_ia(len(rows), rng)
        for name, values in parameters.items():
            shape[name][rows] = values
    return redshift, shape


def _dust_and_scatter(
    wavelength: np.ndarray, reddening: np.ndarray, ia: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Give the dimming by host dust (R_V 3.1; colour of Ia with R_V 2.2) and scatter by band and colour [mag]."""
    law = np.where(ia[:, None, None], extinction(wavelength, IA_DUST), extinction(wavelength))
    colour = rng.standard_normal(len(ia)) * ia
    return (
        reddening[:, None, None] * law
        + colour[:, None, None] * spectral_scatter(wavelength)
        + BAND_SCATTER * rng.standard_normal(wavelength.shape[:2])[..., None]
    )
