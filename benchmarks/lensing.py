"""Posteriors of simulated lenses: heads compared on one set of features, coverage, real sources, unlike images.

    python benchmarks/lensing.py [--quick] [summary] [features] [heads] [unlike]

summary    trains one network end to end on the prior of Hezaveh et al. 2017, at 64 x 64 pixels (resumes).
features   what its convolutions make of 150,000 new images to train on, 5,000 to stop, 50,000 to calibrate, 100,000 to
           test on.
heads      Gaussian, correlated Gaussian, mixture of Gaussians and normalising flow on these features, each with
           learned dropout rates and as an ensemble of five; with fixed keep rates 0.80 to 0.99 for the Gaussian. One
           is chosen by its NLL on the validation part: `theta_e_rms`, `xy_rms`, `largest_coverage_gap` and
           `joint_tarp_inside_band` are of that one. Rows of a head with `before` are those without calibration.
unlike     the OOD score of the model that ships, on six kinds of images unlike its training set, against new images
           like it: no lens, a spiral, lens light (of a network trained without it), cosmic rays, another instrument's
           pixels or PSF.

Lengths are in arcsec; mu is the magnification. A coverage gap is the largest difference between the empirical and the
nominal coverage of central intervals, over all parameters and the levels 1 %, ..., 99 %. NLL: of the density before
calibration, of parameters (theta_E and mu: their logarithms) in units of their standard deviation over the prior. CRPS:
mean over the parameters, in the same unit. The files of a stage are kept in `build/lensing`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader

import skysure
from lensing_heads import compare_heads
from record import record, row
from skysure.applications.lensing.networks import LensModel
from skysure.applications.lensing.out_of_distribution import KINDS, simulate_unlike
from skysure.applications.lensing.simulator import BLOCK, simulate
from skysure.applications.lensing.training import Blocks, simulation_workers
from skysure.data.simulated import SimulatedSource
from skysure.methods.novelty import auroc
from skysure.run.directory import load_run

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "lensing"
SMALL = {"instrument": str(Path(__file__).with_name("lensing_64.toml")), "size": 64, "views": 1, "width": 32}
PARTS = {"train": 150_000, "validation": 5_000, "calibration": 50_000, "test": 100_000}
SEEDS = {part: 101 + k for k, part in enumerate(PARTS)}
"""Seeds of the streams of images; the network of `summary` has seen those of seed 0."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="all by default")
    parser.add_argument("--quick", action="store_true", help="a thousandth of the images")
    options = parser.parse_args()
    global FOLDER
    FOLDER = FOLDER / "quick" if options.quick else FOLDER
    FOLDER.mkdir(parents=True, exist_ok=True)
    runners: dict[str, Callable[[bool], list[dict]]] = {
        "summary": train_summary, "features": compute_features,
        "heads": lambda quick: compare_heads(FOLDER, tuple(PARTS), quick), "unlike": find_unlike,
    }  # fmt: skip
    for stage in options.stages or runners:
        start = time.monotonic()
        rows = runners[stage](options.quick)
        record("lensing", [*rows, row(f"seconds_{stage}", time.monotonic() - start, "s")], quick=options.quick)


def train_summary(quick: bool) -> list[dict]:
    """Train the network whose convolutions all heads share."""
    out = FOLDER / "summary"
    sizes = {"epochs": 1, "per_epoch": 256, "validation": 64, "calibration": 128, "test": 64} if quick else {
        "epochs": 40, "patience": 40, "per_epoch": 8192, "validation": 2000, "calibration": 4000, "test": 4000,
    }  # fmt: skip
    if not out.exists():
        resume = out.with_name("summary.training").exists()
        skysure.train("lensing", out=out, preset="hezaveh-like", resume=resume, progress=show, **SMALL, **sizes)
    return []


def show(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


def compute_features(quick: bool) -> list[dict]:
    """Keep the features and the true parameters of new images, in the units of the network."""
    run = load_run(FOLDER / "summary")
    for part, count in PARTS.items():
        path = FOLDER / f"{part}.safetensors"
        if not path.exists():
            source = simulate(run.settings, None, SEEDS[part])
            assert isinstance(source, SimulatedSource)
            save_file(features_of(run.model, source, SEEDS[part], max(count // (500 if quick else 1), 128)), path)
    return []


@torch.inference_mode()
def features_of(model: LensModel, source: SimulatedSource, seed: int, count: int) -> dict[str, Tensor]:
    """Features and truth of the first images of a stream, shapes (object, feature) and (object, value)."""
    model.eval()
    tensors: dict[str, list[Tensor]] = {"features": [], "truth": []}
    blocks = Blocks(source, seed, 0, -(-count // BLOCK))
    for batch in DataLoader(blocks, batch_size=None, num_workers=simulation_workers()):
        normal = model.normalise(batch)
        tensors["features"].append(model.networks[0].summarise(normal)[0])
        tensors["truth"].append(normal["truth"])
    return {name: torch.cat(values)[:count].contiguous() for name, values in tensors.items()}


def find_unlike(quick: bool) -> list[dict]:
    """Areas under the ROC curve of the OOD score of the model that ships; kinds that it is trained on are left out."""
    run, count = skysure.load("lens-hst"), 64 if quick else 1000
    like = simulate(run.settings, count, SEEDS["test"])
    usual = skysure.predict(run, like, kind=skysure.Values)
    flagged = 100 * float(np.mean(usual.is_ood))
    areas = {}
    for kind in sorted(set(KINDS) - {"lens light"}):
        chunk = simulate_unlike(kind, run.settings, count // 2, SEEDS["test"])
        unlike = skysure.predict(run, chunk, kind=skysure.Values)
        areas[kind] = auroc(in_distribution=score_of(usual), ood=score_of(unlike)), np.mean(unlike.is_ood)
    worst = min(areas, key=lambda kind: areas[kind][0])
    return [
        row("ood_worst_auroc", areas[worst][0], n=count, note=worst),
        *(row(f"ood_auroc_{kind.replace(' ', '_')}", area, n=count // 2, note=f"flagged {100 * share:.0f} %")
          for kind, (area, share) in areas.items()),
        row("ood_flagged_test_images", flagged, "%", n=count, note="aim: 2 % at most"),
    ]  # fmt: skip


def score_of(prediction: skysure.Values) -> np.ndarray:
    """OOD percentile of each image."""
    return np.asarray(prediction.ood_percentile, np.float64)


if __name__ == "__main__":
    main()
