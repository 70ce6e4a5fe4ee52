"""PLAsTiCC, 14 classes, five folds: ours compared with LightGBM on features of light-curve, and with a 1-D ResNet.

    python benchmarks/plasticc.py [--quick] [--peers PYTHON] [PART ...]

ours      `skysure train supernovae --preset plasticc` in each fold, with photometric host redshifts (zero: in our
          Galaxy); then the same runs without redshifts, calibrated again without them.
lightgbm  the same objects with plasticc_peers.py, with and without redshifts, in an environment of its own: give its
          Python as --peers or in SKYSURE_PEERS (`pip install light-curve lightgbm`).
resnet    a 1-D ResNet in place of our recurrent layers, with equally many weights, the same inputs and as many epochs,
          in the first two folds.
cost      time and memory of an epoch of both networks.

The folds are stratified by class. The test fold is used for scores only; validation and calibration parts are taken
from the other four. All methods are calibrated in the same way. The challenge's score weights all classes equally (two
of them twice); for it, probabilities of all methods are divided by the class frequencies in the training part and
raised to a power fitted on the calibration part. Runs stay in runs/ and resume.
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
from plasticc_resnet import measure_costs, predict_probabilities, train_resnet
from plasticc_scores import Predictions, calibrate_test_part, for_challenge, ratio, rows_of
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
"""Number of folds that the ResNet is trained on; each costs as much as ours."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    measures = {"ours": ours, "lightgbm": lightgbm, "resnet": resnet, "cost": cost}
    parser.add_argument("parts", nargs="*", choices=[*measures, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="one fold, few objects, one epoch: scores are meaningless")
    parser.add_argument("--peers", default=os.environ.get("SKYSURE_PEERS", ""), help="Python with LightGBM")
    arguments = parser.parse_args()
    RUNS.mkdir(exist_ok=True)
    folds = Folds(arguments.quick, arguments.peers)
    for part in arguments.parts or measures:
        if part != "lightgbm" or arguments.peers:
            record("plasticc", measures[part](folds), quick=arguments.quick)


class Folds:
    """The light curves, and their parts in each fold."""

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
        """Indices of the test objects of all folds, in order."""
        return np.flatnonzero((self.parts == PARTS.index("test")).any(0))

    def source(self, k: int, curves: skysure.LightCurves | None = None) -> SplitSource:
        """The light curves, split into the parts of a fold."""
        ids = self.curves.ids
        split = Split(ids, np.full(len(ids), ""), np.array(PARTS)[self.parts[k]])
        return SplitSource(InMemorySource(self.schema, [curves or self.curves]), split)

    def over(self, fold: Callable[[int], Predictions]) -> Predictions:
        """Combine the test predictions of all folds."""
        test = [np.flatnonzero(part == PARTS.index("test")) for part in self.parts]
        return Predictions.over([(objects, fold(k)) for k, objects in enumerate(test)])

    def rows(self, predictions: Predictions, suffix: str) -> list[dict]:
        return rows_of(predictions, self.label[self.tested], self.names, suffix)

    def first(self, count: int) -> Folds:
        """The first folds only."""
        subset = copy.copy(self)
        subset.parts = self.parts[:count]
        return subset

    @cache  # noqa: B019
    def by_lightgbm(self, redshift: bool) -> Predictions:
        """Predictions of LightGBM; runs it unless its results exist."""
        raw = np.load(run_lightgbm(self) / "lightgbm.npz")["z" if redshift else "blind"]
        return self.over(lambda k: calibrate_test_part(raw[k], self.parts[k], self.label, self.names))


def ours(folds: Folds) -> list[dict]:
    """Train on each fold; score with and without redshifts, and relative to LightGBM where it was run."""
    rows = []
    for redshift, suffix in ((True, ""), (False, "_blind")):
        predictions = folds.over(lambda k, redshift=redshift: predict_fold(folds, k, redshift))
        rows += folds.rows(predictions, suffix)
        if folds.peers:
            args = (folds.label[folds.tested], folds.names, f"logloss_over_lightgbm{suffix}", "the same folds")
            rows.append(ratio(predictions, folds.by_lightgbm(redshift), *args))
    return rows


def run_of(folds: Folds, k: int) -> Run:
    """Run of a fold; trains it unless it exists."""
    out = RUNS / f"plasticc_{k}{'_quick' * folds.quick}"
    if not out.exists():
        resume = out.with_name(f"{out.name}.training").exists()
        changes = {"epochs": 1, "members": 1} if folds.quick else {}
        skysure.train(
            "supernovae", folds.source(k), out, preset="plasticc", resume=resume, progress=show_progress, **changes
        )
    return skysure.load(out)


def predict_fold(folds: Folds, k: int, redshift: bool) -> Predictions:
    """Predictions of the run of a fold; without redshifts, it is calibrated again without them."""
    run, curves = run_of(folds, k), folds.curves
    if not redshift:
        hidden = {n: np.full(len(curves), np.nan) for n in ("redshift", "redshift_error")}
        curves = replace(curves, objects=curves.objects | hidden)
        calibrate(run.model, folds.source(k, curves))
    classes = skysure.predict(run, curves)
    test = folds.parts[k] == PARTS.index("test")
    return for_challenge(classes.probability, classes.prediction_set[test], folds.parts[k], folds.label, folds.names)


def lightgbm(folds: Folds) -> list[dict]:
    """Score LightGBM with and without redshifts."""
    about = json.loads(str(np.load(run_lightgbm(folds) / "lightgbm.npz")["about"]))
    rows = folds.rows(folds.by_lightgbm(True), "_lightgbm") + folds.rows(folds.by_lightgbm(False), "_lightgbm_blind")
    versions = {name: about[name] for name in ("light-curve", "lightgbm", "numpy")}
    note = f"of one core, all folds, features {about['features']:.0f} s; {about['columns']} columns"
    rows.append(row("seconds_lightgbm", about["z"], "s", note=note))
    return [r | {"peer": versions} for r in rows]


def run_lightgbm(folds: Folds) -> Path:
    """Run LightGBM in its own environment unless its results exist; returns their folder."""
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
    """Train a ResNet on the first folds, and compare it with one network of ours."""
    folds = folds.first(RESNETS)
    predictions = folds.over(lambda k: predict_resnet(folds, k))
    one_lstm = folds.over(lambda k: predict_first_network(folds, k))
    label = folds.label[folds.tested]
    correct = [(f.probability.argmax(1) == label).astype(float) for f in (predictions, one_lstm)]
    difference = 100 * (correct[0] - correct[1])
    note = "one network each; with redshifts, the same two folds, inputs, epochs and number of weights"
    error = float(difference.std() / len(difference) ** 0.5)
    return [
        *folds.rows(predictions, "_resnet"), *folds.rows(one_lstm, "_one_lstm"),
        row("resnet_accuracy_minus_lstm", float(difference.mean()), "%", error=error, n=len(difference), note=note),
    ]  # fmt: skip


def predict_resnet(folds: Folds, k: int) -> Predictions:
    path = RUNS / f"plasticc_resnet_{k}{'_quick' * folds.quick}.npy"
    if not path.exists():
        model = train_resnet(folds.source(k), replace(folds.settings, classes=tuple(folds.names)))
        np.save(path, predict_probabilities(model, folds.curves))
    return calibrate_test_part(np.load(path), folds.parts[k], folds.label, folds.names)


def predict_first_network(folds: Folds, k: int) -> Predictions:
    """Predictions of the first network of the run of a fold, without dropout noise, as of the ResNet."""
    raw = predict_probabilities(run_of(folds, k).model, folds.curves)
    return calibrate_test_part(raw, folds.parts[k], folds.label, folds.names)


def cost(folds: Folds) -> list[dict]:
    """Measure an epoch of both networks."""
    rows = []
    for name, (seconds, memory, weights) in measure_costs(folds.source(0), folds.settings).items():
        rows.append(row(f"seconds_an_epoch_{name}", seconds, "s", note=f"one core; {weights} weights"))
        rows.append(row(f"memory_{name}", memory, "MiB", note="most that a batch keeps for the gradient"))
    return rows


def show_progress(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


if __name__ == "__main__":
    main()
