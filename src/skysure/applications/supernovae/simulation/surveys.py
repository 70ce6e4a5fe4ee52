"""Surveys: fields, cadence, depth, moon and weather."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .passbands import Passbands, passbands

NEW_MOON, MONTH = 51_549.76, 29.530588
"""Time of a new moon [MJD] and the mean synodic month [d]."""


@dataclass(frozen=True)
class Survey:
    """How a survey observes one field in one season.

    Parameters
    ----------
    name : str
        "des" or "lsst".
    first_season, seasons : float, int
        Start of the first season [MJD] and their number, a year apart.
    shortest, longest : float
        Length of a season [d].
    clear_again, clear_still : float
        Probability of a clear night after a cloudy one, and after a clear one: weather is correlated.
    dark, bright : tuple of (str, float)
        Bands observed in the same night and their frequency, around new and full moon.
    sky : tuple of float
        Median flux error in each band in a moonless night (zero point 27.5).
    moonlight : tuple of float
        Brightening of the sky by a full moon in each band [mag].
    clouds, visit_scatter : float
        Mean increase of ln(error) in a night by clouds and seeing, and its scatter between visits.
    photon : float
        Variance of a flux per unit of flux, from photon counts.
    calibration : float
        Relative calibration error of a flux.
    nearest : float
        Smallest redshift of a supernova.
    detections : int
        Least number of nights with a detection, beside two bands with S/N > 5.
    fields : tuple of (float, float)
        Centres of the fields [deg]; empty: uniform between declinations −62 and +2.
    dust : float
        Median E(B−V) of the Milky Way [mag].
    """

    name: str
    first_season: float
    seasons: int
    shortest: float
    longest: float
    clear_again: float
    clear_still: float
    dark: tuple[tuple[str, float], ...]
    bright: tuple[tuple[str, float], ...]
    sky: tuple[float, ...]
    moonlight: tuple[float, ...]
    clouds: float
    visit_scatter: float
    photon: float
    calibration: float
    nearest: float
    detections: int
    fields: tuple[tuple[float, float], ...]
    dust: float

    @property
    def passbands(self) -> Passbands:
        """Bands, and the wavelengths at which spectra are evaluated."""
        return passbands(self.name)


_DES_NIGHTS = (("griz", 0.40), ("gr", 0.30), ("iz", 0.30))
SURVEYS = {
    "des": Survey(
        "des", 56_165.0, 5, 145.0, 180.0, 0.19, 0.50, _DES_NIGHTS, _DES_NIGHTS,
        sky=(3.2, 2.1, 3.6, 3.8), moonlight=(2.6, 1.6, 1.0, 0.5), clouds=0.27, visit_scatter=0.38,
        photon=1 / 150, calibration=0.02, nearest=0.02, detections=0,
        fields=(
            (7.9, -43.0), (9.5, -44.0), (42.8, 0.0), (41.2, -1.0), (54.3, -27.1),
            (54.3, -29.1), (52.6, -28.1), (34.5, -4.9), (35.7, -6.4), (36.5, -4.6),
        ),
        dust=0.02,
    ),
    "lsst": Survey(
        "lsst", 60_960.0, 10, 160.0, 210.0, 0.22, 0.32,
        (("ug", 0.12), ("ur", 0.12), ("gr", 0.24), ("gi", 0.18), ("ri", 0.18), ("z", 0.08), ("y", 0.08)),
        (("ri", 0.20), ("iz", 0.22), ("zy", 0.24), ("rz", 0.16), ("y", 0.08), ("gr", 0.10)),
        sky=(5.8, 2.1, 2.7, 4.8, 9.0, 24.0), moonlight=(2.8, 2.2, 1.3, 0.8, 0.4, 0.2),
        clouds=0.22, visit_scatter=0.15, photon=1 / 60, calibration=0.005,
        nearest=0.02, detections=2, fields=(), dust=0.05,
    ),
}  # fmt: skip


class Seasons(NamedTuple):
    """Seasons of fields, flat: the visits of season k are `offsets[k]:offsets[k + 1]`, in time order.

    Parameters
    ----------
    offsets : ndarray of int64, shape (season + 1,)
    time : ndarray, shape (visit,)
        [MJD]
    band : ndarray of int16, shape (visit,)
    sky_error : ndarray, shape (visit,)
        Error of a faint flux.
    start, end : ndarray, shape (season,)
        First and last night [MJD].
    ra, dec : ndarray, shape (season,)
        Centre of the field [deg].
    """

    offsets: np.ndarray
    time: np.ndarray
    band: np.ndarray
    sky_error: np.ndarray
    start: np.ndarray
    end: np.ndarray
    ra: np.ndarray
    dec: np.ndarray


def moon(time: np.ndarray) -> np.ndarray:
    """Give the illuminated fraction of the moon at a time [MJD], from the mean month."""
    return (1 - np.cos(2 * np.pi * (np.asarray(time) - NEW_MOON) / MONTH)) / 2


def draw_seasons(survey: Survey, n: int, rng: np.random.Generator) -> Seasons:
    """Draw `n` seasons, each of one field with its own weather."""
    year = rng.integers(survey.seasons, size=n)
    start = np.floor(survey.first_season + 365.25 * year + rng.uniform(0, 12, n))
    length = rng.uniform(survey.shortest, survey.longest, n)
    night = start[:, None] + np.arange(int(survey.longest) + 1)
    used = _draw_clear_nights(survey, night.shape, rng) & (night <= (start + length)[:, None])
    observed = _bands_by_night(survey, moon(night), rng) & used[..., None]
    season, day, band = np.nonzero(observed)
    hour = rng.uniform(0.05, 0.20, night.shape)[season, day]
    time = night[season, day] + hour + 0.014 * band + rng.uniform(0, 0.004, len(band))
    ra, dec = _centres(survey, n, rng)
    return Seasons(
        np.concatenate([[0], np.cumsum(np.bincount(season, minlength=n))]), time, band.astype(np.int16),
        _sky_error(survey, night, season, day, band, rng), start, start + length, ra, dec,
    )  # fmt: skip


def _draw_clear_nights(survey: Survey, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    chance = rng.random(shape)
    clear = np.empty(shape, bool)
    clear[:, 0] = True
    for night in range(1, shape[1]):
        limit = np.where(clear[:, night - 1], survey.clear_still, survey.clear_again)
        clear[:, night] = chance[:, night] < limit
    return clear


def _bands_by_night(survey: Survey, illuminated: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    chance = rng.random(illuminated.shape)
    dark, bright = (_choose(survey, patterns, chance) for patterns in (survey.dark, survey.bright))
    return np.where((illuminated > 0.5)[..., None], bright, dark)


def _choose(survey: Survey, patterns: tuple[tuple[str, float], ...], chance: np.ndarray) -> np.ndarray:
    observed = np.array([[name in bands for name in survey.passbands.names] for bands, _ in patterns])
    share = np.cumsum([s for _, s in patterns])
    return observed[np.searchsorted(share / share[-1], chance, side="right").clip(max=len(patterns) - 1)]


def _sky_error(
    survey: Survey, night: np.ndarray, season: np.ndarray, day: np.ndarray, band: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    # clouds and bad seeing only increase the error: a one-sided tail with its median at zero
    quality = survey.clouds * (rng.standard_exponential(night.shape)[season, day] - np.log(2))
    quality += survey.visit_scatter * rng.standard_normal(len(band))
    up = rng.random(night.shape) < 0.5
    light = (moon(night) * up)[season, day] * np.array(survey.moonlight)[band]
    # noise is the square root of the sky's photons: half of its magnitudes
    return np.array(survey.sky)[band] * np.exp(quality) * 10 ** (0.2 * light)


def _centres(survey: Survey, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if survey.fields:
        ra, dec = np.array(survey.fields)[rng.integers(len(survey.fields), size=n)].T
        return ra, dec
    low, high = np.sin(np.radians([-62.0, 2.0]))
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(low, high, n)))
