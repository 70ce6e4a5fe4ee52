"""`chain`: an agent whose exact values are known, so that what it learned can be held against them."""

import lazy_loader

from .settings import PAPERS, Query, Schema, Settings

__getattr__, __dir__, _verbs = lazy_loader.attach(
    __name__,
    submod_attrs={
        "environments": ["environment"],
        "evaluation": ["evaluate"],
        "networks": ["network"],
        "playing": ["play"],
        "plots": ["figures"],
        "prediction": ["predict"],
        "training": ["train"],
    },
)
__all__ = ["PAPERS", "Query", "Schema", "Settings", *_verbs]
