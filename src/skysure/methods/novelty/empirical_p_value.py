"""How rare a value is among those of calibration objects, and how rare several are together."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from skysure.methods.calibration.conformal import level_index, quantile_table


class EmpiricalPValue(nn.Module):
    """The values of calibration objects, which later ones are compared with; large ones are rare.

    Unfitted, nothing is rare.

    Examples
    --------
    >>> tail = EmpiricalPValue().fit(torch.arange(1000.0))
    >>> tail(torch.tensor([-1.0, 500.0, 5000.0])), tail.exceeds(torch.tensor([500.0, 5000.0]))
    (tensor([0.0000, 0.4990, 0.9990]), tensor([False,  True]))
    """

    bounds: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.full((1001,), torch.inf))

    def fit(self, values: Float[Tensor, " row"]) -> EmpiricalPValue:
        """Keep the values of objects that were not trained on; those that are no number count as the smallest."""
        self.bounds.copy_(quantile_table(_ordered(values)))
        return self

    def forward(self, values: Float[Tensor, "*row"]) -> Float[Tensor, "*row"]:
        """Fraction of the calibration objects with a smaller value, between 0 and 1 in steps of 0.001.

        One minus it is the conformal p-value.
        """
        return fraction_below(self.bounds, _ordered(values).to(self.bounds)).to(values.dtype)

    def exceeds(self, values: Float[Tensor, "*row"], quantile: float = 0.99) -> Bool[Tensor, "*row"]:
        """Whether a value is beyond that quantile of the calibration objects; with too few of them none is."""
        return _ordered(values).to(self.bounds) > self.bounds[level_index(quantile)]


def fraction_below(bounds: Float[Tensor, 1001], values: Float[Tensor, "*row"]) -> Float[Tensor, "*row"]:
    """Fraction of the calibration objects, of whose values these are the bounds, that lie below each value."""
    return torch.searchsorted(bounds[1:].contiguous(), values.contiguous(), side="left").to(values.dtype) / 1000


def fisher_combined(*shares: Float[Tensor, "*row"]) -> Float[Tensor, "*row"]:
    """How unlikely several p-values are together: -sum log p, with p = 1 - share and 0.001 as its least value.

    The statistic of Fisher 1932 (Statistical Methods for Research Workers, section 21.1), halved. How rare it is, a
    `EmpiricalPValue` of its own says, since the p-values need not be independent.
    """
    return -sum(torch.log1p(-share * (1000 / 1001)) for share in shares)  # type: ignore[return-value]


def _ordered(values: Tensor) -> Tensor:
    return torch.where(values.isnan(), -torch.inf, values)
