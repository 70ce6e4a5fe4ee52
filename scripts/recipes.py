"""How the models that ship are trained."""

from __future__ import annotations

MODELS = {
    "lens-hst": ("lensing", "hst", ({}, {"learning_rate": 1e-3, "seed": 1}, {"learning_rate": 1e-3, "seed": 2})),
    "supernovae-griz": ("supernovae", "shipped", ({"survey": "des"},)),
    "supernovae-lsst": ("supernovae", "shipped", ({"survey": "lsst"},)),
}
"""Application, its preset, and the settings that differ from it in each round, by model; a round starts with the
weights of the one before, its learning rate anew (warm restarts: Loshchilov & Hutter 2017, arXiv:1608.03983)."""
