"""Statistical and machine-learning methods as functions of tensors and arrays, independent of applications."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "calibration",
        "cells",
        "detection",
        "dropout",
        "ensembles",
        "gaussian_process",
        "likelihoods",
        "novelty",
        "posterior",
        "qlearning",
        "recurrent",
        "sampling",
        "variational",
    ],
)
