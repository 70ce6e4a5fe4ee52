"""A Gaussian process of the last points of a light curve, in time and band: what a forecast begins with.

    k((t, b), (t', b')) = C_bb' (1 + r) exp(-r),   r = sqrt(3) |t - t'| / l

(Matérn 3/2 in time, as Boone 2019, arXiv:1907.04690, but with a covariance C of the bands in place of one length in
wavelength). What an object needs, its length, amplitude and scatter from point to point, a network says at once from
what it has seen, where others search for the largest likelihood of each; C is that of all objects. Fluxes are in units
of the brightest one so far.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ..batches import Batch

POINTS = 16
"""Points of all bands that are looked back upon."""
LENGTHS = (8.0, 60.0, 300.0)
"""Lengths in time of the processes before anything is learned [d]."""
SCATTER = 0.02
"""Scatter from point to point before anything is learned, in units of the brightest flux."""
LEAST = 1e-3
"""Least scatter."""


@dataclass(frozen=True)
class Recent:
    """The last points until some nights, the last one first, each of shape (object, cut, point).

    Parameters
    ----------
    age : Tensor
        Days from the point to the night.
    band : Tensor of int64
    flux, flux_error : Tensor
        0 and infinite where there are fewer points.
    """

    age: Tensor
    band: Tensor
    flux: Tensor
    flux_error: Tensor


def recent(batch: Batch, cut: Int64[Tensor, "object cut"]) -> Recent:
    """Look up the last points until each cut."""
    bands = batch["measured"].shape[-1]
    count = batch["measured"].flatten(1).cumsum(1)
    seen = count.gather(1, (cut + 1) * bands - 1)
    rank = seen[..., None] - torch.arange(POINTS, device=cut.device)
    there = rank > 0
    cell = torch.searchsorted(count, rank.flatten(1).clamp(min=1)).view_as(rank).clamp(max=count.shape[1] - 1)

    def at(values: Tensor) -> Tensor:
        return values.flatten(1).gather(1, cell.flatten(1)).view_as(rank)

    time = batch["time"][..., None].expand_as(batch["measured"])
    age = batch["time"].gather(1, cut)[..., None] - at(time)
    flux, error = torch.where(there, at(batch["flux"]), 0.0), torch.where(there, at(batch["flux_error"]), torch.inf)
    return Recent(torch.where(there, age, 0.0), cell % bands, flux, error)


class Processes(nn.Module):
    """Gaussian processes of several lengths, and what each forecasts from the last points alone.

    Parameters
    ----------
    bands : int
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        factor = 0.5 * torch.eye(bands) + torch.nn.functional.one_hot(torch.zeros(bands, dtype=torch.long), bands)
        self.register_buffer("log_length", torch.tensor(LENGTHS).log())
        self.factor = nn.Parameter(factor.repeat(len(LENGTHS), 1, 1))

    def forward(
        self,
        last: Recent,
        days: Float[Tensor, "object cut query"],
        band: Int64[Tensor, "object cut query"],
        unit: Float[Tensor, "object cut"],
        shape: Float[Tensor, "object cut length 3"],
    ) -> tuple[Float[Tensor, "object cut query length"], Float[Tensor, "object cut query length"]]:
        """Give mean and standard deviation of the fluxes "days" ahead in each "band", in units of `unit`.

        `shape` holds the logarithms of length, amplitude and scatter, beside those that all begin with.
        """
        length, amplitude, scatter = (3 * torch.tanh(shape.double() / 3)).exp().unbind(-1)
        length, white = length * self.log_length.double().exp(), (SCATTER * scatter) ** 2 + LEAST**2
        between = (self.factor @ self.factor.mT).double()
        noise = (last.flux_error / unit[..., None]).double().clamp(max=1e4) ** 2
        age = last.age.double()
        gram = self.kernel(between, length, amplitude, last.band, last.band, age[..., :, None] - age[..., None, :])
        root = torch.linalg.cholesky(gram + torch.diag_embed(noise[:, :, None] + white[..., None]))
        time = days.double()[..., None] + age[..., None, :]
        cross = self.kernel(between, length, amplitude, band, last.band, time)
        flux = (last.flux / unit[..., None]).double()[:, :, None, :, None].expand(*root.shape[:-1], 1)
        mean = (cross @ torch.cholesky_solve(flux, root))[..., 0]
        told = torch.linalg.solve_triangular(root, cross.mT, upper=False).square().sum(-2)
        own = between.diagonal(dim1=-2, dim2=-1)[:, band].movedim(0, 2) * amplitude[..., None] ** 2
        std = ((own - told).clamp(min=0) + white[..., None]).sqrt()
        return mean.mT.float(), std.mT.float()

    def kernel(
        self, between: Tensor, length: Tensor, amplitude: Tensor, left: Tensor, right: Tensor, time: Tensor
    ) -> Tensor:
        """Covariances of points in bands `left` and `right` some `time` apart, (object, cut, length, left, right)."""
        of_bands = between[:, left[..., :, None], right[..., None, :]].movedim(0, 2)
        r = 3**0.5 * time.abs()[:, :, None] / length[..., None, None]
        return amplitude[..., None, None] ** 2 * of_bands * (1 + r) * torch.exp(-r)
