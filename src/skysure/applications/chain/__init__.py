"""`chain`: agents on a chain of states whose exact values are known, so that what they learn can be compared."""

import lazy_loader

from .settings import PAPERS, Play, Query, Schema, Settings

__getattr__, __dir__, _verbs = lazy_loader.attach(
    __name__,
    submod_attrs={
        "environments": ["environment", "states"],
        "evaluation": ["evaluate"],
        "networks": ["network"],
        "playing": ["play"],
        "plots": ["figures"],
        "prediction": ["predict"],
        "training": ["train"],
    },
)
__all__ = ["PAPERS", "Play", "Query", "Schema", "Settings", *_verbs]
