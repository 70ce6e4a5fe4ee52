"""Fluxes of the nights to come, from what was known at a night."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from skysure.data.lightcurves import LightCurves
from skysure.data.lightcurves.curves import NANOJANSKY_PER_FLUX
from skysure.errors import InputError
from skysure.methods.dropout import masks
from skysure.methods.sampling import sample
from skysure.predictions import Values

from ..batches import Batch, Nights, by_length, nights
from ..encoding import Encoded, encode
from ..networks import Classifier, Network
from ..settings import Query
from .forecaster import COMPONENTS
from .horizons import Fluxes, Horizons, gathered
from .later import Drawn, later

CUTS = 8
"""Nights of each object of a calibration part from which later points are forecast."""
QUERIES = 16384
"""Fluxes that are forecast at once."""


def forecast(model: Classifier, chunk: LightCurves, query: Query) -> Values:
    """Forecast the flux in each band, night by night: a row an object, day and band.

    Days count from the last night that is seen. An object of which too little was seen has no numbers.
    """
    horizons = calibration_of(model)
    given = nights(chunk, model.bands, model.settings, query.until)
    ahead = np.arange(1, query.days + 1, dtype=np.float32)
    size = len(ahead) * len(model.bands)
    days, band = np.repeat(ahead, len(model.bands)), np.tile(np.arange(len(model.bands)), len(ahead))
    shape = (len(given), 1, size)
    asked = {
        "cut": given.counts[:, None] - 1, "days": np.broadcast_to(days, shape), "band": np.broadcast_to(band, shape)
    }  # fmt: skip
    numbers = np.full((5, len(given), size), np.nan)
    for some, raw in fluxes_of(model, given, asked, query):
        fluxes = horizons(raw)
        parts = (fluxes.centre, fluxes.variance - fluxes.epistemic, fluxes.epistemic)
        ends = horizons.interval(fluxes, query.coverage)
        numbers[:, some] = np.stack([*(p.numpy() for p in parts), *ends]).reshape(5, len(some), size)
    unit = NANOJANSKY_PER_FLUX
    mean, aleatoric, epistemic, low, high = numbers.reshape(5, -1, 1)
    rows = {
        "id": np.repeat(chunk.ids, size), "mjd": (last_night(given)[:, None] + days).ravel(),
        "days": np.tile(days, len(given)), "band": np.tile(np.asarray(model.bands)[band], len(given)),
    }  # fmt: skip
    return Values(
        rows, ("flux",), ("nJy",), mean * unit, aleatoric[..., None] * unit**2, epistemic[..., None] * unit**2,
        low=low * unit, high=high * unit, coverage=query.coverage,
    )  # fmt: skip


def fluxes_at(
    model: Classifier, known: LightCurves, owner: np.ndarray, time: np.ndarray, band: np.ndarray, query: Query
) -> Fluxes:
    """Forecast fluxes at given times and bands, with calibrated widths.

    Parameters
    ----------
    model : Classifier
        With a forecaster.
    known : LightCurves
        What has been seen; all of it is used.
    owner : ndarray of int, shape (row,)
        Index of the object, ascending.
    time : ndarray, shape (row,)
        Modified Julian date, after the last point of the object.
    band : ndarray of int, shape (row,)
        Index into `model.bands`.
    query : Query
        Its samples, seed and batch.

    Returns
    -------
    Fluxes
        At zero point 27.5, a row a time; NaN where too little is known of an object.
    """
    given = nights(known, model.bands, model.settings)
    counts = np.bincount(owner, minlength=len(given))
    place = (owner, 0, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts))
    shape = (len(given), 1, counts.max(initial=1))
    days, which, row = np.ones(shape, np.float32), np.zeros(shape, np.int64), np.full(shape, -1)
    days[place], which[place] = time - last_night(given)[owner], band
    asked = {"cut": given.counts[:, None] - 1, "days": days, "band": which}
    found = []
    for some, fluxes in fluxes_of(model, given, asked, query):
        row[some] = (sum(map(len, found)) + np.arange(len(fluxes))).reshape(len(some), *shape[1:])
        found.append(fluxes)
    unknown = torch.full((COMPONENTS * len(model.networks), 1), torch.nan, dtype=torch.float64)
    nothing = Fluxes(np.full(1, np.nan), unknown, unknown, unknown, unknown[0])  # row -1: of whom too little is known
    return calibration_of(model)(Fluxes.concat([*found, nothing])[row[place]])


def calibrate_forecasts(model: Classifier, given: Nights) -> None:
    """Fit the calibration of the forecasts to what came after random nights of the objects of a calibration part."""
    asked = later(given, CUTS, np.random.default_rng(model.settings.seed))
    found = list(fluxes_of(model, given, asked, Query()))
    order = np.concatenate([some for some, _ in found])
    flux, error = (asked[name][order].ravel().astype(np.float64) for name in ("ahead", "ahead_error"))
    measured = np.flatnonzero(error > 0)
    fluxes = Fluxes.concat([fluxes for _, fluxes in found])[measured]
    calibration_of(model).fit(fluxes, flux[measured], error[measured])


def fluxes_of(model: Classifier, given: Nights, asked: Drawn, query: Query) -> Iterator[tuple[np.ndarray, Fluxes]]:
    """Give some objects, and what the networks forecast of them, before calibration: a row an object, cut and query."""
    model.eval()
    size = max(1, min(query.batch, QUERIES // int(np.prod(asked["days"].shape[1:]))))
    for objects in by_length(np.where(given.classifiable, given.counts, 0), size):
        encoded = encode(model, given, objects)
        yield objects, sampled_forecast(model, encoded, {n: values[objects] for n, values in asked.items()}, query)


def sampled_forecast(model: Classifier, encoded: Encoded, asked: Drawn, query: Query) -> Fluxes:
    """Forecast fluxes by posterior samples of each network, before calibration."""
    parts = []
    for k, (network, state) in enumerate(zip(model.networks, encoded.states, strict=True)):
        inputs, ahead = batch_with(encoded, state, asked), Ahead(network)
        if masks(ahead):
            parts.append(sample(ahead, inputs, query.samples, query.seed + k, shared=True))
        else:
            with torch.no_grad():
                parts.append(ahead(inputs)[None])
    return gathered(asked["days"].ravel(), [part.flatten(1, 3).cpu() for part in parts])


def mean_forecast(model: Classifier, encoded: Encoded, asked: Drawn) -> Fluxes:
    """Forecast fluxes by one pass of each network without dropout, before calibration."""
    with torch.no_grad():
        parts = [
            Ahead(network)(batch_with(encoded, state, asked)).flatten(0, 2)[None].cpu()
            for network, state in zip(model.networks, encoded.states, strict=True)
        ]
    return gathered(asked["days"].ravel(), parts)


def batch_with(encoded: Encoded, state: Batch, asked: Drawn) -> Batch:
    """Give a batch with what a network computed of it and the fluxes that are asked for."""
    device = encoded.batch["time"].device
    return encoded.batch | state | {name: torch.tensor(values, device=device) for name, values in asked.items()}


class Ahead(nn.Module):
    """The part of a network that forecasts, from what `Network.prefix` gave."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def prefix(self, batch: Batch) -> Batch:
        return batch if self.network.tied else self.network.before_forecast(batch)

    def suffix(self, state: Batch) -> Tensor:
        return self.network.forecaster.suffix(self.network.before_forecast(state) if self.network.tied else state)

    def forward(self, batch: Batch) -> Tensor:
        return self.suffix(self.prefix(batch))


def last_night(given: Nights) -> np.ndarray:
    """Give the modified Julian date of the last night of each object, shape (object,); NaN where there is none."""
    last = np.full(len(given), np.nan)
    some = given.classifiable
    last[some] = given.trigger[some] + given.time[given.offsets[1:][some] - 1]
    return last


def calibration_of(model: Classifier) -> Horizons:
    """Give the calibration of the forecasts of a model.

    Raises
    ------
    Fault
        Where it has no forecaster.
    """
    if model.horizons is None:
        raise InputError(
            "forecast, of a model without a forecaster", "one that was trained with it",
            "forecasts are off unless asked for in training", "skysure train supernovae DATA --forecast 0.3 --out RUN",
        )  # fmt: skip
    return model.horizons
