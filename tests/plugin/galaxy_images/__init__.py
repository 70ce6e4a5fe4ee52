"""`galaxies`: images of galaxies to calibrated classes."""

from dataclasses import dataclass

import lazy_loader

from skysure.training.settings import ClassQuery, SupervisedSettings

PAPERS = ("Gal & Ghahramani 2016, Dropout as a Bayesian approximation (arXiv:1506.02142)",)
Query = ClassQuery


@dataclass(frozen=True)
class Settings(SupervisedSettings):
    """Settings of the classifier.

    Parameters
    ----------
    objects : int
        Number of images to simulate.
    sigma : float
        Standard deviation of the noise of a pixel; the centre of a galaxy is 1.
    """

    objects: int = 2000
    sigma: float = 0.2
    hidden: int = 32
    layers: int = 1
    batch: int = 32
    epochs: int = 20


@dataclass(frozen=True)
class Schema:
    """Classes of the galaxies, and the width of an image in pixels."""

    classes: tuple[str, ...] = ("elliptical", "spiral")
    width: int = 16


_verbs = ["read", "simulate", "network", "train", "calibrate", "predict", "evaluate", "figures"]
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"classifier": _verbs})
