"""Deep learning for astronomy that says how sure it is.

The verbs of the command line, as functions: `train`, `load`, `read`, `predict`, `evaluate`, `calibrate`, ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from .data.lightcurves import LightCurves
    from .errors import InputError, SettingsError
    from .evaluation import Evaluation
    from .predictions import Actions, Classes, Values
    from .run.directory import Run
    from .verbs import calibrate, evaluate, inspect, load, play, predict, read, report_of, simulate, train

__getattr__, __dir__, _names = lazy_loader.attach(
    __name__,
    submod_attrs={
        "data.lightcurves": ["LightCurves"],
        "faults": ["InputError", "SettingsError"],
        "predictions": ["Actions", "Classes", "Evaluation", "Values"],
        "run": ["Run"],
        "verbs": [
            "calibrate", "evaluate", "inspect", "load", "play", "predict", "read", "report_of", "simulate", "train",
        ],
    },
)  # fmt: skip
__all__ = [
    "Actions",
    "Classes",
    "Evaluation",
    "InputError",
    "LightCurves",
    "Run",
    "SettingsError",
    "Values",
    "calibrate",
    "evaluate",
    "inspect",
    "load",
    "play",
    "predict",
    "read",
    "report_of",
    "simulate",
    "train",
]
