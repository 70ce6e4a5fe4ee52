"""Error bars on scores: the bootstrap over rows, and what a calibrated model would have scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from skysure.errors import InputError

from .bins import bin_index, equal_count_edges


@dataclass(frozen=True)
class Interval:
    """A value and its interval."""

    value: float
    low: float
    high: float


def with_interval(
    score: Callable[..., float | ndarray],
    *arrays: ndarray,
    resamples: int = 1000,
    level: float = 0.683,
    seed: int = 0,
) -> Interval:
    """A score with its bootstrap interval over rows (Efron 1979).

    The interval holds the central `level` of the resampled scores, shifted so that their median falls on the
    value: resampling adds its own noise to scores such as `ece`, which would otherwise lie below their interval.
    A score that no resample changes (an accuracy of 100 %) comes with an interval of no width.

    Parameters
    ----------
    score : callable
        Takes the arrays and `weight` of shape (row,) or (resample, row), as those of `scores` and `ranking` do;
        options are bound with `functools.partial`.
    arrays : arrays
        What the score takes; the last, the truth, has one entry a row.

    >>> right = np.arange(1000) < 900
    >>> found = with_interval(lambda hits, weight=None: np.average(hits) if weight is None
    ...                       else weight @ hits / weight.sum(-1), right)
    >>> round(found.value, 3), round(found.high - found.low, 2)
    (0.9, 0.02)
    """
    if not len(arrays[-1]):
        raise InputError(
            "a score of no rows", "at least one row with a truth", "an empty part or bin", "give more data"
        )
    value = float(score(*arrays))
    weights = _weights(len(arrays[-1]), resamples, seed)
    drawn = np.concatenate([np.atleast_1d(score(*arrays, weight=w)) for w in weights])
    return Interval(value, *_around(value, drawn, level))


def _weights(n: int, resamples: int, seed: int) -> Iterator[Float[ndarray, "resample row"]]:
    rng = np.random.default_rng(seed)
    block = max(1, 4_000_000 // n)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        yield np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(size)]).astype(float)


def _around(value: float, drawn: ndarray, level: float) -> tuple[float, float]:
    drawn = drawn[np.isfinite(drawn)]
    if not (len(drawn) and np.isfinite(value)):
        return float("nan"), float("nan")
    low, median, high = np.quantile(drawn, [(1 - level) / 2, 0.5, (1 + level) / 2])
    return float(value + low - median), float(value + high - median)


def calibrated_resample(
    score: Callable[..., float | ndarray],
    probability: Float[ndarray, "row *class"],
    *,
    resamples: int = 200,
    level: float = 0.955,
    seed: int = 0,
) -> Interval:
    """What the score would be were the probabilities true: the median, and where the central `level` of draws lies.

    Labels are drawn from the probabilities themselves, (row, class) or (row,) for a yes or no. A measured `ece`
    inside this band is what chance gives a calibrated model (consistency resampling, Bröcker & Smith 2007).

    The band ends at the k-th draw from either end, k = (resamples + 1) (1 - level) / 2 rounded down: a calibrated
    model lies inside with at least `level`, however few the draws. There are more of them than asked where k would
    be less than one.
    """
    resamples = max(resamples, ceil(2 / (1 - level)))
    k = int((resamples + 1) * (1 - level) / 2)
    rng = np.random.default_rng(seed)
    steps = np.cumsum(probability, axis=1)[:, :-1] if probability.ndim == 2 else None
    drawn = []
    for _ in range(resamples):
        u = rng.random(len(probability))
        drawn.append(score(probability, u < probability if steps is None else (u[:, None] >= steps).sum(1)))
    drawn = np.sort(drawn)
    return Interval(float(np.median(drawn)), float(drawn[k - 1]), float(drawn[-k]))


def score_by(
    column: ndarray,
    score: Callable[..., float | ndarray],
    probability: Float[ndarray, "row *class"],
    truth: ndarray,
    *,
    bins: int = 10,
    resamples: int = 1000,
    confidence: float = 0.955,
    seed: int = 0,
) -> list[dict[str, float | int | bool]]:
    """A score of probabilities, such as `ece`, in bins of equal count of any column, each with its calibrated band.

    A finite bin has an ECE far from zero however well it is calibrated, and the more so the fewer its rows: what
    counts is lying inside the band of labels drawn from its own probabilities (`calibrated_resample`), not a
    threshold. `confidence` is that of all bins together (Bonferroni). Rows where the column is not finite are left out.

    Raises
    ------
    Fault
        Where the column is nowhere finite.

    Returns
    -------
    list of dict
        `low`, `high` (the extremes of the column found), `n`, `value` with its 68.3 % interval `value_low` and
        `value_high`, `band_low`, `band_high`, `inside`.
    """
    index = bin_index(column, equal_count_edges(column, bins))
    found = np.unique(index[index >= 0])
    if not len(found):
        raise InputError(
            "a column without values", "finite values", "a column that these objects lack", "take another one"
        )
    each, made = 1 - (1 - confidence) / len(found), []
    for rows in (index == i for i in found):
        p, y, values = probability[rows], truth[rows], np.asarray(column, float)[rows]
        measured = with_interval(score, p, y, resamples=resamples, seed=seed)
        band = calibrated_resample(score, p, resamples=resamples, level=each, seed=seed)
        made.append({
            "low": float(values.min()), "high": float(values.max()), "n": len(values),
            "value": measured.value, "value_low": measured.low, "value_high": measured.high,
            "band_low": band.low, "band_high": band.high, "inside": bool(band.low <= measured.value <= band.high),
        })  # fmt: skip
    return made
