"""Novelty: digits that no network was trained on, columns beyond their range, and supernovae of unknown kinds.

    python benchmarks/novelty.py [--quick] [digits] [tables] [values] [supernovae]

digits  all 45 pairs of scikit-learn's digits: a network learns two digits and is shown the other eight; half of the
        images of the two is held out, and is what counts as known. The first hidden layer was chosen for the distance
        when these digits had been looked at, so
tables  holds the same rule on data that had no part in it: scikit-learn's iris and wine, each class unknown in turn.
values  networks for values, on the UCI sets: trained where an input column lies in its lower 80 %, and shown the
        rest; every column of every set in turn. A fifth of the lower part is held out as the known.
supernovae
        the models that ship, shown simulated kinds that they were not trained on, and noise alone: what a survey
        measures where there is nothing, kept where one point happens to reach a signal-to-noise ratio of 4. The known
        are new objects of the kinds they were trained on.

The Gaussian process (nngp) has two hidden layers too; what else it has is chosen on the first pair or column.
Every score is larger for what is more unlike. auroc: chance that an unknown one scores higher than a known one; fpr95:
fraction of the unknown that pass where 95 % of the known do.
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
MOST = 1000
"""Rows of a set at most."""

Scores = dict[str, Tensor]
Found = dict[str, list[tuple[float, float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="a few of the pairs, columns and kinds")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for part in asked.parts or PARTS:
        measure = {"digits": digits, "tables": tables, "values": values, "supernovae": supernovae}[part]
        record("novelty", measure(asked.quick), quick=asked.quick)


def digits(quick: bool) -> list[dict]:
    """Learn each pair of digits, and show the others."""
    images, digit = load_digits(return_X_y=True)
    pairs = list(combinations(range(10), 2))
    rows = of_classes("digit_pairs", (images / 16, digit), pairs[::12] if quick else pairs, "rows")
    chosen = {r["measure"]: r for r in rows}
    aims = ("digit_pairs_mean_auroc", "digit_pairs_worst_auroc")
    return [chosen[f"{aim}_first_layer"] | {"measure": aim, "note": "first layer"} for aim in aims] + rows


def tables(quick: bool) -> list[dict]:
    """Learn two kinds of iris and of wine, and show the third."""
    rows = []
    for name, load in {"iris": load_iris, "wine": load_wine}.items():
        x, kind = load(return_X_y=True)
        pairs = list(combinations(range(3), 2))
        rows += of_classes(name, ((x - x.mean(0)) / x.std(0), kind), pairs[:1] if quick else pairs, "columns")
    return rows


def of_classes(name: str, data: tuple[np.ndarray, np.ndarray], pairs: list[tuple[int, int]], by: str) -> list[dict]:
    """Score every pair of classes, with half of its objects held out."""
    x, kind = torch.from_numpy(data[0]).float(), torch.from_numpy(data[1])
    known = torch.stack([torch.isin(kind, torch.tensor(pair)) for pair in pairs])
    size = int(known.sum(1).min()) // 2
    learn = torch.stack([mine.nonzero()[::2, 0][:size] for mine in known])
    label = torch.stack([kind[rows] == pair[1] for rows, pair in zip(learn, pairs, strict=True)]).long()
    networks = trained(x[learn], label, lambda network, given: categorical_nll(network(given[0]), given[1]))
    process = NNGP(classes=2, normalise=by).fit(x[learn[0]], label[0], depths=(2,))
    found: Found = {}
    for mine, rows, labels, network in zip(known, learn, label, networks, strict=True):
        score = scores_of_classes(x[rows], labels, network, process.condition(x[rows], labels))
        keep(found, score(x[mine.nonzero()[1::2, 0]]), score(x[~mine]))
    return summary(name, found, "pairs")


def trained(x: Tensor, truth: Tensor, nll: Callable[[nn.Module, tuple[Tensor, Tensor]], Tensor]) -> list[nn.Sequential]:
    """Train two hidden layers with dropout for each of several sets of as many objects, all in one batched pass."""

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
    """Give what the hidden layers make of objects."""
    one = network[0](x)
    two = network[1](one)
    return {"first_layer": one, "both_layers": torch.cat([one, two], 1), "last_layer": two}


def scores_of_classes(x: Tensor, label: Tensor, network: nn.Sequential, process: NNGP) -> Callable[[Tensor], Scores]:
    """Fit the distances to what was trained on, and give what gives all scores."""
    far = {name: FeatureDistance(f.shape[1], 2).fit(f, label) for name, f in features(network, x).items()}

    def scores(x: Tensor) -> Scores:
        parts = split_classes(sample(network, x, SAMPLES, seed=1).softmax(-1))
        with torch.no_grad():
            plain = network(x)
        return {
            "softmax": 1 - plain.softmax(-1).amax(-1), "energy": energy(plain),
            "entropy": parts.predictive, "mutual_information": parts.epistemic, "nngp": process(x)[1][:, 0],
        } | {name: far[name](f) for name, f in features(network, x).items()}  # fmt: skip

    return scores


def values(quick: bool) -> list[dict]:
    """Learn the lower part of every column of every set, and show the upper part."""
    found: Found = {}
    for name in SETS[1:2] if quick else SETS:
        table = np.loadtxt(DATA / "uci" / name / "data.txt")
        table = torch.from_numpy(table[np.random.default_rng(0).permutation(len(table))[:MOST]])
        parts = list(parted(table[:, :-1]))
        size = min(len(lower) for lower, _ in parts) * 4 // 5
        learn = torch.stack([table[lower[:size]] for lower, _ in parts])
        mean, scale = learn.mean(1), torch.where(learn.std(1) > 0, learn.std(1), 1)
        x, y = ((learn - mean[:, None]) / scale[:, None]).float().tensor_split([-1], -1)
        networks = trained(x, y, value_nll)
        process = NNGP().fit(x[0], y[0], depths=(2,))
        for k, (lower, upper) in enumerate(parts):
            score = scores_of_values(x[k], networks[k], process.condition(x[k], y[k]))
            others = [((table[rows] - mean[k]) / scale[k]).float()[:, :-1] for rows in (lower[size:], upper)]
            keep(found, *map(score, others))
    return summary("uci_columns", found, "columns")


def parted(x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Give the rows in the lower 80 % of each column, and those above, where a column of few values has such."""
    for column in x.T:
        above = column > column.quantile(0.8)
        if above.double().mean() > 0.05:
            yield (~above).nonzero()[:, 0], above.nonzero()[:, 0]


