"""Simulated supernovae as a survey observes them: with its cadence, noise and selection."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from skysure.data.lightcurves import LightCurves
from skysure.data.simulated import SimulatedSource
from skysure.data.split import PARTS

from .settings import Schema, Settings
from .simulation.explosions import Explosions, draw_explosions
from .simulation.hosts import draw_photoz
from .simulation.selection import is_detected, spectrum_chance
from .simulation.surveys import SURVEYS, Seasons, Survey, draw_seasons

CANDIDATES = 4096
"""Explosions drawn at a time; those that the survey detects make one chunk."""
PILOT = 2026
"""Seed of the objects from which the ranges of the schema are estimated."""
SEASONS = 64
"""Observing seasons of fields drawn for a block, each with its own weather."""


def simulate(settings: Settings, n: int | None, seed: int) -> SimulatedSource:
    """Simulate `n` detected supernovae of settings.survey; None: endless for training, fixed for the other parts.

    Object k does not depend on `n`. With settings.unknowns also kinds that belong to no class.
    """
    survey = SURVEYS[settings.survey]
    kinds = ("Ia", "II", "Ibc", *(("SLSN", "TDE", "KN") if settings.unknowns else ()))
    redshift, errors = _ranges(survey, settings.photoz)
    schema = Schema(bands=survey.passbands.names, classes=kinds, redshift=redshift, flux_error=errors)
    draw = partial(draw_block, survey, unknowns=settings.unknowns, photoz=settings.photoz)
    return SimulatedSource(schema, draw, n, seed, {part: getattr(settings, part) for part in PARTS[1:]})


def _ranges(survey: Survey, photoz: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Range of the redshifts, and central 98 % of the flux errors, of a pilot simulation."""
    pilot = LightCurves.concat([draw_block(survey, PILOT, block, photoz=photoz) for block in range(4)])
    z = pilot.column("redshift")
    span = (float(np.nanmin(z)), float(np.nanmax(z))) if np.isfinite(z).any() else Schema.redshift
    low, high = np.quantile(pilot.flux_error, [0.01, 0.99])
    return span, (float(low), float(high))


def simulate_lightcurves(
    n: int, survey: str = "des", seed: int = 0, *, unknowns: bool = False, photoz: str = "good"
) -> LightCurves:
    """Simulate `n` detected supernovae in memory.

    Parameters
    ----------
    n : int
        Number of objects.
    survey : {"des", "lsst"}
        griz like the supernova survey of DES, or ugrizy like the wide survey of LSST.
    seed : int
        The same seed gives the same objects, and the first of many are those of few.
    unknowns : bool
        Whether superluminous supernovae, tidal disruptions and kilonovae are drawn too.
    photoz : {"good", "realistic", "none"}
        Quality of the redshifts of the hosts.

    Returns
    -------
    LightCurves
        Columns of objects: id, label, subtype, redshift and redshift_error (of the host), ra, dec, mwebv, group;
        and truths that are no input of a classifier: true_redshift, peak_mjd and spectroscopic (whether the biased
        selection of `selection.spectrum_chance` would have taken a spectrum).

    Examples
    --------
    >>> curves = simulate_lightcurves(5, "des", seed=1)
    >>> len(curves), curves.bands
    (5, ('g', 'r', 'i', 'z'))
    """
    settings = replace(Settings(), survey=survey, unknowns=unknowns, photoz=photoz)
    return LightCurves.concat(list(simulate(settings, n, seed).chunks()))


def draw_block(
    survey: Survey, seed: int, block: int, first: int = 0, unknowns: bool = False, photoz: str = "good"
) -> LightCurves:
    """Draw one block of explosions and return those that the survey detects, numbered from `first` on."""
    rng = np.random.default_rng([seed, block])
    seasons = draw_seasons(survey, SEASONS, rng)
    season = rng.integers(SEASONS, size=CANDIDATES)
    explosions = draw_explosions(survey, seasons.start[season], seasons.end[season], unknowns, rng)
    bright = np.flatnonzero(_is_detectable(explosions, seasons, season))
    explosions, season = explosions[bright], season[bright]
    peak = explosions.peak_time()
    owner, visit = _visits_in_window(explosions, seasons, season, peak, rng)
    time, band = seasons.time[visit], seasons.band[visit].astype(np.int64)
    flux, error = observe(explosions.flux(owner, time, band), seasons.sky_error[visit], survey, rng)
    detected = is_detected(survey, flux / error, owner, time, band, len(bright), rng)
    curves = LightCurves(
        _objects(explosions, seasons, season, peak, photoz, rng),
        np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(bright)))]),
        time, seasons.band[visit], flux, error, survey.passbands.names,
    )[detected]  # fmt: skip
    names = np.array([f"{survey.name}-{seed}-{first + k}" for k in range(len(curves))])
    curves.objects.update(id=names, group=names)
    return curves


