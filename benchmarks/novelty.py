"""Out-of-distribution detection: unknown digits, columns outside their training range, unknown supernova classes.

    python benchmarks/novelty.py [--quick] [digits] [tables] [values] [supernovae]

digits  all 45 pairs of scikit-learn's digits: a network is trained on two digits and tested on the other eight. Half of
        the images of the two are held out as the known objects. The first hidden layer was selected for the distance on
        these digits, therefore
tables  applies the same rule to data that were not used for it: scikit-learn's iris and wine, each class unknown once.
values  regression on the UCI sets: trained where one input column is in its lower 80 %, tested on the rest, for every
        column of every set. A fifth of the lower part is held out as the known objects.
supernovae
        the shipped models on simulated classes that they were not trained on, and on pure noise: measurements where
        there is no object, kept where one observation happens to reach a signal-to-noise ratio of 4. The known objects
        are new ones of the classes in the training set.

The Gaussian process (nngp) has two hidden layers too; its other hyperparameters are set on the first pair or column.
All scores increase away from the training set. auroc: probability that an unknown object scores higher than a known
one; fpr95: fraction of unknown objects accepted at the threshold that accepts 95 % of the known ones.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits, load_iris, load_wine
from torch import Tensor, nn

import skysure
from record import record, row
from skysure.applications.supernovae.simulation.surveys import SURVEYS, draw_seasons
from skysure.applications.supernovae.simulator import SEASONS, observe, simulate_lightcurves
from skysure.methods.calibration import auc, wilson_interval, with_interval
from skysure.methods.dropout import Dropout
from skysure.methods.ensembles import Ensemble
from skysure.methods.gaussian_process import NNGP
from skysure.methods.likelihoods import categorical_nll, gaussian_nll
from skysure.methods.novelty import FeatureDistance, auroc, energy, fpr_at_tpr
from skysure.methods.sampling import sample, split_classes, split_values
from skysure.methods.variational import kl
from skysure.training import seeded

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data"))
SETS = ("bostonHousing", "concrete", "energy", "kin8nm", "power-plant", "wine-quality-red", "yacht")
PARTS = ("digits", "tables", "values", "supernovae")
MODELS = {"supernovae-griz": "des", "supernovae-lsst": "lsst"}
UNKNOWN = ("SLSN", "TDE", "KN", "noise")
WIDTH, RATE, SAMPLES, STEPS = 128, 0.2, 50, 300
MAX_ROWS = 1000
"""Largest number of rows used of a set."""

Scores = dict[str, Tensor]
Results = dict[str, list[tuple[float, float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="some of the pairs, columns and classes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for part in arguments.parts or PARTS:
        measure = {"digits": digits, "tables": tables, "values": values, "supernovae": supernovae}[part]
        record("novelty", measure(arguments.quick), quick=arguments.quick)


def digits(quick: bool) -> list[dict]:
    """Train on each pair of digits and test on the others."""
    images, digit = load_digits(return_X_y=True)
    pairs = list(combinations(range(10), 2))
    rows = score_pairs("digit_pairs", (images / 16, digit), pairs[::12] if quick else pairs, "rows")
    by_measure = {r["measure"]: r for r in rows}
    aims = ("digit_pairs_mean_auroc", "digit_pairs_worst_auroc")
    return [by_measure[f"{aim}_first_layer"] | {"measure": aim, "note": "first layer"} for aim in aims] + rows


def tables(quick: bool) -> list[dict]:
    """Train on two classes of iris and of wine and test on the third."""
    rows = []
    for name, load in {"iris": load_iris, "wine": load_wine}.items():
        x, kind = load(return_X_y=True)
        pairs = list(combinations(range(3), 2))
        rows += score_pairs(name, ((x - x.mean(0)) / x.std(0), kind), pairs[:1] if quick else pairs, "columns")
    return rows


def score_pairs(name: str, data: tuple[np.ndarray, np.ndarray], pairs: list[tuple[int, int]], by: str) -> list[dict]:
    """Score every pair of classes, half of its objects held out."""
    x, kind = torch.from_numpy(data[0]).float(), torch.from_numpy(data[1])
    in_pair = torch.stack([torch.isin(kind, torch.tensor(pair)) for pair in pairs])
    size = int(in_pair.sum(1).min()) // 2
    train = torch.stack([mask.nonzero()[::2, 0][:size] for mask in in_pair])
    label = torch.stack([kind[rows] == pair[1] for rows, pair in zip(train, pairs, strict=True)]).long()
    networks = train_networks(x[train], label, lambda network, batch: categorical_nll(network(batch[0]), batch[1]))
    process = NNGP(classes=2, normalise=by).fit(x[train[0]], label[0], depths=(2,))
    results: Results = {}
    for mask, rows, labels, network in zip(in_pair, train, label, networks, strict=True):
        score = scores_of_classes(x[rows], labels, network, process.condition(x[rows], labels))
        append_scores(results, score(x[mask.nonzero()[1::2, 0]]), score(x[~mask]))
    return summarise(name, results, "pairs")


def train_networks(
    x: Tensor, truth: Tensor, nll: Callable[[nn.Module, tuple[Tensor, Tensor]], Tensor]
) -> list[nn.Sequential]:
    """Train a network with two hidden layers and dropout on each of several sets of equal size, in one batched pass."""

    def network() -> nn.Sequential:
        first = nn.Sequential(nn.Linear(x.shape[-1], WIDTH), nn.ReLU())
        second = nn.Sequential(Dropout(nn.Linear(WIDTH, WIDTH), RATE), nn.ReLU())
        return nn.Sequential(first, second, Dropout(nn.Linear(WIDTH, 2), RATE))

    with seeded(0):
        networks = Ensemble([network() for _ in x])
        adam = torch.optim.Adam(networks.parameters(), 1e-3)
        for _ in range(STEPS):
            (networks((x, truth), per_member=True, call=nll).mean(1).sum() + kl(networks, x.shape[1])).backward()
            adam.step()
            adam.zero_grad()
    return [member.eval() for member in networks.members()]


@torch.no_grad()
def features(network: nn.Sequential, x: Tensor) -> Scores:
    """Features of objects by hidden layer."""
    first = network[0](x)
    second = network[1](first)
    return {"first_layer": first, "both_layers": torch.cat([first, second], 1), "last_layer": second}


def scores_of_classes(x: Tensor, label: Tensor, network: nn.Sequential, process: NNGP) -> Callable[[Tensor], Scores]:
    """Fit feature distances to the training objects; returns the function that computes all scores."""
    distances = {name: FeatureDistance(f.shape[1], 2).fit(f, label) for name, f in features(network, x).items()}

    def scores(x: Tensor) -> Scores:
        decomposition = split_classes(sample(network, x, SAMPLES, seed=1).softmax(-1))
        with torch.no_grad():
            plain = network(x)
        return {
            "softmax": 1 - plain.softmax(-1).amax(-1), "energy": energy(plain),
            "entropy": decomposition.predictive, "mutual_information": decomposition.epistemic,
            "nngp": process(x)[1][:, 0],
        } | {name: distances[name](f) for name, f in features(network, x).items()}  # fmt: skip

    return scores


def values(quick: bool) -> list[dict]:
    """Train on the lower part of every column of every set and test on the upper part."""
    results: Results = {}
    for name in SETS[1:2] if quick else SETS:
        table = np.loadtxt(DATA / "uci" / name / "data.txt")
        table = torch.from_numpy(table[np.random.default_rng(0).permutation(len(table))[:MAX_ROWS]])
        parts = list(split_columns(table[:, :-1]))
        size = min(len(lower) for lower, _ in parts) * 4 // 5
        train = torch.stack([table[lower[:size]] for lower, _ in parts])
        mean, scale = train.mean(1), torch.where(train.std(1) > 0, train.std(1), 1)
        x, y = ((train - mean[:, None]) / scale[:, None]).float().tensor_split([-1], -1)
        networks = train_networks(x, y, value_nll)
        process = NNGP().fit(x[0], y[0], depths=(2,))
        for k, (lower, upper) in enumerate(parts):
            score = scores_of_values(x[k], networks[k], process.condition(x[k], y[k]))
            test_sets = [((table[rows] - mean[k]) / scale[k]).float()[:, :-1] for rows in (lower[size:], upper)]
            append_scores(results, *map(score, test_sets))
    return summarise("uci_columns", results, "columns")


def split_columns(x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows in the lower 80 % of each column and those above; columns with too few rows above are left out."""
    for column in x.T:
        above = column > column.quantile(0.8)
        if above.double().mean() > 0.05:
            yield (~above).nonzero()[:, 0], above.nonzero()[:, 0]


