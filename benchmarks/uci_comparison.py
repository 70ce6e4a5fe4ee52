"""Comparison of concrete dropout with the ensemble and TabM, split by split.

The training parts of two splits share most of their rows, so that the differences d_k of n splits are correlated, and
s / sqrt(n) is too small. Nadeau & Bengio 2003 (doi:10.1023/A:1024068626366) correct it by the ratio of test to
training rows, here 1 / 9:

    error = s sqrt(1 / n + 1 / 9),    interval = mean(d) ± t_{n-1}(0.975) error

Ahead is a set whose interval is above 0; half the interval is the smallest difference that so many splits can show.
The counts are also given without the correction.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import t

from record import row
from uci_splits import SETS

TEST_TO_TRAINING = 1 / 9
COMPETITORS = ("ensemble", "tabm")


def standard_error(values: np.ndarray) -> float:
    """Standard error of the mean, without a correction for rows that splits share."""
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def corrected_error(differences: np.ndarray) -> float:
    """Standard error of a mean difference over splits that share training rows (Nadeau & Bengio 2003)."""
    return float(differences.std(ddof=1) * math.sqrt(1 / len(differences) + TEST_TO_TRAINING))


def smallest_difference(differences: np.ndarray) -> float:
    """Half the corrected 95 % interval."""
    return _quantile(differences) * corrected_error(differences)


def compare(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of each set measured for all three, and how many sets are ahead of both or behind either."""
    splits = {r["measure"]: np.array(r["splits"]) for r in rows if "splits" in r}
    compared, gains = [], {}
    for name in SETS:
        measures = {m: f"{m}_log_likelihood_{name}" for m in COMPETITORS} | {"dropout": f"log_likelihood_{name}"}
        if all(measure in splits for measure in measures.values()):
            gains[name] = {m: splits[measures["dropout"]] - splits[measures[m]] for m in COMPETITORS}
            compared += [line for m, gain in gains[name].items() for line in _lines(name, m, gain)]
    limits = {"": smallest_difference, "_uncorrected": lambda gain: _quantile(gain) * standard_error(gain)}
    return [*compared, *(line for name, limit in limits.items() for line in _counts(gains, name, limit))]


def _counts(
    gains: dict[str, dict[str, np.ndarray]], suffix: str, limit: Callable[[np.ndarray], float]
) -> list[dict[str, Any]]:
    ahead = [name for name, of in gains.items() if all(gain.mean() > limit(gain) for gain in of.values())]
    behind = [name for name, of in gains.items() if any(-gain.mean() > limit(gain) for gain in of.values())]
    counts = {"sets_ahead_of_ensemble_and_tabm": ahead, "sets_behind_ensemble_or_tabm": behind}
    return [row(m + suffix, len(sets), "sets", n=len(gains), note=", ".join(sets)) for m, sets in counts.items()]


def _quantile(gain: np.ndarray) -> float:
    return float(t.ppf(0.975, len(gain) - 1))


def _lines(name: str, competitor: str, gain: np.ndarray) -> list[dict[str, Any]]:
    note = f"better on {int((gain > 0).sum())} of {len(gain)} splits; error without the correction "
    note += f"{standard_error(gain):.4f}"
    mean, error = float(gain.mean()), corrected_error(gain)
    return [
        row(f"log_likelihood_over_{competitor}_{name}", mean, "nat", error=error, n=len(gain), note=note),
        row(f"smallest_difference_{competitor}_{name}", smallest_difference(gain), "nat", n=len(gain)),
    ]
