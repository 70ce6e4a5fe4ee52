"""Scores of a method on PLAsTiCC: what is calibrated on the calibration part of a fold, and the rows of all folds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from plasticc_folds import PARTS
from record import row
from skysure.methods.calibration import (
    ConformalSets,
    VectorScaling,
    balanced_nll,
    cross_fit,
    ece,
    macro_auc,
    with_interval,
)
from skysure.methods.calibration.scores import mean_of

COVERAGE = 0.9
WIDTHS = (1.0, 0.3, 0.1, 0.0)
TWICE = ("TDE", "kilonova")
"""Classes that count twice in the challenge's score; all others count once."""


@dataclass(frozen=True)
class Found:
    """What a method says of the objects that it is tested on, in all folds together.

    Parameters
    ----------
    probability : ndarray, shape (object, class)
        Calibrated for a sample like the training set.
    challenge : ndarray, shape (object, class)
        The same where all classes are as common, which is what the challenge scores.
    members : ndarray of bool, shape (object, class)
        Prediction sets.
    """

    probability: np.ndarray
    challenge: np.ndarray
    members: np.ndarray

    @staticmethod
    def over(folds: list[tuple[np.ndarray, Found]]) -> Found:
        """Put the test parts of folds in order."""
        order = np.argsort(np.concatenate([objects for objects, _ in folds]))
        names = ("probability", "challenge", "members")
        return Found(*(np.concatenate([getattr(f, n) for _, f in folds])[order] for n in names))


def calibrated(raw: np.ndarray, part: np.ndarray, label: np.ndarray, names: np.ndarray) -> Found:
    """Calibrate probabilities of all objects on a fold's calibration part, and give those of its test part.

    The scaling and the sets are those of a run of `supernovae`; every method gets the same.
    """
    logits = torch.from_numpy(np.log(np.maximum(raw, 1e-12)))[None]
    mine, test = (np.flatnonzero(part == PARTS.index(p)) for p in ("calibration", "test"))
    truth = torch.from_numpy(label[mine])
    scaling = {w: partial(VectorScaling, len(names), w) for w in WIDTHS}
    unseen = {w: cross_fit(scaling[w], logits[:, mine], truth) for w in WIDTHS}
    width = max(WIDTHS, key=lambda w: float(unseen[w].gather(1, truth[:, None]).log().sum()))
    p = scaling[width]().fit(logits[:, mine], truth)(logits)[0].softmax(-1)
    sets = ConformalSets(len(names)).fit(unseen[width], truth).contains(p[test], COVERAGE)
    return for_challenge(p.numpy(), sets.numpy(), part, label, names)


def for_challenge(p: np.ndarray, members: np.ndarray, part: np.ndarray, label: np.ndarray, names: np.ndarray) -> Found:
    """Add the probabilities where classes are as common: over their frequency in training, to a power.

    The power, one over a temperature, has the least score on the calibration part. Sets are those of the test part.
    """
    mine, test = part == PARTS.index("calibration"), part == PARTS.index("test")
    frequency = np.bincount(label[part == PARTS.index("train")], minlength=len(names)) / (part == 0).sum()
    score = partial(balanced_nll, share=share_of(names))
    found = minimize_scalar(
        lambda t: score(tempered(p[mine] / frequency, t), label[mine]), bounds=(0.5, 2), method="bounded"
    )
    return Found(p[test], tempered(p[test] / frequency, found.x), members)


def tempered(p: np.ndarray, temperature: float) -> np.ndarray:
    """Raise to the power of one over a temperature, and normalise."""
    p = np.maximum(p / p.sum(1, keepdims=True), 1e-15) ** (1 / temperature)
    return p / p.sum(1, keepdims=True)


def share_of(names: np.ndarray) -> np.ndarray:
    """Give the weight of each class in the challenge's score."""
    return np.where(np.isin(names, TWICE), 2.0, 1.0)


def rows_of(found: Found, label: np.ndarray, names: np.ndarray, suffix: str) -> list[dict]:
    """Give the scores of a method over all objects, each tested on once."""
    p, right = found.probability, (found.probability.argmax(1) == label).astype(float)
    held = found.prediction_set[np.arange(len(label)), label].astype(float)
    scores = [
        ("weighted_logloss", "", 1, partial(balanced_nll, share=share_of(names)), (found.challenge, label)),
        ("macro_auc", "", 1, macro_auc, (p, label)),
        ("accuracy", "%", 100, mean_of, (right,)),
        ("ece", "", 1, ece, (p, label)),
        ("set_coverage_90", "%", 100, mean_of, (held,)),
        ("set_size_90", "", 1, mean_of, (found.prediction_set.sum(1).astype(float),)),
    ]
    rows = []
    for name, unit, factor, score, arrays in scores:
        v = with_interval(score, *arrays, resamples=200)
        error = factor * (v.high - v.low) / 2
        rows.append(row(f"{name}{suffix}", factor * v.value, unit, error=error, n=len(label)))
    return rows


def ratio(ours: Found, peer: Found, label: np.ndarray, names: np.ndarray, measure: str, note: str) -> dict:
    """Give our weighted log-loss over a peer's, on the same objects, with its paired error."""
    score = partial(balanced_nll, share=share_of(names))

    def over(p: np.ndarray, q: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> float | np.ndarray:
        return score(p, label, weight) / score(q, label, weight)

    v = with_interval(over, ours.challenge, peer.challenge, label, resamples=500)
    return row(measure, v.value, error=(v.high - v.low) / 2, n=len(label), note=note)
