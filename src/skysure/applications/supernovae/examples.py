"""Light curves worth showing: one of each class, the most uncertain, the most novel."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, log10
from typing import Any

import numpy as np

from skysure.data.lightcurves import LightCurves
from skysure.data.lightcurves.curves import NANOJANSKY_PER_FLUX
from skysure.predictions import Classes

from .batches import nights, targets
from .forecasts.prediction import forecast
from .forecasts.scores import COVERAGE
from .networks import Classifier
from .prediction import classify, taken
from .settings import Query

SHOWN = 6
LONG = 30.0
"""Days since the trigger from which a light curve is long enough to be an example."""
GROUPS = ("example", "uncertain", "novel")
FORECAST_AFTER, FORECAST_DAYS = 10.0, 30
"""Days after the trigger from which an example is forecast if not asked otherwise, and for how many."""


class Gallery:
    """The light curves to show, of all that were considered; holds a few at a time."""

    def __init__(self) -> None:
        self.held: dict[str, list[tuple[float, LightCurves]]] = {group: [] for group in GROUPS}

    def consider(self, chunk: LightCurves, owner: np.ndarray, found: Classes) -> None:
        """Keep objects of a chunk that go before those held so far."""
        novelty = np.nan_to_num(found.ood_percentile) if found.ood_percentile is not None else np.zeros(len(owner))
        ranks = {
            "example": _spread(found.best) - 100.0 * (found.rows["days_since_trigger"] < LONG),
            "uncertain": found.aleatoric + found.epistemic,
            "novel": novelty + 1e-3 * found.epistemic,
        }
        for group, rank in ranks.items():
            best = np.argsort(-rank, kind="stable")[:SHOWN]
            self.held[group] += [(float(rank[k]), chunk[owner[k : k + 1]]) for k in best]
            self.held[group] = sorted(self.held[group], key=lambda pair: -pair[0])[:SHOWN]

    def records(self, model: Classifier, query: Query) -> list[dict[str, Any]]:
        """Give them as the report reads them, with the probabilities at every night and an early forecast."""
        ahead = early_forecast(query) if model.horizons is not None else None
        return [record(group, curves, model, query, ahead) for group in GROUPS for _, curves in self.held[group]]


def _spread(best: np.ndarray) -> np.ndarray:
    """Rank the first object of each class above the second of each, and so on."""
    seen = np.zeros(len(best))
    for k in np.unique(best):
        seen[best == k] = -np.arange((best == k).sum())
    return seen


def early_forecast(query: Query) -> Query:
    """Give the question for the forecast that an example shows."""
    epoch = query.at_epoch if np.isfinite(query.until) else f"{FORECAST_AFTER:g}"
    return replace(query, forecast=f"{FORECAST_DAYS}d", at_epoch=epoch, coverage=COVERAGE)


def record(
    group: str, curves: LightCurves, model: Classifier, query: Query, ahead: Query | None = None
) -> dict[str, Any]:
    """Describe one light curve and how its probabilities came about, with what is forecast where `ahead` asks."""
    known, trigger = curves.in_bands(model.bands), nights(curves, model.bands, model.settings).trigger[0]
    then = curves.select_points(curves.time - trigger <= query.until)
    found = classify(model, then, replace(query, at_epoch="all", forecast=""))
    triggered = bool(np.isfinite(trigger))
    time = known.time - (trigger if triggered else known.time.min(initial=np.inf))
    seen = time >= -model.settings.before
    label = str(curves.objects["label"][0]) if "label" in curves.objects else ""
    assert found.quality_flags is not None
    assert found.is_ood is not None
    flags = [str(f) for f in found.quality_flags[-1:] if f] + ["out of distribution"] * bool(found.is_ood[-1])
    found = taken(found, np.flatnonzero(np.isfinite(found.rows["days_since_trigger"])))
    return {
        "group": group, "id": str(curves.ids[0]), "title": titled(curves), "truth": label or None,
        "class": next((model.classes[k] for k in targets(np.array([label]), model.classes) if k >= 0), None),
        "time_label": f"Days since first {'detection' if triggered else 'point'}",
        "flux_label": "Flux (zero point 27.5)", "bands": list(model.bands),
        "points": {
            "time": time[seen].round(3).tolist(), "band": known.band[seen].tolist(),
            "flux": known.flux[seen].round(3).tolist(), "flux_error": known.flux_error[seen].round(3).tolist(),
        },
        "epochs": {
            "time": found.rows["days_since_trigger"].round(3).tolist(), "classes": list(model.classes),
            "probability": found.probability.round(4).tolist(), "error": found.probability_error.round(4).tolist(),
        } if len(found) else None,
        "forecast": expected(model, curves, ahead) if ahead else None, "flags": flags,
    }  # fmt: skip


def expected(model: Classifier, curves: LightCurves, query: Query) -> dict[str, Any] | None:
    """Describe what is forecast of one light curve, as the report draws it; None where too little is known.

    Times are days since the first detection, fluxes at zero point 27.5, a row a band.
    """
    found = forecast(model, curves, query)
    if found.low is None or not np.isfinite(found.low).all():
        return None
    bands, start = len(model.bands), nights(curves, model.bands, model.settings).trigger[0]
    assert found.high is not None

    def by_band(values: np.ndarray) -> list[list[float]]:
        return (values[:, 0] / NANOJANSKY_PER_FLUX).reshape(-1, bands).T.round(3).tolist()

    time = found.rows["mjd"][::bands] - start
    return {
        "time": time.round(3).tolist(), "from": round(float(time[0] - 1), 3), "coverage": query.coverage,
        "flux": by_band(found.mean), "low": by_band(found.low), "high": by_band(found.high),
    }  # fmt: skip


def titled(curves: LightCurves) -> str:
    """Name a light curve, with its redshift where there is one."""
    z, error = float(curves.column("redshift")[0]), float(curves.column("redshift_error")[0])
    digits = 3 if not error > 0 else min(max(2, ceil(-log10(error))), 5)
    known = f", z = {z:.{digits}f}" if z > 0 else ""
    return f"{curves.ids[0]}{known}" + (f" ± {error:.{digits}f}" if known and error > 0 else "")
