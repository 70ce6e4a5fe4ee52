"""Settings of `sine`, and what may be asked of a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skysure.errors import SettingsError
from skysure.settings import check_ranges
from skysure.training.settings import SampledQuery, SupervisedSettings

PAPERS = (
    "Gal, Hron & Kendall 2017, Concrete dropout (arXiv:1705.07832)",
    "Laves et al. 2020, Well-calibrated regression uncertainty in medical imaging with deep learning (MIDL 2020)",
)
"""What to cite beside skysure."""


@dataclass(frozen=True)
class Settings(SupervisedSettings):
    """Settings of `sine`: y = f(x) + noise, learned by a network with concrete dropout.

    Parameters
    ----------
    function : "sine" or "line"
        sin(x), x uniform in [low, high); or 2x + 8, x ~ N(0, 1).
    objects : int
        Number of points to simulate; by default 500 of them are for training.
    low : float
        Smallest x of the sine.
    high : float
        Largest x of the sine.
    sigma : float
        Standard deviation of the noise in y.
    drop_input : bool
        Whether the input is dropped too, as published; it makes the error bars too wide.
    grid : bool
        Whether twelve networks with fixed rates are trained too: the grid search that the learned rate replaces.
    """

    function: Literal["sine", "line"] = "sine"
    objects: int = 4000
    low: float = -3.141592653589793
    high: float = 3.141592653589793
    sigma: float = 0.1
    drop_input: bool = False
    grid: bool = False
    epochs: int = 400
    patience: int = 400
    batch: int = 64
    validation: int | float = 500
    calibration: int | float = 1000
    test: int | float = 2000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, {"objects": (1, 10**9), "sigma": (0, 10**6)})
        if not self.low < self.high:
            raise SettingsError(f"low = {self.low:g}, high = {self.high:g}", "low below high", "they were swapped")


@dataclass(frozen=True)
class Query(SampledQuery):
    """What may be asked of a trained `sine`; each posterior sample is a function."""

    samples: int = 100


@dataclass(frozen=True)
class Schema:
    """Range and scale of the training points.

    Parameters
    ----------
    low, high : float
        Range of x.
    mean, scale : float
        Mean and standard deviation of y; the network predicts (y − mean) / scale.
    """

    low: float = -3.141592653589793
    high: float = 3.141592653589793
    mean: float = 0.0
    scale: float = 1.0
