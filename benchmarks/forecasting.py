"""Forecasts of the next three observations, compared with persistence, a damped trend and a Gaussian process.

    python benchmarks/forecasting.py [spcc plasticc] [--quick] [--peers PYTHON]

PYTHON (or the variable SKYSURE_PEERS) is the interpreter of an environment with tinygp and scipy; without it, its rows
are left out. Light curves are cut after a random night. The score is that of the predictive distribution of each
measured flux, its error included, on the same observations of the test part for all methods. Ours is trained and
calibrated by likelihood; parameters and widths of the baselines are fitted to the score itself, the mean CRPS, on the
calibration part of the same split. CRPS is in units of the error of each observation; "relative" is in units of the
brightest flux of its object so far.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import skysure
from forecasting_baselines import damped_trend, fit_parameters, gaussian_process, last_observations, persistence
from record import record, row
from skysure.applications.supernovae.forecasts.horizons import Fluxes, Horizons
from skysure.applications.supernovae.forecasts.later import NextPoints, next_points
from skysure.applications.supernovae.forecasts.prediction import fluxes_at
from skysure.applications.supernovae.forecasts.scores import errors_of
from skysure.data.sources import InMemorySource, SplitSource
from skysure.data.split import read_parts
from skysure.methods.calibration import crps, gaussian_mixture_nll, wilson_interval, with_interval
from skysure.methods.calibration.scores import mean_of

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data"))
FILES = {"spcc": ("lightcurves", "objects"), "plasticc": ("lightcurves", "metadata")}
COMMON = {
    "forecast": 1.0, "cell": "lstm", "precision": "bfloat16", "hidden": 96, "head": 96, "batch": 64, "average": 2.0,
    "noise": 0.5, "drop_nights": 0.05, "drop_points": 0.05, "truncate": 0.0, "groups": False, "validation": 300,
}  # fmt: skip
SETTINGS = {
    "spcc": {"epochs": 12, "calibration": 1000, "test": 9000},
    "plasticc": {"epochs": 22, "calibration": 800, "test": 2000, "classes": (), "variables": True},
}
OBJECTS = {"spcc": (500, 1000), "plasticc": (300, 500)}
"""Numbers of light curves of the calibration and of the test part that all methods forecast."""
STARTS = {persistence: [-3.0, -0.7, 0.0], damped_trend: [-3.0, -0.7, 0.0, -3.0, 2.5]}
COVERAGE = 0.683


@dataclass(frozen=True)
class Scores:
    """Scores of a method on each observation of the test part: CRPS, relative CRPS, inside its interval; log score."""

    crps: np.ndarray
    relative: np.ndarray
    inside: np.ndarray
    log_score: float
    version: dict[str, str] | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="*", choices=[*FILES, []])
    parser.add_argument("--quick", action="store_true", help="two epochs, few objects: the same rows, worse scores")
    parser.add_argument("--peers", default=os.environ.get("SKYSURE_PEERS"))
    arguments = parser.parse_args()
    inside = []
    for name in arguments.data or FILES:
        scores = score_methods(name, arguments.quick, arguments.peers)
        inside.append(scores["ours"].inside)
        record("forecasting", rows_of(name, scores), quick=arguments.quick)
    if len(inside) == len(FILES):
        record("forecasting", [coverage("coverage_683", np.concatenate(inside), "of both sets")], quick=arguments.quick)


def score_methods(name: str, quick: bool, peers: str | None) -> dict[str, Scores]:
    """Score all methods on one data set."""
    run = skysure.load(train_run(name, quick))
    source = SplitSource(source_of(name, quick), read_parts(run.path / "split.parquet"))
    calibration, test = (
        cut_light_curves(source, part, run, n // 10 if quick else n)
        for part, n in zip(("calibration", "test"), OBJECTS[name], strict=True)
    )
    model = run.model
    ours = fluxes_at(model, test.past, test.owner, test.time, test.band, run.verbs.Query())
    scores = {"ours": score(ours, model.horizons, test)}
    observations = last_observations(calibration), last_observations(test)
    for method, start in STARTS.items():
        parameters = fit_parameters(method, start, calibration)
        forecasts = (method(part, parameters) for part in observations)
        scores[method.__name__] = calibrate_and_score(*forecasts, calibration, test)
    if peers:
        (before, version), (after, _) = (gaussian_process(peers, part) for part in (calibration, test))
        scores["gaussian_process"] = calibrate_and_score(before, after, calibration, test, version)
    else:
        print("no tinygp: its rows are left out (--peers PYTHON)")
    return scores


def source_of(name: str, quick: bool) -> Any:
    """Open a data set; for a quick run a part of its objects."""
    source = skysure.read("supernovae", [str(DATA / name / f"{table}.parquet") for table in FILES[name]])
    if not quick:
        return source
    first = next(iter(source.chunks()))
    return InMemorySource(source.schema, [first[:: max(1, len(first) // 900)]])


def train_run(name: str, quick: bool) -> Path:
    """Run of a data set; trains it unless it exists."""
    out = ROOT / "runs" / (f"forecasting_{name}_quick" if quick else f"forecasting_{name}")
    out.parent.mkdir(exist_ok=True)
    small = {"epochs": 2, "hidden": 32, "head": 32, "validation": 60, "calibration": 200, "test": 200}
    if not out.exists():
        resume = out.with_name(f"{out.name}.training").exists()
        fields = COMMON | SETTINGS[name] | (small if quick else {})
        skysure.train("supernovae", source_of(name, quick), out, resume=resume, progress=show_progress, **fields)
    return out


def cut_light_curves(source: SplitSource, part: str, run: skysure.Run, objects: int) -> NextPoints:
    """Cut light curves of a part at random nights; keeps the next three observations of each."""
    curves = skysure.LightCurves.concat(list(source.chunks(part)))
    indices = np.random.default_rng(0).permutation(len(curves))[:objects]
    return next_points(curves[np.sort(indices)], run.model.bands, run.settings, 3, np.random.default_rng(0))


def calibrate_and_score(
    before: Fluxes, after: Fluxes, calibration: NextPoints, test: NextPoints, version: dict[str, str] | None = None
) -> Scores:
    """Calibrate a baseline by days ahead on the calibration part, and score it.

    Its widths minimise the CRPS, the score itself; ours maximise the likelihood.
    """
    error = torch.from_numpy(calibration.flux_error)
    in_errors = replace(before, mean=before.mean / error, std=before.std / error)
    horizons = Horizons().fit(in_errors, calibration.flux / calibration.flux_error, np.ones(len(error)), crps)
    return score(horizons(after), horizons, test, version)


def score(fluxes: Fluxes, horizons: Horizons, test: NextPoints, version: dict[str, str] | None = None) -> Scores:
    """Score calibrated fluxes."""
    noisy, error = fluxes.measured(test.flux_error), test.flux_error
    low, high = horizons.interval(noisy, COVERAGE)
    values = errors_of(fluxes, test)
    log_score = noisy.score(gaussian_mixture_nll, test.flux) - float(np.log(error).mean())
    return Scores(
        values,
        values * error / last_observations(test).unit,
        (low <= test.flux) & (test.flux <= high),
        log_score,
        version,
    )


def rows_of(name: str, scores: dict[str, Scores]) -> list[dict]:
    """Rows of a data set: the scores of each method, and our gain over the best of the others."""
    rows = []
    for method, of in scores.items():
        n, peer = len(of.crps) // 3, None
        if of.version:
            peer = {"name": "tinygp", "version": of.version["tinygp"], "value": float(of.crps.mean())}
        for measure, values in (("crps", of.crps), ("relative_crps", of.relative)):
            estimate = with_interval(mean_of, values.reshape(-1, 3).mean(1), resamples=1000)
            error = (estimate.high - estimate.low) / 2
            crps_peer = peer if measure == "crps" else None
            rows.append(row(f"{measure}_{method}_{name}", estimate.value, error=error, n=n, peer=crps_peer))
        rows.append(
            row(f"log_score_{method}_{name}", of.log_score, "nat", n=n, note="of flux over error; small is good")
        )
        rows.append(coverage(f"coverage_683_{method}_{name}", of.inside, ""))
    competitors = {method: of for method, of in scores.items() if method != "ours"}
    for measure in ("crps", "relative"):
        best = min(competitors, key=lambda method: getattr(competitors[method], measure).mean())
        ours, theirs = (getattr(scores[m], measure).reshape(-1, 3).mean(1) for m in ("ours", best))
        gain = with_interval(relative_gain, ours, theirs, resamples=1000)
        label = "crps_gain" if measure == "crps" else "relative_crps_gain"
        error, peers = (gain.high - gain.low) / 2, "" if "gaussian_process" in competitors else "; no Gaussian process"
        note = f"over {best.replace('_', ' ')}{peers}"
        rows.append(row(f"{label}_{name}", gain.value, "%", error=error, n=len(ours), note=note))
    return rows


def relative_gain(ours: np.ndarray, theirs: np.ndarray, weight: np.ndarray | None = None) -> float | np.ndarray:
    """By how much our mean is smaller [%]."""
    return 100 * (1 - mean_of(ours, weight) / mean_of(theirs, weight))


def coverage(measure: str, inside: np.ndarray, note: str) -> dict:
    low, high = wilson_interval(int(inside.sum()), len(inside))
    return row(measure, 100 * float(inside.mean()), "%", error=50 * (high - low), n=len(inside), note=note)


def show_progress(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


if __name__ == "__main__":
    main()
