"""Forecasts of the next three points of a light curve, against persistence, a damped trend and a Gaussian process.

    python benchmarks/forecasting.py [spcc plasticc] [--quick] [--peers PYTHON]

PYTHON (or the variable SKYSURE_PEERS) is the interpreter of an environment with tinygp and scipy; without, its rows are
left out. Light curves are cut after a random night; what is scored is the distribution of each measured flux, given its
error, on the same points of the test part for all. Ours is trained and calibrated by skysure, by likelihood; what the
baselines leave open and their widths are fitted to the score itself, the mean CRPS, on the calibration part of the same
split. CRPS is in units of the error of each point; "relative" in units of the brightest flux of its object so far.
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
from forecasting_baselines import damped_trend, fitted, gaussian_process, past, persistence
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
"""Light curves of the calibration and the test part that all methods forecast."""
STARTS = {persistence: [-3.0, -0.7, 0.0], damped_trend: [-3.0, -0.7, 0.0, -3.0, 2.5]}
COVERAGE = 0.683


@dataclass(frozen=True)
class Found:
    """What a method scored on the points of the test part."""

    crps: np.ndarray
    relative: np.ndarray
    held: np.ndarray
    log_score: float
    version: dict[str, str] | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="*", choices=[*FILES, []])
    parser.add_argument("--quick", action="store_true", help="two epochs, few objects: the same rows, worse figures")
    parser.add_argument("--peers", default=os.environ.get("SKYSURE_PEERS"))
    asked = parser.parse_args()
    held = []
    for name in asked.data or FILES:
        found = measured(name, asked.quick, asked.peers)
        held.append(found["ours"].held)
        record("forecasting", rows_of(name, found), quick=asked.quick)
    if len(held) == len(FILES):
        record("forecasting", [coverage("coverage_683", np.concatenate(held), "of both sets")], quick=asked.quick)


def measured(name: str, quick: bool, peers: str | None) -> dict[str, Found]:
    """Score all methods on a set, ours as it was trained and calibrated by skysure."""
    run = skysure.load(trained(name, quick))
    source = SplitSource(source_of(name, quick), read_parts(run.path / "split.parquet"))
    cal, test = (
        drawn(source, part, run, n // 10 if quick else n)
        for part, n in zip(("calibration", "test"), OBJECTS[name], strict=True)
    )
    model = run.model
    ours = fluxes_at(model, test.known, test.owner, test.time, test.band, run.verbs.Query())
    found = {"ours": scored(ours, model.horizons, test)}
    seen = past(cal), past(test)
    for method, start in STARTS.items():
        parameters = fitted(method, start, cal)
        found[method.__name__] = calibrated(*(method(some, parameters) for some in seen), cal, test)
    if peers:
        (before, version), (after, _) = (gaussian_process(peers, part) for part in (cal, test))
        found["gaussian_process"] = calibrated(before, after, cal, test, version)
    else:
        print("no tinygp: its rows are left out (--peers PYTHON)")
    return found


def source_of(name: str, quick: bool) -> Any:
    """Open a set; for a quick run some of its objects."""
    source = skysure.read("supernovae", [str(DATA / name / f"{table}.parquet") for table in FILES[name]])
    if not quick:
        return source
    first = next(iter(source.chunks()))
    return InMemorySource(source.schema, [first[:: max(1, len(first) // 900)]])


def trained(name: str, quick: bool) -> Path:
    """Give the run of a set, training it where it is not there yet."""
    out = ROOT / "runs" / (f"forecasting_{name}_quick" if quick else f"forecasting_{name}")
    out.parent.mkdir(exist_ok=True)
    small = {"epochs": 2, "hidden": 32, "head": 32, "validation": 60, "calibration": 200, "test": 200}
    if not out.exists():
        resume = out.with_name(f"{out.name}.training").exists()
        fields = COMMON | SETTINGS[name] | (small if quick else {})
        skysure.train("supernovae", source_of(name, quick), out, resume=resume, progress=tell, **fields)
    return out


def drawn(source: SplitSource, part: str, run: skysure.Run, objects: int) -> NextPoints:
    """Cut light curves of a part at random nights, with the three points that came next."""
    curves = skysure.LightCurves.concat(list(source.chunks(part)))
    some = np.random.default_rng(0).permutation(len(curves))[:objects]
    return next_points(curves[np.sort(some)], run.model.bands, run.settings, 3, np.random.default_rng(0))


def calibrated(
    before: Fluxes, after: Fluxes, cal: NextPoints, test: NextPoints, version: dict[str, str] | None = None
) -> Found:
    """Calibrate a baseline by days ahead on the points of the calibration part, and score it.

    Its widths are those of least CRPS, the score itself, where ours are those of greatest likelihood.
    """
    error = torch.from_numpy(cal.flux_error)
    in_errors = replace(before, mean=before.mean / error, std=before.std / error)
    horizons = Horizons().fit(in_errors, cal.flux / cal.flux_error, np.ones(len(error)), crps)
    return scored(horizons(after), horizons, test, version)


def scored(fluxes: Fluxes, horizons: Horizons, test: NextPoints, version: dict[str, str] | None = None) -> Found:
    """Score calibrated fluxes."""
    noisy, error = fluxes.measured(test.flux_error), test.flux_error
    low, high = horizons.interval(noisy, COVERAGE)
    each = errors_of(fluxes, test)
    log_score = noisy.score(gaussian_mixture_nll, test.flux) - float(np.log(error).mean())
    return Found(each, each * error / past(test).unit, (low <= test.flux) & (test.flux <= high), log_score, version)


def rows_of(name: str, found: dict[str, Found]) -> list[dict]:
    """Rows of a set: the scores of each, and what ours gains over the best of the others."""
    rows = []
    for method, of in found.items():
        n, peer = len(of.crps) // 3, None
        if of.version:
            peer = {"name": "tinygp", "version": of.version["tinygp"], "value": float(of.crps.mean())}
        for measure, values in (("crps", of.crps), ("relative_crps", of.relative)):
            each = with_interval(mean_of, values.reshape(-1, 3).mean(1), resamples=1000)
            shown = peer if measure == "crps" else None
            rows.append(
                row(f"{measure}_{method}_{name}", each.value, error=(each.high - each.low) / 2, n=n, peer=shown)
            )
        rows.append(
            row(f"log_score_{method}_{name}", of.log_score, "nat", n=n, note="of flux over error; small is good")
        )
        rows.append(coverage(f"coverage_683_{method}_{name}", of.held, ""))
    others = {method: of for method, of in found.items() if method != "ours"}
    for measure in ("crps", "relative"):
        best = min(others, key=lambda method: getattr(others[method], measure).mean())
        ours, theirs = (getattr(found[m], measure).reshape(-1, 3).mean(1) for m in ("ours", best))
        gain = with_interval(gained, ours, theirs, resamples=1000)
        label = "crps_gain" if measure == "crps" else "relative_crps_gain"
        error, peers = (gain.high - gain.low) / 2, "" if "gaussian_process" in others else "; no Gaussian process"
        note = f"over {best.replace('_', ' ')}{peers}"
        rows.append(row(f"{label}_{name}", gain.value, "%", error=error, n=len(ours), note=note))
    return rows


def gained(ours: np.ndarray, theirs: np.ndarray, weight: np.ndarray | None = None) -> float | np.ndarray:
    """How much smaller our mean is [%]."""
    return 100 * (1 - mean_of(ours, weight) / mean_of(theirs, weight))


def coverage(measure: str, held: np.ndarray, note: str) -> dict:
    low, high = wilson_interval(int(held.sum()), len(held))
    return row(measure, 100 * float(held.mean()), "%", error=50 * (high - low), n=len(held), note=note)


def tell(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


if __name__ == "__main__":
    main()
