"""`sine`: regression of a function whose truth and noise are known, so that the error bars can be checked."""

import lazy_loader

from .settings import PAPERS, Query, Schema, Settings

__getattr__, __dir__, _verbs = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibration": ["calibrate"],
        "evaluation": ["evaluate"],
        "networks": ["network"],
        "plots": ["figures"],
        "prediction": ["predict"],
        "simulator": ["simulate"],
        "points": ["from_table"],
        "source": ["inspect", "read"],
        "training": ["train"],
    },
)
__all__ = ["PAPERS", "Query", "Schema", "Settings", *_verbs]
