"""`galaxies`: images of galaxies to calibrated classes."""

from dataclasses import dataclass

import lazy_loader

from skysure.settings import check_ranges
from skysure.training.settings import SupervisedSettings

PAPERS = ("Gal & Ghahramani 2016, Dropout as a Bayesian approximation (arXiv:1506.02142)",)


@dataclass(frozen=True)
class Settings(SupervisedSettings):
    """Settings of the classifier.

    Parameters
    ----------
    objects : int
        Number of images to simulate.
    sigma : float
        Standard deviation of the noise of a pixel, where the centre of a galaxy is 1.
    """

    objects: int = 2000
    sigma: float = 0.2
    hidden: int = 32
    batch: int = 32
    epochs: int = 20


@dataclass(frozen=True)
class Query:
    """What may be asked of a trained classifier.

    Parameters
    ----------
    samples : int
        Posterior samples.
    coverage : float
        Probability with which a prediction set holds the true class.
    seed : int
        Seed of the samples.
    """

    samples: int = 30
    coverage: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, {"samples": (2, 10**6), "coverage": (0, 1)})


@dataclass(frozen=True)
class Schema:
    """Classes of the galaxies, and the width of an image in pixels."""

    classes: tuple[str, ...] = ("elliptical", "spiral")
    width: int = 16


__getattr__, __dir__, _verbs = lazy_loader.attach(
    __name__,
    submod_attrs={
        "classifier": ["calibrate", "evaluate", "figures", "network", "predict", "train"],
        "images": ["read", "simulate"],
    },
)
__all__ = ["PAPERS", "Query", "Schema", "Settings", *_verbs]
