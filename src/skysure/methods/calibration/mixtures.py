"""Predictions as mixtures of Gaussians, whose weights, centres and widths are at hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from skysure.methods.arguments import unchecked
from skysure.methods.sampling import split_values

Score = Callable[..., Any]
"""A score of mixtures: `crps`, `gaussian_mixture_nll`."""


@dataclass(frozen=True)
class Mixtures:
    """Predictive distributions of values at some horizon, as mixtures of Gaussians.

    Parameters
    ----------
    days : ndarray, shape (row,)
        Days ahead.
    share, mean, std : Tensor, shape (component, row)
        Weight, centre and width of each component, float64.
    epistemic : Tensor, shape (row,)
        Part of the variance that is the uncertainty of the model.
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

    def __getitem__(self, rows: np.ndarray) -> Mixtures:
        """Take some of the rows."""
        index = torch.from_numpy(rows)
        parts = (part[..., index] for part in (self.share, self.mean, self.std, self.epistemic))
        return Mixtures(self.days[rows], *parts)

    def measured(self, error: np.ndarray) -> Mixtures:
        """Give the distribution of measurements with these errors, shape (row,)."""
        return replace(self, std=torch.hypot(self.std, torch.from_numpy(error)))

    def measured_with(self, errors: np.ndarray) -> Mixtures:
        """Give the distribution of measurements whose error is one of several, equally likely, shape (row, error).

        Those that are NaN are none. Errors differ by a factor of a few from night to night: with their median for all
        of them, intervals of 90 % held 84 % of simulated measurements.
        """
        is_measured = torch.from_numpy(np.isfinite(errors))
        weight = (is_measured / is_measured.sum(1, keepdim=True)).T.double()
        error = torch.from_numpy(np.nan_to_num(errors, nan=1.0)).T.double()
        share = (self.share[:, None] * weight).flatten(0, 1)
        std = torch.hypot(self.std[:, None].expand(-1, len(error), -1), error).flatten(0, 1)
        return replace(self, share=share, mean=self.mean.repeat_interleave(len(error), 0), std=std)

    def surprise(self, value: np.ndarray) -> Tensor:
        """Give -log p(y) - log std [nat], shape (row,): how unlikely values are, whatever the width of the mixture.

        It is 1.4 on average for Gaussian values that follow the mixture.
        """
        truth = torch.from_numpy(value)
        log_density = -0.5 * ((truth - self.mean) / self.std) ** 2 - self.std.log() - 0.5 * math.log(2 * math.pi)
        return -torch.logsumexp(self.share.log() + log_density, 0) - 0.5 * self.variance.log()

    def spread(self, factor: float | Tensor) -> Mixtures:
        """Give the mixture spread out around its mean by a factor, all parts of its uncertainty alike."""
        centre = self.centre
        mean, epistemic = centre + factor * (self.mean - centre), self.epistemic * factor**2
        return replace(self, mean=mean, std=self.std * factor, epistemic=epistemic)

    def score(self, score: Score, truth: np.ndarray) -> float:
        """Give a score of `methods.calibration` that takes mean, std, truth and share."""
        return float(unchecked(score)(self.mean.numpy(), self.std.numpy(), truth, share=self.share.numpy()))

    @staticmethod
    def concat(parts: Sequence[Mixtures]) -> Mixtures:
        """Join several."""
        joined = [torch.cat([getattr(p, n) for p in parts], -1) for n in ("share", "mean", "std", "epistemic")]
        return Mixtures(np.concatenate([p.days for p in parts]), *joined)


def combine_samples(days: np.ndarray, samples: Sequence[Float[Tensor, "sample row 3 component"]]) -> Mixtures:
    """Combine posterior samples of each network into one mixture: component by component, by total variance.

    The mean and the variance of the mixture are those of all samples together; its components are as many as those
    of one sample, times the networks.
    """
    networks = [part.double() for part in samples]
    share, mean, std = [], [], []
    for part in networks:
        weight, means, variance = part[..., 0, :].exp(), part[..., 1, :], part[..., 2, :].exp()
        whole = weight.mean(0).clamp(min=1e-30)
        middle = (weight * means).mean(0) / whole
        width = ((weight * (variance + (means - middle) ** 2)).mean(0) / whole).sqrt()
        share, mean, std = [*share, whole / len(networks)], [*mean, middle], [*std, width]
    weight, means = (torch.cat([part[..., k, :] for part in networks]) for k in (0, 1))
    centres = (weight.exp() * means).sum(-1, keepdim=True)
    epistemic = torch.zeros_like(centres[0, :, 0])  # of one pass it is not known
    if len(centres) > 1:
        epistemic = unchecked(split_values)(centres, torch.zeros_like(centres)).epistemic[:, 0, 0]
    return Mixtures(days, *(torch.cat(parts, -1).T.contiguous() for parts in (share, mean, std)), epistemic)
