"""Evaluation of `lensing`: errors, coverage and joint calibration of the posterior, and how many images are unlike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from skysure.data.sources import TEST, Source
from skysure.evaluation import Column, Curve, Evaluation, Example, Table
from skysure.evaluation.posterior import PosteriorScores

from .calibration import posteriors
from .errors import errors_by
from .examples import describe, with_samples
from .images import LensImages
from .inference import Posterior
from .networks import LensModel
from .parameters import LOGARITHMIC, NAMES, UNITS
from .prediction import predict, split_covariance
from .settings import Query

HEADLINE = ("theta_E", "mu")
EXAMPLES = 6
NOUN = "lens"
REACH = 3.0
"""Standard deviations of the training images that the reference points of the joint coverage span."""


def evaluate(model: LensModel, source: Source, query: Query) -> Evaluation:
    """Compare posteriors with the true parameters of the test part; without truth, only count and show.

    Scored are the parameters that the first image with the most true values has: real lenses often have theta_E, q and
    position angle alone.
    """
    model.eval()
    scores, counts, examples = None, _Counts(), []
    for images, posterior in posteriors(model, source.chunks(TEST), query, calibrated=False):
        draws = posterior.draws
        calibrated = model.calibration(draws, posterior.signal_to_noise).view_as(posterior.values)
        after = replace(posterior, values=calibrated)
        columns = {"S/N of the arcs": posterior.signal_to_noise.cpu().numpy(), "theta_E [arcsec]": images.truth[:, 0]}
        if scores is None and len(scored := known_parameters(images.truth)):
            scores = new_scores(model, scored)
        if scores is not None:
            scores.add(_samples(after)[..., scored], images.truth[:, scored], _samples(posterior)[..., scored], columns)
        counts.add(model, after, query)
        if len(examples) < EXAMPLES:
            examples += _examples(model, images[: EXAMPLES - len(examples)], query)
    has_truth = scores is not None and bool(len(scores))
    curves = tuple(scores.curves()) if has_truth else ()
    if has_truth and scores.names[0] == NAMES[0]:
        curves = (*curves, Curve("errors", errors_by(scores.rows)))
    return Evaluation(
        "lensing", "Parameters of strong lenses", TEST, counts.total, NOUN, "lenses", truth=has_truth,
        scores=tuple(scores.scores(HEADLINE)) if has_truth else (), curves=curves,
        tables=tuple(_tables(model, scores)) if has_truth else (),
        examples=tuple(examples), facts=counts.facts,
    )  # fmt: skip


def known_parameters(truth: np.ndarray) -> np.ndarray:
    """Indices of the parameters of which the image with the most true values has one, shape (scored,).

    >>> known_parameters(np.array([[1.2, np.nan], [np.nan, np.nan]])).tolist()
    [0]
    """
    finite = np.isfinite(truth)
    return np.flatnonzero(finite[finite.sum(1).argmax()])


def new_scores(model: LensModel, scored: np.ndarray) -> PosteriorScores:
    """Make empty scores of the parameters with these indices; reference points span the training images."""
    offset, scale = (values.cpu().double().numpy() for values in (model.offset, model.scale))
    low, high = offset - REACH * scale, offset + REACH * scale
    for k in LOGARITHMIC:
        low[k], high[k] = np.exp(low[k]), np.exp(high[k])
    lengths = [0, 3, 4]
    low[lengths], high[lengths] = low[lengths] * model.schema.pixel_scale, high[lengths] * model.schema.pixel_scale
    names, units = [NAMES[k] for k in scored], [UNITS[k] for k in scored]
    positive = [name for name in names if name in ("theta_E", "mu")]
    return PosteriorScores(names, units, low[scored].tolist(), high[scored].tolist(), positive=positive)


def _samples(posterior: Posterior) -> np.ndarray:
    return posterior.parameters.flatten(0, 1).cpu().numpy()


def _tables(model: LensModel, scores: PosteriorScores) -> Iterator[Table]:
    yield from scores.tables()
    if model.settings.choose_rate:
        yield _rate_table(model.rate_table.tolist())


def _rate_table(rows: Sequence[Sequence[float]]) -> Table:
    """Coverage of the validation part with each keep rate, before calibration; the chosen one is the last."""
    names = [*(f"{1 - rate:.2f}" for rate, *_ in rows[:-1]), f"{1 - rows[-1][0]:.3g}, chosen"]
    columns = (
        Column("keep", "Keep rate"), *(Column(f"coverage_{x}", f"Inside {x} %", "%") for x in ("68.3", "95.5", "99.7"))
    )  # fmt: skip
    cells = tuple((name, *(100 * value for value in row[1:])) for name, row in zip(names, rows, strict=True))
    caption = (
        "How often central intervals hold the true value, mean over the parameters, with each dropout rate at "
        "prediction, before calibration, on the validation part."
    )
    return Table("rates", "Coverage by keep rate", columns, cells, caption=caption)


class _Counts:
    """Counts lenses, those out of distribution, and the two parts of the uncertainty of log theta_E."""

    def __init__(self) -> None:
        self.total = self.unlike = 0
        self.variances = np.zeros(2)

    def add(self, model: LensModel, posterior: Posterior, query: Query) -> None:
        score = model.novelty(posterior.novelty)
        self.total += len(score)
        self.unlike += int(model.novelty.is_ood(score, query.ood_level).sum())
        parts = split_covariance(posterior.values[..., :1])
        self.variances += [float(torch.nan_to_num(part).sum()) for part in parts]

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts of the evaluation."""
        aleatoric, epistemic = self.variances / max(self.total, 1)
        return {
            "uncertainty": {"measure": "variance of log theta_E", "aleatoric": aleatoric, "epistemic": epistemic},
            "is_ood": {"count": self.unlike, "of": self.total},
        }


def _examples(model: LensModel, images: LensImages, query: Query) -> list[Example]:
    """Images with their model and posterior."""
    prediction = predict(model, images, with_samples(query))
    return [describe("example", images[[k]], prediction[[k]]) for k in range(len(images))]
