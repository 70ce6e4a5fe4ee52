"""Forecasts without a network: the last value, a damped trend, and a Gaussian process in time and wavelength.

Each predicts a Gaussian for the true flux at given times and bands. Its parameters (how fast light curves vary and how
fast a trend decays) are fitted to the score itself, the CRPS, on the calibration part.
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
"""Observations of a band that a trend is fitted to."""


@dataclass(frozen=True)
class Past:
    """Last observations of the band before each later one, shape (row,) or (row, observation), the last first.

    Where the band has no observation, `weight` and `flux` are 0.
    """

    ahead: np.ndarray
    age: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray
    weight: np.ndarray
    unit: np.ndarray


def last_observations(later: NextPoints) -> Past:
    """Look up the last observations of the band of each later observation."""
    past, rows = later.past, len(later.owner)
    age, flux, error, weight = (np.zeros((rows, TREND)) for _ in range(4))
    error += 1.0
    for row, (owner, band, time) in enumerate(zip(later.owner, later.band, later.time, strict=True)):
        start, stop = past.offsets[owner : owner + 2]
        indices = start + np.flatnonzero(past.band[start:stop] == band)[::-1][:TREND]
        entry = (row, slice(len(indices)))
        age[entry], flux[entry], error[entry], weight[entry] = (
            time - past.time[indices],
            past.flux[indices],
            past.flux_error[indices],
            1,
        )
    brightest = np.zeros(len(past))
    np.maximum.at(brightest, past.owner, np.abs(past.flux) - 2 * past.flux_error)
    unit = np.hypot(brightest[later.owner], np.median(past.flux_error))
    ahead = later.time - past.time[past.offsets[1:] - 1][later.owner]
    return Past(ahead, age, flux, error, weight, unit)


def persistence(past: Past, parameters: np.ndarray) -> Fluxes:
    """Repeat the last flux of the band; its variance is that of the measurement plus that of a walk, (a f h^b)².

    A band without observations has flux 0, and a width proportional to the brightest flux of the object.
    """
    wander, power, unseen = np.exp(parameters[:3])
    walk = wander * past.unit * past.age[:, 0] ** power
    has_point = past.weight[:, 0] > 0
    std = np.where(has_point, np.hypot(past.flux_error[:, 0], walk), unseen * past.unit)
    return gaussian(past.ahead, past.flux[:, 0], std)


def damped_trend(past: Past, parameters: np.ndarray) -> Fluxes:
    """Extrapolate the last flux with a decaying slope, m + b τ (1 - exp(-h / τ)) (Gardner & McKenzie 1985).

    Level and slope are fitted to the last three observations of the band, weighted by their errors and by the walk of
    the light curve; the slope has the prior N(0, (p f)²).
    """
    wander, power, unseen, slope, tau = np.exp(parameters)
    has_point, unit = past.weight[:, 0] > 0, past.unit[:, None]
    back = past.age[:, :1] - past.age  # from the last observation, negative
    weight = past.weight / (past.flux_error**2 + (wander * unit * np.abs(back) ** power) ** 2)
    s0, s1, s2 = (np.sum(weight * back**k, 1) for k in range(3))
    t0, t1 = (np.sum(weight * past.flux * back**k, 1) for k in range(2))
    s0, s2 = np.where(has_point, s0, 1.0), s2 + (slope * past.unit) ** -2.0
    determinant = s0 * s2 - s1**2
    level, trend = (s2 * t0 - s1 * t1) / determinant, (s0 * t1 - s1 * t0) / determinant
    reach = tau * -np.expm1(-past.age[:, 0] / tau)
    variance = (s2 - 2 * s1 * reach + s0 * reach**2) / determinant
    std = np.sqrt(variance + (wander * past.unit * past.age[:, 0] ** power) ** 2)
    mean = level + trend * reach
    return gaussian(past.ahead, np.where(has_point, mean, 0.0), np.where(has_point, std, unseen * past.unit))


def gaussian(days: np.ndarray, mean: np.ndarray, std: np.ndarray) -> Fluxes:
    """Make mixtures of one component."""
    components = [torch.from_numpy(np.atleast_2d(part)) for part in (np.ones(len(mean)), mean, std)]
    return Fluxes(days, *components, torch.zeros(len(mean), dtype=torch.float64))


def fit_parameters(method: Callable[[Past, np.ndarray], Fluxes], start: list[float], later: NextPoints) -> np.ndarray:
    """Logarithms of the parameters with the smallest CRPS, in units of the errors of the measured fluxes."""
    past = last_observations(later)

    def loss(parameters: np.ndarray) -> float:
        return float(errors_of(method(past, np.clip(parameters, -12, 12)), later).mean())

    options = {"maxiter": 2000, "xatol": 1e-3, "fatol": 1e-6}
    return np.clip(minimize(loss, start, method="Nelder-Mead", options=options).x, -12, 12)


def gaussian_process(python: str, later: NextPoints) -> tuple[Fluxes, dict[str, str]]:
    """Forecast with tinygp in its own environment; returns the forecasts and the versions."""
    past = later.past
    wavelength = np.log(np.array([WAVELENGTH[band] for band in past.bands]))
    columns = {
        "offsets": past.offsets, "time": past.time, "log_wavelength": wavelength[past.band], "flux": past.flux,
        "flux_error": past.flux_error, "owner": later.owner, "later_time": later.time,
        "later_log_wavelength": wavelength[later.band],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        input_path, output = Path(folder) / "input.npz", Path(folder) / "output.npz"
        np.savez(input_path, **columns)
        script = Path(__file__).with_name("forecasting_gp.py")
        process = subprocess.run(
            [python, str(script), str(input_path), str(output)], check=True, capture_output=True, text=True
        )
        with np.load(output) as result:
            mean, std = result["mean"], result["std"]
    ahead = later.time - past.time[past.offsets[1:] - 1][later.owner]
    return gaussian(ahead, mean, std), json.loads(process.stdout.splitlines()[-1])
