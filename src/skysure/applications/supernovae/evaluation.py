"""Evaluation of a supernova classifier: predictions for whole light curves and for single nights against the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from skysure.data.lightcurves import LightCurves
from skysure.data.sources import TEST
from skysure.evaluation import Evaluation
from skysure.evaluation.gallery import Gallery

from .batches import Nights, group_by_night, targets
from .calibration import one_night_per_stage
from .early import Early, last_night_by_day
from .examples import example_of, rank
from .forecasts.scores import ForecastScores
from .networks import Classifier
from .prediction import (
    Logits,
    class_frequencies,
    last,
    level_of,
    outputs_by_batch,
    predict_classes,
    prediction_set,
    probabilities,
    surprise_of,
)
from .scores import LEVELS, evaluate_rows
from .settings import Query


@dataclass
class Rows:
    """Columns of rows that come in pieces: `add` the pieces, then `columns` makes one array of each."""

    pieces: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def add(self, **columns: np.ndarray | None) -> None:
        """Add rows."""
        for name, values in columns.items():
            self.pieces.setdefault(name, []).append(np.asarray(values))

    def columns(self) -> dict[str, np.ndarray]:
        """All rows."""
        return {name: np.concatenate(parts) for name, parts in self.pieces.items()}


def evaluate(model: Classifier, source: Any, query: Query) -> Evaluation:
    """Compare predictions with the truth of the test part: of whole light curves, and of one night in each stage.

    With a number as `at_epoch` the light curves end so many days after the trigger.
    """
    whole, staged, gallery = Rows(), Rows(), Gallery[LightCurves]()
    early, outlook = Early(frequency_of(model), calibration_objects(model)), ForecastScores(model, query)
    for chunk in source.chunks(TEST):
        series = group_by_night(chunk, model.bands, model.settings, query.until)
        facts = _facts(chunk, series, model, query)
        for outputs in outputs_by_batch(model, series, query, last, surprise_of(model, series)):
            _add_rows(whole, model, outputs, query, series, chunk, facts)
            prediction, owner = predict_classes(model, outputs, query, series, chunk.ids), outputs.owner
            gallery.consider(rank(prediction), partial(_select, chunk, owner))
        choose = partial(one_night_per_stage, trigger=series.trigger, seed=query.seed)
        for outputs in outputs_by_batch(model, series, query, choose):
            _add_rows(staged, model, outputs, query, series, chunk, facts)
        for outputs in outputs_by_batch(model, series, query, last_night_by_day):
            prediction = predict_classes(model, outputs, query, series, chunk.ids)
            early.add(prediction, outputs.owner, level_of(model, outputs), facts["truth"])
        _add_unclassified(whole, model, query, series, chunk, facts)
        outlook.consider(chunk)
    examples = tuple(example_of(group, curves, model, query) for group, curves in gallery)
    return evaluate_rows(model, whole.columns(), staged.columns(), early, outlook, examples, query)


def frequency_of(model: Classifier) -> np.ndarray:
    """How common the classes are in training, shape (class,)."""
    frequency = model.frequency.double().cpu().numpy()
    return frequency / frequency.sum()


def calibration_objects(model: Classifier) -> np.ndarray:
    """How many calibration objects set each level of the prediction sets, shape (stage, level)."""
    return torch.stack([stage.sets.counts for stage in model.stages]).cpu().numpy()


def best_point_snr(curves: LightCurves) -> np.ndarray:
    """Largest signal-to-noise ratio of a point of each object, shape (object,)."""
    best = np.zeros(len(curves))
    good = np.isfinite(curves.flux) & (curves.flux_error > 0)
    np.maximum.at(best, curves.owner[good], curves.flux[good] / curves.flux_error[good])
    return best


def _facts(chunk: LightCurves, series: Nights, model: Classifier, query: Query) -> dict[str, np.ndarray]:
    """What is known of each object beside its points: truth, label, redshift, signal-to-noise ratio."""
    label = chunk.objects.get("label", np.full(len(chunk), ""))
    before = chunk.select_points(chunk.time - series.trigger[chunk.owner] <= query.until)
    truth = targets(label, model.classes)
    return {
        "truth": truth, "label": label.astype(str), "redshift": series.redshift, "snr": best_point_snr(before),
    }  # fmt: skip


def _select(chunk: LightCurves, owner: np.ndarray, row: int) -> LightCurves:
    return chunk[owner[row : row + 1]]


def _add_rows(
    rows: Rows, model: Classifier, outputs: Logits, query: Query, series: Nights, chunk: LightCurves, facts: dict
) -> None:
    prediction = predict_classes(model, outputs, query, series, chunk.ids)
    p = torch.from_numpy(prediction.probability).to(outputs.logits.device)
    sets = np.stack([prediction_set(model, outputs, p, level).cpu().numpy() for level in LEVELS], 1)
    before = probabilities(model, outputs, calibrated=False).double().mean(0).cpu().numpy()
    level = level_of(model, outputs)
    columns = {"before": before, "sets": sets, "days": outputs.days, "level": level}
    rows.add(**columns, **_columns(prediction), **{name: values[outputs.owner] for name, values in facts.items()})


def _add_unclassified(
    rows: Rows, model: Classifier, query: Query, series: Nights, chunk: LightCurves, facts: dict
) -> None:
    """Add the objects with too few nights for a classification: class frequencies, and sets of all classes."""
    unclassifiable = np.flatnonzero(~series.classifiable)
    prediction = class_frequencies(model, unclassifiable, query, series, chunk.ids)
    sets = np.ones((len(unclassifiable), len(LEVELS), len(model.classes)), bool)
    days, level = np.full(len(unclassifiable), np.nan), np.full(len(unclassifiable), -1)
    columns = {"before": prediction.probability, "sets": sets, "days": days, "level": level}
    rows.add(**columns, **_columns(prediction), **{name: values[unclassifiable] for name, values in facts.items()})


def _columns(prediction: Any) -> dict[str, np.ndarray]:
    names = ("probability", "prediction_set", "aleatoric", "epistemic", "ood_percentile", "is_ood")
    return {name: getattr(prediction, name) for name in names}
