"""Training on what spectroscopy chose: what reweighting, redshifting, simulating and a few unbiased labels each bring.

    python benchmarks/supernovae_biased.py [--quick] [WAY ...]

The 1,009 given objects of the spectroscopic list of the SPCC are half Ia, and 1.3 mag brighter than the other 18,234,
of which 22 % are Ia. Each way trains on the list alone or with what is named; 300 of the others, drawn at random, are
the few unbiased labels, and the rest is tested on. Three seeds: of what trains, stops and calibrates, and of the 300.

nothing       the list as it is.
reweighted    objects of the list are drawn with replacement, in proportion to how common objects of their peak
              magnitude in r and host redshift are among those tested on: nearest neighbours (Lima et al. 2008,
              arXiv:0801.3822). Uses magnitudes and redshifts of the tested objects, not their labels.
redshifted    three copies of each object of the list beside it, moved to higher redshifts
              (skysure.applications.supernovae.redshifting). Uses the list alone.
both          copies moved, then all drawn by weight.
labels        100 of the unbiased labels beside the list.
all           copies moved, and 100 of the unbiased labels.
simulated     4,000 simulated objects beside the list, from the model that ships (supernovae.py biased).
shipped       the model that ships, which has seen neither the list nor any other object of the challenge.

Each way is scored as it is, and after calibration with 100 and with 300 unbiased labels (`_100`, `_300`), which leaves
the network as it is. Where 100 are trained on, the other 200 calibrate (`_300`).
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
from skysure.applications.supernovae.redshifting import redshifted
from skysure.data.sources import CALIBRATION, InMemorySource, SplitSource
from skysure.data.split import Split
from skysure.methods.calibration import auc, ece, figure_of_merit, nll
from skysure.run.directory import Run
from supernovae import DEGRADED, FAST, RUNS, SCRATCH, SHIPPED, SPCC, SPLITS, biased, challenge, over_splits, trained_on

COPIES, LABELS, NEIGHBOURS = 3, (100, 300), 10
FAINT = 26.0
"""Magnitude of an object that was not seen in r."""
Way = Callable[[skysure.LightCurves, skysure.LightCurves, skysure.LightCurves, int], skysure.LightCurves]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", choices=[*WAYS, "simulated", "shipped", []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="one seed, two epochs")
    asked = parser.parse_args()
    RUNS.mkdir(exist_ok=True)
    for way in asked.ways or [*WAYS, "simulated", "shipped"]:
        record("supernovae_biased", measured(way, asked.quick), quick=asked.quick)


def measured(way: str, quick: bool) -> list[dict]:
    """Train one way with each seed, and give the mean scores."""
    curves = challenge()
    listed = curves.objects["spectroscopic"] == 1
    each = []
    for s in SPLITS[:1] if quick else SPLITS:
        order = np.random.default_rng(s).permutation(np.flatnonzero(~listed))
        labelled, others = curves[order[: max(LABELS)]], curves[np.sort(order[max(LABELS) :])][: 500 if quick else None]
        run = trained(way, s, curves[listed], labelled, others, quick)
        scored = scores(run, others, f"biased_{way}")
        used = LABELS[0] if way in ("labels", "all") else 0
        for n in (n for n in LABELS if n > used):
            scored |= scores(calibrated(run, labelled[used:n]), others, f"biased_{way}_{n}")
        each.append(scored)
    return over_splits(each, len(others))


def trained(
    way: str, seed: int, listed: skysure.LightCurves, labelled: skysure.LightCurves, others: skysure.LightCurves,
    quick: bool,
) -> Run:  # fmt: skip
    """Train one way with one seed, or take what is trained already."""
    if way == "shipped":
        return skysure.load(SHIPPED)
    if way == "simulated":
        if not (RUNS / f"spcc_biased_z_{seed}").exists():
            biased(quick)
        return skysure.load(RUNS / f"spcc_biased_z_{seed}{'_quick' * quick}")
    given = WAYS[way](alone(listed), alone(labelled[: LABELS[0]]), others, seed)
    held = len(given) // 10
    changes = SCRATCH | FAST | DEGRADED | {"validation": held, "calibration": held, "test": 10, "groups": True}
    epochs = round(SCRATCH["epochs"] * (len(listed) / len(given)) ** 0.7)
    data = InMemorySource(skysure.read("supernovae", SPCC).schema, [given])
    name = f"biased_{way}_{seed}"
    return skysure.load(trained_on(data, name, quick, None, seed=seed, **changes | {"epochs": epochs}))


def alone(curves: skysure.LightCurves) -> skysure.LightCurves:
    """Take the templates from light curves, of which the list has too few to part by: each is its own group."""
    return replace(curves, objects=curves.objects | {"group": curves.ids})


def moved(listed: skysure.LightCurves, seed: int) -> skysure.LightCurves:
    """Add copies at higher redshifts."""
    return redshifted(listed, COPIES, seed=seed)


def drawn(given: skysure.LightCurves, others: skysure.LightCurves, n: int, seed: int) -> skysure.LightCurves:
    """Draw objects with replacement so that their magnitudes and redshifts are spread as those of others."""
    weight = importance(given, others)
    print(f"{len(given)} objects count as {weight.sum() ** 2 / (weight**2).sum():.0f}")
    pick = np.random.default_rng(seed).choice(len(given), n, p=weight / weight.sum())
    found = given[pick]
    found.objects["id"] = np.array([f"{name}#{k}" for k, name in enumerate(found.ids)])
    return found


def importance(given: skysure.LightCurves, others: skysure.LightCurves) -> np.ndarray:
    """How many others there are around each object, in magnitude and redshift, for each of its own kind."""
    mine, theirs = facts(given), facts(others)
    scale = theirs.std(0)
    near = cKDTree(mine / scale)
    radius = near.query(mine / scale, NEIGHBOURS + 1)[0][:, -1]
    return cKDTree(theirs / scale).query_ball_point(mine / scale, radius, return_length=True) / NEIGHBOURS


def facts(curves: skysure.LightCurves) -> np.ndarray:
    """Give peak magnitude in r and host redshift, shape (object, 2)."""
    seen = (curves.band == curves.bands.index("r")) & (curves.flux > 3 * curves.flux_error)
    brightest = np.full(len(curves), 10 ** (0.4 * (27.5 - FAINT)))
    np.maximum.at(brightest, curves.owner[seen], curves.flux[seen])
    return np.stack([27.5 - 2.5 * np.log10(brightest), curves.column("redshift")], 1)


WAYS: dict[str, Way] = {
    "nothing": lambda listed, labelled, others, seed: listed,
    "reweighted": lambda listed, labelled, others, seed: drawn(listed, others, 2 * len(listed), seed),
    "redshifted": lambda listed, labelled, others, seed: moved(listed, seed),
    "both": lambda listed, labelled, others, seed: drawn(m := moved(listed, seed), others, len(m), seed),
    "labels": lambda listed, labelled, others, seed: skysure.LightCurves.concat([listed, labelled]),
    "all": lambda listed, labelled, others, seed: skysure.LightCurves.concat([moved(listed, seed), labelled]),
}


def calibrated(run: Run, labelled: skysure.LightCurves) -> Run:
    """Fit what turns the network's answers into probabilities and sets anew."""
    model = deepcopy(run.model)
    split = Split(labelled.ids, labelled.groups, np.full(len(labelled), CALIBRATION))
    calibrate(model, SplitSource(InMemorySource(run.schema, [labelled]), split))
    return replace(run, model=model)


def scores(run: Run, others: skysure.LightCurves, name: str) -> dict[str, float]:
    """Score the answers for whole light curves."""
    found = skysure.predict(run, others)
    assert found.prediction_set is not None
    truth = targets(others.objects["label"], found.classes)
    p, ia = found.probability[:, found.classes.index("Ia")], others.objects["label"] == "Ia"
    return {
        f"accuracy_{name}": 100 * float(((p > 0.5) == ia).mean()),
        f"auc_{name}": float(auc(p, ia)),
        f"f1_{name}": float(figure_of_merit(p > 0.5, ia)),
        f"nll_{name}": float(nll(found.probability, truth)),
        f"ece_{name}": float(ece(found.probability, truth)),
        f"set_coverage_90_{name}": 100 * float(found.prediction_set[np.arange(len(truth)), truth].mean()),
        f"set_size_{name}": float(found.prediction_set.sum(1).mean()),
    }


if __name__ == "__main__":
    main()
