"""Scores of rankings and selections: ROC, purity, completeness, risk-coverage, confusion. `weight` as in `scores`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy import ndarray

from skysure.methods.arguments import (
    booleans,
    checked,
    count,
    labels,
    numbers,
    probabilities,
    unchecked,
    weights,
)

from .scores import Weight

Binary = Shaped[ndarray, " row"]
"""True and False, or 1 and 0."""
SCORES = {"score": numbers("row"), "positive": booleans("row"), "weight": weights()}
SELECTIONS = {"selected": booleans("row"), "positive": booleans("row"), "weight": weights()}
LOSSES = {"confidence": numbers("row"), "loss": numbers("row", infinite=False), "weight": weights()}


@checked(SCORES)
def auc(score: Float[ndarray, " row"], positive: Binary, weight: Weight = None) -> float | Float[ndarray, " resample"]:
    """Area under the ROC curve: probability that a positive row scores above a negative one, ties counting half.

    Implemented here as scikit-learn takes one weight at a time: a thousand resamples need only one sort.

    Raises
    ------
    InputError
        If a score is NaN, or `positive` has other values than 0 and 1 (as with `score` and `positive` swapped).
    """
    all_rows, above = _sums(score, positive, weight)
    below = all_rows - above
    won = (above * (np.cumsum(below, -1) - below / 2)).sum(-1)
    return _ratio(won, above.sum(-1) * below.sum(-1))


@checked(p=probabilities("row class"), truth=labels("row"), weight=weights())
def macro_auc(
    p: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Mean area under the ROC curve of each class against the rest, over the classes that occur in the rows."""
    areas = np.stack([unchecked(auc)(p[:, k], truth == k, weight) for k in np.unique(truth)])
    return np.ma.filled(np.ma.masked_invalid(areas).mean(0), np.nan)[()]


@checked(SCORES, points=count(2))
def roc(
    score: Float[ndarray, " row"], positive: Binary, points: int = 200
) -> tuple[Float[ndarray, " point"], Float[ndarray, " point"]]:
    """False and true positive rates with decreasing threshold, at most `points` of them, corners kept."""
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(positive, score)
    if len(false) > points:
        keep = np.unique(np.linspace(0, len(false) - 1, points).round().astype(int))
        false, true = false[keep], true[keep]
    return false, true


@checked(SELECTIONS)
def purity(selected: Bool[ndarray, " row"], positive: Bool[ndarray, " row"], weight: Weight = None) -> float | ndarray:
    """Fraction of the selected rows that are positive (precision); NaN if none is selected."""
    return _ratio(_total(selected & positive, weight), _total(selected, weight))


@checked(SELECTIONS)
def completeness(
    selected: Bool[ndarray, " row"], positive: Bool[ndarray, " row"], weight: Weight = None
) -> float | ndarray:
    """Fraction of the positive rows that are selected (recall); NaN if none is positive."""
    return _ratio(_total(selected & positive, weight), _total(positive, weight))


@checked(SELECTIONS)
def figure_of_merit(
    selected: Bool[ndarray, " row"], positive: Bool[ndarray, " row"], weight: Weight = None, *, penalty: float = 3.0
) -> float | ndarray:
    """Figure of merit of the supernova photometric classification challenge (SPCC; Kessler et al. 2010).

    Completeness times pseudo-purity, TP² / ((TP + FN) (TP + penalty FP)), with penalty 3.

    >>> figure_of_merit(np.array([True, True, False]), np.array([True, False, True]))
    0.125
    """
    hit, false = _total(selected & positive, weight), _total(selected & ~positive, weight)
    return _ratio(hit**2, _total(positive, weight) * (hit + penalty * false))


