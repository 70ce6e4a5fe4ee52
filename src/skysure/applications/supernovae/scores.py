"""From the rows of an evaluation to its scores, curves and tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from skysure.data.sources import TEST
from skysure.evaluation import Curve, Evaluation, Example, Score, Table
from skysure.evaluation import classes as of_classes
from skysure.evaluation.bins import shares_by_bin
from skysure.evaluation.tables import table_by_class, table_of_unknown
from skysure.methods.calibration.bins import equal_count_edges
from skysure.methods.calibration.coverage import effective_size

from .early import Early
from .forecasts.scores import ForecastScores
from .networks import STAGES, Classifier
from .settings import Query

LEVELS = (0.5, 0.6, 0.683, 0.8, 0.9, 0.95, 0.99)
BINS = 6
FEWEST_REDSHIFTS = 20
Rows = dict[str, np.ndarray]


def evaluate_rows(
    model: Classifier, rows: Rows, staged: Rows, early: Early, outlook: ForecastScores, examples: tuple[Example, ...],
    query: Query,
) -> Evaluation:  # fmt: skip
    """Score all rows: of whole light curves, and of one night in each stage.

    Where the settings name the classes, the first one is also scored against the rest.
    """
    until = query.until
    basis = f"{until:g} days after the first detection" if np.isfinite(until) else "from their light curves"
    has_class = rows["truth"] >= 0
    evaluation = Evaluation(
        "supernovae", f"Classes of supernovae {basis}", TEST, len(has_class), "light curve",
        truth=bool(has_class.any()), examples=examples, facts=_facts(rows),
    )  # fmt: skip
    scores, curves, tables = [], [], []
    if has_class.any():
        first = model.classes[0] if model.settings.classes else None
        labelled = {name: values[has_class] for name, values in rows.items()}
        staged = {name: values[staged["truth"] >= 0] for name, values in staged.items()}
        scores = list(score_rows(rows, labelled, model.classes, query, first))
        curves = list(curves_of(labelled, staged, model.classes, query, early.objects, first))
        curves.append(Curve("early", early.curve(first, query.coverage, until)))
        tables = list(tables_of(rows, labelled, model.classes, query, first))
    return replace(
        evaluation, scores=(*scores, *outlook.scores()), curves=(*curves, *outlook.curves()), tables=tuple(tables)
    )


def _facts(rows: Rows) -> dict[str, Any]:
    entropy = {name: float(rows[name].mean()) for name in ("aleatoric", "epistemic")}
    flagged = {"count": int(rows["is_ood"].sum()), "of": len(rows["is_ood"])}
    return {"is_ood": flagged, "uncertainty": {"measure": "entropy", **entropy}}


def score_rows(
    rows: Rows, labelled: Rows, classes: tuple[str, ...], query: Query, first: str | None
) -> Iterator[Score]:
    """Scores of the classes, of the `first` one against the rest, of the sets, and of out-of-distribution detection."""
    p, truth = labelled["probability"], labelled["truth"]
    if first is None:
        yield from of_classes.score_ranking(p, truth)
    else:
        yield from of_classes.score_one_class(p[:, 0], truth == 0, first)
    yield from of_classes.score_classes(p, truth, labelled["before"])
    yield from of_classes.score_sets(labelled["prediction_set"], truth, query.coverage)
    used = _has_label(rows)
    percentile, is_ood, unknown = (
        column[used] for column in (rows["ood_percentile"], rows["is_ood"], rows["truth"] < 0)
    )
    yield from of_classes.score_out_of_distribution(percentile, is_ood, unknown)


def tables_of(rows: Rows, labelled: Rows, classes: tuple[str, ...], query: Query, first: str | None) -> Iterator[Table]:
    """Tables by class, and of the classes that the model does not know where there are some."""
    p, sets = labelled["probability"], labelled["prediction_set"]
    yield table_by_class(p, labelled["truth"], sets, classes, query.coverage, "light curves")
    if (_has_label(rows) & (rows["truth"] < 0)).any():
        columns = [rows[name] for name in ("label", "truth", "probability", "ood_percentile", "is_ood")]
        yield table_of_unknown(*columns, classes, first, "light curves")


def _has_label(rows: Rows) -> np.ndarray:
    return (rows["truth"] >= 0) | (rows["label"] != "")


def curves_of(
    rows: Rows, staged: Rows, classes: tuple[str, ...], query: Query, objects: np.ndarray, first: str | None
) -> Iterator[Curve]:
    """What the figures draw; `objects`, shape (stage, level), set each level of the prediction sets."""
    p, truth = rows["probability"], rows["truth"]
    yield of_classes.confusion_curve(p, truth, classes)
    if len(np.unique(truth)) > 1:
        yield of_classes.roc_curves(p, truth, classes)
    yield of_classes.reliability(p, truth, rows["before"], (0, first) if first else None)
    yield of_classes.set_curve(rows["sets"], truth, LEVELS, calibrated_on(rows["level"], objects))
    snr = rows["snr"]
    by = {"Largest signal-to-noise ratio": by_bin(rows, snr, equal_count_edges(snr, BINS), query, objects)}
    if staged:
        by["Days since detection"] = by_bin(staged, staged["days"], np.array(STAGES), query, objects)
    redshift = rows["redshift"]
    if np.isfinite(redshift).sum() > FEWEST_REDSHIFTS:
        by["Redshift"] = by_bin(rows, redshift, equal_count_edges(redshift, BINS), query, objects)
    yield Curve("by", by)


def by_bin(
    rows: Rows, column: np.ndarray, edges: np.ndarray, query: Query, objects: np.ndarray
) -> list[dict[str, Any]]:
    """Accuracy and coverage in bins of a column, with the bands of a model calibrated on so many `objects`."""
    p, truth, level = rows["probability"], rows["truth"], rows["level"]
    return shares_by_bin(
        column, edges, correct=p.argmax(1) == truth, confidence=p.max(1),
        hits=rows["prediction_set"][np.arange(len(truth)), truth], nominal=query.coverage,
        scaled_on=lambda index: scaled_on(level[index], objects),
        calibrated_on=lambda index: calibrated_on(level[index], objects),
    )  # fmt: skip


def calibrated_on(level: np.ndarray, objects: np.ndarray) -> int | None:
    """Effective number of calibration objects behind the sets of some rows: those that set each level of each stage."""
    return effective_size(np.bincount(level[level >= 0], minlength=objects.size), objects.ravel())


def scaled_on(level: np.ndarray, objects: np.ndarray) -> int | None:
    """Effective number of calibration objects behind the probabilities of some rows: all those of each stage."""
    return effective_size(np.bincount(level[level >= 0] // objects.shape[1], minlength=len(objects)), objects[:, -1])
