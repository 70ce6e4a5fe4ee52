"""How a network is optimised: settings of the supervised loop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Optimisation:
    """Settings of `fit`.

    Parameters
    ----------
    epochs : int
        Largest number of passes over the training part.
    learning_rate : float
        Peak learning rate: a linear rise, then a cosine to zero; see `schedule`.
    patience : int, optional
        Epochs without a better validation NLL after which training stops; None: never.
    warm_up : float
        Share of the training over which the learning rate rises.
    clip : float
        Largest norm of the gradient.
    average : float
        Epochs over which the weights are averaged (Polyak and Juditsky 1992); their mean is validated and kept.
        0: the weights themselves.
    """

    epochs: int
    learning_rate: float
    patience: int | None = None
    warm_up: float = 0.1
    clip: float = 1.0
    average: float = 0.0
