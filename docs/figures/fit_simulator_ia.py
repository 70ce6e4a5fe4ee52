"""Fit the mean Ia of the supernova simulator to half of the supernova challenge (SPCC): Ia of even id.

The surface of magnitudes over phase and wavelength is fitted together with a stretch, a colour and a brightness per
object, whose means are fixed to those of `populations.draw_ia`. Prints the table in `ia_surface.py`.
SKYSURE_DATA names the folder with spcc/*.parquet. Takes some minutes.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from skysure.applications.supernovae.simulation.cosmology import distance_modulus
from skysure.applications.supernovae.simulation.dust import extinction
from skysure.applications.supernovae.simulation.ia_surface import PHASE, WAVELENGTH
from skysure.applications.supernovae.simulation.passbands import passbands
from skysure.applications.supernovae.simulation.populations import IA_DUST

BANDS = passbands("des")
X1, COLOUR, BRIGHTNESS = (-0.45, 1.15), (0.045, 0.115), (0.0, 0.14)
"""Mean and scatter of the free parameters of an object."""


def read(folder: Path) -> dict[str, np.ndarray]:
    """Observations of the Ia of even id, with the index of their object."""
    objects, points = (pq.read_table(folder / f"{name}.parquet") for name in ("objects", "lightcurves"))
    ids = objects["object_id"].to_numpy()
    selected = np.flatnonzero((np.array(objects["type"].to_pylist()) == "Ia") & (ids % 2 == 0))
    selected = selected[np.argsort(ids[selected])]
    of, error = points["object_id"].to_numpy(), points["flux_error"].to_numpy()
    here = np.flatnonzero(np.isin(of, ids[selected]) & (error > 0))
    owner = np.searchsorted(ids[selected], of[here])
    row = selected[owner]
    redshift = objects["redshift"].to_numpy()[row]
    band = np.array([BANDS.names.index(b) for b in points["band"].take(here).to_pylist()])
    dust = objects["mwebv"].to_numpy()[row, None] * extinction(BANDS.wavelength)[band]
    return {
        "owner": owner,
        "phase": (points["mjd"].to_numpy()[here] - objects["peak_mjd"].to_numpy()[row]) / (1 + redshift),
        "wavelength": BANDS.wavelength[band] / (1 + redshift)[:, None],
        "dimming": (distance_modulus(redshift) - 2.5 * np.log10(1 + redshift))[:, None] + dust,
        "flux": points["flux"].to_numpy()[here],
        "error": error[here],
    }


def surface_magnitude(surface: Tensor, phase: Tensor, column: Tensor, share: Tensor) -> Tensor:
    """Interpolate the surface at phases, and at wavelengths given by the preceding node and the fraction beyond it."""
    knots = torch.tensor(PHASE, dtype=torch.float32)
    row = (torch.bucketize(phase.detach(), knots, right=True) - 1).clamp(0, len(PHASE) - 2)
    after = ((phase - knots[row]) / (knots[row + 1] - knots[row]))[:, None]
    at = row[:, None] * len(WAVELENGTH) + column
    flat = surface.reshape(-1)
    early = flat[at] + share * (flat[at + 1] - flat[at])
    at = at + len(WAVELENGTH)
    return early + after * (flat[at] + share * (flat[at + 1] - flat[at]) - early)


def loss(surface: Tensor, latent: Tensor, t: dict[str, Tensor]) -> Tensor:
    """Robust chi² plus penalties: scatter of the object parameters, their means, and roughness of the surface."""
    x1, colour, offset = latent.T
    stretch = (0.985 + 0.085 * x1)[t["owner"]]
    phase = (t["phase"] / stretch).clamp(PHASE[0] + 1e-3, PHASE[-1] - 1e-3)
    magnitude = surface_magnitude(surface, phase, t["column"], t["share"]) + t["dimming"]
    magnitude = magnitude + colour[t["owner"], None] * t["law"] + (offset - 0.11 * x1)[t["owner"], None]
    flux = 10 ** (0.4 * (27.5 - magnitude)) @ t["weight"] * (t["phase"] > PHASE[0] * stretch)
    chi2 = (flux - t["flux"]) ** 2 / (t["error"] ** 2 + (0.03 * flux.detach()) ** 2)
    misfit = torch.where(chi2 < 25, chi2, 25 + 10 * (chi2.clamp(min=25) / 25).log()).sum()
    mean, scatter = torch.tensor([X1, COLOUR, BRIGHTNESS]).T
    prior_terms = ((latent - mean) / scatter) ** 2
    mean_penalty = 1e4 * (((latent.mean(0) - mean) / scatter) ** 2).sum()
    roughness = sum((surface.diff(n=2, dim=dim) ** 2).sum() for dim in (0, 1))
    return misfit + prior_terms.sum() + mean_penalty + 30 * roughness


def fit(points: dict[str, np.ndarray], steps: int = 450) -> np.ndarray:
    """Fit the surface by gradient descent; returns magnitudes, shape (phase, wavelength)."""
    position = np.interp(np.log(points["wavelength"]), np.log(WAVELENGTH), np.arange(len(WAVELENGTH)))
    column = np.clip(position.astype(int), 0, len(WAVELENGTH) - 2)
    t = {name: torch.tensor(values, dtype=torch.float32) for name, values in points.items()}
    t |= {
        "owner": torch.tensor(points["owner"]),
        "column": torch.tensor(column),
        "share": torch.tensor(position - column, dtype=torch.float32),
        "law": torch.tensor(extinction(points["wavelength"], IA_DUST), dtype=torch.float32),
        "weight": torch.tensor(BANDS.weight, dtype=torch.float32),
    }
    start = -18.5 + 0.003 * PHASE[:, None] ** 2 + 1.5 * (WAVELENGTH < 3000)
    surface = torch.tensor(start, dtype=torch.float32, requires_grad=True)
    latent = torch.tensor([[X1[0], COLOUR[0], BRIGHTNESS[0]]]).repeat(int(points["owner"].max()) + 1, 1)
    latent.requires_grad_()
    optimiser = torch.optim.Adam([{"params": [surface], "lr": 0.05}, {"params": [latent], "lr": 0.03}])
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [int(0.7 * steps)], gamma=0.2)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(surface, latent, t).backward()
        optimiser.step()
        schedule.step()
    return limit_corner(surface.detach().numpy())


def limit_corner(surface: np.ndarray) -> np.ndarray:
    """Limit the corner without data, late and beyond 8,500 Å, to the magnitudes near 7,900 Å."""
    late, red = PHASE >= 40, WAVELENGTH > 8500
    limit = surface[late][:, WAVELENGTH == 7900]
    limited = surface.copy()
    limited[np.ix_(late, red)] = np.clip(surface[np.ix_(late, red)], limit + 0.3, limit + 1.2)
    return limited


if __name__ == "__main__":
    for row in fit(read(Path(os.environ.get("SKYSURE_DATA", "data")) / "spcc")):
        print("    [" + ", ".join(f"{value:.2f}" for value in row) + "],")
