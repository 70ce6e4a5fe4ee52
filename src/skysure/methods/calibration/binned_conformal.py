"""Conformal bounds with coverage in each bin of a column, for example for faint and for bright objects separately.

Split conformal prediction in each bin of a taxonomy (Mondrian: Vovk, Gammerman & Shafer 2005). The column must be known
for new objects, as a magnitude or a redshift is; for coverage within true classes see
`ConformalSets.contains(conditional=True)`.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.arguments import checked, fraction, numbers
from skysure.methods.arrays import Array

from .bins import equal_count_edges
from .conformal import level_index, quantile_table, rank_at

COLUMN = numbers("row", nan=True, empty=True)
COLUMNS = numbers("row column", nan=True, empty=True)
SCORES = numbers("row value", nan=True, empty=True)
OPTIONS = numbers("row option", nan=True, empty=True)


def _values(self: BinnedConformal) -> dict[str, int]:
    return {"value": self.bounds.shape[1]}


def _two_columns(self: NestedBinnedConformal) -> dict[str, int]:
    return {"column": 2, "value": self.first.bounds.shape[1]}


class BinnedConformal(nn.Module):
    """Bounds of conformal scores by bin of a column, for intervals and for sets.

    Scores are |y - mean| / std for intervals mean ± bound * std, or 1 - p(true class) for sets of all classes with
    1 - p within the bound. Bins have equal numbers of calibration objects. Where a bin has too few of them for the
    coverage, n < coverage / (1 - coverage), and where the column is missing (NaN), the bound is that of all objects;
    that bound is infinite where all objects are too few, or before `fit`.

    Parameters
    ----------
    bins : int
        Number of bins; fewer where the column has fewer distinct values.
    values : int
        Number of scores per object, each with its own bounds.

    Examples
    --------
    >>> column = torch.arange(200.0)
    >>> conformal = BinnedConformal(bins=2).fit(column, torch.where(column < 100, 1.0, 3.0)[:, None])
    >>> conformal.bound(torch.tensor([10.0, 190.0]), 0.9)[:, 0]
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

    @checked(tensors=True, sizes_of=_values, column=COLUMN, score=SCORES)
    def fit(self, column: Array, score: Float[Array, "row value"]) -> BinnedConformal:
        """Set the edges of the bins, and the bounds of each bin and (last) of all calibration objects.

        Raises
        ------
        InputError
            If there are no scores, some are NaN, or their shape is not (length of the column, `values`).
        """
        self._check(column, score)
        edges = torch.from_numpy(equal_count_edges(column.cpu().numpy(), len(self.counts) - 1))
        self.edges.fill_(torch.inf)[: len(edges)] = edges
        index = self.bin_of(column)
        # Slightly wider, so that rounding does not exclude repeated true values, which lie exactly on the bound.
        score = score + 1e-6 * score.abs()
        for k in range(len(self.counts)):
            bin_scores = score[index == k] if k < len(self.counts) - 1 else score
            self.bounds[k] = quantile_table(bin_scores.float().T)
            self.counts[k] = len(bin_scores)
        self.fitted.fill_(True)
        return self

    def _check(self, column: Tensor, score: Tensor) -> None:
        if not len(score) or score.isnan().any():
            cause, fix = "objects without a true value or class", "leave these objects out"
            raise InputError("no scores, or some that are NaN", "a score for each object", cause, fix)
        expected = (len(column), self.bounds.shape[1])
        if score.shape != expected:
            cause, fix = "scores of other objects, or of other values", "pass one row per object, one score per value"
            raise InputError(f"scores of shape {tuple(score.shape)}", f"scores of shape {expected}", cause, fix)

    @checked(tensors=True, column=COLUMN, coverage=fraction())
    def bound(self, column: Array, coverage: float) -> Float[Tensor, "row value"]:
        """Bound of the scores of each row at a coverage."""
        step = level_index(coverage)
        bounds, too_few = self.bounds[..., step], rank_at(self.counts, step) > self.counts
        return torch.where(too_few[:, None], bounds[-1], bounds)[self.bin_of(column)]

    @checked(tensors=True, column=COLUMN, score=OPTIONS, coverage=fraction())
    def contains(self, column: Array, score: Float[Array, "row option"], coverage: float) -> Bool[Tensor, "row option"]:
        """Whether each score is within the bound of its row; with scores 1 - p, whether the set contains each class."""
        # float32 as the bounds: with other rounding, the object that sets the bound might exceed it
        return score.float() <= self.bound(column, coverage)

    @checked(tensors=True, column=COLUMN)
    def bin_of(self, column: Array) -> Int[Tensor, " row"]:
        """Index of the bin of each row; the last index, that of all objects, where the column is missing."""
        column = column.double().contiguous()
        return torch.where(column.isfinite(), torch.bucketize(column, self.edges), len(self.counts) - 1)


class NestedBinnedConformal(nn.Module):
    """Bounds by bin of one column and, within each of its bins, by bin of another.

    Where an inner bin has too few objects for the coverage, or the second column is missing, the bound is that of the
    bin of the first column; otherwise as in `BinnedConformal`.

    Parameters
    ----------
    first, second : int
        Number of bins of each column.
    values : int
        Number of scores per object.

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

    @checked(tensors=True, sizes_of=_two_columns, columns=COLUMNS, score=SCORES)
    def fit(self, columns: Float[Array, "row 2"], score: Float[Array, "row value"]) -> NestedBinnedConformal:
        """Set the edges and bounds of all bins from calibration objects; raises as `BinnedConformal`."""
        self.first.fit(columns[:, 0], score)
        index = self.first.bin_of(columns[:, 0])
        for k, inner in enumerate(self.second):
            mask = index == k if k < len(self.second) - 1 else torch.full_like(index, True, dtype=torch.bool)
            if mask.any():
                inner.fit(columns[mask, 1], score[mask])
        return self

    @checked(tensors=True, sizes_of=_two_columns, columns=COLUMNS, coverage=fraction())
    def bound(self, columns: Float[Array, "row 2"], coverage: float) -> Float[Tensor, "row value"]:
        """Bound of the scores of each row at a coverage."""
        bounds, index = self.first.bound(columns[:, 0], coverage), self.first.bin_of(columns[:, 0])
        for k in index.unique().tolist():
            inner = self.second[k].bound(columns[index == k, 1], coverage)
            bounds[index == k] = torch.where(inner.isinf(), bounds[index == k], inner)
        return bounds

    @checked(tensors=True, sizes_of=_two_columns, columns=COLUMNS, score=OPTIONS, coverage=fraction())
    def contains(
        self, columns: Float[Array, "row 2"], score: Float[Array, "row option"], coverage: float
    ) -> Bool[Tensor, "row option"]:
        """Whether each score is within the bound of its row."""
        return score.float() <= self.bound(columns, coverage)

    @checked(tensors=True, sizes_of=_two_columns, columns=COLUMNS)
    def bin_of(self, columns: Float[Array, "row 2"]) -> Int[Tensor, " row"]:
        """Index of the bin of each row in `counts`."""
        index = self.first.bin_of(columns[:, 0])
        inner_index = index * len(self.second[0].counts)
        for k in index.unique().tolist():
            inner_index[index == k] += self.second[k].bin_of(columns[index == k, 1])
        return inner_index

    @property
    def counts(self) -> Int[Tensor, " bin"]:
        """Number of calibration objects in each bin of the second column within each bin of the first."""
        return torch.cat([inner.counts for inner in self.second])
