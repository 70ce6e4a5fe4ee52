"""Prediction of `lensing`: the posterior of the parameters of each lens, and of what follows from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from skysure.predictions import Label, Values

from .derived import mass, velocity_dispersion
from .encoding import LIGHT_CENTRE, SCALARS
from .images import LensImages, shift_of_centre
from .inference import Posterior, draw_posterior
from .networks import LensModel
from .parameters import LENGTHS, NAMES, UNITS, axis_ratio, circular_moments, position_angle
from .settings import Query

COVERAGE = 0.683
"""Probability that the intervals of a prediction hold the true value."""
FARTHEST_CENTRE = 4.0
"""Distance of the light from the middle that is flagged, in standard deviations over the training images."""
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
    "sigma_SIE": Label("Velocity dispersion of the isothermal sphere of that Einstein radius", "phys.veloc.dispersion"),
    "mass": Label("Projected mass inside the Einstein radius", "phys.mass"),
    "position_angle": Label("Position angle of the major axis of the mass, east of north", "pos.posAng"),
}


def predict(model: LensModel, chunk: LensImages, query: Query) -> Values:
    """Predict the parameters of the lenses of a chunk."""
    model.eval()
    size = model.settings.size
    parts = [chunk[start : start + query.batch].cut(size) for start in range(0, len(chunk), query.batch)]
    posteriors = [draw_posterior(model, part, query) for part in parts]
    shift = shift_of_centre(chunk.image.shape[1:], size)
    derived = [derive(posterior, part, shift) for posterior, part in zip(posteriors, parts, strict=True)]
    samples, (_, names, units) = torch.cat([values for values, _, _ in derived], 2), derived[0]
    score = model.novelty([torch.cat(group) for group in zip(*(p.novelty for p in posteriors), strict=True)])
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
        quality_flags=quality_flags(model, chunk, flat, off_centre(posteriors)), labels=LABELS,
    )  # fmt: skip
    return prediction


def derive(
    posterior: Posterior, images: LensImages, shift: tuple[float, float] = (0.0, 0.0)
) -> tuple[Tensor, tuple[str, ...], tuple[str, ...]]:
    """Give samples of all values, shape (mask, draw, object, value), with names and units.

    Centres are given from the middle of an image from which these were cut; `shift` is the middle of the cut [pixel].

    They are the parameters, axis ratio and position angle, and where the data have redshifts of lens and source, the
    velocity dispersion and the mass. Position angles are within 90 degrees of their mean, so that their moments and
    quantiles mean something.
    """
    samples = posterior.parameters
    samples[..., list(LENGTHS)] += torch.tensor(shift).to(samples) * posterior.pixel_scale
    e1, e2 = samples[..., 1], samples[..., 2]
    north, parity = (torch.as_tensor(a).to(samples) for a in (images.north, images.parity))
    angle = position_angle(e1, e2, north, parity)
    mean, _ = circular_moments(angle.flatten(0, 1))
    angle = mean + torch.remainder(angle - mean + 90, 180) - 90
    angle -= 180 * torch.floor(angle.flatten(0, 1).mean(0) / 180)
    values, names, units = [axis_ratio(e1, e2), angle], (*NAMES, "q", "position_angle"), (*UNITS, "", "deg")
    if {"z_lens", "z_source"} <= images.objects.keys():
        theta_e = samples[..., 0].cpu().numpy()
        redshifts = [np.asarray(images.objects[name], np.float64) for name in ("z_lens", "z_source")]
        values += [torch.as_tensor(f(theta_e, *redshifts)).to(samples) for f in (velocity_dispersion, mass)]
        names, units = (*names, "sigma_SIE", "mass"), (*units, "km / s", "solMass")
    return torch.cat([samples, torch.stack(values, -1)], -1), names, units


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
    """Set the negative eigenvalues of symmetric matrices to zero; elements that are not finite stay as they are."""
    finite = torch.isfinite(matrix)
    values, vectors = torch.linalg.eigh(torch.where(finite, matrix, 0.0))
    projected = (vectors * values.clamp(min=0)[..., None, :]) @ vectors.mT
    return torch.where(finite, projected, matrix)


def off_centre(posteriors: Sequence[Posterior]) -> np.ndarray:
    """Whether the light of a lens is farther from the middle of its image than in the training data, shape (object,).

    One in a thousand of the training images is that far off.
    """
    numbers = torch.cat([posterior.novelty[0][:, -SCALARS:] for posterior in posteriors])
    return (numbers[:, LIGHT_CENTRE].abs().amax(1) > FARTHEST_CENTRE).cpu().numpy()


def quality_flags(model: LensModel, images: LensImages, samples: Tensor, is_off_centre: np.ndarray) -> np.ndarray:
    """Say of each lens what was assumed, and what lies outside the training data."""
    schema = model.schema
    low, high = schema.theta_e
    mean = samples[..., 0].mean(0).cpu().numpy()
    is_smaller = min(images.image.shape[1:]) < schema.size
    notes = {
        "pixel scale outside the training data": ~np.isclose(images.pixel_scale, schema.pixel_scale, rtol=0.02),
        "image smaller than those of the training data": np.full(len(images), is_smaller),
        "lens off the middle of its image": is_off_centre,
        "PSF not given": ~np.isfinite(images.psf).all((1, 2)),
        "Einstein radius outside the training data": (mean < low) | (mean > high),
        "no finite posterior": ~torch.isfinite(samples).all(2).all(0).cpu().numpy(),
    }
    texts = [[flag] if flag else [] for flag in images.flags]
    for note, applies in notes.items():
        for k in np.flatnonzero(applies):
            texts[k].append(note)
    return np.array(["; ".join(text) for text in texts])
