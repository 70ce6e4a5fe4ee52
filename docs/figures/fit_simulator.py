"""Fit the populations of the supernova simulator to half of the supernova challenge (SPCC): those of even id.

Each core-collapse template of the challenge is fitted with a cooling photosphere. For each type, `populations.py` holds
the mean of the parameters, their three principal axes and the remaining scatter (rounded, and wider in brightness).
SKYSURE_DATA names the folder with spcc/*.parquet. Takes some minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from scipy.optimize import least_squares

from skysure.applications.supernovae.simulation.cosmology import distance_modulus
from skysure.applications.supernovae.simulation.dust import extinction
from skysure.applications.supernovae.simulation.passbands import passbands
from skysure.applications.supernovae.simulation.spectra import COOLING, LOGARITHMIC, cooling_magnitude

MOST_OBJECTS = 120
BANDS = passbands("des")
# prior, also the start of the fits: mean for type II, mean for Ib/c, standard deviation
PRIOR = {
    "magnitude": (-17.5, -17.5, 3.0), "rise": (1.6, 2.2, 0.5), "power": (0.6, 0.6, 0.3),
    "decline": (0.01, 0.03, 0.03), "bend": (4.4, 3.8, 0.3), "tail": (0.015, 0.015, 0.01),
    "drop": (0.7, 0.7, 0.5), "sharpness": (1.8, 1.8, 0.4), "hot": (9.5, 9.3, 0.5), "cold": (8.5, 8.5, 0.3),
    "cooling": (3.0, 3.0, 0.5), "lines": (0.3, 0.3, 1.0), "cold_lines": (1.0, 1.0, 1.5),
    "far_lines": (0.0, 0.0, 1.0), "cold_far_lines": (0.5, 0.5, 1.5),
}  # fmt: skip


class Template(NamedTuple):
    """Observations of one template: rest-frame days from the peak, and the dimming at each wavelength node."""

    number: int
    kind: str
    owner: np.ndarray
    phase: np.ndarray
    wavelength: np.ndarray
    dimming: np.ndarray
    flux: np.ndarray
    error: np.ndarray


def templates(folder: Path) -> Iterator[Template]:
    """Core-collapse templates, each with the observations of some of its objects of even id."""
    objects, points = (pq.read_table(folder / f"{name}.parquet") for name in ("objects", "lightcurves"))
    ids, number = objects["object_id"].to_numpy(), objects["template"].to_numpy()
    types = np.array(objects["type"].to_pylist())
    points = points.filter(points["flux_error"].to_numpy() > 0)
    of = points["object_id"].to_numpy()
    band = np.array([BANDS.names.index(b) for b in points["band"].to_pylist()])
    for template in np.unique(number[number > 0]):
        selected = np.flatnonzero((number == template) & (ids % 2 == 0))[:MOST_OBJECTS]
        here = np.flatnonzero(np.isin(of, ids[selected]))
        sorter = selected[np.argsort(ids[selected])]
        row = sorter[np.searchsorted(ids[sorter], of[here])]
        redshift = objects["redshift"].to_numpy()[row]
        days = points["mjd"].to_numpy()[here] - objects["peak_mjd"].to_numpy()[row]
        dust = objects["mwebv"].to_numpy()[row, None] * extinction(BANDS.wavelength)[band[here]]
        distance = distance_modulus(redshift) - 2.5 * np.log10(1 + redshift)
        yield Template(
            int(template), str(types[selected[0]]), np.searchsorted(ids[sorter], of[here]), days / (1 + redshift),
            BANDS.wavelength[band[here]] / (1 + redshift)[:, None], distance[:, None] + dust,
            points["flux"].to_numpy()[here], points["flux_error"].to_numpy()[here],
        )  # fmt: skip


def model(x: np.ndarray, t: Template) -> np.ndarray:
    """Fluxes of a template for parameters in the order of `COOLING`, followed by the day of the explosion."""
    shape = {n: np.exp(v) if n in LOGARITHMIC else v for n, v in zip(COOLING, x[:-1], strict=True)}
    magnitude = cooling_magnitude((t.phase - x[-1])[:, None], t.wavelength, shape) + t.dimming
    return 10 ** (0.4 * (27.5 - np.minimum(magnitude, 99.0))) @ BANDS.weight


def fit(t: Template, free_brightness: bool) -> tuple[np.ndarray, float]:
    """Fit one template; returns the parameters and chi² per observation."""
    centre = np.array([p[0 if t.kind.startswith("II") else 1] for p in PRIOR.values()])
    width = np.array([p[2] for p in PRIOR.values()])

    def residuals(x: np.ndarray) -> np.ndarray:
        flux = model(x, t)
        if free_brightness:
            flux = flux * amplitudes(flux, t)[t.owner]
        misfit = (t.flux - flux) / np.hypot(t.error, 0.05 * flux)
        # beyond four sigma the residual grows as the square root
        misfit = np.sign(misfit) * np.where(np.abs(misfit) < 4, np.abs(misfit), 4 * np.sqrt(np.abs(misfit) / 4))
        prior_terms = 3 * np.append((x[:-1] - centre) / width, (x[-1] + 16) / 7)
        return np.concatenate([misfit, prior_terms])

    # several initial days of the explosion: the early rise gives the fit local minima
    fits = [least_squares(residuals, np.append(centre, day), max_nfev=60, x_scale="jac") for day in (-22, -14, -7)]
    best = min(fits, key=lambda result: result.cost)
    return best.x, float((best.fun[: len(t.flux)] ** 2).mean())


def amplitudes(flux: np.ndarray, t: Template) -> np.ndarray:
    """Best-fitting brightness factor of each object."""
    weight = t.error**-2.0
    numerator = np.bincount(t.owner, weight * flux * t.flux)
    return np.clip(numerator / np.maximum(np.bincount(t.owner, weight * flux**2), 1e-12), 0.05, 20)


def describe(rows: np.ndarray, axes: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, remaining scatter and principal axes of rows of parameters, with outliers clipped to 2.5 sigma."""
    middle = np.median(rows, axis=0)
    reach = 2.5 * 1.4826 * np.median(np.abs(rows - middle), axis=0) + 1e-9
    rows = np.clip(rows, middle - reach, middle + reach)
    mean, scatter = rows.mean(axis=0), rows.std(axis=0, ddof=1)
    _, size, directions = np.linalg.svd((rows - mean) / scatter, full_matrices=False)
    main = size[:axes, None] * directions[:axes] / np.sqrt(len(rows) - 1)
    return mean, scatter * np.sqrt(np.maximum(1 - (main**2).sum(axis=0), 0.05)), main * scatter


if __name__ == "__main__":
    np.set_printoptions(precision=3, suppress=True, linewidth=110)
    by_type: dict[str, list[np.ndarray]] = {"II": [], "Ibc": []}
    for t in templates(Path(os.environ.get("SKYSURE_DATA", "data")) / "spcc"):
        x, chi2 = fit(t, free_brightness=t.number <= 4)  # those four have a scatter of brightness in the challenge
        print(f"{t.number:2d} {t.kind:4s} chi2 {chi2:.2f}", x, flush=True)
        if t.kind in ("II", "IIP", "Ib", "Ic", "Ibc") and t.number not in (17, 20):  # these two are IIn
            by_type["II" if t.kind.startswith("II") else "Ibc"].append(x[:-1])
    for name, rows in by_type.items():
        for title, values in zip(("mean", "scatter", "axes"), describe(np.array(rows)), strict=True):
            print(name, title, values, sep="\n")
