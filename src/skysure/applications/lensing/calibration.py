"""Calibration of `lensing`: the posterior samples, all parameters together, and the OOD score."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from skysure.data.sources import CALIBRATION, TRAIN, Source
from skysure.errors import InputError

from .encoding import true_values
from .images import LensImages
from .inference import Posterior, draw_posterior
from .networks import LensModel
from .settings import Query

FEWEST = 30
"""Lenses with true parameters below which the posterior cannot be calibrated."""
NOVELTY_IMAGES = 4000
"""Training images from which the centres and covariances of the OOD score are estimated, at most."""


def calibrate(model: LensModel, source: Source) -> None:
    """Fit the calibration of the posterior and the ranks of the OOD score on the calibration part.

    The centres of the OOD score come from the training part; without one, from what it had before.

    Raises
    ------
    InputError
        Where fewer than 30 lenses have a true parameter.
    """
    model.eval()
    draws, truth, novelty, signal = [], [], [], []
    for images, posterior in posteriors(model, source.chunks(CALIBRATION), calibrated=False):
        draws.append(posterior.draws)
        truth.append(true_values(images))
        novelty.append(posterior.novelty)
        signal.append(posterior.signal_to_noise)
    known = torch.isfinite(torch.cat(truth)) if truth else torch.zeros(0, 1, dtype=torch.bool)
    if known.any(1).sum() < FEWEST:
        raise InputError(
            f"{int(known.any(1).sum())} lenses with true parameters in the {CALIBRATION} part", f"{FEWEST} at least",
            "observed lenses without a table of true parameters", "[reading] truth = FILE, or simulated images",
        )  # fmt: skip
    model.calibration.fit(torch.cat(draws, 1), torch.cat(truth), torch.cat(signal))
    fit_novelty(model, source)
    model.novelty.calibrate(join(novelty))


def fit_novelty(model: LensModel, source: Source) -> None:
    """Fit the centres of the OOD score to images of the training part."""
    batches = -(-min(NOVELTY_IMAGES, model.settings.per_epoch) // Query().batch)
    training = posteriors(model, source.chunks(TRAIN), calibrated=False)
    groups = [posterior.novelty for _, posterior in islice(training, batches)]
    if groups:
        model.novelty.fit(join(groups))


def posteriors(
    model: LensModel, chunks: Iterator[LensImages], query: Query | None = None, *, calibrated: bool = True
) -> Iterator[tuple[LensImages, Posterior]]:
    """Yield images, some at a time and cut to the size of the network, with samples of their posterior."""
    query = query or Query()
    for chunk in chunks:
        for start in range(0, len(chunk), query.batch):
            part = chunk[start : start + query.batch].cut(model.settings.size)
            yield part, draw_posterior(model, part, query, calibrated=calibrated)


def join(groups: list[list[Tensor]]) -> list[Tensor]:
    """Join groups of features along the objects."""
    return [torch.cat(features) for features in zip(*groups, strict=True)]
