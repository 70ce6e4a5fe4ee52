"""Scores of posterior draws of several values, gathered chunk by chunk: errors, ranks, coverage, all values jointly.

Kept of each object are its mean, its standard deviation, the ranks of its truth among the draws before and after
calibration, the CRPS of each value, the energy score and one rank of the joint distribution (TARP), so that 100,000
objects need little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import kstest, spearmanr

from skysure.errors import InputError
from skysure.methods.calibration import (
    Bin,
    Interval,
    coverage_by,
    coverage_curve,
    pit_from_ranks,
    rank_histogram,
    ranks,
    tarp,
)
from skysure.methods.calibration.coverage import calibrated_band

from .evaluation import Column, Curve, Score, Table
from .measure import of_interval

LEVELS = (0.05, *np.round(np.arange(0.1, 0.95, 0.1), 2).tolist(), 0.683, 0.95, 0.955, 0.99, 0.997)
FINE = np.arange(1, 100) / 100
"""Levels at which the largest gap is looked for."""
OUTLIER = 0.15
"""Relative error of an outlier, for positive values."""
SHOWN = 400
"""Objects of the figure of predicted against true values."""
JOINT_BAND = 0.99
"""Probability that the joint coverage of a calibrated model lies inside its band at all levels."""
RESAMPLES = 200
BINS, BINNED = 5, 0.683
"""Number of bins of a column, and the level whose coverage is shown in them."""

Draws = Float[np.ndarray, "draw object value"]
Values = Float[np.ndarray, " object"]


@dataclass
class PosteriorScores:
    """Gathers draws and truth, and scores them.

    Parameters
    ----------
    names, units : sequence of str
        Of the values.
    low, high : sequence of float
        A range of each value that does not depend on the objects, such as that of its prior, for reference points of
        the joint coverage.
    positive : sequence of str
        Values whose relative error means something.
    """

    names: Sequence[str]
    units: Sequence[str]
    low: Sequence[float]
    high: Sequence[float]
    positive: Sequence[str] = ()
    rows: list[dict[str, np.ndarray]] = field(default_factory=list, repr=False)
    has_before: bool = False
    _shown: list[np.ndarray] = field(default_factory=list, repr=False)

    def add(
        self,
        draws: Draws,
        truth: Float[np.ndarray, "object value"],
        before: Draws | None = None,
        columns: Mapping[str, np.ndarray] | None = None,
        nll: Values | None = None,
    ) -> None:
        """Gather some objects; those without all true values, or whose draws are not finite, are left out.

        Parameters
        ----------
        draws : ndarray
        truth : ndarray
        before : ndarray, optional
            Draws before calibration.
        columns : mapping of str to ndarray, shape (object,)
            What coverage is binned by.
        nll : ndarray, optional
            Negative log-likelihood of each object [nat], where it is known.
        """
        used = np.isfinite(truth).all(1) & np.isfinite(draws).all((0, 2))
        draws, truth = draws[:, used], truth[used]
        self.has_before |= before is not None
        before = draws if before is None else before[:, used]
        if not len(truth):
            return
        seed = len(self)
        after = self._gather(draws, truth, seed)
        earlier = after if before is draws else self._gather(before, truth, seed)
        row = after | {f"before_{name}": values for name, values in earlier.items()} | {
            "truth": truth, "mean": draws.mean(0), "std": draws.std(0), "draws": np.full(len(truth), len(draws)),
        }  # fmt: skip
        if seed < SHOWN:  # quantiles of all objects would take longer than everything else
            self._shown.append(np.quantile(draws[:, : SHOWN - seed], [0.1585, 0.8415], axis=0))
        row |= {} if nll is None else {"nll": np.asarray(nll)[used]}
        self.rows.append(row | {f"by {name}": np.asarray(v)[used] for name, v in (columns or {}).items()})

    def _gather(self, draws: Draws, truth: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        rank = ranks(draws, truth, seed)
        return {
            "rank": rank, "pit": pit_from_ranks(rank, len(draws), seed), "crps": crps_of_draws(draws, truth),
            "joint": self._joint(draws, truth, seed), "energy": energy_score(draws, truth, self._width(), seed),
        }  # fmt: skip

    def __len__(self) -> int:
        return sum(len(row["truth"]) for row in self.rows)

    def scores(self, headline: Sequence[str] = ()) -> list[Score]:
        """Scores of each value, and the largest gap of coverage; those of `headline` stand at the top."""
        every = [score for k, name in enumerate(self.names) for score in self._scores_of(k, name in headline)]
        nll = self.gathered().get("nll")
        likelihood = (
            () if nll is None else (of_interval("nll", "Negative log-likelihood", resample(np.mean, nll), "nat"),)
        )
        return [self._gap(), *self._joint_scores(), *likelihood, *every]

    def curves(self) -> list[Curve]:
        """What the figures draw: coverage, ranks, joint coverage, predicted against true values, coverage in bins."""
        gathered, size = self.gathered(), int(self.gathered()["draws"].min())
        pit, before = gathered["pit"], gathered["before_pit"]
        coverage = [
            {"of": name, "unit": unit} | curve_of(pit[:, k])
            | {"before": observed(before[:, k], LEVELS) if self.has_before else None}
            for k, (name, unit) in enumerate(zip(self.names, self.units, strict=True))
        ]  # fmt: skip
        histograms = [
            {"of": name} | rank_histogram(np.minimum(gathered["rank"][:, k], size), size)
            for k, name in enumerate(self.names)
        ]
        joint = joint_curve(gathered["joint"], gathered["before_joint"] if self.has_before else None)
        return [
            Curve("posterior_coverage", coverage), Curve("posterior_ranks", histograms), Curve("joint_coverage", joint),
            Curve("predicted", self._predicted(gathered)), *self._by(gathered),
        ]  # fmt: skip

    def table(self) -> Table:
        """A row per value: errors, coverage at three levels before and after calibration."""
        gathered = self.gathered()
        rows = []
        for k, (name, unit) in enumerate(zip(self.names, self.units, strict=True)):
            mean, truth = gathered["mean"][:, k], gathered["truth"][:, k]
            levels = (0.683, 0.955, 0.997)
            after, earlier = (observed(gathered[kind][:, k], levels) for kind in ("pit", "before_pit"))
            row = (name, unit, rms(mean, truth), float(np.mean(mean - truth)), r2(mean, truth),
                   *(100 * value for value in after), *(100 * value for value in earlier))  # fmt: skip
            rows.append(row)
        columns = (
            Column("value", "Parameter"), Column("unit", "Unit"), Column("rms", "RMS error"), Column("bias", "Bias"),
            Column("r2", "R²"), *(Column(f"coverage_{x}", f"Inside {x} %", "%") for x in ("68.3", "95.5", "99.7")),
            *(Column(f"before_{x}", f"{x} %, uncalibrated", "%") for x in ("68.3", "95.5", "99.7")),
        )  # fmt: skip
        caption = "Errors of the posterior mean, and how often central intervals hold the true value."
        return Table("parameters", "Parameters", columns, tuple(rows), caption=caption)

    def gathered(self) -> dict[str, np.ndarray]:
        """What is kept of each object, by name; names with "before_" are of draws before calibration."""
        if not self.rows:
            raise InputError("no objects with true values", "at least one", "observed objects", "give true values")
        shared = set.intersection(*(set(row) for row in self.rows))
        return {name: np.concatenate([row[name] for row in self.rows]) for name in self.rows[0] if name in shared}

    def tables(self) -> list[Table]:
        """The table of values, and for each column one of coverage in its bins."""
        gathered = self.gathered()
        columns = {name.removeprefix("by "): values for name, values in gathered.items() if name.startswith("by ")}
        hits = np.abs(2 * gathered["pit"] - 1) <= BINNED
        return [self.table(), *(self._table_by(name, column, hits) for name, column in columns.items())]

    def _table_by(self, name: str, column: Values, hits: np.ndarray) -> Table:
        """Coverage of each value in bins of a column with equal counts."""
        bins = [coverage_by(column, hits[:, k], BINNED, bins=BINS) for k in range(len(self.names))]
        rows = [
            (f"{of_bin[0].low:.4g} to {of_bin[0].high:.4g}", of_bin[0].coverage.n, *(_share(b) for b in of_bin))
            for of_bin in zip(*bins, strict=True)
        ]
        columns = (Column("bin", name), Column("count", "Objects"), *(Column(v, v, "%") for v in self.names))
        level = f"{100 * BINNED:g}"
        caption = f"How often central intervals of {level} % hold the true value, where {name} is in a bin."
        title = f"Coverage of {level} % intervals by {name}"
        return Table(f"coverage by {name}", title, columns, tuple(rows), "trust", caption, BINNED)

    def _width(self) -> np.ndarray:
        return np.asarray(self.high, float) - np.asarray(self.low, float)

    def _joint(self, draws: Draws, truth: np.ndarray, seed: int) -> np.ndarray:
        """Rank of the distance from a random point, as a fraction: uniform where jointly calibrated (TARP)."""
        low, high = np.asarray(self.low, float), np.asarray(self.high, float)
        scaled, true = (draws - low) / (high - low), (truth - low) / (high - low)
        # two rows at the ends of the range, so that distances are in its units whatever the chunk
        corners = np.stack([np.zeros(len(low)), np.ones(len(low))])
        padded = np.concatenate([scaled, np.broadcast_to(corners, (len(draws), *corners.shape))], 1)
        points = np.random.default_rng([seed, 7]).random((len(truth) + 2, len(low)))
        return tarp(padded, np.concatenate([true, corners]), references=points, seed=seed)[: len(truth)]

    def _scores_of(self, k: int, headline: bool) -> list[Score]:
        gathered, name, unit = self.gathered(), self.names[k], self.units[k]
        truth, mean, std, crps = (gathered[key][:, k] for key in ("truth", "mean", "std", "crps"))
        earlier = float(gathered["before_crps"][:, k].mean()) if self.has_before else None
        scores = [
            of_interval(f"{name}_rms", f"RMS error of {name}", resample(rms, mean, truth), unit, headline=headline),
            of_interval(f"{name}_crps", f"CRPS of {name}", resample(np.mean, crps), unit, before=earlier),
            self._coverage_score(k, 0.683, headline), self._coverage_score(k, 0.955, False),
        ]  # fmt: skip
        if name in self.positive:
            spread, far = resample(nmad, mean, truth), resample(outlier_rate, mean, truth)
            scores.append(of_interval(f"{name}_nmad", f"Scatter (NMAD) of {name}", spread, "%"))
            scores.append(of_interval(f"{name}_outliers", f"{name} off by more than 15 %", far, "%"))
        correlation = float(np.asarray(spearmanr(std, np.abs(mean - truth))[0]))
        label = f"Rank correlation of predicted and actual error of {name}"
        return [*scores, Score(f"{name}_error_correlation", label, correlation, digits=2)]

    def _coverage_score(self, k: int, level: float, headline: bool) -> Score:
        gathered, name = self.gathered(), self.names[k]
        curve = coverage_curve((np.abs(2 * gathered["pit"][:, [k]].T - 1) < level), (level,))
        value, low, high = (100 * curve[end][0] for end in ("actual", "low", "high"))
        label = f"Coverage of the {100 * level:g} % intervals of {name}"
        earlier = 100 * observed(gathered["before_pit"][:, k], (level,))[0] if self.has_before else None
        return of_interval(f"{name}_coverage_{1000 * level:.0f}", label, Interval(value, low, high), "%",
                           headline=headline, before=earlier)  # fmt: skip

    def _gap(self) -> Score:
        gathered = self.gathered()
        gap, where = largest_gap(gathered["pit"], self.names)
        before = 100 * largest_gap(gathered["before_pit"], self.names)[0] if self.has_before else None
        text = f"over all parameters and the levels 1 % to 99 %; largest for {where}"
        return Score("largest_coverage_gap", "Largest gap between observed and nominal coverage", 100 * gap, unit="%",
                     before=before, headline=True, help=text, digits=2)  # fmt: skip

    def _joint_scores(self) -> list[Score]:
        gathered = self.gathered()
        joint = gathered["joint"]
        curve = joint_curve(joint, gathered["before_joint"])
        inside = float(all(curve["inside"]))
        text = f"1: the joint coverage lies inside the {100 * JOINT_BAND:g} % band of a calibrated model at all levels"
        p_value = float(kstest(joint, "uniform").pvalue)
        energy = resample(np.mean, gathered["energy"])
        earlier = float(gathered["before_energy"].mean()) if self.has_before else None
        about = "CRPS of all values jointly, each in units of its range; small is good"
        return [
            of_interval("energy_score", "Energy score", energy, before=earlier, help=about),
            Score("joint_inside_band", "Joint coverage inside its band", inside, help=text, digits=0),
            Score("joint_p_value", "p-value of the joint calibration (Kolmogorov-Smirnov)", p_value, digits=3),
        ]

    def _predicted(self, gathered: dict[str, np.ndarray]) -> list[dict[str, Any]]:
        """Some objects: truth, mean, 68.3 % interval, and the smallest of three levels that holds the truth."""
        part, ends = slice(SHOWN), np.concatenate(self._shown, 1)
        gathered = gathered | {"low": ends[0], "high": ends[1]}
        depth = np.abs(2 * gathered["pit"][part] - 1)
        return [
            {"of": name, "unit": unit, "level": np.searchsorted((0.683, 0.955, 0.997), depth[:, k]).tolist()}
            | {key: gathered[key][part, k].tolist() for key in ("truth", "mean", "low", "high")}
            for k, (name, unit) in enumerate(zip(self.names, self.units, strict=True))
        ]

    def _by(self, gathered: dict[str, np.ndarray]) -> list[Curve]:
        """Coverage of 68.3 % of the first value in bins of each column."""
        hits = np.abs(2 * gathered["pit"][:, 0] - 1) < 0.683
        columns = {name.removeprefix("by "): values for name, values in gathered.items() if name.startswith("by ")}
        bins = {name: [b.record() for b in coverage_by(values, hits, 0.683)] for name, values in columns.items()}
        return [Curve("by", bins)] if bins else []


def crps_of_draws(draws: Draws, truth: Float[np.ndarray, "object value"]) -> Float[np.ndarray, "object value"]:
    """CRPS of each value from draws: mean |x - truth| - mean |x - x'| / 2 over pairs (Gneiting & Raftery 2007, eq. 21).

    The mean over pairs of different draws, from the order of the draws: an unbiased estimate.
    """
    size = len(draws)
    ordered = np.sort(draws, 0)
    weight = (2 * np.arange(1, size + 1) - size - 1) / (size * (size - 1))
    return np.abs(draws - truth).mean(0) - np.einsum("s,sov->ov", weight, ordered)


def energy_score(draws: Draws, truth: np.ndarray, width: np.ndarray, seed: int = 0) -> Values:
    """Energy score of each object: the CRPS of all values jointly (Gneiting & Raftery 2007, eq. 22).

    mean |x − y| − mean |x − x'| / 2 with the distance in units of `width`; x' is the next draw in a random order, so
    that the mean over pairs is unbiased and its cost linear in the draws.
    """
    order = np.random.default_rng([seed, 5]).permutation(len(draws))
    to_truth, between = np.zeros(len(truth)), np.zeros(len(truth))
    for k, own in enumerate(order):
        to_truth += np.sqrt((((draws[own] - truth) / width) ** 2).sum(1))
        between += np.sqrt((((draws[own] - draws[order[k - 1]]) / width) ** 2).sum(1))
    return (to_truth - between / 2) / len(draws)


def _share(of_bin: Bin) -> dict[str, float]:
    share = of_bin.coverage
    return {"value": 100 * share.actual, "low": 100 * share.low, "high": 100 * share.high}


def curve_of(pit: Float[np.ndarray, " object"]) -> dict[str, Any]:
    """Empirical coverage of central intervals at all levels, with intervals and bands."""
    return coverage_curve(np.stack([np.abs(2 * pit - 1) < level for level in LEVELS]), LEVELS)


def observed(pit: Float[np.ndarray, " object"], levels: Sequence[float]) -> list[float]:
    """Empirical coverage of central intervals."""
    return [float(np.mean(np.abs(2 * pit - 1) < level)) for level in levels]


def joint_curve(joint: Values, before: Values | None = None) -> dict[str, Any]:
    """Joint coverage at each credibility, with the band of a calibrated model at all levels together (Bonferroni)."""
    levels = FINE[4::5]
    confidence = 1 - (1 - JOINT_BAND) / len(levels)
    bands = [calibrated_band(float(level), len(joint), confidence) for level in levels]
    actual = [float(np.mean(joint <= level)) for level in levels]
    return {
        "nominal": levels.tolist(), "actual": actual, "n": len(joint),
        "before": None if before is None else [float(np.mean(before <= level)) for level in levels],
        "band_low": [low for low, _ in bands], "band_high": [high for _, high in bands],
        "inside": [low <= value <= high for value, (low, high) in zip(actual, bands, strict=True)],
    }  # fmt: skip


def largest_gap(pit: Float[np.ndarray, "object value"], names: Sequence[str]) -> tuple[float, str]:
    """Largest difference between empirical and nominal coverage of central intervals, and where it is."""
    depth = np.sort(np.abs(2 * pit - 1), 0)
    gaps = np.stack([np.searchsorted(column, FINE) for column in depth.T], 1) / len(pit) - FINE[:, None]
    level, value = np.unravel_index(np.abs(gaps).argmax(), gaps.shape)
    return float(np.abs(gaps[level, value])), f"{names[int(value)]} at {100 * FINE[level]:.0f} %"


def resample(score: Callable[..., Any], *arrays: np.ndarray) -> Interval:
    """Give a score with an interval of one standard deviation over bootstrap resamples of the objects."""
    rng, size = np.random.default_rng(0), len(arrays[0])
    indices = (rng.integers(size, size=size) for _ in range(RESAMPLES))
    error = float(np.std([score(*(array[k] for array in arrays)) for k in indices]))
    value = float(score(*arrays))
    return Interval(value, value - error, value + error)


def rms(mean: Values, truth: Values) -> float:
    """Root mean square error."""
    return float(np.sqrt(np.mean((mean - truth) ** 2)))


def r2(mean: Values, truth: Values) -> float:
    """Coefficient of determination; NaN where all true values are the same."""
    spread = np.sum((truth - truth.mean()) ** 2)
    return float(1 - np.sum((mean - truth) ** 2) / spread) if spread else float("nan")


def nmad(mean: Values, truth: Values) -> float:
    """Normalised median absolute deviation of the relative error from its median [%]."""
    error = mean / truth - 1
    return 148.26 * float(np.median(np.abs(error - np.median(error))))


def outlier_rate(mean: Values, truth: Values) -> float:
    """Share of relative errors above 15 % [%]."""
    return 100 * float(np.mean(np.abs(mean / truth - 1) > OUTLIER))