def value_nll(network: nn.Module, given: tuple[Tensor, Tensor]) -> Tensor:
    """Negative log-likelihood of a value under a mean and a log variance."""
    return gaussian_nll(*network(given[0]).split(1, -1), given[1])


def scores_of_values(x: Tensor, network: nn.Sequential, process: NNGP) -> Callable[[Tensor], Scores]:
    """Fit the distances to what was trained on, without labels, and give what gives all scores."""

    def read(x: Tensor) -> Scores:
        return features(network, x) | {"inputs": x}

    far = {name: FeatureDistance(f.shape[1]).fit(f) for name, f in read(x).items()}

    def scores(x: Tensor) -> Scores:
        drawn = sample(network, x, SAMPLES, seed=1)
        parts = split_values(drawn[..., :1], variance=drawn[..., 1:].exp())
        return {
            "predictive": parts.predictive[:, 0, 0], "epistemic": parts.epistemic[:, 0, 0], "nngp": process(x)[1][:, 0],
        } | {name: far[name](f) for name, f in read(x).items()}  # fmt: skip

    return scores


def supernovae(quick: bool) -> list[dict]:
    """Show the models that ship kinds of light curves that they do not know."""
    rows, areas = [], {"": [], "_entropy": [], "_epistemic": []}
    for model, survey in MODELS.items():
        drawn = simulate_lightcurves(3_000 if quick else 20_000, survey, 4242, unknowns=True, photoz="realistic")
        kinds = {kind: drawn[drawn.objects["label"] == kind] for kind in UNKNOWN[:-1]}
        kinds["noise"] = noise_alone(survey, 50 if quick else 1_000)
        held = drawn[~np.isin(drawn.objects["label"], UNKNOWN)][: 1_000 if quick else 6_000]
        known = skysure.predict(model, held)
        rows += [flagged(f"{model}_flagged_known", known), confidence(f"{model}_confidence_known", known)]
        mine = []
        for kind, curves in kinds.items():
            unknown = skysure.predict(model, curves)
            found = {name: area(score(known), score(unknown)) for name, score in SCORES.items()}
            value, error = found[""]
            mine.append(found[""])
            rows += [
                row(f"{model}_auroc_{kind}", value, error=error, n=len(unknown)),
                flagged(f"{model}_flagged_{kind}", unknown),
                confidence(f"{model}_confidence_{kind}", unknown),
            ]
            for name, pair in found.items():
                areas[name].append(pair)
        rows.append(mean_area(f"{model}_unknowns_mean_auroc", mine))
    return [mean_area(f"supernova_unknowns_mean_auroc{name}", pairs) for name, pairs in areas.items()] + rows


