"""Biased training sets: the gain from reweighting, redshifting, simulating and a few unbiased labels.

    python benchmarks/supernovae_biased.py [--quick] [WAY ...]

Half of the 1,009 objects of the spectroscopic list of the SPCC are Ia, and they are 1.3 mag brighter than the other
18,234, of which 22 % are Ia. Each way trains on the list and on what is named below. 300 random objects of the
others are the few unbiased labels; the rest is the test set. Three seeds, of the parts, the training and the 300.

nothing       the list only.
reweighted    objects of the list are resampled in proportion to the density of test objects around their peak
              magnitude in r and host redshift: nearest neighbours (Lima et al. 2008, arXiv:0801.3822). Uses magnitudes
              and redshifts of the test objects, not their labels.
redshifted    also three copies of each object of the list, moved to higher redshifts
              (skysure.applications.supernovae.redshifting). Uses the list only.
both          redshifted copies, then all resampled.
labels        also 100 of the unbiased labels.
all           redshifted copies and 100 of the unbiased labels.
simulated     also 4,000 simulated objects, from the shipped model (supernovae.py biased).
shipped       the shipped model, trained on no object of the challenge.

Each way is scored directly, and after calibration with 100 and with 300 unbiased labels (`_100`, `_300`), which leaves
the network unchanged. Where 100 are used in training, the other 200 calibrate (`_300`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

import skysure
from record import record
from skysure.applications.supernovae.batches import targets
from skysure.applications.supernovae.calibration import calibrate
from skysure.applications.supernovae.redshifting import add_redshifted_copies
from skysure.data.sources import CALIBRATION, InMemorySource, SplitSource
from skysure.data.split import Split
from skysure.methods.calibration import auc, ece, figure_of_merit, nll
from skysure.run.directory import Run
from supernovae import DEGRADED, FAST, RUNS, SCRATCH, SHIPPED, SPCC, SPLITS, biased, challenge, run_on
from supernovae_scores import average_splits

COPIES, LABELS, NEIGHBOURS = 3, (100, 300), 10
FAINT = 26.0
"""Magnitude of an object that was not detected in r."""
Way = Callable[[skysure.LightCurves, skysure.LightCurves, skysure.LightCurves, int], skysure.LightCurves]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", choices=[*WAYS, "simulated", "shipped", []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="one seed, two epochs")
    arguments = parser.parse_args()
    RUNS.mkdir(exist_ok=True)
    for way in arguments.ways or [*WAYS, "simulated", "shipped"]:
        record("supernovae_biased", measure_way(way, arguments.quick), quick=arguments.quick)


def measure_way(way: str, quick: bool) -> list[dict]:
    """Train one way with each seed; rows of the mean scores."""
    curves = challenge()
    listed = curves.objects["spectroscopic"] == 1
    by_seed = []
    for s in SPLITS[:1] if quick else SPLITS:
        order = np.random.default_rng(s).permutation(np.flatnonzero(~listed))
        labelled, test = curves[order[: max(LABELS)]], curves[np.sort(order[max(LABELS) :])][: 500 if quick else None]
        run = run_of(way, s, curves[listed], labelled, test, quick)
        seed_scores = scores(run, test, f"biased_{way}")
        used = LABELS[0] if way in ("labels", "all") else 0
        for n in (n for n in LABELS if n > used):
            seed_scores |= scores(recalibrate(run, labelled[used:n]), test, f"biased_{way}_{n}")
        by_seed.append(seed_scores)
    return average_splits(by_seed, len(test))


def run_of(
    way: str, seed: int, listed: skysure.LightCurves, labelled: skysure.LightCurves, test: skysure.LightCurves,
    quick: bool,
) -> Run:  # fmt: skip
    """Run of one way and seed; trains it unless it exists."""
    if way == "shipped":
        return skysure.load(SHIPPED)
    if way == "simulated":
        if not (RUNS / f"spcc_biased_z_{seed}").exists():
            biased(quick)
        return skysure.load(RUNS / f"spcc_biased_z_{seed}{'_quick' * quick}")
    training = WAYS[way](ungroup(listed), ungroup(labelled[: LABELS[0]]), test, seed)
    part_size = len(training) // 10
    changes = (
        SCRATCH | FAST | DEGRADED | {"validation": part_size, "calibration": part_size, "test": 10, "groups": True}
    )
    epochs = round(SCRATCH["epochs"] * (len(listed) / len(training)) ** 0.7)
    data = InMemorySource(skysure.read("supernovae", SPCC).schema, [training])
    name = f"biased_{way}_{seed}"
    return skysure.load(run_on(data, name, quick, None, seed=seed, **changes | {"epochs": epochs}))


def ungroup(curves: skysure.LightCurves) -> skysure.LightCurves:
    """Make each object its own group: the list has too few templates to split by."""
    return replace(curves, objects=curves.objects | {"group": curves.ids})


def add_redshifted(listed: skysure.LightCurves, seed: int) -> skysure.LightCurves:
    """Add copies at higher redshifts."""
    return add_redshifted_copies(listed, COPIES, seed=seed)


def resample(curves: skysure.LightCurves, test: skysure.LightCurves, n: int, seed: int) -> skysure.LightCurves:
    """Draw objects with replacement so that magnitudes and redshifts are distributed as those of the test set."""
    weight = importance_weights(curves, test)
    print(f"{len(curves)} objects count as {weight.sum() ** 2 / (weight**2).sum():.0f}")
    indices = np.random.default_rng(seed).choice(len(curves), n, p=weight / weight.sum())
    resampled = curves[indices]
    resampled.objects["id"] = np.array([f"{name}#{k}" for k, name in enumerate(resampled.ids)])
    return resampled


def importance_weights(curves: skysure.LightCurves, test: skysure.LightCurves) -> np.ndarray:
    """Ratio of the densities of the test set and of these objects, in magnitude and redshift, at each object."""
    ours, theirs = magnitude_and_redshift(curves), magnitude_and_redshift(test)
    scale = theirs.std(0)
    near = cKDTree(ours / scale)
    radius = near.query(ours / scale, NEIGHBOURS + 1)[0][:, -1]
    return cKDTree(theirs / scale).query_ball_point(ours / scale, radius, return_length=True) / NEIGHBOURS


def magnitude_and_redshift(curves: skysure.LightCurves) -> np.ndarray:
    """Peak magnitude in r and host redshift, shape (object, 2)."""
    detected = (curves.band == curves.bands.index("r")) & (curves.flux > 3 * curves.flux_error)
    brightest = np.full(len(curves), 10 ** (0.4 * (27.5 - FAINT)))
    np.maximum.at(brightest, curves.owner[detected], curves.flux[detected])
    return np.stack([27.5 - 2.5 * np.log10(brightest), curves.column("redshift")], 1)


WAYS: dict[str, Way] = {
    "nothing": lambda listed, labelled, test, seed: listed,
    "reweighted": lambda listed, labelled, test, seed: resample(listed, test, 2 * len(listed), seed),
    "redshifted": lambda listed, labelled, test, seed: add_redshifted(listed, seed),
    "both": lambda listed, labelled, test, seed: resample(m := add_redshifted(listed, seed), test, len(m), seed),
    "labels": lambda listed, labelled, test, seed: skysure.LightCurves.concat([listed, labelled]),
    "all": lambda listed, labelled, test, seed: skysure.LightCurves.concat([add_redshifted(listed, seed), labelled]),
}


def recalibrate(run: Run, labelled: skysure.LightCurves) -> Run:
    """Fit the calibration of a run again, with its network unchanged."""
    model = deepcopy(run.model)
    split = Split(labelled.ids, labelled.groups, np.full(len(labelled), CALIBRATION))
    calibrate(model, SplitSource(InMemorySource(run.schema, [labelled]), split))
    return replace(run, model=model)


def scores(run: Run, test: skysure.LightCurves, name: str) -> dict[str, float]:
    """Score predictions for whole light curves."""
    classes = skysure.predict(run, test)
    assert classes.prediction_set is not None
    truth = targets(test.objects["label"], classes.classes)
    p, ia = classes.probability[:, classes.classes.index("Ia")], test.objects["label"] == "Ia"
    return {
        f"accuracy_{name}": 100 * float(((p > 0.5) == ia).mean()),
        f"auc_{name}": float(auc(p, ia)),
        f"f1_{name}": float(figure_of_merit(p > 0.5, ia)),
        f"nll_{name}": float(nll(classes.probability, truth)),
        f"ece_{name}": float(ece(classes.probability, truth)),
        f"set_coverage_90_{name}": 100 * float(classes.prediction_set[np.arange(len(truth)), truth].mean()),
        f"set_size_{name}": float(classes.prediction_set.sum(1).mean()),
    }


if __name__ == "__main__":
    main()