@checked(SCORES)
def best_threshold(
    *,
    score: Float[ndarray, " row"],
    positive: Binary,
    merit: Callable[[ndarray, ndarray], float | ndarray] = figure_of_merit,
) -> float:
    """Threshold that maximises a figure of merit of the rows with a score above it.

    Use other rows than those on which the figure is then reported, which would be biased upwards.

    Parameters
    ----------
    score : ndarray, shape (row,)
    positive : ndarray of bool, shape (row,)
    merit : callable (selected, positive) -> float, optional
        `figure_of_merit` by default.

    Returns
    -------
    float
        Halfway between two scores, the middle one of equally good thresholds; -inf if all rows should be selected. Of
        more than a thousand scores, quantiles are tried.

    Examples
    --------
    >>> best_threshold(score=np.array([0.1, 0.25, 0.75, 0.8]), positive=np.array([False, False, True, True]))
    0.5
    """
    values = np.unique(np.quantile(score, np.linspace(0, 1, 1001), method="nearest") if len(score) > 1001 else score)
    thresholds = np.append(-np.inf, (values[1:] + values[:-1]) / 2)
    merit = unchecked(merit)
    merits = np.nan_to_num([merit(score > threshold, positive) for threshold in thresholds], nan=-np.inf)
    best = np.flatnonzero(merits == merits.max())
    return float(thresholds[best[len(best) // 2]])


@checked(LOSSES)
def aurc(
    confidence: Float[ndarray, " row"], loss: ndarray, weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Area under the risk-coverage curve: mean loss of the most confident rows, averaged over the number kept.

    (1/n) ∫ A(c) / c dc,  A(c) the loss of the c most confident rows  (Geifman & El-Yaniv 2017, arXiv:1705.08500). The
    loss is 1 for a wrong class, or any error of a value. Differs from the usual sum over rows by the integral, at order
    1 / n, and by treating rows of equal confidence together: the result does not depend on the order of the rows.

    >>> round(aurc(np.array([0.9, 0.6]), np.array([0, 1])), 4)  # 1/2 of the rows at no loss, then (c - 1/2) / c
    0.1534
    """
    added, lost = _sums(-np.asarray(confidence, float), loss, weight)
    n_kept, total = np.cumsum(added, -1), np.cumsum(lost, -1)
    before, rate = n_kept - added, _quotient(lost, added)
    # Within rows of equal confidence the loss is linear: A(c) = offset + rate c.
    offset = total - lost - rate * before
    log_growth = np.log(_quotient(n_kept, before, 1.0))
    return _ratio((rate * added + offset * log_growth).sum(-1), n_kept[..., -1])


@checked(LOSSES)
def excess_aurc(
    confidence: Float[ndarray, " row"], loss: ndarray, weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """`aurc` minus that of the perfect ranking, in order of the losses (Geifman et al. 2019); 0 is best."""
    area = unchecked(aurc)
    return area(confidence, loss, weight) - area(-np.asarray(loss, float), loss, weight)


@checked(LOSSES, points=count(2))
def risk_coverage(
    confidence: Float[ndarray, " row"], loss: ndarray, points: int = 200
) -> tuple[Float[ndarray, " point"], Float[ndarray, " point"]]:
    """Fraction of rows kept, the most confident first, and their mean loss: at most `points`, the last of all rows."""
    added, lost = _sums(-np.asarray(confidence, float), loss, None)
    n_kept, total = np.cumsum(added), np.cumsum(lost)
    keep = np.unique(np.linspace(0, len(n_kept) - 1, points).round().astype(int))
    return n_kept[keep] / n_kept[-1], total[keep] / n_kept[keep]


@checked(classes=count(axis="class"), truth=labels("row"), predicted=labels("row"))
def confusion(
    *, truth: Int[ndarray, " row"], predicted: Int[ndarray, " row"], classes: int
) -> Int[ndarray, "true predicted"]:
    """Confusion matrix of counts: true classes along axis 0, predicted classes along axis 1."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _sums(score: ndarray, loss: ndarray, weight: Weight) -> tuple[ndarray, ndarray]:
    """Sums of weight, and of weight times loss, over the rows of each distinct score, in ascending order."""
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
