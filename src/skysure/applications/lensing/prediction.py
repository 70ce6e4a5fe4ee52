"""Prediction of `lensing`: the posterior of the parameters of each lens, and of what follows from them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skysure.predictions import Label, Values

from .images import LensImages
from .inference import Posterior, draw_posterior
from .networks import LensModel
from .parameters import NAMES, UNITS, axis_ratio, circular_moments, position_angle
from .settings import Query

COVERAGE = 0.683
"""Probability that the intervals of a prediction hold the true value."""
LABELS = {
    "theta_E": Label("Einstein radius on the intermediate axis", "phys.angSize"),
    "e1": Label("Ellipticity of the mass, (1 - q) / (1 + q) cos 2 phi, phi from +x"),
    "e2": Label("Ellipticity of the mass, (1 - q) / (1 + q) sin 2 phi"),
    "x": Label("Centre of the mass, from the centre of the image along the rows"),
    "y": Label("Centre of the mass, from the centre of the image along the columns"),
    "gamma1": Label("External shear, cos 2 phi"),
    "gamma2": Label("External shear, sin 2 phi"),
    "mu": Label("Total magnification of the source: its flux over that without the lens"),
    "q": Label("Axis ratio of the mass", "phys.axisRatio"),
    "position_angle": Label("Position angle of the major axis of the mass, east of north", "pos.posAng"),
}


def predict(model: LensModel, chunk: LensImages, query: Query) -> Values:
    """Predict the parameters of the lenses of a chunk."""
    model.eval()
    parts = [chunk[start : start + query.batch] for start in range(0, len(chunk), query.batch)]
    posteriors = [draw_posterior(model, part, query) for part in parts]
    samples = torch.cat([derived(p, part) for p, part in zip(posteriors, parts, strict=True)], 2)
    score = model.novelty([torch.cat(group) for group in zip(*(p.novelty for p in posteriors), strict=True)])
    names, units = (*NAMES, "q", "position_angle"), (*UNITS, "", "deg")
    flat = samples.flatten(0, 1)
    mean, (low, high) = flat.mean(0), flat.quantile(flat.new_tensor([0.5 - COVERAGE / 2, 0.5 + COVERAGE / 2]), dim=0)
    aleatoric, epistemic = split_covariance(samples)
    prediction = Values(
        {"id": chunk.ids}, names, units,
        *(t.cpu().numpy() for t in (mean, aleatoric, epistemic)),
        samples.transpose(0, 1).flatten(0, 1)[: query.samples].cpu().numpy(),
        low=low.cpu().numpy(), high=high.cpu().numpy(), coverage=COVERAGE,
        ood_percentile=model.novelty.ood_percentile(score).cpu().numpy(),
        is_ood=model.novelty.is_ood(score, query.ood_level).cpu().numpy(),
        quality_flags=quality_flags(model, chunk, flat), labels=LABELS,
    )  # fmt: skip
    return prediction


def derived(posterior: Posterior, images: LensImages) -> Tensor:
    """Give samples of the parameters with axis ratio and position angle, shape (mask, draw, object, value).

    Position angles are given within 90 degrees of their mean, so that their moments and quantiles mean something.
    """
    samples = posterior.parameters
    e1, e2 = samples[..., 1], samples[..., 2]
    north, parity = (torch.as_tensor(a).to(samples) for a in (images.north, images.parity))
    angle = position_angle(e1, e2, north, parity)
    mean, _ = circular_moments(angle.flatten(0, 1))
    angle = mean + torch.remainder(angle - mean + 90, 180) - 90
    return torch.cat([samples, torch.stack([axis_ratio(e1, e2), angle], -1)], -1)


def split_covariance(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Divide the covariance of samples, shape (mask, draw, object, value), by the law of total covariance.

    aleatoric = E[cov within masks], epistemic = cov of the means of masks, without the share of the noise within them.
    """
    masks, draws = samples.shape[:2]
    centre = samples.mean(1)
    within = samples - centre[:, None]
    aleatoric = torch.einsum("mdov,mdow->ovw", within, within) / (masks * max(draws - 1, 1))
    between = centre - centre.mean(0)
    epistemic = torch.einsum("mov,mow->ovw", between, between) / max(masks - 1, 1) - aleatoric / draws
    return aleatoric, positive_part(epistemic)


def positive_part(matrix: Tensor) -> Tensor:
    """Set the negative eigenvalues of symmetric matrices to zero; a matrix that is not finite stays as it is."""
    finite = torch.isfinite(matrix).all(-1).all(-1)
    values, vectors = torch.linalg.eigh(torch.where(finite[..., None, None], matrix, 0.0))
    projected = (vectors * values.clamp(min=0)[..., None, :]) @ vectors.mT
    return torch.where(finite[..., None, None], projected, matrix)


def quality_flags(model: LensModel, images: LensImages, samples: Tensor) -> np.ndarray:
    """Say of each lens what was assumed, and what lies outside the training data."""
    schema = model.schema
    low, high = schema.theta_e
    mean = samples[..., 0].mean(0).cpu().numpy()
    notes = {
        "pixel scale outside the training data": ~np.isclose(images.pixel_scale, schema.pixel_scale, rtol=0.02),
        "PSF not given": ~np.isfinite(images.psf).all((1, 2)),
        "Einstein radius outside the training data": (mean < low) | (mean > high),
        "no finite posterior": ~torch.isfinite(samples).all(2).all(0).cpu().numpy(),
    }
    texts = [[flag] if flag else [] for flag in images.flags]
    for note, applies in notes.items():
        for k in np.flatnonzero(applies):
            texts[k].append(note)
    return np.array(["; ".join(text) for text in texts])
