"""Folds of PLAsTiCC, stratified by class; each fold also splits the other four into parts."""

from __future__ import annotations

from math import ceil

import numpy as np

PARTS = ("train", "validation", "calibration", "test")
VALIDATION, CALIBRATION = 1 / 16, 1 / 10
"""Shares of the objects of each class outside the test fold."""


def parts_of(label: np.ndarray, folds: int = 5, seed: int = 0) -> np.ndarray:
    """Index of the part of each object in each fold, shape (fold, object); each object is a test object of one fold."""
    rng = np.random.default_rng(seed)
    parts = np.zeros((folds, len(label)), np.int64)
    for name in np.unique(label):
        members = rng.permutation(np.flatnonzero(label == name))
        for k, test in enumerate(np.array_split(members, folds)):
            rest = rng.permutation(np.setdiff1d(members, test))
            ends = np.cumsum([ceil(share * len(rest)) for share in (VALIDATION, CALIBRATION)])
            parts[k, rest[: ends[0]]] = PARTS.index("validation")
            parts[k, rest[ends[0] : ends[1]]] = PARTS.index("calibration")
            parts[k, test] = PARTS.index("test")
    return parts
