"""How good forecasts are: the next points of each object, after a random night or after the one asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from skysure.data.lightcurves import LightCurves
from skysure.methods.calibration import Interval, crps_of_each, with_interval

from ..networks import Classifier
from ..settings import Query
from .horizons import HORIZONS, Fluxes
from .later import NextPoints, next_points
from .prediction import fluxes_at

POINTS = 3
"""Points that are forecast of each object."""
COVERAGE = 0.683


class Outlook:
    """Collects forecasts chunk by chunk; nothing of a model that makes none.

    Each light curve ends at a random night, or with a number as `at_epoch` so many days after the trigger.
    """

    def __init__(self, model: Classifier, query: Query) -> None:
        self.model, self.query, self.rng = model, query, np.random.default_rng(query.seed)
        self.kept: list[np.ndarray] = []

    def consider(self, chunk: LightCurves) -> None:
        """Forecast the next points of the objects of a chunk."""
        if self.model.horizons is None:
            return
        until = self.query.until
        later = next_points(chunk, self.model.bands, self.model.settings, POINTS, self.rng, until)
        if len(later.owner):
            fluxes = fluxes_at(self.model, later.known, later.owner, later.time, later.band, self.query)
            held = covered(self.model, fluxes, later, COVERAGE)
            self.kept.append(np.stack([fluxes.days, errors_of(fluxes, later), held]))

    def added(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """Give metrics with the scores of forecasts, where there are some."""
        if not self.kept:
            return metrics
        curves = metrics["curves"] | {"forecast": self.by_days()}
        return metrics | {"scores": metrics["scores"] + self.scores(), "curves": curves}

    def scores(self) -> list[dict[str, Any]]:
        """Give the scores as the report reads them."""
        after = f" after day {self.query.until:g}" if np.isfinite(self.query.until) else ""
        _, crps, held = np.concatenate(self.kept, 1)
        error, inside = over_objects(crps), over_objects(100 * held)
        return [
            {"name": "forecast_crps", "label": f"Forecasts of the next {POINTS} points{after}: CRPS", "unit": "",
             "value": error.value, "low": error.low, "high": error.high, "headline": False,
             "help": "in units of the errors of the points; 0.564 if the true flux were known"},
            {"name": "forecast_coverage", "label": f"Coverage of the {100 * COVERAGE:g} % intervals of forecasts",
             "unit": "%", "value": inside.value, "low": inside.low, "high": inside.high, "headline": False},
        ]  # fmt: skip

    def by_days(self) -> list[dict[str, Any]]:
        """Give error and coverage by days ahead."""
        days, crps, held = np.concatenate(self.kept, 1)
        which, ends = np.searchsorted(HORIZONS, days, side="right"), (0.0, *HORIZONS, None)
        found = []
        for k in np.unique(which):
            mine = which == k
            error, inside = over_objects(crps, mine), over_objects(held, mine)
            found.append({
                "low": ends[k], "high": ends[k + 1], "n": int(mine.sum()), "wanted": COVERAGE,
                "crps": error.value, "crps_low": error.low, "crps_high": error.high,
                "coverage": inside.value, "coverage_low": inside.low, "coverage_high": inside.high,
            })  # fmt: skip
        return found


def over_objects(values: np.ndarray, mine: np.ndarray | None = None) -> Interval:
    """Give the mean over some of the rows, `POINTS` an object, whose points are off together, with its interval."""
    some = np.ones((len(values) // POINTS, POINTS)) if mine is None else mine.reshape(-1, POINTS).astype(float)
    there = some.any(1)
    sums, counts = (some * values.reshape(some.shape)).sum(1)[there], some.sum(1)[there]

    def mean(sums: np.ndarray, counts: np.ndarray, weight: np.ndarray | None = None) -> float | np.ndarray:
        weight = np.ones(len(counts)) if weight is None else weight
        return (weight @ sums) / (weight @ counts)

    return with_interval(mean, sums, counts, resamples=400)


def errors_of(fluxes: Fluxes, later: NextPoints) -> np.ndarray:
    """CRPS of each measured flux under its forecast with its error, in units of that error, shape (row,)."""
    found, error = fluxes.measured(later.flux_error), later.flux_error
    parts = (found.mean.numpy() / error, found.std.numpy() / error, later.flux / error)
    return crps_of_each(*parts, share=found.share.numpy())


def covered(model: Classifier, fluxes: Fluxes, later: NextPoints, coverage: float) -> np.ndarray:
    """Whether each measured flux lies inside the calibrated interval for measurements with its error, shape (row,)."""
    assert model.horizons is not None
    low, high = model.horizons.interval(fluxes.measured(later.flux_error), coverage)
    return (low <= later.flux) & (later.flux <= high)
