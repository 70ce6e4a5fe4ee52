"""Posteriors of simulated lenses: heads compared on one set of features, coverage, real sources, unlike images.

    python benchmarks/lensing.py [--quick] [summary] [features] [heads] [alexnet] [sources] [unlike]

summary    trains one network end to end on the prior of Hezaveh et al. 2017, at 64 x 64 pixels (resumes).
features   what its convolutions make of 150,000 new images to train on, 5,000 to stop, 50,000 to calibrate, 100,000 to
           test on.
heads      Gaussian, correlated Gaussian, mixture of Gaussians and normalising flow on these features, each with
           learned dropout rates, and all but the flow as an ensemble of five; with fixed keep rates 0.80 to 0.99 for
           the Gaussian. The flow has 30,000 images to train on, 10,000 to calibrate and 20,000 to test on. One head is
           chosen by its NLL on the validation part: `theta_e_rms`, `xy_rms`, `largest_coverage_gap` and
           `joint_tarp_inside_band` are of that one. Rows of a head with `before` are those without calibration.
alexnet    the preset `perreault-levasseur` end to end on the same prior at 192 x 192 pixels: a network like AlexNet
           with dropout, whose rate is chosen by the coverage on the validation part; that coverage with each keep rate.
sources    the network of `summary` on lenses whose sources are 12 COSMOS galaxies, against those it is trained for.
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
from functools import partial
from pathlib import Path

import numpy as np

import skysure
from lensing_heads import compare_heads
from lensing_networks import PARTS, SEEDS, compare_sources, compute_features, train_alexnet, train_summary
from record import record, row
from skysure.applications.lensing.out_of_distribution import KINDS, simulate_unlike
from skysure.applications.lensing.simulator import simulate
from skysure.methods.novelty import auroc

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "lensing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="all by default")
    parser.add_argument("--quick", action="store_true", help="a thousandth of the images")
    options = parser.parse_args()
    folder = FOLDER / "quick" if options.quick else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    runners: dict[str, Callable[[bool], list[dict]]] = {
        "summary": partial(train_summary, folder), "features": partial(compute_features, folder),
        "heads": partial(compare_heads, folder, tuple(PARTS)), "alexnet": partial(train_alexnet, folder),
        "sources": partial(compare_sources, folder), "unlike": find_unlike,
    }  # fmt: skip
    for stage in options.stages or runners:
        start = time.monotonic()
        rows = runners[stage](options.quick)
        record("lensing", [*rows, row(f"seconds_{stage}", time.monotonic() - start, "s")], quick=options.quick)


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
