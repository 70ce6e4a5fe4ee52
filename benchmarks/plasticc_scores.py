"""Scores of a method on PLAsTiCC: calibration in each fold, and the rows of all folds."""

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
DOUBLE_WEIGHT = ("TDE", "kilonova")
"""Classes of weight 2 in the challenge's score; all others have weight 1."""


@dataclass(frozen=True)
class Predictions:
    """Predictions of a method for the test objects of all folds.

    Parameters
    ----------
    probability : ndarray, shape (object, class)
        Calibrated for the class frequencies of the training set.
    challenge : ndarray, shape (object, class)
        The same for equally frequent classes, as the challenge scores them.
    prediction_set : ndarray of bool, shape (object, class)
        Classes in the sets of 90 % coverage.
    """

    probability: np.ndarray
    challenge: np.ndarray
    prediction_set: np.ndarray

    @staticmethod
    def over(folds: list[tuple[np.ndarray, Predictions]]) -> Predictions:
        """Join the test parts of folds, in the order of the objects."""
        order = np.argsort(np.concatenate([objects for objects, _ in folds]))
        names = ("probability", "challenge", "prediction_set")
        return Predictions(*(np.concatenate([getattr(f, n) for _, f in folds])[order] for n in names))


def calibrate_test_part(raw: np.ndarray, part: np.ndarray, label: np.ndarray, names: np.ndarray) -> Predictions:
    """Calibrate raw probabilities on the calibration part of a fold; returns predictions of its test part.

    Scaling and prediction sets are those of a run of `supernovae`, for every method.
    """
    logits = torch.from_numpy(np.log(np.maximum(raw, 1e-12)))[None]
    calibration, test = (np.flatnonzero(part == PARTS.index(p)) for p in ("calibration", "test"))
    truth = torch.from_numpy(label[calibration])
    scaling = {w: partial(VectorScaling, len(names), w) for w in WIDTHS}
    held_out = {w: cross_fit(scaling[w], logits[:, calibration], truth) for w in WIDTHS}
    width = max(WIDTHS, key=lambda w: float(held_out[w].gather(1, truth[:, None]).log().sum()))
    p = scaling[width]().fit(logits[:, calibration], truth)(logits)[0].softmax(-1)
    sets = ConformalSets(len(names)).fit(held_out[width], truth).contains(p[test], COVERAGE)
    return for_challenge(p.numpy(), sets.numpy(), part, label, names)


def for_challenge(
    p: np.ndarray, prediction_set: np.ndarray, part: np.ndarray, label: np.ndarray, names: np.ndarray
) -> Predictions:
    """Add probabilities for equally frequent classes: divided by the frequency in training, then raised to a power.

    The power, one over a temperature, minimises the score of the calibration part. The sets are of the test part.
    """
    calibration, test = part == PARTS.index("calibration"), part == PARTS.index("test")
    frequency = np.bincount(label[part == PARTS.index("train")], minlength=len(names)) / (part == 0).sum()
    score = partial(balanced_nll, share=share_of(names))
    fit = minimize_scalar(
        lambda t: score(temper(p[calibration] / frequency, t), label[calibration]), bounds=(0.5, 2), method="bounded"
    )
    return Predictions(p[test], temper(p[test] / frequency, fit.x), prediction_set)


def temper(p: np.ndarray, temperature: float) -> np.ndarray:
    """Raise to the power of one over a temperature and normalise."""
    p = np.maximum(p / p.sum(1, keepdims=True), 1e-15) ** (1 / temperature)
    return p / p.sum(1, keepdims=True)


def share_of(names: np.ndarray) -> np.ndarray:
    """Weight of each class in the challenge's score."""
    return np.where(np.isin(names, DOUBLE_WEIGHT), 2.0, 1.0)


def rows_of(predictions: Predictions, label: np.ndarray, names: np.ndarray, suffix: str) -> list[dict]:
    """Rows of the scores of a method over all objects, each a test object of one fold."""
    p, correct = predictions.probability, (predictions.probability.argmax(1) == label).astype(float)
    covered = predictions.prediction_set[np.arange(len(label)), label].astype(float)
    scores = [
        ("weighted_logloss", "", 1, partial(balanced_nll, share=share_of(names)), (predictions.challenge, label)),
        ("macro_auc", "", 1, macro_auc, (p, label)),
        ("accuracy", "%", 100, mean_of, (correct,)),
        ("ece", "", 1, ece, (p, label)),
        ("set_coverage_90", "%", 100, mean_of, (covered,)),
        ("set_size_90", "", 1, mean_of, (predictions.prediction_set.sum(1).astype(float),)),
    ]
    rows = []
    for name, unit, factor, score, arrays in scores:
        interval = with_interval(score, *arrays, resamples=200)
        error = factor * (interval.high - interval.low) / 2
        rows.append(row(f"{name}{suffix}", factor * interval.value, unit, error=error, n=len(label)))
    return rows


def ratio(ours: Predictions, peer: Predictions, label: np.ndarray, names: np.ndarray, measure: str, note: str) -> dict:
    """Row of our weighted log-loss over a peer's on the same objects, with the paired error."""
    score = partial(balanced_nll, share=share_of(names))

    def over(p: np.ndarray, q: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> float | np.ndarray:
        return score(p, label, weight) / score(q, label, weight)

    interval = with_interval(over, ours.challenge, peer.challenge, label, resamples=500)
    return row(measure, interval.value, error=(interval.high - interval.low) / 2, n=len(label), note=note)
