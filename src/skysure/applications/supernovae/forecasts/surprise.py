"""The surprise of a light curve: how improbable its points were under forecasts from a few nights before.

Forecasts fit objects of the training classes; those of other objects are right only by chance. This is the prequential
view of Dawid 1984 (J. R. Stat. Soc. A 147, 278): a model is evaluated by its forecasts, one after another.
"""

from __future__ import annotations

import numpy as np

from ..batches import Nights, by_length
from ..encoding import Encoded, encode
from ..networks import Classifier
from .distribution import calibration_of, mean_forecast
from .horizons import Fluxes
from .later import forecast_checkpoints

MAX_SURPRISE = 20.0
"""Largest surprise of one point [nat]: a single bad point must not look like a new class of object."""


class Surprise:
    """The surprise of the points of light curves, each computed once for all nights.

    Parameters
    ----------
    nights : Nights
    """

    def __init__(self, nights: Nights) -> None:
        self.points = forecast_checkpoints(nights)
        self.exists, self.night = self.points["ahead_error"] > 0, self.points["night"]
        self.surprise = np.zeros(self.exists.shape)

    def measure(self, model: Classifier, encoded: Encoded) -> None:
        """Measure the points of a batch: one forecast without dropout for each checkpoint that has points."""
        row, cut = np.nonzero(self.exists[encoded.objects].any(-1))
        if not len(row):
            return
        place = (encoded.objects[row], cut)
        query = {name: self.points[name][place][:, None] for name in ("cut", "days", "band")}
        fluxes = mean_forecast(model, encoded, query | {"object": row[:, None]})
        self.surprise[place] = surprises(model, fluxes, self.points["ahead"][place], self.points["ahead_error"][place])

    def measure_all(self, model: Classifier, nights: Nights, batch: int = 512) -> Surprise:
        """Measure all points of `nights`, the light curves that it was made for."""
        model.eval()
        for objects in by_length(np.where(nights.classifiable, nights.counts, 0), batch):
            self.measure(model, encode(model, nights, objects))
        return self

    def until(self, owner: np.ndarray, night: np.ndarray) -> np.ndarray:
        """Mean surprise of the points until some nights of some objects [nat], shape (row,).

        Only points that were forecast count, see `forecast_checkpoints`; NaN without any.

        Parameters
        ----------
        owner, night : ndarray of int, shape (row,)
            Indices of the object and, in it, of the night.
        """
        exists = self.exists[owner] & (self.night[owner] <= night[:, None, None])
        count, total = exists.sum((1, 2)), (self.surprise[owner] * exists).sum((1, 2))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def surprises(model: Classifier, fluxes: Fluxes, flux: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Surprise of each measured flux, (object, cut, query); not to be used where the error is 0."""
    positive_error = np.where(error > 0, error, 1.0).astype(np.float64).ravel()
    surprise = calibration_of(model)(fluxes).measured(positive_error).surprise(flux.astype(np.float64).ravel())
    return surprise.clamp(max=MAX_SURPRISE).numpy().reshape(flux.shape)
