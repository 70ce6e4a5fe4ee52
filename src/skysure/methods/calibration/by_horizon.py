"""Calibration of forecasts by how far ahead they are: one for each span of days.

A forecast for tomorrow rests on other things than one for next month; one calibration cannot fit both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from .mixtures import Mixtures, Score
from .quantiles import QuantileScaling
from .scores import gaussian_mixture_nll


class HorizonCalibration(nn.Module):
    """Calibration of forecasts for about as many days ahead: a width, and intervals.

    The width is that of greatest likelihood; the intervals hold as many of the calibration points as they say.
    """

    width: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("width", torch.ones((), dtype=torch.float64))
        self.quantiles = QuantileScaling(1)

    def fit(
        self, mixtures: Mixtures, value: np.ndarray, error: np.ndarray, score: Score = gaussian_mixture_nll
    ) -> HorizonCalibration:
        """Fit to measured values, shape (row,), by a score; the prior of the width is log f ~ N(0, 1)."""

        def loss(log_f: float) -> float:
            wide = mixtures.spread(float(np.exp(log_f))).measured(error)
            return wide.score(score, value) + log_f**2 / (2 * len(value))

        self.width.fill_(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
        wide = mixtures.spread(float(self.width)).measured(error)
        self.quantiles.fit(*_with_value(wide.mean, wide.std, torch.from_numpy(value), wide.share))
        return self

    def interval(self, mixtures: Mixtures, coverage: float) -> tuple[Tensor, Tensor]:
        """Give the ends of central intervals, shape (row,)."""
        mean, std, share = (x.to(self.width.device) for x in _with_value(mixtures.mean, mixtures.std, mixtures.share))
        low, high = self.quantiles(mean, std, coverage, share)
        return low[:, 0], high[:, 0]


class HorizonCalibrations(nn.ModuleList):
    """The calibrations of all spans of days ahead.

    Parameters
    ----------
    edges : sequence of float
        Days ahead that separate one calibration from the next.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        super().__init__(HorizonCalibration() for _ in range(len(edges) + 1))
        self.edges = tuple(edges)

    def fit(
        self, mixtures: Mixtures, value: np.ndarray, error: np.ndarray, score: Score = gaussian_mixture_nll
    ) -> HorizonCalibrations:
        """Fit each to its rows; one without rows stays as it is."""
        for horizon, rows in self._by_horizon(mixtures.days):
            horizon.fit(mixtures[rows], value[rows], error[rows], score)
        return self

    def forward(self, mixtures: Mixtures) -> Mixtures:
        """Give mixtures of calibrated widths."""
        factor = torch.ones_like(mixtures.epistemic)
        for horizon, rows in self._by_horizon(mixtures.days):
            factor[rows] = horizon.width.cpu()
        return mixtures.spread(factor)

    def interval(self, mixtures: Mixtures, coverage: float) -> tuple[np.ndarray, np.ndarray]:
        """Give the ends of calibrated central intervals of mixtures whose widths are calibrated, shape (row,)."""
        ends = np.full((2, len(mixtures.days)), np.nan)
        for horizon, rows in self._by_horizon(mixtures.days):
            ends[:, rows] = torch.stack(horizon.interval(mixtures[rows], coverage)).cpu().numpy()
        return ends[0], ends[1]

    def _by_horizon(self, days: np.ndarray) -> list[tuple[HorizonCalibration, np.ndarray]]:
        bin_index = np.searchsorted(self.edges, days, side="right")
        return [(self[k], np.flatnonzero(bin_index == k)) for k in np.unique(bin_index)]  # type: ignore[misc]


def _with_value(*parts: Tensor) -> list[Tensor]:
    """Add the axis of values that calibrations of several values have."""
    return [part[..., None] for part in parts]
