"""Settings of the agents on the chain, and what may be asked of trained ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skysure.errors import SettingsError
from skysure.settings import check_ranges

PAPERS = (
    "Watkins & Dayan 1992, Q-learning (Machine Learning 8, 279)",
    "van Hasselt 2010, Double Q-learning (NeurIPS 23)",
    "Strens 2000, A Bayesian framework for reinforcement learning (ICML 2000)",
)
"""What to cite beside skysure."""

LONGEST = 12
"""States of the longest chain: all 2^12 policies are evaluated exactly in a second."""


@dataclass(frozen=True)
class Settings:
    """Settings of `chain`: agents that learn a table of action values, and their chain.

    By default the step size decreases with the visits, which averages over the scatter of the slips.

    Parameters
    ----------
    agents : int
        Number of agents; they differ in their random numbers alone, and the scatter of their values is the error.
    episodes : int
        Episodes that each agent plays.
    discount : float
        γ, the discount factor.
    method : {"q-learning", "sarsa", "double", "q-lambda"}
        What an agent learns by: Q-learning, Sarsa, double Q-learning, or Watkins' Q(λ).
    trace : float
        λ of "q-lambda".
    learning_rate : float
        α₁, step size at the first visit of a state and action.
    learning_rate_power : float
        p: the step size at the n-th visit is α₁ n^-p; 0 keeps it constant.
    epsilon : float
        ε, probability of a random action in the first episode. In a state that it has not visited an agent always
        acts at random.
    epsilon_decay : float
        Factor on ε from one episode to the next.
    placement : {"standard", "lecture"}
        The update with the step size α: α (r + γ max Q' - Q), or r + α (γ max Q' - Q).
    length : int
        States of the chain.
    slip : float
        Probability that the other action happens.
    small, large : float
        Reward of going backward, and of going forward at the end.
    horizon : int
        Steps an episode lasts.
    seed : int
        Seed of all random numbers.

    Raises
    ------
    SettingsError
        Where a value is out of its range, or two contradict each other.
    """

    agents: int = 100
    episodes: int = 50
    discount: float = 0.95
    method: Literal["q-learning", "sarsa", "double", "q-lambda"] = "q-learning"
    trace: float = 0.7
    learning_rate: float = 1.0
    learning_rate_power: float = 0.55
    epsilon: float = 0.5
    epsilon_decay: float = 0.98
    placement: Literal["standard", "lecture"] = "standard"
    length: int = 5
    slip: float = 0.2
    small: float = 2.0
    large: float = 10.0
    horizon: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = {"agents": (2, 10**6), "episodes": (1, 10**9), "horizon": (1, 10**9), "length": (2, LONGEST)}
        ranges |= dict.fromkeys(("discount", "learning_rate", "epsilon", "epsilon_decay", "slip", "trace"), (0, 1))
        ranges |= {"learning_rate_power": (0, 1), "seed": (0, 2**63)}
        check_ranges(self, ranges)
        if self.placement == "lecture" and self.method != "q-learning":
            raise SettingsError(
                f'placement = "lecture" with method = "{self.method}"', 'method = "q-learning"',
                "the lecture places the step size differently for Q-learning alone", 'set placement = "standard"',
            )  # fmt: skip
        if self.placement == "lecture" and (self.learning_rate_power or not self.learning_rate):
            raise SettingsError(
                'placement = "lecture" with a step size that decreases, or is 0', "a constant step size",
                "the lecture's table holds Q / α, which has no meaning where α changes or is 0",
                "set learning_rate_power = 0 and learning_rate > 0",
            )  # fmt: skip


@dataclass(frozen=True)
class Query:
    """What may be asked of trained agents.

    Parameters
    ----------
    beside : bool
        Whether an evaluation also trains the agents of the presets (a few seconds) to compare with.
    """

    beside: bool = True


@dataclass(frozen=True)
class Play:
    """What may be asked of `play`.

    Parameters
    ----------
    steps : int
        Number of steps; an episode ends after `horizon` of the settings.
    seed : int
        Seed of the environment.
    """

    steps: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(self, {"steps": (1, 10**9), "seed": (0, 2**63 - 1)})


@dataclass(frozen=True)
class Schema:
    """The actions of the agents.

    Parameters
    ----------
    actions : tuple of str
        Names of the actions.
    """

    actions: tuple[str, ...] = ("forward", "backward")
