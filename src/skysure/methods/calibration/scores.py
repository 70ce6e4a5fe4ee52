"""Scores of probabilities and of predictive densities: functions of arrays, each with an optional weight a row.

`weight` has shape (row,), or (resample, row): then a score comes for each resample, which is how `intervals`
bootstraps a thousand times in one matrix product. Logarithms are natural: scores in nat.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.special import logsumexp, ndtr

from skysure.errors import InputError

from .bins import bin_index, equal_count_edges, equal_width_edges
from .labels import labels_checked

Weight = Float[ndarray, "*resample row"] | None
Component = Float[ndarray, "sample row"]


def mean_of(terms: Float[ndarray, " row"], weight: Weight = None) -> float | Float[ndarray, " resample"]:
    """Weighted mean over rows of what a score gives each row."""
    return terms.mean() if weight is None else weight @ terms / weight.sum(-1)


def nll(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Mean negative log-likelihood; probabilities under the precision of their type count as that, as in scikit-learn.

    >>> round(float(nll(np.array([[0.5, 0.5], [0.1, 0.9]]), np.array([0, 1]))), 4)
    0.3993
    """
    given = _given(probability, truth)
    return mean_of(-np.log(np.maximum(given, np.finfo(given.dtype).eps).astype(float)), weight)


def balanced_nll(
    probability: Float[ndarray, "row class"],
    truth: Int[ndarray, " row"],
    weight: Weight = None,
    *,
    share: Float[ndarray, " class"] | None = None,
) -> float | Float[ndarray, " resample"]:
    """`nll` of the rows of each true class, averaged over classes: those of `share`, or all alike.

    sum_k s_k NLL_k / sum_k s_k over the classes that have rows; with twice the weight for two classes it is the score
    of the PLAsTiCC challenge (Malz et al. 2019, arXiv:1809.11145). For it all classes are as common as their
    shares, whatever the sample: probabilities p_k of a sample where class k has the frequency f_k are to be given as
    p_k s_k / f_k, normalised.

    >>> round(float(balanced_nll(np.array([[0.5, 0.5], [0.5, 0.5], [0.1, 0.9]]), np.array([0, 0, 1]))), 4)
    0.3993
    """
    given = np.log(np.maximum(_given(probability, truth), np.finfo(probability.dtype).eps).astype(float))
    present = np.unique(truth)
    share = np.ones(probability.shape[1]) if share is None else share
    each = [mean_of(-given[truth == k], None if weight is None else weight[..., truth == k]) for k in present]
    return np.average(np.stack(each), axis=0, weights=share[present])


