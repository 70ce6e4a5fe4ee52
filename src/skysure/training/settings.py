"""Settings of every supervised application, and what may be asked of every network with posterior samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skysure.settings import check_ranges

from .optimisation import Optimisation


@dataclass(frozen=True)
class SupervisedSettings:
    """Settings that supervised applications share; an application overrides defaults and adds its own fields.

    Parameters
    ----------
    hidden : int
        Width of the hidden layers.
    layers : int
        Number of hidden layers.
    rate : float
        Dropout rate, or its initial value where it is learned.
    learned_rate : bool
        Whether dropout rates are learned (concrete dropout).
    length_scale : float
        Prior length scale of the weights under dropout.
    epochs : int
        Passes over the training part.
    patience : int
        Training stops after so many epochs without a better validation loss.
    batch : int
        Objects per step.
    learning_rate : float
        Peak learning rate.
    validation : int or float
        Share of the objects for early stopping (1 or more: their number).
    calibration : int or float
        Share for calibration, or number.
    test : int or float
        Share for the evaluation, or number.
    groups : bool
        Whether objects of the same group (host, template, lens) stay in one part.
    seed : int
        Seed of the data, the parts and the training.
    """

    hidden: int = 128
    layers: int = 2
    rate: float = 0.1
    learned_rate: bool = True
    length_scale: float = 0.01
    epochs: int = 45
    patience: int = 15
    batch: int = 128
    learning_rate: float = 3e-3
    validation: int | float = 0.1
    calibration: int | float = 0.1
    test: int | float = 0.2
    groups: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = dict.fromkeys(("hidden", "batch", "epochs", "patience"), (1, 10**9))
        ranges |= dict.fromkeys(("validation", "calibration", "test"), (1e-9, 10**12))
        ranges |= {"layers": (1, 100), "rate": (0.001, 0.99), "learning_rate": (1e-9, 10), "length_scale": (0, 10**6)}
        check_ranges(self, ranges | {"seed": (0, 2**63 - 1)})

    @property
    def dropout(self) -> dict[str, Any]:
        """The arguments of dropout layers."""
        return {"rate": self.rate, "learned": self.learned_rate, "length_scale": self.length_scale}

    @property
    def optimisation(self) -> Optimisation:
        """How the network is optimised."""
        return Optimisation(self.epochs, self.learning_rate, self.patience)


@dataclass(frozen=True)
class SampledQuery:
    """What may be asked of a network with posterior samples.

    Parameters
    ----------
    samples : int
        Number of posterior samples.
    seed : int
        Seed of the samples.
    """

    samples: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, {"samples": (2, 10**6), "seed": (0, 2**63 - 1)})


@dataclass(frozen=True)
class ClassQuery(SampledQuery):
    """What may be asked of a classifier with prediction sets.

    Parameters
    ----------
    coverage : float
        Nominal coverage of the prediction sets.
    """

    coverage: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, {"coverage": (1e-6, 1 - 1e-6)})
