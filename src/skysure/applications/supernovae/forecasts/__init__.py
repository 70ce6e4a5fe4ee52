"""Forecasts of future fluxes, their calibration and their scores."""
