"""Coverage: how often the truth lies where the model said it would, and whether chance explains the difference.

Two bands, for two questions. The *interval* of a measured coverage is Wilson's (1927): its own coverage is near
nominal on average also at 99.7 %, where the normal interval fails and Clopper and Pearson's is a good deal too
wide for an error bar (Brown, Cai & DasGupta 2001, Statist. Sci. 16, 101). The *band* is where the coverage of a
calibrated model falls by chance: exact quantiles of the binomial law around the nominal level, of the
beta-binomial law where the level itself was set on finitely many calibration objects, or of the Poisson-binomial
law where every row has its own probability. Lying inside the band is the verdict.
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

from .bins import bin_index, equal_count_edges, equal_width_edges

LEVELS = (0.683, 0.955, 0.997)


@dataclass(frozen=True)
class Coverage:
    """Coverage of `n` rows: the level that was claimed, what came out, its interval, and the calibrated band."""

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
    """Coverage of the rows whose column lies within `low` and `high` (the extremes found, both included)."""

    low: float
    high: float
    coverage: Coverage

    def record(self, found: str = "coverage", claimed: str = "wanted") -> dict[str, float | int | bool]:
        """Plain JSON, under the names given: ("accuracy", "confidence") where the hits are right answers."""
        c = self.coverage
        return {
            "low": self.low,
            "high": self.high,
            "n": c.n,
            claimed: c.nominal,
            found: c.actual,
            f"{found}_low": c.low,
            f"{found}_high": c.high,
            "band_low": c.band_low,
            "band_high": c.band_high,
            "inside": c.inside,
        }


def wilson_interval(hits: int, n: int, confidence: float = 0.683) -> tuple[float, float]:
    """Interval of a proportion from `hits` successes in `n` trials (Wilson 1927).

    >>> [round(x, 3) for x in wilson_interval(90, 100)]
    [0.866, 0.926]
    """
    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    p = hits / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return max(float(centre - half), 0.0), min(float(centre + half), 1.0)


def poisson_binomial(probability: Float[ndarray, " row"]) -> Float[ndarray, " count"]:
    """Probability of 0, 1, ..., n successes of independent trials that each have their own probability.

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


def calibrated_band(
    nominal: float | Float[ndarray, " row"], n: int, confidence: float = 0.955, calibrated_on: int | None = None
) -> tuple[float, float]:
    """Where the coverage of a calibrated model lies, by chance alone, with probability `confidence`.

    Parameters
    ----------
    nominal : float or array (row,)
        The level claimed for all rows, or the probability claimed for each.
    n : int
        Rows.
    confidence : float
        Probability that a calibrated model lies inside; at least this, as counts are whole numbers.
    calibrated_on : int, optional
        Calibration objects that a split-conformal level was set on. The coverage of such a level is itself
        random, Beta(k, m + 1 - k) with k = ceil((m + 1) nominal) (Vovk 2013, Machine Learning 92, 349).
        Probabilities that were set on them are off together, by a Gaussian of variance mean(p (1 - p)) / m.

    Returns
    -------
    low, high : float
        As fractions; both belong to the band.

    Raises
    ------
    Fault
        Where a level or probability is no fraction.
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


def effective_size(rows: Int[ndarray, " level"], objects: Int[ndarray, " level"]) -> int | None:
    """Calibration objects that are worth as much to rows whose levels were set group by group.

    Each level c_j, set on m_j objects, varies by chance as c (1 - c) / m_j, and their mean over shares f_j of the
    rows as c (1 - c) sum_j f_j² / m_j. None where some level was set on nothing.

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


