"""Bins of a column: right-closed, defined by their interior edges."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


def equal_width_edges(bins: int) -> Float[ndarray, " edge"]:
    """Interior edges of `bins` bins of equal width on [0, 1].

    >>> equal_width_edges(4)
    array([0.25, 0.5 , 0.75])
    """
    return np.linspace(0.0, 1.0, bins + 1)[1:-1]


def equal_count_edges(column: ndarray, bins: int) -> Float[ndarray, " edge"]:
    """Interior edges of bins with equal counts of finite values; one bin per value where there are few distinct values.

    >>> equal_count_edges(np.array([1, 1, 1, 2, 5]), bins=4)
    array([1.5, 3.5])
    """
    finite = np.asarray(column, float)
    finite = finite[np.isfinite(finite)]
    values = np.unique(finite)
    if len(values) <= bins:
        return (values[1:] + values[:-1]) / 2
    return np.unique(np.quantile(finite, np.arange(1, bins) / bins, method="inverted_cdf"))


def bin_index(column: ndarray, edges: Float[ndarray, " edge"]) -> Int[ndarray, " row"]:
    """Bin index of each row, `edges[i-1] < x <= edges[i]`; -1 where the column is not finite."""
    column = np.asarray(column, float)
    return np.where(np.isfinite(column), np.searchsorted(edges, column, side="left"), -1)
