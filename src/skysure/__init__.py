"""Deep learning for astronomy with calibrated uncertainties.

The verbs of the command line, as functions: `train`, `load`, `read`, `predict`, `evaluate`, `calibrate`, ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lazy_loader

if TYPE_CHECKING:
    from . import methods
    from .applications.lensing.images import LensImages
    from .data.lightcurves import LightCurves
    from .errors import InputError, SettingsError
    from .evaluation import Evaluation
    from .predictions import Actions, Classes, Detections, Prediction, Values, concat
    from .run.directory import Run
    from .verbs import calibrate, evaluate, inspect, load, play, predict, read, report_of, simulate, train

    __version__: str

_lazy, _, _ = lazy_loader.attach(
    __name__,
    submodules=["methods"],
    submod_attrs={
        "applications.lensing.images": ["LensImages"],
        "data.lightcurves": ["LightCurves"],
        "errors": ["InputError", "SettingsError"],
        "evaluation": ["Evaluation"],
        "predictions": ["Actions", "Classes", "Detections", "Prediction", "Values", "concat"],
        "run": ["Run"],
        "verbs": [
            "calibrate", "evaluate", "inspect", "load", "play", "predict", "read", "report_of", "simulate", "train",
        ],
    },
)  # fmt: skip
__all__ = [
    "Actions",
    "Classes",
    "Detections",
    "Evaluation",
    "InputError",
    "LensImages",
    "LightCurves",
    "Prediction",
    "Run",
    "SettingsError",
    "Values",
    "__version__",
    "calibrate",
    "concat",
    "evaluate",
    "inspect",
    "load",
    "methods",
    "play",
    "predict",
    "read",
    "report_of",
    "simulate",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("skysure")
    return _lazy(name)


def __dir__() -> list[str]:
    return __all__