def coverage_of(
    hits: Bool[ndarray, " row"],
    nominal: float | Float[ndarray, " row"],
    *,
    confidence: float = 0.955,
    calibrated_on: int | None = None,
) -> Coverage:
    """Coverage of rows that were hit or missed, with its 68.3 % interval and the band of a calibrated model.

    Parameters are those of `calibrated_band`; `hits` says whether the truth of each row lies inside its interval
    or set (or, with a probability for each row as `nominal`, whether what was claimed came true).

    Raises
    ------
    Fault
        Without rows.

    >>> c = coverage_of(np.arange(1000) < 700, 0.683)
    >>> c.actual, c.band_low, c.band_high, c.inside
    (0.7, 0.653, 0.712, True)
    """
    n = len(hits)
    if n == 0:
        raise InputError(
            "coverage of no rows", "at least one row with a truth", "an empty part or bin", "give more data"
        )
    count = int(np.count_nonzero(hits))
    band = calibrated_band(nominal, n, confidence, calibrated_on)
    return Coverage(
        float(np.mean(nominal)), count / n, *wilson_interval(count, n), *band, n, band[0] <= count / n <= band[1]
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
    """Coverage in bins of any column: equal counts, or between the interior `edges`.

    `confidence` is that of all bins together: a calibrated model lies inside every band with at least this
    probability (each band is widened after Bonferroni). Rows where the column is not finite are left out; empty
    bins too.
    """
    edges = equal_count_edges(column, bins) if edges is None else edges
    index = bin_index(column, edges)
    each = 1 - (1 - confidence) / (len(edges) + 1)
    made = []
    for i in np.unique(index[index >= 0]):
        rows = index == i
        claimed = nominal[rows] if isinstance(nominal, ndarray) and nominal.ndim else nominal
        values = np.asarray(column, float)[rows]
        inside = coverage_of(hits[rows], claimed, confidence=each, calibrated_on=calibrated_on)
        made.append(Bin(float(values.min()), float(values.max()), inside))
    return made


def reliability_curve(
    probability: Float[ndarray, " row"], outcome: Bool[ndarray, " row"], *, bins: int = 15, adaptive: bool = False
) -> dict[str, list]:
    """How often what was given probability p came true, in bins of p: of equal width, or `adaptive` of equal count.

    It is `coverage_by` of the probability itself, as plain lists: `predicted` is the mean probability of the bin,
    `observed` the fraction that came true, `low` and `high` its 68.3 % interval, and the band that of outcomes
    drawn from the probabilities.
    """
    edges = equal_count_edges(probability, bins) if adaptive else equal_width_edges(bins)
    made = [b.coverage for b in coverage_by(probability, outcome, np.asarray(probability, float), edges=edges)]
    return {"predicted": [c.nominal for c in made], "observed": [c.actual for c in made], **_columns(made)}


def coverage_curve(
    hits: Bool[ndarray, "level row"], levels: Sequence[float] = LEVELS, *, calibrated_on: int | None = None
) -> dict[str, Any]:
    """Coverage at each level, as plain lists, with the one count `n`."""
    made = [coverage_of(h, level, calibrated_on=calibrated_on) for h, level in zip(hits, levels, strict=True)]
    curve = {"nominal": [c.nominal for c in made], "actual": [c.actual for c in made], **_columns(made)}
    return curve | {"n": hits.shape[1]}


def _columns(made: Sequence[Coverage]) -> dict[str, list]:
    names = ("low", "high", "band_low", "band_high", "n", "inside")
    return {name: [getattr(c, name) for c in made] for name in names}


def pit(
    mean: Float[ndarray, "sample ..."],
    std: Float[ndarray, "sample ..."],
    truth: Float[ndarray, "*row"],
    share: Float[ndarray, "sample ..."] | None = None,
) -> Float[ndarray, "*row"]:
    """Probability integral transform of a mixture of Gaussians: uniform where calibrated.

    u = (1/S) sum_s Phi((y - mean_s) / std_s)  (Gneiting, Balabdaoui & Raftery 2007); with `share`, weights that add
    up to one, in place of 1/S.
    """
    return np.mean(ndtr((truth - mean) / std) * (1 if share is None else share * len(share)), axis=0)


def pit_hits(u: Float[ndarray, "*row"], level: float) -> Bool[ndarray, "*row"]:
    """Whether the truth lies in the central interval of probability `level`; exact for any mixture, however skewed."""
    return np.abs(2 * u - 1) <= level


def uniformity(u: Float[ndarray, " row"]) -> tuple[float, float]:
    """Distance of transforms from the uniform law, and its p-value (Kolmogorov and Smirnov)."""
    result = kstest(u, "uniform")
    return float(result.statistic), float(result.pvalue)
