"""Light curves worth showing: one of each class, the most uncertain, the most novel."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, log10
from typing import Any

import numpy as np

from skysure.data.lightcurves import LightCurves
from skysure.data.lightcurves.curves import NANOJANSKY_PER_FLUX
from skysure.evaluation import Example
from skysure.evaluation.gallery import rank_classes
from skysure.predictions import Classes

from .batches import group_by_night, targets
from .forecasts.prediction import forecast
from .forecasts.scores import COVERAGE
from .networks import Classifier
from .prediction import classify
from .settings import Query

LONG = 30.0
"""Days since the trigger from which a light curve is long enough to be an example."""
FORECAST_AFTER, FORECAST_DAYS = 10.0, 30
"""Days after the trigger from which an example is forecast if not asked otherwise, and for how many."""


def rank(prediction: Classes) -> dict[str, np.ndarray]:
    """Rank the rows of a prediction for each group of the gallery; long light curves are the better examples."""
    ranks = rank_classes(prediction)
    return ranks | {"example": ranks["example"] - 100.0 * (prediction.rows["days_since_trigger"] < LONG)}


def example_of(group: str, curves: LightCurves, model: Classifier, query: Query) -> Example:
    """One light curve with the probabilities at every night, and an early forecast where the model forecasts."""
    return describe(group, curves, model, query, early_forecast(query) if model.horizons is not None else None)


def early_forecast(query: Query) -> Query:
    """The query of the forecast that an example shows."""
    epoch = query.at_epoch if np.isfinite(query.until) else f"{FORECAST_AFTER:g}"
    return replace(query, forecast=f"{FORECAST_DAYS}d", at_epoch=epoch, coverage=COVERAGE)


def describe(group: str, curves: LightCurves, model: Classifier, query: Query, ahead: Query | None = None) -> Example:
    """One light curve with the probabilities at every night, and with the forecast that `ahead` asks for.

    `data` holds "class" (that of the truth, where its name is another), "time_label", "flux_label", "bands", "points",
    "epochs" (None where too little was observed to classify) and "forecast", as `plots.probability_in_time` reads them.
    """
    trigger = group_by_night(curves, model.bands, model.settings).trigger[0]
    before = curves.select_points(curves.time - trigger <= query.until)
    prediction = classify(model, before, replace(query, at_epoch="all", forecast=""))
    assert prediction.quality_flags is not None
    assert prediction.is_ood is not None
    flags = [str(flag) for flag in prediction.quality_flags[-1:] if flag]
    flags += ["out of distribution"] * bool(prediction.is_ood[-1])
    label = str(curves.objects["label"][0]) if "label" in curves.objects else ""
    classes = [model.classes[k] for k in targets(np.array([label]), model.classes) if k >= 0]
    data = {
        "class": classes[0] if classes else None,
        "time_label": f"Days since first {'detection' if np.isfinite(trigger) else 'point'}",
        "flux_label": "Flux (zero point 27.5)", "bands": list(model.bands),
        "points": points_of(curves, model, trigger), "epochs": epochs_of(prediction, model.classes),
        "forecast": forecast_of(model, curves, ahead) if ahead else None,
    }  # fmt: skip
    return Example(group, str(curves.ids[0]), title_of(curves), label or None, tuple(flags), data)


def points_of(curves: LightCurves, model: Classifier, trigger: float) -> dict[str, list]:
    """The points that the model reads; time in days since the trigger, or since the first point without one."""
    points = curves.in_bands(model.bands)
    time = points.time - (trigger if np.isfinite(trigger) else points.time.min(initial=np.inf))
    mask = time >= -model.settings.before
    return {
        "time": time[mask].round(3).tolist(), "band": points.band[mask].tolist(),
        "flux": points.flux[mask].round(3).tolist(), "flux_error": points.flux_error[mask].round(3).tolist(),
    }  # fmt: skip


def epochs_of(prediction: Classes, classes: tuple[str, ...]) -> dict[str, Any] | None:
    """Probabilities at every night with their errors; None where no night can be classified."""
    mask = np.isfinite(prediction.rows["days_since_trigger"])
    if not mask.any():
        return None
    return {
        "time": prediction.rows["days_since_trigger"][mask].round(3).tolist(), "classes": list(classes),
        "probability": prediction.probability[mask].round(4).tolist(),
        "error": prediction.probability_error[mask].round(4).tolist(),
    }  # fmt: skip


def forecast_of(model: Classifier, curves: LightCurves, query: Query) -> dict[str, Any] | None:
    """The forecast of one light curve; None where too little was observed.

    Times are days since the first detection, fluxes at zero point 27.5, one row per band.
    """
    prediction = forecast(model, curves, query)
    if prediction.low is None or not np.isfinite(prediction.low).all():
        return None
    bands, trigger = len(model.bands), group_by_night(curves, model.bands, model.settings).trigger[0]
    assert prediction.high is not None

    def by_band(values: np.ndarray) -> list[list[float]]:
        return (values[:, 0] / NANOJANSKY_PER_FLUX).reshape(-1, bands).T.round(3).tolist()

    time = prediction.rows["mjd"][::bands] - trigger
    return {
        "time": time.round(3).tolist(), "from": round(float(time[0] - 1), 3), "coverage": query.coverage,
        "flux": by_band(prediction.mean), "low": by_band(prediction.low), "high": by_band(prediction.high),
    }  # fmt: skip


def title_of(curves: LightCurves) -> str:
    """Id and redshift of a light curve."""
    z, error = float(curves.column("redshift")[0]), float(curves.column("redshift_error")[0])
    digits = 3 if not error > 0 else min(max(2, ceil(-log10(error))), 5)
    redshift = f", z = {z:.{digits}f}" if z > 0 else ""
    return f"{curves.ids[0]}{redshift}" + (f" ± {error:.{digits}f}" if redshift and error > 0 else "")
