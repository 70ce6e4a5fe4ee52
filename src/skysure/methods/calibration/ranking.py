"""Scores of choosing: who is selected, in which order, and confused with whom. `weight` as in `scores`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from skysure.errors import InputError

from .scores import Weight


def auc(
    score: Float[ndarray, " row"], positive: Bool[ndarray, " row"], weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Area under the ROC curve: the chance that a positive row scores above a negative one, ties counting half.

    Written out, as scikit-learn's takes one weight at a time: a thousand resamples sort once here. Raises a Fault
    where a score is not a number.
    """
    all_rows, above = _sums(score, positive, weight)
    below = all_rows - above
    won = (above * (np.cumsum(below, -1) - below / 2)).sum(-1)
    return _ratio(won, above.sum(-1) * below.sum(-1))


def macro_auc(
    p: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Mean area under the ROC curve of each class against the rest, over the classes that there are.

    Where a resample lacks one of them, over the others.
    """
    areas = np.stack([auc(p[:, k], truth == k, weight) for k in np.unique(truth)])
    return np.ma.filled(np.ma.masked_invalid(areas).mean(0), np.nan)[()]


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


def best_threshold(
    score: Float[ndarray, " row"],
    positive: Bool[ndarray, " row"],
    merit: Callable[[ndarray, ndarray], float | ndarray] = figure_of_merit,
) -> float:
    """Threshold above which to select so that a figure of the selected is largest.

    To be chosen on other rows than those on which the figure is then reported, or the report is too good.

    Parameters
    ----------
    score : ndarray, shape (row,)
    positive : ndarray of bool, shape (row,)
    merit : callable (selected, positive) -> float
        `figure_of_merit` by default.

    Returns
    -------
    float
        Halfway between two scores, in the middle of those that are as good; -inf where all should be selected. Beyond
        a thousand scores, quantiles of them are tried.

    Examples
    --------
    >>> best_threshold(np.array([0.1, 0.25, 0.75, 0.8]), np.array([False, False, True, True]))
    0.5
    """
    tried = np.unique(np.quantile(score, np.linspace(0, 1, 1001), method="nearest") if len(score) > 1001 else score)
    cuts = np.append(-np.inf, (tried[1:] + tried[:-1]) / 2)
    merits = np.nan_to_num([merit(score > cut, positive) for cut in cuts], nan=-np.inf)
    best = np.flatnonzero(merits == merits.max())
    return float(cuts[best[len(best) // 2]])


def aurc(
    confidence: Float[ndarray, " row"], loss: ndarray, weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Area under the risk-coverage curve: mean loss of the surest rows, averaged over how many are kept.

    (1/n) ∫ A(c) / c dc,  A(c) the loss of the c surest rows  (Geifman & El-Yaniv 2017, arXiv:1705.08500). Loss is
    1 for a wrong class, or any error of a value. Differs from the usual sum over rows by the integral, to order
    1 / n, and by rows of equal confidence, which are kept together: neither depends on the order of the rows.

    >>> round(aurc(np.array([0.9, 0.6]), np.array([0, 1])), 4)  # 1/2 of the rows at no loss, then (c - 1/2) / c
    0.1534
    """
    added, lost = _sums(-np.asarray(confidence, float), loss, weight)
    kept, total = np.cumsum(added, -1), np.cumsum(lost, -1)
    before, rate = kept - added, _quotient(lost, added)
    # within rows of equal confidence the loss grows evenly: A(c) = offset + rate c
    offset = total - lost - rate * before
    grown = np.log(_quotient(kept, before, 1.0))
    return _ratio((rate * added + offset * grown).sum(-1), kept[..., -1])


def excess_aurc(
    confidence: Float[ndarray, " row"], loss: ndarray, weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """`aurc` above that of a confidence that knows the losses: 0 where the ranking is perfect (Geifman et al. 2019)."""
    return aurc(confidence, loss, weight) - aurc(-np.asarray(loss, float), loss, weight)


def risk_coverage(
    confidence: Float[ndarray, " row"], loss: ndarray, points: int = 200
) -> tuple[Float[ndarray, " point"], Float[ndarray, " point"]]:
    """Share of rows kept, the surest first, and their mean loss; at most `points`, the last with all rows."""
    added, lost = _sums(-np.asarray(confidence, float), loss, None)
    kept, total = np.cumsum(added), np.cumsum(lost)
    keep = np.unique(np.linspace(0, len(kept) - 1, points).round().astype(int))
    return kept[keep] / kept[-1], total[keep] / kept[keep]


def confusion(truth: Int[ndarray, " row"], predicted: Int[ndarray, " row"], classes: int) -> Int[ndarray, "true said"]:
    """Counts: rows of the answer are true classes, columns what was said."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _sums(score: ndarray, loss: ndarray, weight: Weight) -> tuple[ndarray, ndarray]:
    """Weight, and weight times loss, of the rows of each value of the score, the smallest first."""
    if np.isnan(score).any():
        cause, cure = "rows that a model could not judge", "leave them out, or give them a place"
        raise InputError("scores that are not numbers", "numbers", cause, cure)
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    weight = np.ones(len(score)) if weight is None else weight
    added, lost = (np.add.reduceat(x[..., order], starts, axis=-1) for x in (weight, weight * loss))
    return added, lost


def _total(rows: ndarray, weight: Weight) -> float | ndarray:
    return float(rows.sum()) if weight is None else weight @ rows.astype(float)


def _ratio(above: float | ndarray, below: float | ndarray) -> float | ndarray:
    ratio = _quotient(np.asarray(above, float), np.asarray(below, float), np.nan)
    return ratio if ratio.ndim else float(ratio)


def _quotient(above: ndarray, below: ndarray, otherwise: float = 0.0) -> ndarray:
    return np.divide(above, below, out=np.full(below.shape, otherwise), where=below != 0)
