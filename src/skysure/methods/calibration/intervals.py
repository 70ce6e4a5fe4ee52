"""Error bars on scores: the bootstrap over rows, and the range of scores of a calibrated model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from skysure.errors import InputError
from skysure.methods.arguments import (
    check_arguments,
    checked,
    count,
    fraction,
    fractions,
    numbers,
    probabilities,
    unchecked,
)
from skysure.methods.arrays import as_array

from .bins import bin_index, equal_count_edges


@dataclass(frozen=True)
class Interval:
    """A value and its interval."""

    value: float
    low: float
    high: float


@checked(resamples=count(), level=fraction())
def with_interval(
    score: Callable[..., float | ndarray],
    *arrays: Any,
    resamples: int = 1000,
    level: float = 0.683,
    seed: int = 0,
) -> Interval:
    """A score with its bootstrap interval over rows (Efron 1979).

    The interval contains the central `level` of the resampled scores, shifted so that their median equals the value:
    resampling adds noise that biases scores such as `ece`, which would otherwise lie below their interval. A score that
    no resample changes (an accuracy of 100 %) has an interval of zero width.

    Parameters
    ----------
    score : callable
        Function of the arrays and `weight` of shape (row,) or (resample, row), as in `scores` and `ranking`; bind
        options with `functools.partial`.
    arrays : arrays
        Arguments of the score; the last, the truth, has one entry per row.
    resamples : int
    level : float
        Probability of the interval.
    seed : int

    Raises
    ------
    InputError
        If there are no rows.

    >>> correct = np.arange(1000) < 900
    >>> accuracy = with_interval(lambda hits, weight=None: np.average(hits) if weight is None
    ...                          else weight @ hits / weight.sum(-1), correct)
    >>> round(accuracy.value, 3), round(accuracy.high - accuracy.low, 2)
    (0.9, 0.02)
    """
    arrays = tuple(as_array(array) for array in arrays)
    if not arrays[-1].size:
        raise InputError(
            "a score of no rows", "at least one row with a true value", "an empty part or bin", "pass more data"
        )
    arrays, score = check_arguments(score, *arrays), unchecked(score)
    value = float(score(*arrays))
    weights = _weights(len(arrays[-1]), resamples, seed)
    resampled = np.concatenate([np.atleast_1d(score(*arrays, weight=w)) for w in weights])
    return Interval(value, *_centred_interval(value, resampled, level))


def _weights(n: int, resamples: int, seed: int) -> Iterator[Float[ndarray, "resample row"]]:
    rng = np.random.default_rng(seed)
    block = max(1, 4_000_000 // n)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        yield np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(size)]).astype(float)


def _centred_interval(value: float, resampled: ndarray, level: float) -> tuple[float, float]:
    resampled = resampled[np.isfinite(resampled)]
    if not (len(resampled) and np.isfinite(value)):
        return float("nan"), float("nan")
    low, median, high = np.quantile(resampled, [(1 - level) / 2, 0.5, (1 + level) / 2])
    return float(value + low - median), float(value + high - median)


@checked(resamples=count(), level=fraction(below_one=True))
def calibrated_resample(
    score: Callable[..., float | ndarray],
    probability: Any,
    *,
    resamples: int = 200,
    level: float = 0.955,
    seed: int = 0,
) -> Interval:
    """Median and central range (of probability `level`) of the score of a calibrated model with these probabilities.

    Labels are drawn from the probabilities, (row, class) or, for a binary event, (row,). A measured `ece` inside this
    range is consistent with calibration (consistency resampling, Bröcker & Smith 2007).

    The range ends at the k-th draw from either end, k = (resamples + 1) (1 - level) / 2 rounded down: a calibrated
    model lies inside with a probability of at least `level`. If k were less than one, more labels are drawn than
    `resamples`.
    """
    probability, score = _as_probability(probability), unchecked(score)
    resamples = max(resamples, ceil(2 / (1 - level)))
    k = int((resamples + 1) * (1 - level) / 2)
    rng = np.random.default_rng(seed)
    steps = np.cumsum(probability, axis=1)[:, :-1] if probability.ndim == 2 else None
    scores = []
    for _ in range(resamples):
        u = rng.random(len(probability))
        scores.append(score(probability, u < probability if steps is None else (u[:, None] >= steps).sum(1)))
    scores = np.sort(scores)
    return Interval(float(np.median(scores)), float(scores[k - 1]), float(scores[-k]))


def _as_probability(probability: Any) -> Float[ndarray, "row *class"]:
    """Check probabilities of classes, shape (row, class), or of one event, shape (row,)."""
    array = as_array(probability, "probability")
    rule = fractions("row") if array.ndim == 1 else probabilities("row class")
    return rule("probability", array, {})


@checked(column=numbers("row", nan=True), bins=count(), resamples=count(), confidence=fraction(below_one=True))
def score_by(
    column: ndarray,
    score: Callable[..., float | ndarray],
    probability: Any,
    truth: Any,
    *,
    bins: int = 10,
    resamples: int = 1000,
    confidence: float = 0.955,
    seed: int = 0,
) -> list[dict[str, float | int | bool]]:
    """A score of probabilities, such as `ece`, in bins of equal count of any column, with the range if calibrated.

    The ECE of a finite bin is positive also for a calibrated model, the more so the fewer its rows: compare it with the
    range of labels drawn from the probabilities (`calibrated_resample`), not with a threshold. `confidence` is that of
    all bins together (Bonferroni). Rows where the column is not finite are left out.

    Raises
    ------
    InputError
        If the column has no finite values.

    Returns
    -------
    list of dict
        `low`, `high` (smallest and largest value of the column), `n`, `value` with its 68.3 % interval `value_low` and
        `value_high`, `band_low`, `band_high`, `inside`.
    """
    probability, truth = _as_probability(probability), as_array(truth, "truth")
    if not len(column) == len(probability) == len(truth):
        problem = f"{len(column)} values of the column, {len(probability)} probabilities, {len(truth)} labels"
        raise InputError(problem, "one of each for every row", "arguments of other objects", "check their shapes")
    index = bin_index(column, equal_count_edges(column, bins))
    occupied = np.unique(index[index >= 0])
    if not len(occupied):
        raise InputError(
            "a column without finite values", "finite values", "a column that these objects lack", "use another column"
        )
    bin_confidence, records = 1 - (1 - confidence) / len(occupied), []
    for rows in (index == i for i in occupied):
        p, y, values = probability[rows], truth[rows], np.asarray(column, float)[rows]
        estimate = with_interval(score, p, y, resamples=resamples, seed=seed)
        band = calibrated_resample(score, p, resamples=resamples, level=bin_confidence, seed=seed)
        records.append({
            "low": float(values.min()), "high": float(values.max()), "n": len(values),
            "value": estimate.value, "value_low": estimate.low, "value_high": estimate.high,
            "band_low": band.low, "band_high": band.high, "inside": bool(band.low <= estimate.value <= band.high),
        })  # fmt: skip
    return records
