"""Single lenses as a page shows them: image, model of the posterior mean, critical curves, posterior samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skysure.evaluation import Example
from skysure.predictions import Values

from .encoding import find_bad_pixels, median_of
from .images import LensImages
from .isophotes import fit_light
from .parameters import NAMES, axis_ratio, position_angle
from .settings import Query
from .simulation.caustics import caustic, critical_curve, cut
from .simulation.mass import SIE, Lens, Shear
from .simulation.reconstruction import Observation, reconstruct

FWHM = 2.0
"""Width of the Gaussian that stands for a PSF that is not given [pixel]."""
SAMPLES = 1000
"""Posterior samples of a corner plot, at least."""


def with_samples(query: Query) -> Query:
    """Ask for as many samples as a corner plot needs."""
    return replace(query, samples=max(query.samples, SAMPLES))


def describe(group: str, images: LensImages, prediction: Values) -> Example:
    """Say all that a figure of one lens shows.

    Parameters
    ----------
    group : str
        "example", "uncertain" or "novel".
    images : LensImages
        One square image.
    prediction : Values
        Its row.
    """
    observation = observe(images)
    data = {
        "image": np.where(observation.mask, np.nan, observation.image), "noise": float(typical_noise(observation)),
        "pixel_scale": observation.pixel_scale, **fit(observation, prediction.mean[0]),
        **posterior(prediction), "truth_values": true_values(images, prediction),
        "ood_percentile": None if prediction.ood_percentile is None else float(prediction.ood_percentile[0]),
        "is_ood": None if prediction.is_ood is None else bool(prediction.is_ood[0]),
    }  # fmt: skip
    flags = () if prediction.quality_flags is None else tuple(filter(None, prediction.quality_flags[0].split("; ")))
    return Example(group, str(images.ids[0]), title=str(images.ids[0]), flags=flags, data=data)


def observe(images: LensImages) -> Observation:
    """Give image, noise, mask and PSF of one lens, with a Gaussian where no PSF is given."""
    image, noise, psf = (torch.as_tensor(a[:1]) for a in (images.image, images.noise, images.psf))
    mask = find_bad_pixels(image, noise, torch.as_tensor(images.mask[:1]))
    noise = torch.where(mask, median_of(noise, ~mask)[:, None, None], noise)
    kernel = psf[0] if torch.isfinite(psf).all() and psf.sum() > 0 else gaussian(psf.shape[-1])
    image = torch.where(mask, 0.0, image)[0]
    return Observation(image, noise[0], mask[0], kernel / kernel.sum(), float(images.pixel_scale[0]))


def gaussian(size: int) -> Tensor:
    """A Gaussian PSF of FWHM pixels, shape (size, size)."""
    axis = torch.arange(size) - (size - 1) / 2
    return torch.exp(-4 * np.log(2) * (axis**2 + axis[:, None] ** 2) / FWHM**2)


def typical_noise(observation: Observation) -> Tensor:
    """Median noise of the pixels that are not masked."""
    return median_of(observation.noise[None], ~observation.mask[None])[0]


def fit(observation: Observation, mean: np.ndarray) -> dict[str, Any]:
    """Reconstruct light and source under the lens of the posterior mean; empty where it is not finite."""
    if not np.isfinite(mean[: len(NAMES)]).all():
        return {}
    theta_E, e1, e2, x, y, gamma1, gamma2 = (torch.tensor([value], dtype=torch.float32) for value in mean[:7])
    sie, shear = SIE(theta_E, e1, e2, x, y), Shear(gamma1, gamma2)
    model = reconstruct(
        observation, Lens((sie, shear)), float(theta_E), (float(x), float(y)),
        lambda image, mask: fit_light(image[None], mask[None]).model[0],
    )  # fmt: skip
    grid = model.grid
    curves = {"critical": critical_curve, "caustic": caustic, "cut": cut}
    return {
        "light": model.light.numpy(), "arcs": model.arcs.numpy(), "residual": model.residual.numpy(),
        "source": model.source.numpy(), "chi2": model.chi2,
        "source_extent": [grid.x - grid.half, grid.x + grid.half, grid.y - grid.half, grid.y + grid.half],
        **{name: torch.cat(curve(sie, shear)).numpy() for name, curve in curves.items()},
    }  # fmt: skip


def posterior(prediction: Values) -> dict[str, Any]:
    """Give samples of the values that a corner plot shows, by name, and mean and interval of all values."""
    assert prediction.samples is not None
    values = {name: prediction.samples[:, 0, k] for k, name in enumerate(prediction.names)}
    values["gamma"] = np.hypot(values["gamma1"], values["gamma2"])
    summary = {name: [float(np.mean(v)), *map(float, np.quantile(v, (0.1585, 0.8415)))] for name, v in values.items()}
    return {"samples": values, "summary": summary}


def true_values(images: LensImages, prediction: Values) -> dict[str, float]:
    """Give the true values of one lens by name, where they are known; the position angle as near as the samples."""
    truth = dict(zip(NAMES, map(float, images.truth[0]), strict=True))
    e1, e2 = (torch.tensor(truth[name]) for name in ("e1", "e2"))
    angle = float(position_angle(e1, e2, float(images.north[0]), float(images.parity[0])))
    predicted = prediction.mean[0, prediction.names.index("position_angle")]
    truth |= {"q": float(axis_ratio(e1, e2)), "position_angle": predicted + (angle - predicted + 90) % 180 - 90}
    truth["gamma"] = float(np.hypot(truth["gamma1"], truth["gamma2"]))
    return {name: value for name, value in truth.items() if np.isfinite(value)}
