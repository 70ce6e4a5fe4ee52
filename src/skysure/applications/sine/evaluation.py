"""Evaluation of `sine`: likelihood, noise, epistemic uncertainty and coverage against a known truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from skysure.data.sources import TEST, TRAIN, Source
from skysure.evaluation import Curve, Evaluation, Score
from skysure.evaluation.values import coverage_score, score_values, value_coverage

from . import grid
from .functions import truth as truth_of
from .networks import SineNetwork
from .points import Points
from .prediction import draws, predict
from .settings import Query

CURVE_POINTS = 121
FUNCTIONS = 20
MANY = 1000
"""Draws for a ratio of two standard deviations, to 3 %."""

Samples = tuple[np.ndarray, np.ndarray]


def evaluate(model: SineNetwork, source: Source, query: Query) -> Evaluation:
    """Compare predictions with the test part, and draw functions far outside the range of the training data."""
    points = Points.concat(source.chunks(TEST))
    labelled = points[np.isfinite(points.y)]
    curves, scores, facts = [_functions(model, source, query)], [], {}
    if len(labelled):
        mean, std = samples = _samples(model, labelled, query, calibrated=True)
        before = _samples(model, labelled, query, calibrated=False)
        coverage = value_coverage(mean, std, labelled.y, before)
        curves.append(coverage)
        facts = {"uncertainty": _uncertainty(model, labelled, query)}
        growth = list(_growth(model, query))
        scores = list(_scores(labelled.y, samples, before, coverage, facts["uncertainty"], growth))
    if hasattr(model, "grid"):
        rates = grid.compare(model)
        curves.append(Curve("grid", rates))
        scores += grid.scores(rates)
    return Evaluation(
        "sine", f"A {model.function}, learned with error bars", TEST, len(points), "point", truth=len(labelled) > 0,
        scores=tuple(scores), curves=tuple(curves), facts=facts,
    )  # fmt: skip


def _scores(
    truth: np.ndarray, samples: Samples, before: Samples, coverage: Curve, variance: dict[str, Any], growth: list[Score]
) -> Iterator[Score]:
    likelihood, crps, error = score_values(*samples, truth, before)
    noise, spread = np.sqrt((before[1] ** 2).mean()), np.sqrt(before[0].var(0, ddof=1).mean())
    yield likelihood
    yield from (coverage_score(coverage, level) for level in (0.683, 0.955))
    yield Score("aleatoric_std", "Predicted noise (standard deviation)", float(np.sqrt(variance["aleatoric"])),
                before=float(noise), digits=3)  # fmt: skip
    yield Score("epistemic_std", "Epistemic standard deviation within the range",
                float(np.sqrt(variance["epistemic"])), before=float(spread), digits=3)  # fmt: skip
    yield from growth
    yield crps
    yield error


def _uncertainty(model: SineNetwork, points: Points, query: Query) -> dict[str, Any]:
    """Mean aleatoric and epistemic variance over points."""
    prediction = predict(model, points, query)
    means = {name: float(getattr(prediction, name)[:, 0, 0].mean()) for name in ("aleatoric", "epistemic")}
    return {"measure": "variance", **means}


def _functions(model: SineNetwork, source: Source, query: Query) -> Curve:
    """The prediction on a grid three times as wide as the training data, sampled functions, some training points."""
    low, high = source.schema.low, source.schema.high
    x = np.linspace(low - (high - low), high + (high - low), CURVE_POINTS)
    prediction = predict(model, _at(x), query)
    training = Points.concat([_at(np.zeros(0)), *source.chunks(TRAIN)])[:300]  # a new calibration has none
    samples = draws(model, x, replace(query, samples=FUNCTIONS))[0]
    return Curve("functions", {
        "x": x.tolist(), "truth": truth_of(model.function, x).tolist(), "mean": prediction.mean[:, 0].tolist(),
        "range": [low, high],
        "aleatoric": np.sqrt(prediction.aleatoric[:, 0, 0]).tolist(),
        "epistemic": np.sqrt(prediction.epistemic[:, 0, 0]).tolist(),
        "draws": samples[:, :, 0].cpu().numpy(),
        "points": {"x": training.x.tolist(), "y": training.y.tolist()},
    })  # fmt: skip


def _growth(model: SineNetwork, query: Query) -> Iterator[Score]:
    """How many times as large the epistemic standard deviation is at 3π as at 0; for a sine only."""
    if model.function == "sine":
        spread = draws(model, np.array([0.0, 3 * np.pi]), replace(query, samples=MANY))[0][..., 0].std(0)
        label = "Epistemic standard deviation at 3π, over that at 0"
        yield Score("epistemic_3pi_over_0", label, float(spread[1] / spread[0]), digits=1)


def _at(x: np.ndarray) -> Points:
    return Points(np.arange(len(x)).astype(str), x, np.full(len(x), np.nan))


def _samples(model: SineNetwork, points: Points, query: Query, *, calibrated: bool) -> Samples:
    mean, std = draws(model, points.x, query, calibrated=calibrated)
    return mean[..., 0].cpu().numpy(), std[..., 0].cpu().numpy()
