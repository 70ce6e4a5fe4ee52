"""A Gaussian process of the last points of a light curve, in time and band: the starting point of a forecast.

    k((t, b), (t', b')) = C_bb' (1 + r) exp(-r),   r = sqrt(3) |t - t'| / l

(Matérn 3/2 in time, as Boone 2019, arXiv:1907.04690, but with a covariance C of the bands in place of one length in
wavelength). A network predicts the length, amplitude and scatter of each object from its light curve, in place of a
maximum-likelihood fit per object; C is shared by all objects. Fluxes are in units of the brightest one so far.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ..batches import Batch

POINTS = 16
"""Last points used, of all bands together."""
LENGTHS = (8.0, 60.0, 300.0)
"""Initial lengths in time of the processes [d]."""
SCATTER = 0.02
"""Initial scatter from point to point, in units of the brightest flux."""
MIN_SCATTER = 1e-3
"""Least scatter."""
ROWS = 128
"""Objects at a time, so that their covariances fit into the cache of a processor."""


@dataclass(frozen=True)
class Recent:
    """The last points until some nights, the last one first, each of shape (object, cut, point).

    Parameters
    ----------
    age : Tensor
        Days from the point to the night.
    band : Tensor of int64
    flux, flux_error : Tensor
        0 and infinite for missing points.
    """

    age: Tensor
    band: Tensor
    flux: Tensor
    flux_error: Tensor


def recent(batch: Batch, owner: Int64[Tensor, " row"], cut: Int64[Tensor, "row cut"]) -> Recent:
    """Look up the last points until each cut of the object of each row."""
    bands = batch["measured"].shape[-1]
    count = batch["measured"].flatten(1).cumsum(1)[owner]
    last = count.gather(1, (cut + 1) * bands - 1)
    rank = last[..., None] - torch.arange(POINTS, device=cut.device)
    exists = rank > 0
    cell = torch.searchsorted(count, rank.flatten(1).clamp(min=1)).view_as(rank).clamp(max=count.shape[1] - 1)

    def at(values: Tensor) -> Tensor:
        return values.flatten(1)[owner[:, None, None], cell]

    age = batch["time"][owner[:, None], cut][..., None] - batch["time"][owner[:, None, None], cell // bands]
    flux, error = torch.where(exists, at(batch["flux"]), 0.0), torch.where(exists, at(batch["flux_error"]), torch.inf)
    return Recent(torch.where(exists, age, 0.0), cell % bands, flux, error)


class Processes(nn.Module):
    """Gaussian processes of several lengths, each forecasting from the last points alone.

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

        `shape` holds the logarithms of length, amplitude and scatter relative to their initial values.
        """
        inputs = (last.age, last.band, last.flux, last.flux_error, days, band, unit, shape)
        blocks = [self._posterior(*block) for block in zip(*(x.split(ROWS) for x in inputs), strict=True)]
        mean, std = (torch.cat(parts) for parts in zip(*blocks, strict=True))
        return mean, std

    def _posterior(
        self, age: Tensor, band: Tensor, flux: Tensor, error: Tensor,
        days: Tensor, query_band: Tensor, unit: Tensor, shape: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Give mean and standard deviation, with all covariances in units of the squared amplitude a²:

        L Lᵀ = K + N / a²,   mean = (L⁻¹ K*)ᵀ L⁻¹ f,   variance = a² (k** - |L⁻¹ K*|²)
        """
        length, amplitude, scatter = (3 * torch.tanh(shape.double() / 3)).exp().unbind(-1)
        length, white = length * self.log_length.double().exp(), (SCATTER * scatter) ** 2 + MIN_SCATTER**2
        between, points = (self.factor @ self.factor.mT).double(), age.shape[-1]
        noise = (error / unit[..., None]).double().clamp(max=1e4) ** 2
        age = age.double()
        covariance = self.kernel(
            between, length, torch.cat([band, query_band], -1), band,
            torch.cat([age, -days.double()], -1)[..., :, None] - age[..., None, :],
        )  # fmt: skip
        gram, cross = covariance.split([points, days.shape[-1]], -2)
        root = torch.linalg.cholesky(
            gram + torch.diag_embed((noise[:, :, None] + white[..., None]) / amplitude[..., None] ** 2)
        )
        flux = (flux / unit[..., None]).double()[:, :, None, :, None].expand(*root.shape[:-1], 1)
        solved = torch.linalg.solve_triangular(root, torch.cat([cross.mT, flux], -1), upper=False)
        cross, flux = solved[..., :-1], solved[..., -1:]
        mean, explained = (cross * flux).sum(-2), cross.square().sum(-2)
        prior = between.diagonal(dim1=-2, dim2=-1)[:, query_band].movedim(0, 2)
        std = (amplitude[..., None] ** 2 * (prior - explained).clamp(min=0) + white[..., None]).sqrt()
        return mean.mT.float(), std.mT.float()

    def kernel(self, between: Tensor, length: Tensor, left: Tensor, right: Tensor, time: Tensor) -> Tensor:
        """Covariances of points in bands `left` and `right` some `time` apart, (object, cut, length, left, right)."""
        index = left[..., :, None] * between.shape[-1] + right[..., None, :]
        of_bands = between.flatten(1).index_select(1, index.flatten()).unflatten(1, index.shape).movedim(0, 2)
        r = time.abs()[:, :, None] * (3**0.5 / length)[..., None, None]
        return of_bands * (1 + r) * torch.exp(-r)
