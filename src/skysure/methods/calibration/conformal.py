"""Split conformal prediction: sets and intervals whose coverage holds whatever the network, by counting.

With n calibration scores, the k-th smallest, k = ceil((n + 1) coverage), bounds a new score of the same kind with at
least that probability (Papadopoulos et al. 2002; Lei et al. 2018), if the new object could have been any of
the calibration objects: one row an object, not one an epoch.

The scores are kept as 1,001 order statistics, exact at every coverage that is a whole number of thousandths;
other coverages are rounded up to the next. Where n is too small for the coverage asked, the bound is infinite: the
set holds every class, the interval every value.
"""

from __future__ import annotations

from math import ceil, sqrt

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from skysure.errors import InputError

from .labels import labels_checked


def quantile_table(scores: Float[Tensor, "*part n"]) -> Float[Tensor, "*part 1001"]:
    """Bounds at coverages 0, 0.001, ..., 1: the ceil((n + 1) i / 1000)-th smallest of n scores.

    The first is minus infinity, and infinity stands where the rank is beyond n.
    """
    n = scores.shape[-1]
    rank = rank_at(n, torch.arange(1001, device=scores.device))
    edge = torch.full_like(scores[..., :1] if n else scores.new_empty(*scores.shape[:-1], 1), torch.inf)
    return torch.cat([-edge, scores.sort(-1).values, edge], -1)[..., rank]


def rank_at(n: int | Tensor, step: int | Tensor) -> int | Tensor:
    """Rank ceil((n + 1) step / 1000) of the score, of n, that bounds a new one; beyond n where they are too few."""
    return ((n + 1) * step + 999) // 1000


def level_index(coverage: float) -> int:
    """Index of a coverage in `quantile_table`, rounded up.

    >>> level_index(0.9), level_index(0.9973)
    (900, 998)
    """
    if not 0 <= coverage <= 1:
        raise InputError(
            f"coverage {coverage}", "a fraction between 0 and 1", "a percentage", f"write {coverage / 100}"
        )
    return ceil(coverage * 1000 - 1e-9)


def credible_sets(probability: Float[Tensor, "row class"], coverage: float) -> Bool[Tensor, "row class"]:
    """Smallest sets whose probabilities add up to the coverage: right only if the probabilities are."""
    ordered, order = probability.sort(dim=-1, descending=True)
    needed = ordered.cumsum(-1) - ordered < coverage
    return torch.zeros_like(needed).scatter(-1, order, needed)


class ConformalSets(nn.Module):
    """Sets of classes that hold the truth with a given coverage: all classes with 1 - p below a bound.

    The smallest sets on average at their coverage (least ambiguous set-valued classifiers, Sadinle, Lei & Wasserman
    2019). A set may be empty, where no class is probable enough for the coverage asked: the object is unlike those
    that were calibrated on, or the coverage low. Marginal coverage is kept over all objects, conditional
    (Mondrian, Vovk 2005) within each true class, at the price of larger sets; a class without calibration
    objects is then in every set. Unfitted, it takes the probabilities at their word (`credible_sets`).

    Parameters
    ----------
    classes : int
        Number of classes.
    """

    overall: Tensor
    by_class: Tensor
    counts: Tensor
    fitted: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("overall", torch.full((1001,), torch.inf))
        self.register_buffer("by_class", torch.full((classes, 1001), torch.inf))
        self.register_buffer("counts", torch.zeros(classes, dtype=torch.int64))
        self.register_buffer("fitted", torch.tensor(False))

    def fit(self, probability: Float[Tensor, "row class"], truth: Int[Tensor, " row"]) -> ConformalSets:
        """Keep the calibration scores 1 - p(truth); the probabilities are those already scaled.

        Raises
        ------
        Fault
            Where there is no label, one is no class, the classes are not those of this module, or a probability is
            not a number.
        """
        classes = len(self.by_class)
        labels_checked(truth, classes)
        if probability.isnan().any():
            given = "probabilities that are not numbers"
            raise InputError(given, "probabilities", "a training that diverged", "train anew")
        if probability.shape[1] != classes:
            cure = "read the objects with the settings of this model"
            raise InputError(f"{probability.shape[1]} probabilities", f"{classes} classes", "another model", cure)
        score = _improbability(probability).gather(-1, truth[:, None])[:, 0]
        self.overall.copy_(quantile_table(score))
        for k in range(classes):
            self.by_class[k] = quantile_table(score[truth == k])
        self.counts.copy_(torch.bincount(truth, minlength=classes))
        self.fitted.fill_(True)
        return self

    def members(
        self, probability: Float[Tensor, "row class"], coverage: float, conditional: bool = False
    ) -> Bool[Tensor, "row class"]:
        """Which classes belong to the set of each row."""
        step = level_index(coverage)
        if not self.fitted:
            return credible_sets(probability, coverage)
        bound = self.by_class[:, step] if conditional else self.overall[step]
        return _improbability(probability) <= bound


class ConformalIntervals(nn.Module):
    """Intervals mean ± k std whose k is counted, value by value, at any coverage (normalised residuals, Lei 2018).

    It mends coverage at all levels at once where errors are not Gaussian; `VarianceScaling` mends the likelihood.
    Unfitted, k is the Gaussian one.

    Parameters
    ----------
    values : int
        Number of values.
    """

    factors: Tensor
    count: Tensor
    fitted: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        gaussian = sqrt(2) * torch.erfinv(torch.linspace(0, 1, 1001, dtype=torch.float64)).float()
        self.register_buffer("factors", gaussian.repeat(values, 1))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("fitted", torch.tensor(False))

    def fit(
        self, mean: Float[Tensor, "row value"], std: Float[Tensor, "row value"], truth: Float[Tensor, "row value"]
    ) -> ConformalIntervals:
        """Keep the sizes of the calibration residuals in units of their predictive standard deviation.

        Raises
        ------
        Fault
            Where there is no residual, or one is not finite.
        """
        size = ((truth - mean).abs() / std).T
        if not (len(truth) and torch.isfinite(size).all()):
            raise InputError(
                "no residuals, or some that are not finite",
                "finite truths, positive widths",
                "objects without a truth in the calibration part",
                "leave them out",
            )
        # a hair wider than counted: rounding must not shut out truths that repeat, and so lie on the bound
        self.factors.copy_(quantile_table(size).clamp(min=0) * (1 + 1e-6))
        self.count.fill_(len(truth))
        self.fitted.fill_(True)
        return self

    def factor(self, coverage: float) -> Float[Tensor, " value"]:
        """Half width in units of the standard deviation."""
        return self.factors[:, level_index(coverage)]

    def forward(
        self, mean: Float[Tensor, "*row value"], std: Float[Tensor, "*row value"], coverage: float
    ) -> tuple[Float[Tensor, "*row value"], Float[Tensor, "*row value"]]:
        """Lower and upper ends of the intervals, in the unit of the values.

        >>> low, high = ConformalIntervals(1)(torch.zeros(1), torch.ones(1), 0.683)
        >>> round(high.item(), 2)
        1.0
        """
        half = self.factor(coverage) * std
        return mean - half, mean + half


def _improbability(probability: Tensor) -> Tensor:
    # one type on both sides of the comparison, else rounding decides about the object that sets the bound
    return 1 - probability.float()
