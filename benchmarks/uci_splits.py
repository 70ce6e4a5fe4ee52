"""The UCI regression sets with the standard splits (Hernandez-Lobato and Adams 2015), standardised and stacked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data")) / "uci"
SETS = {
    "boston": "bostonHousing",
    "concrete": "concrete",
    "energy": "energy",
    "kin8nm": "kin8nm",
    "naval": "naval-propulsion-plant",
    "power": "power-plant",
    "protein": "protein-tertiary-structure",
    "wine": "wine-quality-red",
    "yacht": "yacht",
}


@dataclass(frozen=True)
class Splits:
    """Splits of one set, as many rows in each; inputs and targets in units of the split's training part.

    Parameters
    ----------
    x, y : Tensor, shape (split, row, feature), (split, row)
        Training parts: mean 0, standard deviation 1; a constant feature is 0.
    new_x, new_y : Tensor, shape (split, object, feature), (split, object)
        Test parts, by the same numbers.
    scale : Tensor, shape (split,)
        Standard deviation of the training targets, in their own units.
    floor : Tensor, shape (split,)
        Standard deviation that the rounding of the targets alone makes, in units of `scale`: the smallest gap
        between two different training targets, over the root of 12. For whole numbers (wine) 0.29.
    """

    x: Tensor
    y: Tensor
    new_x: Tensor
    new_y: Tensor
    scale: Tensor
    floor: Tensor


def read_splits(name: str, count: int = 20, inner: bool = False) -> Splits:
    """Read the first splits of a set; `inner`: cut their training parts 80/20 anew, and leave out the test rows."""
    folder = DATA / SETS[name]
    table = np.loadtxt(folder / "data.txt")
    x, y = table[:, _rows(folder / "index_features.txt")], table[:, _rows(folder / "index_target.txt")[0]]
    count = min(count, int(_rows(folder / "n_splits.txt")[0]))
    parts = [tuple(_rows(folder / f"index_{part}_{i}.txt") for part in ("train", "test")) for i in range(count)]
    return stacked(x, y, [_cut(train, i) for i, (train, _) in enumerate(parts)] if inner else parts)


def _cut(train: np.ndarray, split: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(100 + split).permutation(train)
    cut = round(0.8 * len(rows))
    return rows[:cut], rows[cut:]


def stacked(x: np.ndarray, y: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray]]) -> Splits:
    """Standardise each split by its training part, and stack them; `parts` are the rows to train on and to test on."""
    splits = [_standardised(x, y, train, test) for train, test in parts]
    return Splits(*(torch.tensor(np.stack(arrays), dtype=torch.float32) for arrays in zip(*splits, strict=True)))


def _standardised(x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> tuple:
    centre, spread = x[train].mean(0), x[train].std(0)
    spread[spread == 0] = 1.0
    middle, scale = y[train].mean(), y[train].std()
    inputs, targets = (x - centre) / spread, (y - middle) / scale
    floor = np.diff(np.unique(y[train])).min() / sqrt(12) / scale
    return inputs[train], targets[train], inputs[test], targets[test], scale, floor


def _rows(path: Path) -> np.ndarray:
    return np.atleast_1d(np.loadtxt(path)).astype(int)
