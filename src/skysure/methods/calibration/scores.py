"""Scores of probabilities and of predictive densities: functions of arrays, with an optional weight per row.

`weight` has shape (row,), or (resample, row): the score is then an array over resamples, so that `intervals` computes a
thousand bootstrap resamples in one matrix product. Logarithms are natural: scores are in nat.

Arguments are arrays, lists or tensors. Rows of probabilities are from 0 to 1 and sum to 1 within 0.001, class numbers
are integers from 0, standard deviations are positive; anything else (logits, percentages, names of classes, another
order of axes) is an InputError.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.special import logsumexp, ndtr

from skysure.errors import InputError
from skysure.methods.arguments import (
    booleans,
    checked,
    count,
    fraction,
    fractions,
    labels,
    numbers,
    probabilities,
    shares,
    unchecked,
    weights,
    widths,
)

from .bins import bin_index, equal_count_edges, equal_width_edges

Weight = Float[ndarray, "*resample row"] | None
Component = Float[ndarray, "sample row"]
CLASSES = {"probability": probabilities("row class"), "truth": labels("row"), "weight": weights()}
EVENTS = {"probability": fractions("row"), "outcome": booleans("row"), "weight": weights()}
MIXTURES = {
    "truth": numbers("row", infinite=False), "mean": numbers("sample row", infinite=False),
    "std": widths("sample row"), "share": shares("sample row"), "weight": weights(),
}  # fmt: skip
POINTS = MIXTURES | {"std": widths("sample row", zero=True)}
EACH = {
    "truth": numbers("row", nan=True, empty=True), "mean": numbers("sample row", nan=True, empty=True),
    "std": widths("sample row", zero=True, nan=True, empty=True), "share": shares("sample row"),
}  # fmt: skip


def mean_of(terms: Float[ndarray, " row"], weight: Weight = None) -> float | Float[ndarray, " resample"]:
    """Weighted mean over rows."""
    return terms.mean() if weight is None else weight @ terms / weight.sum(-1)


@checked(CLASSES)
def nll(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Mean negative log-likelihood; probabilities are clipped at the precision of their type, as in scikit-learn.

    >>> round(float(nll(np.array([[0.5, 0.5], [0.1, 0.9]]), np.array([0, 1]))), 4)
    0.3993
    """
    p = _true_probability(probability, truth)
    return mean_of(-np.log(np.maximum(p, np.finfo(p.dtype).eps).astype(float)), weight)


@checked(CLASSES, share=numbers("class", infinite=False))
def balanced_nll(
    probability: Float[ndarray, "row class"],
    truth: Int[ndarray, " row"],
    weight: Weight = None,
    *,
    share: Float[ndarray, " class"] | None = None,
) -> float | Float[ndarray, " resample"]:
    """`nll` of the rows of each true class, averaged over classes with weights `share`, by default equal.

    sum_k s_k NLL_k / sum_k s_k over the classes that have rows; with twice the weight for two classes it is the score
    of the PLAsTiCC challenge (Malz et al. 2019, arXiv:1809.11145). It assumes class frequencies s_k whatever the
    sample: probabilities p_k from a sample with frequencies f_k should be replaced by p_k s_k / f_k, normalised.

    >>> round(float(balanced_nll(np.array([[0.5, 0.5], [0.5, 0.5], [0.1, 0.9]]), np.array([0, 0, 1]))), 4)
    0.3993
    """
    p = np.maximum(_true_probability(probability, truth), np.finfo(probability.dtype).eps)
    log_p = np.log(p.astype(float))
    present = np.unique(truth)
    share = np.ones(probability.shape[1]) if share is None else share
    nll_by_class = [mean_of(-log_p[truth == k], None if weight is None else weight[..., truth == k]) for k in present]
    return np.average(np.stack(nll_by_class), axis=0, weights=share[present])


