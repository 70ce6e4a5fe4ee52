"""Distributions of future fluxes, before calibration: by posterior samples, or by one pass without dropout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.calibration.mixtures import combine_samples
from skysure.methods.dropout import masks
from skysure.methods.sampling import sample

from ..batches import Batch, Nights, by_length
from ..encoding import Encoded, encode
from ..networks import Classifier, Network
from ..settings import Query
from .horizons import Fluxes, Horizons
from .later import LaterPoints

QUERIES = 16384
"""Fluxes that are forecast in one batch."""


def fluxes_of(
    model: Classifier, nights: Nights, points: LaterPoints, query: Query
) -> Iterator[tuple[np.ndarray, Fluxes]]:
    """Give batches of objects and their forecasts before calibration, one row per object, cut and query."""
    model.eval()
    size = max(1, min(query.batch, QUERIES // int(np.prod(points["days"].shape[1:]))))
    for objects in by_length(np.where(nights.classifiable, nights.counts, 0), size):
        encoded = encode(model, nights, objects)
        yield objects, sampled_forecast(model, encoded, {n: values[objects] for n, values in points.items()}, query)


def sampled_forecast(model: Classifier, encoded: Encoded, points: LaterPoints, query: Query) -> Fluxes:
    """Forecast fluxes by posterior samples of each network, before calibration."""
    parts = []
    for k, (network, state) in enumerate(zip(model.networks, encoded.states, strict=True)):
        inputs, ahead = batch_with(encoded, state, points), ForecastHead(network)
        if masks(ahead):
            parts.append(sample(ahead, inputs, query.samples, query.seed + k, shared=True))
        else:
            with torch.no_grad():
                parts.append(ahead(inputs)[None])
    return combine_samples(points["days"].ravel(), [part.flatten(1, 3).cpu() for part in parts])


def mean_forecast(model: Classifier, encoded: Encoded, points: LaterPoints) -> Fluxes:
    """Forecast fluxes by one pass of each network without dropout, before calibration."""
    with torch.no_grad():
        parts = [
            ForecastHead(network)(batch_with(encoded, state, points)).flatten(0, 2)[None].cpu()
            for network, state in zip(model.networks, encoded.states, strict=True)
        ]
    return combine_samples(points["days"].ravel(), parts)


def batch_with(encoded: Encoded, state: Batch, points: LaterPoints) -> Batch:
    """Give a batch with the states of a network and the points to forecast."""
    device = encoded.batch["time"].device
    return encoded.batch | state | {name: torch.tensor(values, device=device) for name, values in points.items()}


class ForecastHead(nn.Module):
    """The forecasting part of a network, computed from the output of `Network.prefix`."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def prefix(self, batch: Batch) -> Batch:
        return batch if self.network.tied else self.network.before_forecast(batch)

    def suffix(self, state: Batch) -> Tensor:
        return self.network.forecaster.suffix(self.network.before_forecast(state) if self.network.tied else state)

    def forward(self, batch: Batch) -> Tensor:
        return self.suffix(self.prefix(batch))


def last_night(nights: Nights) -> np.ndarray:
    """Give the modified Julian date of the last night of each object, shape (object,); NaN without one."""
    last = np.full(len(nights), np.nan)
    mask = nights.classifiable
    last[mask] = nights.trigger[mask] + nights.time[nights.offsets[1:][mask] - 1]
    return last


def calibration_of(model: Classifier) -> Horizons:
    """Give the calibration of the forecasts of a model.

    Raises
    ------
    InputError
        If it has no forecaster.
    """
    if model.horizons is None:
        raise InputError(
            "a forecast from a model without a forecaster", "a model trained with one",
            "forecasts are off by default in training", "skysure train supernovae DATA --forecast 0.3 --out RUN",
        )  # fmt: skip
    return model.horizons
