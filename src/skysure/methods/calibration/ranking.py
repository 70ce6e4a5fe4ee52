"""Scores of choosing: who is selected, in which order, and confused with whom. `weight` as in `scores`."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from .scores import Weight


def auc(
    score: Float[ndarray, " row"], positive: Bool[ndarray, " row"], weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Area under the ROC curve: the chance that a positive row scores above a negative one, ties counting half.

    Written out, as scikit-learn's takes one weight at a time: a thousand resamples sort once here.
    """
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    weight = np.ones(len(score)) if weight is None else weight
    above = np.add.reduceat((weight * positive)[..., order], starts, axis=-1)
    below = np.add.reduceat((weight * ~positive)[..., order], starts, axis=-1)
    won = (above * (np.cumsum(below, -1) - below / 2)).sum(-1)
    return _ratio(won, above.sum(-1) * below.sum(-1))


def roc(
    score: Float[ndarray, " row"], positive: Bool[ndarray, " row"], points: int = 200
) -> tuple[Float[ndarray, " point"], Float[ndarray, " point"]]:
    """False and true positive rates as the threshold falls, at most `points` of them, corners kept."""
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(positive, score)
    if len(false) > points:
        keep = np.unique(np.linspace(0, len(false) - 1, points).round().astype(int))
        false, true = false[keep], true[keep]
    return false, true


def purity(selected: Bool[ndarray, " row"], positive: Bool[ndarray, " row"], weight: Weight = None) -> float | ndarray:
    """Fraction of the selected that are positive; NaN where nothing is selected."""
    return _ratio(_total(selected & positive, weight), _total(selected, weight))


def completeness(
    selected: Bool[ndarray, " row"], positive: Bool[ndarray, " row"], weight: Weight = None
) -> float | ndarray:
    """Fraction of the positive that are selected; NaN where none is positive."""
    return _ratio(_total(selected & positive, weight), _total(positive, weight))


def figure_of_merit(
    selected: Bool[ndarray, " row"], positive: Bool[ndarray, " row"], weight: Weight = None, *, penalty: float = 3.0
) -> float | ndarray:
    """Completeness times pseudo-purity, the F1 of the supernova challenge (Kessler et al. 2010).

    TP² / ((TP + FN) (TP + penalty FP)), penalty 3 for SPCC.

    >>> figure_of_merit(np.array([True, True, False]), np.array([True, False, True]))
    0.125
    """
    hit, false = _total(selected & positive, weight), _total(selected & ~positive, weight)
    return _ratio(hit**2, _total(positive, weight) * (hit + penalty * false))


def confusion(truth: Int[ndarray, " row"], predicted: Int[ndarray, " row"], classes: int) -> Int[ndarray, "true said"]:
    """Counts: rows of the answer are true classes, columns what was said."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _total(rows: ndarray, weight: Weight) -> float | ndarray:
    return float(rows.sum()) if weight is None else weight @ rows.astype(float)


def _ratio(above: float | ndarray, below: float | ndarray) -> float | ndarray:
    above, below = np.asarray(above, float), np.asarray(below, float)
    ratio = np.divide(above, below, out=np.full(below.shape, np.nan), where=below != 0)
    return ratio if ratio.ndim else float(ratio)
