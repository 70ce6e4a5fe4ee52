"""Evaluation of `sine`: likelihood, noise, ignorance and coverage against a truth that is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from skysure.data.sources import TEST, TRAIN, Source
from skysure.evaluation import Evaluation
from skysure.methods.calibration import (
    Interval,
    coverage_curve,
    crps,
    gaussian_mixture_nll,
    pit,
    pit_hits,
    with_interval,
)
from skysure.methods.calibration.scores import mean_of

from . import grid
from .functions import truth
from .networks import SineNetwork
from .points import Points, joined
from .prediction import draws, predict
from .settings import Query

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.683, 0.8, 0.9, 0.955, 0.997)
CURVE_POINTS = 121
FUNCTIONS = 20
MANY = 1000
"""Draws for a ratio of two standard deviations, to 3 %."""


def evaluate(model: SineNetwork, source: Source, query: Query) -> Evaluation:
    """Hold the predictions against the test part, and draw them far outside the range of the training."""
    points = joined(source.chunks(TEST))
    known = points[np.isfinite(points.y)]
    metrics: dict[str, Any] = {
        "application": "sine", "title": f"A {model.function}, learned with error bars", "noun": "point", "part": TEST,
        "objects": len(points), "truth": len(known) > 0, "curves": {}, "examples": [], "scores": [],
    }  # fmt: skip
    metrics["curves"]["functions"] = _functions(model, source, query)
    if len(known):
        metrics |= _proof(model, known, query, metrics["curves"])
    if hasattr(model, "grid"):
        metrics["curves"]["grid"] = grid.found(model)
        metrics["scores"] += grid.scores(metrics["curves"]["grid"])
    return Evaluation(metrics)


def _proof(model: SineNetwork, points: Points, query: Query, curves: dict[str, Any]) -> dict[str, Any]:
    before = _draws(model, points, query, calibrated=False)
    mean, std = _draws(model, points, query, calibrated=True)
    hits = {name: _hits(d, points.y) for name, d in (("before", before), ("after", (mean, std)))}
    curves["coverage"] = coverage_curve(hits["after"], LEVELS) | {"before": hits["before"].mean(1).tolist()}
    split = predict(model, points, query)
    aleatoric, epistemic = (float(np.sqrt(part[:, 0, 0].mean())) for part in (split.aleatoric, split.epistemic))
    raw = {"aleatoric": np.sqrt((before[1] ** 2).mean()), "epistemic": np.sqrt(before[0].var(0, ddof=1).mean())}
    likelihood = with_interval(_log_likelihood, mean, std, points.y)
    return {
        "uncertainty": {"measure": "variance", "aleatoric": aleatoric**2, "epistemic": epistemic**2},
        "scores": [
            _score("log_likelihood", "Log-likelihood of a point", likelihood, unit="nat", headline=True,
                   before=_log_likelihood(*before, points.y)),
            *(_coverage_score(curves["coverage"], level) for level in (0.683, 0.955)),
            {"name": "aleatoric_std", "label": "Noise found (standard deviation)", "value": aleatoric, "digits": 3,
             "before": float(raw["aleatoric"])},
            {"name": "epistemic_std", "label": "Ignorance within the range", "value": epistemic, "digits": 3,
             "before": float(raw["epistemic"])},
            *_growth(model, query),
            _score("crps", "CRPS", with_interval(crps, mean, std, points.y, resamples=200)),
            _score("rmse", "Root mean square error", with_interval(_rmse, mean.mean(0), points.y, resamples=200)),
        ],
    }  # fmt: skip


def _functions(model: SineNetwork, source: Source, query: Query) -> dict[str, Any]:
    """The prediction on a grid three times as wide as the training, functions drawn, and some training points."""
    low, high = source.schema.low, source.schema.high
    x = np.linspace(low - (high - low), high + (high - low), CURVE_POINTS)
    split = predict(model, _at(x), query)
    shown = joined(source.chunks(TRAIN))[:300]
    drawn = draws(model, x, Query(samples=FUNCTIONS, seed=query.seed))[0]
    return {
        "x": x.tolist(), "truth": truth(model.function, x).tolist(), "mean": split.mean[:, 0].tolist(),
        "range": [low, high],
        "aleatoric": np.sqrt(split.aleatoric[:, 0, 0]).tolist(),
        "epistemic": np.sqrt(split.epistemic[:, 0, 0]).tolist(),
        "draws": drawn[:, :, 0].cpu().numpy().round(4).tolist(),
        "points": {"x": shown.x.tolist(), "y": shown.y.tolist()},
    }  # fmt: skip


def _growth(model: SineNetwork, query: Query) -> Iterator[dict[str, Any]]:
    """How many times as large the epistemic standard deviation is at 3π as at 0; of a sine only."""
    if model.function == "sine":
        drawn = draws(model, np.array([0.0, 3 * np.pi]), Query(MANY, query.seed))[0][..., 0].std(0)
        yield {"name": "epistemic_3pi_over_0", "label": "Ignorance at 3π over that at 0", "digits": 1,
               "value": float(drawn[1] / drawn[0])}  # fmt: skip


def _at(x: np.ndarray) -> Points:
    return Points(np.arange(len(x)).astype(str), x, np.full(len(x), np.nan))


def _draws(model: SineNetwork, points: Points, query: Query, *, calibrated: bool) -> tuple[np.ndarray, np.ndarray]:
    mean, std = draws(model, points.x, query, calibrated=calibrated)
    return mean[..., 0].cpu().numpy(), std[..., 0].cpu().numpy()


def _hits(drawn: tuple[np.ndarray, np.ndarray], truth: np.ndarray) -> np.ndarray:
    """Whether each interval holds its truth, shape (level, object)."""
    return np.array([pit_hits(pit(*drawn, truth), level) for level in LEVELS])


def _log_likelihood(mean: np.ndarray, std: np.ndarray, truth: np.ndarray, weight: Any = None) -> Any:
    return -gaussian_mixture_nll(mean, std, truth, weight)


def _rmse(mean: np.ndarray, truth: np.ndarray, weight: Any = None) -> Any:
    return np.sqrt(mean_of((truth - mean) ** 2, weight))


def _score(name: str, label: str, found: Interval, **facts: Any) -> dict[str, Any]:
    return {"name": name, "label": label, "value": found.value, "low": found.low, "high": found.high} | facts


def _coverage_score(coverage: dict[str, Any], level: float) -> dict[str, Any]:
    k = coverage["nominal"].index(level)
    low, value, high, before = (100 * coverage[name][k] for name in ("low", "actual", "high", "before"))
    found = Interval(value, low, high)
    label = f"Coverage of the {100 * level:g} % interval"
    return _score(f"coverage_{1000 * level:.0f}", label, found, unit="%", before=before)
