"""Real lenses: the Einstein radii of SLACS lenses predicted by the model that ships, against published values.

    python benchmarks/slacs.py [--quick] [--run lens-hst] [--folder $SKYSURE_DATA/lens/slacs] [--table FILE]

The published values are those of Bolton et al. 2008 (ApJ 682, 964, table 5): singular isothermal ellipsoids, radii on
the intermediate axis, with an error of about 2 %. Nothing is trained, calibrated or selected on these lenses.

theta_e_r2 is 1 - sum (predicted - published)² / sum (published - mean)²; nmad is 1.4826 times the median absolute
deviation of the relative error from its median. Errors are standard deviations over bootstrap resamples of the lenses.
Coverages are those of central intervals of the posterior samples; `with_2_percent` widens them by the error of the
published values. The classical fits are those of Cao et al. 2025 (arXiv:2503.08586), as published with the images.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.table import QTable, Table
from scipy.stats import norm, spearmanr

import skysure
from record import record, row

DATA = Path(os.environ.get("SKYSURE_DATA", Path(__file__).parents[2] / "shared" / "data"))
LEVELS = {"1sigma": 0.683, "2sigma": 0.955}
BOOTSTRAPS = 2000
OUTLIER = 0.15
ERROR_OF_TRUTH = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="eight lenses")
    parser.add_argument("--run", default="lens-hst")
    parser.add_argument("--folder", type=Path, default=DATA / "lens" / "slacs")
    parser.add_argument("--table", type=Path, help="write predicted beside published values")
    options = parser.parse_args()
    truth = Table.read(options.folder / "truth.csv")
    truth = truth[: 8 if options.quick else len(truth)]
    folders = [options.folder / name for name in truth["lens_name"]]
    prediction = skysure.predict(options.run, folders, reading={"pixel_scale": 0.05}, samples=1000, kind=skysure.Values)
    order = {name: k for k, name in enumerate(prediction.rows["id"])}
    rows = [order[name] for name in truth["lens_name"]]
    record("slacs", measure(prediction, np.array(rows), truth), quick=options.quick)
    if options.table:
        table(prediction, rows, truth).write(options.table, overwrite=True)


def measure(prediction: skysure.Values, rows: np.ndarray, truth: Table) -> list[dict]:
    """The rows of the results."""
    column = prediction.names.index("theta_E")
    samples, published = prediction.samples[:, rows, column], np.asarray(truth["bSIE"], float)
    mean, std = samples.mean(0), samples.std(0)
    classical = np.asarray(truth["thetaE_lens_m"], float)
    third = (np.asarray(truth["thetaE_lens_u"], float) - np.asarray(truth["thetaE_lens_l"], float)) / 6
    results = []
    for name, unit, score in (
        ("theta_e_r2", "", r2), ("theta_e_nmad", "%", nmad), ("theta_e_outliers_15", "%", outliers),
        ("theta_e_bias", "%", lambda a, b: 100 * float(np.median(a / b - 1))),
    ):  # fmt: skip
        results.append(row(name, score(mean, published), unit, error=bootstrap(score, mean, published), n=len(rows),
                           note=f"classical fits, as published: {score(classical, published):.3g} {unit}"))  # fmt: skip
    for name, level in LEVELS.items():
        hits = covered(samples, published, level)
        error = 100 * np.sqrt(hits.mean() * (1 - hits.mean()) / len(hits))
        width = norm.ppf((1 + level) / 2)
        old = 100 * float(np.mean(np.abs(classical - published) < width * third))
        results.append(row(f"coverage_{name}", 100 * float(hits.mean()), "%", error=error, n=len(hits),
                           note=f"classical fits, as published: {old:.3g} %"))  # fmt: skip
        wider = np.abs(mean - published) < width * np.hypot(std, ERROR_OF_TRUTH * published)
        results.append(row(f"coverage_{name}_with_2_percent", 100 * float(wider.mean()), "%", n=len(hits)))
    results.append(row("error_rank_correlation", float(spearmanr(std, np.abs(mean - published)).statistic),
                       n=len(rows), note="Spearman, predicted error against actual error"))  # fmt: skip
    return results + shapes(prediction, rows, truth) + flags(prediction, rows)


def shapes(prediction: skysure.Values, rows: np.ndarray, truth: Table) -> list[dict]:
    """Axis ratio and position angle, with the coverage of their intervals."""
    q = prediction.samples[:, rows, prediction.names.index("q")]
    angle = prediction.samples[:, rows, prediction.names.index("position_angle")]
    true_q, true_angle = np.asarray(truth["qSIE"], float), np.asarray(truth["PASIE"], float)
    middle = angle.mean(0)
    true_angle = middle + (true_angle - middle + 90) % 180 - 90
    elongated = true_q < 0.8
    return [
        row("q_rms", float(np.sqrt(np.mean((q.mean(0) - true_q) ** 2))), n=len(rows)),
        row("q_coverage_1sigma", 100 * float(covered(q, true_q, 0.683).mean()), "%", n=len(rows)),
        row("position_angle_median_error", float(np.median(np.abs(middle - true_angle)[elongated])), "deg",
            n=int(elongated.sum()), note="lenses with q < 0.8"),
        row("position_angle_coverage_1sigma", 100 * float(covered(angle, true_angle, 0.683).mean()), "%", n=len(rows)),
    ]  # fmt: skip


def flags(prediction: skysure.Values, rows: np.ndarray) -> list[dict]:
    """How many real lenses are flagged as unlike the training images."""
    share = 100 * float(np.asarray(prediction.is_ood)[rows].mean())
    return [row("flagged", share, "%", n=len(rows), note="aim: 20 % at most")]


def r2(predicted: np.ndarray, published: np.ndarray) -> float:
    """Coefficient of determination."""
    return float(1 - np.sum((predicted - published) ** 2) / np.sum((published - published.mean()) ** 2))


def nmad(predicted: np.ndarray, published: np.ndarray) -> float:
    """Normalised median absolute deviation of the relative error [%]."""
    error = predicted / published - 1
    return float(148.26 * np.median(np.abs(error - np.median(error))))


def outliers(predicted: np.ndarray, published: np.ndarray) -> float:
    """Share of relative errors above 15 % [%]."""
    return 100 * float(np.mean(np.abs(predicted / published - 1) > OUTLIER))


def bootstrap(score: Callable[[np.ndarray, np.ndarray], float], *values: np.ndarray) -> float:
    """Standard deviation of a score over resamples of the lenses."""
    rng = np.random.default_rng(0)
    draws = rng.integers(len(values[0]), size=(BOOTSTRAPS, len(values[0])))
    return float(np.std([score(*(v[k] for v in values)) for k in draws]))


def covered(samples: np.ndarray, truth: np.ndarray, level: float) -> np.ndarray:
    """Whether the central interval of the samples of each lens holds the true value."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return (truth >= low) & (truth <= high)


def table(prediction: skysure.Values, rows: list[int], truth: Table) -> QTable:
    """Predicted beside published values."""
    columns = ("theta_E", "theta_E_error", "q", "q_error", "position_angle", "position_angle_error")
    result = prediction.to_table()[rows]
    side_by_side = result[["id", *columns, *(c for c in ("ood_percentile", "is_ood") if c in result.colnames)]]
    for name in ("bSIE", "qSIE", "PASIE", "thetaE_lens_m"):
        side_by_side[name] = truth[name]
    return side_by_side


if __name__ == "__main__":
    main()
