"""Forecasts: the fluxes of the nights to come, their calibration and their scores."""
