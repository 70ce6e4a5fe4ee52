"""Fluxes to come as mixtures of Gaussians, and their calibration: one for each span of days ahead.

A forecast for tomorrow rests on other things than one for next month; one calibration cannot fit both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from skysure.methods.calibration import QuantileScaling, gaussian_mixture_nll
from skysure.methods.sampling import split_values

Score = Callable[..., Any]
"""A score of `methods.calibration` of mixtures: crps, gaussian_mixture_nll."""
HORIZONS = (2.0, 5.0, 10.0, 20.0, 40.0)
"""Days ahead that part forecasts, each part with a calibration of its own."""


@dataclass(frozen=True)
class Fluxes:
    """Distributions of fluxes to come: mixtures of Gaussians.

    Parameters
    ----------
    days : ndarray, shape (row,)
        Days ahead.
    share, mean, std : Tensor, shape (component, row)
        Weight, centre and width of each component, float64.
    epistemic : Tensor, shape (row,)
        What of the variance is ignorance of the model.
    """

    days: np.ndarray
    share: Tensor
    mean: Tensor
    std: Tensor
    epistemic: Tensor

    def __len__(self) -> int:
        return len(self.days)

    @property
    def centre(self) -> Tensor:
        """Mean of the mixture, shape (row,)."""
        return (self.share * self.mean).sum(0)

    @property
    def variance(self) -> Tensor:
        """Variance of the mixture, shape (row,)."""
        return (self.share * (self.std**2 + (self.mean - self.centre) ** 2)).sum(0)

    def __getitem__(self, rows: np.ndarray) -> Fluxes:
        """Take some of the rows."""
        some = torch.from_numpy(rows)
        parts = (part[..., some] for part in (self.share, self.mean, self.std, self.epistemic))
        return Fluxes(self.days[rows], *parts)

    def measured(self, error: np.ndarray) -> Fluxes:
        """Give the distribution of measurements with these errors, shape (row,)."""
        return replace(self, std=torch.hypot(self.std, torch.from_numpy(error)))

    def measured_with(self, errors: np.ndarray) -> Fluxes:
        """Give the distribution of measurements whose error is one of several, equally likely, shape (row, error).

        Those that are NaN are none. Errors differ by a factor of a few from night to night: with their median for all
        of them, intervals of 90 % held 84 % of simulated measurements.
        """
        known = torch.from_numpy(np.isfinite(errors))
        weight = (known / known.sum(1, keepdim=True)).T.double()
        error = torch.from_numpy(np.nan_to_num(errors, nan=1.0)).T.double()
        share = (self.share[:, None] * weight).flatten(0, 1)
        std = torch.hypot(self.std[:, None].expand(-1, len(error), -1), error).flatten(0, 1)
        return replace(self, share=share, mean=self.mean.repeat_interleave(len(error), 0), std=std)

    def surprise(self, flux: np.ndarray) -> Tensor:
        """How unlikely fluxes are, -log p(f) - log std [nat], shape (row,): no more for a wide forecast than a narrow.

        1.4 on average where fluxes are Gaussian and as expected.
        """
        truth = torch.from_numpy(flux)
        each = -0.5 * ((truth - self.mean) / self.std) ** 2 - self.std.log() - 0.5 * math.log(2 * math.pi)
        return -torch.logsumexp(self.share.log() + each, 0) - 0.5 * self.variance.log()

    def spread(self, factor: float | Tensor) -> Fluxes:
        """Give the mixture spread out around its mean by a factor, all parts of its uncertainty alike."""
        centre = self.centre
        mean, epistemic = centre + factor * (self.mean - centre), self.epistemic * factor**2
        return replace(self, mean=mean, std=self.std * factor, epistemic=epistemic)

    def score(self, score: Score, truth: np.ndarray) -> float:
        """Give a score of `methods.calibration` that takes mean, std, truth and share."""
        return float(score(self.mean.numpy(), self.std.numpy(), truth, share=self.share.numpy()))

    @staticmethod
    def concat(parts: Sequence[Fluxes]) -> Fluxes:
        """Join several."""
        joined = [torch.cat([getattr(p, n) for p in parts], -1) for n in ("share", "mean", "std", "epistemic")]
        return Fluxes(np.concatenate([p.days for p in parts]), *joined)


def gathered(days: np.ndarray, samples: Sequence[Float[Tensor, "sample row 3 component"]]) -> Fluxes:
    """Gather posterior samples of each network into one mixture: component by component, by total variance.

    The mean and the variance of the mixture are those of all samples together; its components are as many as those
    of one sample, times the networks.
    """
    drawn = [part.double() for part in samples]
    share, mean, std = [], [], []
    for part in drawn:
        weight, means, variance = part[..., 0, :].exp(), part[..., 1, :], part[..., 2, :].exp()
        whole = weight.mean(0).clamp(min=1e-30)
        middle = (weight * means).mean(0) / whole
        width = ((weight * (variance + (means - middle) ** 2)).mean(0) / whole).sqrt()
        share, mean, std = [*share, whole / len(drawn)], [*mean, middle], [*std, width]
    weight, means = (torch.cat([part[..., k, :] for part in drawn]) for k in (0, 1))
    centres = (weight.exp() * means).sum(-1, keepdim=True)
    epistemic = torch.zeros_like(centres[0, :, 0])  # of one pass it is not known
    if len(centres) > 1:
        epistemic = split_values(centres, torch.zeros_like(centres)).epistemic[:, 0, 0]
    return Fluxes(days, *(torch.cat(parts, -1).T.contiguous() for parts in (share, mean, std)), epistemic)


class Horizon(nn.Module):
    """Calibration of forecasts for about as many days ahead: a width, and intervals.

    The width is that of greatest likelihood; the intervals hold as many of the calibration points as they say.
    """

    width: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("width", torch.ones((), dtype=torch.float64))
        self.quantiles = QuantileScaling(1)

    def fit(self, fluxes: Fluxes, flux: np.ndarray, error: np.ndarray, score: Score = gaussian_mixture_nll) -> Horizon:
        """Fit to measured fluxes, shape (row,), by a score; the prior of the width is log f ~ N(0, 1)."""

        def loss(log_f: float) -> float:
            found = fluxes.spread(float(np.exp(log_f))).measured(error)
            return found.score(score, flux) + log_f**2 / (2 * len(flux))

        self.width.fill_(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
        found = fluxes.spread(float(self.width)).measured(error)
        self.quantiles.fit(*_with_value(found.mean, found.std, torch.from_numpy(flux), found.share))
        return self

    def interval(self, fluxes: Fluxes, coverage: float) -> tuple[Tensor, Tensor]:
        """Give the ends of central intervals, shape (row,)."""
        mean, std, share = (x.to(self.width.device) for x in _with_value(fluxes.mean, fluxes.std, fluxes.share))
        low, high = self.quantiles(mean, std, coverage, share)
        return low[:, 0], high[:, 0]


class Horizons(nn.ModuleList):
    """The calibrations of all spans of days ahead."""

    def __init__(self) -> None:
        super().__init__(Horizon() for _ in range(len(HORIZONS) + 1))

    def fit(self, fluxes: Fluxes, flux: np.ndarray, error: np.ndarray, score: Score = gaussian_mixture_nll) -> Horizons:
        """Fit each to its rows; one without rows stays as it is."""
        for horizon, rows in self._parted(fluxes.days):
            horizon.fit(fluxes[rows], flux[rows], error[rows], score)
        return self

    def forward(self, fluxes: Fluxes) -> Fluxes:
        """Give the fluxes with calibrated widths."""
        factor = torch.ones_like(fluxes.epistemic)
        for horizon, rows in self._parted(fluxes.days):
            factor[rows] = horizon.width.cpu()
        return fluxes.spread(factor)

    def interval(self, fluxes: Fluxes, coverage: float) -> tuple[np.ndarray, np.ndarray]:
        """Give the ends of calibrated central intervals of fluxes whose widths are calibrated, shape (row,)."""
        ends = np.full((2, len(fluxes.days)), np.nan)
        for horizon, rows in self._parted(fluxes.days):
            ends[:, rows] = torch.stack(horizon.interval(fluxes[rows], coverage)).cpu().numpy()
        return ends[0], ends[1]

    def _parted(self, days: np.ndarray) -> list[tuple[Horizon, np.ndarray]]:
        which = np.searchsorted(HORIZONS, days, side="right")
        return [(self[k], np.flatnonzero(which == k)) for k in np.unique(which)]  # type: ignore[misc]


def _with_value(*parts: Tensor) -> list[Tensor]:
    """Add the axis of values that calibrations of several values have."""
    return [part[..., None] for part in parts]