SCORES: dict[str, Callable[[skysure.Classes], np.ndarray]] = {
    "": lambda found: np.nan_to_num(np.asarray(found.ood_percentile)),
    "_entropy": lambda found: found.aleatoric + found.epistemic,
    "_epistemic": lambda found: found.epistemic,
}


def area(known: np.ndarray, unknown: np.ndarray) -> tuple[float, float]:
    """AUROC and its error, by bootstrap."""
    new = np.arange(len(known) + len(unknown)) >= len(known)
    found = with_interval(auc, np.concatenate([known, unknown]), new, resamples=200)
    return found.value, (found.high - found.low) / 2


def mean_area(measure: str, pairs: list[tuple[float, float]]) -> dict:
    """Mean AUROC of several kinds, its error that of the drawn objects."""
    value, error = np.array(pairs).T
    return row(measure, float(value.mean()), error=float(np.hypot.reduce(error) / len(error)), n=len(value))


def flagged(measure: str, found: skysure.Classes) -> dict:
    """Share flagged as out of distribution [%]."""
    unlike = np.asarray(found.is_ood)
    low, high = wilson_interval(int(unlike.sum()), len(unlike))
    return row(measure, 100 * float(unlike.mean()), "%", error=50 * (high - low), n=len(unlike))


def confidence(measure: str, found: skysure.Classes) -> dict:
    """Mean probability of the most probable class, and in the note how often it is above 0.9 and said to be Ia."""
    largest = found.probability.max(1)
    sure, ia = float((largest > 0.9).mean()), float((found.best == found.classes.index("Ia")).mean())
    error = float(largest.std(ddof=1) / len(largest) ** 0.5)
    return row(measure, float(largest.mean()), error=error, n=len(largest),
               note=f"above 0.9: {100 * sure:.0f} %; most probably Ia: {100 * ia:.0f} %")  # fmt: skip


def noise_alone(name: str, n: int) -> skysure.LightCurves:
    """Measure nothing: noise of the visits of a survey, with the hosts of objects near by; flukes alone are kept."""
    survey, found, block = SURVEYS[name], [], 0
    hosts = simulate_lightcurves(2_000, name, 77, photoz="realistic").objects
    while sum(map(len, found)) < n:
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
        hit = np.bincount(owner, flux > 4 * error, len(season)) > 0
        host = rng.integers(len(hosts["id"]), size=len(season))
        objects = {column: hosts[column][host] for column in ("redshift", "redshift_error", "ra", "dec", "mwebv")}
        objects["id"] = np.array([f"noise-{block}-{k}" for k in range(len(season))])
        offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(season)))])
        curves = skysure.LightCurves(
            objects, offsets, seasons.time[visit], seasons.band[visit], flux, error, survey.passbands.names
        )
        found.append(curves[hit])
    return skysure.LightCurves.concat(found)[:n]


def keep(found: Found, known: Scores, unknown: Scores) -> None:
    """Keep AUROC and the fraction that pass, of every score."""
    for name in known:
        scores = {"in_distribution": known[name].double().numpy(), "ood": unknown[name].double().numpy()}
        found.setdefault(name, []).append((auroc(**scores), fpr_at_tpr(**scores)))


def summary(name: str, found: Found, of: str) -> list[dict]:
    """Mean and worst of every score; the error is that of the mean over all that was trained."""
    rows = []
    for score, pairs in found.items():
        for measure, column, worst in (("auroc", 0, min), ("fpr95", 1, max)):
            all_of_them = np.array(pairs)[:, column]
            n = len(all_of_them)
            error = float(all_of_them.std(ddof=1) / n**0.5) if n > 1 else None
            rows += [
                row(f"{name}_mean_{measure}_{score}", float(all_of_them.mean()), error=error, n=n, note=of),
                row(f"{name}_worst_{measure}_{score}", float(worst(all_of_them)), n=n),
            ]
    return rows


if __name__ == "__main__":
    main()
