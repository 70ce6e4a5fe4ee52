"""Novelty: digits that no network was trained on, columns beyond their range, and supernovae of unknown kinds.

    python benchmarks/novelty.py [--quick] [digits] [tables] [values]

digits  all 45 pairs of scikit-learn's digits: a network learns two digits and is shown the other eight; half of the
        images of the two is held out, and is what counts as known. The first hidden layer was chosen for the distance
        when these digits had been looked at, so
tables  holds the same rule on data that had no part in it: scikit-learn's iris and wine, each class unknown in turn.
values  networks for values, on the UCI sets: trained where an input column lies in its lower 80 %, and shown the
        rest; every column of every set in turn. A fifth of the lower part is held out as the known.

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

from record import record, row
from skysure.fit import seeded
from skysure.methods.novelty import FeatureDistance, auroc, energy, fpr_at_tpr
from skysure.methods.uncertainty import (
    NNGP,
    Dropout,
    Ensemble,
    categorical_nll,
    gaussian_nll,
    kl,
    sample,
    split_classes,
    split_values,
)

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data"))
SETS = ("bostonHousing", "concrete", "energy", "kin8nm", "power-plant", "wine-quality-red", "yacht")
PARTS = ("digits", "tables", "values")
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
        record("novelty", {"digits": digits, "tables": tables, "values": values}[part](asked.quick), quick=asked.quick)


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
            (networks((x, truth), own=True, call=nll).mean(1).sum() + kl(networks, x.shape[1])).backward()
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


def keep(found: Found, known: Scores, unknown: Scores) -> None:
    """Keep AUROC and the fraction that pass, of every score."""
    for name in known:
        given = known[name].double().numpy(), unknown[name].double().numpy()
        found.setdefault(name, []).append((auroc(*given), fpr_at_tpr(*given)))


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
