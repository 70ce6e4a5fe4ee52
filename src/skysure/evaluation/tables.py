"""Tables by class: how each class is recognised, and how classes that the model does not know are treated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from skysure.methods.arguments import booleans, checked, fractions, labels, probabilities
from skysure.methods.calibration import ranking
from skysure.methods.calibration.coverage import wilson_interval

from .evaluation import Column, Table

SHOWN = 20
"""Out-of-distribution classes in a table: the most common ones."""


@checked(
    names="classes", probability=probabilities("row class"), truth=labels("row"), prediction_set=booleans("row class")
)
def table_by_class(
    probability: Float[np.ndarray, "row class"],
    truth: Int[np.ndarray, " row"],
    prediction_set: Bool[np.ndarray, "row class"],
    classes: Sequence[str],
    coverage: float,
    nouns: str = "objects",
) -> Table:
    """Recall, purity, coverage and mean size of the sets of each class that occurs.

    Parameters
    ----------
    probability : ndarray, shape (row, class)
    truth : ndarray of int, shape (row,)
    prediction_set : ndarray of bool, shape (row, class)
    classes : sequence of str
    coverage : float
        Nominal coverage of the sets, of all classes together.
    nouns : str
        What objects are called.
    """
    predicted = probability.argmax(1)
    rows = []
    for k, name in enumerate(classes):
        mask, selected = truth == k, predicted == k
        if mask.any():
            purity = share(mask[selected]) if selected.any() else None
            size = float(prediction_set[mask].sum(1).mean())
            rows.append((name, int(mask.sum()), share(selected[mask]), purity, share(prediction_set[mask, k]), size))
    caption = (
        f"Recall: share of a class whose most probable class is the true one. Purity: share of those classified as a "
        f"class that belong to it. Coverage: share of its sets that hold the true class; {100 * coverage:g} % is the "
        "nominal level for all classes together, not for each: a rare class that looks like another one is covered "
        "less often. Errors are 68.3 % intervals."
    )
    columns = (
        Column("class", "Class"), Column("count", nouns[:1].upper() + nouns[1:]), Column("recall", "Recall", "%"),
        Column("purity", "Purity", "%"), Column("coverage", "Coverage of the sets", "%"),
        Column("size", "Mean set size"),
    )  # fmt: skip
    return Table("classes", "Scores by class", columns, tuple(rows), "trust", caption, coverage)


@checked(
    names="classes",
    truth=labels("row", least=-1),
    probability=probabilities("row class"),
    percentile=fractions("row", nan=True),
    is_ood=booleans("row"),
)
def table_of_unknown(
    label: np.ndarray,
    truth: Int[np.ndarray, " row"],
    probability: Float[np.ndarray, "row class"],
    percentile: Float[np.ndarray, " row"],
    is_ood: Bool[np.ndarray, " row"],
    classes: Sequence[str],
    positive: str | None = None,
    nouns: str = "objects",
) -> Table:
    """Out-of-distribution classes beside the classes of the model.

    Parameters
    ----------
    label : ndarray of str, shape (row,)
        The true label, "" where unknown.
    truth : ndarray of int, shape (row,)
        Index of the class, -1 for labels that are none of the classes.
    probability : ndarray, shape (row, class)
    percentile : ndarray, shape (row,)
        OOD percentile; NaN counts as 0.
    is_ood : ndarray of bool, shape (row,)
    classes : sequence of str
    positive : str, optional
        The first class, where it is the one that is selected: then a column says how many are classified as it.
    nouns : str
        What objects are called.
    """
    has_class, percentile = truth >= 0, np.nan_to_num(percentile)
    unknown = Counter(label[~has_class & (label != "")].tolist()).most_common(SHOWN)
    groups = [(name, truth == k) for k, name in enumerate(classes)]
    groups += [(name, ~has_class & (label == name)) for name, _ in unknown]
    rows = []
    for name, mask in groups:
        if mask.any():
            p, inside = probability[mask], bool(has_class[mask].any())
            cells = name, "yes" if inside else "no", int(mask.sum()), share(is_ood[mask])
            area = None if inside else _area(percentile, mask, has_class)
            rows.append((*cells, area, float(p.max(1).mean()), share(p[:, 0] > 0.5)))
    columns = (
        Column("label", "Class"), Column("known", "In training"), Column("count", nouns[:1].upper() + nouns[1:]),
        Column("flagged", "Flagged", "%"), Column("auroc", "Area under the ROC curve"),
        Column("confidence", "Mean highest probability"), Column("positive", f"Classified as {positive}", "%"),
    )  # fmt: skip
    width = len(columns) if positive else len(columns) - 1
    last = f" Classified as {positive}: its probability is above one half." if positive else ""
    caption = (
        "Flagged: out of distribution. Area: the probability that an object of this class has a higher OOD percentile "
        f"than one of the model's classes.{last} Errors are 68.3 % intervals."
    )
    return Table(
        "unknown", "Out-of-distribution classes", columns[:width], tuple(row[:width] for row in rows), "novel", caption
    )


@checked(hits=booleans("row"))
def share(hits: Bool[np.ndarray, " row"]) -> dict[str, float]:
    """A share in per cent with the ends of its 68.3 % interval: a cell of a `Table`."""
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return {"value": 100 * float(hits.mean()), "low": 100 * low, "high": 100 * high}


def _area(percentile: np.ndarray, mask: np.ndarray, has_class: np.ndarray) -> Any:
    rows = mask | has_class
    return float(ranking.auc(percentile[rows], mask[rows])) if has_class.any() else None
