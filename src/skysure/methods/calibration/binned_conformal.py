"""Conformal bounds that hold within each bin of a column: faint objects by themselves, and bright ones.

Split conformal prediction in each bin of a taxonomy (Mondrian: Vovk, Gammerman & Shafer 2005). The column
must be known for a new object too, as a magnitude or a redshift is; for bins that are the true classes there is
`ConformalSets.members(conditional=True)`.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from skysure.errors import InputError

from .bins import equal_count_edges
from .conformal import level_index, quantile_table, rank_at


class BinnedConformal(nn.Module):
    """Bounds of conformal scores by bin of a column, for intervals and sets alike.

    Scores are |y - mean| / std for intervals mean ± bound * std, or 1 - p(true class) for sets of all classes with
    1 - p within the bound. Bins share the calibration objects evenly. Where a bin has too few of them for the
    coverage asked, n < coverage / (1 - coverage), and where the column is missing (NaN), the bound is the one of all
    objects together; that one is infinite where those are too few, or nothing is fitted.

    Parameters
    ----------
    bins : int
        Number of bins; fewer where the column has fewer values.
    values : int
        Number of scores of an object, each with its own bounds.

    Examples
    --------
    >>> column = torch.arange(200.0)
    >>> noisy = BinnedConformal(bins=2).fit(column, torch.where(column < 100, 1.0, 3.0)[:, None])
    >>> noisy.bound(torch.tensor([10.0, 190.0]), 0.9)[:, 0]
    tensor([1.0000, 3.0000])
    """

    edges: Tensor
    bounds: Tensor
    counts: Tensor
    fitted: Tensor

    def __init__(self, bins: int, values: int = 1) -> None:
        super().__init__()
        self.register_buffer("edges", torch.full((bins - 1,), torch.inf, dtype=torch.float64))
        self.register_buffer("bounds", torch.full((bins + 1, values, 1001), torch.inf))
        self.register_buffer("counts", torch.zeros(bins + 1, dtype=torch.int64))
        self.register_buffer("fitted", torch.tensor(False))

    def fit(self, column: Tensor, score: Float[Tensor, "row value"]) -> BinnedConformal:
        """Cut the column into bins, and keep the scores of the calibration objects in each, and of all (the last).

        Raises
        ------
        Fault
            Where there is no score, one is not a number, or they are not as many as columns and values here.
        """
        if not len(score) or score.isnan().any():
            wanted, cure = "a score for each object", "leave out the objects without a truth"
            raise InputError("no scores, or some that are not numbers", wanted, "objects without a truth", cure)
        wanted = (len(column), self.bounds.shape[1])
        if score.shape != wanted:
            cause, cure = "scores of other objects, or of other values", "give one row an object, one score a value"
            raise InputError(f"scores of shape {tuple(score.shape)}", f"scores of shape {wanted}", cause, cure)
        cuts = torch.from_numpy(equal_count_edges(column.cpu().numpy(), len(self.counts) - 1))
        self.edges.fill_(torch.inf)[: len(cuts)] = cuts
        index = self.bin_of(column)
        # a hair wider than counted: rounding must not shut out truths that repeat, and so lie on the bound
        score = score + 1e-6 * score.abs()
        for k in range(len(self.counts)):
            mine = score[index == k] if k < len(self.counts) - 1 else score
            self.bounds[k] = quantile_table(mine.float().T)
            self.counts[k] = len(mine)
        self.fitted.fill_(True)
        return self

    def bound(self, column: Tensor, coverage: float) -> Float[Tensor, "row value"]:
        """Bound of the scores of each row at a coverage."""
        step = level_index(coverage)
        found, too_few = self.bounds[..., step], rank_at(self.counts, step) > self.counts
        return torch.where(too_few[:, None], found[-1], found)[self.bin_of(column)]

    def holds(self, column: Tensor, score: Float[Tensor, "row option"], coverage: float) -> Bool[Tensor, "row option"]:
        """Whether a score lies within the bound of its row; with 1 - p as score, whether a class is in the set."""
        # float32 on both sides, else rounding decides about the object that sets the bound
        return score.float() <= self.bound(column, coverage)

    def bin_of(self, column: Tensor) -> Int[Tensor, " row"]:
        """Index of the bin of each row; the last, of all objects, where the column is missing."""
        column = column.double().contiguous()
        return torch.where(column.isfinite(), torch.bucketize(column, self.edges), len(self.counts) - 1)


class NestedBinnedConformal(nn.Module):
    """Bounds by bin of one column and, within each of its bins, by bin of another.

    Where such a bin has too few objects for the coverage asked, or the second column is missing, the bound is that of
    the bin of the first; else as `BinnedConformal`.

    Parameters
    ----------
    first, second : int
        Number of bins of each column.
    values : int
        Number of scores of an object.

    Examples
    --------
    >>> columns = torch.cartesian_prod(torch.arange(60.0), torch.arange(40.0))
    >>> score = 1.0 + (columns[:, :1] > 30) + 2.0 * (columns[:, 1:] > 20)
    >>> by_both = NestedBinnedConformal(2, 2).fit(columns, score)
    >>> by_both.bound(torch.tensor([[5.0, 30.0], [50.0, 3.0], [50.0, torch.nan]]), 0.9)[:, 0]
    tensor([3.0000, 2.0000, 4.0000])
    """

    def __init__(self, first: int, second: int, values: int = 1) -> None:
        super().__init__()
        self.first = BinnedConformal(first, values)
        self.second = nn.ModuleList(BinnedConformal(second, values) for _ in range(first + 1))

    def fit(self, columns: Float[Tensor, "row 2"], score: Float[Tensor, "row value"]) -> NestedBinnedConformal:
        """Cut both columns into bins, and keep the scores of the calibration objects; raises as `BinnedConformal`."""
        self.first.fit(columns[:, 0], score)
        index = self.first.bin_of(columns[:, 0])
        for k, inner in enumerate(self.second):
            mine = index == k if k < len(self.second) - 1 else torch.full_like(index, True, dtype=torch.bool)
            if mine.any():
                inner.fit(columns[mine, 1], score[mine])
        return self

    def bound(self, columns: Float[Tensor, "row 2"], coverage: float) -> Float[Tensor, "row value"]:
        """Bound of the scores of each row at a coverage."""
        found, index = self.first.bound(columns[:, 0], coverage), self.first.bin_of(columns[:, 0])
        for k in index.unique().tolist():
            own = self.second[k].bound(columns[index == k, 1], coverage)
            found[index == k] = torch.where(own.isinf(), found[index == k], own)
        return found

    def holds(
        self, columns: Float[Tensor, "row 2"], score: Float[Tensor, "row option"], coverage: float
    ) -> Bool[Tensor, "row option"]:
        """Whether a score lies within the bound of its row."""
        return score.float() <= self.bound(columns, coverage)

    def bin_of(self, columns: Float[Tensor, "row 2"]) -> Int[Tensor, " row"]:
        """Index of the bin of each row in `counts`."""
        index = self.first.bin_of(columns[:, 0])
        found = index * len(self.second[0].counts)
        for k in index.unique().tolist():
            found[index == k] += self.second[k].bin_of(columns[index == k, 1])
        return found

    @property
    def counts(self) -> Int[Tensor, " bin"]:
        """Calibration objects of each bin of the second column in each of the first."""
        return torch.cat([inner.counts for inner in self.second])
