"""`supernovae`: multi-band light curves to calibrated classes, at every epoch."""

import lazy_loader

from .settings import PAPERS, Query, Schema, Settings

__getattr__, __dir__, _verbs = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibration": ["calibrate"],
        "evaluation": ["evaluate"],
        "networks": ["network"],
        "plots": ["draw", "figures"],
        "prediction": ["predict"],
        "simulator": ["simulate"],
        "source": ["from_table", "inspect", "read"],
        "training": ["train"],
    },
)
__all__ = ["PAPERS", "Query", "Schema", "Settings", *_verbs]
