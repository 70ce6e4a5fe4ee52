"""Calibration of `lensing`: the posterior samples, all parameters together, and the OOD score."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from skysure.data.simulated import SimulatedSource
from skysure.data.sources import CALIBRATION, TRAIN, Source
from skysure.errors import InputError

from .encoding import true_values
from .images import LensImages
from .inference import Posterior, draw_posterior
from .networks import LensModel
from .out_of_distribution import simulate_unlike
from .settings import Query

FEWEST = 30
"""Lenses with true parameters below which the posterior cannot be calibrated."""
NOVELTY_IMAGES = 4000
"""Training images from which the OOD score is learned, at most."""
PENALTY = 0.01
"""Inverse strength of the penalty on the weights of standardised features."""


def calibrate(model: LensModel, source: Source) -> None:
    """Fit the calibration of the posterior and the ranks of the OOD score on the calibration part.

    The centres of the OOD score come from the training part; without one, from what it had before.

    Raises
    ------
    InputError
        Where fewer than 30 lenses have a true parameter.
    """
    model.eval()
    draws, truth, novelty, no_lens, signal = [], [], [], [], []
    for images, posterior in posteriors(model, source.chunks(CALIBRATION), calibrated=False):
        draws.append(posterior.draws)
        truth.append(true_values(images))
        novelty.append(posterior.novelty[:-1])
        no_lens.append(posterior.no_lens)
        signal.append(posterior.signal_to_noise)
    require_truth(truth)
    model.calibration.fit(torch.cat(draws, 1), torch.cat(truth), torch.cat(signal))
    fit_novelty(model, source)
    model.novelty.calibrate([*join(novelty), model.no_lens_score(torch.cat(no_lens))])


def require_truth(truth: list[Tensor]) -> None:
    """Raise InputError where fewer than 30 lenses have a true parameter."""
    count = sum(int(torch.isfinite(values).any(1).sum()) for values in truth)
    if count < FEWEST:
        raise InputError(
            f"{count} lenses with true parameters in the {CALIBRATION} part", f"{FEWEST} at least",
            "observed lenses without a table of true parameters", "[reading] truth = FILE, or simulated images",
        )  # fmt: skip


def fit_novelty(model: LensModel, source: Source) -> None:
    """Fit the OOD score to images of the training part: centres of its distances, and the odds that there is no lens.

    The latter is learned from simulated galaxies without a lensed source, where the training images are simulated too.
    """
    count = min(NOVELTY_IMAGES, model.settings.per_epoch)
    training = posteriors(model, source.chunks(TRAIN), calibrated=False)
    lenses = [posterior for _, posterior in islice(training, -(-count // Query().batch))]
    if not lenses:
        return
    model.novelty.fit(join([posterior.novelty for posterior in lenses])[:-1])
    if isinstance(getattr(source, "source", source), SimulatedSource):
        empty = iter([simulate_unlike("no lens", model.settings, count, model.settings.seed)])
        without = [posterior.no_lens for _, posterior in posteriors(model, empty, calibrated=False)]
        features = [torch.cat([posterior.no_lens for posterior in lenses]), torch.cat(without)]
        model.no_lens.copy_(logistic_weights(*features))


def logistic_weights(zeros: Tensor, ones: Tensor) -> Tensor:
    """Weights and constant of the log odds of `ones` against `zeros`, each of shape (object, feature)."""
    from sklearn.linear_model import LogisticRegression

    features = torch.cat([zeros, ones]).double().cpu()
    scale, mean = torch.std_mean(features, 0)
    scale = scale.clamp(min=1e-6)
    labels = torch.cat([torch.zeros(len(zeros)), torch.ones(len(ones))]).numpy()
    fitted = LogisticRegression(C=PENALTY, max_iter=1000).fit(((features - mean) / scale).numpy(), labels)
    weights = torch.from_numpy(fitted.coef_[0]) / scale
    return torch.cat([weights, torch.tensor(fitted.intercept_) - (weights @ mean)[None]]).float()


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