def value_nll(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Negative log-likelihood of a value under a mean and a log variance."""
    return gaussian_nll(*network(batch[0]).split(1, -1), batch[1])


def scores_of_values(x: Tensor, network: nn.Sequential, process: NNGP) -> Callable[[Tensor], Scores]:
    """Fit feature distances to the training objects without labels; returns the function that computes all scores."""

    def read(x: Tensor) -> Scores:
        return features(network, x) | {"inputs": x}

    distances = {name: FeatureDistance(f.shape[1]).fit(f) for name, f in read(x).items()}

    def scores(x: Tensor) -> Scores:
        outputs = sample(network, x, SAMPLES, seed=1)
        decomposition = split_values(outputs[..., :1], variance=outputs[..., 1:].exp())
        return {
            "predictive": decomposition.predictive[:, 0, 0], "epistemic": decomposition.epistemic[:, 0, 0],
            "nngp": process(x)[1][:, 0],
        } | {name: distances[name](f) for name, f in read(x).items()}  # fmt: skip

    return scores


def supernovae(quick: bool) -> list[dict]:
    """Apply the shipped models to classes of light curves that they were not trained on."""
    rows, areas = [], {"": [], "_entropy": [], "_epistemic": []}
    for model, survey in MODELS.items():
        simulated = simulate_lightcurves(3_000 if quick else 20_000, survey, 4242, unknowns=True, photoz="realistic")
        kinds = {kind: simulated[simulated.objects["label"] == kind] for kind in UNKNOWN[:-1]}
        kinds["noise"] = simulate_noise(survey, 50 if quick else 1_000)
        unseen = simulated[~np.isin(simulated.objects["label"], UNKNOWN)][: 1_000 if quick else 6_000]
        known = skysure.predict(model, unseen)
        rows += [flagged_share(f"{model}_flagged_known", known), confidence(f"{model}_confidence_known", known)]
        model_areas = []
        for kind, curves in kinds.items():
            unknown = skysure.predict(model, curves)
            by_score = {name: area(score(known), score(unknown)) for name, score in SCORES.items()}
            value, error = by_score[""]
            model_areas.append(by_score[""])
            rows += [
                row(f"{model}_auroc_{kind}", value, error=error, n=len(unknown)),
                flagged_share(f"{model}_flagged_{kind}", unknown),
                confidence(f"{model}_confidence_{kind}", unknown),
            ]
            for name, pair in by_score.items():
                areas[name].append(pair)
        rows.append(mean_area(f"{model}_unknowns_mean_auroc", model_areas))
    return [mean_area(f"supernova_unknowns_mean_auroc{name}", pairs) for name, pairs in areas.items()] + rows


SCORES: dict[str, Callable[[skysure.Classes], np.ndarray]] = {
    "": lambda classes: np.nan_to_num(np.asarray(classes.ood_percentile)),
    "_entropy": lambda classes: classes.aleatoric + classes.epistemic,
    "_epistemic": lambda classes: classes.epistemic,
}


def area(known: np.ndarray, unknown: np.ndarray) -> tuple[float, float]:
    """AUROC and its bootstrap error."""
    new = np.arange(len(known) + len(unknown)) >= len(known)
    interval = with_interval(auc, np.concatenate([known, unknown]), new, resamples=200)
    return interval.value, (interval.high - interval.low) / 2


def mean_area(measure: str, pairs: list[tuple[float, float]]) -> dict:
    """Mean AUROC over classes, with the error from the finite number of objects."""
    value, error = np.array(pairs).T
    return row(measure, float(value.mean()), error=float(np.hypot.reduce(error) / len(error)), n=len(value))


def flagged_share(measure: str, classes: skysure.Classes) -> dict:
    """Share flagged as out of distribution [%]."""
    is_ood = np.asarray(classes.is_ood)
    low, high = wilson_interval(int(is_ood.sum()), len(is_ood))
    return row(measure, 100 * float(is_ood.mean()), "%", error=50 * (high - low), n=len(is_ood))


def confidence(measure: str, classes: skysure.Classes) -> dict:
    """Mean probability of the most probable class; the note has how often it is above 0.9, and how often it is Ia."""
    largest = classes.probability.max(1)
    sure, ia = float((largest > 0.9).mean()), float((classes.best == classes.classes.index("Ia")).mean())
    error = float(largest.std(ddof=1) / len(largest) ** 0.5)
    return row(measure, float(largest.mean()), error=error, n=len(largest),
               note=f"above 0.9: {100 * sure:.0f} %; most probably Ia: {100 * ia:.0f} %")  # fmt: skip


def simulate_noise(name: str, n: int) -> skysure.LightCurves:
    """Simulate visits of a survey to empty places, with the hosts of other objects; keeps those with a fluke."""
    survey, batches, block = SURVEYS[name], [], 0
    hosts = simulate_lightcurves(2_000, name, 77, photoz="realistic").objects
    while sum(map(len, batches)) < n:
        rng, block = np.random.default_rng([77, block]), block + 1
        seasons = draw_seasons(survey, SEASONS, rng)
        season = rng.integers(SEASONS, size=4096)
        middle = rng.uniform(seasons.start[season], seasons.end[season])
        counts = np.diff(seasons.offsets)[season]
        owner, ends = np.repeat(np.arange(len(season)), counts), np.cumsum(counts)
        visit = np.arange(ends[-1]) + np.repeat(seasons.offsets[season] - (ends - counts), counts)
        near = np.abs(seasons.time[visit] - middle[owner]) < rng.uniform(60, 120, len(season))[owner]
        owner, visit = owner[near], visit[near]
        flux, error = observe(np.zeros(len(visit)), seasons.sky_error[visit], survey, rng)
        has_fluke = np.bincount(owner, flux > 4 * error, len(season)) > 0
        host = rng.integers(len(hosts["id"]), size=len(season))
        objects = {column: hosts[column][host] for column in ("redshift", "redshift_error", "ra", "dec", "mwebv")}
        objects["id"] = np.array([f"noise-{block}-{k}" for k in range(len(season))])
        offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(season)))])
        curves = skysure.LightCurves(
            objects, offsets, seasons.time[visit], seasons.band[visit], flux, error, survey.passbands.names
        )
        batches.append(curves[has_fluke])
    return skysure.LightCurves.concat(batches)[:n]


def append_scores(results: Results, known: Scores, unknown: Scores) -> None:
    """Append AUROC and false-positive rate at 95 % of every score."""
    for name in known:
        scores = {"in_distribution": known[name].double().numpy(), "ood": unknown[name].double().numpy()}
        results.setdefault(name, []).append((auroc(**scores), fpr_at_tpr(**scores)))


def summarise(name: str, results: Results, unit: str) -> list[dict]:
    """Mean and worst value of every score; the error is that of the mean over all networks."""
    rows = []
    for score, pairs in results.items():
        for measure, column, worst in (("auroc", 0, min), ("fpr95", 1, max)):
            values = np.array(pairs)[:, column]
            n = len(values)
            error = float(values.std(ddof=1) / n**0.5) if n > 1 else None
            rows += [
                row(f"{name}_mean_{measure}_{score}", float(values.mean()), error=error, n=n, note=unit),
                row(f"{name}_worst_{measure}_{score}", float(worst(values)), n=n),
            ]
    return rows


if __name__ == "__main__":
    main()
