"""Scores of class probabilities, sets and novelty with their intervals, as the report reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skysure.methods.calibration import ranking, scores
from skysure.methods.calibration.coverage import wilson_interval
from skysure.methods.calibration.intervals import with_interval

from .settings import Query

RESAMPLES = 400


def score_list(
    rows: dict[str, np.ndarray], classes: tuple[str, ...], query: Query, first: str | None
) -> list[dict[str, Any]]:
    """Give all scores with their bootstrap intervals, those of probabilities also before calibration.

    Scores of two classes are those of the `first` one against the rest; None: that of all classes alike.
    """
    p, before, truth = rows["probability"], rows["before"], rows["truth"]
    held = rows["prediction_set"][np.arange(len(truth)), truth]
    if first is not None:
        chosen = against_the_rest(p[:, 0], truth == 0, first)
    else:
        label, said = "Area under the ROC curve, mean of the classes", "all classes alike, however rare"
        chosen = [_score("macro_auc", label, ranking.macro_auc, p, truth, headline=True, help=said)]
    many = [
        *chosen,
        _score("accuracy", f"Accuracy, {len(classes)} classes", scores.accuracy, p, truth, unit="%", headline=True),
        _score("nll", "Negative log-likelihood", scores.nll, p, truth, unit="nat", before=scores.nll(before, truth)),
        _score("brier", "Brier score", scores.brier, p, truth, before=scores.brier(before, truth)),
        _score("ece", "Expected calibration error", scores.ece, p, truth, headline=True,
               before=scores.ece(before, truth)),
        _score("set_coverage", f"Coverage of the {100 * query.coverage:g} % sets", scores.mean_of,
               held.astype(float), unit="%", headline=True),
        _score("set_size", "Classes in a set", scores.mean_of, rows["prediction_set"].sum(1).astype(float)),
    ]  # fmt: skip
    return [row for row in many if np.isfinite(row["value"])]


def against_the_rest(p: np.ndarray, positive: np.ndarray, first: str) -> list[dict[str, Any]]:
    """Score the choice of one class, where its probability is above one half."""
    selected = p > 0.5
    right = (selected == positive).astype(float)
    return [
        _score(f"accuracy_{first}", f"Accuracy, {first} against the rest", scores.mean_of, right,
               unit="%", headline=True, help=f"{first} where its probability is above one half"),
        _score(f"auc_{first}", f"Area under the ROC curve of {first}", ranking.auc, p, positive, headline=True),
        _score(f"f1_{first}", "Figure of merit of the challenge", ranking.figure_of_merit, selected, positive,
               help="completeness times purity with false ones counted three times"),
        _score(f"purity_{first}", f"Purity of {first}", ranking.purity, selected, positive, unit="%"),
        _score(f"completeness_{first}", f"Completeness of {first}", ranking.completeness, selected, positive,
               unit="%"),
    ]  # fmt: skip


def novelty_scores(known: dict[str, np.ndarray], strange: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Score how well kinds that no class holds are told from the others."""
    flagged, n = int(strange["is_ood"].sum()), len(strange["is_ood"])
    low, high = wilson_interval(flagged, n)
    novelty = np.nan_to_num(np.concatenate([known["ood_percentile"], strange["ood_percentile"]]))
    new = np.arange(len(novelty)) >= len(known["ood_percentile"])
    return [
        {"name": "unknown_flagged", "label": "Unknown kinds flagged as unlike", "unit": "%",
         "value": 100 * flagged / n, "low": 100 * low, "high": 100 * high},
        {"name": "unknown_auroc", "label": "Novelty: area under the ROC curve",
         "value": float(ranking.auc(novelty, new))},
    ]  # fmt: skip


def _score(name: str, label: str, function: Callable, *arrays: np.ndarray, unit: str = "", **more: Any) -> dict:
    found, factor = with_interval(function, *arrays, resamples=RESAMPLES), 100 if unit == "%" else 1
    values = {"value": found.value * factor, "low": found.low * factor, "high": found.high * factor}
    return {"name": name, "label": label, "unit": unit} | values | more