def observe(
    true_flux: np.ndarray, sky_error: np.ndarray, survey: Survey, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Add noise of sky, photons and calibration to true fluxes; return fluxes and the errors a survey would state."""
    noise = np.sqrt(sky_error**2 + survey.photon * true_flux + (survey.calibration * true_flux) ** 2)
    flux = true_flux + noise * rng.standard_normal(len(true_flux))
    positive = np.maximum(flux, 0.0)
    return flux, np.sqrt(sky_error**2 + survey.photon * positive + (survey.calibration * positive) ** 2)


def _is_detectable(explosions: Explosions, seasons: Seasons, season: np.ndarray) -> np.ndarray:
    """Whether noise could raise the second best band above S/N 5; the others need not be observed."""
    bands, n = explosions.wavelength.shape[1], len(explosions)
    phase = np.array([0.0, 6.0, 13.0, 22.0, 40.0, 75.0])
    time = explosions.origin[:, None] + phase * (1 + explosions.redshift)[:, None]
    inside = (time > seasons.start[season, None] - 10) & (time < seasons.end[season, None] + 10)
    owner, moment = (np.repeat(x, bands) for x in np.nonzero(inside))
    band = np.tile(np.arange(bands), len(owner) // bands)
    flux = np.zeros((n, len(phase), bands))
    flux[owner, moment, band] = explosions.at_middle().flux(owner, time[owner, moment], band)
    deepest = [np.percentile(seasons.sky_error[seasons.band == b], 5) for b in range(bands)]
    return np.sort(flux.max(axis=1) / deepest, axis=1)[:, -2] > 2.5


def _visits_in_window(
    explosions: Explosions, seasons: Seasons, season: np.ndarray, peak: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points of each object: the visits of its season in a window of observed time, whatever the redshift."""
    n = len(explosions)
    counts = np.diff(seasons.offsets)[season]
    owner = np.repeat(np.arange(n), counts)
    ends = np.cumsum(counts)
    visit = np.arange(ends[-1]) + np.repeat(seasons.offsets[season] - (ends - counts), counts)
    low, high = peak - rng.uniform(40, 90, n), peak + rng.uniform(80, 150, n)
    inside = (seasons.time[visit] > low[owner]) & (seasons.time[visit] < high[owner])
    return owner[inside], visit[inside]


def _objects(
    explosions: Explosions,
    seasons: Seasons,
    season: np.ndarray,
    peak: np.ndarray,
    photoz: str,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    n = len(explosions)
    redshift, redshift_error = draw_photoz(explosions.redshift, photoz, rng)
    radius, angle = 1.1 * np.sqrt(rng.random(n)), rng.uniform(0, 2 * np.pi, n)
    dec = seasons.dec[season] + radius * np.sin(angle)
    ra = seasons.ra[season] + radius * np.cos(angle) / np.cos(np.radians(dec))
    kinds = explosions.kinds
    return {
        "label": np.array([k.label for k in kinds])[explosions.kind],
        "subtype": np.array([k.subtype for k in kinds])[explosions.kind],
        "redshift": redshift, "redshift_error": redshift_error,
        "ra": ra % 360, "dec": dec, "mwebv": explosions.mwebv,
        "true_redshift": explosions.redshift, "peak_mjd": peak,
        "spectroscopic": _has_spectrum(explosions, peak, rng),
    }  # fmt: skip


def _has_spectrum(explosions: Explosions, peak: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    names = [2, 3] if explosions.wavelength.shape[1] == 6 else [1, 2]
    rows = np.arange(len(explosions))
    with np.errstate(divide="ignore"):
        r, i = (27.5 - 2.5 * np.log10(explosions.flux(rows, peak, np.full(len(rows), b))) for b in names)
    return rng.random(len(rows)) < spectrum_chance(r, i)