@checked(CLASSES)
def brier(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Brier score over all classes, between 0 and 2: mean of sum_k (p_k - [y = k])² (Brier 1950)."""
    p = _true_probability(probability, truth).astype(float)
    return mean_of((probability.astype(float) ** 2).sum(1) - 2 * p + 1, weight)


@checked(EVENTS)
def binary_brier(
    probability: Float[ndarray, " row"], outcome: ndarray, weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Brier score of one class against the rest, between 0 and 1: mean of (p - y)²."""
    return mean_of((probability.astype(float) - outcome) ** 2, weight)


@checked(CLASSES)
def accuracy(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None
) -> float | Float[ndarray, " resample"]:
    """Fraction of rows whose most probable class is the true one."""
    return mean_of((probability.argmax(1) == truth).astype(float), weight)


@checked(CLASSES, bins=count())
def ece(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None, *, bins: int = 15
) -> float | Float[ndarray, " resample"]:
    """Expected calibration error of the most probable class, bins of equal width (Guo et al. 2017, eq. 3).

    sum_b (n_b / n) |accuracy_b - confidence_b|. It is positive for a finite sample also if perfectly calibrated, by the
    amount that `intervals.calibrated_resample` computes.
    """
    return _calibration_error(probability.max(1), probability.argmax(1) == truth, equal_width_edges(bins), weight)


@checked(CLASSES, bins=count())
def adaptive_ece(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None, *, bins: int = 15
) -> float | Float[ndarray, " resample"]:
    """`ece` in bins of equal count, set on the unweighted rows (Nixon et al. 2019; here of the most probable class)."""
    top = probability.max(1)
    return _calibration_error(top, probability.argmax(1) == truth, equal_count_edges(top, bins), weight)


@checked(CLASSES, bins=count())
def classwise_ece(
    probability: Float[ndarray, "row class"], truth: Int[ndarray, " row"], weight: Weight = None, *, bins: int = 15
) -> float | Float[ndarray, " resample"]:
    """Calibration error of the probability of each class, in bins of equal width, averaged (Kull et al. 2019)."""
    edges = equal_width_edges(bins)
    error_by_class = [_calibration_error(p, truth == k, edges, weight) for k, p in enumerate(probability.T)]
    return np.mean(np.stack(error_by_class), axis=0)


@checked(EVENTS, bins=count())
def binary_ece(
    probability: Float[ndarray, " row"], outcome: ndarray, weight: Weight = None, *, bins: int = 15
) -> float | Float[ndarray, " resample"]:
    """Calibration error of the probability of one event, in bins of equal width."""
    return _calibration_error(probability, outcome, equal_width_edges(bins), weight)


def _true_probability(probability: ndarray, truth: ndarray) -> ndarray:
    return np.take_along_axis(probability, truth[:, None], 1)[:, 0]


def _calibration_error(probability: ndarray, outcome: ndarray, edges: ndarray, weight: Weight) -> float | ndarray:
    excess = np.zeros((len(probability), len(edges) + 1))
    excess[np.arange(len(probability)), bin_index(probability, edges)] = outcome - probability.astype(float)
    if weight is None:
        return np.abs(excess.sum(0)).sum() / len(excess)
    return np.abs(weight @ excess).sum(-1) / weight.sum(-1)


@checked(MIXTURES)
def gaussian_mixture_nll(
    mean: Component,
    std: Component,
    truth: Float[ndarray, " row"],
    weight: Weight = None,
    *,
    share: Component | None = None,
) -> float | Float[ndarray, " resample"]:
    """Mean negative log density of the truth under a mixture of Gaussians, with weights `share`, by default equal."""
    log_density = -0.5 * ((truth - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)
    terms = logsumexp(log_density, axis=0, b=1 / len(mean) if share is None else share)
    return mean_of(-np.asarray(terms), weight)


@checked(POINTS)
def crps(
    mean: Component,
    std: Component,
    truth: Float[ndarray, " row"],
    weight: Weight = None,
    *,
    share: Component | None = None,
) -> float | Float[ndarray, " resample"]:
    """Mean continuous ranked probability score of a mixture of Gaussians, in the unit of the truth.

    E|X - y| - E|X - X'| / 2 in closed form (Grimit et al. 2006, Q. J. R. Meteorol. Soc. 132, 2925), with weights
    `share` that sum to one, by default equal. A component of standard deviation zero is a point: alone, its score is
    the absolute error.
    """
    return mean_of(unchecked(crps_of_each)(mean, std, truth, share=share), weight)


@checked(EACH)
def crps_of_each(
    mean: Component, std: Component, truth: Float[ndarray, " row"], *, share: Component | None = None
) -> Float[ndarray, " row"]:
    """Continuous ranked probability score of each row, see `crps`.

    >>> crps_of_each(np.zeros((1, 2)), np.ones((1, 2)), np.array([0.0, 3.0])).round(4).tolist()
    [0.2337, 2.4366]
    """
    rows = max(1, 4_000_000 // len(mean) ** 2)
    blocks = [slice(i, i + rows) for i in range(0, len(truth), rows)]
    share = np.full((len(mean), 1), 1 / len(mean)).repeat(len(truth), 1) if share is None else share
    return np.concatenate([_crps(mean[:, b], std[:, b], truth[b], share[:, b]) for b in blocks])


@checked(
    truth=numbers("row"),
    low=numbers("row"),
    high=numbers("row"),
    weight=weights(),
    coverage=fraction(below_one=True),
)
def interval_score(
    low: Float[ndarray, " row"],
    high: Float[ndarray, " row"],
    truth: Float[ndarray, " row"],
    weight: Weight = None,
    *,
    coverage: float,
) -> float | Float[ndarray, " resample"]:
    """Mean interval score of central intervals, in the unit of the truth; small is good.

    Width plus 2 / (1 - coverage) times the distance of the truth from the interval (Winkler 1972; Gneiting & Raftery
    2007, eq. 43): a proper score, which rewards narrow intervals with correct coverage.

    Raises
    ------
    InputError
        If the coverage is not in [0, 1).

    >>> float(interval_score(np.zeros(2), np.ones(2), np.array([0.5, 1.5]), coverage=0.5))
    2.0
    """
    if (low > high).any():
        cause, fix = "low and high in the wrong order", "interval_score(low, high, truth, ...)"
        raise InputError("intervals whose lower end is above the upper end", "low <= high", cause, fix)
    outside = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    return mean_of(high - low + 2 / (1 - coverage) * outside, weight)


def _crps(mean: ndarray, std: ndarray, truth: ndarray, share: ndarray) -> ndarray:
    to_truth = (share * _mean_absolute(mean - truth, std)).sum(0)
    pairs = _mean_absolute(mean[:, None] - mean[None], np.hypot(std[:, None], std[None]))
    return to_truth - np.einsum("ir,jr,ijr->r", share, share, pairs) / 2


def _mean_absolute(mean: ndarray, std: ndarray) -> ndarray:
    """E|X| of X ~ N(mean, std²); |mean| if std is zero."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = np.clip(np.where(mean == 0, 0.0, mean / std), -40, 40)  # beyond 40, the tails are 0 or 1 in float64
    return mean * (2 * ndtr(z) - 1) + 2 * std * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
