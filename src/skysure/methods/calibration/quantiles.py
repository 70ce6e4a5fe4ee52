"""Quantile calibration: which levels of the predicted distribution hold the truth as often as they say, by counting.

Where the truths of calibration objects fall within their predicted distributions (the probability integral transform,
F(y)) is kept in order; the interval that holds a share c of those, ends included, is the calibrated one (Kuleshov,
Fenner & Ermon 2018, arXiv:1807.00263, section 3). For mixtures however skewed or with two peaks, where mean ± k std is
no fair interval. Transforms are kept as log odds, which tell 10 σ from 20 σ, where F itself is 1 to rounding.

Differs from the paper by whole ranks that are rounded outwards in place of isotonic regression: a new truth then lies
inside with probability c or more, whatever the network (distributional conformal prediction, Chernozhukov, Wüthrich &
Zhu 2021). Where n is too small for the coverage asked, n < (1 + c) / (1 - c), the interval is infinite.
"""

from __future__ import annotations

from math import log

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.errors import InputError

from .conformal import level_index

STEPS = 2000
"""Levels that are kept: the ends of central intervals whose coverage is a whole number of thousandths."""

Component = Float[Tensor, "sample row value"]


def log_odds(
    mean: Component, std: Component, truth: Float[Tensor, "row value"], share: Component | None = None
) -> Float[Tensor, "row value"]:
    """log F - log (1 - F) of a mixture of Gaussians at the truth, each tail to its own digits.

    Parameters
    ----------
    mean, std : Tensor
        Of the samples (or components), in the unit of the truth.
    truth : Tensor
    share : Tensor, optional
        Weights of the samples, which add up to one; equal ones by default.
    """
    z = (truth - mean) / std
    return _log_tail(z, share) - _log_tail(-z, share)


def mixture_quantile(
    mean: Component, std: Component, odds: Float[Tensor, " value"], share: Component | None = None
) -> Float[Tensor, "row value"]:
    """Quantile of a mixture of Gaussians at given log odds, by bisection to the digits of float64.

    The bracket comes from Φ(-z) <= exp(-z²/2) / 2: no component has its quantile beyond.

    Examples
    --------
    >>> mean, std = torch.tensor([[[-2.0]], [[4.0]]]), torch.ones(2, 1, 1)
    >>> round(mixture_quantile(mean, std, torch.tensor([0.0])).item(), 6)
    1.0
    """
    mean, std, odds = mean.double(), std.double(), odds.double()
    # the smaller tail alone is enough, and has the more digits
    side, tail = torch.where(odds > 0, -1.0, 1.0), torch.nn.functional.logsigmoid(-odds.abs())
    reach = torch.where(odds.isfinite(), 2 * (odds.abs() + 1), 0.0).sqrt() * std
    low, high = (mean - reach).amin(0), (mean + reach).amax(0)
    for _ in range(60):
        middle = low + (high - low) / 2
        under = side * (_log_tail(side * (middle - mean) / std, share) - tail) < 0
        low, high = torch.where(under, middle, low), torch.where(under, high, middle)
    return torch.where(odds.isfinite(), high, odds)


class QuantileScaling(nn.Module):
    """Intervals between the quantiles of the predicted distribution that held the truth of calibration objects.

    It moves each end by itself, so that bias and skewness are mended as well as width; `ConformalIntervals` keeps the
    intervals centred on the mean, `VarianceScaling` mends the likelihood. Unfitted, it takes the distribution at
    its word.

    Parameters
    ----------
    values : int
        Number of values.
    """

    odds: Tensor
    count: Tensor
    fitted: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        level = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64)
        self.register_buffer("odds", torch.logit(level).repeat(values, 1))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("fitted", torch.tensor(False))

    def fit(
        self, mean: Component, std: Component, truth: Float[Tensor, "row value"], share: Component | None = None
    ) -> QuantileScaling:
        """Keep where the truths of calibration objects fall within their predicted distributions.

        Raises
        ------
        Fault
            Where there is no truth, or one whose place is not finite.
        """
        odds = log_odds(mean.double(), std.double(), truth.double(), share)
        if not (len(truth) and torch.isfinite(odds).all()):
            raise InputError(
                "no truths, or some that fall nowhere in their distribution",
                "finite truths, positive widths",
                "objects without a truth in the calibration part",
                "leave them out",
            )
        self.odds.copy_(_outwards(odds.T))
        self.count.fill_(len(truth))
        self.fitted.fill_(True)
        return self

    def forward(
        self, mean: Component, std: Component, coverage: float, share: Component | None = None
    ) -> tuple[Float[Tensor, "row value"], Float[Tensor, "row value"]]:
        """Lower and upper ends of the calibrated central intervals, in the unit of the values, float64.

        >>> low, high = QuantileScaling(1)(torch.zeros(1, 1, 1), torch.ones(1, 1, 1), 0.683)
        >>> round(high.item(), 2)
        1.0
        """
        step = level_index(coverage)
        low, high = (self.odds[:, STEPS // 2 + side * step] for side in (-1, 1))
        # a hair wider than counted: rounding must not shut out truths that repeat, and so lie on an end
        low, high = low - 1e-12 * (1 + low.abs()), high + 1e-12 * (1 + high.abs())
        return mixture_quantile(mean, std, low, share), mixture_quantile(mean, std, high, share)

    def transform(
        self, mean: Component, std: Component, truth: Float[Tensor, "row value"], share: Component | None = None
    ) -> Float[Tensor, "row value"]:
        """Calibrated transform R(F(y)) of the paper: uniform over new objects, within 1 / 2000 and 1 / (n + 1)."""
        odds = log_odds(mean.double(), std.double(), truth.double(), share).T.contiguous()
        below, above = (torch.searchsorted(self.odds.double(), odds, right=right) for right in (False, True))
        return ((below + above - 1) / (2 * STEPS)).clamp(0, 1).T


def _log_tail(z: Component, share: Component | None) -> Float[Tensor, "row value"]:
    weight = -log(len(z)) if share is None else share.log()
    return torch.logsumexp(weight + torch.special.log_ndtr(z), 0)


def _outwards(odds: Float[Tensor, "value n"]) -> Float[Tensor, "value step"]:
    """Order statistics at ranks (n + 1) i / 2000, rounded down below the middle and up above it."""
    n = odds.shape[-1]
    i = torch.arange(STEPS + 1, device=odds.device) * (n + 1)
    rank = torch.where(2 * i < STEPS * (n + 1), i // STEPS, (i + STEPS - 1) // STEPS)
    edge = torch.full_like(odds[:, :1], torch.inf)
    return torch.cat([-edge, odds.sort(-1).values, edge], -1)[:, rank]
