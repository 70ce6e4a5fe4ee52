"""From a function of arrays to a `Score` with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skysure.methods.arguments import check_arguments, unchecked
from skysure.methods.calibration import Interval, calibrated_resample, with_interval

from .evaluation import Score

RESAMPLES = 400
MANY = 10_000
"""Rows from which fewer labels are drawn for the score of a calibrated model: its band is narrow."""


def measure(
    name: str,
    label: str,
    score: Callable[..., Any],
    *arrays: np.ndarray,
    before: tuple[np.ndarray, ...] | None = None,
    unit: str = "",
    resamples: int = RESAMPLES,
    **facts: Any,
) -> Score:
    """Compute a score with its 68.3 % interval over rows; with `before`, also uncalibrated, and the change.

    Parameters
    ----------
    name, label : str
    score : callable
        Takes the arrays and `weight`, as the scores of `methods.calibration` do.
    arrays : arrays
        What it takes; the last one is the truth.
    before : tuple of arrays, optional
        The arrays before calibration, without the truth.
    unit : str
        "%" multiplies a fraction by 100.
    resamples : int
    **facts
        Other fields of the score.
    """
    factor = 100 if unit == "%" else 1
    interval = with_interval(score, *arrays, resamples=resamples)
    low, high = (None if np.isnan(end) else factor * end for end in (interval.low, interval.high))
    if before is not None:
        facts |= _change(score, arrays, before, factor, resamples)
    return Score(name, label, factor * interval.value, low, high, unit, **facts)


def of_interval(name: str, label: str, interval: Interval, unit: str = "", **facts: Any) -> Score:
    """The score of a value whose interval is known."""
    return Score(name, label, interval.value, interval.low, interval.high, unit, **facts)


def expect_calibrated(score: Callable[..., Any], probability: np.ndarray) -> dict[str, Any]:
    """What a perfectly calibrated model with these probabilities scores: fields of a `Score`."""
    draws = 400 if len(probability) < MANY else 100
    interval = calibrated_resample(score, probability, resamples=draws)
    return {"expected": interval.value, "expected_low": interval.low, "expected_high": interval.high}


def _change(
    score: Callable[..., Any],
    arrays: tuple[np.ndarray, ...],
    before: Sequence[np.ndarray],
    factor: float,
    resamples: int,
) -> dict[str, float]:
    """The score before calibration, and the change with its interval from the same resampled rows."""
    arrays, (*before, _) = check_arguments(score, *arrays), check_arguments(score, *before, arrays[-1])
    score, count, truth = unchecked(score), len(before), arrays[-1]

    def difference(*resampled: np.ndarray, weight: np.ndarray | None = None) -> Any:
        after, earlier = resampled[:count], resampled[count : 2 * count]
        return score(*after, truth, weight=weight) - score(*earlier, truth, weight=weight)

    change = with_interval(difference, *arrays[:-1], *before, truth, resamples=resamples)
    values = {"change": change.value, "change_low": change.low, "change_high": change.high}
    values["before"] = float(score(*before, truth))
    return {name: factor * value for name, value in values.items()}
