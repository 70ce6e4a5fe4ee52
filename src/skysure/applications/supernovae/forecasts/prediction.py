"""Forecasts of future fluxes from the data up to a night."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from jaxtyping import Float

from skysure.data.lightcurves import LightCurves
from skysure.data.lightcurves.curves import NANOJANSKY_PER_FLUX
from skysure.predictions import Label, Values

from ..batches import Batch, Nights, by_length, group_by_night
from ..encoding import Encoded, encode
from ..inference import last, out_of_distribution, outputs_of
from ..networks import Classifier
from ..settings import Query
from .distribution import QUERIES, calibration_of, fluxes_of, last_night, sampled_forecast
from .forecaster import COMPONENTS
from .horizons import Fluxes
from .later import draw_later_points
from .surprise import Surprise

CUTS = 8
"""Nights of each calibration object from which later points are forecast."""
LABELS = {
    "mjd": Label("Modified Julian date of the forecast", "time.epoch", "d"),
    "days_ahead": Label("Days from the last night that was used to the forecast", "time.interval", "d"),
    "flux": Label("Flux density of the source", "phot.flux.density"),
}
RECENT = 8
"""Last measurements in a band whose errors represent that of the next one."""
ENDS = ("low", "high", "measured_low", "measured_high")
"""Ends of the intervals of the flux of the source, and of the flux that will be measured."""
WITHHELD = "out of distribution: the errors and intervals of its forecast are withheld"


def forecast(model: Classifier, chunk: LightCurves, query: Query, nights: Nights | None = None) -> Values:
    """Forecast the flux in each band, day by day: one row per object, day and band.

    Days count from the last night used. An object with too few data has no numbers. One that is out of distribution has
    only a mean: the calibration objects do not represent its errors. `nights` are those of the chunk, if already
    computed.
    """
    days = np.repeat(np.arange(1, query.days + 1, dtype=np.float32), len(model.bands))
    band = np.tile(np.arange(len(model.bands)), query.days)
    nights = group_by_night(chunk, model.bands, model.settings, query.until) if nights is None else nights
    numbers, ood_percentile, is_ood = _forecast_objects(model, nights, days, band, query)
    unit, repeat = NANOJANSKY_PER_FLUX, partial(np.repeat, repeats=len(days))
    mean, aleatoric, epistemic, *ends = numbers.reshape(7, -1, 1)
    rows = {
        "id": repeat(chunk.ids), "mjd": (last_night(nights)[:, None] + days).ravel(),
        "days_ahead": np.tile(days, len(nights)), "band": np.tile(np.asarray(model.bands)[band], len(nights)),
    }  # fmt: skip
    return Values(
        rows, ("flux",), ("nJy",), mean * unit, aleatoric[..., None] * unit**2, epistemic[..., None] * unit**2,
        labels=LABELS, coverage=query.coverage, ood_percentile=repeat(ood_percentile.round(4)), is_ood=repeat(is_ood),
        quality_flags=repeat(np.where(is_ood, WITHHELD, "")),
        **{name: end * unit for name, end in zip(ENDS, ends, strict=True)},
    )  # fmt: skip


def _forecast_objects(
    model: Classifier, nights: Nights, days: np.ndarray, band: np.ndarray, query: Query
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forecast all objects: numbers as of `flux_numbers`, OOD percentiles, and whether they are out of distribution.

    One pass of the recurrent layers serves the forecast and the OOD score.
    """
    calibration_of(model)
    model.eval()
    numbers, surprises = np.full((7, len(nights), len(days)), np.nan), Surprise(nights)
    ood_percentile, is_ood = np.full(len(nights), np.nan), np.zeros(len(nights), bool)
    size = max(1, min(query.batch, QUERIES // len(days)))
    for objects in by_length(np.where(nights.classifiable, nights.counts, 0), size):
        encoded = encode(model, nights, objects)
        logits = outputs_of(model, [encoded], query, last, surprises)
        assert logits is not None  # every object has a last night
        numbers[:, objects] = flux_numbers(model, encoded, days, band, query)
        ood_percentile[objects], is_ood[objects] = out_of_distribution(model, logits, query.ood_level)
    numbers[1:, is_ood] = np.nan
    return numbers, ood_percentile, is_ood


def flux_numbers(
    model: Classifier, encoded: Encoded, days: np.ndarray, band: np.ndarray, query: Query
) -> Float[np.ndarray, "7 object query"]:
    """Forecast from the last night of each object: mean, aleatoric and epistemic variance, and ends of intervals.

    The first two ends are of the flux of the source, the others of the flux that will be measured.
    """
    horizons, shape = calibration_of(model), (len(encoded.objects), 1, len(days))
    cut = encoded.batch["nights"][:, None].cpu().numpy() - 1
    points = {"cut": cut, "days": np.broadcast_to(days, shape), "band": np.broadcast_to(band, shape)}
    fluxes = horizons(sampled_forecast(model, encoded, points, query))
    ends = horizons.interval(fluxes, query.coverage)
    errors = last_errors(encoded.batch)[:, band].reshape(len(fluxes), RECENT)
    measured = horizons.interval(fluxes.measured_with(errors), query.coverage)
    parts = (fluxes.centre, fluxes.variance - fluxes.epistemic, fluxes.epistemic)
    return np.stack([*(part.numpy() for part in parts), *ends, *measured]).reshape(7, len(encoded.objects), len(days))


def last_errors(batch: Batch) -> Float[np.ndarray, "object band measurement"]:
    """Give the errors of the last measurements in each band, NaN if there are fewer.

    A band without measurements gets the median error of all bands.
    """
    measured = batch["measured"].cpu().numpy() > 0
    rank = np.cumsum(measured[:, ::-1], 1)[:, ::-1]  # 1 is the last
    row, night, band = np.nonzero(measured & (rank <= RECENT))
    errors = np.full((*measured[:, 0].shape, RECENT), np.nan)
    errors[row, band, rank[row, night, band] - 1] = batch["flux_error"].cpu().numpy()[row, night, band]
    row, band = np.nonzero(np.isnan(errors).all(-1))
    errors[row, band, 0] = np.ma.median(np.ma.masked_invalid(errors), (1, 2)).filled(np.nan)[row]
    return errors


def fluxes_at(
    model: Classifier, curves: LightCurves, owner: np.ndarray, time: np.ndarray, band: np.ndarray, query: Query
) -> Fluxes:
    """Forecast fluxes at any times and bands, with calibrated widths.

    Parameters
    ----------
    model : Classifier
        With a forecaster.
    curves : LightCurves
        The data so far; all points are used.
    owner : ndarray of int, shape (row,)
        Index of the object, ascending.
    time : ndarray, shape (row,)
        Modified Julian date, after the last point of the object.
    band : ndarray of int, shape (row,)
        Index into `model.bands`.
    query : Query
        Its samples, seed and batch.

    Returns
    -------
    Fluxes
        At zero point 27.5, one row per time; NaN for an object with too few data.
    """
    nights = group_by_night(curves, model.bands, model.settings)
    counts = np.bincount(owner, minlength=len(nights))
    place = (owner, 0, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts))
    shape = (len(nights), 1, counts.max(initial=1))
    days, bands, row = np.ones(shape, np.float32), np.zeros(shape, np.int64), np.full(shape, -1)
    days[place], bands[place] = time - last_night(nights)[owner], band
    points = {"cut": nights.counts[:, None] - 1, "days": days, "band": bands}
    forecasts = []
    for objects, fluxes in fluxes_of(model, nights, points, query):
        row[objects] = (sum(map(len, forecasts)) + np.arange(len(fluxes))).reshape(len(objects), *shape[1:])
        forecasts.append(fluxes)
    unknown = torch.full((COMPONENTS * len(model.networks), 1), torch.nan, dtype=torch.float64)
    missing = Fluxes(np.full(1, np.nan), unknown, unknown, unknown, unknown[0])  # row -1: objects with too few data
    return calibration_of(model)(Fluxes.concat([*forecasts, missing])[row[place]])


def calibrate_forecasts(model: Classifier, nights: Nights) -> None:
    """Fit the calibration of the forecasts to points after random nights of the calibration objects."""
    points = draw_later_points(nights, CUTS, np.random.default_rng(model.settings.seed))
    forecasts = list(fluxes_of(model, nights, points, Query()))
    order = np.concatenate([objects for objects, _ in forecasts])
    flux, error = (points[name][order].ravel().astype(np.float64) for name in ("ahead", "ahead_error"))
    measured = np.flatnonzero(error > 0)
    fluxes = Fluxes.concat([fluxes for _, fluxes in forecasts])[measured]
    calibration_of(model).fit(fluxes, flux[measured], error[measured])
