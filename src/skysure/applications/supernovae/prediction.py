"""Predictions for light curves: class probabilities and their uncertainties, prediction sets, OOD scores, flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from skysure.data.lightcurves import LightCurves
from skysure.methods.arguments import unchecked
from skysure.methods.sampling import split_classes
from skysure.predictions import Classes, Label, Values, concat

from .batches import Nights, group_by_night
from .forecasts.prediction import forecast
from .inference import Logits, every, in_stages, last, out_of_distribution, outputs_by_batch, surprise_of
from .networks import Classifier
from .settings import Query

TOO_FEW_POINTS = "fewer than two nights, or no point with a signal-to-noise ratio of 4"
NO_REDSHIFT = "no redshift, which this model was trained with"
REDSHIFT_OUTSIDE = "redshift outside the range of the training set"
ERRORS_OUTSIDE = "errors of the fluxes outside the range of the training set"
LABELS = {"days_since_trigger": Label("Days from the trigger to the last night that was used", "time.interval", "d")}
UNKNOWN_BAND = "points in the band {}, which this model was not trained for, were left out"


def predict(model: Classifier, chunk: LightCurves, query: Query) -> Classes | Values:
    """Predict class probabilities of light curves, or future fluxes if `query.forecast` is set."""
    return forecast_with_flags(model, chunk, query) if query.forecast else classify(model, chunk, query)


def forecast_with_flags(model: Classifier, chunk: LightCurves, query: Query) -> Values:
    """Forecast fluxes, with the same quality flags as class probabilities."""
    nights = group_by_night(chunk, model.bands, model.settings, query.until)
    prediction = forecast(model, chunk, query, nights)
    flags = np.where(nights.classifiable, _flags(model, nights, np.arange(len(chunk))), TOO_FEW_POINTS)
    flags = np.repeat(join_flags(flags, flag_unknown_bands(chunk, model.bands)), query.days * len(model.bands))
    return replace(prediction, quality_flags=join_flags(flags, prediction.quality_flags))


def classify(model: Classifier, chunk: LightCurves, query: Query) -> Classes:
    """Predict class probabilities of light curves: one row per object, or with `at_epoch = "all"` one per night.

    An object without a trigger or with fewer than two nights gets the class frequencies of the training set, a
    prediction set of all classes, and a flag. With a number as `at_epoch`, only data up to that many days after the
    trigger are used.
    """
    nights = group_by_night(chunk, model.bands, model.settings, query.until)
    choose = every if query.at_epoch == "all" else last
    parts, owners = [], []
    for outputs in outputs_by_batch(model, nights, query, choose, surprise_of(model, nights)):
        parts.append(predict_classes(model, outputs, query, nights, chunk.ids))
        owners.append(outputs.owner)
    rest = np.setdiff1d(np.arange(len(chunk)), np.concatenate(owners)) if owners else np.arange(len(chunk))
    if len(rest) or not parts:
        parts.append(class_frequencies(model, rest, query, nights, chunk.ids))
        owners.append(rest)
    whole, owner = concat(parts), np.concatenate(owners)
    if not set(chunk.bands) <= set(model.bands):
        whole = replace(
            whole, quality_flags=join_flags(whole.quality_flags, flag_unknown_bands(chunk, model.bands)[owner])
        )
    return whole[np.lexsort((np.nan_to_num(whole.rows["days_since_trigger"]), owner))]


def probabilities(model: Classifier, outputs: Logits, calibrated: bool = True) -> Tensor:
    """Give class probabilities of each sample, shape (sample, row, class), by default after the calibration of the
    stage (range of days since the trigger) of each row.
    """
    logits = outputs.logits
    if calibrated:
        logits = logits.clone()
        for stage, rows in in_stages(model, outputs):
            logits[:, rows] = stage.scaling(logits[:, rows])
    return logits.double().softmax(-1)


def prediction_set(model: Classifier, outputs: Logits, probability: Tensor, coverage: float) -> Tensor:
    """Give the membership of each class in the prediction set of each row, shape (row, class)."""
    contains = torch.zeros_like(probability, dtype=torch.bool)
    for stage, rows in in_stages(model, outputs):
        contains[rows] = stage.sets.contains(outputs.columns[rows], 1 - probability[rows], coverage)
    return contains


def level_of(model: Classifier, outputs: Logits) -> np.ndarray:
    """Give which level its prediction set has, as an index over the levels of all stages in order, shape (row,)."""
    level = np.empty(len(outputs.owner), np.int64)
    for k in np.unique(outputs.stage):
        rows, sets = outputs.stage == k, model.stages[k].sets
        level[rows] = len(sets.counts) * k + sets.bin_of(outputs.columns[torch.from_numpy(rows)]).cpu().numpy()
    return level


def predict_classes(model: Classifier, outputs: Logits, query: Query, nights: Nights, ids: np.ndarray) -> Classes:
    """Calibrate logits and turn them into a prediction."""
    p = probabilities(model, outputs)
    if len(p) == 1:
        p = p.expand(2, -1, -1)
    parts = unchecked(split_classes)(p)
    ood_percentile, is_ood = out_of_distribution(model, outputs, query.ood_level)
    return Classes(
        labels=LABELS,
        rows=_rows(outputs.owner, outputs.days, nights, ids),
        classes=model.classes,
        probability=parts.probability.cpu().numpy(),
        probability_error=parts.probability_error.cpu().numpy(),
        aleatoric=parts.aleatoric.cpu().numpy(),
        epistemic=parts.epistemic.cpu().numpy(),
        prediction_set=prediction_set(model, outputs, parts.probability, query.coverage).cpu().numpy(),
        coverage=query.coverage,
        ood_percentile=ood_percentile.round(4),
        is_ood=is_ood,
        quality_flags=_flags(model, nights, outputs.owner),
    )


def class_frequencies(model: Classifier, owner: np.ndarray, query: Query, nights: Nights, ids: np.ndarray) -> Classes:
    """Predict the class frequencies of the training set for objects with too few data."""
    p = model.frequency.double().cpu().numpy()
    p = p / p.sum()  # the stored ones sum to 1 in single precision only
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum()
    n, shape = len(owner), (len(owner), len(p))
    return Classes(
        labels=LABELS,
        rows=_rows(owner, np.full(n, np.nan), nights, ids),
        classes=model.classes,
        probability=np.broadcast_to(p, shape),
        probability_error=np.zeros(shape),
        aleatoric=np.full(n, entropy),
        epistemic=np.zeros(n),
        prediction_set=np.ones(shape, bool),
        coverage=query.coverage,
        ood_percentile=np.full(n, np.nan),
        is_ood=np.zeros(n, bool),
        quality_flags=np.full(n, TOO_FEW_POINTS),
    )


def _rows(owner: np.ndarray, days: np.ndarray, nights: Nights, ids: np.ndarray) -> dict[str, np.ndarray]:
    return {"id": ids[owner], "mjd": nights.trigger[owner] + days, "days_since_trigger": days}


def flag_unknown_bands(chunk: LightCurves, bands: Sequence[str]) -> np.ndarray:
    """Flag the objects with points in bands that a model was not trained for, shape (object,)."""
    unknown = [k for k, band in enumerate(chunk.bands) if band not in bands]
    flags = np.full(len(chunk), "", object)
    for k in unknown:
        with_points = np.unique(chunk.owner[chunk.band == k])
        flags[with_points] = join_flags(
            flags[with_points], np.full(len(with_points), UNKNOWN_BAND.format(chunk.bands[k]))
        )
    return flags.astype(str)


def join_flags(flags: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Join two arrays of flags, row by row; "" is no flag."""
    return np.array(["; ".join(filter(None, pair)) for pair in zip(flags.tolist(), more.tolist(), strict=True)], str)


def _flags(model: Classifier, nights: Nights, owner: np.ndarray) -> np.ndarray:
    redshift, (low, high) = nights.redshift[owner], model.schema.redshift
    flags = np.full(len(owner), "", dtype=f"<U{len(REDSHIFT_OUTSIDE)}")
    flags[(redshift < low) | (redshift > high)] = REDSHIFT_OUTSIDE
    if model.settings.redshift == "always":
        flags[np.isnan(redshift)] = NO_REDSHIFT
    low, high = model.schema.flux_error
    smallest = nights.smallest_error[owner]
    deep = np.where((smallest < low / 3) | (smallest > high * 3), ERRORS_OUTSIDE, "")
    return join_flags(flags, deep) if deep.any() else flags
