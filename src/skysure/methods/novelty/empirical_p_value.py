"""Empirical p-values of scores among those of calibration objects, and their combination."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.arguments import checked, fraction, fractions, numbers
from skysure.methods.arguments.shapes import Sizes
from skysure.methods.arrays import Array, as_tensor
from skysure.methods.calibration.conformal import level_index, quantile_table

ANY = numbers("...", nan=True, empty=True)


class EmpiricalPValue(nn.Module):
    """Percentile of a value among those of calibration objects; one minus it is the p-value of a large value.

    Before `fit` the percentile is 0, and no value exceeds a level.

    Examples
    --------
    >>> p_value = EmpiricalPValue().fit(torch.arange(1000.0))
    >>> p_value(torch.tensor([-1.0, 500.0, 5000.0])), p_value.exceeds(torch.tensor([500.0, 5000.0]))
    (tensor([0.0000, 0.4990, 0.9990]), tensor([False,  True]))
    """

    bounds: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.full((1001,), torch.inf))

    @checked(tensors=True, values=numbers("row", nan=True, empty=True))
    def fit(self, values: Float[Array, " row"]) -> EmpiricalPValue:
        """Set the reference values from calibration objects, which were not trained on; NaN counts as the smallest."""
        self.bounds.copy_(quantile_table(_ordered(values)))
        return self

    @checked(tensors=True, values=ANY)
    def forward(self, values: Float[Array, "*row"]) -> Float[Tensor, "*row"]:
        """Fraction of the calibration objects with a smaller value, between 0 and 1 in steps of 0.001.

        One minus it is the conformal p-value.
        """
        return fraction_below(self.bounds, _ordered(values).to(self.bounds)).to(values.dtype)

    @checked(tensors=True, values=ANY, level=fraction())
    def exceeds(self, values: Float[Array, "*row"], level: float = 0.99) -> Bool[Tensor, "*row"]:
        """Whether a value exceeds the quantile `level` of the calibration objects, infinite if these are too few."""
        return _ordered(values).to(self.bounds) > self.bounds[level_index(level)]


def fraction_below(bounds: Float[Tensor, 1001], values: Float[Tensor, "*row"]) -> Float[Tensor, "*row"]:
    """Fraction of the calibration objects below each value, from the `quantile_table` of their values."""
    return torch.searchsorted(bounds[1:].contiguous(), values.contiguous(), side="left").to(values.dtype) / 1000


def fisher_combined(*shares: Any) -> Float[Tensor, "*row"]:
    """Combine p-values: -sum log p, with p = 1 - share, at least 0.001.

    Half the statistic of Fisher 1932 (Statistical Methods for Research Workers, section 21.1). Its own p-value comes
    from another `EmpiricalPValue`, as the p-values need not be independent.

    Parameters
    ----------
    *shares : Tensor or ndarray, shape (*row,)
        Fractions from 0 to 1 of calibration objects below, all of one shape.

    Raises
    ------
    InputError
        If there are none, a share is outside 0 to 1, or the shapes differ.
    """
    sizes: Sizes = {}
    rule = fractions("*row", nan=True, empty=True)
    tensors = [rule(f"shares[{k}]", as_tensor(share), sizes) for k, share in enumerate(shares)]
    if not tensors:
        raise InputError("no p-values", "at least one array of shares", "", "fisher_combined(share, other_share)")
    return fisher_statistic(*tensors)


def fisher_statistic(*shares: Float[Tensor, "*row"]) -> Float[Tensor, "*row"]:
    """`fisher_combined` of tensors that are shares, unchecked."""
    return -sum(torch.log1p(-share * (1000 / 1001)) for share in shares)  # type: ignore[return-value]


def _ordered(values: Tensor) -> Tensor:
    """Replace NaN by minus infinity."""
    return torch.where(values.isnan(), -torch.inf, values)
