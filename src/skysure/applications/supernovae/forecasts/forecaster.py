"""The forecaster: from the state of the recurrent layers at a night to the flux of a later time and band.

The flux is a mixture of Gaussians, that of a measurement the same with its error added in quadrature to each width:

    p(y | d, σ) = sum_k w_k N(y; μ_k, s_k² + σ²)

(Bishop 1994, with the errors of the data known). It reads the data up to that night and nothing later. It starts from
Gaussian processes of the last points (`recent`) and learns corrections to them. Values are in units of the brightest
flux so far, a common scale for faint and bright objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from skysure.methods.dropout import Dropout
from skysure.methods.likelihoods.densities import density_mixture_nll
from skysure.methods.likelihoods.heads import bound_log_variance

from ..batches import Batch
from ..settings import Settings
from .recent import LENGTHS, Processes, recent

COMPONENTS = 3
"""Gaussians of a mixture."""


@dataclass(frozen=True)
class LastMeasurement:
    """The last measurement in each band until each night, each of shape (object, night, band).

    Parameters
    ----------
    flux, flux_error : Tensor
        0 and 1 for a band without a measurement so far.
    age : Tensor
        Days from that measurement to the night; 0 without one.
    exists : Tensor
        Whether there is one, as 0 or 1.
    mean, size : Tensor
        Mean of the fluxes so far, and of their absolute values.
    """

    flux: Tensor
    flux_error: Tensor
    age: Tensor
    exists: Tensor
    mean: Tensor
    size: Tensor


def last_measurement(batch: Batch) -> LastMeasurement:
    """Carry the last measurement of each band forwards."""
    night = torch.arange(batch["time"].shape[1], device=batch["time"].device)
    measured = batch["measured"] > 0
    place = torch.where(measured, night[:, None], -1).cummax(1).values
    exists, place = (place >= 0).float(), place.clamp(min=0)
    time = batch["time"][..., None]
    age = (time - time.expand_as(measured).gather(1, place)) * exists
    flux, error = (batch[name].gather(1, place) for name in ("flux", "flux_error"))
    count, measured_flux = measured.cumsum(1).clamp(min=1), batch["flux"] * batch["measured"]
    mean, size = measured_flux.cumsum(1) / count, measured_flux.abs().cumsum(1) / count
    return LastMeasurement(flux * exists, torch.where(exists > 0, error, 1.0), age, exists, mean, size)


def brightness(batch: Batch, floor: Float[Tensor, ""]) -> Float[Tensor, "object night"]:
    """Give the brightest flux until each night, minus twice its error, combined in quadrature with `floor`."""
    above = ((batch["flux"].abs() - 2 * batch["flux_error"]) * batch["measured"]).clamp(min=0)
    return torch.hypot(above.amax(-1).cummax(1).values, floor)


def objects_of(batch: Batch) -> Int64[Tensor, "row 1"]:
    """Give the index of the object of each row of cuts: one row per object, or the entries of "object"."""
    return (
        batch["object"] if "object" in batch else torch.arange(len(batch["time"]), device=batch["time"].device)[:, None]
    )


class Forecaster(nn.Module):
    """Dense layers that read a state, a time ahead and a band, and give a mixture of Gaussians.

    Parameters
    ----------
    settings : Settings
        Width of the head, and dropout.
    units : int
        Width of the recurrent layers and of the summary of their states.
    bands : int
    """

    def __init__(self, settings: Settings, units: int, bands: int) -> None:
        super().__init__()
        width, outputs = settings.head, 3 * COMPONENTS
        dense: list[nn.Module] = [nn.Linear(width, width), nn.Linear(width, outputs)]
        if settings.dropout != "none":
            options = {"learned": settings.learned_rate, "length_scale": settings.length_scale}
            dense = [Dropout(layer, settings.rate, **options) for layer in dense]
        features = 2 * bands + 10 + 2 * len(LENGTHS)
        self.bands, self.processes = bands, Processes(bands)
        self.memory = nn.Linear(units + 6 * bands + 3, width)
        self.shape = nn.Linear(width, 3 * len(LENGTHS))
        self.query = nn.Linear(features, width)
        self.direct = nn.Linear(features, outputs, bias=False)
        self.hidden, self.out = dense
        self._initialise_as_process()

    @torch.no_grad()
    def _initialise_as_process(self) -> None:
        """Make the untrained forecast that of the process of middle length."""
        middle, lengths, weight = len(LENGTHS) // 2, len(LENGTHS), self.direct.weight.zero_()
        weight[COMPONENTS : 2 * COMPONENTS, middle] = 1.0
        weight[2 * COMPONENTS :, lengths + middle] = 2.0
        self.shape.weight.zero_()
        self.shape.bias.zero_()

    def prefix(
        self,
        states: Float[Tensor, "object night unit"],
        summary: Float[Tensor, "object night feature"],
        batch: Batch,
        floor: Float[Tensor, ""],
    ) -> dict[str, Tensor]:
        """Compute the part before the first random layer, for "days" ahead of each "cut" in each "band".

        Parameters
        ----------
        states, summary : Tensor
            Of the recurrent layers at all nights.
        batch : dict of Tensor
            Light curves; "cut" (object, cut), "days" and "band" (object, cut, query). With "object" (row, 1) beside
            them, rows of some objects instead: "cut" (row, 1), "days" and "band" (row, 1, query).
        floor : Tensor
            Least unit of flux.
        """
        unit, last = brightness(batch, floor), last_measurement(batch)
        cut = (objects_of(batch), batch["cut"])
        unit, time = unit[cut], batch["time"][cut]
        of_bands = torch.stack(
            [last.flux[cut] / unit[..., None], torch.log(last.flux_error[cut] / unit[..., None]) * last.exists[cut],
             torch.log1p(last.age[cut]), last.exists[cut], last.mean[cut] / unit[..., None],
             last.size[cut] / unit[..., None]], -1,
        )  # fmt: skip
        inputs = [states[cut], summary[cut], of_bands.flatten(-2), torch.log(unit / floor)[..., None]]
        inputs += [time[..., None] / 30, torch.log1p(time.clamp(min=0))[..., None]]
        memory = self.memory(torch.cat(inputs, -1))
        shape = self.shape(F.gelu(memory)).unflatten(-1, (len(LENGTHS), 3))
        processes = self.processes(
            recent(batch, objects_of(batch)[:, 0], batch["cut"]), batch["days"], batch["band"], unit, shape
        )
        features = torch.cat([processes[0], processes[1].log(), self.query_features(batch, of_bands)], -1)
        return {
            "hidden": memory[..., None, :] + self.query(features),
            "direct": self.direct(features),
            "unit": unit[..., None, None].expand(*features.shape[:-1], 1),
        }

    def query_features(
        self, batch: Batch, of_bands: Float[Tensor, "object cut band 6"]
    ) -> Float[Tensor, "object cut query feature"]:
        """Describe a query: the days ahead, also for the host, the band, and what was last measured in it."""
        days = batch["days"][..., None]
        z, _, has_redshift = batch["redshift"][objects_of(batch)][:, :, None].split(1, -1)
        one_hot = F.one_hot(batch["band"], self.bands).to(days.dtype)
        last = of_bands.gather(2, batch["band"][..., None].expand(*batch["band"].shape, of_bands.shape[-1]))
        shared = [days / 30, torch.log1p(days), torch.tanh(days / 10), has_redshift * days / (1 + z) / 20]
        return torch.cat([*shared, one_hot, last, one_hot * torch.tanh(days / 20)], -1)

    def suffix(self, state: dict[str, Tensor]) -> Float[Tensor, "object cut query 3 component"]:
        """Give logarithm of the weight, mean, and log variance of each component, in units of the flux."""
        raw = self.out(F.gelu(self.hidden(F.gelu(state["hidden"])))) + state["direct"]
        weight, mean, log_variance = raw.unflatten(-1, (3, COMPONENTS)).unbind(-2)
        unit = state["unit"]
        scaled = [weight.log_softmax(-1), mean * unit, bound_log_variance(log_variance) + 2 * torch.log(unit)]
        return torch.stack(scaled, -2)


def forecast_nll(forecast: Float[Tensor, "object cut query 3 component"], batch: Batch) -> Float[Tensor, " object"]:
    """Mean negative log-likelihood of the later points "ahead" of each object; 0 for an object without any.

    Their errors are "ahead_error"; an error of 0 marks a missing point.
    """
    error = batch["ahead_error"]
    exists = error > 0
    weight, mean, log_variance = forecast.unbind(-2)
    wide = torch.logaddexp(log_variance, 2 * torch.log(torch.where(exists, error, 1.0))[..., None])
    rows = (weight.flatten(0, 2), mean.flatten(0, 2)[..., None], wide.flatten(0, 2)[..., None])
    nll = density_mixture_nll(*rows, batch["ahead"].reshape(-1, 1))
    return (nll.view_as(error) * exists).sum((1, 2)) / exists.sum((1, 2)).clamp(min=1)
