"""Classification against time: the scores of all light curves some days after their triggers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skysure.methods.calibration.coverage import calibrated_band, effective_size, wilson_interval
from skysure.predictions import Classes

DAYS = (0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 90.0)
"""Days since the trigger at which the classification is scored."""


def last_night_by_day(time: Tensor, mask: Tensor, objects: np.ndarray) -> tuple[Tensor, Tensor]:
    """Choose the last night until each of `DAYS`, without repetition; never the first of an object."""
    counts = torch.stack([(mask & (time <= day + 0.5)).sum(1) for day in DAYS], 1) - 1
    new = torch.diff(counts, dim=1, prepend=torch.zeros_like(counts[:, :1])) > 0
    row, day = torch.nonzero(new & (counts > 0), as_tuple=True)
    night = counts[row, day]
    after_trigger = time[row, night] > -0.5
    return row[after_trigger], night[after_trigger]


class Early:
    """Counts of correct classifications and sets on each of `DAYS`, over all objects that are classified in the end.

    Before the second night of an object its probabilities are the class frequencies, and its set contains all classes.

    Parameters
    ----------
    frequency : ndarray, shape (class,)
        Class frequencies of the training set.
    objects : ndarray of int, shape (stage, level)
        Calibration objects behind each level of the prediction sets.
    """

    def __init__(self, frequency: np.ndarray, objects: np.ndarray) -> None:
        self.frequency, self.objects = frequency, objects
        self.levels = np.zeros((len(DAYS), objects.size), np.int64)
        names = ("n", "correct", "confidence", "covered", "size", "single", "positive", "selected", "true_positive")
        self.sums = {name: np.zeros(len(DAYS)) for name in names}

    def add(self, prediction: Classes, owner: np.ndarray, level: np.ndarray, truth: np.ndarray) -> None:
        """Add rows of objects `owner`; `truth` is the index of the class of each object, or -1."""
        assert prediction.prediction_set is not None
        owner = np.where(truth[owner] >= 0, owner, -1)
        objects, place = np.unique(owner, return_inverse=True)
        labelled, label = objects >= 0, truth[objects]
        all_classes = np.ones((len(objects), len(self.frequency)), bool)
        days = prediction.rows["days_since_trigger"]
        order = np.argsort(days, kind="stable")
        for k, day in enumerate(DAYS):
            until = order[days[order] <= day + 0.5]
            last = np.full(len(objects), -1)
            last[place[until]] = until  # the latest row of an object is written last
            has_row = (last >= 0)[:, None]
            p = np.where(has_row, prediction.probability[last], self.frequency)
            sets = np.where(has_row, prediction.prediction_set[last], all_classes)
            self._count(k, p[labelled], sets[labelled], label[labelled])
            self.levels[k] += np.bincount(level[last[labelled & (last >= 0)]], minlength=self.objects.size)

    def _count(self, k: int, p: np.ndarray, sets: np.ndarray, label: np.ndarray) -> None:
        selected, positive, size = p[:, 0] > 0.5, label == 0, sets.sum(1)
        counts = {
            "n": np.ones(len(label)), "correct": p.argmax(1) == label, "confidence": p.max(1),
            "covered": sets[np.arange(len(label)), label], "size": size, "single": size == 1,
            "positive": positive, "selected": selected, "true_positive": selected & positive,
        }  # fmt: skip
        for name, values in counts.items():
            self.sums[name][k] += values.sum()

    def curve(self, first: str | None, nominal: float, until: float = np.inf) -> dict[str, Any]:
        """Give shares with their 68.3 % intervals on each day until `until`; empty without objects.

        Completeness and purity are those of the class `first`, if given.
        """
        days = [k for k, day in enumerate(DAYS) if day <= until]
        if not self.sums["n"].any():
            return {}
        s = {name: values[days] for name, values in self.sums.items()}
        n = s["n"]
        sizes = [effective_size(self.levels[k], self.objects.ravel()) for k in days]
        bands = [calibrated_band(nominal, int(m), calibrated_on=size) for m, size in zip(n, sizes, strict=True)]
        curve = {
            "of": first, "days": [DAYS[k] for k in days], "n": int(n[0]), "wanted": nominal,
            "confidence": (s["confidence"] / n).tolist(), "size": (s["size"] / n).tolist(),
            **shares("accuracy", s["correct"], n), **shares("coverage", s["covered"], n),
            **shares("single", s["single"], n),
            "coverage_band_low": [low for low, _ in bands], "coverage_band_high": [high for _, high in bands],
        }  # fmt: skip
        if first is None:
            return curve
        completeness = shares("completeness", s["true_positive"], s["positive"])
        return curve | completeness | shares("purity", s["true_positive"], s["selected"])


def shares(name: str, hits: np.ndarray, n: np.ndarray) -> dict[str, list[float | None]]:
    """Give shares with the ends of their intervals; None if `n` is 0."""
    rows = [
        (h / m, *wilson_interval(int(h), int(m))) if m else (None, None, None) for h, m in zip(hits, n, strict=True)
    ]
    return {key: [row[k] for row in rows] for k, key in enumerate((name, f"{name}_low", f"{name}_high"))}
