"""Tables by class, and by kind: how the kinds that no class holds do beside those that one does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from skysure.methods.calibration import ranking
from skysure.methods.calibration.coverage import wilson_interval

SHOWN = 20
"""Kinds in a table, the most common ones."""


def by_class(rows: dict[str, np.ndarray], classes: tuple[str, ...], coverage: float) -> dict[str, Any]:
    """Describe how each class is answered, and how often sets of a coverage hold it, as a table of plain JSON.

    Parameters
    ----------
    rows : dict of str to ndarray, shape (row, ...)
        "truth", "probability", "prediction_set".
    classes : tuple of str
        Those without a row are left out.
    coverage : float
        What the sets promise for all classes together.
    """
    truth, answer, prediction_set = rows["truth"], rows["probability"].argmax(1), rows["prediction_set"]
    found = []
    for k, name in enumerate(classes):
        mine, called = truth == k, answer == k
        if mine.any():
            size = float(prediction_set[mine].sum(1).mean())
            purity = _percent(mine[called]) if called.any() else None
            found.append(
                [name, int(mine.sum()), _percent(called[mine]), purity, _percent(prediction_set[mine, k]), size]
            )
    return {
        "name": "classes", "section": "trust", "title": "Class by class", "wanted": coverage,
        "caption": f"In the set: how often sets hold the true class. {100 * coverage:g} % are promised for all classes "
        "together, not for each: one that is rare and looks like another is held less often. Called right: the most "
        "probable class is the true one (completeness). Purity: share of those called so that are. Errors are 68.3 % "
        "intervals.",
        "columns": [
            {"label": "Class"}, {"label": "Light curves"}, {"label": "Called right", "unit": "%"},
            {"label": "Purity", "unit": "%"}, {"label": "In the set", "unit": "%"}, {"label": "Classes in a set"},
        ],
        "rows": found,
    }  # fmt: skip


def by_kind(rows: dict[str, np.ndarray], classes: tuple[str, ...], first: str | None) -> dict[str, Any]:
    """Describe the labels that no class holds, and the classes, as a table of plain JSON.

    Parameters
    ----------
    rows : dict of str to ndarray, shape (row, ...)
        "truth" (-1: no class), "kind" (the label given), "is_ood", "ood_percentile", "probability".
    classes : tuple of str
    first : str or None
        The first class, where how many are called so is of interest.
    """
    known = rows["truth"] >= 0
    strange = Counter(rows["kind"][~known & (rows["kind"] != "")].tolist())
    groups = [(name, rows["truth"] == k) for k, name in enumerate(classes)]
    groups += [(name, ~known & (rows["kind"] == name)) for name, _ in strange.most_common(SHOWN)]
    called = f" The last column: probability of {first} above one half." if first else ""
    width = 7 if first else 6
    return {
        "name": "kinds", "section": "novel", "title": "Kinds that no class has, beside those that one has",
        "caption": "Flagged: unlike the training set. Area: chance that one of this kind is more novel than one of a "
        f"known class.{called} Errors are 68.3 % intervals.",
        "columns": [
            {"label": "Kind"}, {"label": "Known"}, {"label": "Light curves"}, {"label": "Flagged", "unit": "%"},
            {"label": "Area under ROC"}, {"label": "Mean highest probability"},
            {"label": f"Called {first}", "unit": "%"},
        ][:width],
        "rows": [_row(name, mine, rows, known)[:width] for name, mine in groups if mine.any()],
    }  # fmt: skip


def _row(name: str, mine: np.ndarray, rows: dict[str, np.ndarray], known: np.ndarray) -> list[Any]:
    p, stranger = rows["probability"][mine], not known[mine].any()
    novelty = np.nan_to_num(rows["ood_percentile"])
    beside = mine | known
    area = float(ranking.auc(novelty[beside], mine[beside])) if stranger and known.any() else None
    return [
        name, "no" if stranger else "yes", int(mine.sum()), _percent(rows["is_ood"][mine]), area,
        float(p.max(1).mean()), _percent(p[:, 0] > 0.5),
    ]  # fmt: skip


def _percent(hits: np.ndarray) -> dict[str, float]:
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return {"value": 100 * float(hits.mean()), "low": 100 * low, "high": 100 * high}