def brier(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Brier score over all classes, between 0 and 2: mean of sum_k (p_k - [y = k])² (Brier 1950)."""
    given = _given(probability, truth).astype(float)
    return mean_of((probability.astype(float) ** 2).sum(1) - 2 * given + 1, weight)


def binary_brier(
    probability: Float[ndarray, " row"], outcome: ndarray, weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Brier score of one class against the rest, between 0 and 1: mean of (p - y)²."""
    return mean_of((probability.astype(float) - outcome) ** 2, weight)


def accuracy(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Fraction of rows whose most probable class is the true one."""
    return mean_of((probability.argmax(1) == truth).astype(float), weight)


def ece(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None, *, bins: int = 15
) -> float | Float[ndarray, " resample"]:
    """Expected calibration error of the most probable class, bins of equal width (Guo et al. 2017, eq. 3).

    sum_b (n_b / n) |accuracy_b - confidence_b|. Positive for a finite sample even where perfectly calibrated:
    `intervals.calibrated_resample` says by how much.
    """
    return _calibration_error(probability.max(1), probability.argmax(1) == truth, equal_width_edges(bins), weight)


def adaptive_ece(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None, *, bins: int = 15
) -> float | Float[ndarray, " resample"]:
    """`ece` in bins of equal count, cut once on the unweighted rows (Nixon et al. 2019; here of the top class)."""
    top = probability.max(1)
    return _calibration_error(top, probability.argmax(1) == truth, equal_count_edges(top, bins), weight)


def classwise_ece(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None, *, bins: int = 15
) -> float | Float[ndarray, " resample"]:
    """Calibration error of each class's probability, equal width, averaged over classes (Kull et al. 2019)."""
    edges = equal_width_edges(bins)
    each = [_calibration_error(p, truth == k, edges, weight) for k, p in enumerate(probability.T)]
    return np.mean(np.stack(each), axis=0)


def binary_ece(
    probability: Float[ndarray, " row"], outcome: ndarray, weight: Weight = None, *, bins: int = 15
) -> float | Float[ndarray, " resample"]:
    """Calibration error of one class's probability against what came true, bins of equal width."""
    return _calibration_error(probability, outcome, equal_width_edges(bins), weight)


def _given(probability: ndarray, truth: ndarray) -> ndarray:
    labels_checked(truth, probability.shape[1])
    return np.take_along_axis(probability, truth[:, None], 1)[:, 0]


def _calibration_error(probability: ndarray, outcome: ndarray, edges: ndarray, weight: Weight) -> float | ndarray:
    excess = np.zeros((len(probability), len(edges) + 1))
    excess[np.arange(len(probability)), bin_index(probability, edges)] = outcome - probability.astype(float)
    if weight is None:
        return np.abs(excess.sum(0)).sum() / len(excess)
    return np.abs(weight @ excess).sum(-1) / weight.sum(-1)


def gaussian_mixture_nll(
    mean: Component,
    std: Component,
    truth: Float[ndarray, " row"],
    weight: Weight = None,
    *,
    share: Component | None = None,
) -> float | Float[ndarray, " resample"]:
    """Mean negative log density of the truth under a mixture of Gaussians, of equal weight unless given as `share`."""
    log_density = -0.5 * ((truth - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)
    terms = logsumexp(log_density, axis=0, b=1 / len(mean) if share is None else share)
    return mean_of(-np.asarray(terms), weight)


def crps(
    mean: Component,
    std: Component,
    truth: Float[ndarray, " row"],
    weight: Weight = None,
    *,
    share: Component | None = None,
) -> float | Float[ndarray, " resample"]:
    """Mean continuous ranked probability score of a mixture of Gaussians, in the unit of the truth.

    E|X - y| - E|X - X'| / 2 in closed form (Grimit et al. 2006, Q. J. R. Meteorol. Soc. 132, 2925); components of
    equal weight unless given as `share`, which adds up to one. A component of width zero is a point: alone, its score
    is the absolute error.
    """
    return mean_of(crps_of_each(mean, std, truth, share=share), weight)


def crps_of_each(
    mean: Component, std: Component, truth: Float[ndarray, " row"], *, share: Component | None = None
) -> Float[ndarray, " row"]:
    """Give `crps` of each row.

    >>> crps_of_each(np.zeros((1, 2)), np.ones((1, 2)), np.array([0.0, 3.0])).round(4).tolist()
    [0.2337, 2.4366]
    """
    rows = max(1, 4_000_000 // len(mean) ** 2)
    blocks = [slice(i, i + rows) for i in range(0, len(truth), rows)]
    share = np.full((len(mean), 1), 1 / len(mean)).repeat(len(truth), 1) if share is None else share
    return np.concatenate([_crps(mean[:, b], std[:, b], truth[b], share[:, b]) for b in blocks])


def interval_score(
    low: Float[ndarray, " row"],
    high: Float[ndarray, " row"],
    truth: Float[ndarray, " row"],
    weight: Weight = None,
    *,
    coverage: float,
) -> float | Float[ndarray, " resample"]:
    """Mean score of central intervals of a coverage, in the unit of the truth; small is good.

    Width plus 2 / (1 - coverage) times how far the truth lies outside (Winkler 1972; Gneiting & Raftery 2007, eq. 43):
    the fair price of an interval, as wide ones always cover.

    Raises
    ------
    Fault
        Where the coverage is no fraction below one.

    >>> float(interval_score(np.zeros(2), np.ones(2), np.array([0.5, 1.5]), coverage=0.5))
    2.0
    """
    if not 0 <= coverage < 1:
        raise InputError(f"coverage {coverage}", "a fraction below 1", "a percentage", f"write {coverage / 100}")
    outside = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    return mean_of(high - low + 2 / (1 - coverage) * outside, weight)


def _crps(mean: ndarray, std: ndarray, truth: ndarray, share: ndarray) -> ndarray:
    to_truth = (share * _mean_absolute(mean - truth, std)).sum(0)
    pairs = _mean_absolute(mean[:, None] - mean[None], np.hypot(std[:, None], std[None]))
    return to_truth - np.einsum("ir,jr,ijr->r", share, share, pairs) / 2


def _mean_absolute(mean: ndarray, std: ndarray) -> ndarray:
    """E|X| of X ~ N(mean, std²); of a point, |mean|."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = np.clip(np.where(mean == 0, 0.0, mean / std), -40, 40)  # beyond, both tails are as at infinity
    return mean * (2 * ndtr(z) - 1) + 2 * std * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
