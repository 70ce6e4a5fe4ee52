"""Calibration of posterior draws of several values: marginally by `rank_map`, jointly by `joint_scaling`.

A rank map gives every value its width, location and shape; joint scaling then corrects how values depend on each other;
a last rank map removes what that left in the marginals. With bins of a column, such as the signal-to-noise ratio, the
same follows within each bin. All steps are the identity where the calibration objects do not demand more.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.arguments import checked, numbers
from skysure.methods.arrays import Array, as_tensor

from .joint_scaling import JointScaling
from .rank_map import RankMap, check_draws

LEAST = 50
"""Objects below which a bin keeps the calibration of all objects."""

DRAWS = {
    "draws": numbers("draw object value", nan=True, empty=True),
    "truth": numbers("object value", nan=True, empty=True),
    "column": numbers("object", nan=True, empty=True),
}


def _values(self: PosteriorScaling) -> dict[str, int]:
    return {"value": self.values}


class PosteriorScaling(nn.Module):
    """Calibrate draws from posteriors of several values, jointly.

    Parameters
    ----------
    values : int
    bins : int
        Number of bins of a column, with equal numbers of calibration objects, each calibrated on its own after all
        together.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> truth = torch.randn(5000, 2, generator=generator)
    >>> draws = 0.5 * torch.randn(100, 5000, 2, generator=generator) + 1  # half as wide as it should be, and biased
    >>> calibrated = PosteriorScaling(2).fit(draws, truth)(draws)
    >>> [round(x, 1) for x in (float(calibrated.std()), abs(float(calibrated.mean())))]
    [1.0, 0.0]
    """

    edges: Tensor
    fitted: Tensor

    def __init__(self, values: int, bins: int = 1) -> None:
        super().__init__()
        if bins < 1 or values < 1:
            raise InputError(f"PosteriorScaling({values}, bins={bins})", "one value and one bin, or more")
        self.values = values
        self.overall = _Steps(values)
        self.by_bin = nn.ModuleList(_Steps(values) for _ in range(bins if bins > 1 else 0))
        self.register_buffer("edges", torch.full((bins - 1,), torch.inf, dtype=torch.float64))
        self.register_buffer("fitted", torch.tensor(False))

    @checked(DRAWS, tensors=True, sizes_of=_values)
    def fit(
        self,
        draws: Float[Array, "draw object value"],
        truth: Float[Array, "object value"],
        column: Float[Array, " object"] | None = None,
    ) -> PosteriorScaling:
        """Fit on calibration objects.

        Parameters
        ----------
        draws : Tensor
            At least 10 draws of each object; objects with draws that are not finite are left out.
        truth : Tensor
            NaN where unknown, which is left out value by value.
        column : Tensor, optional
            What is binned; required with more than one bin. Objects where it is NaN have the calibration of all.

        Raises
        ------
        InputError
            If there are fewer draws, no true values, or a column is missing.
        """
        check_draws(len(draws))
        if not truth.isfinite().any():
            cause, fix = "a calibration part without truth", "pass objects with true values"
            raise InputError("no true values", "at least one true value", cause, fix)
        # Every step is the same wherever the origin of an object is: residuals are precise in half the memory.
        centre = draws.detach().mean(0)
        draws, truth = (draws.detach() - centre).float(), (truth.detach() - centre).float()
        corrected = self.overall.fit(draws, truth)
        self._fit_bins(corrected, truth, column)
        self.fitted.fill_(True)
        return self

    @checked(DRAWS, tensors=True, sizes_of=_values)
    def forward(
        self, draws: Float[Array, "draw object value"], column: Float[Array, " object"] | None = None
    ) -> Float[Tensor, "draw object value"]:
        """Calibrate draws; the same draw of all values stays together.

        Objects with a draw that is not finite have NaN in all draws of that value.
        """
        draws = self.overall(draws)
        if not len(self.by_bin):
            return draws
        corrected, index = draws.clone(), self._bin(draws, column)
        for k, steps in enumerate(self.by_bin):
            rows = (index == k).nonzero()[:, 0]
            if len(rows) and not steps.is_identity():
                corrected[:, rows] = steps(draws[:, rows])
        return corrected

    def is_identity(self) -> bool:
        """Whether draws stay as they are."""
        return all(steps.is_identity() for steps in (self.overall, *self.by_bin))

    def _fit_bins(self, draws: Tensor, truth: Tensor, column: Tensor | None) -> None:
        if not len(self.by_bin):
            return
        ordered = _column(draws, column)
        ordered = ordered[ordered.isfinite()].double().sort().values
        places = torch.arange(1, len(self.by_bin), device=ordered.device) * len(ordered) // len(self.by_bin)
        self.edges.copy_(ordered[places] if len(ordered) else torch.inf)
        index = self._bin(draws, column)
        for k, steps in enumerate(self.by_bin):
            rows = (index == k).nonzero()[:, 0]
            if len(rows) >= LEAST:
                steps.fit(draws[:, rows], truth[rows])

    def _bin(self, draws: Tensor, column: Tensor | None) -> Int64[Tensor, " object"]:
        """Index of the bin of each object, -1 where the column is NaN."""
        column = _column(draws, column)
        index = torch.searchsorted(self.edges, column.double().contiguous(), right=True)
        return torch.where(column.isfinite(), index, -1)


class _Steps(nn.Module):
    """Rank map, joint scaling, rank map."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.first, self.joint, self.last = RankMap(values), JointScaling(values), RankMap(values)

    def fit(self, draws: Tensor, truth: Tensor) -> Tensor:
        """Fit one step after the other; returns the calibrated draws."""
        for step in (self.first, self.joint, self.last):
            draws = step.fit(draws, truth)(draws)
        return draws

    def forward(self, draws: Tensor) -> Tensor:
        return self.last(self.joint(self.first(draws)))

    def is_identity(self) -> bool:
        maps = all(bool(step.is_identity().all()) for step in (self.first, self.last))
        return maps and self.joint.is_identity()


def _column(draws: Tensor, column: Tensor | None) -> Tensor:
    if column is None:
        cause, fix = "a calibration in bins of a column", "pass the column that it was made for"
        raise InputError("no column", "one number for each object", cause, fix)
    return as_tensor(column)
