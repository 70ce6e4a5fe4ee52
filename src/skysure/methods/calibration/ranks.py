"""Ranks of the truth among posterior draws: uniform if the draws are from the posterior.

Single values: simulation-based calibration (Talts et al. 2018, arXiv:1804.06788). All values jointly: ranks of
distances from random points (TARP: Lemos et al. 2023, arXiv:2302.03026). `pit_from_ranks` turns ranks into a transform
that is uniform on [0, 1] where calibrated, for `uniformity`, `pit_hits` and `coverage_by`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.stats import chi2

from skysure.errors import InputError
from skysure.methods.arguments import checked, count, fraction, fractions, numbers, whole_numbers

from .coverage import LEVELS, calibrated_band, coverage_curve, uniformity


@checked(truth=numbers("*row", empty=True), draws=numbers("sample *row", empty=True))
def ranks(draws: Float[ndarray, "sample ..."], truth: Float[ndarray, "*row"], seed: int = 0) -> Int[ndarray, "*row"]:
    """Rank of the truth: number of draws below it, 0 to S, ties broken at random (Talts et al. 2018, algorithm 1).

    Raises
    ------
    InputError
        If a draw or a true value is NaN.

    >>> ranks(np.array([[1.0], [2.0], [4.0]]), np.array([3.0]))
    array([2])
    """
    equal = (draws == truth).sum(0)
    return (draws < truth).sum(0) + np.random.default_rng(seed).integers(equal, endpoint=True)


@checked(rank=whole_numbers("*row", empty=True), samples=count())
def pit_from_ranks(rank: Int[ndarray, "*row"], samples: int, seed: int = 0) -> Float[ndarray, "*row"]:
    """Randomised probability integral transform (rank + u) / (S + 1), u uniform on [0, 1); uniform if the ranks are.

    Raises
    ------
    InputError
        If a rank is not between 0 and S.
    """
    _check(rank, samples)
    return (rank + np.random.default_rng([seed, 1]).random(rank.shape)) / (samples + 1)


@checked(rank=whole_numbers("row", empty=True), samples=count(), bins=count(), confidence=fraction())
def rank_histogram(
    rank: Int[ndarray, " row"], samples: int, *, bins: int = 20, confidence: float = 0.955
) -> dict[str, Any]:
    """Histogram of the ranks of one value as plain lists, with bands and a test of uniformity.

    Parameters
    ----------
    rank : array (row,)
    samples : int
        S, number of draws of each object.
    bins : int
        Largest number of bins; the S + 1 ranks are divided as evenly as possible.
    confidence : float
        Probability that calibrated ranks lie inside the bands of all bins (Bonferroni).

    Returns
    -------
    dict
        `low`, `high` (ranks, both included), `count`, `expected`, `band_low`, `band_high`, `inside` of each bin, and
        `statistic`, `p_value` of Pearson's chi² (with few rows per bin rely on the bands, which are exact).

    Raises
    ------
    InputError
        If there are no ranks, or a rank is not between 0 and S.
    """
    _check(rank, samples)
    n = len(rank)
    edges = np.linspace(0, samples + 1, min(bins, samples + 1) + 1).round().astype(int)
    counts = np.histogram(rank, edges)[0]
    share = np.diff(edges) / (samples + 1)
    bin_confidence = 1 - (1 - confidence) / len(counts)
    low, high = (np.round(n * np.array([calibrated_band(float(s), n, bin_confidence) for s in share])).astype(int)).T
    statistic = float(((counts - n * share) ** 2 / (n * share)).sum())
    return {
        "low": edges[:-1].tolist(), "high": (edges[1:] - 1).tolist(), "count": counts.tolist(),
        "expected": (n * share).tolist(), "band_low": low.tolist(), "band_high": high.tolist(),
        "inside": ((low <= counts) & (counts <= high)).tolist(),
        "statistic": statistic, "p_value": float(chi2.sf(statistic, len(counts) - 1)),
    }  # fmt: skip


@checked(truth=numbers("row value", infinite=False))
def reference_points(truth: Float[ndarray, "row value"], seed: int = 0) -> Float[ndarray, "row value"]:
    """Reference points for `tarp`, one per row, uniform in the bounding box of the true values of all other rows.

    A box of all rows would depend on the true value of its own row, and bias the ranks if rows are few.

    Raises
    ------
    InputError
        For fewer than two rows.
    """
    if len(truth) < 2:
        expected = "at least two, as each point is in the bounding box of the others"
        raise InputError(f"true values of {len(truth)} object(s)", expected, "a single object", "pass `references`")
    low, high = _box_of_others(truth)
    return low + (high - low) * np.random.default_rng([seed, 2]).random(truth.shape)


@checked(
    truth=numbers("row value", infinite=False),
    draws=numbers("sample row value", infinite=False),
    references=numbers("row value", infinite=False),
)
def tarp(
    draws: Float[ndarray, "sample row value"],
    truth: Float[ndarray, "row value"],
    *,
    references: Float[ndarray, "row value"] | None = None,
    seed: int = 0,
) -> Float[ndarray, " row"]:
    """Smallest credibility whose region contains the truth: a ball around a reference point (TARP).

    It is the fraction of draws that are nearer to the reference point than the truth, randomised as in
    `pit_from_ranks`, with values in units of their range over the true values of all other rows. It is uniform, for any
    reference point independent of the truth, if the draws are from the posterior (Lemos et al. 2023, section 3).

    Parameters
    ----------
    draws, truth : array
        In the unit of the values.
    references : array, optional
        Points that may depend on the data of their row but not on its truth; `reference_points` by default.
    seed : int
        Seed of the reference points and of the ties.
    """
    points = reference_points(truth, seed) if references is None else references
    low, high = _box_of_others(truth) if len(truth) > 1 else (truth, truth)
    distances = [_distance(x, points, np.where(high > low, high - low, 1.0)) for x in (draws, truth[None])]
    return pit_from_ranks(ranks(distances[0], distances[1][0], seed), len(draws), seed)


@checked(u=fractions("row"))
def expected_coverage(u: Float[ndarray, " row"], levels: tuple[float, ...] = LEVELS) -> dict[str, Any]:
    """Expected coverage of `tarp` at each credibility, with intervals, bands and a test of uniformity.

    Returns
    -------
    dict
        As from `coverage_curve`, with `statistic` and `p_value` of Kolmogorov and Smirnov, and `excess`: the mean of
        coverage - credibility over credibilities above 1/2, negative if the draws are too narrow.
    """
    statistic, p_value = uniformity(u)
    curve = coverage_curve(np.stack([u <= level for level in levels]), levels)
    # the integral of (coverage - level) over level from 1/2 to 1, in closed form, times 2
    excess = 2 * float(np.mean(1 - np.maximum(u, 0.5)) - 3 / 8)
    return curve | {"statistic": statistic, "p_value": p_value, "excess": excess}


def _check(rank: ndarray, samples: int) -> None:
    if not rank.size or rank.min() < 0 or rank.max() > samples:
        problem = f"ranks from {rank.min()} to {rank.max()}" if rank.size else "no ranks"
        raise InputError(problem, f"ranks from 0 to {samples}", "another number of draws", "pass the number of draws")


def _box_of_others(truth: Float[ndarray, "row value"]) -> tuple[ndarray, ndarray]:
    ordered = np.sort(truth, 0)
    low, high = np.where(truth == ordered[0], ordered[1], ordered[0]), ordered[-1]
    return low, np.where(truth == high, ordered[-2], high)


def _distance(x: ndarray, points: ndarray, scale: ndarray) -> Float[ndarray, "sample row"]:
    # One value at a time, which avoids a copy of all draws.
    return np.sqrt(sum(((x[..., k] - points[:, k]) / scale[:, k]) ** 2 for k in range(x.shape[-1])))
