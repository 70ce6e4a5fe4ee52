"""How surprising the course of a light curve is: what came, under what was expected a few nights before.

An object of a kind that was trained on goes on as one of them would; what is none of them does so by chance. This is
the prequential view of Dawid 1984 (J. R. Stat. Soc. A 147, 278): a model is judged by its forecasts, one after another.
"""

from __future__ import annotations

import numpy as np

from ..batches import Nights, by_length
from ..encoding import Encoded, encode
from ..networks import Classifier
from .distribution import calibration_of, mean_forecast
from .horizons import Fluxes
from .later import forecast_checkpoints

LARGEST = 20.0
"""Largest surprise that one point may bring [nat]: a single bad point shall not be a new kind of object."""


class Surprise:
    """How surprising the points of light curves were, each measured once for all nights.

    Parameters
    ----------
    given : Nights
    """

    def __init__(self, given: Nights) -> None:
        self.asked = forecast_checkpoints(given)
        self.there, self.night = self.asked["ahead_error"] > 0, self.asked["night"]
        self.surprise = np.zeros(self.there.shape)

    def measure(self, model: Classifier, encoded: Encoded) -> None:
        """Measure the points of a batch: one forecast without dropout for each checkpoint that has points."""
        row, cut = np.nonzero(self.there[encoded.objects].any(-1))
        if not len(row):
            return
        place = (encoded.objects[row], cut)
        asked = {name: self.asked[name][place][:, None] for name in ("cut", "days", "band")}
        fluxes = mean_forecast(model, encoded, asked | {"object": row[:, None]})
        self.surprise[place] = surprises(model, fluxes, self.asked["ahead"][place], self.asked["ahead_error"][place])

    def measure_all(self, model: Classifier, given: Nights, batch: int = 512) -> Surprise:
        """Measure all points, of the light curves that it was made for."""
        model.eval()
        for objects in by_length(np.where(given.classifiable, given.counts, 0), batch):
            self.measure(model, encode(model, given, objects))
        return self

    def until(self, owner: np.ndarray, night: np.ndarray) -> np.ndarray:
        """Mean surprise of the points until some nights of some objects [nat], shape (row,).

        Of points that were forecast, see `forecast_checkpoints`; NaN where there is none yet.

        Parameters
        ----------
        owner, night : ndarray of int, shape (row,)
            Indices of the object and, in it, of the night.
        """
        there = self.there[owner] & (self.night[owner] <= night[:, None, None])
        count, total = there.sum((1, 2)), (self.surprise[owner] * there).sum((1, 2))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def surprises(model: Classifier, fluxes: Fluxes, flux: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Surprise of each measured flux, (object, cut, query); of no meaning where the error is 0."""
    wide = np.where(error > 0, error, 1.0).astype(np.float64).ravel()
    found = calibration_of(model)(fluxes).measured(wide).surprise(flux.astype(np.float64).ravel())
    return found.clamp(max=LARGEST).numpy().reshape(flux.shape)
