"""Scores and curves of a classifier: probabilities, prediction sets, one class against the rest.

All take arrays with one row per object that has a true class: `probability` of shape (row, class), `truth` the index
of the true class, or its name where the classes are an argument too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from skysure.methods.arguments import booleans, checked, fraction, fractions, labels, probabilities
from skysure.methods.calibration import coverage_curve, ranking, reliability_curve, scores
from skysure.methods.calibration.coverage import wilson_interval

from .evaluation import Curve, Score
from .measure import expect_calibrated, measure

Probability = Float[np.ndarray, "row class"]
Truth = Int[np.ndarray, " row"]
ROWS = {"probability": probabilities("row class"), "truth": labels("row"), "before": probabilities("row class")}


@checked(ROWS)
def score_classes(probability: Probability, truth: Truth, before: Probability | None = None) -> list[Score]:
    """Accuracy, negative log-likelihood, Brier score and expected calibration error.

    Parameters
    ----------
    probability : ndarray, shape (row, class)
    truth : ndarray of int, shape (row,)
    before : ndarray, shape (row, class), optional
        Probabilities before calibration; if given, each score has its value before and the change.

    Returns
    -------
    list of Score
        The calibration error has beside it that of a perfectly calibrated model with the same probabilities, which is
        positive for any finite test part (`methods.calibration.calibrated_resample`).
    """
    p, earlier = probability, None if before is None else (before,)
    label, n = "Expected calibration error", probability.shape[1]
    return [
        measure("accuracy", f"Accuracy, {n} classes", scores.accuracy, p, truth, unit="%", headline=True),
        measure("nll", "Negative log-likelihood", scores.nll, p, truth, unit="nat", before=earlier),
        measure("brier", "Brier score", scores.brier, p, truth, before=earlier),
        measure("ece", label, scores.ece, p, truth, headline=True, before=earlier, **expect_calibrated(scores.ece, p)),
    ]


@checked(ROWS)
def score_ranking(probability: Probability, truth: Truth) -> list[Score]:
    """Mean area under the ROC curves of all classes; none where there is a single class."""
    if len(np.unique(truth)) < 2:
        return []
    label, text = "Area under the ROC curve, mean of the classes", "all classes have equal weight, however rare"
    return [measure("macro_auc", label, ranking.macro_auc, probability, truth, headline=True, help=text)]


@checked(probability=fractions("row"), positive=booleans("row"))
def score_one_class(
    probability: Float[np.ndarray, " row"], positive: Bool[np.ndarray, " row"], name: str
) -> list[Score]:
    """Scores of selecting objects whose probability of one class is above one half; undefined scores are left out."""
    p, selected = probability, probability > 0.5
    right = (selected == positive).astype(float)
    text = "completeness times purity, where each false positive counts three times"
    all_scores = [
        measure(f"accuracy_{name}", f"Accuracy, {name} against the rest", scores.mean_of, right, unit="%",
                headline=True, help=f"{name} is selected where its probability is above one half"),
        measure(f"auc_{name}", f"Area under the ROC curve of {name}", ranking.auc, p, positive, headline=True),
        measure(f"f1_{name}", f"Figure of merit of {name}", ranking.figure_of_merit, selected, positive, help=text),
        measure(f"purity_{name}", f"Purity of {name}", ranking.purity, selected, positive, unit="%"),
        measure(f"completeness_{name}", f"Completeness of {name}", ranking.completeness, selected, positive, unit="%"),
    ]  # fmt: skip
    return [score for score in all_scores if score.value is not None and np.isfinite(score.value)]


@checked(prediction_set=booleans("row class"), truth=labels("row"), coverage=fraction())
def score_sets(prediction_set: Bool[np.ndarray, "row class"], truth: Truth, coverage: float) -> list[Score]:
    """Empirical coverage and mean size of prediction sets of a nominal coverage."""
    hits = prediction_set[np.arange(len(truth)), truth].astype(float)
    sizes = prediction_set.sum(1).astype(float)
    label = f"Coverage of the {100 * coverage:g} % sets"
    return [
        measure("set_coverage", label, scores.mean_of, hits, unit="%", headline=True),
        measure("set_size", "Mean set size", scores.mean_of, sizes),
    ]


@checked(
    percentile=fractions("row", nan=True, empty=True),
    is_ood=booleans("row", empty=True),
    unknown=booleans("row", empty=True),
)
def score_out_of_distribution(
    percentile: Float[np.ndarray, " row"], is_ood: Bool[np.ndarray, " row"], unknown: Bool[np.ndarray, " row"]
) -> list[Score]:
    """How well objects of unknown classes are recognised as out of distribution.

    Parameters
    ----------
    percentile : ndarray, shape (row,)
        OOD percentile of each object; NaN counts as 0.
    is_ood : ndarray of bool, shape (row,)
        Whether it was flagged.
    unknown : ndarray of bool, shape (row,)
        Whether it belongs to none of the classes.
    """
    if not unknown.any():
        return []
    flagged, n = int(is_ood[unknown].sum()), int(unknown.sum())
    low, high = wilson_interval(flagged, n)
    scores = [
        Score("unknown_flagged", "Out-of-distribution classes flagged", 100 * flagged / n, 100 * low, 100 * high, "%")
    ]
    if not unknown.all():
        area = float(ranking.auc(np.nan_to_num(percentile), unknown))
        scores.append(Score("unknown_auroc", "Out-of-distribution detection: area under the ROC curve", area))
    return scores


@checked(ROWS, names="classes")
def confusion_curve(probability: Probability, truth: Truth, classes: Sequence[str]) -> Curve:
    """Counts of the most probable class, a row per true class."""
    counts = ranking.confusion(truth=truth, predicted=probability.argmax(1), classes=len(classes))
    return Curve("confusion", {"classes": list(classes), "counts": counts.tolist()})


@checked(ROWS, names="classes")
def roc_curves(probability: Probability, truth: Truth, classes: Sequence[str]) -> Curve:
    """ROC curve of each class that occurs, against the rest, with its area and interval."""
    return Curve("roc", [_roc(n, probability[:, k], truth == k) for k, n in enumerate(classes) if (truth == k).any()])


@checked(ROWS)
def reliability(
    probability: Probability, truth: Truth, before: Probability | None = None, of: tuple[int, str] | None = None
) -> Curve:
    """Reliability diagram after and before calibration, of the class `of` (index, name), else of the most probable."""

    def curve(p: np.ndarray) -> dict[str, list]:
        if of is None:
            return reliability_curve(p.max(1), p.argmax(1) == truth)
        return reliability_curve(p[:, of[0]], truth == of[0])

    earlier = None if before is None else curve(before)
    return Curve("reliability", {"of": of[1] if of else None, "before": earlier, "after": curve(probability)})


@checked(sets=booleans("row level class"), truth=labels("row"))
def set_curve(
    sets: Bool[np.ndarray, "row level class"], truth: Truth, levels: Sequence[float], calibrated_on: int | None = None
) -> Curve:
    """Coverage and mean size of prediction sets at several levels, with the band of a calibrated model.

    `calibrated_on`: how many calibration objects set the levels; None: very many.
    """
    hits = sets[np.arange(len(truth)), :, truth].T
    data: dict[str, Any] = coverage_curve(hits, levels, calibrated_on=calibrated_on)
    size = sets.sum(2).mean(0).tolist()
    return Curve("sets", data | {"size": size, "before": None, "calibrated_on": calibrated_on})


def _roc(name: str, p: Float[np.ndarray, " row"], positive: Bool[np.ndarray, " row"]) -> dict[str, Any]:
    false, true = ranking.roc(p, positive)
    area = measure(name, name, ranking.auc, p, positive)
    return {
        "of": name, "false_positive": false.tolist(), "true_positive": true.tolist(),
        "area": area.value, "area_low": area.low, "area_high": area.high,
    }  # fmt: skip
