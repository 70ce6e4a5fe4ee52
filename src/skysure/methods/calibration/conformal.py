"""Split conformal prediction: sets and intervals with guaranteed coverage for any network.

With n calibration scores, the k-th smallest, k = ceil((n + 1) coverage), bounds the score of a new object with at least
that probability (Papadopoulos et al. 2002; Lei et al. 2018), if the new object and the calibration objects are
exchangeable: one row per object, not one per epoch.

The scores are kept as 1,001 order statistics, exact at every coverage that is a multiple of 0.001; other coverages are
rounded up. Where n is too small for the coverage, the bound is infinite: the set contains every class, the interval
every value.
"""

from __future__ import annotations

from math import ceil, sqrt

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.arguments import checked, fraction, labels, numbers, probabilities, unchecked, widths
from skysure.methods.arrays import Array

from .labels import check_labels


@checked(tensors=True, scores=numbers("... n", empty=True))
def quantile_table(scores: Float[Tensor, "*part n"]) -> Float[Tensor, "*part 1001"]:
    """Bounds at coverages 0, 0.001, ..., 1: the ceil((n + 1) i / 1000)-th smallest of n scores.

    The first is minus infinity; where the rank exceeds n, the bound is infinite.
    """
    n = scores.shape[-1]
    rank = rank_at(n, torch.arange(1001, device=scores.device))
    edge = torch.full_like(scores[..., :1] if n else scores.new_empty(*scores.shape[:-1], 1), torch.inf)
    return torch.cat([-edge, scores.sort(-1).values, edge], -1)[..., rank]


def rank_at(n: int | Tensor, step: int | Tensor) -> int | Tensor:
    """Rank ceil((n + 1) step / 1000) of the bound among n scores; above n where these are too few."""
    return ((n + 1) * step + 999) // 1000


@checked(coverage=fraction())
def level_index(coverage: float) -> int:
    """Index of a coverage in `quantile_table`, rounded up.

    >>> level_index(0.9), level_index(0.9973)
    (900, 998)
    """
    return ceil(coverage * 1000 - 1e-9)


@checked(tensors=True, probability=probabilities("row class", empty=True), coverage=fraction())
def credible_sets(probability: Float[Array, "row class"], coverage: float) -> Bool[Tensor, "row class"]:
    """Smallest sets whose probabilities add up to the coverage: valid only if the probabilities are calibrated."""
    ordered, order = probability.sort(dim=-1, descending=True)
    needed = ordered.cumsum(-1) - ordered < coverage
    return torch.zeros_like(needed).scatter(-1, order, needed)


def _classes(self: ConformalSets) -> dict[str, int]:
    return {"class": len(self.by_class)}


def _values(self: ConformalIntervals) -> dict[str, int]:
    return {"value": len(self.factors)}


class ConformalSets(nn.Module):
    """Prediction sets: the classes with 1 - p below a bound, which contain the truth with a given coverage.

    They have the smallest mean size at their coverage (least ambiguous set-valued classifiers, Sadinle, Lei & Wasserman
    2019). A set is empty if no class is probable enough: the object is out of distribution, or the coverage is low and
    the network very certain. Marginal coverage holds over all objects; conditional coverage (Mondrian, Vovk 2005) holds
    within each true class, with larger sets, and a class without calibration objects is then in every set. Before `fit`
    the sets are `credible_sets`.

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

    @checked(
        tensors=True,
        sizes_of=_classes,
        probability=probabilities("row class", empty=True),
        truth=labels("row", empty=True),
    )
    def fit(self, probability: Float[Array, "row class"], truth: Int[Array, " row"]) -> ConformalSets:
        """Set the bounds from the scores 1 - p(truth) of calibration objects, with the final (scaled) probabilities.

        Raises
        ------
        InputError
            If there are no labels, a label is not a class, the number of classes differs from that of this module, or a
            probability is NaN.
        """
        classes = len(self.by_class)
        check_labels(truth, classes)
        score = _improbability(probability).gather(-1, truth[:, None])[:, 0]
        self.overall.copy_(quantile_table(score))
        for k in range(classes):
            self.by_class[k] = quantile_table(score[truth == k])
        self.counts.copy_(torch.bincount(truth, minlength=classes))
        self.fitted.fill_(True)
        return self

    @checked(
        tensors=True,
        sizes_of=_classes,
        probability=probabilities("row class", nan=True, empty=True),
        coverage=fraction(),
    )
    def contains(
        self, probability: Float[Array, "row class"], coverage: float, conditional: bool = False
    ) -> Bool[Tensor, "row class"]:
        """Whether the set of each row contains each class."""
        step = level_index(coverage)
        if not self.fitted:
            return unchecked(credible_sets)(probability, coverage)
        bound = self.by_class[:, step] if conditional else self.overall[step]
        return _improbability(probability) <= bound


class ConformalIntervals(nn.Module):
    """Intervals mean ± k std, with k a quantile of the normalised residuals of each value (Lei et al. 2018).

    They correct the coverage at all levels where errors are not Gaussian; `VarianceScaling` corrects the likelihood.
    Before `fit`, k is that of a Gaussian.

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

    @checked(
        tensors=True,
        sizes_of=_values,
        mean=numbers("row value", nan=True, empty=True),
        std=widths("row value", nan=True, empty=True),
        truth=numbers("row value", nan=True, empty=True),
    )
    def fit(
        self, mean: Float[Array, "row value"], std: Float[Array, "row value"], truth: Float[Array, "row value"]
    ) -> ConformalIntervals:
        """Set k from the residuals of calibration objects in units of their predictive standard deviation.

        Raises
        ------
        InputError
            If there are no residuals, or some are not finite.
        """
        residuals = ((truth - mean).abs() / std).T
        if not (len(truth) and torch.isfinite(residuals).all()):
            raise InputError(
                "no residuals, or some that are not finite",
                "finite true values, positive standard deviations",
                "objects without a true value in the calibration part",
                "leave these objects out",
            )
        # Slightly wider, so that rounding does not exclude repeated true values, which lie exactly on the bound.
        self.factors.copy_(quantile_table(residuals).clamp(min=0) * (1 + 1e-6))
        self.count.fill_(len(truth))
        self.fitted.fill_(True)
        return self

    def factor(self, coverage: float) -> Float[Tensor, " value"]:
        """Half width k of the intervals, in units of the standard deviation."""
        return self.factors[:, level_index(coverage)]

    @checked(
        tensors=True,
        sizes_of=_values,
        mean=numbers("... value", nan=True, empty=True),
        std=widths("... value", zero=True, nan=True, empty=True),
        coverage=fraction(),
    )
    def forward(
        self, mean: Float[Array, "*row value"], std: Float[Array, "*row value"], coverage: float
    ) -> tuple[Float[Tensor, "*row value"], Float[Tensor, "*row value"]]:
        """Lower and upper ends of the intervals, in the unit of the values.

        >>> low, high = ConformalIntervals(1)(torch.zeros(1), torch.ones(1), 0.683)
        >>> round(high.item(), 2)
        1.0
        """
        half = self.factor(coverage) * std
        return mean - half, mean + half


def _improbability(probability: Tensor) -> Tensor:
    # float32 as the bounds: with other rounding, the object that sets the bound might exceed it
    return 1 - probability.float()
