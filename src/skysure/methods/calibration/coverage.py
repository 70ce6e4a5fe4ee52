"""Empirical coverage of intervals and sets, and whether it is consistent with the nominal coverage.

There are two kinds of range. The *interval* of a measured coverage is Wilson's (1927): its own coverage is close to
nominal on average also at 99.7 %, where the normal interval fails and that of Clopper and Pearson is much too wide
(Brown, Cai & DasGupta 2001, Statist. Sci. 16, 101). The *band* is where the coverage of a calibrated model falls by
chance: exact quantiles of the binomial distribution around the nominal level, of the beta-binomial distribution where
the level was set on a finite number of calibration objects, or of the Poisson-binomial distribution where every row
has its own probability. Coverage inside the band is consistent with nominal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from scipy.special import ndtr, ndtri
from scipy.stats import betabinom, binom, kstest

from skysure.errors import InputError
from skysure.methods.arguments import (
    Rule,
    booleans,
    checked,
    count,
    fraction,
    fractions,
    numbers,
    require_fraction,
    shares,
    whole_numbers,
    widths,
)
from skysure.methods.arguments.shapes import Sizes
from skysure.methods.arrays import as_array

from .bins import bin_index, equal_count_edges, equal_width_edges

LEVELS = (0.683, 0.955, 0.997)


def _level_of_rows(name: str, nominal: Any, sizes: Sizes) -> float | Float[ndarray, " row"]:
    """Give one level as a float, or a level for each row as an array."""
    if np.ndim(nominal) == 0 or isinstance(nominal, str):
        return require_fraction(name, nominal)
    return fractions("row", empty=True)(name, as_array(nominal, name), sizes)


LEVEL = Rule("", _level_of_rows, is_array=False)


@dataclass(frozen=True)
class Coverage:
    """Coverage of `n` rows: nominal level, empirical coverage with its interval, and the band of a calibrated model."""

    nominal: float
    actual: float
    low: float
    high: float
    band_low: float
    band_high: float
    n: int
    inside: bool


@dataclass(frozen=True)
class Bin:
    """Coverage of the rows of one bin; `low` and `high` are the smallest and largest value of the column in it."""

    low: float
    high: float
    coverage: Coverage

    def record(self, observed: str = "coverage", nominal: str = "wanted") -> dict[str, float | int | bool]:
        """Plain JSON with these key names, for example ("accuracy", "confidence") where hits are correct classes."""
        c = self.coverage
        return {
            "low": self.low,
            "high": self.high,
            "n": c.n,
            nominal: c.nominal,
            observed: c.actual,
            f"{observed}_low": c.low,
            f"{observed}_high": c.high,
            "band_low": c.band_low,
            "band_high": c.band_high,
            "inside": c.inside,
        }


@checked(hits=count(0), n=count(), confidence=fraction())
def wilson_interval(hits: int, n: int, confidence: float = 0.683) -> tuple[float, float]:
    """Confidence interval of a proportion from `hits` successes in `n` trials (Wilson 1927).

    >>> [round(x, 3) for x in wilson_interval(90, 100)]
    [0.866, 0.926]
    """
    if hits > n:
        raise InputError(f"{hits} hits of {n}", f"0 to {n} hits", "hits and n in the wrong order", "hits, then n")
    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    p = hits / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return max(float(centre - half), 0.0), min(float(centre + half), 1.0)


def poisson_binomial(probability: Float[ndarray, " row"]) -> Float[ndarray, " count"]:
    """Probability of 0, 1, ..., n successes of independent trials with different probabilities.

    The product of the generating functions (1 - p) + p x, multiplied in pairs by FFT: n log² n, to 1e-13.
    """
    n = len(probability)
    size = 1 << max(n - 1, 1).bit_length()
    p = np.zeros(size)
    p[:n] = probability
    product = np.stack([1 - p, p], 1)
    while len(product) > 1:
        length = 2 * product.shape[1] - 1
        spectrum = np.fft.rfft(product, 2 * product.shape[1])
        product = np.fft.irfft(spectrum[::2] * spectrum[1::2], 2 * product.shape[1])[:, :length]
    return np.clip(product[0, : n + 1], 0.0, 1.0)


@checked(nominal=LEVEL, n=count(), confidence=fraction())
def calibrated_band(
    nominal: float | Float[ndarray, " row"], n: int, confidence: float = 0.955, calibrated_on: int | None = None
) -> tuple[float, float]:
    """Band that contains the empirical coverage of a calibrated model with probability `confidence`.

    Parameters
    ----------
    nominal : float or array (row,)
        Nominal level of all rows, or the nominal probability of each.
    n : int
        Number of rows.
    confidence : float
        Probability that a calibrated model lies inside; it is at least this, as counts are integers.
    calibrated_on : int, optional
        Number m of calibration objects on which a split-conformal level was set. The coverage of such a level is
        random, Beta(k, m + 1 - k) with k = ceil((m + 1) nominal) (Vovk 2013, Machine Learning 92, 349). Probabilities
        calibrated on m objects have a common error: a Gaussian of variance mean(p (1 - p)) / m.

    Returns
    -------
    low, high : float
        Fractions; both ends belong to the band.

    Raises
    ------
    InputError
        If a level or probability is not between 0 and 1.
    """
    if not (np.min(nominal) >= 0 and np.max(nominal) <= 1 + 1e-6):
        worst = float(np.max(nominal))
        raise InputError(f"a level of {worst:g}", "fractions between 0 and 1", "a percentage", f"write {worst / 100:g}")
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if np.ndim(nominal):
        counts = np.searchsorted(np.cumsum(poisson_binomial(np.asarray(nominal, float))), tails)
        if calibrated_on is not None:
            spread = n * ndtri(tails[1]) * np.sqrt(np.mean(nominal * (1 - nominal)) / calibrated_on)
            centre = n * np.mean(nominal)
            counts = centre + np.array([-1, 1]) * np.hypot(counts - centre, spread)
        counts = np.clip(counts, 0, n)
    elif calibrated_on is not None and (rank := _rank(float(nominal), calibrated_on)) <= calibrated_on:
        counts = betabinom.ppf(tails, n, rank, calibrated_on + 1 - rank)
    elif calibrated_on is not None:
        return 1.0, 1.0
    else:
        counts = binom.ppf(tails, n, nominal)
    return float(counts[0] / n), float(counts[1] / n)


@checked(rows=whole_numbers("level"), objects=whole_numbers("level"))
def effective_size(rows: Int[ndarray, " level"], objects: Int[ndarray, " level"]) -> int | None:
    """Effective number of calibration objects of rows whose levels were set group by group.

    Each level c_j, set on m_j objects, has the variance c (1 - c) / m_j, and their mean over fractions f_j of the rows
    the variance c (1 - c) sum_j f_j² / m_j. None if some level was set without objects.

    >>> effective_size(np.array([10, 10, 10]), np.array([50, 50, 50]))
    150
    >>> effective_size(np.array([10, 0]), np.array([50, 0]))
    50
    """
    used = rows > 0
    if not used.any() or not objects[used].all():
        return None
    return round(1 / float(((rows[used] / rows.sum()) ** 2 / objects[used]).sum()))


def _rank(level: float, n: int) -> int:
    return int(np.ceil((n + 1) * level - 1e-9))


@checked(hits=booleans("row", empty=True), nominal=LEVEL, confidence=fraction())
def coverage_of(
    hits: Bool[ndarray, " row"],
    nominal: float | Float[ndarray, " row"],
    *,
    confidence: float = 0.955,
    calibrated_on: int | None = None,
) -> Coverage:
    """Empirical coverage with its 68.3 % interval and the band of a calibrated model.

    Parameters are those of `calibrated_band`; `hits` is whether the interval or set of each row contains the truth (or,
    with the probability of an event for each row as `nominal`, whether the event occurred).

    Raises
    ------
    InputError
        If there are no rows.

    >>> c = coverage_of(np.arange(1000) < 700, 0.683)
    >>> c.actual, c.band_low, c.band_high, c.inside
    (0.7, 0.653, 0.712, True)
    """
    n = len(hits)
    if n == 0:
        raise InputError(
            "coverage of no rows", "at least one row with a true value", "an empty part or bin", "pass more data"
        )
    total = int(np.count_nonzero(hits))
    band = calibrated_band(nominal, n, confidence, calibrated_on)
    return Coverage(
        float(np.mean(nominal)), total / n, *wilson_interval(total, n), *band, n, band[0] <= total / n <= band[1]
    )


@checked(
    column=numbers("row", nan=True, empty=True),
    hits=booleans("row", empty=True),
    nominal=LEVEL,
    confidence=fraction(),
    bins=count(),
)
def coverage_by(
    column: ndarray,
    hits: Bool[ndarray, " row"],
    nominal: float | Float[ndarray, " row"],
    *,
    bins: int = 10,
    edges: Float[ndarray, " edge"] | None = None,
    confidence: float = 0.955,
    calibrated_on: int | None = None,
) -> list[Bin]:
    """Coverage in bins of any column: bins of equal counts, or given by the interior `edges`.

    `confidence` is that of all bins together: a calibrated model lies inside every band with at least this probability
    (Bonferroni). Rows where the column is not finite, and empty bins, are left out.
    """
    edges = equal_count_edges(column, bins) if edges is None else as_array(edges, "edges")
    index = bin_index(column, edges)
    bin_confidence = 1 - (1 - confidence) / (len(edges) + 1)
    coverages = []
    for i in np.unique(index[index >= 0]):
        rows = index == i
        level = nominal[rows] if isinstance(nominal, ndarray) and nominal.ndim else nominal
        values = np.asarray(column, float)[rows]
        coverage = coverage_of(hits[rows], level, confidence=bin_confidence, calibrated_on=calibrated_on)
        coverages.append(Bin(float(values.min()), float(values.max()), coverage))
    return coverages


@checked(probability=fractions("row", empty=True), outcome=booleans("row", empty=True), bins=count())
def reliability_curve(
    probability: Float[ndarray, " row"], outcome: Bool[ndarray, " row"], *, bins: int = 15, adaptive: bool = False
) -> dict[str, list]:
    """Reliability diagram: observed frequency against predicted probability, in bins of equal width (or count).

    It is `coverage_by` of the probability itself, as plain lists: `predicted` is the mean probability of a bin,
    `observed` the fraction of true outcomes, `low` and `high` its 68.3 % interval, and the band that of
    outcomes drawn from the probabilities.
    """
    edges = equal_count_edges(probability, bins) if adaptive else equal_width_edges(bins)
    rows = np.asarray(probability, float)
    coverages = [b.coverage for b in coverage_by(probability, outcome, rows, edges=edges)]
    predicted, observed = [c.nominal for c in coverages], [c.actual for c in coverages]
    return {"predicted": predicted, "observed": observed, **_columns(coverages)}


@checked(hits=booleans("level row"))
def coverage_curve(
    hits: Bool[ndarray, "level row"], levels: Sequence[float] = LEVELS, *, calibrated_on: int | None = None
) -> dict[str, Any]:
    """Coverage at each level, as plain lists, with the number of rows `n`."""
    if len(hits) != len(levels):
        problem, cause = f"hits at {len(hits)} levels, and {len(levels)} levels", "hits of shape (row, level)"
        raise InputError(problem, "hits of shape (level, row)", cause, "hits.T, or pass the levels")
    coverages = [coverage_of(h, level, calibrated_on=calibrated_on) for h, level in zip(hits, levels, strict=True)]
    curve = {"nominal": [c.nominal for c in coverages], "actual": [c.actual for c in coverages], **_columns(coverages)}
    return curve | {"n": hits.shape[1]}


def _columns(coverages: Sequence[Coverage]) -> dict[str, list]:
    names = ("low", "high", "band_low", "band_high", "n", "inside")
    return {name: [getattr(c, name) for c in coverages] for name in names}


@checked(
    truth=numbers("*row", infinite=False, empty=True),
    mean=numbers("sample *row", infinite=False, empty=True),
    std=widths("sample *row", empty=True),
    share=shares("sample *row"),
)
def pit(
    mean: Float[ndarray, "sample ..."],
    std: Float[ndarray, "sample ..."],
    truth: Float[ndarray, "*row"],
    share: Float[ndarray, "sample ..."] | None = None,
) -> Float[ndarray, "*row"]:
    """Probability integral transform of a mixture of Gaussians: uniform if calibrated.

    u = (1/S) sum_s Phi((y - mean_s) / std_s)  (Gneiting, Balabdaoui & Raftery 2007), with `share`, weights that sum to
    one, in place of 1/S.
    """
    return np.mean(ndtr((truth - mean) / std) * (1 if share is None else share * len(share)), axis=0)


@checked(u=fractions("*row", empty=True), level=fraction())
def pit_hits(u: Float[ndarray, "*row"], level: float) -> Bool[ndarray, "*row"]:
    """Whether the central interval of probability `level` contains the truth; exact for any mixture."""
    return np.abs(2 * u - 1) <= level


@checked(u=fractions("row"))
def uniformity(u: Float[ndarray, " row"]) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance of transforms from the uniform distribution, and its p-value."""
    result = kstest(u, "uniform")
    return float(result.statistic), float(result.pvalue)
