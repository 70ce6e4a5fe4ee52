"""`lensing`: an image of a strong lens to the posterior of its parameters."""

import lazy_loader

from .settings import PAPERS, Query, Schema, Settings

SIMULATED = ".h5"

__getattr__, __dir__, _verbs = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibration": ["calibrate"],
        "coolest": ["FORMS"],
        "evaluation": ["evaluate"],
        "inspection": ["inspect"],
        "networks": ["network"],
        "plots": ["draw", "figures"],
        "prediction": ["predict"],
        "simulator": ["simulate"],
        "source": ["from_table", "read"],
        "training": ["train"],
        "wording": ["sentences"],
    },
)
__all__ = ["PAPERS", "SIMULATED", "Query", "Schema", "Settings", *_verbs]
