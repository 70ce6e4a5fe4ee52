"""How early a class is known: what could be said of every light curve so many days after its trigger."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skysure.methods.calibration.coverage import calibrated_band, effective_size, wilson_interval
from skysure.predictions import Classes

DAYS = (0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 90.0)
"""Days since the trigger that are looked at."""


def last_night_by_day(time: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Choose the last night until each of `DAYS`, once where several days share it; the first of an object never."""
    seen = torch.stack([(there & (time <= day + 0.5)).sum(1) for day in DAYS], 1) - 1
    new = torch.diff(seen, dim=1, prepend=torch.zeros_like(seen[:, :1])) > 0
    row, day = torch.nonzero(new & (seen > 0), as_tuple=True)
    night = seen[row, day]
    found = time[row, night] > -0.5
    return row[found], night[found]


class Early:
    """Counts of what was known on each of `DAYS`: those of all objects that are classified in the end.

    Before the second night of an object nothing is known of it: its answer is the most common class, its set all.

    Parameters
    ----------
    frequency : ndarray, shape (class,)
        How common the classes are in training.
    objects : ndarray of int, shape (stage, level)
        Calibration objects behind each level of the prediction sets.
    """

    def __init__(self, frequency: np.ndarray, objects: np.ndarray) -> None:
        self.frequency, self.objects = frequency, objects
        self.levels = np.zeros((len(DAYS), objects.size), np.int64)
        names = ("n", "right", "confidence", "held", "size", "single", "positive", "selected", "found")
        self.sums = {name: np.zeros(len(DAYS)) for name in names}

    def add(self, found: Classes, owner: np.ndarray, level: np.ndarray, truth: np.ndarray) -> None:
        """Add answers, some for each object `owner`, of which `truth` is the index of the class or -1."""
        assert found.prediction_set is not None
        owner = np.where(truth[owner] >= 0, owner, -1)
        objects, place = np.unique(owner, return_inverse=True)
        mine, label = objects >= 0, truth[objects]
        everything = np.ones((len(objects), len(self.frequency)), bool)
        order = np.argsort(found.rows["days_since_trigger"], kind="stable")
        for k, day in enumerate(DAYS):
            then = order[found.rows["days_since_trigger"][order] <= day + 0.5]
            last = np.full(len(objects), -1)
            last[place[then]] = then  # the latest is written last
            known = (last >= 0)[:, None]
            p = np.where(known, found.probability[last], self.frequency)
            sets = np.where(known, found.prediction_set[last], everything)
            self._count(k, p[mine], sets[mine], label[mine])
            self.levels[k] += np.bincount(level[last[mine & (last >= 0)]], minlength=self.objects.size)

    def _count(self, k: int, p: np.ndarray, sets: np.ndarray, label: np.ndarray) -> None:
        selected, positive, size = p[:, 0] > 0.5, label == 0, sets.sum(1)
        counted = {
            "n": np.ones(len(label)), "right": p.argmax(1) == label, "confidence": p.max(1),
            "held": sets[np.arange(len(label)), label], "size": size, "single": size == 1,
            "positive": positive, "selected": selected, "found": selected & positive,
        }  # fmt: skip
        for name, values in counted.items():
            self.sums[name][k] += values.sum()

    def curve(self, first: str | None, wanted: float, until: float = np.inf) -> dict[str, Any]:
        """Give shares with their 68.3 % intervals on each day until one, as plain JSON.

        Completeness and purity are those of the class `first`, where one is named.
        """
        days = [k for k, day in enumerate(DAYS) if day <= until]
        if not self.sums["n"].any():
            return {}
        s = {name: values[days] for name, values in self.sums.items()}
        n = s["n"]
        on = [effective_size(self.levels[k], self.objects.ravel()) for k in days]
        bands = [calibrated_band(wanted, int(m), calibrated_on=size) for m, size in zip(n, on, strict=True)]
        found = {
            "of": first, "days": [DAYS[k] for k in days], "n": int(n[0]), "wanted": wanted,
            "confidence": (s["confidence"] / n).tolist(), "size": (s["size"] / n).tolist(),
            **share("accuracy", s["right"], n), **share("coverage", s["held"], n), **share("single", s["single"], n),
            "coverage_band_low": [low for low, _ in bands], "coverage_band_high": [high for _, high in bands],
        }  # fmt: skip
        if first is None:
            return found
        completeness = share("completeness", s["found"], s["positive"])
        return found | completeness | share("purity", s["found"], s["selected"])


def share(name: str, hits: np.ndarray, n: np.ndarray) -> dict[str, list[float | None]]:
    """Give shares with the ends of their intervals; None of nothing."""
    found = [
        (h / m, *wilson_interval(int(h), int(m))) if m else (None, None, None) for h, m in zip(hits, n, strict=True)
    ]
    return {key: [row[k] for row in found] for k, key in enumerate((name, f"{name}_low", f"{name}_high"))}
