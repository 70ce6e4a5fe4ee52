"""Scores of values with error bars: log-likelihood, CRPS, root mean square error, coverage of central intervals.

Predictions are mixtures of Gaussians: `mean` and `std` of shape (sample, row), one sample per posterior draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from skysure.methods.arguments import checked, numbers, unchecked
from skysure.methods.calibration import Interval, coverage_curve, crps, gaussian_mixture_nll, pit, pit_hits
from skysure.methods.calibration.scores import MIXTURES, mean_of

from .evaluation import Curve, Score
from .measure import measure, of_interval

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.683, 0.8, 0.9, 0.955, 0.997)

Samples = Float[np.ndarray, "sample row"]
Truth = Float[np.ndarray, " row"]


@checked(MIXTURES)
def score_values(
    mean: Samples, std: Samples, truth: Truth, before: tuple[Samples, Samples] | None = None, unit: str = ""
) -> list[Score]:
    """Log-likelihood, CRPS and root mean square error, with intervals; with `before`, the change by calibration.

    Parameters
    ----------
    mean, std : ndarray, shape (sample, row)
    truth : ndarray, shape (row,)
    before : (mean, std), optional
        Before calibration.
    unit : str
        Unit of the truth.
    """
    label = "Log-likelihood of a point"
    few = partial(measure, resamples=200, unit=unit)
    return [
        measure("log_likelihood", label, log_likelihood, mean, std, truth, unit="nat", headline=True, before=before),
        few("crps", "CRPS", crps, mean, std, truth),
        few("rmse", "Root mean square error", root_mean_square_error, mean.mean(0), truth),
    ]


@checked(MIXTURES)
def value_coverage(
    mean: Samples,
    std: Samples,
    truth: Truth,
    before: tuple[Samples, Samples] | None = None,
    levels: Sequence[float] = LEVELS,
    calibrated_on: int | None = None,
) -> Curve:
    """Empirical coverage of central intervals at several levels, with the band of a calibrated model."""
    data: dict[str, Any] = coverage_curve(interval_hits(mean, std, truth, levels), levels, calibrated_on=calibrated_on)
    earlier = None if before is None else interval_hits(*before, truth, levels).mean(1).tolist()
    return Curve("coverage", data | {"before": earlier})


def coverage_score(curve: Curve, level: float) -> Score:
    """The coverage at one of the levels of `value_coverage`, as a score."""
    assert isinstance(curve.data, dict)
    k = curve.data["nominal"].index(level)
    low, value, high = (100 * curve.data[name][k] for name in ("low", "actual", "high"))
    before = 100 * curve.data["before"][k] if curve.data["before"] else None
    label = f"Coverage of the {100 * level:g} % interval"
    return of_interval(f"coverage_{1000 * level:.0f}", label, Interval(value, low, high), "%", before=before)


@checked(MIXTURES)
def interval_hits(mean: Samples, std: Samples, truth: Truth, levels: Sequence[float]) -> np.ndarray:
    """Whether each central interval holds its truth, shape (level, row)."""
    position = pit(mean, std, truth)
    return np.array([pit_hits(position, level) for level in levels])


@checked(MIXTURES)
def log_likelihood(mean: Samples, std: Samples, truth: Truth, weight: Any = None) -> Any:
    """Mean log density of the truth under the mixture."""
    return -unchecked(gaussian_mixture_nll)(mean, std, truth, weight)


@checked(truth=numbers("row", infinite=False), mean=numbers("row", infinite=False), weight=MIXTURES["weight"])
def root_mean_square_error(mean: Float[np.ndarray, " row"], truth: Truth, weight: Any = None) -> Any:
    """Square root of the mean squared distance of the mean from the truth."""
    return np.sqrt(mean_of((truth - mean) ** 2, weight))
