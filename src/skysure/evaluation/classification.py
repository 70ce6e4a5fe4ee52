"""The whole evaluation of a classifier: its scores, curves and tables, from a prediction and the true classes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from skysure.methods.arguments import class_numbers, labels, probabilities
from skysure.methods.arrays import as_array

from .classes import (
    Probability,
    Truth,
    confusion_curve,
    reliability,
    roc_curves,
    score_classes,
    score_ranking,
    score_sets,
)
from .evaluation import Curve, Evaluation, Score, Table
from .tables import table_by_class

if TYPE_CHECKING:
    from skysure.predictions import Classes


def evaluate_classes(
    prediction: Classes, truth: Truth, before: Probability | None = None, noun: str = "object", **about: Any
) -> Evaluation:
    """Compare class probabilities and prediction sets with the true classes.

    Parameters
    ----------
    prediction : Classes
        One row per object.
    truth : ndarray of int, shape (row,)
        Index of the true class, -1 where it is unknown: such a row is counted, not scored. Names of the classes are
        converted, "" is an unknown class.
    before : ndarray, shape (row, class), optional
        Probabilities before calibration.
    noun : str
        What an object is called.
    **about
        Other fields of the `Evaluation`: application, title, part, examples.

    Returns
    -------
    Evaluation
        With the curves of `skysure.report.standard_figures`. Where no true class is known it has no scores.
    """
    truth, before = _checked(prediction, truth, before)
    has_class = truth >= 0
    evaluation = Evaluation(
        **about, noun=noun, objects=len(truth), truth=bool(has_class.any()), facts=_facts(prediction)
    )
    if not has_class.any():
        return evaluation
    labelled, truth, before = prediction[has_class], truth[has_class], None if before is None else before[has_class]
    return replace(
        evaluation,
        scores=tuple(_scores(labelled, truth, before)),
        curves=tuple(_curves(labelled, truth, before)),
        tables=tuple(_tables(labelled, truth, f"{noun}s")),
    )


def _checked(prediction: Classes, truth: Any, before: Any) -> tuple[Truth, Probability | None]:
    """Give labels and probabilities as checked arrays; raises InputError where they do not fit the prediction."""
    classes = prediction.classes
    sizes = {"row": (len(prediction), "the prediction"), "class": (len(classes), "the prediction")}
    numbers = as_array(class_numbers(truth, classes, unknown=True), "truth")
    truth = labels("row", least=-1, empty=True)("truth", numbers, sizes)
    if before is not None:
        before = probabilities("row class", empty=True)("before", as_array(before, "before"), sizes)
    return truth, before


def _facts(prediction: Classes) -> dict[str, Any]:
    """Mean uncertainties, and how many rows are out of distribution where the prediction says so."""
    entropy = {name: float(getattr(prediction, name).mean()) for name in ("aleatoric", "epistemic")}
    facts: dict[str, Any] = {"uncertainty": {"measure": "entropy", **entropy}}
    if prediction.is_ood is not None:
        facts["is_ood"] = {"count": int(prediction.is_ood.sum()), "of": len(prediction)}
    return facts


def _scores(prediction: Classes, truth: Truth, before: Probability | None) -> list[Score]:
    p = prediction.probability
    scores = score_ranking(p, truth) + score_classes(p, truth, before)
    if prediction.prediction_set is not None and prediction.coverage is not None:
        scores += score_sets(prediction.prediction_set, truth, prediction.coverage)
    return scores


def _curves(prediction: Classes, truth: Truth, before: Probability | None) -> list[Curve]:
    p, classes = prediction.probability, prediction.classes
    roc = [roc_curves(p, truth, classes)] if len(np.unique(truth)) > 1 else []
    return [confusion_curve(p, truth, classes), *roc, reliability(p, truth, before)]


def _tables(prediction: Classes, truth: Truth, nouns: str) -> list[Table]:
    sets, coverage = prediction.prediction_set, prediction.coverage
    if sets is None or coverage is None:
        return []
    return [table_by_class(prediction.probability, truth, sets, prediction.classes, coverage, nouns)]
