"""Novelty: digits that no network was trained on, columns beyond their range, and supernovae of unknown kinds.

    python benchmarks/novelty.py [--quick] [digits] [tables] [values]

digits  all 45 pairs of scikit-learn's digits: a network learns two digits and is shown the other eight; half of the
        images of the two is held out, and is what counts as known. The first hidden layer was chosen for the distance
        when these digits had been looked at, so
tables  holds the same rule on data that had no part in it: scikit-learn's iris and wine, each class unknown in turn.
values  networks for values, on the UCI sets: trained where an input column lies in its lower 80 %, and shown the
        rest; every column of every set in turn. A fifth of the lower part is held out as the known.

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
    Dropout,
    categorical_nll,
    gaussian_nll,
    kl,
    sample,
    split_classes,
    split_values,
)
from skysure.methods.uncertainty.nngp import NNGP

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data"))
SETS = ("bostonHousing", "concrete", "energy", "kin8nm", "power-plant", "wine-quality-red", "yacht")
PARTS = ("digits", "tables", "values")
WIDTH, RATE, SAMPLES, STEPS = 128, 0.2, 50, 300
MOST, EVIDENCE = 2000, 500
"""Rows of a set at most, and those that the hyperparameters of the Gaussian process are chosen by."""

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
    return of_classes("digit_pairs", (images / 16, digit), pairs[::12] if quick else pairs, "rows")


def tables(quick: bool) -> list[dict]:
    """Learn two kinds of iris and of wine, and show the third."""
    rows = []
    for name, load in {"iris": load_iris, "wine": load_wine}.items():
        x, kind = load(return_X_y=True)
        pairs = list(combinations(range(3), 2))
        rows += of_classes(name, ((x - x.mean(0)) / x.std(0), kind), pairs[:1] if quick else pairs, "columns")
    return rows


def of_classes(
    name: str, data: tuple[np.ndarray, np.ndarray], pairs: list[tuple[int, int]], normalise: str
) -> list[dict]:
    """Score every pair of classes, with half of its objects held out."""
    x, kind = torch.from_numpy(data[0]).float(), torch.from_numpy(data[1])
    found: Found = {}
    for seed, pair in enumerate(pairs):
        known = torch.isin(kind, torch.tensor(pair))
        learn, held = known.nonzero()[::2, 0], known.nonzero()[1::2, 0]
        score = scores_of_classes(x[learn], (kind[learn] == pair[1]).long(), seed, normalise)
        keep(found, score(x[held]), score(x[~known]))
    return summary(name, found, "pairs")


def trained(x: Tensor, nll: Callable[[Tensor], Tensor], seed: int) -> tuple[nn.Sequential, Callable[[Tensor], Scores]]:
    """Train two hidden layers with dropout; give the network and what gives the features of its layers."""
    with seeded(seed):
        first = nn.Sequential(nn.Linear(x.shape[1], WIDTH), nn.ReLU())
        second = nn.Sequential(Dropout(nn.Linear(WIDTH, WIDTH), RATE), nn.ReLU())
        network = nn.Sequential(first, second, Dropout(nn.Linear(WIDTH, 2), RATE))
        adam = torch.optim.Adam(network.parameters(), 1e-3)
        for _ in range(STEPS):
            (nll(network(x)).mean() + kl(network, len(x))).backward()
            adam.step()
            adam.zero_grad()
    network.eval()

    def features(x: Tensor) -> Scores:
        with torch.no_grad():
            one = first(x)
            two = second(one)
        return {"first_layer": one, "both_layers": torch.cat([one, two], 1), "last_layer": two}

    return network, features


def scores_of_classes(x: Tensor, label: Tensor, seed: int, normalise: str) -> Callable[[Tensor], Scores]:
    """Train for two classes, and give what gives all scores."""
    network, features = trained(x, lambda logits: categorical_nll(logits, label), seed)
    far = {name: FeatureDistance(f.shape[1], 2).fit(f, label) for name, f in features(x).items()}
    process = NNGP(classes=2, normalise=normalise).fit(x, label, depths=(2,), rows=EVIDENCE)

    def scores(x: Tensor) -> Scores:
        drawn = sample(network, x, SAMPLES, seed=1)
        parts = split_classes(drawn.softmax(-1))
        with torch.no_grad():
            plain = network(x)
        return {
            "softmax": 1 - plain.softmax(-1).amax(-1), "energy": energy(plain),
            "entropy": parts.predictive, "mutual_information": parts.epistemic, "nngp": process(x)[1][:, 0],
        } | {name: far[name](f) for name, f in features(x).items()}  # fmt: skip

    return scores


def values(quick: bool) -> list[dict]:
    """Learn the lower part of every column of every set, and show the upper part."""
    found: Found = {}
    for name in SETS[1:2] if quick else SETS:
        table = np.loadtxt(DATA / "uci" / name / "data.txt")
        table = table[np.random.default_rng(0).permutation(len(table))[:MOST]]
        for column, (lower, upper) in enumerate(parted(table[:, :-1])):
            if not 0.05 < len(upper) / len(table) < 0.4:
                continue  # a column of few different values has no upper fifth
            held = len(lower) // 5
            mean, scale = table[lower[held:]].mean(0), table[lower[held:]].std(0)
            x, y = np.split((table - mean) / np.where(scale > 0, scale, 1), [-1], 1)
            x, y = torch.from_numpy(x).float(), torch.from_numpy(y).float()
            score = scores_of_values(x[lower[held:]], y[lower[held:]], column)
            keep(found, score(x[lower[:held]]), score(x[upper]))
    return summary("uci_columns", found, "columns")


def parted(x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the rows in the lower 80 % of each column, and those above."""
    for column in x.T:
        above = column > np.quantile(column, 0.8)
        yield np.flatnonzero(~above), np.flatnonzero(above)


def scores_of_values(x: Tensor, y: Tensor, seed: int) -> Callable[[Tensor], Scores]:
    """Train for a value with its noise, and give what gives all scores."""
    network, features = trained(x, lambda out: gaussian_nll(out[:, :1], out[:, 1:], y), seed)
    far = {name: FeatureDistance(f.shape[1]).fit(f) for name, f in (features(x) | {"inputs": x}).items()}
    process = NNGP().fit(x, y, depths=(2,), rows=EVIDENCE)

    def scores(x: Tensor) -> Scores:
        drawn = sample(network, x, SAMPLES, seed=1)
        parts = split_values(drawn[..., :1], variance=drawn[..., 1:].exp())
        return {
            "predictive": parts.predictive[:, 0, 0], "epistemic": parts.epistemic[:, 0, 0], "nngp": process(x)[1][:, 0],
        } | {name: far[name](f) for name, f in (features(x) | {"inputs": x}).items()}  # fmt: skip

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
