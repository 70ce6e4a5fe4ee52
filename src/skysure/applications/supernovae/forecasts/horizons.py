"""Bins of days ahead in which forecasts are calibrated."""

from __future__ import annotations

from skysure.methods.calibration.by_horizon import HorizonCalibrations
from skysure.methods.calibration.mixtures import Mixtures as Fluxes

__all__ = ["HORIZONS", "Fluxes", "Horizons"]

HORIZONS = (2.0, 5.0, 10.0, 20.0, 40.0)
"""Days ahead that separate the calibrations."""


class Horizons(HorizonCalibrations):
    """The calibrations of the forecasts of a model."""

    def __init__(self) -> None:
        super().__init__(HORIZONS)
