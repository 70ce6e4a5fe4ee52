"""Deep learning for astronomy that says how sure it is.

The verbs of the command line, as functions: `train`, `load`, `read`, `predict`, `evaluate`, `calibrate`, ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from .data.lightcurves import LightCurves
    from .faults import Fault, SettingsFault
    from .predictions import Actions, Classes, Evaluation, Values
    from .run import Run
    from .verbs import calibrate, evaluate, inspect, load, play, predict, read, report_of, simulate, train

__getattr__, __dir__, _names = lazy_loader.attach(
    __name__,
    submod_attrs={
        "data.lightcurves": ["LightCurves"],
        "faults": ["Fault", "SettingsFault"],
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
    "Fault",
    "LightCurves",
    "Run",
    "SettingsFault",
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
