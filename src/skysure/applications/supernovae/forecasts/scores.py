"""Scores of forecasts: the next points of each object, after a random night or after the epoch of the query."""

from __future__ import annotations

from typing import Any

import numpy as np

from skysure.data.lightcurves import LightCurves
from skysure.evaluation import Curve, Score
from skysure.evaluation.measure import of_interval
from skysure.methods.calibration import Interval, crps_of_each, with_interval

from ..networks import Classifier
from ..settings import Query
from .horizons import HORIZONS, Fluxes
from .later import NextPoints, next_points
from .prediction import fluxes_at

POINTS = 3
"""Points that are forecast of each object."""
COVERAGE = 0.683


class ForecastScores:
    """Collects the errors of forecasts chunk by chunk; nothing for a model without a forecaster.

    Each light curve is cut at a random night, or with a number as `at_epoch` that many days after the trigger.
    """

    def __init__(self, model: Classifier, query: Query) -> None:
        self.model, self.query, self.rng = model, query, np.random.default_rng(query.seed)
        self.rows: list[np.ndarray] = []

    def consider(self, chunk: LightCurves) -> None:
        """Forecast the next points of the objects of a chunk."""
        if self.model.horizons is None:
            return
        until = self.query.until
        later = next_points(chunk, self.model.bands, self.model.settings, POINTS, self.rng, until)
        if len(later.owner):
            fluxes = fluxes_at(self.model, later.past, later.owner, later.time, later.band, self.query)
            hits = is_inside(self.model, fluxes, later, COVERAGE)
            self.rows.append(np.stack([fluxes.days, errors_of(fluxes, later), hits]))

    def scores(self) -> list[Score]:
        """CRPS and coverage; none without forecasts."""
        if not self.rows:
            return []
        after = f" after day {self.query.until:g}" if np.isfinite(self.query.until) else ""
        _, crps, hits = np.concatenate(self.rows, 1)
        label, coverage_label = (
            f"Forecasts of the next {POINTS} points{after}: CRPS",
            f"Coverage of the {100 * COVERAGE:g} % intervals of forecasts",
        )
        text = "in units of the errors of the points; 0.564 where the true flux is known"
        return [
            of_interval("forecast_crps", label, mean_over_objects(crps), help=text),
            of_interval("forecast_coverage", coverage_label, mean_over_objects(100 * hits), "%"),
        ]

    def curves(self) -> list[Curve]:
        """Error and coverage by days ahead; none without forecasts."""
        return [Curve("forecast", self.by_days())] if self.rows else []

    def by_days(self) -> list[dict[str, Any]]:
        """Error and coverage in each horizon."""
        days, crps, hits = np.concatenate(self.rows, 1)
        horizon, ends = np.searchsorted(HORIZONS, days, side="right"), (0.0, *HORIZONS, None)
        bins = []
        for k in np.unique(horizon):
            mask = horizon == k
            error, share = mean_over_objects(crps, mask), mean_over_objects(hits, mask)
            bins.append({
                "low": ends[k], "high": ends[k + 1], "n": int(mask.sum()), "wanted": COVERAGE,
                "crps": error.value, "crps_low": error.low, "crps_high": error.high,
                "coverage": share.value, "coverage_low": share.low, "coverage_high": share.high,
            })  # fmt: skip
        return bins


def mean_over_objects(values: np.ndarray, mask: np.ndarray | None = None) -> Interval:
    """Mean over the rows of a mask, with its interval over objects: the `POINTS` rows of an object are correlated."""
    used = np.ones((len(values) // POINTS, POINTS)) if mask is None else mask.reshape(-1, POINTS).astype(float)
    objects = used.any(1)
    sums, counts = (used * values.reshape(used.shape)).sum(1)[objects], used.sum(1)[objects]

    def mean(sums: np.ndarray, counts: np.ndarray, weight: np.ndarray | None = None) -> float | np.ndarray:
        weight = np.ones(len(counts)) if weight is None else weight
        return (weight @ sums) / (weight @ counts)

    return with_interval(mean, sums, counts, resamples=400)


def errors_of(fluxes: Fluxes, later: NextPoints) -> np.ndarray:
    """CRPS of each measured flux under its forecast with its error, in units of that error, shape (row,)."""
    forecast, error = fluxes.measured(later.flux_error), later.flux_error
    parts = (forecast.mean.numpy() / error, forecast.std.numpy() / error, later.flux / error)
    return crps_of_each(*parts, share=forecast.share.numpy())


def is_inside(model: Classifier, fluxes: Fluxes, later: NextPoints, coverage: float) -> np.ndarray:
    """Whether each measured flux lies inside the calibrated interval for measurements with its error, shape (row,)."""
    assert model.horizons is not None
    low, high = model.horizons.interval(fluxes.measured(later.flux_error), coverage)
    return (low <= later.flux) & (later.flux <= high)
