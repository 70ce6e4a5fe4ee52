"""PLAsTiCC, 14 classes, five folds: ours against LightGBM on features of light-curve, and against a 1-D ResNet.

    python benchmarks/plasticc.py [--quick] [--peers PYTHON] [PART ...]

ours      `skysure train supernovae --preset plasticc` in each fold, with photometric redshifts of the hosts (zero: in
          our Galaxy); then the same runs without redshifts, calibrated anew without.
lightgbm  the same objects by plasticc_peers.py, with and without redshifts, in an environment of its own: give its
          Python as --peers or in SKYSURE_PEERS (`pip install light-curve lightgbm`).
resnet    a 1-D ResNet in place of our recurrent layers, of as many weights, on the same inputs, for as many epochs,
          in the first two folds.
cost      seconds and memory of an epoch of both.

The folds are stratified by class. The test fold is for scores alone; what stops a training and what calibrates comes
out of the other four. All methods are calibrated alike. The challenge's score weighs classes alike (two of them twice),
so for it, for all methods alike, probabilities are divided by the frequencies of the classes in training and
raised to a power that the calibration part chooses. Runs stay in runs/ and resume.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

import skysure
from plasticc_folds import PARTS, parts_of
from plasticc_resnet import answered, costs, trained
from plasticc_scores import Found, calibrated, for_challenge, ratio, rows_of
from record import record, row
from skysure.application import settings_of
from skysure.applications.supernovae import calibrate
from skysure.applications.supernovae.batches import targets
from skysure.data.sources import InMemorySource, SplitSource
from skysure.data.split import Split
from skysure.run.directory import Run

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data")) / "plasticc"
RUNS = ROOT / "runs"
RESNETS = 2
"""Folds that the ResNet is trained on: each costs as much as ours."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    measures = {"ours": ours, "lightgbm": lightgbm, "resnet": resnet, "cost": cost}
    parser.add_argument("parts", nargs="*", choices=[*measures, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="one fold, few objects, one epoch: rows without meaning")
    parser.add_argument("--peers", default=os.environ.get("SKYSURE_PEERS", ""), help="Python with LightGBM")
    asked = parser.parse_args()
    RUNS.mkdir(exist_ok=True)
    folds = Folds(asked.quick, asked.peers)
    for part in asked.parts or measures:
        if part != "lightgbm" or asked.peers:
            record("plasticc", measures[part](folds), quick=asked.quick)


class Folds:
    """The light curves, and the parts that they belong to in each fold."""

    def __init__(self, quick: bool, peers: str) -> None:
        self.quick, self.peers = quick, peers
        source = skysure.read("supernovae", [str(DATA / n) for n in ("lightcurves.parquet", "metadata.parquet")])
        curves = skysure.LightCurves.concat(list(source.chunks()))
        self.curves = curves[::8] if quick else curves
        self.schema = source.schema
        self.names = np.array(source.schema.classes)
        self.label = targets(self.curves.objects["label"], source.schema.classes)
        self.parts = parts_of(self.label)[: 1 if quick else None]
        self.settings = settings_of("supernovae", "plasticc", None, {"epochs": 1, "members": 1} if quick else {})

    @property
    def tested(self) -> np.ndarray:
        """Objects that are tested on, in order."""
        return np.flatnonzero((self.parts == PARTS.index("test")).any(0))

    def source(self, k: int, curves: skysure.LightCurves | None = None) -> SplitSource:
        """Give the light curves in the parts of a fold."""
        ids = self.curves.ids
        split = Split(ids, np.full(len(ids), ""), np.array(PARTS)[self.parts[k]])
        return SplitSource(InMemorySource(self.schema, [curves or self.curves]), split)

    def over(self, fold: Callable[[int], Found]) -> Found:
        """Join what is found in each fold."""
        test = [np.flatnonzero(part == PARTS.index("test")) for part in self.parts]
        return Found.over([(objects, fold(k)) for k, objects in enumerate(test)])

    def rows(self, found: Found, suffix: str) -> list[dict]:
        return rows_of(found, self.label[self.tested], self.names, suffix)

    def first(self, count: int) -> Folds:
        """Give the first of the folds."""
        few = copy.copy(self)
        few.parts = self.parts[:count]
        return few

    @cache  # noqa: B019
    def by_lightgbm(self, redshift: bool) -> Found:
        """Give what LightGBM finds, which runs where it was not run yet."""
        found = np.load(peered(self) / "lightgbm.npz")["z" if redshift else "blind"]
        return self.over(lambda k: calibrated(found[k], self.parts[k], self.label, self.names))


def ours(folds: Folds) -> list[dict]:
    """Train on each fold, and score with redshifts and without, beside LightGBM where it was run."""
    rows = []
    for redshift, suffix in ((True, ""), (False, "_blind")):
        found = folds.over(lambda k, redshift=redshift: predicted(folds, k, redshift))
        rows += folds.rows(found, suffix)
        if folds.peers:
            args = (folds.label[folds.tested], folds.names, f"logloss_over_lightgbm{suffix}", "the same folds")
            rows.append(ratio(found, folds.by_lightgbm(redshift), *args))
    return rows


def run_of(folds: Folds, k: int) -> Run:
    """Give the run of a fold, training it where it is not there yet."""
    out = RUNS / f"plasticc_{k}{'_quick' * folds.quick}"
    if not out.exists():
        resume = out.with_name(f"{out.name}.training").exists()
        changes = {"epochs": 1, "members": 1} if folds.quick else {}
        skysure.train("supernovae", folds.source(k), out, preset="plasticc", resume=resume, progress=tell, **changes)
    return skysure.load(out)


def predicted(folds: Folds, k: int, redshift: bool) -> Found:
    """Give what the run of a fold says; without redshifts, calibrated anew without."""
    run, curves = run_of(folds, k), folds.curves
    if not redshift:
        hidden = {n: np.full(len(curves), np.nan) for n in ("redshift", "redshift_error")}
        curves = replace(curves, objects=curves.objects | hidden)
        calibrate(run.model, folds.source(k, curves))
    found = skysure.predict(run, curves)
    test = folds.parts[k] == PARTS.index("test")
    return for_challenge(found.probability, found.prediction_set[test], folds.parts[k], folds.label, folds.names)


def lightgbm(folds: Folds) -> list[dict]:
    """Train LightGBM on each fold, with redshifts and without."""
    told = json.loads(str(np.load(peered(folds) / "lightgbm.npz")["told"]))
    rows = folds.rows(folds.by_lightgbm(True), "_lightgbm") + folds.rows(folds.by_lightgbm(False), "_lightgbm_blind")
    versions = {name: told[name] for name in ("light-curve", "lightgbm", "numpy")}
    note = f"of one core, all folds, features {told['features']:.0f} s; {told['columns']} columns"
    rows.append(row("seconds_lightgbm", told["z"], "s", note=note))
    return [r | {"peer": versions} for r in rows]


def peered(folds: Folds) -> Path:
    """Run LightGBM in its own environment where it has not run yet; give the folder with what it found."""
    folder = RUNS / f"plasticc_peers{'_quick' * folds.quick}"
    if not (folder / "lightgbm.npz").exists():
        folder.mkdir(exist_ok=True)
        points = {n: getattr(folds.curves, n) for n in ("offsets", "time", "band", "flux", "flux_error")}
        columns = {n: folds.curves.column(n) for n in ("redshift", "redshift_error")}
        np.savez(folder / "curves.npz", **points, **columns, label=folds.label)
        np.save(folder / "parts.npy", folds.parts)
        subprocess.run([folds.peers, str(Path(__file__).with_name("plasticc_peers.py")), str(folder)], check=True)
    return folder


def resnet(folds: Folds) -> list[dict]:
    """Train a ResNet on the first folds, and hold one network of ours beside it."""
    folds = folds.first(RESNETS)
    found = folds.over(lambda k: by_resnet(folds, k))
    alone = folds.over(lambda k: by_first(folds, k))
    label = folds.label[folds.tested]
    right = [(f.probability.argmax(1) == label).astype(float) for f in (found, alone)]
    gain = 100 * (right[0] - right[1])
    note = "one network each; with redshifts, the same two folds, inputs, epochs and number of weights"
    error = float(gain.std() / len(gain) ** 0.5)
    return [
        *folds.rows(found, "_resnet"), *folds.rows(alone, "_one_lstm"),
        row("resnet_accuracy_minus_lstm", float(gain.mean()), "%", error=error, n=len(gain), note=note),
    ]  # fmt: skip


def by_resnet(folds: Folds, k: int) -> Found:
    kept = RUNS / f"plasticc_resnet_{k}{'_quick' * folds.quick}.npy"
    if not kept.exists():
        model = trained(folds.source(k), replace(folds.settings, classes=tuple(folds.names)))
        np.save(kept, answered(model, folds.curves))
    return calibrated(np.load(kept), folds.parts[k], folds.label, folds.names)


def by_first(folds: Folds, k: int) -> Found:
    """Give what the first network of the run of a fold says, without noise, as the ResNet does."""
    raw = answered(run_of(folds, k).model, folds.curves)
    return calibrated(raw, folds.parts[k], folds.label, folds.names)


def cost(folds: Folds) -> list[dict]:
    """Measure an epoch of both kinds of network."""
    rows = []
    for name, (seconds, memory, weights) in costs(folds.source(0), folds.settings).items():
        rows.append(row(f"seconds_an_epoch_{name}", seconds, "s", note=f"one core; {weights} weights"))
        rows.append(row(f"memory_{name}", memory, "MiB", note="most that a batch keeps for the gradient"))
    return rows


def tell(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


if __name__ == "__main__":
    main()
