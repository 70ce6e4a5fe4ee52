"""A table by kind: how often the kinds that no class holds are flagged, beside those that one does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from skysure.methods.calibration import ranking
from skysure.methods.calibration.coverage import wilson_interval

SHOWN = 20
"""Kinds in a table, the most common ones."""


def by_kind(rows: dict[str, np.ndarray], classes: tuple[str, ...]) -> dict[str, Any]:
    """Describe the labels that no class holds, and the classes, as a table of plain JSON.

    Parameters
    ----------
    rows : dict of str to ndarray, shape (row, ...)
        "truth" (-1: no class), "kind" (the label given), "unlike", "novelty", "probability".
    classes : tuple of str
    """
    known = rows["truth"] >= 0
    strange = Counter(rows["kind"][~known & (rows["kind"] != "")].tolist())
    groups = [(name, rows["truth"] == k) for k, name in enumerate(classes)]
    groups += [(name, ~known & (rows["kind"] == name)) for name, _ in strange.most_common(SHOWN)]
    return {
        "name": "kinds", "section": "novel", "title": "Kinds that no class has, beside those that one has",
        "caption": "Flagged: unlike the training set. Area: chance that one of this kind is more novel than one of a "
        f"known class. The last column: probability of {classes[0]} above one half. Errors are 68.3 % intervals.",
        "columns": [
            {"label": "Kind"}, {"label": "Known"}, {"label": "Light curves"}, {"label": "Flagged", "unit": "%"},
            {"label": "Area under ROC"}, {"label": "Mean highest probability"},
            {"label": f"Called {classes[0]}", "unit": "%"},
        ],
        "rows": [_row(name, mine, rows, known) for name, mine in groups if mine.any()],
    }  # fmt: skip


def _row(name: str, mine: np.ndarray, rows: dict[str, np.ndarray], known: np.ndarray) -> list[Any]:
    p, stranger = rows["probability"][mine], not known[mine].any()
    novelty = np.nan_to_num(rows["novelty"])
    beside = mine | known
    area = float(ranking.auc(novelty[beside], mine[beside])) if stranger and known.any() else None
    return [
        name, "no" if stranger else "yes", int(mine.sum()), _percent(rows["unlike"][mine]), area,
        float(p.max(1).mean()), _percent(p[:, 0] > 0.5),
    ]  # fmt: skip


def _percent(hits: np.ndarray) -> dict[str, float]:
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return {"value": 100 * float(hits.mean()), "low": 100 * low, "high": 100 * high}
