"""Quantile calibration: central intervals of the predicted distribution at levels set on calibration objects.

The probability integral transforms F(y) of the calibration objects are sorted; the calibrated interval of coverage c
lies between the quantiles that contain a fraction c of them (Kuleshov, Fenner & Ermon 2018, arXiv:1807.00263, section
3). It suits skewed and multimodal mixtures, for which mean ± k std is a poor interval. Transforms are stored as log
odds, which distinguish 10 σ from 20 σ where F is 1 in float64.

Differs from the paper by ranks that are rounded outwards, in place of isotonic regression: a new true value then lies
inside with probability at least c for any network (distributional conformal prediction, Chernozhukov, Wüthrich & Zhu
2021). Where n is too small for the coverage, n < (1 + c) / (1 - c), the interval is infinite.
"""

from __future__ import annotations

from math import log

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.arguments import checked, fraction, numbers, shares, unchecked, widths
from skysure.methods.arrays import Array, as_tensor

from .conformal import level_index

STEPS = 2000
"""Number of levels: the ends of central intervals whose coverage is a multiple of 0.001."""

Component = Float[Array, "sample row value"]
Truth = Float[Array, "row value"]
MIXTURE = {
    "mean": numbers("sample row value", nan=True, empty=True),
    "std": widths("sample row value", nan=True, empty=True),
    "truth": numbers("row value", nan=True, empty=True),
    "odds": numbers("value"),
    "share": numbers("sample row value", nan=True, empty=True),
}


def _values(self: QuantileScaling) -> dict[str, int]:
    return {"value": len(self.odds)}


def log_odds(
    mean: Component, std: Component, truth: Truth, share: Component | None = None
) -> Float[Tensor, "row value"]:
    """log F - log (1 - F) of a mixture of Gaussians at the truth, precise in both tails.

    Parameters
    ----------
    mean, std : Tensor
        Means and standard deviations of the samples (or components), in the unit of the truth.
    truth : Tensor
    share : Tensor, optional
        Weights of the samples, which sum to one; equal by default.
    """
    mean, std, truth = _as_doubles(mean, std, truth)
    z = (truth - mean) / std
    return _log_tail(z, share) - _log_tail(-z, share)


@checked(MIXTURE, tensors=True)
def mixture_quantile(
    mean: Component, std: Component, odds: Float[Array, " value"], share: Component | None = None
) -> Float[Tensor, "row value"]:
    """Quantile of a mixture of Gaussians at given log odds, by bisection to the precision of float64.

    The bracket follows from Φ(-z) <= exp(-z²/2) / 2, which bounds the quantile of each component.

    Examples
    --------
    >>> mean, std = torch.tensor([[[-2.0]], [[4.0]]]), torch.ones(2, 1, 1)
    >>> round(mixture_quantile(mean, std, torch.tensor([0.0])).item(), 6)
    1.0
    """
    mean, std, odds = _as_doubles(mean, std, odds)
    # The smaller tail is the more precise one.
    side, tail = torch.where(odds > 0, -1.0, 1.0), torch.nn.functional.logsigmoid(-odds.abs())
    reach = torch.where(odds.isfinite(), 2 * (odds.abs() + 1), 0.0).sqrt() * std
    low, high = (mean - reach).amin(0), (mean + reach).amax(0)
    for _ in range(60):
        middle = low + (high - low) / 2
        under = side * (_log_tail(side * (middle - mean) / std, share) - tail) < 0
        low, high = torch.where(under, middle, low), torch.where(under, high, middle)
    return torch.where(odds.isfinite(), high, odds)


class QuantileScaling(nn.Module):
    """Calibrated central intervals between quantiles of the predicted distribution.

    Both ends move separately, so that bias and skewness are corrected as well as width; `ConformalIntervals` keeps the
    intervals centred on the mean, `VarianceScaling` corrects the likelihood. Before `fit` the intervals are those of
    the predicted distribution.

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

    @checked(MIXTURE | {"share": shares("sample row value")}, tensors=True, sizes_of=_values)
    def fit(self, mean: Component, std: Component, truth: Truth, share: Component | None = None) -> QuantileScaling:
        """Set the levels from the probability integral transforms of calibration objects.

        Raises
        ------
        InputError
            If there are no true values, or the log odds of some are not finite.
        """
        odds = log_odds(mean, std, truth, share)
        if not (len(truth) and torch.isfinite(odds).all()):
            raise InputError(
                "no true values, or some without finite log odds in their predicted distribution",
                "finite true values, positive standard deviations",
                "objects without a true value in the calibration part",
                "leave these objects out",
            )
        self.odds.copy_(_outward_quantiles(odds.T))
        self.count.fill_(len(truth))
        self.fitted.fill_(True)
        return self

    @checked(MIXTURE, tensors=True, sizes_of=_values, coverage=fraction())
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
        # Slightly wider, so that rounding does not exclude repeated true values, which lie exactly on an end.
        low, high = low - 1e-12 * (1 + low.abs()), high + 1e-12 * (1 + high.abs())
        quantile = unchecked(mixture_quantile)
        return quantile(mean, std, low, share), quantile(mean, std, high, share)

    @checked(MIXTURE, tensors=True, sizes_of=_values)
    def transform(
        self, mean: Component, std: Component, truth: Truth, share: Component | None = None
    ) -> Float[Tensor, "row value"]:
        """Calibrated transform R(F(y)) of the paper: uniform over new objects, to within 1 / 2000 and 1 / (n + 1)."""
        odds = log_odds(mean, std, truth, share).T.contiguous()
        below, above = (torch.searchsorted(self.odds.double(), odds, right=right) for right in (False, True))
        return ((below + above - 1) / (2 * STEPS)).clamp(0, 1).T


def _as_doubles(*arrays: Array) -> tuple[Tensor, ...]:
    return tuple(as_tensor(array).double() for array in arrays)


def _log_tail(z: Component, share: Component | None) -> Float[Tensor, "row value"]:
    weight = -log(len(z)) if share is None else as_tensor(share).log()
    return torch.logsumexp(weight + torch.special.log_ndtr(z), 0)


def _outward_quantiles(odds: Float[Tensor, "value n"]) -> Float[Tensor, "value step"]:
    """Order statistics at ranks (n + 1) i / 2000, rounded down below the middle and up above it."""
    n = odds.shape[-1]
    i = torch.arange(STEPS + 1, device=odds.device) * (n + 1)
    rank = torch.where(2 * i < STEPS * (n + 1), i // STEPS, (i + STEPS - 1) // STEPS)
    edge = torch.full_like(odds[:, :1], torch.inf)
    return torch.cat([-edge, odds.sort(-1).values, edge], -1)[:, rank]
