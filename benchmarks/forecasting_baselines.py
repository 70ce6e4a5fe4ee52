"""Forecasts without a network: the last value, a damped trend, and a Gaussian process in time and wavelength.

Each gives a Gaussian for the true flux at given times and bands; what it leaves open (how fast light curves wander,
how soon a trend dies) is fitted to the score itself, the CRPS, on the calibration part.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize

from skysure.applications.supernovae.forecasts.horizons import Fluxes
from skysure.applications.supernovae.forecasts.later import NextPoints
from skysure.applications.supernovae.forecasts.scores import errors_of

WAVELENGTH = {"u": 3671.0, "g": 4827.0, "r": 6223.0, "i": 7546.0, "z": 8691.0, "y": 9712.0}
"""Effective wavelengths [Å]."""
TREND = 3
"""Points of a band that a trend is fitted to."""


@dataclass(frozen=True)
class Past:
    """What was measured before each later point, each of shape (row,) or (row, point), the last point first.

    Points are those of its band; where the band has none, `weight` is 0 and the flux 0.
    """

    ahead: np.ndarray
    age: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray
    weight: np.ndarray
    unit: np.ndarray


def past(later: NextPoints) -> Past:
    """Look up the last points of the band of each later point."""
    known, rows = later.known, len(later.owner)
    age, flux, error, weight = (np.zeros((rows, TREND)) for _ in range(4))
    error += 1.0
    for row, (owner, band, time) in enumerate(zip(later.owner, later.band, later.time, strict=True)):
        start, stop = known.offsets[owner : owner + 2]
        mine = start + np.flatnonzero(known.band[start:stop] == band)[::-1][:TREND]
        some = (row, slice(len(mine)))
        age[some], flux[some], error[some], weight[some] = (
            time - known.time[mine],
            known.flux[mine],
            known.flux_error[mine],
            1,
        )
    brightest = np.zeros(len(known))
    np.maximum.at(brightest, known.owner, np.abs(known.flux) - 2 * known.flux_error)
    unit = np.hypot(brightest[later.owner], np.median(known.flux_error))
    ahead = later.time - known.time[known.offsets[1:] - 1][later.owner]
    return Past(ahead, age, flux, error, weight, unit)


def persistence(seen: Past, parameters: np.ndarray) -> Fluxes:
    """Keep the last flux of the band; its variance is that of the point and of a walk, (a f h^b)².

    A band that was not measured yet has flux 0, and the width of the object's brightest flux times a number.
    """
    wander, power, unseen = np.exp(parameters[:3])
    walk = wander * seen.unit * seen.age[:, 0] ** power
    known = seen.weight[:, 0] > 0
    std = np.where(known, np.hypot(seen.flux_error[:, 0], walk), unseen * seen.unit)
    return gaussian(seen.ahead, seen.flux[:, 0], std)


def damped_trend(seen: Past, parameters: np.ndarray) -> Fluxes:
    """Go on from the last flux with a slope that dies out, m + b τ (1 - exp(-h / τ)) (Gardner & McKenzie 1985).

    Level and slope are fitted to the last three points of the band, by weight of their errors and of how far light
    curves wander; the slope has the prior N(0, (p f)²).
    """
    wander, power, unseen, slope, tau = np.exp(parameters)
    known, unit = seen.weight[:, 0] > 0, seen.unit[:, None]
    back = seen.age[:, :1] - seen.age  # from the last point, negative
    weight = seen.weight / (seen.flux_error**2 + (wander * unit * np.abs(back) ** power) ** 2)
    s0, s1, s2 = (np.sum(weight * back**k, 1) for k in range(3))
    t0, t1 = (np.sum(weight * seen.flux * back**k, 1) for k in range(2))
    s0, s2 = np.where(known, s0, 1.0), s2 + (slope * seen.unit) ** -2.0
    determinant = s0 * s2 - s1**2
    level, trend = (s2 * t0 - s1 * t1) / determinant, (s0 * t1 - s1 * t0) / determinant
    reach = tau * -np.expm1(-seen.age[:, 0] / tau)
    variance = (s2 - 2 * s1 * reach + s0 * reach**2) / determinant
    std = np.sqrt(variance + (wander * seen.unit * seen.age[:, 0] ** power) ** 2)
    mean = level + trend * reach
    return gaussian(seen.ahead, np.where(known, mean, 0.0), np.where(known, std, unseen * seen.unit))


def gaussian(days: np.ndarray, mean: np.ndarray, std: np.ndarray) -> Fluxes:
    """Make mixtures of one component."""
    one = [torch.from_numpy(np.atleast_2d(part)) for part in (np.ones(len(mean)), mean, std)]
    return Fluxes(days, *one, torch.zeros(len(mean), dtype=torch.float64))


def fitted(method: Callable[[Past, np.ndarray], Fluxes], start: list[float], later: NextPoints) -> np.ndarray:
    """Give the parameters (their logarithms) of least CRPS, in units of the errors of the measured fluxes."""
    seen = past(later)

    def loss(parameters: np.ndarray) -> float:
        return float(errors_of(method(seen, np.clip(parameters, -12, 12)), later).mean())

    options = {"maxiter": 2000, "xatol": 1e-3, "fatol": 1e-6}
    return np.clip(minimize(loss, start, method="Nelder-Mead", options=options).x, -12, 12)


def gaussian_process(python: str, later: NextPoints) -> tuple[Fluxes, dict[str, str]]:
    """Let tinygp forecast in its own environment; gives its versions too."""
    known = later.known
    wavelength = np.log(np.array([WAVELENGTH[band] for band in known.bands]))
    columns = {
        "offsets": known.offsets, "time": known.time, "log_wavelength": wavelength[known.band], "flux": known.flux,
        "flux_error": known.flux_error, "owner": later.owner, "later_time": later.time,
        "later_log_wavelength": wavelength[later.band],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(given, **columns)
        script = Path(__file__).with_name("forecasting_gp.py")
        done = subprocess.run([python, str(script), str(given), str(found)], check=True, capture_output=True, text=True)
        with np.load(found) as answer:
            mean, std = answer["mean"], answer["std"]
    ahead = later.time - known.time[known.offsets[1:] - 1][later.owner]
    return gaussian(ahead, mean, std), json.loads(done.stdout.splitlines()[-1])
